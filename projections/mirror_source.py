"""The events of a log that somebody else writes, read from a verified copy of its tiles.

The entries of the log are the stored events, so a node without the event store folds the very same bytes. Positions are
indexes of the log plus one. Entries that the log made itself (state commitments, time anchors) are given out as well:
no projection lists their topics, and positions have no gaps.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from anchoring.checkpoint import Checkpoint
from anchoring.entry import split_entry
from anchoring.reader import LogReader
from projections.source import Notification


class MirrorSource:
    """A projection's ``EventSource`` over the copy of a log.

    Args:
        read_tile: Gives the bytes at a path of the copy.
    """

    def __init__(self, read_tile: Callable[[str], bytes | None]) -> None:
        self._read_tile = read_tile
        self._lock = threading.Lock()
        self._reader: LogReader | None = None

    def advance(self, checkpoint: Checkpoint) -> None:
        """Give out entries up to *checkpoint*, which is durable in the copy and was verified with all below it."""
        with self._lock:
            self._reader = LogReader(self._read_tile, checkpoint)

    def read(self, after: int, limit: int) -> Sequence[Notification]:
        """Return at most *limit* events with a position above *after*, in order; each is hashed again.

        Raises:
            anchoring.error.CorruptionError: The copy was damaged since it was made.
            anchoring.error.MalformedError: An entry is not framed as entries are.
        """
        reader = self._reader
        size = 0 if reader is None else reader.checkpoint.size
        if reader is None or after >= size:
            return []
        framed = reader.entries(after, min(after + limit, size))
        return [_notification(position, entry) for position, entry in enumerate(framed, start=after + 1)]

    def newest(self) -> int:
        """Return the position of the newest event, 0 when there is none."""
        reader = self._reader
        return 0 if reader is None else reader.checkpoint.size


def _notification(position: int, framed: bytes) -> Notification:
    topic, originator, version, body = split_entry(framed)
    return Notification(position, originator, version, topic, body)
