"""Awards that stand in the log after one of a later instant, as commands that run at once leave them.

Also those whose id does not begin with the instant at which they were made. Rows of 40 bytes are kept in sorted runs of
bytes. What is late is late by little, so it nearly always goes to the end of the one run there is; what does not is
merged, or begins a run of its own.
"""

from __future__ import annotations

import heapq
import struct
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

ROW: Final = struct.Struct(">16sQQq")
"""Aggregate id, place (block and 17 bits of index), log index, beginning of validity in milliseconds."""
PLACE_BITS: Final = 17
ROW_BYTES: Final = ROW.size
KEY_BYTES: Final = 16
MERGED_ROWS: Final = 20_000
"""An overlap up to here is merged into the run; a longer one would be moved too often."""
MAX_RUNS: Final = 16


class Place(msgspec.Struct, frozen=True):
    """What is known of an award: block and index of its bits, log index, validity in milliseconds since 1970."""

    block: int
    index: int
    entry: int
    valid_from: int


class LateAwards:
    """Awards by aggregate id. Not safe for concurrent use.

    Args:
        runs: Sorted rows that :meth:`runs` gave out before.
    """

    def __init__(self, runs: Sequence[bytes] = ()) -> None:
        self._runs = [bytearray(run) for run in runs]

    def __len__(self) -> int:
        """How many awards there are."""
        return sum(len(run) for run in self._runs) // ROW_BYTES

    def runs(self) -> list[bytes]:
        """Return all rows, as sorted runs."""
        return [bytes(run) for run in self._runs]

    def add(self, rows: bytes) -> bool:
        """Take in sorted rows without repetition, all of them, or none when one of the ids is there already."""
        if not rows:
            return True
        if any(_clash(run, rows) for run in self._runs):
            return False
        for run in self._runs:
            at = _lower(run, rows[:KEY_BYTES])
            if (len(run) - at) // ROW_BYTES <= MERGED_ROWS:
                if len(rows) == ROW_BYTES:
                    run[at:at] = rows
                    return True
                later = _lower(rows, bytes(run[-ROW_BYTES:][:KEY_BYTES])) if at < len(run) else 0
                run[at:] = _merged(bytes(run[at:]), rows[:later]) + rows[later:]
                return True
        self._runs.append(bytearray(rows))
        if len(self._runs) > MAX_RUNS:
            self._runs = [bytearray(b"".join(heapq.merge(*(_rows(run) for run in self._runs))))]
        return True

    def find(self, identity: bytes) -> Place | None:
        """Return what is known of the award with that id (16 bytes), or None."""
        for run in self._runs:
            at = _lower(run, identity)
            if run[at : at + KEY_BYTES] == identity:
                return _place(run[at : at + ROW_BYTES])
        return None

    def items(self) -> Iterator[tuple[bytes, Place]]:
        """Yield every award in order of id."""
        for row in heapq.merge(*(_rows(run) for run in self._runs)):
            yield bytes(row[:KEY_BYTES]), _place(row)


def _rows(run: bytearray) -> Iterator[bytes]:
    return (bytes(run[at : at + ROW_BYTES]) for at in range(0, len(run), ROW_BYTES))


def _merged(left: bytes, right: bytes) -> bytes:
    both = left + right
    return b"".join(sorted(both[at : at + ROW_BYTES] for at in range(0, len(both), ROW_BYTES)))


def _clash(run: bytearray, rows: bytes) -> bool:
    """Whether an id of *rows* is in *run* already."""
    begin = _lower(run, rows[:KEY_BYTES])
    if begin == len(run):
        return False
    end = _lower(run, rows[-ROW_BYTES:][:KEY_BYTES]) + ROW_BYTES
    later = _lower(rows, bytes(run[-ROW_BYTES:][:KEY_BYTES])) + ROW_BYTES
    keys = _keys(rows[:later])
    if end - begin <= MERGED_ROWS * ROW_BYTES:
        return not keys.isdisjoint(_keys(run[begin:end]))
    return any(run[(found := _lower(run, key)) : found + KEY_BYTES] == key for key in keys)


def _keys(rows: bytes | bytearray) -> set[bytes]:
    return {bytes(rows[at : at + KEY_BYTES]) for at in range(0, len(rows), ROW_BYTES)}


def _lower(run: bytes | bytearray, wanted: bytes) -> int:
    """Return where the first row with an id of at least *wanted* begins."""
    low, high = 0, len(run) // ROW_BYTES
    if high and run[-ROW_BYTES:][:KEY_BYTES] < wanted:
        return len(run)
    while low < high:
        middle = (low + high) // 2
        at = middle * ROW_BYTES
        if run[at : at + KEY_BYTES] < wanted:
            low = middle + 1
        else:
            high = middle
    return low * ROW_BYTES


def _place(row: bytes | bytearray) -> Place:
    _, place, entry, valid_from = ROW.unpack(row)
    return Place(place >> PLACE_BITS, place & ((1 << PLACE_BITS) - 1), entry, valid_from)
