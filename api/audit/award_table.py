"""Every award that a log issued: where its status bits are, which entry issued it, from when it holds.

Award ids begin with the instant of issue, and awards stand in the log nearly in the order of their instants. So they
are kept in columns as they come, 20 bytes each, and a run of awards that share an instant costs 36 more; an instant
finds its runs by bisection. An award whose instant is before one that is there already goes to the late ones, which
are kept sorted (:class:`~api.audit.late_award.LateAwards`); so does one whose id begins with no instant at all, as
those of parts do, for it might look later than everything that is still to come.
"""

from __future__ import annotations

import heapq
import struct
import sys
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import accumulate, pairwise
from typing import Final

import msgspec

from api.audit.late_award import KEY_BYTES, PLACE_BITS, ROW, LateAwards, Place
from api.audit.stretch import RUN, AwardFacts

INSTANT_BYTES: Final = 6
INSTANTS: Final = 1 << 48
SEARCHED: Final = 4_096
"""Awards of one instant up to which they are searched from end to end; of more, the order is worked out and kept, and
only as many that came since are searched like that."""
_Run = tuple[int, int, int, int, int]


class KeptAwards(msgspec.Struct, array_like=True):
    """A table as it is kept: its columns, numbers little endian, and the sorted runs of the late ones."""

    ids: bytes
    places: bytes
    times: bytes
    starts: bytes
    entries: bytes
    blocks: bytes
    begins: bytes
    late: list[bytes]


