"""Who earns what, and when: classes of 5 to 60 learners, and some awards made one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from random import Random

import msgspec

from api.demo.calendar import (
    COMPROMISED_DAY,
    LAST_DAY,
    STOLEN,
    WITHDRAWN,
    WITHDRAWN_EFFECTIVE_DAY,
    Calendar,
    key_in_force,
    teaching_day,
)
from api.demo.catalogue import AchievementEntry, InstitutionEntry
from api.demo.people import Learner
from api.demo.step import IssueBatch, PlannedAward

HOUR = 3_600
AT_HOME = 0.85
"""Share of a class whose names are in the script of the institution."""

FIXED_CLASSES = (
    (STOLEN, "LEAD-TEAM", COMPROMISED_DAY + 3, 8),
    (STOLEN, "SCM-FUND", COMPROMISED_DAY + 7, 5),
    (WITHDRAWN, "COMM-FR-2", WITHDRAWN_EFFECTIVE_DAY + 6, 7),
)
"""Institution, code, day and size of the classes that later turn out to be in doubt."""


class _Class(msgspec.Struct, frozen=True):
    """A class that ends on a day."""

    day: int
    second: int
    institution: InstitutionEntry
    achievement: AchievementEntry
    size: int


def handle(number: int) -> str:
    """The plan's name of its award number *number*, such as ``a-000123``."""
    return f"a-{number:06}"


def plan_batches(
    rng: Random,
    calendar: Calendar,
    catalogue: tuple[InstitutionEntry, ...],
    people: tuple[Learner, ...],
) -> list[IssueBatch]:
    """Draw all classes and fill them.

    Nobody earns the same micro-credential again before the earlier award has expired.

    Returns:
        Batches in order of time; their awards' handles are numbered from 1 in the same order.
    """
    classes = sorted(
        (
            drawn
            for institution in catalogue
            for achievement in institution.achievements
            for drawn in _classes(rng, institution, achievement)
        ),
        key=lambda drawn: (drawn.day, drawn.second, drawn.achievement.code),
    )
    registrar = _Registrar(rng, calendar, people)
    return [registrar.issue(drawn) for drawn in classes]


def _classes(rng: Random, institution: InstitutionEntry, achievement: AchievementEntry) -> Iterator[_Class]:
    for slug, code, day, size in FIXED_CLASSES:
        if (slug, code) == (institution.slug, achievement.code):
            yield _Class(day, 10 * HOUR, institution, achievement, size)
    for day, size in (*_courses(rng, achievement), *_singles(rng, achievement)):
        moved = teaching_day(institution.slug, day)
        if moved <= LAST_DAY:
            second = rng.randrange(8 * HOUR, 18 * HOUR)
            yield _Class(moved, second, institution, achievement, size)


def _courses(rng: Random, achievement: AchievementEntry) -> Iterator[tuple[int, int]]:
    day = achievement.published_day + rng.randint(20, 90)
    while day <= LAST_DAY:
        large = rng.random() < 0.2
        yield day, rng.randint(24, 60) if large else rng.randint(5, 18)
        day += rng.randint(240, 500)


def _singles(rng: Random, achievement: AchievementEntry) -> Iterator[tuple[int, int]]:
    first = achievement.published_day + 10
    yield from ((rng.randint(first, LAST_DAY), 1) for _ in range(rng.randint(1, 5)))


class _Registrar:
    """Fills classes with learners and remembers until which day each of them holds an award."""

    def __init__(self, rng: Random, calendar: Calendar, people: tuple[Learner, ...]) -> None:
        self._rng = rng
        self._calendar = calendar
        self._people = people
        self._held: dict[tuple[str, str, str], int | None] = {}
        self._made = 0

    def issue(self, drawn: _Class) -> IssueBatch:
        institution, achievement = drawn.institution, drawn.achievement
        validity = achievement.validity_days
        midnight = self._calendar.at(drawn.day)
        return IssueBatch(
            at=self._calendar.at(drawn.day, drawn.second),
            institution=institution.slug,
            code=achievement.code,
            edition=edition_on(achievement, drawn.day),
            key_id=key_in_force(institution.slug, drawn.day),
            awarded_on=midnight.date(),
            valid_until=None if validity is None else midnight + timedelta(days=validity),
            awards=tuple(self._award(drawn, learner) for learner in self._enrol(drawn)),
        )

    def _award(self, drawn: _Class, learner: Learner) -> PlannedAward:
        validity = drawn.achievement.validity_days
        until = None if validity is None else drawn.day + validity
        self._held[drawn.institution.slug, drawn.achievement.code, learner.reference] = until
        self._made += 1
        grade = self._rng.choice(drawn.institution.grades) if validity is None else None
        return PlannedAward(handle=handle(self._made), learner=learner, grade=grade)

    def _enrol(self, drawn: _Class) -> list[Learner]:
        free = [learner for learner in self._people if self._is_free(drawn, learner)]
        home = [learner for learner in free if learner.script == drawn.institution.script]
        away = [learner for learner in free if learner.script != drawn.institution.script]
        count = min(sum(self._rng.random() < AT_HOME for _ in range(drawn.size)), len(home))
        guests = min(drawn.size - count, len(away))
        return [*self._rng.sample(home, count), *self._rng.sample(away, guests)]

    def _is_free(self, drawn: _Class, learner: Learner) -> bool:
        held = (drawn.institution.slug, drawn.achievement.code, learner.reference)
        if held not in self._held:
            return True
        until = self._held[held]
        return until is not None and until < drawn.day


def edition_on(achievement: AchievementEntry, day: int) -> int:
    """The number of the edition that is in force on a day (on a revision's day: the old one)."""
    return 1 + sum(revision.day < day for revision in achievement.revisions)
