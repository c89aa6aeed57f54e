"""Processes that do one thing and answer nobody's questions but how they are: sequencers and projectors.

A sequencer that another one has replaced waits for its turn again. So two of them, started alike, are one that works
and one that takes over, for as long as they run. Damage is not waited for: readiness names it until somebody looks.
"""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from anchoring.error import ConflictError
from api.health import Health, ReadyCheck
from api.ledger_node import LedgerNode
from api.log_node import LogNode, oldest_unpublished, open_log
from api.runtime import FATAL, EventLog, Runtime
from api.view_node import ViewNode, projector_lock
from ledger.application import Clock

LOOK_SECONDS: Final = 0.1
RETRY_SECONDS: Final = 1.0
"""Pause after a failure of storage or network, before the next try to become the sequencer."""


@dataclass(frozen=True, slots=True)
class Sequencing:
    """The parts of a process while it sequences."""

    parts: LedgerNode
    log: LogNode


class SequencingWorker:
    """Waits until nobody continues the log, then does, until another one has taken over; and again.

    Args:
        parts: The ledger.
        clock: Present instant.
        log: Where what happens is recorded.

    Attributes:
        waits_for: What it waits for, in words, while it does not sequence.
        damage: Why it has stopped for good; None as long as it has not.
    """

    def __init__(self, parts: LedgerNode, clock: Clock, log: EventLog) -> None:
        self._parts = parts
        self._clock = clock
        self._log = log
        self._closing = threading.Event()
        self._runtime: Runtime | None = None
        self._opened: LogNode | None = None
        self._thread = threading.Thread(target=self._run, name="cairn-sequencing", daemon=True)
        self.waits_for = "the database"
        self._is_elsewhere = False
        self.damage: str | None = None

    def start(self) -> None:
        """Begin to wait."""
        self._thread.start()

    def close(self) -> None:
        """Stop after the step at hand, and let another process take over."""
        self._closing.set()
        self._thread.join()

    def check(self) -> ReadyCheck:
        """Say whether it sequences or waits. Waiting is no failure while somebody else sequences, and only then."""

        def look() -> Health:
            if self.damage is not None:
                return Health(ok=False, detail=f"Stopped: {self.damage}.")
            runtime = self._runtime
            if runtime is None:
                return Health(ok=self._is_elsewhere, detail=f"Waiting: {self.waits_for}.")
            failures = [*runtime.failures(), *self._unpublished()]
            return Health(ok=not failures, detail="; ".join(failures) or "Sequencing.")

        return ReadyCheck("sequencer", look)

    @property
    def is_active(self) -> bool:
        """Whether this process continues the log."""
        return self._runtime is not None

    def _unpublished(self) -> list[str]:
        """What is wrong if events have waited for too long to be published."""
        opened, limit = self._opened, self._parts.settings.ready_unpublished_seconds
        oldest = None if opened is None else oldest_unpublished(self._parts, opened.store)()
        waited = 0.0 if oldest is None else (self._parts.ledger.now() - oldest).total_seconds()
        return [] if waited <= limit else [f"{waited:.0f} seconds unpublished, at most {limit}"]

    def _run(self) -> None:
        while not self._closing.is_set() and self.damage is None:
            try:
                self._sequence(open_log(self._parts, self._clock))
            except ConflictError as error:
                self.waits_for, self._is_elsewhere = str(error), True
            except FATAL as error:
                self._stop(error)
            except Exception as error:  # noqa: BLE001  storage, network or settings: shown, and tried again
                self.waits_for, self._is_elsewhere = f"{type(error).__name__}: {error}", False
                self._log.error("takeover_failed", error=self.waits_for)
                self._closing.wait(RETRY_SECONDS)

    def _sequence(self, opened: LogNode) -> None:
        """Sequence until this process is closed, or another has taken over. Whatever is raised, nothing stays open."""
        began = time.monotonic()
        self._log.info("sequencing")
        with ExitStack() as stack:
            stack.callback(opened.close)
            runtime = Runtime(Sequencing(self._parts, opened), self._clock, self._log)
            stack.callback(runtime.close)
            runtime.start()
            self._opened, self._runtime = opened, runtime
            while not (self._closing.wait(LOOK_SECONDS) or runtime.lost()):
                pass
            self.waits_for, self._is_elsewhere = "another sequencer has taken over", True
            self._opened = self._runtime = None
        self._log.info("sequencing_ended", seconds=round(time.monotonic() - began, 1))

    def _stop(self, error: Exception) -> None:
        self.damage = f"{type(error).__name__}: {error}"
        self._log.error("sequencing_stopped", error=self.damage)


class ProjectingWorker:
    """Keeps the views of one data directory up to date, once no other projector does.

    Args:
        parts: The ledger.
        views: The views over it; its projector is not started yet.
        log: Where what happens is recorded.
    """

    def __init__(self, parts: LedgerNode, views: ViewNode, log: EventLog) -> None:
        self._views = views
        self._log = log
        self._lock = projector_lock(parts.settings.data_dir)
        self._closing = threading.Event()
        self._is_active = False
        self._thread = threading.Thread(target=self._run, name="cairn-projecting", daemon=True)

    def start(self) -> None:
        """Begin to wait."""
        self._thread.start()

    def close(self) -> None:
        """Stop after the batches at hand, and let others project."""
        self._closing.set()
        self._thread.join()
        if self._is_active:
            self._views.projector.close()
        self._lock.release()

    @property
    def is_active(self) -> bool:
        """Whether this process projects."""
        return self._is_active

    def largest_lag(self) -> float:
        """How many events the view is behind that is furthest behind."""
        return max((float(one.lag or 0) for one in self._views.projector.standing()), default=0.0)

    def check(self) -> ReadyCheck:
        """Say whether it projects or waits, and what is wrong."""

        def look() -> Health:
            if not self._is_active:
                return Health(ok=True, detail="Waiting: another projector keeps these views up to date.")
            wrong = [f"{one.name}: {one.error}" for one in self._views.projector.standing() if one.error is not None]
            return Health(ok=not wrong, detail="; ".join(wrong) or "Projecting.")

        return ReadyCheck("projector", look)

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                self._lock.acquire()
            except ConflictError:
                self._closing.wait(LOOK_SECONDS)
            else:
                self._log.info("projecting")
                self._views.projector.start()
                self._is_active = True
                return
