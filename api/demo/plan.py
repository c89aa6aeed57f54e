"""The whole plan: five years as a time-ordered sequence of steps, from a seed and an end instant.

The plan is pure: the same seed and end give the same plan, and nothing is read but the data files
of this package. It is built in this order:

1. learners are made up;
2. institutions join, are accredited, change keys, and publish and revise what they offer;
3. classes are drawn and filled with learners;
4. mishaps are dealt out to awards;
5. all steps are put in order of time, no two at the same instant;
6. awards are chosen for the closing table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from random import Random

import msgspec

from api.demo.calendar import (
    COMPROMISED_DAY,
    DECLARED_DAY,
    FORGERY_DAY,
    FORMS_DAY,
    ROTATED,
    ROTATION_DAY,
    STOLEN,
    WITHDRAWN,
    WITHDRAWN_EFFECTIVE_DAY,
    WITHDRAWN_ENTERED_DAY,
    Calendar,
    key_in_force,
)
from api.demo.catalogue import AchievementEntry, InstitutionEntry, load_catalogue
from api.demo.cohort import HOUR, edition_on, plan_batches
from api.demo.incident import issued_awards, plan_incidents
from api.demo.people import Learner, make_people
from api.demo.showcase import Showcase, choose_showcases
from api.demo.step import (
    ChooseForms,
    CompromiseKey,
    ForgeDocument,
    GrantAccreditation,
    IssueBatch,
    PlannedAward,
    PublishAchievement,
    RegisterInstitution,
    Replace,
    ReviseAchievement,
    RotateKey,
    Step,
    WithdrawAccreditation,
)
from ledger.reason import Reason

FORGED_CODE = "SCM-FUND"
FORGED_HANDLE = "a-forged"


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Five years of a made-up world.

    Attributes:
        seed: What it was drawn with.
        start: The midnight (UTC) of its first day.
        end: The instant up to which it runs; every step lies before it.
        people: All learners.
        steps: Strictly ordered by ``at``, which is in whole seconds.
        showcases: What the closing table shows.
    """

    seed: int
    start: datetime
    end: datetime
    people: tuple[Learner, ...]
    steps: tuple[Step, ...]
    showcases: tuple[Showcase, ...]

    @property
    def awards(self) -> int:
        """How many awards are made, replacements included and the forgery not."""
        batches = sum(len(step.awards) for step in self.steps if isinstance(step, IssueBatch))
        return batches + sum(isinstance(step, Replace) for step in self.steps)


def make_plan(*, seed: int, end: datetime) -> Plan:
    """Make the plan of the five years up to *end*.

    Args:
        seed: Any integer; each one gives another five years.
        end: An aware instant in UTC, normally the present.

    Raises:
        ValueError: *end* is not in UTC.
        CatalogueError: A data file is not well formed.
    """
    calendar = Calendar.ending(end)
    catalogue = load_catalogue()
    people = make_people(Random(f"{seed}/people"), calendar.start.year)  # 1
    batches = plan_batches(Random(f"{seed}/classes"), calendar, catalogue, people)  # 3
    incidents = plan_incidents(Random(f"{seed}/mishaps"), calendar, catalogue, batches)  # 4
    forgery = _forgery(calendar, catalogue, people)
    lives = (step for institution in catalogue for step in _life(calendar, institution))  # 2
    steps = _in_order([*lives, *_fixed_events(calendar), forgery, *batches, *incidents])  # 5
    showcases = choose_showcases(calendar, issued_awards(batches), incidents, forgery)  # 6
    return Plan(
        seed=seed,
        start=calendar.start,
        end=end,
        people=people,
        steps=steps,
        showcases=showcases,
    )


def _life(calendar: Calendar, institution: InstitutionEntry) -> Iterator[Step]:
    """What an institution does by itself, but for awards: it joins, and it publishes."""
    yield RegisterInstitution(
        at=calendar.at(institution.joined_day, 8 * HOUR),
        institution=institution.slug,
        name=institution.name,
        country=institution.country,
        kind=institution.kind,
    )
    yield from _accreditations(calendar, institution)
    for achievement in institution.achievements:
        yield from _editions(calendar, institution, achievement)


