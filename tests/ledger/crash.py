"""Kill a writing process at a random moment, open what it left, check it; again and again.

:func:`run_cycles` takes the module to run and further checks, so that a test of the log can run its writer and its fsck
in the same loop.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ledger.application import Request
from ledger.commitment import DOCUMENT_KIND, NOTE_KIND, commit
from ledger.credential import Credential
from ledger.credential_id import credential_aggregate_id
from tests.ledger.crash_writer import NOTE
from tests.ledger.storage import Database, SqliteDatabase
from tests.ledger.world import OPERATOR, SLUG, World, claim, open_world

ROOT = Path(__file__).resolve().parents[2]
WRITER = "tests.ledger.crash_writer"
CYCLES_PER_DIRECTORY = 20
"""Then a fresh directory, so that the checks of a cycle stay short and the first start is killed too."""
START_KILLED = 0.15
"""Share of the cycles that kill at some moment of the start; the others kill a writer at work."""
KILLED_EARLY = 0.2
"""Share of the kills at work that do not wait for the first award to be acknowledged."""
MAX_START_SECONDS, MAX_WORK_SECONDS, READY_SECONDS = 1.0, 0.3, 60.0

Check = Callable[[Path], None]


@dataclass
class Acknowledged:
    """What the writers of one directory have said was done."""

    issued: dict[str, list[str]] = field(default_factory=dict)
    revoked: set[str] = field(default_factory=set)

    def hear(self, lines: Sequence[str]) -> None:
        for line in lines:
            word, *rest = line.split()
            if word == "issued":
                self.issued[rest[0]] = rest[1:]
            elif word == "revoked":
                self.revoked.add(rest[0])


def run_cycles(
    directory: Path,
    cycles: int,
    seed: int,
    *,
    writer: str = WRITER,
    checks: Sequence[Check] = (),
    database: Callable[[], Database] | None = None,
) -> tuple[int, int]:
    """Run *cycles* of writing, killing and checking; *checks* are given the data directory after each.

    Each directory gets a fresh database of what *database* makes, a file in it if that is not given.

    Returns:
        How many awards were acknowledged, and in how many cycles.
    """
    choice = random.Random(seed)
    awards = busy = 0
    acknowledged, base = Acknowledged(), directory
    place: Database | None = None
    for cycle in range(cycles):
        if cycle % CYCLES_PER_DIRECTORY == 0:
            acknowledged, base = Acknowledged(), directory / f"{cycle:04}"
            place = None if database is None else database()
        lines = _write_and_kill(base, seed * 10_000 + cycle, choice, writer, place)
        before = set(acknowledged.issued)
        acknowledged.hear(lines)
        fresh = [key for key in acknowledged.issued if key not in before]
        awards += sum(len(acknowledged.issued[key]) for key in fresh)
        busy += bool(fresh)
        if base.exists():
            check_ledger(base, acknowledged, fresh, place)
            for check in checks:
                check(base / "data")
    return awards, busy


def _write_and_kill(base: Path, seed: int, choice: random.Random, writer: str, place: Database | None) -> list[str]:
    """Run a writer and kill it, at its start or at work; return the lines it got out."""
    at_start, early = choice.random() < START_KILLED, choice.random() < KILLED_EARLY
    heard = ""
    named = [] if place is None else [place.word()]
    process = subprocess.Popen(
        [sys.executable, "-m", writer, str(base), str(seed), *named], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        if at_start:
            time.sleep(choice.uniform(0, MAX_START_SECONDS))
        else:
            ready = process.stdout.readline()
            assert ready == "ready\n", "the writer did not start"
            heard = "" if early else process.stdout.readline()
            time.sleep(choice.uniform(0, MAX_WORK_SECONDS))
        assert process.poll() is None, "the writer ended by itself"
    finally:
        process.kill()
        rest = heard + process.stdout.read()
        process.wait()
        process.stdout.close()
    return [line for line in rest.splitlines() if line != "ready"]


def check_ledger(base: Path, acknowledged: Acknowledged, fresh: Sequence[str], place: Database | None = None) -> None:
    """Everything acknowledged is there and whole; what was not is there wholly or not at all."""
    world = open_world(base, random_bytes=os.urandom, database=place)
    try:
        _check_database(world)
        _check_events(world)
        for key, ids in acknowledged.issued.items():
            for public_id in ids:
                state = world.ledger.credential(public_id).state
                assert state == "revoked" if public_id in acknowledged.revoked else state in {"active", "revoked"}
                if key in fresh:
                    _check_award(world, public_id, noted=public_id in acknowledged.revoked)
        for key in fresh:
            _check_repetition(world, key, acknowledged.issued[key])
    finally:
        world.close()


def _check_database(world: World) -> None:
    query = world.ledger.store.query
    if isinstance(world.database, SqliteDatabase):
        assert [tuple(row) for row in query("PRAGMA integrity_check")] == [("ok",)]
        assert query("PRAGMA foreign_key_check") == []
    [(count, newest)] = query("SELECT COUNT(*), COALESCE(MAX(position), 0) FROM stored_events")
    assert count == newest, "positions have gaps"
    gaps = query(
        "SELECT originator_id FROM stored_events GROUP BY originator_id "
        "HAVING MIN(originator_version) != 1 OR MAX(originator_version) != COUNT(*)"
    )
    assert gaps == [], "versions have gaps"
    twice = query("SELECT 1 FROM vault_item WHERE kind=? GROUP BY aggregate_id HAVING COUNT(*) > 1", (DOCUMENT_KIND,))
    assert twice == []


def _check_events(world: World) -> None:
    """Every stored event reads as one; an award has its document beside it, and a place of its own."""
    documents = {
        bytes(row[0])
        for row in world.ledger.store.query("SELECT aggregate_id FROM vault_item WHERE kind=?", (DOCUMENT_KIND,))
    }
    places: set[tuple[int, int]] = set()
    awards: set[bytes] = set()
    for stored in world.ledger.read(0, 1_000_000):
        event = world.ledger.event_mapper.to_domain_event(stored)
        if isinstance(event.body, Credential.Issued):
            places.add((event.body.status_block, event.body.status_index))
            awards.add(event.originator_id.bytes)
    assert awards == documents, "an award and its document are committed together"
    assert len(places) == len(awards), "a place in the status lists was given twice"


def _check_award(world: World, public_id: str, *, noted: bool) -> None:
    """The vault's row of an acknowledged award opens, and is what its event commits to; so is its note."""
    identity = credential_aggregate_id(public_id)
    bodies = [world.ledger.event_mapper.to_domain_event(e).body for e in world.ledger.store.select_events(identity)]
    sealed = world.issuance.sealed_document(public_id)
    assert bodies[0].commitments[DOCUMENT_KIND] == commit(identity, DOCUMENT_KIND, sealed.document, sealed.salt)
    if noted:
        kept = world.vault.open(identity, f"{NOTE_KIND}-2")
        assert kept[32:].decode() == NOTE
        assert bodies[1].note == commit(identity, NOTE_KIND, kept[32:], kept[:32])


def _check_repetition(world: World, key: str, answer: list[str]) -> None:
    """The request of an acknowledged award, made again, gets the same answer and makes nothing."""
    request = Request("crash", key, key.encode())
    again = world.issuance.issue(slug=SLUG, claims=[claim()], actor=OPERATOR, request=request)
    assert (again.answer, again.repeated) == (answer, True)
