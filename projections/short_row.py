"""Short rows: what is asked most, of an award to which nothing has happened since it was issued.

The row of an award has half a kilobyte, of which most is the same for every award of one edition and one key, or is
asked for by few (commitments, the place of its status). Beside it in the same view is a short one, of some hundred
bytes. Of ten million awards they fill one or two gigabytes, a fifth of the whole.

Key: 16 times ``0xff`` and the 16 bytes of the aggregate id, so that short rows come after all others, whatever ids
there are. Value: five texts with :data:`SEPARATOR` between them, so that one split reads it: what stands for the kind
of award; from when it is valid; when it was recorded; the position of its event; until when it is valid, or
:data:`NO_END`. The value is empty once anything has happened. A document of the institution's own making has no short
row, and neither has a part.

The kind is SHA-256 of the row up to its commitments, cut to 18 bytes, in base64: institution, achievement, edition and
key.

One more row tells which awards something has happened to since they were issued, so that whoever has kept answers on
others may go on giving them. Key: 16 times ``0xff`` and ``touched``. Value: 8 bytes, big-endian, how often that was,
and for each of the last :data:`MOST_TOUCHED` times the award's mark, a byte that it shares with one in 256.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
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
SEPARATOR: Final = b","
NO_END: Final = b"null"
"""Where it would stand until when an award is valid that is so for ever."""
TOUCHED: Final = SHORT + b"touched"
"""Key of the row that tells what awards something has happened to."""
MARKS: Final = 256
"""How many marks there are, of which an award has one."""
MOST_TOUCHED: Final = 2_048
"""Times that are remembered, some two kilobytes."""
_COUNT_BYTES: Final = 8
_KIND_BYTES: Final = 18
_JSON_MARKS: Final = b'[]"'
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
    told = _ENCODER.encode((valid_from, recorded_at, position, valid_until))  # no text in it needs an escape
    return _kind(row.partition(_HEAD_END)[0]) + told.translate(None, _JSON_MARKS)


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
def _kind(head: bytes) -> bytes:
    return b64encode(hashlib.sha256(head).digest()[:_KIND_BYTES]) + SEPARATOR
