"""The SQLite recorder: the contract, and what is SQLite's own."""

from __future__ import annotations

import gc
import random
import resource
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from uuid import UUID

import pytest

from ledger.error import ConflictError, StorageError
from ledger.store import Commit, LedgerFactory, LedgerRecorder, Write
from tests.ledger.recorder_contract import INSERT, ONE, SCHEMA, RecorderContract, event, history, row

FULL, SECURE, MEMORY = 2, 1, 2


def open_recorder(path: Path) -> LedgerRecorder:
    return LedgerFactory(path, SCHEMA).application_recorder()


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[LedgerRecorder]:
    recorder = open_recorder(tmp_path / "ledger.db")
    yield recorder
    recorder.datastore.close()


class TestSqliteRecorder(RecorderContract):
    """The contract on SQLite."""

    @pytest.fixture
    def recorder(self, tmp_path: Path) -> Iterator[LedgerRecorder]:
        recorder = open_recorder(tmp_path / "ledger.db")
        yield recorder
        recorder.datastore.close()

    @pytest.fixture
    def reopened(self, recorder: LedgerRecorder, tmp_path: Path) -> Iterator[Callable[[], LedgerRecorder]]:
        opened: list[LedgerRecorder] = []

        def reopen() -> LedgerRecorder:
            recorder.datastore.close()
            opened.append(open_recorder(tmp_path / "ledger.db"))
            return opened[-1]

        yield reopen
        for again in opened:
            again.datastore.close()


def test_every_pooled_connection_is_durable_and_overwrites_what_it_deletes(recorder: LedgerRecorder) -> None:
    expected = {"synchronous": FULL, "secure_delete": SECURE, "temp_store": MEMORY, "foreign_keys": 1}
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


def test_positions_stay_when_the_file_is_vacuumed_and_are_never_used_again(recorder: LedgerRecorder) -> None:
    recorder.record([history(ONE, 1, 5)])
    with recorder.datastore.get_connection(commit=False) as connection:
        connection.cursor().execute("DELETE FROM stored_events WHERE position IN (2, 5)")
        connection.commit()
        connection.cursor().execute("VACUUM")
    assert [n.id for n in recorder.select_notifications(None, 9)] == [1, 3, 4]
    assert recorder.record([Commit([event(ONE, 6)])]) == [[6]]


@contextmanager
def full_disk(recorder: LedgerRecorder) -> Iterator[None]:
    """Let every connection of the pool find the disk full (SQLITE_FULL)."""
    pages = recorder.query("PRAGMA page_count")[0][0]
    with limited_pages(recorder, pages):
        yield


@contextmanager
def limited_pages(recorder: LedgerRecorder, pages: int) -> Iterator[None]:
    unlimited = 2**30
    for limit in (pages, unlimited):
        with ExitStack() as held:
            for _ in range(8):
                connection = held.enter_context(recorder.datastore.get_connection(commit=False))
                connection.cursor().execute(f"PRAGMA max_page_count={limit}")
        if limit == pages:
            yield


@contextmanager
def failing_disk(recorder: LedgerRecorder) -> Iterator[None]:
    """Let every write beyond the present size of the write-ahead log fail with an error of the disk."""
    log = Path(recorder.datastore.pool.db_name + "-wal")
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


Trouble = Callable[[LedgerRecorder], AbstractContextManager[None]]


@pytest.mark.parametrize("trouble", [full_disk, failing_disk])
def test_recorder_records_nothing_when_the_disk_fails_and_goes_on_afterwards(
    recorder: LedgerRecorder, trouble: Trouble
) -> None:
    recorder.record([Commit([event(ONE, 1)], [row("kept")])])
    large = [Commit([event(UUID(int=n), 1, bytes(60_000))], [row(f"row-{n}")]) for n in range(2, 12)]
    with trouble(recorder), pytest.raises(StorageError, match="nothing was recorded"):
        recorder.record(large)
    assert [n.id for n in recorder.select_notifications(None, 99)] == [1]
    assert recorder.query("SELECT name FROM contract_row")[0][0] == "kept"
    assert recorder.record(large) == [[n] for n in range(2, 12)]
    assert recorder.query("PRAGMA integrity_check")[0][0] == "ok"


