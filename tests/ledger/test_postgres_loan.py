"""Connections in use: a server that is busy, one that hangs, and one whose commits wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import psycopg
import pytest

from ledger import postgres_connection, postgres_loan, postgres_store
from ledger.error import OutcomeUnknownError, StorageError, UnreachableError
from ledger.postgres_connection import PostgresConnections
from ledger.postgres_store import PostgresFactory, PostgresRecorder
from tests.ledger.recorder_contract import ONE, SCHEMA, history
from tests.postgres import PASSWORD, USER, PostgresServer

PATIENCE_SECONDS = 60.0
QUICK = "connect_timeout=2"
"""As little as the driver allows."""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_loan, "PATIENT_SECONDS", 0.5)
    monkeypatch.setattr(postgres_loan, "LOOK_SECONDS", 0.2)
    monkeypatch.setattr(postgres_connection, "WAIT_SECONDS", 2.0)


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """A server of the test's own, which may be stopped."""
    server = PostgresServer()
    server.start()
    yield server
    server.close()


def open_recorder(address: str) -> PostgresRecorder:
    return PostgresFactory(address, SCHEMA, ledger="one").application_recorder()


# ── Busy ──────────────────────────────────────────────────────────────────────────────────────────────


def test_connections_are_kept_when_all_are_in_use_and_the_server_is_there(
    postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_connection, "READERS", 2)
    with closing(open_recorder(postgres_server.fresh_schema())) as recorder:
        connections = recorder.connections
        with ExitStack() as held, ThreadPoolExecutor(4) as threads:
            lent = [held.enter_context(connections.reading()) for _ in range(2)]
            waiting = [threads.submit(recorder.query, "SELECT 1") for _ in range(4)]
            assert all(isinstance(one.exception(PATIENCE_SECONDS), StorageError) for one in waiting)
            made = counted_renewals(connections, monkeypatch)
            with pytest.raises(StorageError):
                recorder.query("SELECT 1")
            assert [one.execute("SELECT 1").fetchone() for one in lent] == [(1,), (1,)]
        assert recorder.query("SELECT 1") == [(1,)]
        assert made == []


