"""The command that signs awards anew when the key that signed them was in other hands.

Only the signature changes: the award keeps its id, its dates and its places in the status lists, and its own history
gets one more event with a commitment to the new document. So nothing new ties two awards of a person together, and
whoever follows an old link finds the same award.

An award is affected while the newest signature of one of its forms is by the compromised key and was recorded after
what outside witnesses had seen before the theft. Signed anew it is affected no more, so the command may be interrupted
and repeated. Every form of it that the compromised key signed is signed anew, and no other. Copies for keys of the
holder's are not: nobody but the holder's wallet can take a new one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

import msgspec
from openvc.proof.vc_jwt import SigningKey

from ledger.access import Actor, audit
from ledger.application import Decision, Ledger, Outcome, Request
from ledger.award_recall import recall_award
from ledger.commitment import DOCUMENT_KIND, SALT_BYTES, commit
from ledger.credential import Credential
from ledger.document import document_form, sign_document
from ledger.error import ErasedError, InvalidInputError, RuleError
from ledger.event import DomainEvent
from ledger.form.kind import HOLDER_KINDS, Form, form_committed_as
from ledger.form_signing import FormSigner
from ledger.institution import Institution, SigningKeyRecord
from ledger.integrity_proof import Canonicalise
from ledger.issuance import SealedDocument, SealedForm, commit_forms
from ledger.signing import KeyStore
from ledger.store import Write
from ledger.vault import RESEAL_SQL, Vault

MAX_REISSUED = 1_000
"""Awards in one commit. Source: the project's own limit; other writers wait less than a second for it."""
PAGE = 5_000
SIGNED = (Credential.Issued.TOPIC, Credential.Reissued.TOPIC, Credential.FormAdded.TOPIC)
_SIGNINGS: TypeAlias = Credential.Issued | Credential.Reissued | Credential.FormAdded
OPEN = frozenset({"active", "suspended"})


class Affected(msgspec.Struct, frozen=True):
    """An award to sign anew.

    Attributes:
        award: Its aggregate id.
        position: Where the compromised signature was recorded.
    """

    award: UUID
    position: int


class Reissued(msgspec.Struct, frozen=True):
    """What came of one commit.

    Attributes:
        credentials: Public ids of the awards that were signed anew; their holders need the new bundle.
        erased: Awards whose document was erased: there is nothing left to sign.
        passed_over: Awards that were signed anew, revoked or replaced by others meanwhile.
        signed_with: The key that signed.
        more: Whether the caller knows of further affected awards.
    """

    credentials: list[str]
    erased: int
    passed_over: int
    signed_with: str
    more: bool


