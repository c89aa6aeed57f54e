"""Aggregate ``Credential``: one award to one learner, or one document that an institution made, and what became of it.

Two times are kept apart: ``recorded_at`` is when the ledger learned it, ``effective_at`` when it held. Nothing here
says who the learner is; the document is in the vault, and the event holds a salted commitment to it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import ClassVar, Final, Literal, TypeAlias
from uuid import UUID

import msgspec

from ledger.aggregate import Aggregate
from ledger.commitment import DOCUMENT_KIND
from ledger.error import RuleError
from ledger.event import Digest, DomainEvent, Event, Instant, check_instant
from ledger.reason import Reason
from ledger.unpacking import Unpacking

CredentialNature = Literal["award", "attestation", "part", "unpacking"]
"""What has a status: an award, a document of an institution's own making, a part of an unpacked diploma, or what all
parts of one have in common."""
NO_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""From when a part or an unpacking holds, as far as the log tells: parts say it themselves, and nobody else does."""
CredentialState = Literal["active", "suspended", "revoked", "replaced"]


class Credential(Aggregate, frozen=True, kw_only=True):
    """State of an award, or of something else that has a status (``nature``).

    A document of the institution's own making has neither achievement nor edition.

    ``forms`` maps each kind of form to the key that signed it last.
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

        The form that every award has is never among them: for that there is :class:`Reissued`.
        """

        TOPIC: ClassVar[str] = "credential.form_added.v1"
        key_id: str
        commitments: dict[str, Digest]
        recorded_at: Instant

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
            commitments: Each form with its commitment; a form that is there already comes from another key than before.
            at: Present instant.

        Raises:
            RuleError: The award was revoked or replaced, is no award, or has such a form by this key.
        """
        self._require("active", "given further forms", or_suspended=True)
        self.require_award()
        if not commitments or DOCUMENT_KIND in commitments:
            message = "the forms that are added are others than the one that every award has"
            raise RuleError(message)
        known = next((kind for kind in commitments if self.forms.get(kind) == key_id), None)
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
            return replace(self, state=state, since=body.effective_at)
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

EVENTS: tuple[type[Event], ...] = (
    *SIGNED_BIRTHS,
    Credential.Parted,
    Credential.Suspended,
    Credential.Reinstated,
    Credential.Revoked,
    Credential.Replaced,
    Credential.Reissued,
    Credential.FormAdded,
)
"""Every event of this aggregate."""
