"""The five years of a plan, and the few days on which its fixed events fall.

Days are numbered from the start. The fixed events are the same under every seed, so that the
closing table always has the same story to tell; classes and mishaps are drawn around them.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import msgspec

FIVE_YEARS = timedelta(days=1826)
LAST_DAY = 1824
"""Nothing is planned later, so that all steps lie before the end at whatever hour that is."""

ROTATED = "hochschule-falkenmoor"
ROTATION_DAY = 905
FORMS_DAY = 1640
"""The institution whose key was rotated offers its documents in further forms from this day on."""

STOLEN = "norrvik-academy"
COMPROMISED_DAY = 1490
FORGERY_DAY = 1495
DECLARED_DAY = 1503

WITHDRAWN = "sainte-aldine-hospital"
WITHDRAWN_EFFECTIVE_DAY = 1098
WITHDRAWN_ENTERED_DAY = 1120
REACCREDITED_DAY = 1250

_QUIET = {
    STOLEN: (COMPROMISED_DAY, DECLARED_DAY),
    WITHDRAWN: (WITHDRAWN_EFFECTIVE_DAY, REACCREDITED_DAY),
}


class Calendar(msgspec.Struct, frozen=True):
    """Turns the days of a plan into instants. ``start`` is a midnight, UTC."""

    start: datetime
    end: datetime

    @classmethod
    def ending(cls, end: datetime) -> Calendar:
        """The five years up to *end*.

        Raises:
            ValueError: *end* is not an aware instant in UTC.
        """
        if end.utcoffset() != timedelta(0):
            raise ValueError("the end of the demonstration is an aware instant in UTC")
        return cls(datetime.combine((end - FIVE_YEARS).date(), time(), UTC), end)

    def at(self, day: int, second: int = 0) -> datetime:
        """The instant *second* seconds into a day."""
        return self.start + timedelta(days=day, seconds=second)

    def date(self, day: int) -> date:
        """The calendar day."""
        return self.at(day).date()

    @property
    def last(self) -> datetime:
        """The end of the last day on which something may be planned."""
        return self.at(LAST_DAY + 1)


def teaching_day(institution: str, day: int) -> int:
    """Move a day out of the weeks in which an institution makes no awards by itself."""
    first, last = _QUIET.get(institution, (day + 1, day))
    return last + 10 if first <= day <= last else day


def key_in_force(institution: str, day: int) -> str:
    """The name of the key with which an institution signs on a day (on a change's day: the new)."""
    changed = {ROTATED: ROTATION_DAY, STOLEN: DECLARED_DAY}.get(institution)
    return "key-1" if changed is None or day < changed else "key-2"
