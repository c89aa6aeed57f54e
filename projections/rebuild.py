"""Rebuilds: a view is folded again from the first event while the old generation goes on serving.

1. Take the right to make generations; clean up what an interrupted rebuild left.
2. Make an empty generation and apply all events to it, without flushing, and again those that came meanwhile.
3. Hold the old generation's write lock, so that nobody moves it, and apply what it has and the new one lacks.
4. Flush the new generation, close it, and let ``CURRENT`` name it.
5. Remove older generations that were retired long enough ago.

A crash anywhere before the rename in step 4 leaves the old generation serving, and a directory that the next rebuild or
start removes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import msgspec

from projections.error import CorruptionError
from projections.fold import Projection
from projections.generation import Generation, fingerprint, remove_generation
from projections.source import EventSource
from projections.view import GRACE_SECONDS, View

BATCH_EVENTS: Final = 5_000
"""Events a transaction. Source: performance notes; larger batches gain nothing."""

ROUNDS: Final = 3
"""How often to go as far as the store has come meanwhile before the lock is taken. Each round is short against the one
before it, and their number is fixed, so that a busy ledger does not keep a rebuild going for ever."""


class Progress(msgspec.Struct, frozen=True):
    """How far a rebuild has come: the view's name, the position reached, and the newest position there is."""

    name: str
    position: int
    newest: int


class Rebuilt(msgspec.Struct, frozen=True):
    """What a rebuild made: the view's name, the new generation, its position, and what was removed."""

    name: str
    generation: str
    position: int
    removed: tuple[str, ...]


def ignore_progress(progress: Progress) -> None:
    """Take no notice of *progress*."""


def rebuild(
    view: View,
    projection: Projection,
    source: EventSource,
    *,
    progress: Callable[[Progress], None] = ignore_progress,
    wall_clock: Callable[[], float] = time.time,
    grace_seconds: float = GRACE_SECONDS,
) -> Rebuilt:
    """Fold *projection* again from the first event and swap the result in.

    Args:
        view: The view of the projection, writable.
        projection: The fold.
        source: The events.
        progress: Told after each batch; what it raises ends the rebuild.
        wall_clock: POSIX seconds, on the clock that dates files.
        grace_seconds: How long retired generations stay.

    Raises:
        RebuildRunningError: Somebody else is rebuilding this view.
        CorruptionError: The events cannot be folded; the old generation serves on.
        ViewFullError: The memory map is used up; the old generation serves on.
    """
    with view.exclusive():
        view.clean(wall_clock(), grace_seconds)
        fresh = view.make_generation()
        try:
            _Builder(fresh, projection, source, progress).run(view)
        except BaseException:
            fresh.close()
            remove_generation(fresh.path)
            raise
        position = view.position()
        removed = view.clean(wall_clock(), grace_seconds)
        return Rebuilt(view.name, fresh.name, position, tuple(removed))


class _Builder:
    """Fills one new generation and swaps it in."""

    def __init__(
        self, fresh: Generation, projection: Projection, source: EventSource, progress: Callable[[Progress], None]
    ) -> None:
        self._fresh = fresh
        self._projection = projection
        self._source = source
        self._progress = progress
        self._position = 0

    def run(self, view: View) -> None:
        for _ in range(ROUNDS):
            self._reach(
                self._source.newest(), lambda newest: self._progress(Progress(view.name, self._position, newest))
            )
        if not view.ready:
            self._swap(view)
            return
        with view.write() as old:
            self._reach(old.tracking().position, lambda _: None)
            self._swap(view)

    def _reach(self, newest: int, reached: Callable[[int], None]) -> None:
        """Apply events as far as *newest*, or to the end of a source that does not reach that far."""
        while self._position < newest and (batch := self._source.read(self._position, BATCH_EVENTS)):
            self._fresh.apply(batch, self._projection.apply, after=self._position)
            self._position = batch[-1].position
            reached(newest)

    def _swap(self, view: View) -> None:
        self._fresh.flush()
        self._fresh.close()
        view.make_current(self._fresh.name)


def disagreement(view: View, source: EventSource) -> str | None:
    """Say why *view* cannot have come from *source*, or return None when it can.

    A store that was restored from an older backup lacks the newest events that the view has seen, or has others in
    their places. Only the newest applied event is compared.

    Raises:
        CorruptionError: The source gives events at or below the position it was asked to start after.
    """
    tracking = view.tracking()
    if tracking.position == 0:
        return None
    if tracking.position > (newest := source.newest()):
        return f"the view has seen event {tracking.position}, and the store ends at {newest}"
    found = source.read(tracking.position - 1, 1)
    if not found or found[0].position < tracking.position:
        message = f"the store gives no event after position {tracking.position - 1}"
        raise CorruptionError(message)
    if fingerprint(found[0]) != tracking.fingerprint:
        return f"the store holds another event at position {tracking.position} than the view has seen"
    return None
