"""What goes on in the background of a serving process: sequencing, heartbeats, time anchors, reading the log again.

Each runs on a thread of its own. An error of storage or network is recorded and tried again, with growing pauses;
damage or a second sequencer stops the thread for good, and readiness says so.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from anchoring.anchorer import AnchorAttempt, Anchorer
from anchoring.error import AnchorError, ConflictError, CorruptionError, SignatureError
from anchoring.reader import LogReader
from anchoring.scrub import Scrub
from api.anchor_setup import anchor_schedules, time_anchors
from api.database import standby_watch
from api.error import NotReadyError
from api.health import Health, ReadyCheck
from api.key_retention import LOOK_SECONDS, destroy_retired
from api.ledger_node import LedgerNode
from api.log_node import FollowedLog, LogNode, PublicLog
from api.own_audit import DIRECTORY, OwnAudits
from api.route.anchor import AnchorStanding
from ledger.application import Clock
from ledger.document import instant_text
from ledger.error import StorageError

if TYPE_CHECKING:
    from ledger.postgres_standby import StandbyWatch

SWITCH_SECONDS: Final = 0.001
"""How long a thread may keep the interpreter while others want it. With Python's own 5 ms, a request that takes 2 ms of
work waited for the sequencer and each projection in turn."""
FOLLOW: Final = "follow"
FIRST_PAUSE_SECONDS: Final = 0.2
LONGEST_PAUSE_SECONDS: Final = 30.0
ANCHOR_LOOK_SECONDS: Final = 2.0
CASCADE_SECONDS: Final = 5.0
"""Between two looks at what stacked awards have lost, whose deadline has passed, and what is left of an erasure."""
STANDBY_SECONDS: Final = 0.5
"""Between two looks whether the database has its standby: so long are writes let in that will wait."""
SCRUB_STEP_SECONDS: Final = 0.2
"""Between two steps of some 1,000 entries: a million entries are read again in three minutes, at 3 % of a core."""
FATAL: Final = (CorruptionError, ConflictError, SignatureError)


class EventLog(Protocol):
    """Where what happens is recorded. structlog's bound loggers fit."""

    def info(self, event: str, **fields: object) -> object:
        """Record that something happened."""

    def error(self, event: str, **fields: object) -> object:
        """Record that something went wrong."""