class Reissuance:
    """Signs awards anew.

    Args:
        ledger: The event store.
        vault: Where the documents are.
        keys: Where private keys are.
        base_url: Absolute public URL of the ledger, without a trailing slash.
        canonicalise: For proofs over RDF; see :func:`ledger.integrity_proof.add_proof`.
    """

    def __init__(
        self,
        ledger: Ledger,
        vault: Vault,
        keys: KeyStore,
        base_url: str,
        *,
        canonicalise: Canonicalise | None = None,
    ) -> None:
        self._ledger = ledger
        self._vault = vault
        self._keys = keys
        self._base_url = base_url
        self._canonicalise = canonicalise

    def compromised_key(self, slug: str, key_id: str) -> tuple[Institution, SigningKeyRecord, datetime]:
        """The institution, its key, and since when that was in other hands.

        Raises:
            NotFoundError: No such institution or key.
            RuleError: The key was never declared compromised.
        """
        institution = self._ledger.institution(slug)
        key = institution.key(key_id)
        if key.compromised_at is None:
            message = (
                f"{key_id} was never declared compromised, so what it signed stands; nothing is to be issued again"
            )
            raise RuleError(message)
        return institution, key, key.compromised_at

    def affected(self, slug: str, key_id: str, *, after: int) -> Iterator[Affected]:
        """Awards whose newest signature is by a compromised key and was recorded after *after*; erased ones too.

        Args:
            slug: The institution.
            key_id: Its compromised key.
            after: Position of the newest event that outside witnesses had seen before the key was stolen.

        Raises:
            NotFoundError, RuleError: See :meth:`compromised_key`.
        """
        institution, _, _ = self.compromised_key(slug, key_id)
        return self._scan(institution.id, key_id, after)

    def _scan(self, institution: UUID, key_id: str, after: int) -> Iterator[Affected]:
        mapper = self._ledger.event_mapper
        while page := self._ledger.store.select_notifications(after, PAGE, topics=SIGNED, inclusive_of_start=False):
            for event in page:
                body = mapper.decode(event.topic, event.state, event.id)
                owner = UUID(str(event.originator_id))
                signed = isinstance(body, _SIGNINGS) and body.key_id == key_id and _is_for_everybody(body)
                if signed and self._is_affected(owner, institution, key_id):
                    yield Affected(owner, event.id)
            after = page[-1].id

    def _is_affected(self, award: UUID, institution: UUID, key_id: str) -> bool:
        credential = self._ledger.load(Credential, award, "such credential")
        stolen = any(by == key_id for kind, by in credential.forms.items() if kind not in HOLDER_KINDS)
        return credential.institution == institution and stolen and credential.state in OPEN

    def public_id(self, award: UUID) -> str | None:
        """The id under which an award's holder knows it; None when nobody can sign it anew, being erased."""
        try:
            return _public_id(_document(_open(self._vault, award)))
        except ErasedError:
            return None

    def reissue(
        self,
        *,
        slug: str,
        key_id: str,
        awards: Sequence[UUID],
        actor: Actor,
        erased: int = 0,
        more: bool = False,
        request: Request | None = None,
    ) -> Outcome:
        """Sign awards anew with the key in force, all of them in one commit or none. The answer is a :class:`Reissued`.

        Args:
            slug: The institution.
            key_id: Its compromised key.
            awards: Aggregate ids, at most :data:`MAX_REISSUED`, as :meth:`affected` names them. What does not bear the
                compromised key any more is passed over.
            actor: Who asks.
            erased: Affected awards that the caller has found erased already, for the answer.
            more: Whether there are further affected awards, for the answer.
            request: What makes a repetition recognisable.

        Raises:
            ForbiddenError: The actor acts for another institution.
            NotFoundError, RuleError: See :meth:`compromised_key`; or no key is in force.
            InvalidInputError: Too many awards.
        """
        if len(awards) > MAX_REISSUED:
            message = f"one commit signs at most {MAX_REISSUED} awards anew, not {len(awards)}"
            raise InvalidInputError(message)

        def decide(now: datetime) -> Decision:
            institution, _, _ = self.compromised_key(slug, key_id)
            actor.require_institution(institution.id)
            batch = _Batch(self._ledger, self._vault, self._signer(institution), now)
            # An award whose forms were signed at several times is named as many times.
            named = dict.fromkeys(awards)
            affected = [award for award in named if self._is_affected(award, institution.id, key_id)]
            for award in affected:
                batch.add(award, key_id, lambda forms: self._form_signer(institution, forms))
            done = len(batch.credentials)
            gone = erased + batch.erased
            answer = Reissued(batch.credentials, gone, len(named) - len(affected), batch.key_id, more)
            writes = [Write(RESEAL_SQL, batch.sealed), audit(actor, "credential.reissue", institution.id, done, now)]
            return Decision(batch.events, writes if done else [], msgspec.to_builtins(answer), [institution])

        return self._ledger.carry_out(self._vault, request, decide)

    def _signer(self, institution: Institution) -> tuple[str, SigningKey]:
        key = institution.active_key
        if key is None:
            message = f"{institution.name} has no signing key in force; rotate its key first"
            raise RuleError(message)
        return key.key_id, self._keys.signing_key(institution.id, key.key_id, f"{institution.did}#{key.key_id}")

    def _form_signer(self, institution: Institution, forms: Sequence[Form]) -> tuple[Institution, FormSigner]:
        return institution, FormSigner(institution, forms, self._keys, self._base_url, self._canonicalise)


