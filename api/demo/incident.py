"""What becomes of awards later: suspensions, reinstatements, revocations and replacements.

An award suffers one mishap at most. It falls between the day after the award and the earlier of its
expiry and the last day of the plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from random import Random
from typing import TypeAlias

import msgspec

from api.demo.calendar import (
    COMPROMISED_DAY,
    DECLARED_DAY,
    STOLEN,
    WITHDRAWN,
    WITHDRAWN_EFFECTIVE_DAY,
    WITHDRAWN_ENTERED_DAY,
    Calendar,
    key_in_force,
    teaching_day,
)
from api.demo.catalogue import AchievementEntry, InstitutionEntry
from api.demo.cohort import HOUR, edition_on, handle
from api.demo.step import IssueBatch, PlannedAward, Reinstate, Replace, Revoke, Suspend
from ledger.reason import Reason

SUSPENSIONS_ENDED = 30
SUSPENSIONS_TO_REVOCATION = 7
SUSPENSIONS_LASTING = 9
REPLACEMENTS = 40
NOT_REISSUED = 3
"""Awards of the stolen key's days whose learners did not answer the offer of a new document."""

REVOCATIONS: Mapping[Reason, int] = {
    Reason.ISSUED_IN_ERROR: 16,
    Reason.INCORRECT_DATA: 5,
    Reason.ACADEMIC_MISCONDUCT: 12,
    Reason.ASSESSMENT_INVALIDATED: 9,
    Reason.WITHDRAWN_BY_HOLDER: 8,
    Reason.OTHER: 4,
}
NOTES: Mapping[Reason, str] = {
    Reason.ISSUED_IN_ERROR: "The learner had registered but never sat the assessment.",
    Reason.INCORRECT_DATA: "The examiner's list had two lines exchanged.",
    Reason.ACADEMIC_MISCONDUCT: "The committee found that the project was another person's work.",
    Reason.ASSESSMENT_INVALIDATED: "The task had been published before the examination.",
    Reason.UNDER_REVIEW: "A complaint is being looked into.",
}
BACKDATED = frozenset({Reason.ISSUED_IN_ERROR, Reason.ACADEMIC_MISCONDUCT, Reason.ACCREDITATION_WITHDRAWN})
"""Reasons for which an award never should have held: it is revoked as of its first day."""

TO_REPLACE = (Reason.INCORRECT_DATA, Reason.INCORRECT_DATA, Reason.SUPERSEDED)

Incident: TypeAlias = Suspend | Reinstate | Revoke | Replace
Catalogue: TypeAlias = Mapping[tuple[str, str], tuple[InstitutionEntry, AchievementEntry]]


class IssuedAward(msgspec.Struct, frozen=True):
    """An award together with the batch in which it was made."""

    batch: IssueBatch
    award: PlannedAward


def issued_awards(batches: list[IssueBatch]) -> list[IssuedAward]:
    """All awards of *batches*, in the order of their handles."""
    return [IssuedAward(batch, award) for batch in batches for award in batch.awards]


def is_of_stolen_days(item: IssuedAward, calendar: Calendar) -> bool:
    """Whether the award was made while the key was in other hands and nobody knew."""
    first, last = calendar.at(COMPROMISED_DAY), calendar.at(DECLARED_DAY)
    return item.batch.institution == STOLEN and first <= item.batch.at < last


def is_without_accreditation(item: IssuedAward, calendar: Calendar) -> bool:
    """Whether the award was made after the accreditation had lapsed and before that was known."""
    first, last = calendar.at(WITHDRAWN_EFFECTIVE_DAY), calendar.at(WITHDRAWN_ENTERED_DAY)
    return item.batch.institution == WITHDRAWN and first <= item.batch.at < last


def plan_incidents(
    rng: Random,
    calendar: Calendar,
    catalogue: tuple[InstitutionEntry, ...],
    batches: list[IssueBatch],
) -> list[Incident]:
    """Draw all incidents.

    Returns:
        Steps in no order. The handles of replacing awards follow those of *batches*.
    """
    return _Mishaps(rng, calendar, catalogue, issued_awards(batches)).all()


