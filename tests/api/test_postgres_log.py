"""The sequencer's memory in PostgreSQL: who may continue the log, and what a replaced process can no longer do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from anchoring.error import ConflictError
from anchoring.storage import Placement, Published, Staged
from anchoring.tile import TileId
from anchoring.time_anchor import AnchorProof
from api.postgres_log import PostgresCheckpointStore
from ledger.postgres_store import PostgresFactory, PostgresRecorder
from tests.anchoring.doubles import make_log
from tests.postgres import PostgresServer

FIRST = Published(b"note 1", 4, 3, 3, 0)
SECOND = Published(b"note 2", 6, 4, 5, 0)
BUNDLE = Staged(0, 4, ((TileId(None, 0, 4), b"four entries"),))
AT = datetime(2026, 11, 26, tzinfo=UTC)


class Machines:
    """Processes over one database."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._recorders: list[PostgresRecorder] = []
        self._stores: list[PostgresCheckpointStore] = []

    def another(self) -> PostgresCheckpointStore:
        recorder = PostgresFactory(self._address, (), ledger="one").application_recorder()
        self._recorders.append(recorder)
        self._stores.append(PostgresCheckpointStore(recorder.connections, recorder.log_claim()))
        return self._stores[-1]

    def cut_off(self, store: PostgresCheckpointStore) -> None:
        """End a process's session, as the server does whose client has gone silent; the process does not notice."""
        session = store._claim._session  # type: ignore[attr-defined]  # the test reaches into the part
        session.execute("SELECT 1")
        session.close()

    def close(self) -> None:
        for store in self._stores:
            store.close()
        for recorder in self._recorders:
            recorder.close()


@pytest.fixture
def machines(postgres_server: PostgresServer) -> Iterator[Machines]:
    machines = Machines(postgres_server.fresh_schema())
    yield machines
    machines.close()


def test_second_process_waits_and_takes_over_when_the_first_has_ended(machines: Machines) -> None:
    first, second = machines.another(), machines.another()
    first.take_over()
    first.compare_and_swap(None, FIRST)
    with pytest.raises(ConflictError, match="another sequencer"):
        second.take_over()
    first.close()
    second.take_over()
    assert second.load() == FIRST
    second.compare_and_swap(FIRST, SECOND)
    assert machines.another().load() == SECOND


def test_process_that_was_replaced_changes_nothing_when_it_goes_on(machines: Machines) -> None:
    old, new = machines.another(), machines.another()
    old.take_over()
    old.compare_and_swap(None, FIRST)
    machines.cut_off(old)
    new.take_over()
    new.stage(BUNDLE)
    changes = (
        lambda: old.compare_and_swap(FIRST, SECOND),
        old.confirm,
        lambda: old.stage(replace(BUNDLE, size=5)),
        lambda: old.discard_staged(4),
        lambda: old.add_garbage([TileId(0, 0)], AT),
        lambda: old.forget_garbage([TileId(0, 0)]),
        old.load,
    )
    for change in changes:
        with pytest.raises(ConflictError, match="taken over"):
            change()
    assert (new.load(), new.staged()) == (FIRST, BUNDLE)
    new.compare_and_swap(FIRST, SECOND)


def test_sequencer_that_is_overtaken_while_it_recovers_reports_a_conflict_and_no_damage(
    machines: Machines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = machines.another(), machines.another()
    log = replace(make_log(tmp_path), store=old)
    old.take_over()
    log.feed.add(3)
    log.start().sequence()
    staged = old.staged

    def be_overtaken() -> Staged | None:
        found = staged()
        machines.cut_off(old)
        new.take_over()
        log.feed.add(3)
        replace(log, store=new).start().sequence()
        return found

    monkeypatch.setattr(old, "staged", be_overtaken)
    with pytest.raises(ConflictError, match="taken over"):
        log.start().recover()


def test_process_that_does_not_continue_the_log_reads_and_keeps_anchors_and_nothing_else(machines: Machines) -> None:
    sequencer, issuer = machines.another(), machines.another()
    sequencer.take_over()
    sequencer.compare_and_swap(None, FIRST, placements=[Placement(1, 0, 3)])
    assert (issuer.load(), issuer.index_of(3)) == (FIRST, 2)
    proof = AnchorProof("rfc3161", "tsa", AT, b"token")
    assert [issuer.add_anchor(proof, FIRST.note, 4), sequencer.add_anchor(proof, FIRST.note, 4)] == [1, 2]
    assert [one.serial for one in sequencer.anchors(pending=True)] == [1, 2]
    with pytest.raises(ConflictError, match="does not continue"):
        issuer.compare_and_swap(FIRST, SECOND)


def test_log_that_went_on_in_a_directory_is_not_continued_from_here(machines: Machines) -> None:
    store = machines.another()
    store.take_over()
    store._claim.advance(10)  # what log.db in some directory has
    with pytest.raises(ConflictError, match="elsewhere"):
        store.compare_and_swap(None, FIRST)
    assert store.load() is None
