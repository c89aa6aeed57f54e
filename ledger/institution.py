"""Aggregate ``Institution``: who issues, with which keys, and who says that they may.

Keys and accreditations are never forgotten: verification asks which key was in force at the instant of an award, and
whether the institution was entitled to make it then.

Longer than other modules because an aggregate, its events and its rules stand in one file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

import msgspec

from ledger.aggregate import Aggregate
from ledger.error import InvalidInputError, NotFoundError, RuleError
from ledger.event import DomainEvent, Event, Instant, check_instant
from ledger.form.kind import CHOICES, Form
from ledger.limit import NO_LIMITS, Limits, Subject
from ledger.reason import Reason
from ledger.signing_algorithm import Algorithm, algorithm_of
from ledger.text import check_text, is_blank

InstitutionKind = Literal["university", "vocational_college", "company_academy", "other"]

SLUG = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
COUNTRY = re.compile(r"[A-Z]{2}")
MAX_NAME_CHARS = 200
MAX_SCOPE_CHARS = 300
DID_KEY = "did:key:"


class SigningKeyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One signing key of an institution and what became of it. Instants are effective dates.

    Of each kind of key one is in force at a time.
    """

    key_id: str
    multibase: str
    valid_from: Instant
    retired_at: Instant | None = None
    revoked_at: Instant | None = None
    compromised_at: Instant | None = None

    @property
    def usable(self) -> bool:
        """Whether the institution may still sign with it."""
        return self.retired_at is None and self.revoked_at is None and self.compromised_at is None

    @property
    def algorithm(self) -> Algorithm:
        """What kind of key it is."""
        return algorithm_of(self.multibase)


class Accreditation(msgspec.Struct, frozen=True, kw_only=True):
    """An authority's word that the institution may award within a scope, from one date to another.

    ``scope`` is that scope in words; ``limits`` is the same for machines, None where it was entered in words alone.
    """

    accreditation_id: str
    by: str
    scope: str
    valid_from: Instant
    valid_until: Instant | None = None
    withdrawn_at: Instant | None = None
    limits: Limits | None = None

    def in_force(self, at: datetime) -> bool:
        """Whether it held at *at*; the end is the last instant, the withdrawal the first one without."""
        begun = self.valid_from <= at and (self.valid_until is None or at <= self.valid_until)
        return begun and (self.withdrawn_at is None or at < self.withdrawn_at)


