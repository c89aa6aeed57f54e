"""The plan of a foreign credential and of a presentation: every check of such a report, in the order of reports.

Codes that a report on a document of a ledger has as well mean the same question. A report that lacks one of its plan's
codes, or has one twice, is never `valid` (`report.decide`).
"""

from __future__ import annotations

from typing import Final

from verifier.checks import anchor, dates, genuine, issuer, log, status, time

FORM: Final = genuine.FORM
SIGNATURE: Final = genuine.SIGNATURE
CLAIMS: Final = "genuine.claims"
TERMS: Final = "genuine.terms"
MEMBERS: Final = "genuine.members"
SCHEMA: Final = "genuine.schema"
HOLDER: Final = "genuine.holder"
RECORDED: Final = genuine.RECORDED
CREDENTIALS: Final = "genuine.credentials"
KNOWN: Final = issuer.KNOWN
KEY: Final = issuer.KEY
LIST: Final = "status.list"
REVOCATION: Final = status.REVOCATION
SUSPENSION: Final = status.SUSPENSION
VALID_FROM: Final = dates.VALID_FROM
VALID_UNTIL: Final = dates.VALID_UNTIL

LOG_CHECKS: Final = (log.KNOWN, log.ENTRIES, log.STATE, time.COSIGNATURES, anchor.ANCHORS, time.FRESH)
"""Checks that need a log, which a foreign credential has none of: skipped."""
FOREIGN_PLAN: Final = (
    FORM,
    SIGNATURE,
    CLAIMS,
    TERMS,
    MEMBERS,
    SCHEMA,
    HOLDER,
    RECORDED,
    KNOWN,
    KEY,
    LIST,
    REVOCATION,
    SUSPENSION,
    VALID_FROM,
    VALID_UNTIL,
    *LOG_CHECKS,
)
"""Every check of a report on a credential that is not from this ledger."""
PRESENTATION_PLAN: Final = (FORM, HOLDER, CREDENTIALS)
"""Every check of a report on a presentation; each credential in it has a report of its own."""
FOREIGN_ORDER: Final = (
    FORM,
    KEY,
    SIGNATURE,
    CLAIMS,
    TERMS,
    MEMBERS,
    HOLDER,
    CREDENTIALS,
    KNOWN,
    RECORDED,
    REVOCATION,
    SUSPENSION,
    LIST,
    VALID_FROM,
    VALID_UNTIL,
    SCHEMA,
    *LOG_CHECKS,
)
"""Whose sentence a report takes when several checks did not pass: the one nearest to the ground."""
