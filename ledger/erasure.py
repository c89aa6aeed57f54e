"""Aggregate ``Erasure``: that a learner's personal data was destroyed.

The event names no credential and no learner: its aggregate id is one random handle, so that the log says that an
erasure took place and when, and nothing else.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from ledger.aggregate import Aggregate
from ledger.event import DomainEvent, Event, Instant


class Erasure(Aggregate, frozen=True, kw_only=True):
    """State of an erasure: when it was done."""

    erased_at: Instant

    class Recorded(Event, frozen=True, kw_only=True):
        """A learner's key and salts were destroyed in the transaction that recorded this."""

        TOPIC: ClassVar[str] = "learner.erased.v1"
        recorded_at: Instant

    @classmethod
    def record(cls, *, handle: UUID, at: datetime) -> DomainEvent:
        """Record an erasure under its *handle*, which is random to all but the vault."""
        return DomainEvent(handle, 1, cls.Recorded(recorded_at=at))

    @classmethod
    def begin(cls, originator_id: UUID, body: Event) -> Erasure:
        """State after the erasure."""
        assert isinstance(body, cls.Recorded)  # noqa: S101  the mapper has checked the topic
        return cls(id=originator_id, version=1, erased_at=body.recorded_at)

    def evolve(self, body: Event) -> Erasure:  # noqa: ARG002  an erasure has one event only
        """An erasure has no second event."""
        return self


EVENTS: tuple[type[Event], ...] = (Erasure.Recorded,)
"""Every event of this aggregate."""
