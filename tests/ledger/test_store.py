"""The SQLite recorder: the contract, and what is SQLite's own."""

from __future__ import annotations

import gc
import resource
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import count
from pathlib import Path
from uuid import UUID

import pytest
from eventsourcing.sqlite import SQLiteCursor

from ledger.error import StorageError
from ledger.sqlite_store import SqliteFactory, SqliteRecorder
from ledger.store import Commit
from tests.ledger.recorder_contract import ONE, SCHEMA, RecorderContract, event, history, row
from tests.ledger.storage import Database, SqliteDatabase
from tests.ledger.test_writer import WAIT_SECONDS, Bench, answer

FULL, SECURE, MEMORY = 2, 1, 2


def open_recorder(path: Path) -> SqliteRecorder:
    return SqliteFactory(path, SCHEMA).application_recorder()


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[SqliteRecorder]:
    recorder = open_recorder(tmp_path / "ledger.db")
    yield recorder
    recorder.datastore.close()


class TestSqliteRecorder(RecorderContract):
    """The contract on SQLite."""

    @pytest.fixture
    def fresh(self, tmp_path: Path) -> Callable[[], Database]:
        numbers = count(1)
        return lambda: SqliteDatabase(tmp_path / f"{next(numbers)}.db")


def test_every_pooled_connection_is_durable_and_overwrites_what_it_deletes(recorder: SqliteRecorder) -> None:
    expected = {"synchronous": FULL, "secure_delete": SECURE, "temp_store": MEMORY, "foreign_keys": 1}
    expected |= {"cache_size": -32_768, "cache_spill": 32_767}
    with ExitStack() as held:
        connections = [held.enter_context(recorder.datastore.get_connection(commit=n == 0)) for n in range(12)]
        assert len({id(connection) for connection in connections}) == 12
        for connection in connections:
            cursor = connection.cursor()
            found = {}
            for name in expected:
                cursor.execute(f"PRAGMA {name}")
                found[name] = cursor.fetchone()[0]
            cursor.execute("PRAGMA journal_mode")
            assert (found, cursor.fetchone()[0]) == (expected, "wal")


def test_positions_stay_when_the_file_is_vacuumed_and_are_never_used_again(recorder: SqliteRecorder) -> None:
    recorder.record([history(ONE, 1, 5)])
    with recorder.datastore.get_connection(commit=False) as connection:
        connection.cursor().execute("DELETE FROM stored_events WHERE position IN (2, 5)")
        connection.commit()
        connection.cursor().execute("VACUUM")
    assert [n.id for n in recorder.select_notifications(None, 9)] == [1, 3, 4]
    assert recorder.record([Commit([event(ONE, 6)])]) == [[6]]


@contextmanager
def full_disk(recorder: SqliteRecorder) -> Iterator[None]:
    """Let every connection of the pool find the disk full (SQLITE_FULL)."""
    pages = recorder.query("PRAGMA page_count")[0][0]
    with limited_pages(recorder, pages):
        yield


@contextmanager
def limited_pages(recorder: SqliteRecorder, pages: int) -> Iterator[None]:
    unlimited = 2**30
    for limit in (pages, unlimited):
        with ExitStack() as held:
            for _ in range(8):
                connection = held.enter_context(recorder.datastore.get_connection(commit=False))
                connection.cursor().execute(f"PRAGMA max_page_count={limit}")
        if limit == pages:
            yield


@contextmanager
def failing_disk(recorder: SqliteRecorder) -> Iterator[None]:
    """Let every write beyond the present size of the write-ahead log fail with an error of the disk."""
    log = Path(recorder.datastore.pool.db_name + "-wal")
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


Trouble = Callable[[SqliteRecorder], AbstractContextManager[None]]


@pytest.mark.parametrize("trouble", [full_disk, failing_disk])
def test_recorder_records_nothing_when_the_disk_fails_and_goes_on_afterwards(
    recorder: SqliteRecorder, trouble: Trouble
) -> None:
    recorder.record([Commit([event(ONE, 1)], [row("kept")])])
    large = [Commit([event(UUID(int=n), 1, bytes(60_000))], [row(f"row-{n}")]) for n in range(2, 12)]
    with trouble(recorder), pytest.raises(StorageError, match="nothing was recorded"):
        recorder.record(large)
    assert [n.id for n in recorder.select_notifications(None, 99)] == [1]
    assert recorder.query("SELECT name FROM contract_row")[0][0] == "kept"
    assert recorder.record(large) == [[n] for n in range(2, 12)]
    assert recorder.query("PRAGMA integrity_check")[0][0] == "ok"


