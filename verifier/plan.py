"""The plan: every check of every report, in the order that reports show them.

A report that lacks one of these codes, or has one twice, is never `valid` (`report.decide`).
"""

from __future__ import annotations

from typing import Final

from verifier.checks import anchor, dates, genuine, issuer, log, stacking, status, time
from verifier.timeline import Timeline

DOCUMENT_CHECKS: Final = (
    genuine.FORM,
    genuine.SIGNATURE,
    genuine.RECORDED,
    genuine.SIGNER,
    genuine.ID,
    genuine.DATES,
    genuine.STATUS_ENTRY,
)
"""Checks that need the document; skipped when a report is about evidence alone."""
PLAN: Final = (
    *DOCUMENT_CHECKS,
    genuine.ACHIEVEMENT,
    issuer.KNOWN,
    issuer.KEY,
    issuer.COMPROMISE,
    issuer.ACCREDITATION,
    status.HISTORY,
    status.BITS,
    status.AGREEMENT,
    status.REVOCATION,
    status.SUCCESSOR,
    status.SUSPENSION,
    dates.VALID_FROM,
    dates.VALID_UNTIL,
    log.KNOWN,
    log.ENTRIES,
    log.STATE,
    time.COSIGNATURES,
    anchor.ANCHORS,
    time.FRESH,
)
"""Every check of every report, in the order that reports show them."""

DECIDING_ORDER: Final = (
    genuine.FORM,
    log.KNOWN,
    log.ENTRIES,
    log.STATE,
    time.COSIGNATURES,
    anchor.ANCHORS,
    status.HISTORY,
    status.BITS,
    status.AGREEMENT,
    issuer.KNOWN,
    genuine.ID,
    genuine.RECORDED,
    genuine.SIGNATURE,
    genuine.SIGNER,
    genuine.DATES,
    genuine.STATUS_ENTRY,
    genuine.ACHIEVEMENT,
    issuer.KEY,
    issuer.COMPROMISE,
    status.SUCCESSOR,
    status.REVOCATION,
    status.SUSPENSION,
    issuer.ACCREDITATION,
    dates.VALID_FROM,
    dates.VALID_UNTIL,
    time.FRESH,
)
"""Whose sentence a report takes when several checks did not pass: the one nearest to the ground."""

STACK_CHECKS: Final = (stacking.DERIVATION, stacking.PATHWAY, stacking.RULES, stacking.FACTS, stacking.COMPONENTS)
"""Further checks of a report on an award that was stacked from others."""
_PLACE: Final = PLAN.index(dates.VALID_FROM)
STACK_PLAN: Final = (*PLAN[:_PLACE], *STACK_CHECKS, *PLAN[_PLACE:])
"""Every check of a report on such an award."""
_TURN: Final = DECIDING_ORDER.index(dates.VALID_FROM)
STACK_DECIDING_ORDER: Final = (*DECIDING_ORDER[:_TURN], *STACK_CHECKS, *DECIDING_ORDER[_TURN:])
"""Whose sentence such a report takes."""


_BESIDE: Final = PLAN.index(genuine.ACHIEVEMENT) + 1
PART_PLAN: Final = (*PLAN[:_BESIDE], genuine.ORIGIN, *PLAN[_BESIDE:])
"""Every check of a report on a part of an unpacked diploma."""
FULL_PLAN: Final = (*STACK_PLAN[:_BESIDE], genuine.ORIGIN, *STACK_PLAN[_BESIDE:])
"""Every check that any of these reports has, in the order that they show them."""
_NEXT: Final = STACK_DECIDING_ORDER.index(genuine.ACHIEVEMENT) + 1
FULL_DECIDING_ORDER: Final = (*STACK_DECIDING_ORDER[:_NEXT], genuine.ORIGIN, *STACK_DECIDING_ORDER[_NEXT:])
"""Whose sentence any of them takes."""


def plan_of(timeline: Timeline | None) -> tuple[str, ...]:
    """Every check of the report on an award with that history; None: it could not be read."""
    if timeline is None:
        return PLAN
    if timeline.origin is not None:
        return PART_PLAN
    return PLAN if timeline.stacked is None else STACK_PLAN
