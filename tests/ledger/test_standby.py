"""Writes when the database has lost its synchronous standby: refused with a reason, or acknowledged all the same."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from eventsourcing.persistence import StoredEvent

from ledger.application import Request
from ledger.error import NoStandbyError, OutcomeUnknownError
from ledger.postgres_standby import Policy, Standby, StandbyWatch
from ledger.postgres_store import PostgresFactory, PostgresRecorder
from ledger.store import Commit
from tests.ledger.storage import PostgresDatabase
from tests.ledger.world import OPERATOR, SLUG, World, claim, open_world, settle
from tests.postgres import PostgresServer

PATIENCE_SECONDS = 30.0


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[PostgresServer, PostgresServer]]:
    primary = PostgresServer()
    primary.start()
    standby = PostgresServer(of=primary)
    standby.start()
    yield primary, standby
    standby.close()
    primary.close()


@pytest.fixture
def opened(pair: tuple[PostgresServer, PostgresServer]) -> Iterator[PostgresRecorder]:
    """A recorder over a primary whose commits wait for the standby, which is connected."""
    primary, _ = pair
    recorder = PostgresFactory(primary.fresh_schema(), (), ledger="one").application_recorder()
    primary.ask_for_standby()
    until(primary.has_standby)
    yield recorder
    primary.ask_for_standby(is_on=False)
    recorder.close()


@pytest.fixture
def watched(
    pair: tuple[PostgresServer, PostgresServer], opened: PostgresRecorder, tmp_path: Path
) -> Iterator[tuple[World, StandbyWatch]]:
    """A ledger whose commits wait for the standby, and what has its writes stop."""
    del opened  # it has the primary wait
    world = settle(open_world(tmp_path, seed=1, database=PostgresDatabase(pair[0].fresh_schema())))
    assert isinstance(world.ledger.store, PostgresRecorder)
    yield world, StandbyWatch(world.ledger.store.connections, "stop")
    world.close()


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def commit() -> Commit:
    return Commit([StoredEvent(uuid4(), 1, "topic", b"state")])


def seen(watch: StandbyWatch) -> Standby:
    watch.step()
    return watch.found


@pytest.mark.parametrize("policy", ["stop", "degrade"])
def test_watch_lets_writes_pass_when_the_standby_is_there_or_not_asked_for(
    pair: tuple[PostgresServer, PostgresServer], opened: PostgresRecorder, policy: Policy
) -> None:
    watch = StandbyWatch(opened.connections, policy)
    assert seen(watch) is Standby.CONNECTED
    opened.require_writable()
    opened.record([commit()])
    pair[0].ask_for_standby(is_on=False)
    until(lambda: seen(watch) is Standby.NOT_ASKED_FOR)
    assert not watch.is_stopping


def test_writes_are_refused_when_the_standby_is_lost_and_go_on_when_it_is_back(
    pair: tuple[PostgresServer, PostgresServer], opened: PostgresRecorder
) -> None:
    watch = StandbyWatch(opened.connections, "stop")
    pair[1].kill()
    until(lambda: seen(watch) is Standby.LOST)
    assert (watch.is_stopping, "writes stop" in watch.words()) == (True, True)
    with pytest.raises(NoStandbyError, match="no synchronous standby"):
        opened.require_writable()
    pair[1].start()
    until(lambda: seen(watch) is Standby.CONNECTED)
    opened.require_writable()
    opened.record([commit()])


def test_writes_are_acknowledged_from_one_machine_when_that_was_chosen_those_that_wait_included(
    pair: tuple[PostgresServer, PostgresServer], opened: PostgresRecorder
) -> None:
    watch = StandbyWatch(opened.connections, "degrade")
    pair[1].kill()
    until(lambda: not pair[0].has_standby())
    recorded: list[object] = []
    waiting = threading.Thread(target=lambda: recorded.extend(opened.record([commit()])))
    waiting.start()
    time.sleep(0.5)
    assert not recorded, "the server lets a commit wait that nobody has looked at yet"
    assert seen(watch) is Standby.LOST
    waiting.join(PATIENCE_SECONDS)
    assert recorded == [[1]]
    assert opened.record([commit()]) == [[2]]
    assert (watch.is_stopping, "Degraded" in watch.words()) == (False, True)
    pair[1].start()
    until(lambda: seen(watch) is Standby.CONNECTED)
    assert synchronous(opened) == "on"


def test_requests_are_refused_when_the_standby_is_lost_while_places_are_leased_for_one_of_them(
    pair: tuple[PostgresServer, PostgresServer], watched: tuple[World, StandbyWatch]
) -> None:
    world, watch = watched

    def issue() -> object:
        return world.issuance.issue(slug=SLUG, claims=[claim()], actor=OPERATOR, request=None).answer

    with ThreadPoolExecutor(8) as threads:
        with without_standby(pair):
            first = threads.submit(issue)
            until(lambda: waits_for_standby(pair[0]))
            behind = [threads.submit(issue) for _ in range(4)]
            noted = threads.submit(world.access.note, OPERATOR, "signed in", world.ledger.now())
            assert is_waiting(first)
            assert seen(watch) is Standby.LOST
            with pytest.raises(OutcomeUnknownError):
                first.result(PATIENCE_SECONDS)
            refused: list[Future[Any]] = [*behind, noted, threads.submit(issue)]
            for future in refused:
                with pytest.raises(NoStandbyError):
                    future.result(PATIENCE_SECONDS)
        until(lambda: seen(watch) is Standby.CONNECTED)
        issue()


def test_requests_that_were_under_way_are_answered_when_the_standby_is_lost_and_keep_no_others_waiting(
    pair: tuple[PostgresServer, PostgresServer], watched: tuple[World, StandbyWatch]
) -> None:
    world, watch = watched

    def issue(key: str) -> object:
        request = Request("caller", key, b"body")
        return world.issuance.issue(slug=SLUG, claims=[claim()], actor=OPERATOR, request=request).answer

    issue("so that secrets and places are there")
    before = world.ledger.newest()
    with ThreadPoolExecutor(8) as threads:
        with without_standby(pair):
            first = threads.submit(issue, "under way")
            until(lambda: waits_for_standby(pair[0]))
            behind = [threads.submit(issue, f"behind {number}") for number in range(4)]
            assert is_waiting(first)
            assert seen(watch) is Standby.LOST
            with pytest.raises(OutcomeUnknownError, match="idempotency key"):
                first.result(PATIENCE_SECONDS)
            for future in (*behind, threads.submit(issue, "after")):
                with pytest.raises(NoStandbyError):
                    future.result(PATIENCE_SECONDS)
        until(lambda: seen(watch) is Standby.CONNECTED)
        until(lambda: world.ledger.newest() > before)
        issued = world.ledger.newest()
        issue("under way")
        assert world.ledger.newest() == issued, "it had been recorded"


# ── Commits that show before a standby has them ───────────────────────────────────────────────────────


def test_commit_that_broke_off_while_it_waited_is_acknowledged_when_a_standby_has_it_and_not_before(
    pair: tuple[PostgresServer, PostgresServer], opened: PostgresRecorder
) -> None:
    with ThreadPoolExecutor(1) as thread:
        with without_standby(pair):
            recorded = thread.submit(opened.record, [commit()])
            break_off_what_waits(pair[0])
            until(lambda: opened.query("SELECT COUNT(*) FROM stored_events") == [(1,)])
            assert is_waiting(recorded), "it shows, and no standby has it"
        assert recorded.result(PATIENCE_SECONDS) == [[1]]


@pytest.mark.usefixtures("opened")
def test_request_is_not_answered_again_from_a_commit_that_no_standby_has(
    pair: tuple[PostgresServer, PostgresServer], tmp_path: Path
) -> None:
    address = pair[0].fresh_schema()
    first, second = (open_world(tmp_path, seed=seed, database=PostgresDatabase(address)) for seed in (1, 2))
    settle(first)

    def issue(world: World, key: str = "asked twice") -> object:
        request = Request("caller", key, b"body")
        return world.issuance.issue(slug=SLUG, claims=[claim()], actor=OPERATOR, request=request).answer

    issue(first, "so that secrets and places are there")
    before = first.ledger.newest()
    with ThreadPoolExecutor(2) as threads:
        with without_standby(pair):
            made = threads.submit(issue, first)
            break_off_what_waits(pair[0])
            until(lambda: second.ledger.newest() > before)
            repeated = threads.submit(issue, second)
            assert is_waiting(repeated)
            assert is_waiting(made)
        assert repeated.result(PATIENCE_SECONDS) == made.result(PATIENCE_SECONDS)
    for world in (first, second):
        world.close()


def test_log_does_not_grow_by_events_that_no_standby_has(
    pair: tuple[PostgresServer, PostgresServer], opened: PostgresRecorder
) -> None:
    log = opened.log_claim()
    log.take()
    with ThreadPoolExecutor(1) as thread:
        with without_standby(pair):
            allowed = thread.submit(log.require, 0)
            assert is_waiting(allowed)
        allowed.result(PATIENCE_SECONDS)
    log.release()


@contextmanager
def without_standby(pair: tuple[PostgresServer, PostgresServer]) -> Iterator[None]:
    """Have the standby dead inside."""
    primary, standby = pair
    standby.kill()
    until(lambda: not primary.has_standby())
    try:
        yield
    finally:
        standby.start()


def break_off_what_waits(primary: PostgresServer) -> None:
    """End the sessions that wait for the standby. What they wait for is committed then and shows, as after a crash."""
    with psycopg.connect(primary.address, autocommit=True) as connection:

        def ended() -> list[tuple[bool]]:
            return connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event='SyncRep'"
            ).fetchall()

        until(ended)


def waits_for_standby(primary: PostgresServer) -> bool:
    """Whether a commit waits for the standby."""
    with psycopg.connect(primary.address) as connection:
        found = connection.execute("SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event='SyncRep'").fetchone()
    return found != (0,)


def is_waiting(future: Future[Any]) -> bool:
    """Whether something has not ended, and does not for a second."""
    return not wait([future], timeout=1.0).done


def synchronous(recorder: PostgresRecorder) -> str:
    with recorder.connections.writing() as connection:
        [value] = connection.execute("SHOW synchronous_commit").fetchone() or ("",)
    return str(value)


def test_watch_says_that_it_cannot_see_when_it_lacks_the_right(pair: tuple[PostgresServer, PostgresServer]) -> None:
    primary, _ = pair
    address = primary.fresh_schema()
    primary.execute("CREATE ROLE plain LOGIN PASSWORD 'only-for-tests'")
    schema = address.rpartition("%3D")[2]
    primary.execute(f"GRANT ALL ON SCHEMA {schema} TO plain")
    primary.ask_for_standby()
    until(primary.has_standby)
    recorder = PostgresFactory(address.replace("//postgres:", "//plain:"), (), ledger="one").application_recorder()
    try:
        watch = StandbyWatch(recorder.connections, "stop")
        assert seen(watch) is Standby.UNKNOWN
        assert "pg_monitor" in watch.words()
        recorder.require_writable()
        with psycopg.connect(primary.address, autocommit=True) as connection:
            connection.execute("GRANT pg_monitor TO plain")
        assert seen(watch) is Standby.CONNECTED
    finally:
        recorder.close()
        primary.ask_for_standby(is_on=False)