def test_recorder_reports_a_storage_error_when_a_statement_fails(recorder: LedgerRecorder) -> None:
    with pytest.raises(StorageError, match="no such table"):
        recorder.query("SELECT * FROM missing")
    with pytest.raises(StorageError, match="no such table"):
        recorder.record([Commit((), [Write("INSERT INTO missing VALUES (?)", [(1,)])])])
    assert recorder.record([history(ONE, 1, 1)]) == [[1]]


def test_opening_empties_the_write_ahead_log_that_a_crash_left(recorder: LedgerRecorder, tmp_path: Path) -> None:
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


def test_write_ahead_log_is_not_emptied_while_a_reader_needs_it(recorder: LedgerRecorder) -> None:
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


def test_recorder_reads_from_many_threads_and_closes_what_ended_threads_had_open(recorder: LedgerRecorder) -> None:
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


def test_recorder_refuses_to_write_when_it_is_asked_to_read(recorder: LedgerRecorder) -> None:
    with pytest.raises(StorageError, match="readonly"):
        recorder.query("DELETE FROM stored_events")


def _connections() -> int:
    return sum(isinstance(found, sqlite3.Connection) for found in gc.get_objects())


def some_commit(dice: random.Random) -> Commit:
    """A commit that may well be in another one's way."""
    owners = [UUID(int=dice.randrange(1, 60)) for _ in range(6)]
    events = [
        event(owner, dice.choice((1, 1, 2)), dice.randbytes(4)) for owner in dice.sample(owners, dice.randrange(3))
    ]
    rows = [(f"row {dice.randrange(40)}", dice.choice((b"v", b"v", b"v", None))) for _ in range(dice.randrange(3))]
    writes = [Write(INSERT, rows)]
    if dice.random() < 0.1:
        writes.append(Write("DELETE FROM contract_row WHERE name=?", [(f"row {dice.randrange(40)}",)]))
    unchanged = [(dice.choice(owners), dice.choice((1, 2)))] if dice.random() < 0.15 else []
    return Commit(events, writes, unchanged)


def content(recorder: LedgerRecorder) -> list[object]:
    return [recorder.query(f"SELECT * FROM {table} ORDER BY 1") for table in ("stored_events", "contract_row")]  # noqa: S608  our own names


def test_commits_recorded_together_end_as_if_recorded_in_turn(tmp_path: Path) -> None:
    merged = refused = 0
    for seed in range(12):
        dice = random.Random(seed)
        together, in_turn = open_recorder(tmp_path / f"together-{seed}.db"), open_recorder(tmp_path / f"turn-{seed}.db")
        for _ in range(20):
            group = [some_commit(dice) for _ in range(dice.randrange(1, 5))]
            found = together.record(group)
            wanted = [in_turn.record([commit])[0] for commit in group]
            assert list(map(fate, found)) == list(map(fate, wanted))
            assert content(together) == content(in_turn)
            kept_out = sum(not isinstance(one, list) for one in found)
            merged += len(group) > 1 and not kept_out
            refused += kept_out
        for recorder in (together, in_turn):
            recorder.datastore.close()
    assert min(merged, refused) > 20, "there were groups with nothing in the way, and others"


def fate(result: object) -> object:
    return result if isinstance(result, list) else type(result)


def test_rows_are_added_in_an_order_that_each_commit_can_bear(tmp_path: Path) -> None:
    """The row that refers to another is written after it, though an earlier commit writes the same two tables."""
    schema = (
        "CREATE TABLE parent (name TEXT PRIMARY KEY)",
        "CREATE TABLE child (name TEXT PRIMARY KEY, parent TEXT REFERENCES parent (name))",
    )
    recorder = LedgerFactory(tmp_path / "ledger.db", schema).application_recorder()
    parent, child = "INSERT INTO parent VALUES (?)", "INSERT INTO child VALUES (?,?)"
    commits = [
        Commit(
            [event(UUID(int=number), 1)],
            [Write(parent, [(f"p{number}",)]), Write(child, [(f"c{number}", f"p{number}")])],
        )
        for number in range(1, 20)
    ]
    orphan = Commit([event(UUID(int=99), 1)], [Write(child, [("orphan", "nobody")])])
    assert recorder.record(commits) == [[number] for number in range(1, 20)]
    last = Commit([event(UUID(int=100), 1)], [Write(parent, [("p",)])])
    found = recorder.record([orphan, last])
    assert isinstance(found[0], ConflictError)
    assert found[1] == [20]
    recorder.datastore.close()
