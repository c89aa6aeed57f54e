"""What is known, from the log alone, of an award of this ledger that was recognised.

Pure, so that the ledger, when somebody decides about the award, and an auditor, who is shown the decision later, come
to the same. The grade alone is the document's.
"""

from __future__ import annotations

from datetime import date, datetime

from ledger.achievement import Achievement
from ledger.component_fact import Logged, last_day, read_component, stacking_instant
from ledger.credential import Credential
from ledger.institution import Institution
from ledger.limit import KINDS, Subject, level_of, subject_of
from ledger.recognised_award import RecognisedAward
from ledger.stacking.component import Standing


def recognised_award(
    public_id: str, issued: Credential.Issued, awarder: Institution, achievement: Achievement, grade: str | None
) -> RecognisedAward:
    """The award as a decision names it.

    Args:
        public_id: Of the award.
        issued: Its issuance; of a part of an unpacked diploma what an issuance would say of it.
        awarder: Who awarded it.
        achievement: What it is an award of.
        grade: What its document says, or None.
    """
    template, details = achievement.editions[issued.edition - 1], achievement.details[issued.edition - 1]
    field = None if details is None else details.isced_f
    return RecognisedAward(
        origin="ledger",
        credential=public_id,
        institution=awarder.slug,
        achievement=achievement.code,
        edition=issued.edition,
        title=template.title,
        awarded_by=awarder.name,
        country=awarder.country,
        awarded_on=issued.valid_from.date(),
        valid_until=None if issued.valid_until is None else last_day(issued.valid_until),
        credits_centi=template.credits_centi,
        workload_minutes=template.workload_minutes,
        eqf_level=level_of(template),
        fields=() if field is None else (field,),
        kind=KINDS.get("MicroCredential" if details is None else details.achievement_type, "other"),
        outcomes=tuple(outcome.text for outcome in template.outcomes),
        grade=grade,
    )


def recognised_standing(logged: Logged, awarder: Institution, day: date, now: datetime) -> tuple[Standing, bool | None]:
    """How a recognised award stood on *day*, and whether its issuer was entitled to it on the day of the award.

    Args:
        logged: What the log says of it, as far as was known.
        awarder: Who awarded it, with the accreditations that were known.
        day: Of stacking, UTC.
        now: When that was decided: nobody knew more then.

    Returns:
        The standing; and None in the second place where nobody knows.
    """
    standing = read_component(logged, None, stacking_instant(day, now)).standing
    edition = logged.issued.edition - 1
    subject: Subject = subject_of(
        logged.achievement.editions[edition], logged.achievement.details[edition], logged.country
    )
    return standing, awarder.entitled(subject, logged.issued.valid_from)
