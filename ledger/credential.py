"""Aggregate ``Credential``: one award to one learner, or one document that an institution made, and what became of it.

Two times are kept apart: ``recorded_at`` is when the ledger learned it, ``effective_at`` when it held. Nothing here
says who the learner is; the document is in the vault, and the event holds a salted commitment to it.

An award that was stacked from others says by which rules, and commits to which award met which of them without naming
any. When what it was made of is lost, it is reviewed: within a deadline, with an appeal, and to an outcome.

Longer than other modules because the rules of one aggregate stand in one place.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import ClassVar, Final, Literal, TypeAlias
from uuid import UUID

import msgspec

from ledger.aggregate import Aggregate
from ledger.commitment import DOCUMENT_KIND
from ledger.error import RuleError
from ledger.event import Digest, DomainEvent, Event, Instant, check_instant
from ledger.form.kind import HOLDER_KINDS
from ledger.reason import Reason
from ledger.unpacking import Unpacking

CredentialNature = Literal["award", "attestation", "part", "unpacking"]
"""What has a status: an award, a document of an institution's own making, a part of an unpacked diploma, or what all
parts of one have in common."""
NO_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""From when a part or an unpacking holds, as far as the log tells: parts say it themselves, and nobody else does."""
CredentialState = Literal["active", "suspended", "revoked", "replaced"]
ReviewOutcome = Literal["stands", "suspended", "revoked"]
"""How a review ends: the award holds as before, does not hold for now, or was taken back for good."""
AppealOutcome = Literal["upheld", "dismissed"]
TIME_BYTES: Final = 6
"""Bytes at the beginning of an award's id that say when it was made, in milliseconds."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Review(msgspec.Struct, frozen=True, array_like=True):
    """A review that is open.

    Attributes:
        reason: Why it was opened.
        opened_at: When.
        due_at: Until when it is to be decided; what happens then if it is not, the pathway's policy says.
        appeal_until: Until when the holder may appeal.
        appealed_at: When the holder did; None: not, or it was decided.
        decided: What became of the appeal, if there was one.
    """

    reason: Reason
    opened_at: Instant
    due_at: Instant
    appeal_until: Instant
    appealed_at: Instant | None = None
    decided: AppealOutcome | None = None


class Credential(Aggregate, frozen=True, kw_only=True):
    """State of an award, or of something else that has a status (``nature``).

    A document of the institution's own making has neither achievement nor edition.

    ``forms`` maps each kind of form to the key that signed it last. ``pathway`` and ``pathway_version`` are the rules
    that an award was stacked by; ``paused_for`` is the reason of the suspension that holds.
    """

    institution: UUID
    achievement: UUID | None
    edition: int | None
    valid_from: Instant
    valid_until: Instant | None
    status_block: int
    status_index: int
    key_id: str
    state: CredentialState
    since: Instant
    forms: dict[str, str]
    nature: CredentialNature = "award"
    pathway: UUID | None = None
    pathway_version: int | None = None
    review: Review | None = None
    paused_for: Reason | None = None

    class Issued(Event, frozen=True, kw_only=True):
        """An award was made. ``commitments`` maps each form of the document to its commitment."""

        TOPIC: ClassVar[str] = "credential.issued.v1"
        institution: UUID
        achievement: UUID
        edition: int
        key_id: str
        commitments: dict[str, Digest]
        status_block: int
        status_index: int
        valid_from: Instant
        valid_until: Instant | None
        recorded_at: Instant

    class Attested(Event, frozen=True, kw_only=True):
        """An institution signed a document of its own making: no award of a micro-credential that it published.

        ``valid_from`` is never later than ``recorded_at``; the document itself may come into force after that.
        """

        TOPIC: ClassVar[str] = "credential.attested.v1"
        institution: UUID
        key_id: str
        commitments: dict[str, Digest]
        status_block: int
        status_index: int
        valid_from: Instant
        valid_until: Instant | None
        recorded_at: Instant

    class Parted(Event, frozen=True, kw_only=True):
        """A part of an unpacked diploma has a history of its own from here on: its status is about to change."""

        TOPIC: ClassVar[str] = "credential.parted.v1"
        institution: UUID
        status_block: int
        status_index: int
        recorded_at: Instant

    class Suspended(Event, frozen=True, kw_only=True):
        """The award does not hold for now."""

        TOPIC: ClassVar[str] = "credential.suspended.v1"
        reason: Reason
        effective_at: Instant
        note: Digest | None
        recorded_at: Instant

    class Reinstated(Event, frozen=True, kw_only=True):
        """A suspension ended."""

        TOPIC: ClassVar[str] = "credential.reinstated.v1"
        effective_at: Instant
        recorded_at: Instant

    class Revoked(Event, frozen=True, kw_only=True):
        """The award was taken back for good. ``note`` commits to a remark in the vault."""

        TOPIC: ClassVar[str] = "credential.revoked.v1"
        reason: Reason
        effective_at: Instant
        note: Digest | None
        recorded_at: Instant

    class Replaced(Event, frozen=True, kw_only=True):
        """A corrected award took its place. ``successor`` commits to the new one's id, which the vault holds."""

        TOPIC: ClassVar[str] = "credential.replaced.v1"
        reason: Reason
        effective_at: Instant
        successor: Digest
        recorded_at: Instant

    class Reissued(Event, frozen=True, kw_only=True):
        """The same award, its document signed anew with another key. Nothing else about the award changes."""

        TOPIC: ClassVar[str] = "credential.reissued.v1"
        key_id: str
        commitments: dict[str, Digest]
        recorded_at: Instant

    class FormAdded(Event, frozen=True, kw_only=True):
        """Further forms of the document were signed, or such forms signed anew, with one key that may be another.

        The form that every award has is never among them: for that there is :class:`Reissued`. Copies for keys of the
        holder's (``HOLDER_KINDS``) are forms as well, and of one kind there may be several.
        """

        TOPIC: ClassVar[str] = "credential.form_added.v1"
        key_id: str
        commitments: dict[str, Digest]
        recorded_at: Instant

    class Stacked(Event, frozen=True, kw_only=True):
        """The award was stacked from others, by these rules. Follows its issuance in the same commit.

        ``rules`` is the digest of the rule text; ``derivation`` commits to which award met which rule.
        """

        TOPIC: ClassVar[str] = "credential.stacked.v1"
        pathway: UUID
        pathway_version: int
        rules: Digest
        derivation: Digest
        recorded_at: Instant

    class ReviewOpened(Event, frozen=True, kw_only=True):
        """Whether the award still holds is in question; until ``due_at`` it is decided."""

        TOPIC: ClassVar[str] = "credential.review_opened.v1"
        reason: Reason
        due_at: Instant
        appeal_until: Instant
        recorded_at: Instant

    class Appealed(Event, frozen=True, kw_only=True):
        """The holder appealed. ``statement`` commits to the grounds in the vault."""

        TOPIC: ClassVar[str] = "credential.appealed.v1"
        statement: Digest | None
        recorded_at: Instant

    class AppealDecided(Event, frozen=True, kw_only=True):
        """The appeal was decided. Upheld, the award holds as before."""

        TOPIC: ClassVar[str] = "credential.appeal_decided.v1"
        outcome: AppealOutcome
        note: Digest | None
        recorded_at: Instant

    class ReviewClosed(Event, frozen=True, kw_only=True):
        """The review ended; what it led to, if anything, was recorded just before."""

        TOPIC: ClassVar[str] = "credential.review_closed.v1"
        outcome: ReviewOutcome
        recorded_at: Instant

    def stack(
        self, *, pathway: UUID, pathway_version: int, rules: str, derivation: str, at: datetime
    ) -> list[DomainEvent]:
        """Record by which rules an award was stacked that is being made at this very instant.

        Args:
            pathway: Whose rules.
            pathway_version: Which of its versions, from 1.
            rules: SHA-256 of the rule text, lower-case hexadecimal.
            derivation: Commitment to the derivation.
            at: Present instant.

        Raises:
            RuleError: The award was made before, or is none.
        """
        self.require_award()
        made = int.from_bytes(self.id.bytes[:TIME_BYTES])
        if self.version != 1 or made != _milliseconds(at) % (1 << (8 * TIME_BYTES)) or pathway_version < 1:
            message = "an award is stacked when it is made, and by a published version; make a new one"
            raise RuleError(message)
        return self.follow(
            self.Stacked(
                pathway=pathway, pathway_version=pathway_version, rules=rules, derivation=derivation, recorded_at=at
            )
        )

    def open_review(
        self, *, reason: Reason, due_at: datetime, appeal_until: datetime, at: datetime
    ) -> list[DomainEvent]:
        """Put in question whether an award that holds, or is suspended, still does.

        Raises:
            RuleError: It was revoked or replaced, is under review already, or the deadline has passed.
        """
        self._require("active", "reviewed", or_suspended=True)
        check_instant(due_at, "/due_at")
        check_instant(appeal_until, "/appeal_until")
        if self.review is not None:
            message = f"this award has been under review since {self.review.opened_at.date()}"
            raise RuleError(message)
        if min(due_at, appeal_until) < at:
            message = "a deadline lies in the future"
            raise RuleError(message)
        return self.follow(self.ReviewOpened(reason=reason, due_at=due_at, appeal_until=appeal_until, recorded_at=at))

    def appeal(self, *, statement: str | None, at: datetime) -> list[DomainEvent]:
        """Record that the holder appeals; until that is decided no deadline has any effect.

        Raises:
            RuleError: No review is open, the time for it has passed, or there was an appeal before.
        """
        review = self.require_review()
        if at > review.appeal_until:
            message = f"appeals could be made until {review.appeal_until.isoformat()}"
            raise RuleError(message)
        if review.appealed_at is not None or review.decided is not None:
            message = "there was an appeal in this review before"
            raise RuleError(message)
        return self.follow(self.Appealed(statement=statement, recorded_at=at))

    def decide_appeal(self, *, outcome: AppealOutcome, note: str | None, at: datetime) -> list[DomainEvent]:
        """Record what became of an appeal.

        Raises:
            RuleError: There is none to be decided.
        """
        review = self.require_review()
        if review.appealed_at is None:
            message = "no appeal is waiting to be decided"
            raise RuleError(message)
        return self.follow(self.AppealDecided(outcome=outcome, note=note, recorded_at=at))

    def close_review(self, *, outcome: ReviewOutcome, at: datetime) -> list[DomainEvent]:
        """End a review. What it led to is recorded before: the outcome has to be how the award stands.

        Raises:
            RuleError: No review is open, an appeal is not decided, or the award does not stand like that.
        """
        review = self.require_review()
        if review.appealed_at is not None:
            message = "an appeal is waiting to be decided; decide that first"
            raise RuleError(message)
        stands = {"active": "stands", "replaced": "revoked"}.get(self.state, self.state)
        paused_otherwise = self.state == "suspended" and self.paused_for is not review.reason
        if outcome != stands and not (outcome == "stands" and paused_otherwise):
            message = f"the review cannot end as {outcome}: the award is {self.state}"
            raise RuleError(message)
        return self.follow(self.ReviewClosed(outcome=outcome, recorded_at=at))

    def require_review(self) -> Review:
        """The review that is open.

        Raises:
            RuleError: None is.
        """
        if self.review is None:
            message = "this award is not under review"
            raise RuleError(message)
        return self.review

    def suspend(self, *, reason: Reason, effective_at: datetime, note: str | None, at: datetime) -> list[DomainEvent]:
        """Suspend an active award.

        Raises:
            RuleError: It is not active, or the date does not fit.
        """
        self._require("active", "suspended")
        self._check_date(effective_at, at)
        return self.follow(self.Suspended(reason=reason, effective_at=effective_at, note=note, recorded_at=at))

    def reinstate(self, *, effective_at: datetime, at: datetime) -> list[DomainEvent]:
        """End a suspension.

        Raises:
            RuleError: It is not suspended, or the date does not fit.
        """
        if self.state != "suspended":
            message = f"this award is {self.state}, and only a suspended one can be reinstated"
            raise RuleError(message)
        self._check_date(effective_at, at)
        return self.follow(self.Reinstated(effective_at=effective_at, recorded_at=at))

    def revoke(self, *, reason: Reason, effective_at: datetime, note: str | None, at: datetime) -> list[DomainEvent]:
        """Revoke an award that is active or suspended.

        Raises:
            RuleError: It was revoked or replaced before, or the date does not fit.
        """
        self._require("active", "revoked", or_suspended=True)
        self._check_date(effective_at, at, after_change=False)
        return self.follow(self.Revoked(reason=reason, effective_at=effective_at, note=note, recorded_at=at))

    def replace(self, *, reason: Reason, successor: str, at: datetime) -> list[DomainEvent]:
        """Put a corrected award in the place of this one, from now on.

        Raises:
            RuleError: It was revoked or replaced before.
        """
        self.require_replaceable()
        return self.follow(self.Replaced(reason=reason, effective_at=at, successor=successor, recorded_at=at))

    def require_replaceable(self) -> None:
        """Check that nothing has ended the award yet.

        Raises:
            RuleError: It was revoked or replaced before, or is a part of an unpacked diploma.
        """
        if self.nature == "part":
            message = "this is a part of an unpacked diploma, and nothing takes its place; revoke it"
            raise RuleError(message)
        self._require("active", "replaced", or_suspended=True)

    def reissue(self, *, key_id: str, commitments: dict[str, str], at: datetime) -> list[DomainEvent]:
        """Record that the document of an award that still holds, or is suspended, was signed anew.

        Args:
            key_id: The key in force, another than the one that signed before.
            commitments: Each form of the new document with its commitment.
            at: Present instant.

        Raises:
            RuleError: The award was revoked or replaced, the key has signed it already, or it is no award.
        """
        if self.nature == "part":
            message = "a part of an unpacked diploma is not signed anew; unpack the diploma's replacement"
            raise RuleError(message)
        if self.achievement is None:
            message = "this document was made by the institution itself; have it signed anew where it was made"
            raise RuleError(message)
        self._require("active", "issued again", or_suspended=True)
        if key_id == self.key_id:
            message = f"this award is signed with {key_id} already"
            raise RuleError(message)
        return self.follow(self.Reissued(key_id=key_id, commitments=commitments, recorded_at=at))

    def add_forms(self, *, key_id: str, commitments: dict[str, str], at: datetime) -> list[DomainEvent]:
        """Record that further forms of an award that holds, or is suspended, were signed.

        Args:
            key_id: The key in force that signed them.
            commitments: Each form with its commitment; a form that is there already comes from another key than before,
                unless it is a copy for a key of the holder's.
            at: Present instant.

        Raises:
            RuleError: The award was revoked or replaced, is no award, or has such a form by this key.
        """
        self._require("active", "given further forms", or_suspended=True)
        self.require_award()
        if not commitments or DOCUMENT_KIND in commitments:
            message = "the forms that are added are others than the one that every award has"
            raise RuleError(message)
        known = next((kind for kind in commitments.keys() - HOLDER_KINDS if self.forms.get(kind) == key_id), None)
        if known is not None:
            message = f"this award has the form {known} already, signed with {key_id}"
            raise RuleError(message)
        return self.follow(self.FormAdded(key_id=key_id, commitments=commitments, recorded_at=at))

    def require_award(self) -> None:
        """Check that it is an award under a published achievement.

        Raises:
            RuleError: The institution made the document itself.
        """
        if self.nature == "part":
            message = "a part of an unpacked diploma has the form that every award has, and no other"
            raise RuleError(message)
        if self.achievement is None:
            message = "this document was made by the institution itself; further forms of it are made where it was made"
            raise RuleError(message)

    def _require(self, state: str, becoming: str, *, or_suspended: bool = False) -> None:
        if self.state == state or (or_suspended and self.state == "suspended"):
            return
        message = f"this award has been {self.state} since {self.since.date()} and cannot be {becoming}"
        raise RuleError(message)

    def _check_date(self, effective_at: datetime, now: datetime, *, after_change: bool = True) -> None:
        check_instant(effective_at, "/effective_at")
        if effective_at > now:
            message = "the effective date lies in the future; enter it when it has come"
            raise RuleError(message)
        earliest = max(self.valid_from, self.since) if after_change else self.valid_from
        if effective_at < earliest:
            message = f"the effective date lies before {earliest.isoformat()}, when the award came to be as it is"
            raise RuleError(message)

    @classmethod
    def can_begin(cls, body: Event) -> bool:
        """Whether it is an award, or something else with a status of its own."""
        return isinstance(body, BIRTHS)

    @classmethod
    def begin(cls, originator_id: UUID, body: Event) -> Credential:
        """State after issuance."""
        if isinstance(body, cls.Parted | Unpacking.Made):
            return cls._unnamed(originator_id, body)
        assert isinstance(body, cls.Issued | cls.Attested)  # noqa: S101  the mapper has checked the topic
        return cls(
            id=originator_id,
            version=1,
            institution=body.institution,
            achievement=body.achievement if isinstance(body, cls.Issued) else None,
            edition=body.edition if isinstance(body, cls.Issued) else None,
            valid_from=body.valid_from,
            valid_until=body.valid_until,
            status_block=body.status_block,
            status_index=body.status_index,
            key_id=body.key_id,
            state="active",
            since=body.valid_from,
            forms=dict.fromkeys(body.commitments, body.key_id),
            nature="award" if isinstance(body, cls.Issued) else "attestation",
        )

    @classmethod
    def _unnamed(cls, originator_id: UUID, body: Credential.Parted | Unpacking.Made) -> Credential:
        """State after a birth that says neither what was awarded nor from when it holds."""
        return cls(
            id=originator_id,
            version=1,
            institution=body.institution,
            achievement=None,
            edition=None,
            valid_from=NO_BEGINNING,
            valid_until=None,
            status_block=body.status_block,
            status_index=body.status_index,
            key_id=body.key_id if isinstance(body, Unpacking.Made) else "",
            state="active",
            since=NO_BEGINNING,
            forms={},
            nature="unpacking" if isinstance(body, Unpacking.Made) else "part",
        )

    def evolve(self, body: Event) -> Credential:
        """State after one more event."""
        replace = msgspec.structs.replace
        state = _STATES.get(type(body))
        if state is not None and isinstance(body, _Effective):
            paused_for = body.reason if isinstance(body, Credential.Suspended) else None
            return replace(self, state=state, since=body.effective_at, paused_for=paused_for)
        if isinstance(body, Credential.Stacked):
            return replace(self, pathway=body.pathway, pathway_version=body.pathway_version)
        if isinstance(body, _Reviewing):
            return replace(self, review=review_after(self.review, body))
        if not isinstance(body, Credential.Reissued | Credential.FormAdded):
            return self
        forms = self.forms | dict.fromkeys(body.commitments, body.key_id)
        key_id = body.key_id if isinstance(body, Credential.Reissued) else self.key_id
        return replace(self, key_id=key_id, forms=forms)