class _Mishaps:
    """Deals out mishaps, each award being drawn at most once."""

    def __init__(
        self,
        rng: Random,
        calendar: Calendar,
        catalogue: tuple[InstitutionEntry, ...],
        issued: list[IssuedAward],
    ) -> None:
        self._rng = rng
        self._calendar = calendar
        self._catalogue: Catalogue = {
            (institution.slug, achievement.code): (institution, achievement)
            for institution in catalogue
            for achievement in institution.achievements
        }
        self._made = len(issued)
        self._stolen = [item for item in issued if is_of_stolen_days(item, calendar)]
        self._unaccredited = [item for item in issued if is_without_accreditation(item, calendar)]
        set_apart = {item.award.handle for item in (*self._stolen, *self._unaccredited)}
        free = [item for item in issued if item.award.handle not in set_apart]
        self._recent = [item for item in free if self._days_left(item) > 40]
        self._rng.shuffle(self._recent)

    def all(self) -> list[Incident]:
        return [
            *self._suspensions(),
            *self._revocations(),
            *self._replacements(),
            *self._reissues(),
            *self._after_withdrawal(),
        ]

    def _suspensions(self) -> list[Incident]:
        steps: list[Incident] = []
        for number in range(SUSPENSIONS_ENDED + SUSPENSIONS_TO_REVOCATION):
            item = self._recent.pop()
            began = self._moment(item, spare_days=30)
            ended = began + timedelta(days=self._rng.randint(5, 28), seconds=1 + number)
            steps.append(_suspend(item, began))
            if number < SUSPENSIONS_ENDED:
                reinstate = Reinstate(at=ended, institution=item.batch.institution, award=item.award.handle)
                steps.append(reinstate)
            else:
                steps.append(_revoke(item, Reason.ACADEMIC_MISCONDUCT, ended))
        return [*steps, *self._lasting_suspensions()]

    def _lasting_suspensions(self) -> list[Incident]:
        lasting = [item for item in self._recent if self._is_good_at_the_end(item)]
        lasting = lasting[:SUSPENSIONS_LASTING]
        self._recent = [item for item in self._recent if item not in lasting]
        return [_suspend(item, self._moment(item)) for item in lasting]

    def _revocations(self) -> list[Incident]:
        return [
            _revoke(item, reason, self._moment(item))
            for reason, count in REVOCATIONS.items()
            for item in (self._recent.pop() for _ in range(count))
        ]

    def _replacements(self) -> list[Incident]:
        steps: list[Incident] = []
        while len(steps) < REPLACEMENTS:
            item = self._recent.pop()
            at = self._moment(item)
            if self._makes_awards(item.batch.institution, at):
                graded = item.award.grade is not None
                reason = self._rng.choice(TO_REPLACE) if graded else Reason.SUPERSEDED
                steps.append(self._replace(item, reason, at))
        return steps

    def _makes_awards(self, institution: str, at: datetime) -> bool:
        day = self._day(at)
        return teaching_day(institution, day) == day

    def _reissues(self) -> list[Incident]:
        """After the new key is in force, the awards of the stolen key's days are made again."""
        return [
            self._replace(
                item,
                Reason.KEY_COMPROMISE,
                self._calendar.at(DECLARED_DAY + 2 + number, 9 * HOUR + number),
            )
            for number, item in enumerate(self._stolen[NOT_REISSUED:])
        ]

    def _after_withdrawal(self) -> list[Incident]:
        return [
            _revoke(
                item,
                Reason.ACCREDITATION_WITHDRAWN,
                self._calendar.at(WITHDRAWN_ENTERED_DAY + 1, 9 * HOUR + number),
            )
            for number, item in enumerate(self._unaccredited)
        ]

    def _replace(self, item: IssuedAward, reason: Reason, at: datetime) -> Replace:
        batch = item.batch
        institution, achievement = self._catalogue[batch.institution, batch.code]
        day = self._day(at)
        self._made += 1
        newer = reason is Reason.SUPERSEDED
        return Replace(
            at=at,
            institution=batch.institution,
            award=item.award.handle,
            reason=reason,
            code=batch.code,
            edition=edition_on(achievement, day) if newer else batch.edition,
            key_id=key_in_force(batch.institution, day),
            awarded_on=batch.awarded_on,
            valid_until=batch.valid_until,
            successor=PlannedAward(
                handle=handle(self._made),
                learner=item.award.learner,
                grade=self._grade(institution, item.award, reason),
            ),
        )

    def _grade(self, institution: InstitutionEntry, award: PlannedAward, reason: Reason) -> str | None:
        if award.grade is None or reason is not Reason.INCORRECT_DATA:
            return award.grade
        return self._rng.choice([grade for grade in institution.grades if grade != award.grade])

    def _day(self, at: datetime) -> int:
        return (at - self._calendar.start).days

    def _latest(self, item: IssuedAward) -> datetime:
        until = item.batch.valid_until
        return self._calendar.last if until is None else min(until, self._calendar.last)

    def _days_left(self, item: IssuedAward) -> int:
        return (self._latest(item) - item.batch.at).days

    def _is_good_at_the_end(self, item: IssuedAward) -> bool:
        until = item.batch.valid_until
        return until is None or until > self._calendar.end

    def _moment(self, item: IssuedAward, spare_days: int = 1) -> datetime:
        """Some working hour, mostly within a year of the award."""
        days = self._days_left(item) - spare_days
        midnight = self._calendar.at(self._day(item.batch.at))
        offset = self._rng.randint(2, max(2, min(days, 365)))
        return midnight + timedelta(days=offset, seconds=self._rng.randrange(8 * HOUR, 17 * HOUR))


def _suspend(item: IssuedAward, at: datetime) -> Suspend:
    return Suspend(
        at=at,
        institution=item.batch.institution,
        award=item.award.handle,
        reason=Reason.UNDER_REVIEW,
        note=NOTES[Reason.UNDER_REVIEW],
    )


def _revoke(item: IssuedAward, reason: Reason, at: datetime) -> Revoke:
    first = item.batch.at.replace(hour=0, minute=0, second=0)
    return Revoke(
        at=at,
        institution=item.batch.institution,
        award=item.award.handle,
        reason=reason,
        effective_at=first if reason in BACKDATED else at,
        note=NOTES.get(reason),
    )
