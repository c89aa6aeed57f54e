"""The command that signs further forms of awards that were issued without them: each time an event of its own.

Only forms that the institution offers are added, and only to awards that hold or are suspended.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from ledger.access import Actor, audit
from ledger.application import Decision, Ledger, Outcome, Request
from ledger.award_recall import recall_award
from ledger.commitment import DOCUMENT_KIND, SALT_BYTES
from ledger.credential import Credential
from ledger.error import InvalidInputError, RuleError
from ledger.event import DomainEvent
from ledger.form.kind import form_named
from ledger.form_signing import FormSigner
from ledger.institution import Institution
from ledger.integrity_proof import Canonicalise
from ledger.issuance import SealedDocument, SealedForm, commit_forms
from ledger.signing import KeyStore
from ledger.store import Write
from ledger.vault import RESEAL_SQL, Vault


class FormAdding:
    """Signs further forms.

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

    def add(self, *, public_id: str, forms: Sequence[str], actor: Actor, request: Request | None = None) -> Outcome:
        """Sign forms of an award that it does not have yet. The answer lists their names.

        Args:
            public_id: The award.
            forms: Names of forms that its institution offers, at least one.
            actor: Who asks.
            request: What makes a repetition recognisable.

        Raises:
            ForbiddenError: The actor acts for another institution.
            InvalidInputError: No form, or one that there is not.
            MissingElementError: A form must carry an element that the award does not have.
            NotFoundError: No such award.
            ErasedError: Its learner's data was erased.
            RuleError: A form is not offered, is there already, or its key is not in force; or the award has ended.
        """
        if not forms:
            message = "name at least one form to add"
            raise InvalidInputError(message, "/forms")
        wanted = [form_named(name) for name in dict.fromkeys(forms)]

        def decide(now: datetime) -> Decision:
            credential = self._ledger.credential(public_id)
            institution = self._ledger.load(Institution, credential.institution, "such institution")
            actor.require_institution(institution.id)
            for form in wanted:
                if form.name not in institution.forms:
                    message = f"{institution.name} does not offer «{form.name}»; let it choose the form first"
                    raise RuleError(message)
            signer = FormSigner(institution, wanted, self._keys, self._base_url, self._canonicalise)
            events, row = self._sign(credential, institution, signer, now)
            writes = [Write(RESEAL_SQL, [row]), audit(actor, "credential.add_forms", institution.id, 1, now)]
            return Decision(events, writes, [form.name for form in wanted], [institution])

        return self._ledger.carry_out(self._vault, request, decide)

    def _sign(
        self, credential: Credential, institution: Institution, signer: FormSigner, now: datetime
    ) -> tuple[list[DomainEvent], tuple[bytes, str, bytes, bytes]]:
        credential.require_award()
        learner = self._vault.learner_of(credential.id)
        opened = self._vault.open(credential.id, DOCUMENT_KIND)
        kept = msgspec.msgpack.decode(opened, type=SealedDocument)
        signed = signer.sign(recall_award(self._ledger, credential, institution, kept), now)
        salt = self._ledger.random(SALT_BYTES)
        events: list[DomainEvent] = []
        for key_id, commitments in commit_forms(credential.id, signed, salt).items():
            [event] = credential.add_forms(key_id=key_id, commitments=commitments, at=now)
            credential = msgspec.structs.replace(credential.evolve(event.body), version=event.originator_version)
            events.append(event)
        fresh = {kind: SealedForm(form, salt) for by_key in signed.values() for kind, form in by_key.items()}
        kept = msgspec.structs.replace(kept, forms=kept.forms | fresh)
        return events, self._vault.seal(learner, credential.id, DOCUMENT_KIND, msgspec.msgpack.encode(kept))
