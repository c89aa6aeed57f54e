"""A track: one projection, its view, and how far they have come together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from projections.error import PositionMovedError, RebuildRunningError, RebuildStoppedError
from projections.fold import Projection
from projections.rebuild import BATCH_EVENTS, Progress, disagreement, rebuild
from projections.source import EventSource
from projections.view import GRACE_SECONDS, View


class Track:
    """One projection and its view. ``advance`` and ``prepare`` belong to one thread; the attributes may be read by all.

    Args:
        view: The view, writable.
        projection: The fold of the same name and version.
        wall_clock: POSIX seconds, on the clock that dates files.

    Attributes:
        position: Position of the newest event known to be applied, 0 before the first.
        brought: How far this process has brought the view; another one may have gone on from there.
        rebuilding: Position that a running rebuild has reached, else None.
        error: Why the projection stopped or waits, else None.
        stopped: Whether it has stopped for good.
    """

    def __init__(self, view: View, projection: Projection, *, wall_clock: Callable[[], float] = time.time) -> None:
        if (view.name, view.version) != (projection.NAME, projection.VERSION):
            msg = f"view {view.name} version {view.version} is not of {projection.NAME} version {projection.VERSION}"
            raise ValueError(msg)
        self.view: Final = view
        self.projection: Final = projection
        self._wall_clock = wall_clock
        self._tidied = 0.0
        self.position = self.brought = 0
        self.rebuilding: int | None = None
        self.error: str | None = None
        self.stopped = False

    def prepare(self, source: EventSource, closing: threading.Event) -> None:
        """Rebuild the view if this code cannot read it, or if it has seen what the store does not hold.

        Args:
            source: The events.
            closing: Set when a rebuild is to be given up.

        Raises:
            RebuildRunningError: Another process is rebuilding it.
            RebuildStoppedError: *closing* was set.
            ProjectionError: It cannot be rebuilt.
        """

        def note(progress: Progress) -> None:
            self.rebuilding = progress.position
            if closing.is_set():
                message = f"the rebuild of {progress.name} was given up at position {progress.position}"
                raise RebuildStoppedError(message)

        if not self.view.ready or disagreement(self.view, source) is not None:
            try:
                done = rebuild(self.view, self.projection, source, progress=note, wall_clock=self._wall_clock)
            finally:
                self.rebuilding = None
            self.brought = done.position
        self.position = self.view.position()

    def advance(self, source: EventSource) -> bool:
        """Apply the next batch; return whether there was one.

        Raises:
            ProjectionError: The projection cannot go on.
        """
        after = self.position = self.view.position()
        batch = source.read(after, BATCH_EVENTS)
        if not batch:
            self._tidy()
            return False
        with suppress(PositionMovedError):
            self.view.apply(batch, self.projection.apply, after=after)
            self.position = self.brought = batch[-1].position
        return True

    def _tidy(self) -> None:
        """Remove what the dead and the retired left behind, once a grace, when there is nothing else to do."""
        now = self._wall_clock()
        if now - self._tidied >= GRACE_SECONDS:
            self._tidied = now
            self.view.release_dead_readers()
            with suppress(RebuildRunningError), self.view.exclusive(patience_seconds=0):
                self.view.clean(now)