_Effective: TypeAlias = Credential.Suspended | Credential.Reinstated | Credential.Revoked | Credential.Replaced
_STATES: Final[dict[type[Event], CredentialState]] = {
    Credential.Suspended: "suspended",
    Credential.Reinstated: "active",
    Credential.Revoked: "revoked",
    Credential.Replaced: "replaced",
}
"""What an award is after an event that has an effective date."""

SIGNED_BIRTHS = (Credential.Issued, Credential.Attested)
"""The events that a credential begins with and that commit to its document."""
UNNAMED_BIRTHS = (Credential.Parted, Unpacking.Made)
"""The events that begin the history of a part, or of what all parts of a diploma share: they give a status a place."""
BIRTHS = (*SIGNED_BIRTHS, *UNNAMED_BIRTHS)
"""The events that something with a status begins with."""
_Reviewing: TypeAlias = (
    Credential.ReviewOpened | Credential.Appealed | Credential.AppealDecided | Credential.ReviewClosed
)


def review_after(before: Review | None, body: Event) -> Review | None:
    """The review that is open after an event that concerns one; other events change nothing."""
    match body:
        case Credential.ReviewOpened():
            return Review(body.reason, body.recorded_at, body.due_at, body.appeal_until)
        case Credential.ReviewClosed():
            return None
        case Credential.Appealed() if before is not None:
            return msgspec.structs.replace(before, appealed_at=body.recorded_at)
        case Credential.AppealDecided() if before is not None:
            return msgspec.structs.replace(before, appealed_at=None, decided=body.outcome)
        case _:
            return before


def _milliseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(milliseconds=1)


EVENTS: tuple[type[Event], ...] = (
    *SIGNED_BIRTHS,
    Credential.Parted,
    Credential.Suspended,
    Credential.Reinstated,
    Credential.Revoked,
    Credential.Replaced,
    Credential.Reissued,
    Credential.FormAdded,
    Credential.Stacked,
    Credential.ReviewOpened,
    Credential.Appealed,
    Credential.AppealDecided,
    Credential.ReviewClosed,
)
"""Every event of this aggregate."""