@dataclass(slots=True)
class Loop:
    """One background thread: ``step`` again and again, woken early by :meth:`wake`."""

    name: str
    step: Callable[[], None]
    pause_seconds: float
    log: EventLog
    error: str | None = None
    stopped: bool = False
    fatal: Exception | None = None
    _closing: threading.Event = field(default_factory=threading.Event)
    _woken: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name=f"cairn-{self.name}", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Let the next step begin now."""
        self._woken.set()

    def end(self) -> None:
        """Let the step at hand be the last."""
        self._closing.set()
        self._woken.set()

    def close(self) -> None:
        """Stop after the step at hand."""
        self.end()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        pause = self.pause_seconds
        while not self._closing.is_set():
            try:
                self.step()
            except FATAL as error:
                self.error, self.fatal, self.stopped = f"{type(error).__name__}: {error}", error, True
                self.log.error("loop_stopped", loop=self.name, error=self.error)  # noqa: TRY400  no traceback: the words say it all
                return
            except Exception as error:  # noqa: BLE001  storage or network: shown, and tried again
                self.error = f"{type(error).__name__}: {error}"
                self.log.error("loop_failed", loop=self.name, error=self.error)  # noqa: TRY400  the same
                pause = min(max(pause, FIRST_PAUSE_SECONDS) * 2, LONGEST_PAUSE_SECONDS)
            else:
                self.error, pause = None, self.pause_seconds
            self._woken.wait(pause)
            self._woken.clear()


class Background(Protocol):
    """What has a background: the parts of a process, of whatever role."""

    @property
    def parts(self) -> LedgerNode:
        """The write side."""

    @property
    def log(self) -> PublicLog:
        """The log, sequenced or followed here."""


class Runtime:
    """The background of one process.

    The process that sequences does all that one process does at a time: it publishes, cosigns, asks witnesses and time
    anchors, reads the log again, and looks after stacks that have lost a part. Any other follows the log.

    Args:
        node: The process's parts.
        clock: Present instant.
        log: Where what happens is recorded.
    """

    def __init__(self, node: Background, clock: Clock, log: EventLog) -> None:
        self._node = node
        self._log = log
        self._is_late = threading.Event()
        self._closing = threading.Event()
        settings = node.parts.settings
        anchors = time_anchors(node.parts, node.log, clock, self._sleep)
        schedules = anchor_schedules(anchors, timedelta(seconds=settings.anchor_interval_seconds))
        self._anchorer = Anchorer(anchors, node.log.store, clock, schedules=schedules)
        self._scrubbing = Scrub(self._published_reader, clock)
        self.audits = OwnAudits(
            settings.data_dir / DIRECTORY,
            node.parts.identity.base_url,
            lambda: node.log.keys.log.vkey,
            clock,
            longest=timedelta(seconds=settings.own_audit_seconds),
            pause=timedelta(seconds=settings.own_audit_pause_seconds),
        )
        self.loops = [
            Loop("keys", self._destroy_retired_keys, LOOK_SECONDS, log),
            Loop("erasures", node.parts.erasing.sweep_again, CASCADE_SECONDS, log),
        ]
        self.standby = standby_watch(node.parts.ledger.store, settings)
        if self.standby is not None:
            self.loops.append(Loop("standby", partial(self._watch_standby, self.standby), STANDBY_SECONDS, log))
        interval = settings.sequencing_interval_ms / 1000
        if isinstance(node.log, FollowedLog):
            self.loops.append(Loop(FOLLOW, node.log.follower.step, interval, log))
        if isinstance(node.log, LogNode):
            self.loops += self._sequencing(node.log, interval, settings.heartbeat_seconds)
            for anchor in anchors:  # a thread for each, so that one that hangs holds up none
                step = partial(self._anchor, anchor.name)
                self.loops.append(Loop(f"anchor {anchor.name}", step, ANCHOR_LOOK_SECONDS, log))

    def _sequencing(self, log: LogNode, interval: float, heartbeat_seconds: float) -> list[Loop]:
        loops = [
            Loop("sequencer", partial(self._sequence, log), interval, self._log),
            Loop("heartbeat", partial(self._heartbeat, log), heartbeat_seconds, self._log),
            Loop("scrub", self._scrub, SCRUB_STEP_SECONDS, self._log),
            Loop("cascade", self._cascade, CASCADE_SECONDS, self._log),
        ]
        if log.witnesses is not None:
            self._is_late.set()  # what came while the log was opened
            late = Loop("witnesses", partial(self._publish_late, log), heartbeat_seconds, self._log)
            log.witnesses.on_late = self._note_late(late)
            loops.append(late)
        return loops

    def start(self) -> None:
        """Start every loop."""
        sys.setswitchinterval(SWITCH_SECONDS)
        for loop in self.loops:
            loop.start()

    def close(self) -> None:
        """Stop every loop, all at once. A wait for blocks of a chain is given up: its fee was paid for nothing."""
        self._closing.set()
        self.audits.close()
        for loop in self.loops:
            loop.end()
        for loop in self.loops:
            loop.close()

    def stamp(self) -> list[AnchorAttempt]:
        """Ask every time anchor now that does not cover everything yet; blocks for as long as they take."""
        attempts = self._anchorer.run_once(at_once=True)
        self._report(attempts)
        return attempts

    def anchor_standing(self) -> list[AnchorStanding]:
        """How every configured time anchor stands."""
        return [
            AnchorStanding(
                one.name,
                one.kind,
                one.size,
                None if one.history.tried_at is None else instant_text(one.history.tried_at),
                one.history.failures,
                None if one.next_try is None else instant_text(one.next_try),
            )
            for one in self._anchorer.standing()
        ]

    def failures(self) -> list[str]:
        """What is wrong in the background at this moment, in words."""
        return [f"{loop.name}: {loop.error}" for loop in self.loops if loop.error is not None and loop.name != FOLLOW]

    def follow_check(self) -> ReadyCheck:
        """Say whether the log is followed. A store of tiles that is away for a while keeps nobody from issuing."""

        def look() -> Health:
            [loop] = [loop for loop in self.loops if loop.name == FOLLOW]
            return Health(ok=not loop.stopped, detail=loop.error or "The log is followed.")

        return ReadyCheck("log", look)

    def _watch_standby(self, watch: StandbyWatch) -> None:
        with suppress(StorageError):  # the check of the database says it
            if watch.step():
                self._log.info("standby", found=watch.found, words=watch.words())

    def lost(self) -> bool:
        """Whether another process has taken over from this one."""
        return any(isinstance(loop.fatal, ConflictError) for loop in self.loops)

    def _sequence(self, log: LogNode) -> None:
        begin = time.perf_counter()
        checkpoint = log.sequencer.sequence()
        if checkpoint is not None:
            took = round((time.perf_counter() - begin) * 1000, 1)
            withheld = log.sequencer.withheld_since is not None
            self._log.info("checkpoint", size=checkpoint.size, milliseconds=took, withheld=withheld)
            log.keep_state()

    def _heartbeat(self, log: LogNode) -> None:
        log.sequencer.heartbeat()
        for one in log.witnesses.standing() if log.witnesses is not None else ():
            if one.error is not None:
                self._log.error("witness_failed", witness=one.name, error=one.error)

    def _note_late(self, loop: Loop) -> Callable[[], None]:
        """Make what is called when a cosignature comes after its checkpoint was published, or withheld."""

        def late() -> None:
            self._is_late.set()
            loop.wake()

        return late

    def _publish_late(self, log: LogNode) -> None:
        """Publish what witnesses gave meanwhile."""
        if self._is_late.is_set():
            self._is_late.clear()
            log.sequencer.heartbeat(ask=False)

    def _scrub(self) -> None:
        self._scrubbing.step()

    def _cascade(self) -> None:
        for kind, count in self._node.parts.cascade.run().done.items():
            self._log.info("cascaded", step=kind, count=count)

    def _destroy_retired_keys(self) -> None:
        for key_id in destroy_retired(self._node.parts, self._node.parts.ledger.now(), os.urandom):
            self._log.info("key_destroyed", key=key_id)

    def _published_reader(self) -> LogReader | None:
        try:
            return self._node.log.published.snapshot().reader
        except NotReadyError:
            return None

    def _sleep(self, seconds: float) -> None:
        if self._closing.wait(seconds):
            raise AnchorError("the server is being stopped")

    def _anchor(self, name: str) -> None:
        self._report(self._anchorer.run_once(only=name))

    def _report(self, attempts: Sequence[AnchorAttempt]) -> None:
        for attempt in attempts:
            if attempt.error is None:
                self._log.info("anchored", anchor=attempt.name, size=attempt.size)
            else:
                self._log.error("anchor_failed", anchor=attempt.name, size=attempt.size, error=attempt.error)