def _accreditations(calendar: Calendar, institution: InstitutionEntry) -> Iterator[Step]:
    for number, entry in enumerate(institution.accreditations, start=1):
        day = max(institution.joined_day, entry.from_day)
        yield GrantAccreditation(
            at=calendar.at(day, 8 * HOUR + 60 * number),
            institution=institution.slug,
            accreditation_id=f"accreditation-{number}",
            by=entry.by,
            scope=entry.scope,
            valid_from=calendar.at(entry.from_day),
            valid_until=None if entry.until_day is None else calendar.at(entry.until_day),
        )


def _editions(calendar: Calendar, institution: InstitutionEntry, achievement: AchievementEntry) -> Iterator[Step]:
    yield PublishAchievement(
        at=calendar.at(achievement.published_day, 9 * HOUR),
        institution=institution.slug,
        code=achievement.code,
        template=achievement.template,
    )
    for edition, revision in enumerate(achievement.revisions, start=2):
        yield ReviseAchievement(
            at=calendar.at(revision.day, 9 * HOUR),
            institution=institution.slug,
            code=achievement.code,
            edition=edition,
            template=revision.template,
        )


def _fixed_events(calendar: Calendar) -> Iterator[Step]:
    """The rotation, the withdrawn accreditation, and the theft of a key with what follows."""
    yield RotateKey(
        at=calendar.at(ROTATION_DAY, 6 * HOUR),
        institution=ROTATED,
        key_id="key-2",
        retired_key_id="key-1",
    )
    yield ChooseForms(at=calendar.at(FORMS_DAY, 6 * HOUR), institution=ROTATED, forms=("vc-jwt", "sd-jwt", "elm"))
    yield WithdrawAccreditation(
        at=calendar.at(WITHDRAWN_ENTERED_DAY, 8 * HOUR),
        institution=WITHDRAWN,
        accreditation_id="accreditation-1",
        reason=Reason.OTHER,
        effective_at=calendar.at(WITHDRAWN_EFFECTIVE_DAY),
    )
    yield CompromiseKey(
        at=calendar.at(DECLARED_DAY, 6 * HOUR),
        institution=STOLEN,
        key_id="key-1",
        compromised_at=calendar.at(COMPROMISED_DAY, 2 * HOUR),
    )
    yield RotateKey(
        at=calendar.at(DECLARED_DAY, 7 * HOUR),
        institution=STOLEN,
        key_id="key-2",
        retired_key_id=None,
    )


def _forgery(calendar: Calendar, catalogue: tuple[InstitutionEntry, ...], people: tuple[Learner, ...]) -> ForgeDocument:
    achievement = next(
        achievement
        for institution in catalogue
        for achievement in institution.achievements
        if (institution.slug, achievement.code) == (STOLEN, FORGED_CODE)
    )
    return ForgeDocument(
        at=calendar.at(FORGERY_DAY, 3 * HOUR),
        institution=STOLEN,
        code=FORGED_CODE,
        edition=edition_on(achievement, FORGERY_DAY),
        key_id=key_in_force(STOLEN, FORGERY_DAY),
        awarded_on=calendar.date(FORGERY_DAY),
        award=PlannedAward(handle=FORGED_HANDLE, learner=people[-1], grade="Väl godkänd"),
    )


def _in_order(steps: Iterable[Step]) -> tuple[Step, ...]:
    """Sort by time, and move a step that falls on the instant of another by a second."""
    ordered: list[Step] = []
    for step in sorted(steps, key=lambda step: step.at):
        if ordered and step.at <= ordered[-1].at:
            later = ordered[-1].at + timedelta(seconds=1)
            ordered.append(msgspec.structs.replace(step, at=later))
        else:
            ordered.append(step)
    return tuple(ordered)
