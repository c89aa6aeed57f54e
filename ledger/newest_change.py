"""When what was read lately had changed last: a command must not rest on what was recorded after its own instant.

A command takes its instant, then reads. What another one recorded in between it reads as well, a key that came into
force a moment later, say; its own event would then be older than what it follows from. Stored states do not say when
they came about, so it is noted when events are folded.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final, TypeVar
from uuid import UUID

from ledger.aggregate import Aggregate, fold
from ledger.event import DomainEvent

MAX_NOTED: Final = 8_192
"""Aggregates of which it is noted, some 2 MB; four times as many as are kept in memory. Those noted first make way."""

A = TypeVar("A", bound=Aggregate)


class NewestChanges:
    """Notes when aggregates changed last. Safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._noted: dict[UUID, datetime] = {}

    def noting(self, kind: type[A]) -> Callable[[A | None, Iterable[DomainEvent]], A | None]:
        """What :func:`ledger.aggregate.fold` makes, noting when the newest event was recorded."""
        project = fold(kind)

        def projecting(state: A | None, events: Iterable[DomainEvent]) -> A | None:
            read = list(events)
            if read:
                self._note(read[-1])
            return project(state, read)

        return projecting

    def of(self, aggregate_id: UUID) -> datetime | None:
        """When the newest event of an aggregate was recorded that was read, or None: then it was not read lately."""
        with self._lock:
            return self._noted.get(aggregate_id)

    def _note(self, newest: DomainEvent) -> None:
        recorded_at = newest.body.recorded_at
        with self._lock:
            before = self._noted.pop(newest.originator_id, recorded_at)  # whoever read it later may be here earlier
            self._noted[newest.originator_id] = max(before, recorded_at)
            if len(self._noted) > MAX_NOTED:
                del self._noted[next(iter(self._noted))]
