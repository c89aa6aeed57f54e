"""Short rows: what is asked most, of an award to which nothing has happened since it was issued.

The row of an award has half a kilobyte, of which most is the same for every award of one edition and one key, or is
asked for by few (commitments, the place of its status). Beside it in the same view is a short one, of some hundred
bytes. Of ten million awards they fill one or two gigabytes, a fifth of the whole.

Key: 16 times ``0xff`` and the 16 bytes of the aggregate id, so that short rows come after all others, whatever ids
there are. Value: 16 bytes that stand for the kind of award, and then a JSON array of from when it is valid, until
when (null: for ever), when it was recorded, and the position of its event. The value is empty once anything has
happened. A document of the institution's own making has no short row, and neither has a part.

The kind is SHA-256, cut short, of the row up to its commitments: institution, achievement, edition and key.

One more row tells which awards something has happened to since they were issued, so that whoever has kept answers on
others may go on giving them. Key: 16 times ``0xff`` and ``touched``. Value: 8 bytes, big-endian, how often that was,
and for each of the last :data:`MOST_TOUCHED` times the award's mark, a byte that it shares with one in 256.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Final

import msgspec

SHORT: Final = b"\xff" * 16
"""How keys of short rows begin."""
ID_BYTES: Final = 16
NONE: Final = b""
"""The value for an award of which more has to be said."""
KIND_BYTES: Final = 16
TOUCHED: Final = SHORT + b"touched"
"""Key of the row that tells what awards something has happened to."""
MARKS: Final = 256
"""How many marks there are, of which an award has one."""
MOST_TOUCHED: Final = 2_048
"""Times that are remembered, some two kilobytes."""
_COUNT_BYTES: Final = 8
_FOR_EVER_PIECES: Final = 5
"""Into how many pieces quotes divide what follows the kind, where no end is named."""
MAX_KINDS: Final = 4_096
"""Kinds whose digests are remembered while events are folded."""
_HEAD_END: Final = b',"commitments":{'
"""Where the beginning of a row ends (projections.credential_status): it was written by msgspec, in this order and
without spaces."""
_ENCODER: Final = msgspec.json.Encoder()


def short_key(identity: bytes) -> bytes:
    """Key of the short row of the award with the aggregate id *identity*, of 16 bytes."""
    return SHORT + identity


def short_row(
    row: bytes, valid_from: datetime, valid_until: datetime | None, recorded_at: datetime, position: int
) -> bytes:
    """Make the short row of an award to which nothing has happened, from its row and what that says."""
    told = _ENCODER.encode((valid_from, valid_until, recorded_at, position))
    return _digest(row.partition(_HEAD_END)[0]) + told


def read_short_row(short: bytes) -> tuple[bytes, bytes, bytes, bytes, bytes]:
    """Divide a short row that is not empty, without decoding it.

    Returns:
        The kind; from when it is valid, until when (empty: for ever) and when it was recorded, as text; the position.
    """
    told = short[KIND_BYTES:].split(b'"')  # no text in it needs an escape
    if len(told) == _FOR_EVER_PIECES:
        _, begins, _, recorded, position = told
        return short[:KIND_BYTES], begins, b"", recorded, position[1:-1]
    _, begins, _, until, _, recorded, position = told
    return short[:KIND_BYTES], begins, until, recorded, position[1:-1]


def mark_of(identity: bytes) -> int:
    """The mark of an award, below :data:`MARKS`: the last byte of its aggregate id, which is random."""
    return identity[-1]


def with_touched(before: bytes | None, touched: Iterable[bytes]) -> bytes:
    """The row of what was touched, after awards with some aggregate ids were.

    Args:
        before: What it was, None if it was not there.
        touched: Aggregate ids, the one that was touched first, first.
    """
    marks = bytes(map(mark_of, touched))
    count = int.from_bytes((before or b"")[:_COUNT_BYTES]) + len(marks)
    kept = (before or b"")[_COUNT_BYTES:] + marks
    return count.to_bytes(_COUNT_BYTES) + kept[-MOST_TOUCHED:]


def touched_after(row: bytes | None, count: int) -> tuple[int, bytes | None]:
    """What was touched since there had been *count* times.

    Returns:
        How many times there are now; the marks of those awards, a byte each, None when so many are not remembered.
    """
    if row is None:
        return 0, b"" if count == 0 else None
    now = int.from_bytes(row[:_COUNT_BYTES])
    marks = row[_COUNT_BYTES:]
    begin = len(marks) - (now - count)
    return now, None if now < count or begin < 0 else marks[begin:]


@lru_cache(MAX_KINDS)
def _digest(head: bytes) -> bytes:
    return hashlib.sha256(head).digest()[:KIND_BYTES]
