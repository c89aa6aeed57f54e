"""Aggregate ``Recognition``: one institution's decision about another's award, and what became of it.

The log says who decided, what kind of decision it was, why (as codes) and from when it holds. Which award, of whom, for
how many credits and towards what is in the vault, under the learner; each decision's event holds a salted commitment to
its details (:mod:`ledger.decision`).

Whoever is refused, in whole or in part, may appeal until a date that the decision names. An appeal is decided by a date
too: upheld, or changed by a new decision, which may be appealed against in its turn. A date that passes is no end of
anything: an outcome can still be entered, and everyone can see that it was late.

Longer than other modules because it is one aggregate: its events, its state and every rule of it.

Source: Lisbon Recognition Convention, Articles III.1 (assessment and appeal), III.5 (time limits) and VI.1 (substantial
differences).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import ClassVar, Final, Literal, TypeAlias
from uuid import UUID

import msgspec

from ledger.aggregate import Aggregate
from ledger.decision import DecisionKind, SubstantialDifference, check_reasons
from ledger.error import InvalidInputError, RuleError
from ledger.event import Digest, DomainEvent, Event, Instant, check_instant
from ledger.reason import Reason

RANDOM_BYTES: Final = 10
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
AppealResult: TypeAlias = Literal["upheld", "changed"]
MIN_APPEAL: Final = timedelta(days=14)
"""Shortest time for an appeal. Source: the project's own floor; the Convention asks for a reasonable time limit."""
DEFAULT_APPEAL: Final = timedelta(days=30)
MAX_APPEAL_DECISION: Final = timedelta(days=366)
DEFAULT_APPEAL_DECISION: Final = timedelta(days=90)
MAX_AHEAD: Final = timedelta(days=366)
"""How far ahead a decision may take effect: from the beginning of the next academic year, say."""


class Ruling(msgspec.Struct, frozen=True, kw_only=True):
    """One decision: the first, or the one that an appeal put in its place.

    Attributes:
        version: Version of the event that says so.
        decision: Kind of decision.
        reasons: Why not all of it.
        effective_at: From when it holds.
        details: Commitment to the details.
        appeal_until: Last instant at which an appeal may be filed; None when there is none to be had.
        recorded_at: When the ledger learned it.
    """

    version: int
    decision: DecisionKind
    reasons: tuple[SubstantialDifference, ...]
    effective_at: Instant
    details: Digest
    appeal_until: Instant | None
    recorded_at: Instant


class Appeal(msgspec.Struct, frozen=True, kw_only=True):
    """An appeal against the ruling before it; ``result`` and ``decided_at`` are None while it is open."""

    filed_at: Instant
    decide_by: Instant
    recorded_at: Instant
    result: AppealResult | None = None
    decided_at: Instant | None = None

    def is_late(self, now: datetime) -> bool:
        """Whether the outcome came, or is still awaited, after the date by which it was due."""
        return (self.decided_at or now) > self.decide_by


class Withdrawal(msgspec.Struct, frozen=True, kw_only=True):
    """That a decision was taken back, why, and from when it does not hold."""

    reason: Reason
    effective_at: Instant
    recorded_at: Instant