def test_connections_are_replaced_once_when_many_notice_that_the_server_is_back(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(open_recorder(server.fresh_schema())) as recorder:
        server.stop()
        with pytest.raises(UnreachableError):
            recorder.query("SELECT 1")
        with pytest.raises(UnreachableError):
            recorder.query("SELECT 1")
        server.start()
        made = counted_renewals(recorder.connections, monkeypatch)
        together, knock = threading.Barrier(6), recorder.connections._knock

        def knock_together() -> None:
            knock()
            together.wait(PATIENCE_SECONDS)

        monkeypatch.setattr(recorder.connections, "_knock", knock_together)
        with ThreadPoolExecutor(6) as threads:
            asked = [threads.submit(recorder.query, "SELECT 1") for _ in range(6)]
            assert [one.result(PATIENCE_SECONDS) for one in asked] == [[(1,)]] * 6
        assert len(made) == 1


def counted_renewals(connections: PostgresConnections, monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """A list that has one more element each time that connections are replaced."""
    made: list[None] = []
    make = connections._make_pools

    def making() -> object:
        made.append(None)
        return make()

    monkeypatch.setattr(connections, "_make_pools", making)
    return made


def test_commits_wait_for_a_standby_again_when_connections_were_replaced_in_the_same_moment(
    postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(open_recorder(postgres_server.fresh_schema())) as recorder:
        connections = recorder.connections
        connections.acknowledge_locally(is_local=True)
        make, entered, go_on = connections._make_pools, threading.Event(), threading.Event()

        def slowly() -> object:
            made = make()
            entered.set()
            assert go_on.wait(PATIENCE_SECONDS)
            return made

        monkeypatch.setattr(connections, "_make_pools", slowly)
        with ThreadPoolExecutor(2) as threads:
            renewing = threads.submit(connections._renew, connections._pools)
            assert entered.wait(PATIENCE_SECONDS)
            changing = threads.submit(connections.acknowledge_locally, is_local=False)
            wait([changing], timeout=0.3)
            go_on.set()
            wait([renewing, changing], timeout=PATIENCE_SECONDS)
        with connections.writing() as connection:
            assert connection.execute("SHOW synchronous_commit").fetchone() == ("on",)


# ── Hanging ───────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def hanging(server: PostgresServer, recorder: PostgresRecorder) -> Iterator[ThreadPoolExecutor]:
    """Have the server hang inside, with connections that it has taken up before; gives threads to wait in."""
    recorder.record([history(ONE, 1, 1)])
    assert recorder.query("SELECT 1") == [(1,)]
    with ThreadPoolExecutor(2) as threads, server.hanging():
        yield threads


def test_read_and_write_fail_and_go_on_when_the_server_hangs_and_recovers(server: PostgresServer) -> None:
    with closing(open_recorder(f"{server.fresh_schema()}&{QUICK}")) as recorder:
        with hanging(server, recorder) as threads:
            asked = threads.submit(recorder.query, "SELECT 1")
            recorded = threads.submit(recorder.record, [history(ONE, 2, 2)])
            assert isinstance(asked.exception(PATIENCE_SECONDS), UnreachableError)
            assert isinstance(recorded.exception(PATIENCE_SECONDS), StorageError)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not answers(recorder):
            assert time.monotonic() < deadline
        [positions] = recorder.record([history(ONE, 2, 2)])
        assert positions == [2], "what the server was told before it hung was rolled back"


def answers(recorder: PostgresRecorder) -> bool:
    try:
        return recorder.query("SELECT 1") == [(1,)]
    except StorageError:
        return False


def test_commit_at_which_the_server_hangs_is_not_acknowledged(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_store, "SETTLE_SECONDS", 2.0)
    execute = psycopg.Connection.execute
    with closing(open_recorder(f"{server.fresh_schema()}&{QUICK}")) as recorder:
        recorder.record([history(ONE, 1, 1)])
        with ThreadPoolExecutor(1) as thread, ExitStack() as stopped:

            def hang(connection: psycopg.Connection, query: str, *arguments: Any, **options: Any) -> object:  # noqa: ANN401  passed through
                if query == "COMMIT":
                    stopped.enter_context(server.hanging())
                return execute(connection, query, *arguments, **options)

            monkeypatch.setattr(psycopg.Connection, "execute", hang)
            recorded = thread.submit(recorder.record, [history(ONE, 2, 2)])
            assert isinstance(recorded.exception(PATIENCE_SECONDS), OutcomeUnknownError)


def test_reads_and_writes_go_on_at_the_promoted_standby_when_the_primary_hangs(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_connection, "WAIT_SECONDS", 10.0)  # more than the primary takes of it
    standby = PostgresServer(of=server)
    standby.start()
    schema = server.fresh_schema().partition("?")[2]
    hosts = f"127.0.0.1:{server.port},127.0.0.1:{standby.port}"
    address = f"postgresql://{USER}:{PASSWORD}@{hosts}/postgres?{schema}&{QUICK}&target_session_attrs=read-write"
    server.ask_for_standby()
    try:
        with closing(open_recorder(address)) as recorder, hanging(server, recorder) as threads:
            recorded = threads.submit(recorder.record, [history(ONE, 2, 2)])
            asked = threads.submit(recorder.query, "SELECT COUNT(*) FROM stored_events WHERE position=1")
            standby.promote()
            assert recorded.result(PATIENCE_SECONDS) == [[2]]
            assert asked.result(PATIENCE_SECONDS) == [(1,)]
    finally:
        standby.close()


def test_commit_that_waits_for_its_standby_is_left_alone_as_long_as_the_server_answers(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken: list[object] = []
    monkeypatch.setattr(postgres_loan._Loan, "break_off", broken.append)
    with closing(open_recorder(server.fresh_schema())) as recorder, ThreadPoolExecutor(1) as thread:
        server.ask_for_standby()
        waiting: Future[object] = thread.submit(recorder.record, [history(ONE, 1, 1)])
        assert not wait([waiting], timeout=3.0).done
        server.ask_for_standby(is_on=False)
        assert waiting.result(PATIENCE_SECONDS) == [[1]]
    assert broken == []
