"""Aggregates that have one event only, submissions and erasures: no id may come twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

BUCKETS: Final = 256
KEY_BYTES: Final = 16
ROW_BYTES: Final = 22
"""Aggregate id (16), log index (6)."""


class OnceTable:
    """Ids that must not come twice, by their first byte, so that a search sees a 256th of them at a time.

    Args:
        buckets: What :meth:`buckets` gave out before.
    """

    def __init__(self, buckets: Sequence[bytes] = (b"",) * BUCKETS) -> None:
        self._buckets = [bytearray(bucket) for bucket in buckets]

    def add(self, rows: bytes) -> None:
        """Add rows of id and log index."""
        for at in range(0, len(rows), ROW_BYTES):
            self._buckets[rows[at]] += rows[at : at + ROW_BYTES]

    def buckets(self) -> list[bytes]:
        """Return everything."""
        return [bytes(bucket) for bucket in self._buckets]

    def items(self) -> Iterator[tuple[bytes, int]]:
        """Yield ids and log indexes."""
        for bucket in self._buckets:
            for at in range(0, len(bucket), ROW_BYTES):
                yield bytes(bucket[at : at + KEY_BYTES]), int.from_bytes(bucket[at + KEY_BYTES : at + ROW_BYTES])

    def twice(self) -> Iterator[tuple[bytes, int]]:
        """Yield ids that came more than once, with the log index of each further time."""
        for bucket in self._buckets:
            seen: set[bytes] = set()
            for at in range(0, len(bucket), ROW_BYTES):
                key = bytes(bucket[at : at + KEY_BYTES])
                if key in seen:
                    yield key, int.from_bytes(bucket[at + KEY_BYTES : at + ROW_BYTES])
                seen.add(key)
