"""Folds: what every projection is, and how it reads an event's body.

A projection has a name, a version and a set of topics. Its ``apply`` is a pure function of the batch and the table: it
keeps nothing between calls, so a batch whose transaction was rolled back can simply be applied again. Topics that it
does not list are passed over unread. A version is raised whenever the same events would give other rows; views of
another version are rebuilt.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar, Protocol

from ledger.error import LedgerError
from ledger.event import Event, EventMapper
from projections.error import CorruptionError
from projections.source import Notification
from projections.table import Table


class Projection(Protocol):
    """A fold over events into one read model."""

    NAME: ClassVar[str]
    VERSION: ClassVar[int]
    TOPICS: ClassVar[frozenset[str]]

    def apply(self, batch: Sequence[Notification], table: Table) -> None:
        """Apply events, oldest first, to *table*.

        Raises:
            CorruptionError: An event cannot be read, or no rule of the ledger lets it happen.
        """
        ...


def read_body(mapper: EventMapper, event: Notification) -> Event:
    """Decode the body of *event*.

    Raises:
        CorruptionError: The stored bytes are not exactly such an event.
    """
    try:
        return mapper.decode(event.topic, event.state, event.position)
    except LedgerError as error:
        message = f"{error} (version {event.version} of {event.originator_id})"
        raise CorruptionError(message) from error


def read_bodies(
    mapper: EventMapper, batch: Iterable[Notification], topics: frozenset[str]
) -> Iterator[tuple[Notification, Event]]:
    """Pick the events of *topics* and decode their bodies, one at a time and in order.

    Raises:
        CorruptionError: See :func:`read_body`.
    """
    for event in batch:
        if event.topic in topics:
            yield event, read_body(mapper, event)


def refuse(event: Notification, why: str) -> CorruptionError:
    """Make the error for an event that cannot have happened."""
    place = f"{event.topic} of {event.originator_id} version {event.version} at position {event.position}"
    return CorruptionError(f"{place}: {why}")