class Institution(Aggregate, frozen=True, kw_only=True):
    """State of an institution. Keys and accreditations stand in order of introduction."""

    slug: str
    name: str
    country: str
    kind: str
    did: str
    registered_at: Instant
    keys: tuple[SigningKeyRecord, ...]
    accreditations: tuple[Accreditation, ...] = ()
    forms: tuple[str, ...] = ()

    class Registered(Event, frozen=True, kw_only=True):
        """An institution joined the ledger with its first key."""

        TOPIC: ClassVar[str] = "institution.registered.v1"
        slug: str
        name: str
        country: str
        kind: InstitutionKind
        did: str
        key_id: str
        key_multibase: str
        recorded_at: Instant

    class AccreditationGranted(Event, frozen=True, kw_only=True):
        """An authority's accreditation was entered."""

        TOPIC: ClassVar[str] = "institution.accreditation_granted.v1"
        accreditation_id: str
        by: str
        scope: str
        valid_from: Instant
        valid_until: Instant | None
        recorded_at: Instant

    class AccreditationGrantedWithin(Event, frozen=True, kw_only=True):
        """An authority's accreditation was entered, with limits that a machine can read."""

        TOPIC: ClassVar[str] = "institution.accreditation_granted.v2"
        accreditation_id: str
        by: str
        scope: str
        limits: Limits
        valid_from: Instant
        valid_until: Instant | None
        recorded_at: Instant

    class AccreditationWithdrawn(Event, frozen=True, kw_only=True):
        """An accreditation no longer holds from ``effective_at`` on."""

        TOPIC: ClassVar[str] = "institution.accreditation_withdrawn.v1"
        accreditation_id: str
        reason: Reason
        effective_at: Instant
        recorded_at: Instant

    class KeyRotated(Event, frozen=True, kw_only=True):
        """A new key came into force; the one before it, if there was a usable one, was retired."""

        TOPIC: ClassVar[str] = "institution.key_rotated.v1"
        key_id: str
        key_multibase: str
        retired_key_id: str | None
        effective_at: Instant
        recorded_at: Instant

    class KeyRevoked(Event, frozen=True, kw_only=True):
        """A key must not be used from ``effective_at`` on; what it signed before stands."""

        TOPIC: ClassVar[str] = "institution.key_revoked.v1"
        key_id: str
        reason: Reason
        effective_at: Instant
        recorded_at: Instant

    class KeyCompromised(Event, frozen=True, kw_only=True):
        """A key was in other hands from ``compromised_at`` on. Declared again, the last date holds."""

        TOPIC: ClassVar[str] = "institution.key_compromised.v1"
        key_id: str
        compromised_at: Instant
        recorded_at: Instant

    class FormsChosen(Event, frozen=True, kw_only=True):
        """The institution chose in which forms it offers its documents, beside the one that every award has."""

        TOPIC: ClassVar[str] = "institution.forms_chosen.v1"
        forms: tuple[str, ...]
        recorded_at: Instant

    @classmethod
    def register(
        cls,
        *,
        id: UUID,  # noqa: A002  what every aggregate calls it
        slug: str,
        name: str,
        country: str,
        kind: InstitutionKind,
        did: str,
        key_multibase: str,
        at: datetime,
    ) -> DomainEvent:
        """Register an institution with its first key, which is of the kind that its awards are signed with.

        The key is called ``key-1``, or for an institution that is identified by it (did:key) by its own public half.

        Raises:
            InvalidInputError: The slug, name or country is not well formed, or the did:key is another key's.
        """
        if not SLUG.fullmatch(slug):
            message = "a slug is 1 to 63 lower-case letters, digits and inner hyphens"
            raise InvalidInputError(message, "/slug")
        if is_blank(name) or len(name.strip()) > MAX_NAME_CHARS:
            message = f"an institution's name has 1 to {MAX_NAME_CHARS} characters"
            raise InvalidInputError(message, "/name")
        check_text(name, "/name")
        if not COUNTRY.fullmatch(country):
            message = "a country is two capital letters (ISO 3166-1 alpha-2), such as EE"
            raise InvalidInputError(message, "/country")
        if did.startswith(DID_KEY) and did != f"{DID_KEY}{key_multibase}":
            message = "an institution that is identified by a key signs with that key"
            raise InvalidInputError(message, "/did")
        body = cls.Registered(
            slug=slug,
            name=name.strip(),
            country=country,
            kind=kind,
            did=did,
            key_id=key_multibase if did.startswith(DID_KEY) else "key-1",
            key_multibase=key_multibase,
            recorded_at=at,
        )
        return DomainEvent(id, 1, body)

    def grant_accreditation(
        self,
        *,
        by: str,
        scope: str,
        valid_from: datetime,
        valid_until: datetime | None,
        at: datetime,
        limits: Limits | None = None,
    ) -> list[DomainEvent]:
        """Enter an accreditation that an authority granted.

        Args:
            by: The authority.
            scope: What it covers, in words.
            valid_from: From when it holds.
            valid_until: The last instant at which it holds; None without an end.
            at: Present instant.
            limits: What it covers, for machines; None when the words are all there is.

        Raises:
            InvalidInputError: Empty or over-long texts, limits that limit nothing or are not well formed, or an end
                that is not after the start.
        """
        for value, pointer in ((by, "/by"), (scope, "/scope")):
            if is_blank(value) or len(value.strip()) > MAX_SCOPE_CHARS:
                message = f"an accreditation names its authority and scope in 1 to {MAX_SCOPE_CHARS} characters"
                raise InvalidInputError(message, pointer)
            check_text(value, pointer)
        if limits == NO_LIMITS:
            message = "limits name a level, a field, a kind or a country; leave them out if there are none"
            raise InvalidInputError(message, "/limits")
        if limits is not None:
            limits.check()
        check_instant(valid_from, "/valid_from")
        if valid_until is not None:
            check_instant(valid_until, "/valid_until")
        if valid_until is not None and valid_until <= valid_from:
            message = "an accreditation ends after it begins"
            raise InvalidInputError(message, "/valid_until")
        granted = self.AccreditationGranted(
            accreditation_id=f"accreditation-{len(self.accreditations) + 1}",
            by=by.strip(),
            scope=scope.strip(),
            valid_from=valid_from,
            valid_until=valid_until,
            recorded_at=at,
        )
        if limits is None:  # nothing changes for who has none
            return self.follow(granted)
        return self.follow(self.AccreditationGrantedWithin(limits=limits, **msgspec.structs.asdict(granted)))

    def withdraw_accreditation(
        self, *, accreditation_id: str, reason: Reason, effective_at: datetime, at: datetime
    ) -> list[DomainEvent]:
        """Enter that an accreditation was withdrawn.

        Raises:
            NotFoundError: No such accreditation.
            RuleError: It was withdrawn before, or the date lies in the future.
        """
        known = next((a for a in self.accreditations if a.accreditation_id == accreditation_id), None)
        if known is None:
            message = f"{self.name} has no accreditation {accreditation_id!r}"
            raise NotFoundError(message)
        if known.withdrawn_at is not None:
            message = f"{accreditation_id} was withdrawn on {known.withdrawn_at.date()}"
            raise RuleError(message)
        _refuse_future(effective_at, at)
        return self.follow(
            self.AccreditationWithdrawn(
                accreditation_id=accreditation_id, reason=reason, effective_at=effective_at, recorded_at=at
            )
        )

    def rotate_key(self, *, key_multibase: str, at: datetime) -> list[DomainEvent]:
        """Bring a new key into force now and retire the usable one of its kind, if there is one.

        Raises:
            RuleError: The institution has had this key before, or its identifier is its key.
        """
        if self.has_did_key:
            message = f"{self.name} is identified by its key ({DID_KEY}…), which cannot change; register another"
            raise RuleError(message)
        if any(key.multibase == key_multibase for key in self.keys):
            message = "this key has been in use before; make a new one"
            raise RuleError(message)
        active = self.active_key_of(algorithm_of(key_multibase))
        return self.follow(
            self.KeyRotated(
                key_id=f"key-{len(self.keys) + 1}",
                key_multibase=key_multibase,
                retired_key_id=None if active is None else active.key_id,
                effective_at=at,
                recorded_at=at,
            )
        )

    def revoke_key(self, *, key_id: str, reason: Reason, effective_at: datetime, at: datetime) -> list[DomainEvent]:
        """Revoke a key: nothing signed with it after *effective_at* is good.

        Raises:
            NotFoundError: No such key.
            RuleError: It is revoked, or the date lies in the future.
        """
        key = self.key(key_id)
        if key.revoked_at is not None:
            message = f"{key_id} was revoked on {key.revoked_at.date()}"
            raise RuleError(message)
        _refuse_future(effective_at, at)
        return self.follow(self.KeyRevoked(key_id=key_id, reason=reason, effective_at=effective_at, recorded_at=at))

    def declare_compromised(self, *, key_id: str, compromised_at: datetime, at: datetime) -> list[DomainEvent]:
        """Declare that a key was in other hands from *compromised_at* on; again to move the date.

        Raises:
            NotFoundError: No such key.
            RuleError: The date lies in the future.
        """
        self.key(key_id)
        _refuse_future(compromised_at, at)
        return self.follow(self.KeyCompromised(key_id=key_id, compromised_at=compromised_at, recorded_at=at))

    def choose_forms(self, *, forms: Sequence[str], at: datetime) -> list[DomainEvent]:
        """Choose in which forms awards are signed from now on, beside the one that every award has.

        Args:
            forms: Names of :data:`ledger.form.kind.CHOICES`, each once; none to offer no other form.
            at: Present instant.

        Raises:
            InvalidInputError: A form that there is not, the one that every award has, or one twice.
            RuleError: A form needs a key of a kind that is not in force, or nothing changes.
        """
        chosen = [form for form in CHOICES if form.name in forms]
        unknown = set(forms) - {form.name for form in chosen}
        if unknown or len(chosen) != len(forms):
            message = f"forms are some of {', '.join(form.name for form in CHOICES)}, each of them once"
            raise InvalidInputError(message, "/forms")
        for form in chosen:
            self.key_for(form)
        names = tuple(form.name for form in chosen)
        if names == self.forms:
            message = "these are the forms that are offered now"
            raise RuleError(message)
        return self.follow(self.FormsChosen(forms=names, recorded_at=at))

    def key_for(self, form: Form) -> SigningKeyRecord:
        """The key in force that signs *form*.

        Raises:
            RuleError: There is none of that kind, or the key that awards are signed with cannot sign the form.
        """
        algorithm = form.algorithm or self.keys[0].algorithm
        key = self.active_key_of(algorithm)
        if key is None:
            message = f"{self.name} has no {algorithm} key in force, with which «{form.name}» is signed; make one first"
            raise RuleError(message)
        if form.algorithm is None and algorithm == "RSA":
            message = f"«{form.name}» cannot be signed with an RSA key"
            raise RuleError(message)
        return key

    def entitled(self, subject: Subject, at: datetime) -> bool | None:
        """Whether it was entitled to award *subject* at *at*, as far as is known now.

        Returns:
            None where there is no telling: it never had an accreditation, or *subject* does not state what the limits
            of those in force are about.
        """
        fits = [(one.limits or NO_LIMITS).fit(subject) for one in self.accreditations if one.in_force(at)]
        if any(fit.is_within for fit in fits):
            return True
        return None if not self.accreditations or not all(fit.outside for fit in fits) else False

    @property
    def has_did_key(self) -> bool:
        """Whether the institution's identifier is its key: then there is one key, and never another."""
        return self.did.startswith(DID_KEY)

    @property
    def active_key(self) -> SigningKeyRecord | None:
        """The key in force that awards are signed with, of the kind of the first one.

        None when it was revoked or compromised and none has replaced it.
        """
        return self.active_key_of(self.keys[0].algorithm)

    def active_key_of(self, algorithm: Algorithm) -> SigningKeyRecord | None:
        """The key of one kind in force, or None: there never was one, or it was revoked or compromised."""
        newest = next((key for key in reversed(self.keys) if key.algorithm == algorithm), None)
        return newest if newest is not None and newest.usable else None

    def key(self, key_id: str) -> SigningKeyRecord:
        """The key named *key_id*.

        Raises:
            NotFoundError: The institution never had it.
        """
        for key in self.keys:
            if key.key_id == key_id:
                return key
        message = f"{self.name} has no key {key_id!r}"
        raise NotFoundError(message)

    @classmethod
    def begin(cls, originator_id: UUID, body: Event) -> Institution:
        """State after registration."""
        assert isinstance(body, cls.Registered)  # noqa: S101  the mapper has checked the topic
        return cls(
            id=originator_id,
            version=1,
            slug=body.slug,
            name=body.name,
            country=body.country,
            kind=body.kind,
            did=body.did,
            registered_at=body.recorded_at,
            keys=(SigningKeyRecord(key_id=body.key_id, multibase=body.key_multibase, valid_from=body.recorded_at),),
        )

    def evolve(self, body: Event) -> Institution:
        """State after one more event."""
        replace = msgspec.structs.replace
        match body:
            case Institution.AccreditationGranted() | Institution.AccreditationGrantedWithin():
                granted = Accreditation(
                    accreditation_id=body.accreditation_id,
                    by=body.by,
                    scope=body.scope,
                    valid_from=body.valid_from,
                    valid_until=body.valid_until,
                    limits=body.limits if isinstance(body, Institution.AccreditationGrantedWithin) else None,
                )
                return replace(self, accreditations=(*self.accreditations, granted))
            case Institution.AccreditationWithdrawn():
                return replace(
                    self,
                    accreditations=tuple(
                        replace(a, withdrawn_at=body.effective_at) if a.accreditation_id == body.accreditation_id else a
                        for a in self.accreditations
                    ),
                )
            case Institution.KeyRotated():
                fresh = SigningKeyRecord(key_id=body.key_id, multibase=body.key_multibase, valid_from=body.effective_at)
                retired = self
                if body.retired_key_id is not None:
                    retired = self._with_key(body.retired_key_id, retired_at=body.effective_at)
                return replace(retired, keys=(*retired.keys, fresh))
            case Institution.KeyRevoked():
                return self._with_key(body.key_id, revoked_at=body.effective_at)
            case Institution.KeyCompromised():
                return self._with_key(body.key_id, compromised_at=body.compromised_at)
            case _:
                return replace(self, forms=body.forms) if isinstance(body, Institution.FormsChosen) else self

    def _with_key(self, key_id: str, **changes: datetime) -> Institution:
        keys = tuple(msgspec.structs.replace(key, **changes) if key.key_id == key_id else key for key in self.keys)
        return msgspec.structs.replace(self, keys=keys)


def _refuse_future(effective_at: datetime, now: datetime) -> None:
    check_instant(effective_at, "/effective_at")
    if effective_at > now:
        message = "the effective date lies in the future; enter it when it has come"
        raise RuleError(message)


EVENTS: tuple[type[Event], ...] = (
    Institution.Registered,
    Institution.AccreditationGranted,
    Institution.AccreditationGrantedWithin,
    Institution.AccreditationWithdrawn,
    Institution.KeyRotated,
    Institution.KeyRevoked,
    Institution.KeyCompromised,
    Institution.FormsChosen,
)
"""Every event of this aggregate."""
