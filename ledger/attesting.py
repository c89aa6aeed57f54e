"""The command that signs a document of an institution's own making, and what is kept of it.

Such a document is no award under a published achievement: a credential that an issuer sends to be signed, a learner's
record, an endorsement. It is committed to in the log all the same before it leaves, with places in the status lists,
so that it can be suspended and revoked like an award (:mod:`ledger.lifecycle`).

An institution may look a document up again by the id that stands in it. The ledger keeps that id only under an HMAC.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

import msgspec
from openvc.proof.vc_jwt import SigningKey

from ledger.access import Actor, audit
from ledger.application import Decision, Ledger, Outcome, Request
from ledger.commitment import SALT_BYTES, commit
from ledger.credential import Credential
from ledger.credential_id import RANDOM_BYTES, credential_aggregate_id, make_public_id
from ledger.document import status_entries
from ledger.error import InvalidInputError, NotFoundError, RuleError
from ledger.event import DomainEvent
from ledger.institution import Institution, SigningKeyRecord
from ledger.signing import KeyStore
from ledger.status_allocation import StatusAllocator, StatusPlace
from ledger.store import Write
from ledger.vault import SEAL_SQL, Vault

ATTESTED_KIND = "attested"
"""What the vault calls a kept document; it is never a kind of commitment."""
ATTESTED_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS vault_attested (name BLOB PRIMARY KEY, aggregate_id BLOB NOT NULL) WITHOUT ROWID",
)
_NAME_SQL = (
    "INSERT INTO vault_attested VALUES (?,?) ON CONFLICT (name) DO UPDATE SET aggregate_id=excluded.aggregate_id"
)
MAX_FORMS = 8
MAX_FORM_BYTES = 1 << 20


class Attestable(msgspec.Struct, frozen=True, kw_only=True):
    """What a document may be made of: who signs, with which key, and where its status will be.

    Attributes:
        public_id: The credential's public id.
        aggregate_id: Its id in the log.
        institution: Who signs.
        key: Ready to sign; its ``kid`` is the verification method.
        entries: ``credentialStatus`` entries for revocation and suspension.
        now: The instant of recording.
    """

    public_id: str
    aggregate_id: UUID
    institution: Institution
    key: SigningKey
    entries: list[dict[str, Any]]
    now: datetime


class AttestedDocument(msgspec.Struct, frozen=True):
    """What the vault keeps: every signed form by its kind of commitment, the salt, and the public id."""

    forms: dict[str, bytes]
    salt: bytes
    public_id: str


Make: TypeAlias = Callable[[Attestable], Mapping[str, bytes]]
"""Makes and signs the document; returns each form by its kind of commitment."""


class Attesting:
    """Signs documents of institutions' own making.

    Args:
        ledger: The event store.
        vault: Where documents and salts are kept.
        keys: Where private keys are.
        places: Gives out places in the status lists.
        base_url: Absolute public URL of the ledger, without a trailing slash.
    """

    def __init__(self, ledger: Ledger, vault: Vault, keys: KeyStore, places: StatusAllocator, base_url: str) -> None:
        self._ledger = ledger
        self._vault = vault
        self._keys = keys
        self._places = places
        self._base_url = base_url
        self._secret = vault.secret("attested-names")

    def attest(  # noqa: PLR0913  a command names all its facts
        self,
        *,
        slug: str,
        make: Make,
        actor: Actor,
        name: str | None = None,
        key_id: str | None = None,
        learner: str | None = None,
        valid_from: datetime | None = None,
        valid_until: datetime | None = None,
        request: Request | None = None,
    ) -> Outcome:
        """Sign a document and record that it was signed. The answer is its public id.

        Args:
            slug: The institution that signs.
            make: Makes the signed forms; called again when another command was faster.
            actor: Who asks.
            name: The id that stands in the document, by which :meth:`find` finds the newest with it.
            key_id: Which of the institution's keys; None for the one that its awards are signed with.
            learner: What the institution calls the person that it is about; None: a place of its own.
            valid_from: From when it holds; the future is cut off at the present, None is the present.
            valid_until: When it ends; None: never.
            request: What makes a repetition recognisable.

        Raises:
            ForbiddenError: The actor acts for another institution.
            InvalidInputError: It ends before it begins, has no form, too many forms, or too large a one.
            NotFoundError: No such institution or key.
            RuleError: The key is not in force.
        """

        def decide(now: datetime) -> Decision:
            institution = self._ledger.institution(slug)
            actor.require_institution(institution.id)
            begin = now if valid_from is None else min(valid_from, now)
            if valid_until is not None and valid_until <= begin:
                message = "a document ends after it begins"
                raise InvalidInputError(message, "/valid_until")
            key = _key(institution, key_id)
            [place] = self._places.allocate(institution.id, 1)
            attestable = self._attestable(institution, key, place, now)
            forms = dict(make(attestable))
            _check_forms(forms)
            salt = self._ledger.random(SALT_BYTES)
            event = _attested(attestable, key, place, forms, salt, (begin, valid_until))
            owner = self._vault.learner(institution.id, learner)
            kept = msgspec.msgpack.encode(AttestedDocument(forms, salt, attestable.public_id))
            row = self._vault.seal(owner, attestable.aggregate_id, ATTESTED_KIND, kept)
            writes = [*owner.writes, Write(SEAL_SQL, [row]), audit(actor, "document.attest", institution.id, 1, now)]
            if name is not None:
                named = (self._name(institution.id, name), attestable.aggregate_id.bytes)
                writes.append(Write(_NAME_SQL, [named]))
            return Decision([event], writes, attestable.public_id, [institution])

        return self._ledger.carry_out(self._vault, request, decide)

    def find(self, slug: str, name: str) -> str:
        """The public id of the newest document of an institution that has the id *name* in it.

        Raises:
            NotFoundError: There is none.
            ErasedError: It was erased.
        """
        institution = self._ledger.institution(slug)
        rows = self._ledger.store.query(
            "SELECT aggregate_id FROM vault_attested WHERE name=?", (self._name(institution.id, name),)
        )
        if not rows:
            message = "this institution has signed no document with this id here"
            raise NotFoundError(message)
        return self._open(UUID(bytes=bytes(rows[0][0]))).public_id

    def document(self, public_id: str) -> AttestedDocument:
        """What the vault keeps of a document.

        Raises:
            InvalidInputError: The id is malformed.
            ErasedError: It was erased, or there is none.
        """
        return self._open(credential_aggregate_id(public_id))

    def _open(self, identity: UUID) -> AttestedDocument:
        return msgspec.msgpack.decode(self._vault.open(identity, ATTESTED_KIND), type=AttestedDocument)

    def _name(self, institution: UUID, name: str) -> bytes:
        return hmac.digest(self._secret, institution.bytes + name.encode(), "sha256")

    def _attestable(
        self, institution: Institution, key: SigningKeyRecord, place: StatusPlace, now: datetime
    ) -> Attestable:
        public_id = make_public_id(now, self._ledger.random(RANDOM_BYTES))
        method = f"{institution.did}#{key.key_id}"
        return Attestable(
            public_id=public_id,
            aggregate_id=credential_aggregate_id(public_id),
            institution=institution,
            key=self._keys.signing_key(institution.id, key.key_id, method),
            entries=status_entries(place, self._base_url),
            now=now,
        )


def _key(institution: Institution, key_id: str | None) -> SigningKeyRecord:
    key = institution.active_key if key_id is None else institution.key(key_id)
    if key is None or not key.usable:
        message = f"{institution.name} has no such signing key in force; rotate its key first"
        raise RuleError(message)
    return key


def _check_forms(forms: Mapping[str, bytes]) -> None:
    if not 0 < len(forms) <= MAX_FORMS or max(map(len, forms.values())) > MAX_FORM_BYTES:
        message = f"a document has 1 to {MAX_FORMS} forms of at most {MAX_FORM_BYTES} bytes"
        raise InvalidInputError(message)


def _attested(
    about: Attestable,
    key: SigningKeyRecord,
    place: StatusPlace,
    forms: Mapping[str, bytes],
    salt: bytes,
    validity: tuple[datetime, datetime | None],
) -> DomainEvent:
    body = Credential.Attested(
        institution=about.institution.id,
        key_id=key.key_id,
        commitments={kind: commit(about.aggregate_id, kind, form, salt) for kind, form in sorted(forms.items())},
        status_block=place.block,
        status_index=place.index,
        valid_from=validity[0],
        valid_until=validity[1],
        recorded_at=about.now,
    )
    return DomainEvent(about.aggregate_id, 1, body)
