"""The awards that the closing table shows: one of each kind, with a sentence about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

import msgspec

from api.demo.calendar import (
    COMPROMISED_DAY,
    DECLARED_DAY,
    ROTATED,
    ROTATION_DAY,
    STOLEN,
    Calendar,
)
from api.demo.catalogue import Script
from api.demo.incident import Incident, IssuedAward
from api.demo.step import ForgeDocument, Replace
from ledger.reason import Reason

WELL_ANCHORED = timedelta(days=14)
"""After this time an award lies under an anchored checkpoint, however lazily one publishes."""

Verdict: TypeAlias = Literal["valid", "invalid", "unknown"]


class Showcase(msgspec.Struct, frozen=True, kw_only=True):
    """An award worth looking at.

    Attributes:
        state: Short name of what it shows, unique in a plan.
        award: Its handle in the plan.
        expected: What verification is to say at the end of the plan, with complete evidence and
            with checkpoints anchored at least once a week.
        sentence: What there is to see.
    """

    state: str
    award: str
    expected: Verdict
    sentence: str


class _Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """An award and its fate: the names of what happened to it, and the reason given last."""

    handle: str
    institution: str
    at: datetime
    script: Script
    in_date: bool
    fate: tuple[str, ...]
    reason: Reason | None

    @property
    def is_plain(self) -> bool:
        return self.in_date and not self.fate and self.institution != STOLEN


class _Rule(msgspec.Struct, frozen=True, kw_only=True):
    """What an award must be to be shown, and whether the newest or the oldest such one is."""

    state: str
    expected: Verdict
    sentence: str
    test: Callable[[_Candidate], bool]
    newest: bool = True


def choose_showcases(
    calendar: Calendar,
    issued: Sequence[IssuedAward],
    incidents: Sequence[Incident],
    forgery: ForgeDocument,
) -> tuple[Showcase, ...]:
    """Choose one award of each kind; no award is chosen twice.

    Returns:
        Showcases in the order of the closing table.

    Raises:
        ValueError: The plan has no award of some kind.
    """
    candidates = sorted(_candidates(calendar, issued, incidents), key=lambda one: one.at)
    chosen: list[Showcase] = []
    for rule in (*_untouched_rules(calendar), *_CHANGED_RULES, *_theft_rules(calendar)):
        taken = {showcase.award for showcase in chosen}
        chosen.append(_choose(rule, [one for one in candidates if one.handle not in taken]))
    return (*chosen, _forged(forgery))


def _choose(rule: _Rule, candidates: list[_Candidate]) -> Showcase:
    ordered = reversed(candidates) if rule.newest else iter(candidates)
    found = next((one for one in ordered if rule.test(one)), None)
    if found is None:
        raise ValueError(f"the plan has no award to show as {rule.state!r}")
    return Showcase(state=rule.state, award=found.handle, expected=rule.expected, sentence=rule.sentence)


def _forged(forgery: ForgeDocument) -> Showcase:
    return Showcase(
        state="forged",
        award=forgery.award.handle,
        expected="invalid",
        sentence="Signed with the stolen key: the signature is good, but the log never saw it.",
    )


def _candidates(
    calendar: Calendar, issued: Sequence[IssuedAward], incidents: Sequence[Incident]
) -> Iterator[_Candidate]:
    fates: dict[str, list[Incident]] = {}
    for step in sorted(incidents, key=lambda step: step.at):
        fates.setdefault(step.award, []).append(step)
    for item in issued:
        trail = fates.get(item.award.handle, [])
        yield _Candidate(
            handle=item.award.handle,
            institution=item.batch.institution,
            at=item.batch.at,
            script=item.award.learner.script,
            in_date=_in_date(item.batch.valid_until, calendar),
            fate=tuple(type(step).__name__ for step in trail),
            reason=getattr(trail[-1], "reason", None) if trail else None,
        )
    yield from (_successor(calendar, step) for step in incidents if isinstance(step, Replace))


def _successor(calendar: Calendar, step: Replace) -> _Candidate:
    return _Candidate(
        handle=step.successor.handle,
        institution=step.institution,
        at=step.at,
        script=step.successor.learner.script,
        in_date=_in_date(step.valid_until, calendar),
        fate=("Successor",),
        reason=step.reason,
    )


def _in_date(valid_until: datetime | None, calendar: Calendar) -> bool:
    return valid_until is None or valid_until > calendar.end


def _untouched_rules(calendar: Calendar) -> tuple[_Rule, ...]:
    rotation = calendar.at(ROTATION_DAY)
    return (
        _Rule(
            state="valid",
            expected="valid",
            sentence="Made not long ago; nothing has happened to it.",
            test=lambda one: one.is_plain and one.script == "latin",
        ),
        _Rule(
            state="cyrillic_name",
            expected="valid",
            sentence="The learner's name is in Cyrillic script: in the document, and in no public answer.",
            test=lambda one: one.is_plain and one.script == "cyrillic",
        ),
        _Rule(
            state="oldest",
            expected="valid",
            sentence="Nearly five years old, and it verifies as on its first day.",
            test=lambda one: one.is_plain,
            newest=False,
        ),
        _Rule(
            state="before_key_rotation",
            expected="valid",
            sentence="Signed with a key that was retired in the ordinary way: it stands.",
            test=lambda one: one.is_plain and one.institution == ROTATED and one.at < rotation,
        ),
        _Rule(
            state="after_key_rotation",
            expected="valid",
            sentence="Signed with the key that came with the rotation.",
            test=lambda one: one.is_plain and one.institution == ROTATED and one.at > rotation,
            newest=False,
        ),
        _Rule(
            state="expired",
            expected="invalid",
            sentence="It was good for a fixed time, and that time is over.",
            test=lambda one: not one.in_date and not one.fate and one.institution != STOLEN,
        ),
    )


_CHANGED_RULES = (
    _Rule(
        state="suspended",
        expected="invalid",
        sentence="A complaint is being looked into; until then the award does not hold.",
        test=lambda one: one.in_date and one.fate == ("Suspend",),
    ),
    _Rule(
        state="reinstated",
        expected="valid",
        sentence="It was suspended and reinstated: valid now, and not valid in between.",
        test=lambda one: one.in_date and one.fate == ("Suspend", "Reinstate"),
    ),
    _Rule(
        state="revoked",
        expected="invalid",
        sentence="Revoked for academic misconduct, as of the day on which it was made.",
        test=lambda one: one.fate == ("Revoke",) and one.reason is Reason.ACADEMIC_MISCONDUCT,
    ),
    _Rule(
        state="accreditation_withdrawn",
        expected="invalid",
        sentence="Made after the accreditation had lapsed, before anybody knew; revoked since.",
        test=lambda one: one.reason is Reason.ACCREDITATION_WITHDRAWN,
    ),
    _Rule(
        state="replaced",
        expected="invalid",
        sentence="The grade was wrong; a corrected award took its place.",
        test=lambda one: one.fate == ("Replace",) and one.reason is Reason.INCORRECT_DATA,
    ),
    _Rule(
        state="correction",
        expected="valid",
        sentence="The award that took the place of one with a wrong grade.",
        test=lambda one: (
            one.in_date
            and one.fate == ("Successor",)
            and one.reason is Reason.INCORRECT_DATA
            and one.institution != STOLEN
        ),
    ),
)


def _theft_rules(calendar: Calendar) -> tuple[_Rule, ...]:
    theft, declared = calendar.at(COMPROMISED_DAY), calendar.at(DECLARED_DAY)

    def untouched_by_owner(one: _Candidate) -> bool:
        return one.institution == STOLEN and one.in_date and not one.fate

    return (
        _Rule(
            state="compromised_before",
            expected="valid",
            sentence="Signed with a key that was stolen later, and anchored before the theft.",
            test=lambda one: untouched_by_owner(one) and one.at < theft - WELL_ANCHORED,
        ),
        _Rule(
            state="compromised_after",
            expected="unknown",
            sentence="Made with the key while it was in other hands: nobody can tell by whom.",
            test=lambda one: untouched_by_owner(one) and theft <= one.at < declared,
        ),
        _Rule(
            state="reissued",
            expected="valid",
            sentence="Made again with the new key, in the place of one from the stolen days.",
            test=lambda one: one.fate == ("Successor",) and one.reason is Reason.KEY_COMPROMISE,
        ),
    )
