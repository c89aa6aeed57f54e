"""Erasure: no byte that could bring a learner's data back is left in any file of the data directory.

Each check looks for the same traces before the erasure, where it must find them, so that it can fail.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from uuid import UUID

import pytest

from ledger import erasing as erasing_module
from ledger import sqlite_store as store_module
from ledger.access import Actor
from ledger.application import Decision, Outcome, Request
from ledger.commitment import DOCUMENT_KIND, commit
from ledger.credential_id import credential_aggregate_id
from ledger.error import ConflictError, ErasedError, ForbiddenError, NotFoundError, OutcomeUnknownError
from ledger.key_ring import ID_BYTES
from ledger.reason import Reason
from ledger.vault import Vault
from tests.ledger.world import OPERATOR, SLUG, World, claim, open_world, settle

NAME, REFERENCE, EMAIL, NOTE = "Ада Восстановимая", "S-RECOGNISABLE-1", "ada.trace@example.org", "замечание о ней"
PLAIN = [text.encode() for text in (NAME, REFERENCE, EMAIL, NOTE)]
PIECE_BYTES = 24
"""Sealed rows are spread over pages, so they are looked for in pieces, which chance does not repeat."""


def pieces(sealed: bytes) -> Iterator[bytes]:
    for start in range(0, len(sealed) - PIECE_BYTES, PIECE_BYTES):
        yield sealed[start : start + PIECE_BYTES]


class Traces:
    """Everything stored that belongs to one learner."""

    def __init__(self, world: World, reference: str) -> None:
        query = world.ledger.store.query
        handle = world.vault.find_learner(world.ledger.institution(SLUG).id, reference)
        [(lookup, wrapped)] = query("SELECT lookup, wrapped FROM vault_learner WHERE handle=?", (handle,))
        sealed = [bytes(row[0]) for row in query("SELECT sealed FROM vault_item WHERE learner=?", (handle,))]
        self.pieces = {
            "handle": [handle],
            "lookup": [bytes(lookup)],
            "wrapped key": [bytes(wrapped)[ID_BYTES:]],
            "sealed": [piece for row in sealed for piece in pieces(row)],
        }

    def found(self, directory: Path) -> dict[str, int]:
        """How many pieces of each kind some file of *directory* still holds."""
        files = [file.read_bytes() for file in directory.iterdir()]
        return {
            kind: count
            for kind, wanted in self.pieces.items()
            if (count := sum(any(piece in file for file in files) for piece in wanted))
        }

    def lie_in(self, directory: Path) -> bool:
        """Whether everything is there, but for the few pieces that the end of a page cuts in two."""
        found = self.found(directory)
        return all(found.get(kind, 0) >= 0.95 * len(wanted) for kind, wanted in self.pieces.items())


def fill(world: World) -> tuple[list[str], list[str]]:
    """Awards of the learner who will be erased (two, one of them revoked with a note), and of thirty others."""
    mine, others = [], []
    for number in range(30):
        others += world.issue(claim(f"Other {number}", reference=f"S-{number}", email=f"{number}@example.org"))
        if number in {10, 20}:
            mine += world.issue(claim(NAME, reference=REFERENCE, email=EMAIL))
    world.clock.advance(days=1)
    world.lifecycle.revoke(public_id=mine[0], reason=Reason.OTHER, note=NOTE, actor=OPERATOR)
    return mine, others


def erase(world: World) -> None:
    world.erasing.erase_learner(slug=SLUG, reference=REFERENCE, actor=OPERATOR)


def plain_found(directory: Path) -> list[bytes]:
    return [plain for plain in PLAIN if any(plain in file.read_bytes() for file in directory.iterdir())]


def test_erasure_leaves_no_trace_in_any_file(world: World, tmp_path: Path) -> None:
    fill(world)
    traces = Traces(world, REFERENCE)
    assert traces.lie_in(world.directory)
    erase(world)
    shutil.copytree(world.directory, tmp_path / "copy")
    for directory in (world.directory, tmp_path / "copy"):
        assert traces.found(directory) == {}
        assert plain_found(directory) == []
    assert {file.name for file in world.directory.iterdir()} == {"ledger.db", "ledger.db-wal", "ledger.db-shm"}
    world.close()
    assert traces.found(world.directory) == {}
    assert plain_found(world.directory) == []


def test_erasure_leaves_no_trace_when_everything_was_moved_into_the_file_before(world: World) -> None:
    fill(world)
    traces = Traces(world, REFERENCE)
    assert world.ledger.store.sweep()
    assert traces.lie_in(world.directory)
    erase(world)
    assert traces.found(world.directory) == {}


def test_erasure_without_the_sweep_would_leave_traces(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(world)
    traces = Traces(world, REFERENCE)
    monkeypatch.setattr(world.erasing, "sweep", lambda: None)
    erase(world)
    assert traces.lie_in(world.directory)


def test_erasure_without_secure_delete_would_leave_traces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weak = tuple(pragma.replace("secure_delete=ON", "secure_delete=OFF") for pragma in store_module.PRAGMAS)
    assert weak != store_module.PRAGMAS
    monkeypatch.setattr(store_module, "PRAGMAS", weak)
    world = settle(open_world(tmp_path))
    fill(world)
    traces = Traces(world, REFERENCE)
    erase(world)
    world.close()
    found = traces.found(world.directory)
    assert {"lookup", "wrapped key", "sealed"} <= set(found)


def test_wrapped_keys_leave_no_trace_when_hundreds_come_and_go(world: World) -> None:
    """Rows move between pages as a table grows; a copy left behind by a move would outlive the deletion."""
    gone: list[bytes] = []
    for number in range(300):
        world.issue(claim(f"Learner {number}", reference=f"S-{number}"))
        if number % 3 == 2:
            traces = Traces(world, f"S-{number - 1}")
            gone += traces.pieces["wrapped key"] + traces.pieces["lookup"]
            world.erasing.erase_learner(slug=SLUG, reference=f"S-{number - 1}", actor=OPERATOR)
    held = b"".join(file.read_bytes() for file in world.directory.iterdir())
    assert len(gone) == 200
    assert [trace for trace in gone if trace in held] == []


def test_erasure_spares_everyone_else_and_every_event(world: World) -> None:
    mine, others = fill(world)
    before = world.events()
    erase(world)
    after = world.events()
    assert after[:-1] == before
    assert after[-1][0] == "learner.erased.v1"
    for number, public_id in enumerate(others):
        assert f"Other {number}".encode() in world.issuance.sealed_document(public_id).document
    for public_id in mine:
        with pytest.raises(ErasedError):
            world.issuance.sealed_document(public_id)
    assert world.ledger.credential(mine[0]).state == "revoked"
    assert world.ledger.credential(mine[1]).state == "active"


def test_commitment_of_an_erased_award_still_opens_for_who_kept_document_and_salt(world: World) -> None:
    mine, _ = fill(world)
    kept = {public_id: world.issuance.sealed_document(public_id) for public_id in mine}
    erase(world)
    for public_id, bundle in kept.items():
        identity = credential_aggregate_id(public_id)
        body = world.ledger.event_mapper.to_domain_event(world.ledger.store.select_events(identity)[0]).body
        assert body.commitments[DOCUMENT_KIND] == commit(identity, DOCUMENT_KIND, bundle.document, bundle.salt)


def test_erasure_is_recorded_under_a_random_handle_that_names_nobody(world: World) -> None:
    fill(world)
    handle = world.vault.find_learner(world.ledger.institution(SLUG).id, REFERENCE)
    outcome = world.erasing.erase_learner(slug=SLUG, reference=REFERENCE, actor=OPERATOR)
    [event] = world.ledger.read(outcome.position - 1, 9)
    assert outcome.answer == {"erasure": str(event.originator_id)}
    assert event.originator_id != UUID(bytes=handle)
    assert event.state == b'{"recorded_at":"2026-03-02T09:00:00Z"}'


def test_erasure_by_an_award_erases_all_awards_of_its_holder(world: World) -> None:
    mine, _ = fill(world)
    world.erasing.erase_holder(public_id=mine[1], actor=OPERATOR)
    for public_id in mine:
        with pytest.raises(ErasedError):
            world.issuance.sealed_document(public_id)
    with pytest.raises(ErasedError):
        world.erasing.erase_holder(public_id=mine[0], actor=OPERATOR)


def test_erasure_is_refused_when_nobody_is_meant_or_the_actor_is_another(world: World) -> None:
    mine, _ = fill(world)
    stranger = Actor(name="stranger", role="issuer", institution=UUID(int=9))
    with pytest.raises(NotFoundError):
        world.erasing.erase_learner(slug=SLUG, reference="S-NOBODY", actor=OPERATOR)
    with pytest.raises(ForbiddenError):
        world.erasing.erase_learner(slug=SLUG, reference=REFERENCE, actor=stranger)
    with pytest.raises(ForbiddenError):
        world.erasing.erase_holder(public_id=mine[0], actor=stranger)
    assert world.issuance.sealed_document(mine[0]).document


def test_learner_known_by_the_same_reference_again_is_a_new_one(world: World) -> None:
    fill(world)
    erase(world)
    [fresh] = world.issue(claim(NAME, reference=REFERENCE))
    assert NAME.encode() in world.issuance.sealed_document(fresh).document
    erase(world)
    with pytest.raises(ErasedError):
        world.issuance.sealed_document(fresh)


def test_erasure_says_so_when_a_reader_holds_the_old_pages_and_the_sweep_makes_up_for_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(world)
    traces = Traces(world, REFERENCE)
    monkeypatch.setattr(erasing_module, "SWEEP_SECONDS", 0.0)
    store = world.ledger.store
    assert isinstance(store, store_module.SqliteRecorder)
    with store.datastore.get_connection(commit=False) as reader:
        cursor = reader.cursor()
        cursor.execute("BEGIN")
        cursor.execute("SELECT COUNT(*) FROM vault_item")
        cursor.fetchall()
        with pytest.raises(ConflictError, match="sweep again"):
            erase(world)
        assert traces.lie_in(world.directory)
        reader.rollback()
    world.erasing.sweep_again()
    assert traces.found(world.directory) == {}


def test_erasure_whose_outcome_is_not_known_is_swept_when_it_is(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(world)
    traces = Traces(world, REFERENCE)
    carry_out = world.ledger.carry_out

    def lose_the_answer(vault: Vault, request: Request | None, decide: Callable[[datetime], Decision]) -> Outcome:
        carry_out(vault, request, decide)
        message = "nobody knows"
        raise OutcomeUnknownError(message)

    swept: list[bool] = []
    sweep = world.ledger.store.sweep

    def counted() -> bool:
        swept.append(sweep())
        return swept[-1]

    monkeypatch.setattr(world.ledger.store, "sweep", counted)
    monkeypatch.setattr(world.ledger, "carry_out", lose_the_answer)
    with pytest.raises(OutcomeUnknownError):
        erase(world)
    assert traces.lie_in(world.directory)
    for _ in range(3):
        world.erasing.sweep_again()
    assert traces.found(world.directory) == {}
    assert swept == [True]


def test_opening_finishes_an_erasure_that_a_crash_cut_short(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(world)
    traces = Traces(world, REFERENCE)
    monkeypatch.setattr(world.erasing, "sweep", lambda: None)
    erase(world)
    crashed = tmp_path / "crashed"
    for name in ("data", "data.keys"):
        shutil.copytree(tmp_path / name, crashed / name)
    assert traces.lie_in(crashed / "data")
    restarted = open_world(crashed, seed=2)
    assert traces.found(crashed / "data") == {}
    restarted.close()