class Recognition(Aggregate, frozen=True, kw_only=True):
    """State of a recognition; rulings and appeals in the order of the log."""

    institution: UUID
    rulings: tuple[Ruling, ...]
    appeals: tuple[Appeal, ...] = ()
    withdrawal: Withdrawal | None = None

    class Decided(Event, frozen=True, kw_only=True):
        """An institution decided about an award. ``details`` commits to which one, whose, and for what."""

        TOPIC: ClassVar[str] = "recognition.decided.v1"
        institution: UUID
        decision: DecisionKind
        reasons: tuple[SubstantialDifference, ...]
        effective_at: Instant
        details: Digest
        appeal_until: Instant | None
        recorded_at: Instant

    class Appealed(Event, frozen=True, kw_only=True):
        """The learner appealed. ``statement`` commits to what they said, in the vault."""

        TOPIC: ClassVar[str] = "recognition.appealed.v1"
        filed_at: Instant
        decide_by: Instant
        statement: Digest | None
        recorded_at: Instant

    class AppealDecided(Event, frozen=True, kw_only=True):
        """An appeal was decided.

        ``upheld``: the decision before stands, and the members of a new one are null or empty. ``changed``: they say
        the new one. ``statement`` commits to what was said about it, in the vault.
        """

        TOPIC: ClassVar[str] = "recognition.appeal_decided.v1"
        result: AppealResult
        decision: DecisionKind | None
        reasons: tuple[SubstantialDifference, ...]
        effective_at: Instant | None
        details: Digest | None
        appeal_until: Instant | None
        statement: Digest | None
        recorded_at: Instant

    class Withdrawn(Event, frozen=True, kw_only=True):
        """The institution took its decision back; from ``effective_at`` on nothing is recognised."""

        TOPIC: ClassVar[str] = "recognition.withdrawn.v1"
        reason: Reason
        effective_at: Instant
        note: Digest | None
        recorded_at: Instant

    @classmethod
    def decide(
        cls,
        *,
        id: UUID,  # noqa: A002  what every aggregate calls it
        institution: UUID,
        decision: DecisionKind,
        reasons: tuple[SubstantialDifference, ...],
        effective_at: datetime,
        details: str,
        appeal_until: datetime | None,
        at: datetime,
    ) -> DomainEvent:
        """Decide about an award.

        Raises:
            InvalidInputError: The reasons do not fit the decision, or the dates do not fit each other.
            RuleError: It would take effect too far ahead.
        """
        check_reasons(decision, reasons)
        _check_effective(effective_at, at)
        if decision == "full" and appeal_until is not None:
            message = "a full recognition leaves nothing to appeal against; leave the date out"
            raise InvalidInputError(message, "/appeal_until")
        if decision != "full" and appeal_until is None:
            message = "whoever is refused may appeal; say until when"
            raise InvalidInputError(message, "/appeal_until")
        _check_appeal_until(appeal_until, at)
        body = cls.Decided(
            institution=institution,
            decision=decision,
            reasons=reasons,
            effective_at=effective_at,
            details=details,
            appeal_until=appeal_until,
            recorded_at=at,
        )
        return DomainEvent(id, 1, body)

    def appeal(
        self, *, filed_at: datetime, decide_by: datetime, statement: str | None, at: datetime
    ) -> list[DomainEvent]:
        """Enter an appeal against the newest decision.

        Raises:
            InvalidInputError: It would be decided before it was filed, or too late.
            RuleError: There is nothing to appeal against, an appeal is open, or it comes too late.
        """
        self._require_standing()
        ruling = self.rulings[-1]
        if self.open_appeal is not None:
            message = "an appeal is open; its outcome comes first"
            raise RuleError(message)
        if ruling.appeal_until is None or self._is_decided(ruling):
            message = "there is no appeal against this decision here"
            raise RuleError(message)
        check_instant(filed_at, "/filed_at")
        check_instant(decide_by, "/decide_by")
        if filed_at > at or filed_at < min(ruling.effective_at, ruling.recorded_at):
            message = "an appeal is filed after the decision, and not in the future"
            raise RuleError(message)
        if filed_at > ruling.appeal_until:
            message = f"an appeal could be filed until {ruling.appeal_until.isoformat()}"
            raise RuleError(message)
        if not filed_at < decide_by <= filed_at + MAX_APPEAL_DECISION or decide_by <= at:
            message = f"an appeal is decided after it was entered, within {MAX_APPEAL_DECISION.days} days of its filing"
            raise InvalidInputError(message, "/decide_by")
        return self.follow(self.Appealed(filed_at=filed_at, decide_by=decide_by, statement=statement, recorded_at=at))

    def uphold(self, *, statement: str | None, at: datetime) -> list[DomainEvent]:
        """Decide the open appeal: the decision stands.

        Raises:
            RuleError: No appeal is open, or the recognition was withdrawn.
        """
        self._require_open_appeal()
        return self.follow(
            self.AppealDecided(
                result="upheld",
                decision=None,
                reasons=(),
                effective_at=None,
                details=None,
                appeal_until=None,
                statement=statement,
                recorded_at=at,
            )
        )

    def change(
        self,
        *,
        decision: DecisionKind,
        reasons: tuple[SubstantialDifference, ...],
        effective_at: datetime,
        details: str,
        appeal_until: datetime | None,
        statement: str | None,
        at: datetime,
    ) -> list[DomainEvent]:
        """Decide the open appeal: another decision takes the place of the one before, from *effective_at* on.

        Without *appeal_until* it is final in this ledger.

        Raises:
            InvalidInputError: The reasons do not fit the decision, or the dates do not fit each other.
            RuleError: No appeal is open, or the recognition was withdrawn.
        """
        self._require_open_appeal()
        check_reasons(decision, reasons)
        _check_effective(effective_at, at)
        if decision == "full" and appeal_until is not None:
            message = "a full recognition leaves nothing to appeal against; leave the date out"
            raise InvalidInputError(message, "/appeal_until")
        _check_appeal_until(appeal_until, at)
        return self.follow(
            self.AppealDecided(
                result="changed",
                decision=decision,
                reasons=reasons,
                effective_at=effective_at,
                details=details,
                appeal_until=appeal_until,
                statement=statement,
                recorded_at=at,
            )
        )

    def withdraw(self, *, reason: Reason, effective_at: datetime, note: str | None, at: datetime) -> list[DomainEvent]:
        """Take the decision back.

        Raises:
            RuleError: It was withdrawn before, or the date lies in the future.
        """
        self._require_standing()
        check_instant(effective_at, "/effective_at")
        if effective_at > at:
            message = "the effective date lies in the future; enter it when it has come"
            raise RuleError(message)
        return self.follow(self.Withdrawn(reason=reason, effective_at=effective_at, note=note, recorded_at=at))

    def known_at(self, instant: datetime) -> Recognition | None:
        """The decisions and the withdrawal that had been recorded by *instant*; None before the first of them."""
        rulings = tuple(ruling for ruling in self.rulings if ruling.recorded_at <= instant)
        ended = self.withdrawal
        if ended is not None and ended.recorded_at > instant:
            ended = None
        return msgspec.structs.replace(self, rulings=rulings, withdrawal=ended) if rulings else None

    @property
    def open_appeal(self) -> Appeal | None:
        """The appeal that awaits its outcome, if there is one."""
        newest = self.appeals[-1] if self.appeals else None
        return newest if newest is not None and newest.result is None else None

    def _is_decided(self, ruling: Ruling) -> bool:
        """Whether an appeal against *ruling* has been decided: it was upheld, or a newer ruling would be there."""
        return any(appeal.recorded_at >= ruling.recorded_at and appeal.result == "upheld" for appeal in self.appeals)

    def _require_standing(self) -> None:
        if self.withdrawal is not None:
            message = f"this recognition was withdrawn as of {self.withdrawal.effective_at.date()}"
            raise RuleError(message)

    def _require_open_appeal(self) -> None:
        self._require_standing()
        if self.open_appeal is None:
            message = "no appeal is open"
            raise RuleError(message)

    @classmethod
    def can_begin(cls, body: Event) -> bool:
        """Whether it is a decision."""
        return isinstance(body, cls.Decided)

    @classmethod
    def begin(cls, originator_id: UUID, body: Event) -> Recognition:
        """State after the decision."""
        assert isinstance(body, cls.Decided)  # noqa: S101  the mapper has checked the topic
        ruling = Ruling(
            version=1,
            decision=body.decision,
            reasons=body.reasons,
            effective_at=body.effective_at,
            details=body.details,
            appeal_until=body.appeal_until,
            recorded_at=body.recorded_at,
        )
        return cls(id=originator_id, version=1, institution=body.institution, rulings=(ruling,))

    def evolve(self, body: Event) -> Recognition:
        """State after one more event."""
        replace = msgspec.structs.replace
        match body:
            case Recognition.Appealed():
                filed = Appeal(filed_at=body.filed_at, decide_by=body.decide_by, recorded_at=body.recorded_at)
                return replace(self, appeals=(*self.appeals, filed))
            case Recognition.AppealDecided():
                return self._after_appeal(body)
            case Recognition.Withdrawn():
                ended = Withdrawal(reason=body.reason, effective_at=body.effective_at, recorded_at=body.recorded_at)
                return replace(self, withdrawal=ended)
            case _:
                return self

    def _after_appeal(self, body: Recognition.AppealDecided) -> Recognition:
        replace = msgspec.structs.replace
        decided = replace(self.appeals[-1], result=body.result, decided_at=body.recorded_at) if self.appeals else None
        appeals = self.appeals if decided is None else (*self.appeals[:-1], decided)
        if body.decision is None or body.effective_at is None or body.details is None:
            return replace(self, appeals=appeals)
        ruling = Ruling(
            version=self.version + 1,
            decision=body.decision,
            reasons=body.reasons,
            effective_at=body.effective_at,
            details=body.details,
            appeal_until=body.appeal_until,
            recorded_at=body.recorded_at,
        )
        return replace(self, appeals=appeals, rulings=(*self.rulings, ruling))


