"""The projector: keeps every view up to date, each on a thread of its own.

Each thread applies what is new in batches, then sleeps until the ledger's commit hook wakes it, or until 100 ms have
passed and it is time to look for events of other processes. A projection that cannot go on stops with its error, which
readiness shows, and the others go on. An error of the source is taken to be passing: it is shown, and the thread tries
again.

Any number of processes may project the same views: each batch checks in its transaction that the view stands where the
batch begins, so nobody applies an event twice; who comes second reads the position again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Sequence
from typing import Final

import msgspec

from projections.error import RebuildRunningError, SourceError
from projections.source import EventSource, Notification
from projections.track import Track

__all__ = ["POLL_SECONDS", "Projector", "Standing", "Track"]

POLL_SECONDS: Final = 0.1
"""How soon an event of another process is noticed."""


class Standing(msgspec.Struct, frozen=True):
    """How one projection stands.

    Attributes:
        name: Its name.
        position: Position of the newest event applied, 0 before the first.
        lag: How far the position is behind the newest event; None when the source cannot be asked.
        rebuilding: Position that a running rebuild has reached, else None.
        error: Why it stopped, or what it is waiting to get over; None when all is well.
        stopped: Whether it has stopped for good.
    """

    name: str
    position: int
    lag: int | None
    rebuilding: int | None
    error: str | None
    stopped: bool


class Projector:
    """Keeps views up to date.

    Args:
        source: The events.
        tracks: The projections and their views.
        poll_seconds: How soon an event of another process is noticed.
        monotonic: Seconds of a clock that never goes back.
    """

    def __init__(
        self,
        source: EventSource,
        tracks: Sequence[Track],
        *,
        poll_seconds: float = POLL_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = _GuardedSource(source)
        self._tracks = tracks
        self._poll_seconds = poll_seconds
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._woken = 0
        self._closing = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(track,), name=f"project-{track.view.name}", daemon=True)
            for track in tracks
        ]

    def start(self) -> None:
        """Start projecting."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop after the batches at hand, give up rebuilds, and wait until the threads have ended."""
        self._closing.set()
        self._notify()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def wake(self, position: int) -> None:
        """Say that the store has events up to *position*: the ledger's commit hook. Returns at once."""
        with self._changed:
            self._woken = max(self._woken, position)
            self._changed.notify_all()

    def wait_for(self, position: int, timeout: float, names: Collection[str] | None = None) -> bool:
        """Wait until projections have applied every event up to *position*.

        Args:
            position: Position of an event.
            timeout: Seconds to wait at most.
            names: Which projections; None for all of them.

        Returns:
            Whether they have. False at once when one of them has stopped short of it.
        """
        tracks = [track for track in self._tracks if names is None or track.view.name in names]
        deadline = self._monotonic() + timeout
        with self._changed:
            while behind := [track for track in tracks if track.position < position]:
                remaining = deadline - self._monotonic()
                if remaining <= 0 or any(track.stopped for track in behind):
                    return False
                self._changed.wait(remaining)
        return True

    def standing(self) -> list[Standing]:
        """Say how each projection stands: for readiness and metrics."""
        try:
            newest = self._source.newest()
        except SourceError:
            newest = None
        return [
            Standing(
                track.view.name,
                track.position,
                None if newest is None else max(0, newest - track.position),
                track.rebuilding,
                track.error,
                track.stopped,
            )
            for track in self._tracks
        ]

    def catch_up(self) -> None:
        """Apply everything there is, on the calling thread: for commands, and for tests without :meth:`start`.

        Raises:
            ProjectionError: A projection cannot go on; those before it have caught up.
        """
        for track in self._tracks:
            track.prepare(self._source, self._closing)
            while track.advance(self._source):
                pass

    def _run(self, track: Track) -> None:
        prepared = False
        while not self._closing.is_set() and not track.stopped:
            more, woken = False, self._woken
            try:
                if not prepared:
                    track.prepare(self._source, self._closing)
                    prepared = True
                more = track.advance(self._source)
                track.error = None
            except (SourceError, RebuildRunningError) as error:
                track.error = str(error)
            except Exception as error:  # noqa: BLE001  whatever it is stops this projection and is shown
                track.error = f"{type(error).__name__}: {error}"
                track.stopped = True
            self._notify()
            if not more:
                self._sleep(woken)

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _sleep(self, woken: int) -> None:
        """Sleep until the commit hook names a position beyond *woken*, which was looked for, or it is time to look."""
        with self._changed:
            self._changed.wait_for(lambda: self._closing.is_set() or self._woken > woken, timeout=self._poll_seconds)


class _GuardedSource:
    """A source whose errors, whatever they are, come as :class:`SourceError`."""

    def __init__(self, source: EventSource) -> None:
        self._source = source

    def read(self, after: int, limit: int) -> Sequence[Notification]:
        try:
            return self._source.read(after, limit)
        except Exception as error:
            message = f"the source of events failed: {error}"
            raise SourceError(message) from error

    def newest(self) -> int:
        try:
            return self._source.newest()
        except Exception as error:
            message = f"the source of events failed: {error}"
            raise SourceError(message) from error