def test_writer_tells_every_waiter_when_the_disk_is_really_full(recorder: SqliteRecorder) -> None:
    bench = Bench(recorder)
    large = [Commit([event(UUID(int=n), 1, bytes(60_000))]) for n in range(1, 6)]
    with full_disk(recorder):
        futures = bench.hold(*large)
        bench.release()
        assert {type(future.exception(WAIT_SECONDS)) for future in futures[1:]} == {StorageError}
    assert len([answer(bench.writer, commit) for commit in large]) == 5
    assert len(recorder.select_notifications(None, 99)) == 5 + (futures[0].exception() is None)
    bench.close()


def test_opening_empties_the_write_ahead_log_that_a_crash_left(recorder: SqliteRecorder, tmp_path: Path) -> None:
    recorder.record([Commit([event(ONE, 1, b"recognisable")])])
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    for file in tmp_path.glob("ledger.db*"):
        (crashed / file.name).write_bytes(file.read_bytes())
    assert b"recognisable" in (crashed / "ledger.db-wal").read_bytes()
    again = open_recorder(crashed / "ledger.db")
    assert (crashed / "ledger.db-wal").stat().st_size == 0
    assert again.select_events(ONE)[0].state == b"recognisable"
    again.datastore.close()


def test_write_ahead_log_is_not_emptied_while_a_reader_needs_it(recorder: SqliteRecorder) -> None:
    recorder.record([history(ONE, 1, 1)])
    with recorder.datastore.get_connection(commit=False) as reader:
        cursor = reader.cursor()
        cursor.execute("BEGIN")
        cursor.execute("SELECT COUNT(*) FROM stored_events")
        cursor.fetchall()
        recorder.record([history(ONE, 2, 2)])
        assert recorder.sweep() is False
        reader.rollback()
    assert recorder.sweep() is True


def test_another_process_writes_back_what_was_committed_while_this_one_commits(recorder: SqliteRecorder) -> None:
    """What a commit writes back by itself begins at 16,000 pages; here there are some hundred."""
    file = Path(recorder.datastore.pool.db_name)
    helper = open_recorder(file)
    helper.sweep()
    before = file.stat().st_size
    for number in range(1, 200):
        recorder.record([history(ONE, number, number)])
    assert file.stat().st_size == before
    helper.write_back()
    assert file.stat().st_size > before
    with recorder.datastore.get_connection(commit=False) as reader:
        cursor = reader.cursor()
        cursor.execute("BEGIN")
        cursor.execute("SELECT COUNT(*) FROM stored_events")
        assert cursor.fetchone()[0] == 199
        recorder.record([history(ONE, 200, 200)])
        helper.write_back()  # as far as the reader lets it, and without waiting
        reader.rollback()
    helper.write_back()
    helper.datastore.close()
    assert recorder.sweep() is True
    assert len(recorder.select_events(ONE)) == 200


def test_write_ahead_log_is_emptied_once_whoever_was_writing_it_back_has_finished(
    recorder: SqliteRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first look finds another process at it, as SQLite tells that."""
    recorder.record([history(ONE, 1, 1)])
    checkpoint, told = recorder._checkpoint, list[tuple[bool, int]]()

    def first_busy(cursor: SQLiteCursor, mode: str) -> tuple[bool, int]:
        told.append((True, -1) if not told else checkpoint(cursor, mode))
        return told[-1]

    monkeypatch.setattr(recorder, "_checkpoint", first_busy)
    assert recorder.sweep() is True
    assert told == [(True, -1), (False, 0)]


def test_recorder_reads_from_many_threads_and_closes_what_ended_threads_had_open(recorder: SqliteRecorder) -> None:
    recorder.record([history(ONE, 1, 1)])
    gc.collect()
    before = _connections()
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: recorder.query("SELECT COUNT(*) FROM stored_events"), range(100)))
        assert before < _connections() <= before + 8
    assert found == [[(1,)]] * 100
    gc.collect()
    assert _connections() == before
    recorder.close()
    with pytest.raises(StorageError, match="closed"):
        recorder.query("SELECT 1")


def _connections() -> int:
    return sum(isinstance(found, sqlite3.Connection) for found in gc.get_objects())
