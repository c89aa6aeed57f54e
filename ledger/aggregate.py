"""What every aggregate has in common: an identity, a version, and a fold over its events.

An aggregate's state is a frozen struct. Commands are methods that decide and return event bodies; ``evolve`` takes an
event and never refuses, because history has happened: rules live in the commands alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Self, TypeVar
from uuid import UUID

import msgspec

from ledger.error import CorruptionError, NotFoundError
from ledger.event import DomainEvent, Event


class Aggregate(msgspec.Struct, frozen=True, kw_only=True):
    """State of one aggregate after ``version`` events."""

    id: UUID
    version: int

    @classmethod
    def can_begin(cls, body: Event) -> bool:  # noqa: ARG003  asked of those whose ids others may have too
        """Whether *body* is an event that such an aggregate's history begins with."""
        return True

    @classmethod
    def begin(cls, originator_id: UUID, body: Event) -> Self:
        """State after the first event."""
        raise NotImplementedError

    def evolve(self, body: Event) -> Self:
        """State after one more event; ``version`` is moved by :func:`fold`."""
        raise NotImplementedError

    def follow(self, *bodies: Event) -> list[DomainEvent]:
        """Put *bodies* into their places after this state."""
        return [DomainEvent(self.id, self.version + n, body) for n, body in enumerate(bodies, start=1)]


A = TypeVar("A", bound=Aggregate)


def fold(kind: type[A]) -> Callable[[A | None, Iterable[DomainEvent]], A | None]:
    """Make the projector that rebuilds an aggregate of *kind* from its events.

    Returns:
        A function (state or None, events) -> state, None when there was no event at all. It raises
        :class:`~ledger.error.CorruptionError` when versions have a gap, and :class:`~ledger.error.NotFoundError` when
        it is the history of something else.
    """

    def project(state: A | None, events: Iterable[DomainEvent]) -> A | None:
        for event in events:
            expected = 1 if state is None else state.version + 1
            if event.originator_version != expected:
                message = f"{event.originator_id}: version {event.originator_version} where {expected} was due"
                raise CorruptionError(message)
            if state is None:
                if not kind.can_begin(event.body):
                    message = f"{event.originator_id} is something else"
                    raise NotFoundError(message)
                state = kind.begin(event.originator_id, event.body)
            else:
                state = msgspec.structs.replace(state.evolve(event.body), version=expected)
        return state

    return project
