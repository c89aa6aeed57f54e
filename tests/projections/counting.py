"""A projection that is easy to predict, and a source of events for it that needs no memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar
from uuid import UUID

from projections.source import Notification
from projections.table import Table
from projections.view import View

MAP_BYTES = 32 << 20


class Counting:
    """Keeps each event's state under its position, and how many events there were under ``count``."""

    NAME: ClassVar[str] = "counting"
    VERSION: ClassVar[int] = 1
    TOPICS: ClassVar[frozenset[str]] = frozenset({"thing.happened.v1"})

    def apply(self, batch: Sequence[Notification], table: Table) -> None:
        """Count *batch*."""
        count = int(table.get(b"count") or b"0")
        for event in batch:
            table.put(event.position.to_bytes(8), event.state)
        table.put(b"count", str(count + len(batch)).encode())


class CountingAnew(Counting):
    """The same projection, one version on."""

    VERSION: ClassVar[int] = 2


class Numbers:
    """Events 1 to *size*, made when they are read."""

    def __init__(self, size: int, state: Callable[[int], bytes] = lambda position: b"%d" % position) -> None:
        self.size = size
        self.reads = 0
        self._state = state

    def read(self, after: int, limit: int) -> Sequence[Notification]:
        """See the port."""
        self.reads += 1
        last = min(self.size, after + limit)
        return [
            Notification(position, UUID(int=position).bytes, 1, "thing.happened.v1", self._state(position))
            for position in range(after + 1, last + 1)
        ]

    def newest(self) -> int:
        """See the port."""
        return self.size


def open_view(directory: Path, version: int = 1, *, writable: bool = True, map_bytes: int = MAP_BYTES) -> View:
    """Open the view of :class:`Counting`."""
    return View(directory, Counting.NAME, version, writable=writable, map_bytes=map_bytes)


def fill(view: View, source: Numbers, limit: int = 5_000) -> None:
    """Apply everything that *view* has not seen."""
    while batch := source.read(position := view.position(), limit):
        view.apply(batch, Counting().apply, after=position)
