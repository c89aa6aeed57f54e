"""The command that signs an award for a key of its holder's: what a wallet asks for, and can prove to be its own.

Only forms that the institution offers are signed, only for awards that hold or are suspended, and few for each award:
every copy is an event of the award, and evidence of an award names them all.

Of a copy the vault keeps a digest and the salt, so that whoever is shown it can have it verified here. The bytes are
with the wallet, and can be asked for again only by signing anew.

An SD-JWT VC names the key (``cnf``); a VC-JWT names the learner by a DID that is the key, or is controlled by it.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Final

import msgspec

from ledger.access import Actor, audit
from ledger.application import Decision, Ledger, Outcome
from ledger.award_recall import recall_award
from ledger.claim import check_holder_key
from ledger.commitment import DOCUMENT_KIND, SALT_BYTES, commit
from ledger.credential import Credential
from ledger.document import Award
from ledger.error import RuleError
from ledger.form.kind import HOLDER_FORMS, Form, form_named, holder_kind
from ledger.form_signing import FormSigner, committed_part
from ledger.institution import Institution
from ledger.issuance import SealedCopy, SealedDocument
from ledger.signing import KeyStore
from ledger.store import Write
from ledger.vault import RESEAL_SQL, Vault

MAX_COPIES: Final = 12
"""Copies of one award, ever. Source: an evidence file has an entry for each, and at most 64 (docs/spec/report.md)."""
ACT: Final = "credential.copy_for_holder"
"""What the audit calls it."""


class Holder(msgspec.Struct, frozen=True):
    """Whoever asked, as their wallet has proved it.

    Attributes:
        jwk: The public key, with the members that make the key and no others.
        did: A DID that is this key.
    """

    jwk: dict[str, str]
    did: str


class WalletCopies:
    """Signs awards for keys of their holders.

    Args:
        ledger: The event store.
        vault: Where the documents are.
        keys: Where private keys are.
        base_url: Absolute public URL of the ledger, without a trailing slash.
    """

    def __init__(self, ledger: Ledger, vault: Vault, keys: KeyStore, base_url: str) -> None:
        self._ledger = ledger
        self._vault = vault
        self._keys = keys
        self._base_url = base_url

    def kept(self, public_id: str) -> tuple[SealedCopy, ...]:
        """What is known of an award's copies, oldest first. Raises ErasedError, NotFoundError."""
        return self._open(self._ledger.credential(public_id)).copies

    def make(self, *, public_id: str, form: str, holder: Holder, actor: Actor) -> Outcome:
        """Sign an award in a form for a key. ``made`` is the document; the answer is the form's name.

        Args:
            public_id: The award.
            form: One of :data:`ledger.form.kind.HOLDER_FORMS`, by its name.
            holder: For whom; that they have the private key, the caller has made sure of.
            actor: Who asks.

        Raises:
            ForbiddenError: The actor acts for another institution.
            InvalidInputError: There is no such form, or no such key.
            MissingElementError: The form must carry an element that the award does not have.
            NotFoundError: No such award.
            ErasedError: Its learner's data was erased.
            RuleError: The form is bound to nobody's key, is not offered, or has no key in force; there are too many
                copies; or the award has ended.
        """
        wanted = form_named(form)
        check_holder_key(holder.jwk)
        if wanted not in HOLDER_FORMS:
            message = f"«{form}» is bound to nobody's key"
            raise RuleError(message)

        def decide(now: datetime) -> Decision:
            credential = self._ledger.credential(public_id)
            institution = self._ledger.load(Institution, credential.institution, "such institution")
            actor.require_institution(institution.id)
            if form not in institution.forms:
                message = f"{institution.name} does not offer «{form}»; let it choose the form first"
                raise RuleError(message)
            return self._sign(credential, institution, wanted, holder, now, actor)

        return self._ledger.carry_out(self._vault, None, decide)

    def _sign(
        self,
        credential: Credential,
        institution: Institution,
        form: Form,
        holder: Holder,
        now: datetime,
        actor: Actor,
    ) -> Decision:
        credential.require_award()
        learner = self._vault.learner_of(credential.id)
        kept = self._open(credential)
        if len(kept.copies) >= MAX_COPIES:
            message = f"an award is signed for at most {MAX_COPIES} keys of its holder's"
            raise RuleError(message)
        award = for_holder(recall_award(self._ledger, credential, institution, kept), form, holder)
        signed = FormSigner(institution, [form], self._keys, self._base_url, None).sign(award, now)
        salt = self._ledger.random(SALT_BYTES)
        [(key_id, forms)] = signed.items()
        document = forms[form.kind]
        committed, kind = committed_part(form.kind, document), holder_kind(form.kind)
        commitments = {kind: commit(credential.id, kind, committed, salt)}
        events = credential.add_forms(key_id=key_id, commitments=commitments, at=now)
        digest = hashlib.sha256(committed).digest()
        copies = (*kept.copies, SealedCopy(digest, salt, form.name, now))
        sealed = msgspec.msgpack.encode(msgspec.structs.replace(kept, copies=copies))
        writes = [
            Write(RESEAL_SQL, [self._vault.seal(learner, credential.id, DOCUMENT_KIND, sealed)]),
            audit(actor, ACT, institution.id, 1, now),
        ]
        return Decision(events, writes, form.name, [institution], made=document)

    def _open(self, credential: Credential) -> SealedDocument:
        return msgspec.msgpack.decode(self._vault.open(credential.id, DOCUMENT_KIND), type=SealedDocument)


def for_holder(award: Award, form: Form, holder: Holder) -> Award:
    """The award as its documents for *holder* say it.

    An SD-JWT has a place for the key, and what the institution calls the learner stays as it is; a VC-JWT has none, so
    its subject is the holder's DID.
    """
    replace = msgspec.structs.replace
    if form.name == "sd-jwt":
        return replace(award, claim=replace(award.claim, holder_jwk=holder.jwk))
    return replace(award, claim=replace(award.claim, learner=replace(award.claim.learner, id=holder.did)))