class AwardTable:
    """Awards by aggregate id. Not safe for concurrent use."""

    def __init__(self) -> None:
        self._ids = bytearray()
        self._places = array("I")
        self._times = array("Q")
        self._starts = array("Q")
        self._entries = array("Q")
        self._blocks = array("I")
        self._begins = array("q")
        self._late = LateAwards()
        self._early: set[int] = set()
        self._newest: set[bytes] | None = None
        self._order: tuple[int, int, list[int]] = (0, 0, [])

    def __len__(self) -> int:
        """How many awards there are."""
        return len(self._places) + len(self._late)

    def kept(self) -> KeptAwards:
        """Return everything, to be kept."""
        return KeptAwards(
            ids=bytes(self._ids),
            places=_little(self._places).tobytes(),
            times=_little(self._times).tobytes(),
            starts=_little(self._starts).tobytes(),
            entries=_little(self._entries).tobytes(),
            blocks=_little(self._blocks).tobytes(),
            begins=_little(self._begins).tobytes(),
            late=self._late.runs(),
        )

    @classmethod
    def from_kept(cls, kept: KeptAwards) -> AwardTable:
        """Make the table of which :meth:`kept` returned this."""
        table = cls()
        table._ids = bytearray(kept.ids)
        table._places = _column("I", kept.places)
        table._times = _column("Q", kept.times)
        table._starts = _column("Q", kept.starts)
        table._entries = _column("Q", kept.entries)
        table._blocks = _column("I", kept.blocks)
        table._begins = _column("q", kept.begins)
        table._late = LateAwards(kept.late)
        newest = table._times[-1] if table._times else -1
        instants = (int.from_bytes(identity[:INSTANT_BYTES]) for identity, _ in table._late.items())
        table._early = {time for time in instants if time >= newest}
        return table

    def add(self, awards: AwardFacts) -> bool:
        """Take in awards, all of them, or none when one of the ids is there already."""
        if not awards.runs:
            return True
        runs = list(RUN.iter_unpack(awards.runs))
        newest, places = self._times[-1] if self._times else -1, _column("I", awards.places)
        spans = list(pairwise(accumulate((run[2] for run in runs), initial=0)))
        times = [run[0] for run in runs]
        if times[0] >= newest and times == sorted(times) and self._early.isdisjoint(times):
            return self._add_ordered(runs, spans, awards.ids, places)
        ids = [awards.ids[start * KEY_BYTES : end * KEY_BYTES] for start, end in spans]
        doubtful = [own for run, own in zip(runs, ids, strict=True) if run[0] <= newest or run[0] in self._early]
        if any(self.find(identity) is not None for own in doubtful for identity in _keys(own)):
            return False
        for run, own, (start, end) in zip(runs, ids, spans, strict=True):
            self._append(run, own, places[start:end])
        return True

    def _add_ordered(self, runs: list[_Run], spans: list[tuple[int, int]], ids: bytes, places: array[int]) -> bool:
        """Take in runs that are in the order of their instants, and none before what is there."""
        newest, known = self._times[-1] if self._times else -1, len(self._places)
        again = bisect_right(runs, newest, key=lambda run: run[0])
        if again and self._clash(ids[: spans[again - 1][1] * KEY_BYTES]):
            return False
        for run, (start, end) in zip(runs[:again], spans, strict=False):
            self._append(run, ids[start * KEY_BYTES : end * KEY_BYTES], places[start:end])
        if again == len(runs):
            return True
        self._newest = None
        start = spans[again][0]
        times, entries, _, blocks, begins = zip(*runs[again:], strict=True)
        self._times.extend(times)
        self._starts.extend([known + begin for begin, _ in spans[again:]])
        self._entries.extend(entries)
        self._blocks.extend(blocks)
        self._begins.extend(begins)
        self._ids += ids[start * KEY_BYTES :]
        self._places += places[start:]
        return True

    def add_one(self, identity: bytes, place: Place, made_at: int) -> None:
        """Take in one award that was made at an instant (milliseconds); its id (16 bytes) is not there yet."""
        time = int.from_bytes(identity[:INSTANT_BYTES])
        if time == made_at % INSTANTS:
            self._append((time, place.entry, 1, place.block, place.valid_from), identity, array("I", [place.index]))
            return
        if not self._times or time >= self._times[-1]:
            self._early.add(time)
        self._late.add(ROW.pack(identity, place.block << PLACE_BITS | place.index, place.entry, place.valid_from))

    def find(self, identity: bytes) -> Place | None:
        """Return what is known of the award with that id (16 bytes), or None."""
        time = int.from_bytes(identity[:INSTANT_BYTES])
        low, high = bisect_left(self._times, time), bisect_right(self._times, time)
        if low < high:
            start = self._starts[low]
            end = self._starts[high] if high < len(self._starts) else len(self._places)
            at = self._search(identity, start, end)
            if at is not None:
                return self._place(at, bisect_right(self._starts, at, low, high) - 1)
        return self._late.find(identity)

    def items(self) -> Iterator[tuple[bytes, Place]]:
        """Yield every award in order of id."""
        yield from heapq.merge(self._ordered(), self._late.items(), key=lambda item: item[0])

    def _ordered(self) -> Iterator[tuple[bytes, Place]]:
        begin = 0
        while begin < len(self._times):
            after = bisect_right(self._times, self._times[begin])
            found = []
            for run in range(begin, after):
                end = self._starts[run + 1] if run + 1 < len(self._starts) else len(self._places)
                found += [(self._id(at), self._place(at, run)) for at in range(self._starts[run], end)]
            found.sort(key=lambda item: item[0])
            yield from found
            begin = after

    def _id(self, at: int) -> bytes:
        return bytes(self._ids[at * KEY_BYTES : (at + 1) * KEY_BYTES])

    def _place(self, at: int, run: int) -> Place:
        entry = self._entries[run] + at - self._starts[run]
        return Place(self._blocks[run], self._places[at], entry, self._begins[run])

    def _search(self, identity: bytes, start: int, end: int) -> int | None:
        """Find an id among those of one instant."""
        if end - start > SEARCHED:
            ordered = self._ordered_up_to(start, end)
            at = self._bisect(identity)
            return self._search(identity, ordered, end) if at is None and ordered < end else at
        at = self._ids.find(identity, start * KEY_BYTES, end * KEY_BYTES)
        while at >= 0 and at % KEY_BYTES:
            at = self._ids.find(identity, at + 1, end * KEY_BYTES)
        return at // KEY_BYTES if at >= 0 else None

    def _ordered_up_to(self, start: int, end: int) -> int:
        """Have the order of very many awards of one instant, and say up to where; few that came since are left out."""
        first, last, order = self._order
        if first != start or last > end:
            last, order = start, []
        if end - last > SEARCHED:
            order.extend(range(last, end))
            order.sort(key=self._id)  # what was in order is passed over quickly
            last = end
        self._order = (start, last, order)
        return last

    def _bisect(self, identity: bytes) -> int | None:
        """Find an id among those that are in order."""
        order = self._order[2]
        found = bisect_left(order, identity, key=self._id)
        return order[found] if found < len(order) and self._id(order[found]) == identity else None

    def _clash(self, ids: bytes) -> bool:
        """Whether one of *ids*, which are of the newest instant, is there already."""
        if self._newest is None:
            first = self._starts[bisect_left(self._times, self._times[-1])]
            self._newest = set(_keys(self._ids[first * KEY_BYTES :]))
        return not self._newest.isdisjoint(_keys(ids))

    def _append(self, run: _Run, ids: bytes, places: array[int]) -> None:
        time, entry, _, block, begin = run
        newest = self._times[-1] if self._times else -1
        if time < newest:
            rows = (
                ROW.pack(ids[at * KEY_BYTES : (at + 1) * KEY_BYTES], block << PLACE_BITS | place, entry + at, begin)
                for at, place in enumerate(places)
            )
            self._late.add(b"".join(sorted(rows)))
            return
        if time > newest:
            self._newest = None
        elif self._newest is not None:
            self._newest.update(_keys(ids))
        if time != newest or not self._goes_on(entry, block, begin):
            self._times.append(time)
            self._starts.append(len(self._places))
            self._entries.append(entry)
            self._blocks.append(block)
            self._begins.append(begin)
        self._ids += ids
        self._places += places

    def _goes_on(self, entry: int, block: int, begin: int) -> bool:
        """Whether a run of the newest instant only continues the last one: bundles and stretches cut them."""
        due = self._entries[-1] + len(self._places) - self._starts[-1]
        return (due, self._blocks[-1], self._begins[-1]) == (entry, block, begin)


def _keys(ids: bytes | bytearray) -> tuple[bytes, ...]:
    return struct.unpack(f"{KEY_BYTES}s" * (len(ids) // KEY_BYTES), ids)


def _column(kind: str, content: bytes) -> array[int]:
    column = array(kind)
    column.frombytes(content)
    return _little(column)


def _little(column: array[int]) -> array[int]:
    """Turn a column of this machine's byte order into little endian, or back."""
    if sys.byteorder == "big":
        column = column[:]
        column.byteswap()
    return column
