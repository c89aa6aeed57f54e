"""Directory records: what the ledger says in public of one institution, in one exact form of bytes.

The bytes are a leaf of the directory tree, so whoever has the events can make them again, byte for byte.

Source: docs/spec/directory.md; RFC 8785.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal, TypeAlias
from uuid import UUID

import msgspec
import rfc8785
from msgspec import UNSET, UnsetType

from ledger.event import Instant
from ledger.institution import Institution
from ledger.limit import Fit, Limits, Subject
from ledger.signing_algorithm import algorithm_of, public_jwk

Entitlement: TypeAlias = Literal["entitled", "unstated", "outside", "unaccredited"]
DID_CONTEXTS = ("https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1")
JWK_CONTEXT = "https://w3id.org/security/jwk/v1"


class KeyRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One signing key, public half in did:key style (``z6Mk…``). Instants are effective dates."""

    key_id: str
    multibase: str
    valid_from: Instant
    retired_at: Instant | None
    revoked_at: Instant | None
    compromised_at: Instant | None

    @property
    def usable(self) -> bool:
        """Whether new documents may be signed with it."""
        return self.retired_at is None and self.revoked_at is None and self.compromised_at is None


class AccreditationRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One accreditation. Instants are effective dates. ``limits`` is there in records of version 2 alone."""

    accreditation_id: str
    by: str
    scope: str
    valid_from: Instant
    valid_until: Instant | None
    withdrawn_at: Instant | None
    limits: Limits | UnsetType | None = UNSET

    def in_force(self, at: datetime) -> bool:
        """Whether it held at *at*; the end is the last instant, the withdrawal the first one without."""
        begun = self.valid_from <= at and (self.valid_until is None or at <= self.valid_until)
        return begun and (self.withdrawn_at is None or at < self.withdrawn_at)

    def fit(self, subject: Subject | None) -> Fit:
        """How an award lies to the limits; within them, when there are none or nothing is known of it."""
        return self.limits.fit(subject) if isinstance(self.limits, Limits) and subject is not None else Fit()


class DirectoryRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The current record of an institution; keys and accreditations in order of introduction.

    ``version`` is there when one of the accreditations has limits; all others are of the first version, which does not
    name itself, so that what was recorded before there were limits has the same bytes as ever.
    """

    institution: UUID
    number: int
    slug: str
    name: str
    country: str
    kind: str
    did: str
    registered_at: Instant
    keys: tuple[KeyRecord, ...]
    accreditations: tuple[AccreditationRecord, ...]
    version: Literal[2] | UnsetType = UNSET

    def key(self, key_id: str) -> KeyRecord | None:
        """The key of that id, or None."""
        return next((key for key in self.keys if key.key_id == key_id), None)

    def accredited_at(self, at: datetime) -> tuple[str, ...]:
        """Ids of the accreditations in force at *at*, in order of introduction."""
        return tuple(known.accreditation_id for known in self.accreditations if known.in_force(at))


def entitlement(accreditations: Iterable[AccreditationRecord], subject: Subject | None, at: datetime) -> Entitlement:
    """Say whether accreditations entitle an institution to award something on a day.

    One that is in force and extends to it suffices.

    Args:
        accreditations: All that the institution has had.
        subject: What is awarded; None for what is no award, to which each extends.
        at: Instant that is asked about.

    Returns:
        ``unaccredited`` when none was in force, ``outside`` when each that was is for something else, ``unstated`` when
        there is no telling, since the award does not state what a limit is about.
    """
    fits = [one.fit(subject) for one in accreditations if one.in_force(at)]
    if not fits:
        return "unaccredited"
    if any(fit.is_within for fit in fits):
        return "entitled"
    return "outside" if all(fit.outside for fit in fits) else "unstated"


def make_record(institution: Institution, number: int) -> DirectoryRecord:
    """Make the record of *institution*, which was the *number*-th to register, from 0."""
    members = msgspec.to_builtins(institution, builtin_types=(datetime, UUID))
    for unwritten in ("version", "forms"):  # the record has no place for them
        members.pop(unwritten)
    members["institution"] = members.pop("id")
    members["number"] = number
    if any(one.limits is not None for one in institution.accreditations):
        members["version"] = 2
    else:
        for accreditation in members["accreditations"]:
            accreditation.pop("limits")
    return msgspec.convert(members, DirectoryRecord)


def recall_institution(record: DirectoryRecord) -> Institution:
    """Make the aggregate again that *record* was made of, but for version and forms, which a record does not hold."""
    members = msgspec.to_builtins(record, builtin_types=(datetime, UUID))
    members.pop("number")
    members["id"] = members.pop("institution")
    members["version"] = 1
    return msgspec.convert(members, Institution)


def encode_record(record: DirectoryRecord) -> bytes:
    """Return the record's one form: JCS bytes with every member of its version present. Source: RFC 8785."""
    return rfc8785.dumps(msgspec.to_builtins(record))


def parse_record(stored: bytes) -> DirectoryRecord:
    """Read a record.

    Raises:
        msgspec.MsgspecError: The bytes are no record.

    Not checked: that the bytes are canonical.
    """
    return msgspec.json.decode(stored, type=DirectoryRecord)


def did_document(record: DirectoryRecord, *, retired_may_assert: bool = False) -> dict[str, Any]:
    """Make the DID document of an institution.

    Every key it ever had is a verification method, so that an old signature can still be looked up; keys that may sign
    today, and no others, stand in ``assertionMethod``. Keys are Multikeys; RSA keys, which no Data Integrity suite has
    and few libraries read as a Multikey, are JSON Web Keys.

    Args:
        record: The institution's record.
        retired_may_assert: Also let keys assert that were merely retired, for verifiers that reject a signature of
            last year because its key is not listed today. Revoked and compromised keys never do.

    Source: DID Core 1.0 section 5; Controlled Identifiers 1.0 sections 2.2.2 (Multikey) and 2.2.3 (JsonWebKey).
    """
    asserting = [
        key for key in record.keys if key.usable or (retired_may_assert and not (key.revoked_at or key.compromised_at))
    ]
    methods = [_verification_method(record.did, key) for key in record.keys]
    needs_jwk = any("publicKeyJwk" in method for method in methods)
    return {
        "@context": [*DID_CONTEXTS, *((JWK_CONTEXT,) if needs_jwk else ())],
        "id": record.did,
        "verificationMethod": methods,
        "assertionMethod": [f"{record.did}#{key.key_id}" for key in asserting],
    }


def _verification_method(did: str, key: KeyRecord) -> dict[str, Any]:
    named = {"id": f"{did}#{key.key_id}", "type": "Multikey", "controller": did}
    if algorithm_of(key.multibase) == "RSA":
        return {**named, "type": "JsonWebKey", "publicKeyJwk": public_jwk(key.multibase)}
    return {**named, "publicKeyMultibase": key.multibase}
