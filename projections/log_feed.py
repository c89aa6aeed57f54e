"""The log feed: every stored event as a log entry, its bytes verbatim, in the order of the store.

What the event store holds is what the log commits to: the state is framed and never parsed.
"""

from __future__ import annotations

from collections.abc import Sequence

from anchoring.entry import frame_entry
from anchoring.feed import FeedItem
from projections.source import EventSource


class LogFeed:
    """Frames a source's events as entries; anchoring's ``EntryFeed``.

    Positions are the source's. Retries and concurrency are the source's as well.

    Args:
        source: The events.
    """

    def __init__(self, source: EventSource) -> None:
        self._source = source

    def read(self, after: int, limit: int) -> Sequence[FeedItem]:
        """Return at most *limit* entries with a position above *after*, in order.

        Raises:
            MalformedError: A topic or version that no entry can carry.
            EntryTooLargeError: An event that is too large for the log; the ledger refuses to write one.
        """
        return [
            FeedItem(event.position, frame_entry(event.topic, event.originator, event.version, event.state))
            for event in self._source.read(after, limit)
        ]
