"""Group `dates`: had it begun, and had it not ended, at the instant asked about?

The dates are the logged ones; that a document agrees with them is for the group `genuine`.

Source: W3C VC Data Model 2.0 section 4.9 (validity period).
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from verifier.report import Check, failed, not_judged, passed
from verifier.timeline import Timeline

VALID_FROM: Final = "dates.valid_from"
VALID_UNTIL: Final = "dates.valid_until"
_PLACE: Final = "evidence/entries/0"


def judge_valid_from(timeline: Timeline | None, as_of: datetime | None) -> Check:
    """Step 15: had the credential come into force?"""
    if timeline is None or as_of is None:
        return not_judged(VALID_FROM, "status.history" if timeline is None else "log.fresh")
    date = timeline.issued.valid_from
    judge, case = (passed, "begun") if date <= as_of else (failed, "not_yet_valid")
    return judge(VALID_FROM, case, date=date, looked_at=_PLACE)


def judge_valid_until(timeline: Timeline | None, as_of: datetime | None) -> Check:
    """Step 16: had the credential not expired? The last instant itself still counts."""
    if timeline is None or as_of is None:
        return not_judged(VALID_UNTIL, "status.history" if timeline is None else "log.fresh")
    date = timeline.issued.valid_until
    if date is None:
        return passed(VALID_UNTIL, "no_expiry", looked_at=_PLACE)
    judge, case = (passed, "not_expired") if as_of <= date else (failed, "expired")
    return judge(VALID_UNTIL, case, date=date, looked_at=_PLACE)
