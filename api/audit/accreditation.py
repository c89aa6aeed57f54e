"""Whether every issuer was accredited for what it issued, on the day of the award and on the day it was recorded.

Accreditations can be entered and withdrawn later than they take effect, so this is judged by the institutions'
records as they stand at the end of the log. Until then only a tally is kept: for each institution, edition of an
achievement and day, from when to when it awarded, how often, and in which part of the log. Where one accreditation
covers all of that there is nothing to find; elsewhere that part of the log is read once more and each award is judged
on its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final, TypeAlias

import msgspec

from api.audit.instant import instant
from ledger.institution import Institution
from ledger.limit import Subject
from projections.directory_record import AccreditationRecord, Entitlement, entitlement

DAY_MS: Final = 86_400_000
Spans = tuple[tuple[int, int], tuple[int, int]]
"""Earliest and latest instant of some awards, and of their recording, in milliseconds."""
Edition: TypeAlias = tuple[bytes, int]
"""Aggregate id of an achievement, and the number of its edition."""
SubjectOf: TypeAlias = Callable[[Edition], "Subject | None"]
"""What awards under an edition are; None for an edition that was never published, which is named elsewhere."""


class DayFacts(msgspec.Struct, array_like=True):
    """Awards under one edition on one day: earliest and latest instant, how many, and in which part of the log."""

    earliest: int
    latest: int
    count: int
    first: int
    end: int


class AccreditationTally:
    """Counts awards by institution, edition and day.

    Args:
        days: What :meth:`days` gave out before.
    """

    def __init__(self, days: Iterable[tuple[bytes, Edition, int, bool, DayFacts]] = ()) -> None:
        self._days = {
            (institution, edition, day, recorded): facts for institution, edition, day, recorded, facts in days
        }

    def days(self) -> list[tuple[bytes, Edition, int, bool, DayFacts]]:
        """Return everything that was counted."""
        return [(*key, facts) for key, facts in self._days.items()]

    def count(self, institution: bytes, edition: Edition, spans: Spans, number: int, part: range) -> None:
        """Count awards.

        Args:
            institution: Whose.
            edition: Under which edition of which achievement.
            spans: Earliest and latest instant of the award, and of its recording, in milliseconds.
            number: How many.
            part: Indexes of the log among which they are.
        """
        for recorded, (earliest, latest) in zip((False, True), spans, strict=True):
            key = (institution, edition, earliest // DAY_MS, recorded)
            facts = self._days.get(key)
            if facts is None:
                facts = self._days[key] = DayFacts(earliest, latest, 0, part.start, part.stop)
            facts.count += number
            if earliest < facts.earliest or latest > facts.latest or part.start < facts.first or part.stop > facts.end:
                facts.earliest, facts.latest = min(facts.earliest, earliest), max(facts.latest, latest)
                facts.first, facts.end = min(facts.first, part.start), max(facts.end, part.stop)

    def never(self, institutions: Iterable[Institution]) -> list[tuple[Institution, int]]:
        """Return the institutions that awarded and were never accredited at all, with how often."""
        found = []
        for one in institutions:
            awards = sum(
                facts.count
                for (identity, _, _, recorded), facts in self._days.items()
                if identity == one.id.bytes and recorded
            )
            if awards and not one.accreditations:
                found.append((one, awards))
        return found

    def doubtful(self, institutions: Iterable[Institution], subject_of: SubjectOf) -> list[range]:
        """Return the parts of the log in which an accredited institution may have awarded outside of that.

        Args:
            institutions: As they stand at the end of the log.
            subject_of: What awards under an edition are.
        """
        known = {one.id.bytes: one for one in institutions}
        return [
            range(facts.first, facts.end)
            for (identity, edition, _, _), facts in self._days.items()
            if identity in known
            and known[identity].accreditations
            and not _covered(known[identity], subject_of(edition), facts)
        ]


def entitled(institution: Institution, subject: Subject | None, moment: datetime) -> Entitlement:
    """Say whether an institution was entitled to award *subject* at *moment*."""
    return entitlement(records(institution), subject, moment)


def in_force(record: AccreditationRecord, moment: int) -> bool:
    """Whether an accreditation was in force at *moment* (milliseconds)."""
    return record.in_force(instant(moment))


def records(institution: Institution) -> list[AccreditationRecord]:
    """The institution's accreditations as its directory record has them."""
    return [AccreditationRecord(**msgspec.structs.asdict(one)) for one in institution.accreditations]


def _covered(institution: Institution, subject: Subject | None, facts: DayFacts) -> bool:
    return any(
        one.fit(subject).is_within and in_force(one, facts.earliest) and in_force(one, facts.latest)
        for one in records(institution)
    )
