"""Port ``EventSource``: where the projections get the events from, in the order in which they happened.

The embedded ledger's adapter is :class:`LedgerSource`. A node that follows a ledger over its public tiles brings
another one, whose positions are indexes of the log.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

import msgspec

from ledger.application import Ledger


class Notification(msgspec.Struct, frozen=True, gc=False):
    """One stored event and its place in the order of all events.

    Attributes:
        position: From 1, strictly increasing, perhaps with gaps.
        originator: The aggregate's id, 16 bytes.
        version: The event's number within its aggregate, from 1.
        topic: Which kind of event.
        state: The stored bytes, verbatim.
    """

    position: int
    originator: bytes
    version: int
    topic: str
    state: bytes

    @property
    def originator_id(self) -> UUID:
        """The aggregate."""
        return UUID(bytes=self.originator)


class EventSource(Protocol):
    """Events by position.

    Durability: an event that was given out once is never withdrawn or changed, unless the store is restored from an
    older backup; views notice that when they are opened. Consistency: no event appears later at a position below one
    that was already given out. Concurrency: called from several threads at once. Retries: any exception is taken to be
    passing, and the same call is made again later.
    """

    def read(self, after: int, limit: int) -> Sequence[Notification]:
        """Return at most *limit* events with a position above *after*, in order; empty when there are none."""
        ...

    def newest(self) -> int:
        """Return the position of the newest event, 0 when there is none."""
        ...


class LedgerSource:
    """The events of a ledger's own store."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def read(self, after: int, limit: int) -> Sequence[Notification]:
        """Return at most *limit* events with a position above *after*, in order."""
        return [Notification(*row) for row in self._ledger.store.select_rows(after, limit)]

    def newest(self) -> int:
        """Return the position of the newest event, 0 when there is none."""
        return self._ledger.newest()