def make_recognition_id(decided_at: datetime, randomness: bytes) -> UUID:
    """Make an aggregate id (UUIDv8): 48 bits of time in milliseconds, so that rows are inserted in order, then chance.

    Args:
        decided_at: Aware instant; milliseconds are kept.
        randomness: 10 fresh random bytes.

    Raises:
        ValueError: *randomness* is not 10 bytes long.
    """
    if len(randomness) != RANDOM_BYTES:
        message = f"the id of a recognition takes {RANDOM_BYTES} random bytes, not {len(randomness)}"
        raise ValueError(message)
    milliseconds = (decided_at - _EPOCH) // timedelta(milliseconds=1)
    value = bytearray(milliseconds.to_bytes(6, "big") + randomness)
    value[6] = (value[6] & 0x0F) | 0x80
    value[8] = (value[8] & 0x3F) | 0x80
    return UUID(bytes=bytes(value))


def _check_effective(effective_at: datetime, now: datetime) -> None:
    check_instant(effective_at, "/effective_at")
    if effective_at > now + MAX_AHEAD:
        message = f"a decision takes effect within {MAX_AHEAD.days} days; enter it later"
        raise RuleError(message)


def _check_appeal_until(appeal_until: datetime | None, now: datetime) -> None:
    if appeal_until is None:
        return
    check_instant(appeal_until, "/appeal_until")
    if appeal_until < now + MIN_APPEAL:
        message = f"an appeal can be filed for {MIN_APPEAL.days} days at least"
        raise InvalidInputError(message, "/appeal_until")


EVENTS: tuple[type[Event], ...] = (
    Recognition.Decided,
    Recognition.Appealed,
    Recognition.AppealDecided,
    Recognition.Withdrawn,
)
"""Every event of this aggregate."""
