"""The log under faults: every I/O step fails in two ways, and every history ends in fsck.

A step that fails either left nothing behind, or did its work and only the answer was lost. The
sequencer must come through both, in the same process and after a restart, and no state that was
ever public may be contradicted.
"""

import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from anchoring.checkpoint import Checkpoint, verify_checkpoint
from anchoring.checkpoint_store import SqliteCheckpointStore
from anchoring.cosignature import CosignatureVerifier
from anchoring.fsck import check
from anchoring.note import NoteVerifier, parse_note
from anchoring.reader import LogReader
from anchoring.tile import CHECKPOINT_PATH
from anchoring.time_anchor import AnchorProof
from tests.anchoring.doubles import Log, MemoryTileStore, make_log


class FaultError(Exception):
    """The storage failed, as far as the caller can tell."""


class Faults:
    """Wraps an object's methods; lets the n-th wrapped call from now fail."""

    def __init__(self) -> None:
        self.calls = 0
        self._at: int | None = None
        self._persisted = False

    def arm(self, after: int, *, persisted: bool) -> None:
        self._at, self._persisted = self.calls + after, persisted

    def disarm(self) -> None:
        self._at = None

    def wrap(self, target: object, *names: str) -> None:
        for name in names:
            setattr(target, name, self._failing(getattr(target, name)))

    def _failing(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: object, **kwargs: object) -> object:
            failing = self.calls == self._at
            self.calls += 1
            if failing and not self._persisted:
                raise FaultError(method.__name__)
            result = method(*args, **kwargs)
            if failing:
                raise FaultError(method.__name__)
            return result

        return call


TILE_CALLS = ("read", "write", "replace", "delete_partials")
STORE_CALLS = (
    "load",
    "compare_and_swap",
    "stage",
    "staged",
    "discard_staged",
    "anchors",
    "add_garbage",
    "garbage",
    "forget_garbage",
)


def faulty_log(directory: Path, faults: Faults) -> Log:
    log = make_log(directory)
    faults.wrap(log.tiles, *TILE_CALLS)
    faults.wrap(log.store, *STORE_CALLS)
    return log


def public_checkpoint(log: Log) -> Checkpoint | None:
    files = log.tiles.files.get if isinstance(log.tiles, MemoryTileStore) else log.tiles.read
    content = files(CHECKPOINT_PATH)
    if content is None:
        return None
    return verify_checkpoint(parse_note(content), NoteVerifier(log.keys.log.vkey))


def require_whole(log: Log, seen: list[Checkpoint]) -> None:
    """Fsck is clean, all items are logged in order, and all that was ever public still holds."""
    report = check(
        log.tiles,
        log.store,
        NoteVerifier(log.keys.log.vkey),
        [CosignatureVerifier(log.keys.operator.vkey)] if log.feed.items else [],
    )
    assert report.findings == ()
    public = public_checkpoint(log)
    if public is None:
        assert not log.feed.items
        return
    reader = LogReader(log.tiles.read, public)
    events = [e for e in reader.entries() if b"\nthing.happened.v1\n" in e[:40]]
    assert events == [item.entry for item in log.feed.items]
    assert [reader.root(old.size) for old in seen] == [old.root for old in seen]


# ── every single step, exhaustively ──────────────────────────────────────────────────────────────


def run_history(log: Log, faults: Faults, step: int, *, persisted: bool, restart: bool) -> int:
    """Publish twice, the second time over a tile boundary and with a fault; return its calls."""
    sequencer = log.start()
    log.feed.add(100)
    sequencer.sequence()
    seen = [public_checkpoint(log)]
    published = log.store.load()
    assert published is not None
    log.store.add_anchor(AnchorProof("rfc3161", "tsa", log.clock.now, b"token"), published.note, published.size)
    log.feed.add(200)
    before = faults.calls
    faults.arm(step, persisted=persisted)
    try:
        sequencer.sequence()
        log.clock.advance(3600)
        sequencer.sequence()
        sequencer.heartbeat()
    except FaultError:
        pass
    calls = faults.calls - before
    faults.disarm()
    seen.append(public_checkpoint(log))
    log.feed.add(3)
    if restart:
        sequencer = log.start()
    for _ in range(3):
        sequencer.sequence()
    sequencer.heartbeat()
    require_whole(log, [checkpoint for checkpoint in seen if checkpoint])
    return calls


def count_calls() -> int:
    faults = Faults()
    with tempfile.TemporaryDirectory() as directory:
        log = faulty_log(Path(directory), faults)
        return run_history(log, faults, 10_000, persisted=False, restart=False)


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("persisted", [False, True])
def test_log_comes_through_when_any_one_call_fails(tmp_path: Path, *, persisted: bool, restart: bool) -> None:
    calls = count_calls()
    assert calls > 20
    for step in range(calls):
        faults = Faults()
        directory = tmp_path / str(step)
        directory.mkdir()
        log = faulty_log(directory, faults)
        assert run_history(log, faults, step, persisted=persisted, restart=restart) <= calls
        assert isinstance(log.store, SqliteCheckpointStore)
        log.store.close()


# ── any history ──────────────────────────────────────────────────────────────────────────────────


class LogMachine(RuleBasedStateMachine):
    """Random commits, steps, anchors, heartbeats, restarts and faults."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.faults = Faults()
        self.log = faulty_log(Path(self.directory.name), self.faults)
        self.sequencer = self.log.start()
        self.seen: list[Checkpoint] = []

    def attempt(self, action: Callable[[], object]) -> None:
        try:
            action()
        except FaultError:
            self.faults.disarm()

    @initialize(count=st.integers(0, 3))
    def start_with(self, count: int) -> None:
        self.log.feed.add(count)

    @rule(count=st.sampled_from([1, 2, 50, 253, 256, 300]), gap=st.sampled_from([0, 0, 3]))
    def commit(self, count: int, gap: int) -> None:
        self.log.feed.add(count, gap=gap)

    @rule()
    def sequence(self) -> None:
        self.attempt(self.sequencer.sequence)

    @rule()
    def heartbeat(self) -> None:
        self.attempt(self.sequencer.heartbeat)

    @rule()
    def anchor(self) -> None:
        published = SqliteCheckpointStore.load(self.log.store)  # type: ignore[arg-type]  # the test reaches into the part
        if published is not None:
            proof = AnchorProof("rfc3161", "tsa", self.log.clock.now, b"token")
            self.log.store.add_anchor(proof, published.note, published.size)

    @rule(seconds=st.sampled_from([1, 1000]))
    def wait(self, seconds: int) -> None:
        self.log.clock.now += timedelta(seconds=seconds)

    @rule()
    def restart(self) -> None:
        self.sequencer = self.log.start()

    @rule(after=st.integers(0, 25), persisted=st.booleans())
    def break_something(self, after: int, *, persisted: bool) -> None:
        self.faults.arm(after, persisted=persisted)

    @invariant()
    def history_only_grows(self) -> None:
        public = public_checkpoint(self.log)
        if public is None:
            assert not self.seen
        elif not self.seen or self.seen[-1] != public:
            assert not self.seen or self.seen[-1].size < public.size
            self.seen.append(public)

    def teardown(self) -> None:
        self.faults.disarm()
        try:
            self.sequencer.recover()
            while self.sequencer.sequence():
                pass
            self.sequencer.heartbeat()
            require_whole(self.log, self.seen)
        finally:
            assert isinstance(self.log.store, SqliteCheckpointStore)
            self.log.store.close()
            self.directory.cleanup()


LogMachine.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestLogMachine = LogMachine.TestCase
