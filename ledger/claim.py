"""What an institution claims of one learner: the parts of an award that the template does not hold.

Of the eleven mandatory elements of the EU Recommendation, the learner and the date come from here; the grade, if any,
does too, so that one bulk award never gives everybody the same grade.

Source: Council Recommendation of 16 June 2022 (2022/C 243/02), Annex I.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from operator import attrgetter
from typing import Any

import msgspec

from ledger.achievement import missing
from ledger.error import InvalidInputError
from ledger.event import check_instant
from ledger.performance import Assessor, Evidence, Performance, Result
from ledger.text import check_text, is_blank

MAX_NAME_CHARS = 200
MAX_REFERENCE_CHARS = 120
MAX_EMAIL_CHARS = 254
MAX_GRADE_CHARS = 60
MAX_URI_CHARS = 500
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,189}")
_COORDINATE = re.compile(r"[A-Za-z0-9_-]{43}")
_URI = re.compile(r"[a-z][a-z0-9+.-]{1,30}:[^\s<>\"]{1,480}")


class LearnerClaim(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who earned it. Personal, all of it: it goes into the document and the vault, never into an event.

    ``reference`` is what the institution calls the learner (a student number): awards with the same reference belong to
    one learner and are erased together. ``hashed`` has documents say salted hashes in place of name and address: who
    knows the person can check that it is they, and the document names nobody by itself.
    """

    name: str
    reference: str | None = None
    email: str | None = None
    id: str | None = None
    hashed: bool = False


class AwardClaim(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One award. ``awarded_on`` is a calendar day in UTC; the award is valid from its beginning.

    ``activity_start`` and ``activity_end`` are the days of the learning; ``source`` says who assessed on the issuer's
    behalf; ``endorsements`` are signed endorsement credentials of others, as JSON or compact JWT, and are passed on as
    they are. ``holder_jwk`` is a public key of the learner's wallet, to which an SD-JWT VC is bound.
    """

    achievement: str
    learner: LearnerClaim
    awarded_on: date
    edition: int | None = None
    grade: str | None = None
    valid_until: datetime | None = None
    results: tuple[Result, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    narrative: str | None = None
    activity_start: date | None = None
    activity_end: date | None = None
    license_number: str | None = None
    role: str | None = None
    term: str | None = None
    source: Assessor | None = None
    endorsements: tuple[dict[str, Any] | str, ...] = ()
    holder_jwk: dict[str, str] | None = None

    def check(self, now: datetime) -> None:
        """Refuse a claim that lacks a mandatory element or carries an ill-formed one.

        Raises:
            MissingElementError: The learner's name is blank.
            InvalidInputError: An element is not well formed, or a date does not fit.
        """
        check_text(self)
        self.check_elements(now)

    def check_elements(self, now: datetime) -> None:
        """Refuse what :meth:`check` refuses, of a claim whose text is known to be clean.

        Raises:
            MissingElementError, InvalidInputError: See :meth:`check`.
        """
        self._check_learner()
        if self.grade is not None and (is_blank(self.grade) or len(self.grade) > MAX_GRADE_CHARS):
            message = f"a grade has 1 to {MAX_GRADE_CHARS} characters; leave it out if there is none"
            raise InvalidInputError(message, "/grade")
        if self.valid_from > now:
            message = "awarded_on lies in the future"
            raise InvalidInputError(message, "/awarded_on")
        if self.valid_until is not None:
            self._check_valid_until(self.valid_until)
        if _performed(self) != _NOTHING:
            self.performance.check()
        self._check_activity()
        if self.holder_jwk is not None:
            check_holder_key(self.holder_jwk)

    @property
    def performance(self) -> Performance:
        """What the learner did, for the checks that concern it alone."""
        return Performance(**{name: getattr(self, name) for name in Performance.__struct_fields__})

    def _check_activity(self) -> None:
        start, end = self.activity_start, self.activity_end
        if start is not None and end is not None and end < start:
            message = "the activity ends before it starts"
            raise InvalidInputError(message, "/activity_end")

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


_performed = attrgetter(*Performance.__struct_fields__)
"""The parts of a performance."""
_NOTHING = _performed(AwardClaim(achievement="", learner=LearnerClaim(name=""), awarded_on=date.min))
"""What each of them is when nothing is claimed."""


def check_holder_key(jwk: dict[str, str]) -> None:
    """Refuse what is no public key of the kinds that wallets sign with. Raises InvalidInputError.

    Source: RFC 7517 section 4.1; RFC 8037 section 2; RFC 7518 section 6.2.1.
    """
    known = {"OKP": ("Ed25519", ("x",)), "EC": ("P-256", ("x", "y"))}
    curve, coordinates = known.get(jwk.get("kty", ""), ("", ()))
    members = {"kty", "crv", *coordinates}
    if not coordinates or jwk.get("crv") != curve or set(jwk) != members:
        message = "a holder's key is a public JWK of Ed25519 or P-256, with kty, crv and coordinates and nothing else"
        raise InvalidInputError(message, "/holder_jwk")
    if not all(_COORDINATE.fullmatch(jwk[name]) for name in coordinates):
        message = "a coordinate is 32 bytes in base64url without padding"
        raise InvalidInputError(message, "/holder_jwk")
