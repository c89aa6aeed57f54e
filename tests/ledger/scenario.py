"""Given events, when a command, then events or an error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar
from uuid import UUID

import pytest

from ledger.aggregate import Aggregate, fold
from ledger.error import LedgerError
from ledger.event import DomainEvent, Event
from ledger.event_catalogue import make_mapper

A = TypeVar("A", bound=Aggregate)
IDENTITY = UUID("0197a6d0-0000-8000-8000-000000000001")


class Scenario(Generic[A]):
    """One history and one command on it.

    What is given and what is decided goes through the stored bytes, so that a rule never rests on what is not stored.
    """

    def __init__(self, kind: type[A], *given: Event) -> None:
        self._fold = fold(kind)
        self._given = [_stored(DomainEvent(IDENTITY, n, body)) for n, body in enumerate(given, start=1)]

    @property
    def state(self) -> A:
        state = self._fold(None, self._given)
        assert state is not None
        return state

    def when(self, command: Callable[[A], Sequence[DomainEvent]]) -> Decided[A]:
        return Decided(self._given, self._fold, lambda: command(self.state))


class Decided(Generic[A]):
    """A command that was given to an aggregate."""

    def __init__(
        self,
        given: list[DomainEvent],
        project: Callable[[A | None, Sequence[DomainEvent]], A | None],
        decide: Callable[[], Sequence[DomainEvent]],
    ) -> None:
        self._given, self._project, self._decide = given, project, decide

    def then(self, *expected: Event) -> A:
        """The command makes exactly *expected*; returns the state after them."""
        decided = [_stored(event) for event in self._decide()]
        assert [event.body for event in decided] == list(expected)
        after = self._project(None, [*self._given, *decided])
        assert after is not None
        assert after.version == len(self._given) + len(expected)
        return after

    def then_refused(self, error: type[LedgerError], match: str) -> None:
        with pytest.raises(error, match=match) as caught:
            self._decide()
        assert type(caught.value) is error


def _stored(event: DomainEvent) -> DomainEvent:
    mapper = make_mapper()
    stored: DomainEvent = mapper.to_domain_event(mapper.to_stored_event(event))
    assert stored == event
    return stored
