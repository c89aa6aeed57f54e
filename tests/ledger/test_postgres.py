"""The PostgreSQL recorder: the contract, and what is PostgreSQL's own."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Self
from uuid import UUID

import psycopg
import pytest

from ledger import postgres_connection, postgres_store
from ledger.error import ConflictError, OutcomeUnknownError, StorageError, UnreachableError
from ledger.postgres_claim import PostgresClaim
from ledger.postgres_dialect import added_rows, made_names, translate, translate_table
from ledger.postgres_store import PostgresFactory, PostgresRecorder, portions
from ledger.postgres_transfer import copy_in_whole, copy_out
from ledger.sqlite_store import SqliteFactory
from ledger.store import Commit, Write
from tests.ledger.recorder_contract import INSERT, ONE, SCHEMA, TWO, RecorderContract, event, history, row
from tests.ledger.storage import Database, PostgresDatabase
from tests.ledger.world import OPERATOR, SLUG, World, claim, open_world, settle
from tests.ledger.world import SCHEMA as LEDGER_SCHEMA
from tests.postgres import PASSWORD, PostgresServer

CRASHES = 4
MORE = 20


class TestPostgresRecorder(RecorderContract):
    """The contract on PostgreSQL."""

    @pytest.fixture
    def fresh(self, postgres_server: PostgresServer) -> Callable[[], Database]:
        return lambda: PostgresDatabase(postgres_server.fresh_schema(), postgres_server)


@pytest.fixture(scope="module")
def durable_server() -> Iterator[PostgresServer]:
    """A server that waits for the disk, and that the tests of this module may stop."""
    server = PostgresServer(durable=True)
    server.start()
    yield server
    server.close()


def open_recorder(address: str, *, ledger: str = "one", may_be_new: bool = True) -> PostgresRecorder:
    return PostgresFactory(address, SCHEMA, ledger=ledger, may_be_new=may_be_new).application_recorder()


@pytest.fixture
def recorder(postgres_server: PostgresServer) -> Iterator[PostgresRecorder]:
    with closing(open_recorder(postgres_server.fresh_schema())) as recorder:
        yield recorder


# ── What the server does to a connection ──────────────────────────────────────────────────────────────


def test_recorder_goes_on_at_once_when_the_server_was_started_again(durable_server: PostgresServer) -> None:
    with closing(open_recorder(durable_server.fresh_schema())) as recorder:
        recorder.record([history(ONE, 1, 2)])
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda _: recorder.query("SELECT pg_sleep(0.05)"), range(8)))
        for how in (signal.SIGINT, signal.SIGQUIT):
            durable_server.stop(how)
            durable_server.start()
            assert recorder.max_notification_id() == 2
            durable_server.stop(how)
            durable_server.start()
            assert recorder.record([Commit((), [row(how.name)])]) == [[]]
        assert recorder.record([history(ONE, 3, 3)]) == [[3]]


def test_recorder_reports_a_storage_error_while_the_server_is_gone_and_heals_when_it_is_back(
    durable_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_connection, "WAIT_SECONDS", 2.0)
    with closing(open_recorder(durable_server.fresh_schema())) as recorder:
        recorder.record([history(ONE, 1, 2)])
        durable_server.stop(signal.SIGQUIT)
        with pytest.raises(StorageError, match="nothing was recorded"):
            recorder.record([history(ONE, 3, 3)])
        begin = time.monotonic()
        for _ in range(20):
            with pytest.raises(UnreachableError):
                recorder.query("SELECT 1")
        assert time.monotonic() - begin < 5.0, "nobody waits for a server that is known to be gone"
        durable_server.start()
        assert recorder.query("SELECT 1") == [(1,)]
        assert recorder.record([history(ONE, 3, 3)]) == [[3]]


class Traffic:
    """Threads that record, and one that follows, until they are stopped; what fails is left."""

    def __init__(self, recorder: PostgresRecorder) -> None:
        self._recorder = recorder
        self._stop = threading.Event()
        self.acknowledged: list[list[tuple[UUID, int]]] = [[] for _ in range(3)]
        self.seen: list[tuple[int, UUID | str]] = []
        self._threads = [threading.Thread(target=self._write, args=(number,)) for number in range(3)]
        self._threads.append(threading.Thread(target=self._follow))

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def until_all_go_on(self) -> None:
        """Wait until every writer has been acknowledged something more."""
        wanted = [len(each) + MORE for each in self.acknowledged]
        deadline = time.monotonic() + 60
        while any(len(each) < least for each, least in zip(self.acknowledged, wanted, strict=True)):
            assert time.monotonic() < deadline, "the recorder does not heal"
            time.sleep(0.01)

    def _write(self, number: int) -> None:
        count = 0
        while not self._stop.is_set():
            owner, count = UUID(int=number << 64 | count + 1), count + 1
            try:
                [result] = self._recorder.record([Commit([event(owner, 1), event(owner, 2)], [row(str(owner))])])
            except StorageError:
                time.sleep(0.05)
                continue
            assert isinstance(result, list)
            self.acknowledged[number].extend((owner, position) for position in result)

    def _follow(self) -> None:
        while not self._stop.is_set():
            after = self.seen[-1][0] if self.seen else 0
            with suppress(StorageError):
                more = self._recorder.select_notifications(after, 100, inclusive_of_start=False)
                self.seen.extend((one.id, one.originator_id) for one in more)
            time.sleep(0.01)


def test_nothing_acknowledged_is_lost_and_no_event_is_passed_over_when_the_server_crashes_again_and_again(
    durable_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_connection, "WAIT_SECONDS", 5.0)
    dice = random.Random(1)
    with closing(open_recorder(durable_server.fresh_schema())) as recorder:
        with Traffic(recorder) as traffic:
            for _ in range(CRASHES):
                traffic.until_all_go_on()
                time.sleep(dice.uniform(0, 0.1))
                durable_server.stop(signal.SIGQUIT)
                durable_server.start()
            traffic.until_all_go_on()
        stored = {one.id: one.originator_id for one in recorder.select_notifications(None, 10**6)}
        names = {name for (name,) in recorder.query("SELECT name FROM contract_row")}
    assert list(stored) == list(range(1, len(stored) + 1)), "positions have gaps"
    for owner, position in (one for each in traffic.acknowledged for one in each):
        assert stored[position] == owner
    assert names == {str(owner) for owner in stored.values()}, "rows and events are committed together"
    assert [position for position, _ in traffic.seen] == list(range(1, len(traffic.seen) + 1)), "one was passed over"
    assert all(stored[position] == owner for position, owner in traffic.seen)


class _Losing:
    """Has the connection break as a COMMIT is sent, or as its answer comes."""

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        *,
        sent: bool,
        times: int = 1,
        meanwhile: Callable[[], object] = lambda: None,
    ) -> None:
        self.times = times
        execute = psycopg.Connection.execute

        def losing(connection: psycopg.Connection, query: str, *arguments: Any, **options: Any) -> object:  # noqa: ANN401  passed through
            if query != "COMMIT" or not self.times:
                return execute(connection, query, *arguments, **options)
            self.times -= 1
            if sent:
                execute(connection, query)
            connection.pgconn.finish()
            meanwhile()
            raise psycopg.OperationalError("server closed the connection unexpectedly")

        monkeypatch.setattr(psycopg.Connection, "execute", losing)


@pytest.mark.parametrize("sent", [True, False])
def test_a_commit_whose_answer_was_lost_is_recorded_once_and_acknowledged(
    recorder: PostgresRecorder, monkeypatch: pytest.MonkeyPatch, *, sent: bool
) -> None:
    losing = _Losing(monkeypatch, sent=sent)
    assert recorder.record([history(ONE, 1, 2), Commit((), [row("a")])]) == [[1, 2], []]
    assert losing.times == 0
    assert recorder.record([history(ONE, 3, 3)]) == [[3]]
    assert recorder.query("SELECT COUNT(*) FROM contract_row") == [(1,)]


def test_a_commit_whose_answer_was_lost_is_not_taken_for_that_of_another_who_was_faster(
    recorder: PostgresRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder.record([history(ONE, 1, 1)])

    def be_faster() -> None:
        recorder.record([Commit([event(ONE, 2, b"2"), event(TWO, 1, b"another's")])])

    _Losing(monkeypatch, sent=False, meanwhile=be_faster)
    mine = Commit([event(ONE, 2, b"2"), event(TWO, 1, b"mine")])
    [refused] = recorder.record([mine])
    assert isinstance(refused, ConflictError)
    assert recorder.select_events(TWO)[0].state == b"another's"


def test_a_commit_of_rows_alone_whose_answer_was_lost_says_that_nobody_knows(
    recorder: PostgresRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    _Losing(monkeypatch, sent=True)
    with pytest.raises(OutcomeUnknownError, match="idempotency key"):
        recorder.record([Commit((), [row("a")])])
    assert recorder.query("SELECT name FROM contract_row") == [("a",)]


def test_a_commit_whose_answer_was_lost_says_that_nobody_knows_when_the_server_cannot_be_asked(
    recorder: PostgresRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_store, "SETTLE_SECONDS", 0.5)
    _Losing(monkeypatch, sent=True)
    monkeypatch.setattr(recorder, "_is_there", _gone)
    with pytest.raises(OutcomeUnknownError):
        recorder.record([history(ONE, 1, 1)])


def _gone(*_: object) -> bool:
    raise psycopg.OperationalError("connection refused")


def test_a_deadlock_with_a_stranger_is_tried_again(recorder: PostgresRecorder, postgres_server: PostgresServer) -> None:
    recorder.record([Commit((), [row("a"), row("b")])])
    path = recorder.query("SELECT current_schema()")[0][0]
    change = "UPDATE contract_row SET value=? WHERE name=?"
    with psycopg.connect(postgres_server.address) as stranger, ThreadPoolExecutor(1) as thread:
        stranger.execute(f"SET search_path={path}; SET deadlock_timeout='60s'")
        stranger.execute("UPDATE contract_row SET value='' WHERE name='b'")
        both = Commit([event(ONE, 1)], [Write(change, [(b"1", "a")]), Write(change, [(b"1", "b")])])
        future = thread.submit(recorder.record, [both])
        time.sleep(0.3)
        stranger.execute("UPDATE contract_row SET value='' WHERE name='a'")
        stranger.commit()
        assert future.result(30) == [[1]]
    assert recorder.query("SELECT value FROM contract_row") == [(b"1",), (b"1",)]


def test_a_commit_has_reached_the_disk_even_where_the_server_would_not_wait(postgres_server: PostgresServer) -> None:
    address = f"{postgres_server.fresh_schema()}%20-csynchronous_commit%3Doff"
    with closing(open_recorder(address)) as recorder, recorder.connections.writing() as connection:
        assert connection.execute("SHOW synchronous_commit").fetchone() == ("on",)
    stricter = address.replace("off", "remote_apply")
    with closing(open_recorder(stricter)) as recorder, recorder.connections.writing() as connection:
        assert connection.execute("SHOW synchronous_commit").fetchone() == ("remote_apply",)


def test_large_batches_pass_a_unix_socket(postgres_server: PostgresServer) -> None:
    path = postgres_server.fresh_schema().split("?")[1]
    rows = [(f"{number:05}", bytes(4_000)) for number in range(2_000)]
    with closing(open_recorder(f"{postgres_server.socket_address}&{path}")) as recorder:
        batch = [event(UUID(int=number), 1, bytes(900)) for number in range(1, 3_001)]
        assert recorder.record([Commit(batch, [Write(INSERT, rows)])]) == [list(range(1, 3_001))]
        changed = "INSERT INTO contract_row VALUES (?,?) ON CONFLICT (name) DO UPDATE SET value=excluded.value"
        assert recorder.record([Commit((), [Write(changed, [(name, bytes(5_000)) for name, _ in rows])])]) == [[]]
        assert recorder.query("SELECT SUM(length(value)) FROM contract_row")[0][0] == 2_000 * 5_000


# ── Which database it is ──────────────────────────────────────────────────────────────────────────────


def test_ledger_is_refused_in_a_database_that_is_anothers(postgres_server: PostgresServer) -> None:
    address = postgres_server.fresh_schema()
    open_recorder(address).close()
    open_recorder(address, may_be_new=False).close()
    with pytest.raises(StorageError, match="another ledger"):
        open_recorder(address, ledger="two")


def test_ledger_is_refused_beside_tables_of_something_else(postgres_server: PostgresServer) -> None:
    address = postgres_server.fresh_schema()
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("CREATE TABLE stored_events (notification_id BIGSERIAL)")
    with pytest.raises(StorageError, match=r"not empty \(stored_events\)"):
        open_recorder(address)


def test_ledger_is_refused_in_an_empty_database_when_it_has_begun(postgres_server: PostgresServer) -> None:
    with pytest.raises(StorageError, match="is empty"):
        open_recorder(postgres_server.fresh_schema(), may_be_new=False)


def test_ledger_is_refused_when_the_format_is_newer(postgres_server: PostgresServer) -> None:
    address = postgres_server.fresh_schema()
    open_recorder(address).close()
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("UPDATE cairn_ledger SET format=2")
    with pytest.raises(StorageError, match="format 2"):
        open_recorder(address)


def test_ledger_is_refused_on_a_server_that_is_too_old(
    postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_connection, "MINIMUM_VERSION", 99)
    with pytest.raises(StorageError, match="needs 99 or newer"):
        open_recorder(postgres_server.fresh_schema())


def test_ledger_is_refused_where_text_is_not_utf8(postgres_server: PostgresServer) -> None:
    postgres_server.execute("CREATE DATABASE odd ENCODING 'SQL_ASCII' TEMPLATE template0")
    with pytest.raises(StorageError, match="SQL_ASCII"):
        open_recorder(f"{postgres_server.address.rpartition('/')[0]}/odd")


def test_ledger_is_refused_where_the_search_path_names_no_schema(postgres_server: PostgresServer) -> None:
    with pytest.raises(StorageError, match="schema"):
        open_recorder(f"{postgres_server.address}?options=-csearch_path%3Dmissing")


def test_errors_of_connecting_name_the_trouble_and_never_the_password(postgres_server: PostgresServer) -> None:
    wrong = postgres_server.address.replace(PASSWORD, "not-the-pass-word")
    nobody = postgres_server.address.replace(f":{postgres_server.port}/", ":1/")
    odd = f"postgresql://user:{PASSWORD}@localhost/name?no_such_option=1"
    for address, words in ((wrong, "password authentication failed"), (nobody, "refused"), (odd, "cannot be read")):
        with pytest.raises(StorageError, match=words) as caught:
            open_recorder(address)
        shown = f"{caught.value} {caught.value!r} {caught.value.__cause__!r}"
        assert PASSWORD not in shown
        assert "not-the-pass-word" not in shown


def test_tables_are_made_once_when_many_open_the_database_at_once(postgres_server: PostgresServer) -> None:
    address = postgres_server.fresh_schema()
    with ThreadPoolExecutor(6) as threads:
        recorders = list(threads.map(lambda _: open_recorder(address), range(6)))
    for number, one in enumerate(recorders, 1):
        assert one.record([history(ONE, number, number)]) == [[number]]
        one.close()


def test_ledger_opens_without_the_right_to_make_tables_when_they_are_there(postgres_server: PostgresServer) -> None:
    address = postgres_server.fresh_schema()
    open_recorder(address).close()
    schema = address.rpartition("%3D")[2]
    postgres_server.execute(f"CREATE ROLE {schema} LOGIN PASSWORD '{PASSWORD}'")
    postgres_server.execute(f"GRANT USAGE ON SCHEMA {schema} TO {schema}")
    postgres_server.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {schema}")
    with closing(open_recorder(address.replace("//postgres:", f"//{schema}:"))) as recorder:
        assert recorder.record([history(ONE, 1, 1)]) == [[1]]


# ── Who continues the log ─────────────────────────────────────────────────────────────────────────────


def test_log_is_continued_by_one_process_at_a_time(recorder: PostgresRecorder) -> None:
    first, second = recorder.log_claim(), recorder.log_claim()
    first.take()
    with pytest.raises(ConflictError, match="another sequencer"):
        second.take()
    first.require(0)
    first.advance(10)
    first.release()
    second.take()
    second.require(10)
    with pytest.raises(ConflictError, match="older copy"):
        second.require(9)
    second.release()


def test_claim_that_was_lost_is_taken_again_unless_another_has_it(recorder: PostgresRecorder) -> None:
    first, second = recorder.log_claim(), recorder.log_claim()

    def cut(claim: PostgresClaim) -> None:
        assert claim._session is not None
        recorder.query("SELECT pg_terminate_backend(?)", (claim._session.info.backend_pid,))

    first.take()
    cut(first)
    first.require(0)
    cut(first)
    second.take()
    with pytest.raises(ConflictError, match="another sequencer"):
        first.require(0)
    second.advance(5)
    second.release()
    with pytest.raises(ConflictError, match="older copy"):
        first.require(4)
    first.release()


# ── Statements ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "sql, wanted",
    [
        ("SELECT a FROM t WHERE b=? AND c IN (?,?)", "SELECT a FROM t WHERE b=$1 AND c IN ($2,$3)"),
        ("SELECT '?' FROM t WHERE a=?", "SELECT '?' FROM t WHERE a=$1"),
        ("SELECT a FROM t WHERE a LIKE 'log-%'", "SELECT a FROM t WHERE a LIKE 'log-%'"),
    ],
)
def test_dialect_numbers_parameters(sql: str, wanted: str) -> None:
    assert translate(sql) == wanted


def test_dialect_translates_what_makes_tables() -> None:
    made = translate_table(
        "CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT NOT NULL, "
        "b BLOB REFERENCES u (b), c INTEGER, PRIMARY KEY (a)) WITHOUT ROWID"
    )
    assert made == (
        "CREATE TABLE IF NOT EXISTS t (n BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, "
        'a TEXT COLLATE "C" NOT NULL, b BYTEA REFERENCES u (b), c BIGINT, PRIMARY KEY (a))'
    )
    assert made_names([made, "CREATE INDEX IF NOT EXISTS i ON t (a)"]) == {"t": "TABLE", "i": "INDEX"}


def test_dialect_knows_statements_that_add_rows_and_do_nothing_else() -> None:
    assert added_rows("INSERT INTO t VALUES (?,?)") == ("t", ())
    assert added_rows("INSERT INTO t (a, b) VALUES (?,?)") == ("t", ("a", "b"))
    for other in ("INSERT INTO t VALUES (?,0)", "INSERT INTO t VALUES (?) ON CONFLICT DO NOTHING", "DELETE FROM t"):
        assert added_rows(other) is None


def test_portions_are_within_both_limits_and_lose_nothing() -> None:
    rows = [(n, b"x" * n) for n in range(30)]
    parts = list(portions(rows, 7, 50))
    assert [one for part in parts for one in part] == rows
    assert all(len(part) <= 7 and (len(part) == 1 or sum(n for n, _ in part) <= 50) for part in parts)
    assert list(portions([], 7, 50)) == []


# ── The whole ledger ──────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def world(tmp_path: Path, postgres_server: PostgresServer) -> Iterator[World]:
    world = settle(open_world(tmp_path, database=PostgresDatabase(postgres_server.fresh_schema(), postgres_server)))
    yield world
    world.close()


def tables(query: Callable[[str], list[Any]], recorder: PostgresRecorder) -> dict[str, list[Any]]:
    return {table: sorted(map(tuple, query(f"SELECT * FROM {table}"))) for table in recorder.schema.tables}  # noqa: S608  our own names


def test_erasure_leaves_no_row_version_behind(world: World) -> None:
    world.issue(claim("Ada", reference="S-1"), claim("Bo", reference="S-2"))
    world.erasing.erase_learner(slug=SLUG, reference="S-1", actor=OPERATOR)
    assert isinstance(world.database, PostgresDatabase)
    with psycopg.connect(world.database.address, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS pgstattuple SCHEMA public")
        for table in ("vault_learner", "vault_item", "vault_spending"):
            [(dead,)] = connection.execute("SELECT dead_tuple_count FROM public.pgstattuple(%s)", (table,)).fetchall()
            assert dead == 0, table


def test_ledger_moves_to_a_file_and_into_another_database_and_stays_the_same(
    world: World, tmp_path: Path, postgres_server: PostgresServer
) -> None:
    ids = world.issue(*[claim(f"Learner {number}", reference=f"S-{number}") for number in range(30)])
    recorder = world.ledger.store
    assert isinstance(recorder, PostgresRecorder)
    before = tables(recorder.query, recorder)
    copy_out(recorder, tmp_path / "copy.db", LEDGER_SCHEMA)
    file = SqliteFactory(tmp_path / "copy.db", LEDGER_SCHEMA)
    opened = file.application_recorder()
    assert tables(opened.query, recorder) == before
    assert opened.query("PRAGMA foreign_key_check") == []
    opened.close()
    file.close()
    there = PostgresDatabase(postgres_server.fresh_schema(), postgres_server)
    copy_in_whole(there.factory(LEDGER_SCHEMA), tmp_path / "copy.db")
    world.close()
    again = open_world(tmp_path, seed=2, database=there)
    assert isinstance(again.ledger.store, PostgresRecorder)
    assert tables(again.ledger.store.query, again.ledger.store) == before
    assert [again.issuance.sealed_document(one).document for one in ids]
    numbers = [number for (number,) in again.ledger.store.query("SELECT number FROM access_audit ORDER BY number")]
    again.issue(claim("One more"))
    [(newest,)] = again.ledger.store.query("SELECT MAX(number) FROM access_audit")
    assert newest == numbers[-1] + 1
    again.close()
    with pytest.raises(StorageError, match="not empty"):
        copy_in_whole(there.factory(LEDGER_SCHEMA), tmp_path / "copy.db")


def test_copy_is_of_one_moment_while_others_record(world: World, tmp_path: Path) -> None:
    stop = threading.Event()

    def issue() -> None:
        while not stop.is_set():
            world.issue(claim("Under load"))

    thread = threading.Thread(target=issue)
    thread.start()
    recorder = world.ledger.store
    assert isinstance(recorder, PostgresRecorder)
    for number in range(3):
        copy_out(recorder, tmp_path / f"{number}.db", LEDGER_SCHEMA)
    stop.set()
    thread.join()
    for number in range(3):
        file = SqliteFactory(tmp_path / f"{number}.db", LEDGER_SCHEMA)
        opened = file.application_recorder()
        assert opened.query("PRAGMA foreign_key_check") == []
        [(awards,)] = opened.query("SELECT COUNT(*) FROM stored_events WHERE topic LIKE 'credential.issued%'")
        assert opened.query("SELECT COUNT(*) FROM vault_item") == [(awards,)]
        opened.close()
        file.close()