class _Batch:
    """Awards being signed anew: their events, and the rows for the vault."""

    def __init__(self, ledger: Ledger, vault: Vault, key: tuple[str, SigningKey], now: datetime) -> None:
        self._ledger, self._vault, self._now = ledger, vault, now
        self.key_id, self._signer = key
        self.events: list[DomainEvent] = []
        self.sealed: list[tuple[bytes, str, bytes, bytes]] = []
        self.credentials: list[str] = []
        self.erased = 0

    def add(self, award: UUID, stolen: str, signer: Callable[[Sequence[Form]], tuple[Institution, FormSigner]]) -> None:
        """Sign anew every form of one award that the key *stolen* signed; an erased award is only counted."""
        try:
            learner = self._vault.learner_of(award)
            kept = _open(self._vault, award)
        except ErasedError:
            self.erased += 1
            return
        credential = self._ledger.load(Credential, award, "such credential")
        kinds = [kind for kind, key_id in credential.forms.items() if key_id == stolen]
        salt = self._ledger.random(SALT_BYTES)
        commitments: dict[str, dict[str, str]] = {}
        if DOCUMENT_KIND in kinds:
            kept = self._sign_document(kept, salt)
            commitments[self.key_id] = {DOCUMENT_KIND: commit(award, DOCUMENT_KIND, kept.document, salt)}
        forms = [form for kind in kinds if kind != DOCUMENT_KIND and (form := form_committed_as(kind)) is not None]
        if forms:
            institution, form_signer = signer(forms)
            signed = form_signer.sign(recall_award(self._ledger, credential, institution, kept), self._now)
            fresh = {kind: SealedForm(form, salt) for by_key in signed.values() for kind, form in by_key.items()}
            kept = msgspec.structs.replace(kept, forms=kept.forms | fresh)
            for key_id, made in commit_forms(award, signed, salt).items():
                commitments.setdefault(key_id, {}).update(made)
        self.events += _events(credential, commitments, self._now)
        self.sealed.append(self._vault.seal(learner, award, DOCUMENT_KIND, msgspec.msgpack.encode(kept)))
        self.credentials.append(_public_id(_document(kept)))

    def _sign_document(self, kept: SealedDocument, salt: bytes) -> SealedDocument:
        document = _document(kept)
        del document["proof"]
        form = document_form(sign_document(document, self._signer, self._now))
        return msgspec.structs.replace(kept, document=form, salt=salt)


def _events(credential: Credential, commitments: dict[str, dict[str, str]], now: datetime) -> list[DomainEvent]:
    """One event for each key that signed; the one whose form every award has comes first."""
    events: list[DomainEvent] = []
    for key_id, kinds in commitments.items():
        decide = credential.reissue if DOCUMENT_KIND in kinds else credential.add_forms
        [event] = decide(key_id=key_id, commitments=kinds, at=now)
        credential = msgspec.structs.replace(credential.evolve(event.body), version=event.originator_version)
        events.append(event)
    return events


def _is_for_everybody(body: _SIGNINGS) -> bool:
    """Whether anything of it is more than copies for keys of the holder's."""
    return any(kind not in HOLDER_KINDS for kind in body.commitments)


def _open(vault: Vault, award: UUID) -> SealedDocument:
    return msgspec.msgpack.decode(vault.open(award, DOCUMENT_KIND), type=SealedDocument)


def _document(kept: SealedDocument) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.json.decode(kept.document)
    return document


def _public_id(document: dict[str, Any]) -> str:
    return str(document["id"]).rpartition("/")[2]
