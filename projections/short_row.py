"""Short rows: what is asked most, of an award to which nothing has happened since it was issued.

The row of an award has half a kilobyte, of which most is the same for every award of one edition and one key, or is
asked for by few (commitments, the place of its status). Beside it in the same view is a short one, of some hundred
bytes. Of ten million awards they fill a gigabyte, which a process has in its address space after a few thousand page
faults.

Key: 16 times ``0xff`` and the 16 bytes of the aggregate id, so that short rows come after all others, whatever ids
there are. Value: 16 bytes that stand for the kind of award, and then, with ``|`` between them: from when it is valid,
until when (nothing: for ever), when it was recorded, and the position of its event. The value is empty once anything
has happened. A document of the institution's own making has no short row, and neither has a part.

The kind is SHA-256, cut short, of the row up to its commitments: institution, achievement, edition and key.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Final

SHORT: Final = b"\xff" * 16
"""How keys of short rows begin."""
ID_BYTES: Final = 16
NONE: Final = b""
"""The value for an award of which more has to be said."""
KIND_BYTES: Final = 16
BETWEEN: Final = b"|"
MAX_KINDS: Final = 4_096
"""Kinds whose digests are remembered while events are folded."""
_HEAD_END: Final = b',"commitments":{'
_ACHIEVEMENT: Final = b',"achievement":"'
_FROM: Final = b',"valid_from":"'
_FOR_EVER: Final = b'","valid_until":null,"recorded_at":"'
_UNTIL: Final = b'","valid_until":"'
_RECORDED: Final = b'","recorded_at":"'
_EVENTS: Final = b'","events":[{"kind":"issued","reason":null,'
_POSITION: Final = b',"position":'
_ROW_END: Final = b"}]}"
"""How a row is divided (projections.credential_status): it was written by msgspec, in this order and without spaces,
and of an award to which nothing has happened it has one event and nothing after it."""


def short_key(identity: bytes) -> bytes:
    """Key of the short row of the award with the aggregate id *identity*, of 16 bytes."""
    return SHORT + identity


def short_row(row: bytes) -> bytes:
    """Make the short row of an award from its row."""
    head, _, body = row.partition(_HEAD_END)
    facts, is_issued, event = body.rpartition(_EVENTS)
    position = event.partition(_POSITION)[2]
    if not is_issued or position[-3:] != _ROW_END or b"," in position or _ACHIEVEMENT not in head:
        return NONE
    dates = facts.rpartition(_FROM)[2]
    begins, is_for_ever, recorded = dates.partition(_FOR_EVER)
    until = NONE
    if not is_for_ever:
        begins, _, rest = dates.partition(_UNTIL)
        until, _, recorded = rest.partition(_RECORDED)
    return _digest(head) + BETWEEN.join((begins, until, recorded, position[:-3]))


@lru_cache(MAX_KINDS)
def _digest(head: bytes) -> bytes:
    return hashlib.sha256(head).digest()[:KIND_BYTES]
