"""What an institution claims of one learner: the parts of an award that the template does not hold.

Of the eleven mandatory elements of the EU Recommendation, the learner and the date come from here; the grade, if any,
does too, so that one bulk award never gives everybody the same grade.

Source: Council Recommendation of 16 June 2022 (2022/C 243/02), Annex I.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time

import msgspec

from ledger.achievement import missing
from ledger.error import InvalidInputError
from ledger.event import check_instant
from ledger.text import check_text, is_blank

MAX_NAME_CHARS = 200
MAX_REFERENCE_CHARS = 120
MAX_EMAIL_CHARS = 254
MAX_GRADE_CHARS = 60
MAX_URI_CHARS = 500
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,189}")
_URI = re.compile(r"[a-z][a-z0-9+.-]{1,30}:[^\s<>\"]{1,480}")


class LearnerClaim(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who earned it. Personal, all of it: it goes into the document and the vault, never into an event.

    ``reference`` is what the institution calls the learner (a student number): awards with the same reference belong to
    one learner and are erased together.
    """

    name: str
    reference: str | None = None
    email: str | None = None
    id: str | None = None


class AwardClaim(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One award. ``awarded_on`` is a calendar day in UTC; the award is valid from its beginning."""

    achievement: str
    learner: LearnerClaim
    awarded_on: date
    edition: int | None = None
    grade: str | None = None
    valid_until: datetime | None = None

    def check(self, now: datetime) -> None:
        """Refuse a claim that lacks a mandatory element or carries an ill-formed one.

        Raises:
            MissingElementError: The learner's name is blank.
            InvalidInputError: An element is not well formed, or a date does not fit.
        """
        check_text(self)
        self._check_learner()
        if self.grade is not None and (is_blank(self.grade) or len(self.grade) > MAX_GRADE_CHARS):
            message = f"a grade has 1 to {MAX_GRADE_CHARS} characters; leave it out if there is none"
            raise InvalidInputError(message, "/grade")
        if self.valid_from > now:
            message = "awarded_on lies in the future"
            raise InvalidInputError(message, "/awarded_on")
        if self.valid_until is not None:
            self._check_valid_until(self.valid_until)

    def _check_learner(self) -> None:
        learner = self.learner
        if is_blank(learner.name):
            element = "identification of the learner"
            raise missing(element, "/learner/name")
        for name, value, limit in (
            ("name", learner.name, MAX_NAME_CHARS),
            ("reference", learner.reference, MAX_REFERENCE_CHARS),
            ("email", learner.email, MAX_EMAIL_CHARS),
            ("id", learner.id, MAX_URI_CHARS),
        ):
            if value is not None and not 0 < len(value) <= limit:
                message = f"a learner's {name} has 1 to {limit} characters"
                raise InvalidInputError(message, f"/learner/{name}")
        if learner.email is not None and not _EMAIL.fullmatch(learner.email):
            message = "this is not an e-mail address"
            raise InvalidInputError(message, "/learner/email")
        if learner.id is not None and not _URI.fullmatch(learner.id):
            message = "a learner's id is an absolute URI such as a DID"
            raise InvalidInputError(message, "/learner/id")

    def _check_valid_until(self, valid_until: datetime) -> None:
        check_instant(valid_until, "/valid_until")
        if valid_until <= self.valid_from:
            message = "valid_until lies after awarded_on"
            raise InvalidInputError(message, "/valid_until")

    @property
    def valid_from(self) -> datetime:
        """The instant from which the award holds: the beginning of its day, UTC."""
        return datetime.combine(self.awarded_on, time(), UTC)
