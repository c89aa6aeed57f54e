"""Group commit: shared transactions, separate fates."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing
from typing import Any
from uuid import UUID

import pytest

from ledger import writer as writer_module
from ledger.error import (
    ConflictError,
    InvalidInputError,
    LedgerError,
    NoStandbyError,
    OutcomeUnknownError,
    StorageError,
)
from ledger.store import Commit, LedgerRecorder
from ledger.writer import GroupWriter
from tests.ledger.recorder_contract import ONE, SCHEMA, event, row
from tests.ledger.storage import Database, Opened, both_databases

__all__ = ["both_databases"]  # the fixture: each test runs on both
WAIT_SECONDS = 10


class HeldRecorder:
    """A recorder at which the writer waits, so that commands gather behind it; notes each group's size."""

    def __init__(self, inner: LedgerRecorder) -> None:
        self.inner = inner
        self.gate = threading.Event()
        self.waiting = threading.Semaphore(0)
        self.groups: list[int] = []
        self.trouble: Exception | None = None
        self.refused = threading.Event()
        self.confirmed = 0

    def require_writable(self) -> None:
        if self.refused.is_set():
            message = "no standby"
            raise NoStandbyError(message)
        self.inner.require_writable()

    def confirm(self) -> None:
        assert self.gate.wait(WAIT_SECONDS)
        self.confirmed += 1
        if self.trouble is not None:
            raise self.trouble
        self.inner.confirm()

    def record(self, commits: Sequence[Commit]) -> list[list[int] | LedgerError]:
        self.waiting.release()
        assert self.gate.wait(WAIT_SECONDS)
        self.groups.append(len(commits))
        if self.trouble is not None:
            raise self.trouble
        return self.inner.record(commits)


class Bench:
    """A writer over a held recorder, and commands in threads of their own."""

    def __init__(self, inner: LedgerRecorder) -> None:
        self.held = HeldRecorder(inner)
        self.told: list[int] = []
        self.writer = GroupWriter(self.held, self.told.append)  # type: ignore[arg-type]  # the writer only records
        self.pool = ThreadPoolExecutor(64)

    def hold(self, *commits: Commit) -> list[Future[list[int]]]:
        """Occupy the writer with one commit, then let *commits* gather in this order behind it."""
        first = self.pool.submit(self.writer.write, Commit([event(UUID(int=999), 1)]))
        assert self.held.waiting.acquire(timeout=WAIT_SECONDS)
        futures = []
        for number, commit in enumerate(commits, start=1):
            futures.append(self.pool.submit(self.writer.write, commit))
            self._until(lambda number=number: self.writer._queue.qsize() == number)  # type: ignore[misc]  # bound in the loop
        return [first, *futures]

    def release(self) -> None:
        self.held.gate.set()

    def close(self) -> None:
        self.release()
        self.writer.close()
        self.pool.shutdown()

    def _until(self, condition: Callable[[], bool]) -> None:
        pause = threading.Event()
        for _ in range(WAIT_SECONDS * 1000):
            if condition():
                return
            pause.wait(0.001)
        message = "the writer's queue did not fill"
        raise AssertionError(message)


@pytest.fixture
def recorder(database: Database) -> Iterator[LedgerRecorder]:
    with closing(Opened(database, SCHEMA)) as opened:
        yield opened.open()


@pytest.fixture
def bench(recorder: LedgerRecorder) -> Iterator[Bench]:
    bench = Bench(recorder)
    yield bench
    bench.close()


def one(number: int) -> Commit:
    return Commit([event(UUID(int=number), 1)])


def answer(writer: GroupWriter, commit: Commit) -> list[int]:
    """What the writer answers, or a failure when it does not: a dead writer must not hang the tests."""
    future: Future[list[int]] = Future()
    threading.Thread(target=lambda: future.set_result(writer.write(commit)), daemon=True).start()
    return future.result(WAIT_SECONDS)


def test_writer_records_waiting_commits_in_one_transaction(bench: Bench) -> None:
    futures = bench.hold(*(one(number) for number in range(1, 41)))
    bench.release()
    assert [future.result() for future in futures] == [[position] for position in range(1, 42)]
    assert bench.held.groups == [1, 40]


def test_writer_fails_a_conflict_and_an_unstorable_row_alone_when_in_a_group(bench: Bench) -> None:
    clash, odd = Commit([event(UUID(int=1), 1)], [row("lost")]), Commit([], [row("odd", "\ud800")])
    futures = bench.hold(one(1), clash, odd, one(2))
    bench.release()
    assert [type(future.exception()) for future in futures] == [
        type(None),
        type(None),
        ConflictError,
        InvalidInputError,
        type(None),
    ]
    assert futures[4].result() == [3]
    assert bench.held.groups == [1, 4]


@pytest.mark.parametrize("trouble", [StorageError("the disk is full"), MemoryError(), ValueError("a bug")])
def test_writer_tells_every_waiter_when_the_group_cannot_commit_and_lives_on(bench: Bench, trouble: Exception) -> None:
    commits = [one(number) for number in range(1, 21)]
    futures = bench.hold(*commits)
    bench.held.trouble = trouble
    bench.release()
    assert [future.exception(WAIT_SECONDS) for future in futures] == [trouble] * 21
    bench.held.trouble = None
    assert [answer(bench.writer, commit) for commit in commits] == [[n] for n in range(1, 21)]
    bench.close()  # the last one is answered before it is told of
    assert bench.told == list(range(1, 21))


