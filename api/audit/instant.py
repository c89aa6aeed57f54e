"""Instants as whole milliseconds since 1970, read from the one spelling that events have for them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_SPELLING: Final = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.(?!000)[0-9]{3}000)?Z")
_ID_MILLISECONDS: Final = 1 << 48
MAX_KEPT: Final = 100_000


def milliseconds(instant: datetime) -> int:
    """*instant* (aware) as milliseconds since 1970, rounded down."""
    return (instant - EPOCH) // _MILLISECOND


def instant(moment: int) -> datetime:
    """Milliseconds since 1970 as an aware instant in UTC."""
    return EPOCH + timedelta(milliseconds=moment)


class Instants(dict[bytes, "tuple[int, bytes] | None"]):
    """Instants by their spelling; a commit's events share theirs, so each is read once.

    The value of a spelling is its milliseconds, and the same as the 12 hexadecimal digits that the id of an award
    made then begins with; None when it is no spelling of an instant.
    """

    def __missing__(self, text: bytes) -> tuple[int, bytes] | None:
        if len(self) >= MAX_KEPT:
            self.clear()
        value = self[text] = _read(text)
        return value


def _read(text: bytes) -> tuple[int, bytes] | None:
    if _SPELLING.fullmatch(text) is None:
        return None
    try:
        moment = milliseconds(datetime.fromisoformat(text.decode()))
    except ValueError:
        return None
    return moment, b"%012x" % (moment % _ID_MILLISECONDS)
