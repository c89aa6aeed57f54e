"""Makes the log feed again from the stored events and compares it with what the log has published.

The feed stores nothing: each entry is a function of one event's stored bytes. What there is to rebuild are the entries,
and what they have to be is in the log already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from anchoring.checkpoint import parse_checkpoint
from anchoring.note import parse_note
from anchoring.reader import LogReader
from anchoring.storage import TileStore
from projections.log_feed import LogFeed
from projections.source import EventSource

NAME: Final = "log_feed"
PAGE: Final = 5_000
SHOWN: Final = 20
"""Differences that are named; the rest is counted."""
_OF_THE_LOG_ITSELF: Final = b"cairn-entry/v1\nlog."


class FeedComparison(msgspec.Struct, frozen=True, kw_only=True):
    """What making the feed again has shown.

    Attributes:
        name: ``log_feed``.
        position: Position of the newest event.
        entries: Entries made from events.
        published: How many of them the log has; the others come with its next checkpoint.
        differences: Entries that are not what the log holds in their place, and published ones without an event.
        positions: Positions of the first of them.
    """

    name: str
    position: int
    entries: int
    published: int
    differences: int
    positions: list[int]

    def text(self) -> str:
        """The outcome in a line."""
        made = f"{self.name}: {self.entries:,} entries made again from the events, {self.published:,} of them published"
        if not self.differences:
            return f"{made}, all alike"
        named = ", ".join(map(str, self.positions))
        return f"✗ {made}, {self.differences:,} not alike: event {named}. Run «cairn fsck»"


def compare_feed(source: EventSource, log: TileStore, progress: Callable[[int], None]) -> FeedComparison:
    """Frame every event again and compare it with its entry in the log.

    Args:
        source: The events; more may be recorded meanwhile.
        log: The log's tiles.
        progress: Told how many entries were made.

    Raises:
        anchoring.error.AnchoringError: The log's tiles are damaged.
    """
    feed, logged = LogFeed(source), logged_events(log)
    position = entries = published = 0
    different: list[int] = []
    while items := feed.read(position, PAGE):
        for item in items:
            entry = next(logged, None)
            published += entry is not None
            if entry is not None and entry != item.entry:
                different.append(item.position)
        entries += len(items)
        position = items[-1].position
        progress(entries)
    lost = sum(1 for _ in logged)
    return FeedComparison(
        name=NAME,
        position=position,
        entries=entries,
        published=published,
        differences=len(different) + lost,
        positions=[*different, *range(position + 1, position + 1 + min(lost, SHOWN))][:SHOWN],
    )


def logged_events(tiles: TileStore) -> Iterator[bytes]:
    """Entries of the published log that stand for events, in order.

    Raises:
        anchoring.error.AnchoringError: The log's tiles are damaged.
    """
    note = tiles.read("checkpoint")
    if note is None:
        return
    for entry in LogReader(tiles.read, parse_checkpoint(parse_note(note).text)).entries():
        if not entry.startswith(_OF_THE_LOG_ITSELF):
            yield entry
