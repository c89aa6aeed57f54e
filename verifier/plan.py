"""The plan: every check of every report, in the order that reports show them.

A report that lacks one of these codes, or has one twice, is never `valid` (`report.decide`).
"""

from __future__ import annotations

from typing import Final

from verifier.checks import anchor, dates, genuine, issuer, log, status, time

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
    genuine.ORIGIN,
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
    genuine.ORIGIN,
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