def test_writer_tells_of_the_newest_position_after_it_is_recorded(recorder: LedgerRecorder) -> None:
    told: list[tuple[int, int | None]] = []
    writer = GroupWriter(recorder, lambda newest: told.append((newest, recorder.max_notification_id())))
    writer.write(Commit([event(ONE, 1), event(ONE, 2)]))
    writer.write(Commit([], [row("nothing to tell")]))
    with pytest.raises(ConflictError):
        writer.write(Commit([event(ONE, 1)]))
    writer.close()
    assert told == [(2, 2)]


def test_writer_lives_on_when_its_listener_fails(recorder: LedgerRecorder, caplog: pytest.LogCaptureFixture) -> None:
    def fail(newest: int) -> None:
        raise RuntimeError(newest)

    writer = GroupWriter(recorder, fail)
    with caplog.at_level(logging.ERROR):
        assert answer(writer, one(1)) == [1]
        assert answer(writer, one(2)) == [2]
        writer.close()
    assert [record.getMessage() for record in caplog.records] == [
        "what is told of commits failed at position 1",
        "what is told of commits failed at position 2",
    ]


def test_writer_records_what_waits_before_it_closes_and_nothing_after(bench: Bench) -> None:
    futures = bench.hold(one(1), one(2))
    closing = bench.pool.submit(bench.writer.close)
    bench.release()
    closing.result(WAIT_SECONDS)
    assert [future.result(WAIT_SECONDS) for future in futures] == [[1], [2], [3]]
    bench.writer.close()
    with pytest.raises(RuntimeError, match="closed"):
        bench.writer.write(one(3))


def test_writer_splits_what_waits_at_its_limits_and_loses_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "MAX_COMMITS_PER_GROUP", 3)
    monkeypatch.setattr(writer_module, "MAX_EVENTS_PER_GROUP", 10)
    sizes = [1, 1, 1, 1, 9, 2, 8, 12, 1]
    commits = [
        Commit([event(UUID(int=number), version) for version in range(1, size + 1)])
        for number, size in enumerate(sizes, start=1)
    ]
    futures = bench.hold(*commits)
    closing = bench.pool.submit(bench.writer.close)
    bench.release()
    closing.result(WAIT_SECONDS)
    made = [position for future in futures for position in future.result(WAIT_SECONDS)]
    assert made == list(range(1, sum(sizes) + 2))
    assert bench.held.groups == [1, 3, 2, 2, 1, 1]


# ── A database that lets its transactions wait ────────────────────────────────────────────────────────


def test_nobody_waits_for_a_transaction_that_waits_once_nothing_may_be_recorded(bench: Bench) -> None:
    under_way, *waiting = bench.hold(one(1), one(2))
    confirming = bench.pool.submit(bench.writer.confirm)
    bench.held.refused.set()
    everyone: list[Future[Any]] = [under_way, *waiting, confirming]
    assert [type(future.exception(WAIT_SECONDS)) for future in everyone] == [
        OutcomeUnknownError,
        NoStandbyError,
        NoStandbyError,
        NoStandbyError,
    ]
    bench.held.refused.clear()
    after = bench.pool.submit(bench.writer.write, one(3))
    bench.release()
    assert after.result(WAIT_SECONDS) == [2], "of those that waited nothing is recorded"
    assert bench.held.confirmed == 0


def test_writer_goes_on_waiting_while_something_may_be_recorded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "LOOK_SECONDS", 0.01)
    futures = bench.hold(one(1))
    assert not wait(futures, timeout=0.3).done
    bench.release()
    assert [future.result(WAIT_SECONDS) for future in futures] == [[1], [2]]


def test_writer_tells_of_a_recorder_that_waited_too_long_itself(bench: Bench) -> None:
    bench.held.trouble = TimeoutError("a lock")
    [future] = bench.hold()
    bench.release()
    with pytest.raises(TimeoutError, match="a lock"):
        future.result(WAIT_SECONDS)


def test_writer_confirms_once_for_all_that_ask_and_after_what_is_recorded(bench: Bench) -> None:
    bench.hold()
    asking = [bench.pool.submit(bench.writer.confirm) for _ in range(5)]
    bench._until(lambda: bench.writer._queue.qsize() == 5)
    bench.release()
    for future in asking:
        future.result(WAIT_SECONDS)
    assert (bench.held.confirmed, bench.held.groups) == (1, [1])
    bench.held.trouble = StorageError("gone")
    with pytest.raises(StorageError, match="gone"):
        bench.writer.confirm()
    assert bench.writer.write_all([]) == []


def test_writer_closes_without_a_transaction_that_waits_while_nothing_may_be_recorded(bench: Bench) -> None:
    bench.hold(one(1))
    bench.held.refused.set()
    closing = bench.pool.submit(bench.writer.close)
    closing.result(WAIT_SECONDS)
    bench.held.refused.clear()
