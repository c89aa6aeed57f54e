"""Instants as whole milliseconds since 1970, read from the one spelling that events have for them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_SPELLING: Final = re.compile(
    rb"([0-9]{4}-[0-9]{2}-[0-9]{2})T([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])(?:\.(?!000)([0-9]{3})000)?Z"
)
_DAY_MS: Final = 86_400_000
_FIRST_DAY: Final = EPOCH.toordinal()
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

    def __init__(self) -> None:
        super().__init__()
        self._days: dict[bytes, int | None] = {}

    def __missing__(self, text: bytes) -> tuple[int, bytes] | None:
        if len(self) >= MAX_KEPT:
            self.clear()
        value = self[text] = self._read(text)
        return value

    def _read(self, text: bytes) -> tuple[int, bytes] | None:
        match = _SPELLING.fullmatch(text)
        if match is None:
            return None
        day, hours, minutes, seconds, fraction = match.groups(b"0")
        if day not in self._days:
            if len(self._days) >= MAX_KEPT:
                self._days.clear()
            self._days[day] = _day(day)
        begin = self._days[day]
        if begin is None:
            return None
        moment = begin + int(hours) * 3_600_000 + int(minutes) * 60_000 + int(seconds) * 1_000 + int(fraction)
        return moment, b"%012x" % (moment % _ID_MILLISECONDS)


def _day(text: bytes) -> int | None:
    """Milliseconds from 1970 to the beginning of a day; None if the calendar has no such day."""
    try:
        return (date.fromisoformat(text.decode()).toordinal() - _FIRST_DAY) * _DAY_MS
    except ValueError:
        return None
