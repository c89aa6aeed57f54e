"""The facts of an award that the rules of a pathway look at, taken from what the log and its document say.

Pure, so that the ledger, when it stacks, and an auditor, who looks at it later, come to the same. What each fact comes
from:

==============  ======================================================================================
from the log    institution, achievement, edition; the edition's credits, workload, level and fields;
                the day of the award and the last day of its validity; how it stood on the day of
                stacking; whether its issuer was accredited on the day of the award
from the text   whether the assessment was supervised: the edition's ``supervision`` begins with
of the edition  «supervised» or «unsupervised» (in English, as in the EU's list of values); anything
                else, or nothing, says nothing
from the        grade and results: of a document that opens the award's commitment
document
by the stacker  the day of re-validation
==============  ======================================================================================

Source: Council Recommendation of 16 June 2022 (2022/C 243/02), Annex I (optional elements: supervision and identity
verification during assessment).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import msgspec

from ledger.achievement import Achievement, Template
from ledger.credential import Credential
from ledger.event import Event
from ledger.form.open_badge import elements_of
from ledger.institution import Accreditation
from ledger.limit import NO_LIMITS, subject_of
from ledger.stacking.component import Component, Standing

DEFAULT_TYPE: Final = "MicroCredential"
"""Achievement type of an edition without details."""
_WORST_FIRST: Final[tuple[Standing, ...]] = ("revoked", "replaced", "expired", "suspended", "valid")
"""Of two histories of one award, the one that stands worse decides."""
_MILLISECOND: Final = timedelta(milliseconds=1)
_RESULT: Final = "#result-"


class Logged(msgspec.Struct, frozen=True, kw_only=True):
    """What the log says of one award.

    Attributes:
        award: Public id.
        institution: Slug of who awarded it.
        country: Where that institution is.
        accreditations: Of that institution, as they were known.
        achievement: The template's editions.
        issued: The award's first event.
        changes: Its further events, in order, as far as they were known.
        shared: Of a part of an unpacked diploma, what became of all parts together, likewise.
    """

    award: str
    institution: str
    country: str
    accreditations: Sequence[Accreditation]
    achievement: Achievement
    issued: Credential.Issued
    changes: Sequence[Event]
    shared: Sequence[Event] = ()


def read_component(
    logged: Logged,
    document: Mapping[str, Any] | None,
    instant: datetime,
    *,
    revalidated_on: date | None = None,
    origin: str | None = None,
    unpacked: str | None = None,
) -> Component:
    """Take an award's facts.

    Args:
        logged: What the log says of it.
        document: The document that opens its commitment; None where nobody has it: then it states no grade.
        instant: At which its standing is told.
        revalidated_on: Day on which whoever stacks says it was validated anew.
        origin: Key of the unpacked whole of which it is a part.
        unpacked: Key under which it was itself unpacked.
    """
    edition = logged.issued.edition
    template, details = logged.achievement.editions[edition - 1], logged.achievement.details[edition - 1]
    fields = () if details is None else (*((details.isced_f,) if details.isced_f else ()), *details.tags)
    elements = {} if document is None else elements_of(document)
    begin, until = logged.issued.valid_from, logged.issued.valid_until
    subject = subject_of(template, details, logged.country)
    grade = elements.get("grade")
    return Component(
        award=logged.award,
        institution=logged.institution,
        achievement=logged.achievement.code,
        edition=edition,
        credits_centi=template.credits_centi,
        workload_minutes=template.workload_minutes,
        eqf_level=template.eqf_level,
        fields=fields,
        awarded_on=begin.date(),
        valid_until=None if until is None else last_day(until),
        standing=min(
            (standing_at(logged.issued, changes, instant) for changes in (logged.changes, logged.shared)),
            key=_WORST_FIRST.index,
        ),
        grade=grade if isinstance(grade, str) else None,
        results=results_stated(document),
        accredited=any(
            (one.limits or NO_LIMITS).fit(subject).is_within for one in logged.accreditations if one.in_force(begin)
        ),
        supervised=_supervised(template),
        revalidated_on=revalidated_on,
        origin=origin,
        unpacked=unpacked,
    )


def standing_at(issued: Credential.Issued, changes: Sequence[Event], instant: datetime) -> Standing:
    """How an award stood at an instant, by the effective dates of its changes; see docs/spec/events.md.

    An end is for good and outranks expiry; of suspensions and reinstatements the newest in effect decides.
    """
    ends = [
        change
        for change in changes
        if isinstance(change, Credential.Revoked | Credential.Replaced) and change.effective_at <= instant
    ]
    if ends:
        end = min(ends, key=lambda change: change.effective_at)
        return "revoked" if isinstance(end, Credential.Revoked) else "replaced"
    if issued.valid_until is not None and instant > issued.valid_until:
        return "expired"
    switches = [
        (change.effective_at, number, change)
        for number, change in enumerate(changes)
        if isinstance(change, Credential.Suspended | Credential.Reinstated) and change.effective_at <= instant
    ]
    newest = max(switches, key=lambda switch: switch[:2], default=None)
    return "suspended" if newest is not None and isinstance(newest[2], Credential.Suspended) else "valid"


def stacking_instant(day: date, now: datetime) -> datetime:
    """At which instant a stack of *day*, recorded at *now*, looks at its components: the day's end, if it is over."""
    return min(datetime.combine(day, time(), UTC) + timedelta(days=1) - _MILLISECOND, now)


def last_day(until: datetime) -> date:
    """The last day of what ends at *until*: an end at midnight is that of the day before."""
    return (until - _MILLISECOND).date()


def achievement_type(achievement: Achievement, edition: int) -> str:
    """What kind of thing an edition is, as rules on overlap name it."""
    details = achievement.details[edition - 1]
    return DEFAULT_TYPE if details is None else details.achievement_type


def _supervised(template: Template) -> bool | None:
    said = (template.supervision or "").strip().casefold()
    return True if said.startswith("supervised") else False if said.startswith("unsupervised") else None


def results_stated(document: Mapping[str, Any] | None) -> dict[str, str]:
    """Values of the results that a document states, by the codes of their descriptions."""
    subject = {} if document is None else document.get("credentialSubject")
    stated = subject.get("result") if isinstance(subject, dict) else None
    found: dict[str, str] = {}
    for result in stated if isinstance(stated, list) else []:
        described = str(result.get("resultDescription")) if isinstance(result, dict) else ""
        code = described.rpartition(_RESULT)[2] if _RESULT in described else ""
        value = result.get("value") if code else None
        level = str(result.get("achievedLevel") or "").rpartition(f"{_RESULT}{code}-")[2] if code else ""
        if code and (isinstance(value, str) or level):
            found[code] = value if isinstance(value, str) else level
    return found
