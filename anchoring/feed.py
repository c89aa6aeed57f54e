"""What the sequencer is fed: entries in order, and the state that they add up to. Two ports."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class FeedItem(NamedTuple):
    """One entry to log: its position in the feed (at least 1) and its framed bytes."""

    position: int
    entry: bytes


class EntryFeed(Protocol):
    """The committed events, framed as entries, in their one order.

    Durability: an item that was returned once is returned for ever, with the same bytes.
    Consistency: positions strictly increase and may have gaps; no item ever appears below one
    that was already returned.
    Concurrency: called by the sequencer alone. Retries: reads are free of effects.
    """

    def read(self, after: int, limit: int) -> Sequence[FeedItem]:
        """Return up to `limit` items with positions above `after` (0: from the start)."""


class StateCommitter(Protocol):
    """Folds log entries and commits to the result.

    Durability: none is asked for; `covered` says where replay must begin. An implementation that
    keeps its state must not keep it ahead of the published log.
    Consistency: a pure function of the entries: the same ones give the same commitment, however
    they are divided among the calls.
    Concurrency: called by the sequencer alone.
    Retries: `commit` takes in all entries or, if it raises, none.
    """

    def commit(self, entries: Sequence[bytes], covered_size: int) -> bytes:
        """Take in entries and return the framed state commitment that covers them.

        Args:
            entries: All entries appended since the last call, events and anchor records in log
                order, without the state commitments between them.
            covered_size: Number of entries in the log before the commitment, all kinds counted;
                it is the commitment's index.
        """

    def covered(self) -> int:
        """Return the covered_size of the last commit; 0 before the first."""
