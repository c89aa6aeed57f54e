"""How far a decision counts: a pure function of the decision, the appeals against it, the agreement, and a day.

1. The ruling of the day is the last one, in the order of the log, whose effective date has come by then. What an appeal
   changed counts from the date of the change on, what it upheld as before; an appeal that is open changes nothing.
2. None counts from the day of a withdrawal on. A refusal counts nothing, and so does one whose details are not at hand.
3. A decision that follows from an agreement counts only if the agreement was in force when it took effect, and never
   for more than the agreement grants of the award.
4. Otherwise it counts exactly as far as it says: these credits, these outcomes, this level, these fields, these
   exemptions, towards this programme or pathway alone where it names one.

Dates are compared by day (UTC): what takes effect on a day counts on that day, what is withdrawn on it does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

import msgspec

from ledger.agreement import Agreement
from ledger.decision import Details, StandsFor, Towards
from ledger.recognition import Recognition, Ruling
from ledger.stacking.component import AchievementRef, Component, Standing


class Credit(msgspec.Struct, frozen=True, kw_only=True):
    """What a recognition is worth on a day.

    Attributes:
        credits_centi: In hundredths of an ECTS credit; 0 where there are none.
        workload_minutes: In minutes of workload, of an award that is recognised in full and states no credits; else 0.
        outcomes: Learning outcomes in words.
        eqf_level: 1 to 8; None where nobody said.
        fields: ISCED-F codes: the category in which it counts.
        stands_for: Achievements that it counts as.
        towards: For what alone; None for everything.
    """

    credits_centi: int = 0
    workload_minutes: int = 0
    outcomes: tuple[str, ...] = ()
    eqf_level: int | None = None
    fields: tuple[str, ...] = ()
    stands_for: tuple[StandsFor, ...] = ()
    towards: Towards | None = None

    @property
    def is_nothing(self) -> bool:
        """Whether nothing is recognised."""
        return not (self.credits_centi or self.workload_minutes or self.outcomes or self.stands_for)


NOTHING: Final = Credit()


def ruling_on(recognition: Recognition, day: date) -> Ruling | None:
    """The ruling that holds on *day*; None before the first takes effect, and from the day of a withdrawal on."""
    if recognition.withdrawal is not None and recognition.withdrawal.effective_at.date() <= day:
        return None
    begun = [ruling for ruling in recognition.rulings if ruling.effective_at.date() <= day]
    return begun[-1] if begun else None


def credit_on(
    recognition: Recognition, details: Mapping[int, Details], agreement: Agreement | None, day: date
) -> Credit:
    """Say what a recognition is worth on *day*.

    Args:
        recognition: Decisions, appeals and withdrawal.
        details: Opened details, by the version of the event that commits to them.
        agreement: The one that the details name; None where they name none.
        day: UTC.
    """
    ruling = ruling_on(recognition, day)
    opened = None if ruling is None else details.get(ruling.version)
    if ruling is None or opened is None or ruling.decision == "refused":
        return NOTHING
    award, decided, is_full = opened.award, opened.decision, ruling.decision == "full"
    credits_centi = decided.credits_centi or (award.credits_centi if is_full else None) or 0
    minutes = award.workload_minutes if is_full and not credits_centi else None
    if opened.agreement is not None:
        if agreement is None or agreement.id != opened.agreement or not agreement.in_force(ruling.effective_at):
            return NOTHING
        credits_centi = min(credits_centi, agreement.terms.credited(award.credits_centi or 0))
        minutes = None if minutes is None else agreement.terms.shared(minutes)
    return Credit(
        credits_centi=credits_centi,
        workload_minutes=minutes or 0,
        outcomes=award.outcomes if is_full else decided.outcomes,
        eqf_level=decided.eqf_level or award.eqf_level,
        fields=decided.fields or award.fields,
        stands_for=decided.stands_for,
        towards=decided.towards,
    )


def component_of(
    recognition: Recognition,
    details: Mapping[int, Details],
    agreement: Agreement | None,
    day: date,
    *,
    towards: Towards | None = None,
    standing: Standing = "valid",
    accredited: bool | None = None,
    origin: str | None = None,
) -> Component | None:
    """The facts of a recognition for the rules of a pathway; None when nothing of it counts there on *day*.

    What is recognised in part is no award of the achievement: it counts for credits, and as what it stands for.

    Args:
        recognition: As for :func:`credit_on`.
        details: As for :func:`credit_on`.
        agreement: As for :func:`credit_on`.
        day: The day of stacking, UTC.
        towards: What is stacked; a recognition for another programme or pathway does not count.
        standing: How the award itself stands on *day*, where it is one of this ledger: what was revoked by who made it
            is recognised no more.
        accredited: Whether its issuer was entitled to award it on its day; None where nobody knows.
        origin: Key of the unpacking of which the award is a part.
    """
    ruling, credit = ruling_on(recognition, day), credit_on(recognition, details, agreement, day)
    if ruling is None or credit.is_nothing or (credit.towards is not None and credit.towards != towards):
        return None
    opened = details[ruling.version]
    award = opened.award
    return Component(
        award=f"recognition:{recognition.id.hex}",
        institution=award.institution or opened.institution,
        achievement=award.achievement if ruling.decision == "full" else None,
        edition=award.edition if ruling.decision == "full" else None,
        awarded_on=award.awarded_on,
        valid_until=award.valid_until,
        standing=_standing(standing, award.valid_until, day),
        credits_centi=None if credit.workload_minutes else credit.credits_centi,
        workload_minutes=credit.workload_minutes or None,
        eqf_level=credit.eqf_level,
        fields=credit.fields,
        grade=award.grade,
        accredited=accredited,
        recognised_by=opened.institution,
        stands_for=tuple(AchievementRef(institution=one.institution, code=one.code) for one in credit.stands_for),
        source=award.source,
        origin=origin,
    )


def _standing(standing: Standing, valid_until: date | None, day: date) -> Standing:
    return "expired" if standing == "valid" and valid_until is not None and valid_until < day else standing
