"""Aggregate ``Agreement``: two institutions of this ledger that recognise each other's awards without asking.

One proposes, the other accepts; either may end it, with a date. Within its scope and dates a recognition is automatic:
full, for the share of the credits that was agreed. What was recognised while it was in force stands when it ends.

The id follows from the two institutions and a number, so that every agreement between two of them is found without an
index.

Source: Lisbon Recognition Convention, Article II.3 (more favourable provisions of agreements between parties).
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Final, Literal, TypeAlias
from uuid import UUID, uuid5

import msgspec

from ledger.achievement import CODE, MAX_CREDITS_CENTI
from ledger.aggregate import Aggregate
from ledger.error import InvalidInputError, RuleError
from ledger.event import DomainEvent, Event, Instant, check_instant
from ledger.limit import Limits, Subject

AwardsOf: TypeAlias = Literal["proposer", "partner", "both"]
MAX_ACHIEVEMENTS: Final = 200
MAX_AGREEMENTS: Final = 200
"""Agreements between two institutions, ended ones included."""
WHOLE_PERCENT: Final = 100


class Terms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What two institutions agree on.

    Attributes:
        awards_of: Whose awards are recognised by the other.
        achievements: Codes of the micro-credentials, as their institution calls them; empty for all of them.
        limits: Levels, fields, kinds of credential and country that it extends to.
        share_percent: How much of an award's credits is recognised, 1 to 100; rounded down to a hundredth of a credit.
        cap_centi: Most that is recognised of one award, in hundredths of an ECTS credit; None without a cap.
    """

    awards_of: AwardsOf
    achievements: tuple[str, ...]
    limits: Limits
    share_percent: int
    cap_centi: int | None

    def check(self) -> None:
        """Refuse terms that are not well formed. Raises InvalidInputError; the pointer names the member."""
        codes = self.achievements
        if len(codes) > MAX_ACHIEVEMENTS or len(set(codes)) != len(codes) or not all(map(CODE.fullmatch, codes)):
            message = f"up to {MAX_ACHIEVEMENTS} different codes of 1 to 64 letters, digits, dots, hyphens, underscores"
            raise InvalidInputError(message, "/achievements")
        self.limits.check()
        if not 1 <= self.share_percent <= WHOLE_PERCENT:
            message = "a share lies between 1 and 100 percent"
            raise InvalidInputError(message, "/share_percent")
        if self.cap_centi is not None and not 1 <= self.cap_centi <= MAX_CREDITS_CENTI:
            message = f"a cap lies between 1 and {MAX_CREDITS_CENTI} hundredths of a credit"
            raise InvalidInputError(message, "/cap_centi")

    def credited(self, credits_centi: int) -> int:
        """How much of an award is recognised: the share, rounded down, and no more than the cap.

        Args:
            credits_centi: The award's credits, in hundredths.
        """
        share = self.shared(credits_centi)
        return share if self.cap_centi is None else min(share, self.cap_centi)

    def shared(self, amount: int) -> int:
        """The share of an amount of the smallest unit, rounded down."""
        return amount * self.share_percent // WHOLE_PERCENT


class Agreement(Aggregate, frozen=True, kw_only=True):
    """State of an agreement."""

    proposer: UUID
    partner: UUID
    number: int
    terms: Terms
    valid_from: Instant
    valid_until: Instant | None
    accepted_at: Instant | None = None
    ended_at: Instant | None = None

    class Proposed(Event, frozen=True, kw_only=True):
        """An institution proposed an agreement to another."""

        TOPIC: ClassVar[str] = "agreement.proposed.v1"
        proposer: UUID
        partner: UUID
        number: int
        terms: Terms
        valid_from: Instant
        valid_until: Instant | None
        recorded_at: Instant

    class Accepted(Event, frozen=True, kw_only=True):
        """The other institution accepted it."""

        TOPIC: ClassVar[str] = "agreement.accepted.v1"
        institution: UUID
        recorded_at: Instant

    class Ended(Event, frozen=True, kw_only=True):
        """One of the two ended it (or declined the proposal): from ``effective_at`` on nothing follows from it."""

        TOPIC: ClassVar[str] = "agreement.ended.v1"
        institution: UUID
        effective_at: Instant
        recorded_at: Instant

    @classmethod
    def propose(
        cls,
        *,
        proposer: UUID,
        partner: UUID,
        number: int,
        terms: Terms,
        valid_from: datetime,
        valid_until: datetime | None,
        at: datetime,
    ) -> DomainEvent:
        """Propose an agreement.

        Args:
            proposer: Who proposes.
            partner: To whom.
            number: The how-manieth between the two, from 1.
            terms: What is agreed on.
            valid_from: From when it is to hold; never before it is accepted.
            valid_until: The last instant at which it holds; None without an end.
            at: Present instant.

        Raises:
            InvalidInputError: The terms or dates are not well formed, or an institution would agree with itself.
        """
        if proposer == partner:
            message = "an agreement is between two institutions"
            raise InvalidInputError(message, "/partner")
        if not 1 <= number <= MAX_AGREEMENTS:
            message = f"there are at most {MAX_AGREEMENTS} agreements between two institutions"
            raise InvalidInputError(message, "/partner")
        terms.check()
        check_instant(valid_from, "/valid_from")
        if valid_until is not None:
            check_instant(valid_until, "/valid_until")
            if valid_until <= max(valid_from, at):
                message = "an agreement ends after it begins, and not in the past"
                raise InvalidInputError(message, "/valid_until")
        body = cls.Proposed(
            proposer=proposer,
            partner=partner,
            number=number,
            terms=terms,
            valid_from=valid_from,
            valid_until=valid_until,
            recorded_at=at,
        )
        return DomainEvent(agreement_id(proposer, partner, number), 1, body)

    def accept(self, *, institution: UUID, at: datetime) -> list[DomainEvent]:
        """Accept a proposal.

        Raises:
            RuleError: Another than the partner accepts, it was accepted or ended before, or its time is over.
        """
        if institution != self.partner:
            message = "an agreement is accepted by the institution that it was proposed to"
            raise RuleError(message)
        if self.accepted_at is not None or self.ended_at is not None:
            message = "this agreement was accepted or ended before"
            raise RuleError(message)
        if self.valid_until is not None and at > self.valid_until:
            message = "the time of this agreement is over; propose another"
            raise RuleError(message)
        return self.follow(self.Accepted(institution=institution, recorded_at=at))

    def end(self, *, institution: UUID, effective_at: datetime, at: datetime) -> list[DomainEvent]:
        """End an agreement, or decline a proposal.

        Raises:
            RuleError: Another than the two ends it, it was ended before, or the date lies in the past: what was
                recognised under it stands.
        """
        if institution not in {self.proposer, self.partner}:
            message = "an agreement is ended by one of its two institutions"
            raise RuleError(message)
        if self.ended_at is not None:
            message = f"this agreement was ended as of {self.ended_at.isoformat()}"
            raise RuleError(message)
        check_instant(effective_at, "/effective_at")
        if effective_at < at:
            message = "an agreement is not ended in the past: what was recognised under it stands"
            raise RuleError(message)
        return self.follow(self.Ended(institution=institution, effective_at=effective_at, recorded_at=at))

    def in_force(self, at: datetime) -> bool:
        """Whether it holds at *at*: accepted and begun; the end is the last instant, the ending the first without."""
        if self.accepted_at is None or not max(self.valid_from, self.accepted_at) <= at:
            return False
        lasting = self.valid_until is None or at <= self.valid_until
        return lasting and (self.ended_at is None or at < self.ended_at)

    def covers(self, *, recogniser: UUID, awarder: UUID, achievement: str, subject: Subject) -> bool:
        """Whether an award of *awarder* is within the scope when *recogniser* recognises it; dates are not looked at.

        What does not state its level, field or kind where these are limited is not within.
        """
        pairs = {"partner": [(self.proposer, self.partner)], "proposer": [(self.partner, self.proposer)]}
        pairs["both"] = pairs["partner"] + pairs["proposer"]
        if (recogniser, awarder) not in pairs[self.terms.awards_of]:
            return False
        is_named = not self.terms.achievements or achievement in self.terms.achievements
        return is_named and self.terms.limits.fit(subject).is_within

    @classmethod
    def begin(cls, originator_id: UUID, body: Event) -> Agreement:
        """State after the proposal."""
        assert isinstance(body, cls.Proposed)  # noqa: S101  the mapper has checked the topic
        return cls(
            id=originator_id,
            version=1,
            proposer=body.proposer,
            partner=body.partner,
            number=body.number,
            terms=body.terms,
            valid_from=body.valid_from,
            valid_until=body.valid_until,
        )

    def evolve(self, body: Event) -> Agreement:
        """State after one more event."""
        match body:
            case Agreement.Accepted():
                return msgspec.structs.replace(self, accepted_at=body.recorded_at)
            case Agreement.Ended():
                return msgspec.structs.replace(self, ended_at=body.effective_at)
            case _:
                return self


def agreement_id(one: UUID, other: UUID, number: int) -> UUID:
    """Aggregate id of the *number*-th agreement between two institutions, whoever proposed it."""
    low, high = sorted((one, other), key=lambda institution: institution.bytes)
    return uuid5(low, f"agreement:{high}:{number}")


EVENTS: tuple[type[Event], ...] = (Agreement.Proposed, Agreement.Accepted, Agreement.Ended)
"""Every event of this aggregate."""
