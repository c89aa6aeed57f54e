"""Documents of an institution's own making about what it or others awarded: learner records, and endorsements.

Both are attested (:mod:`ledger.attesting`): signed, committed in the log before they leave, with a status of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from ledger.access import Actor
from ledger.achievement import Achievement
from ledger.application import Ledger, Outcome, Request
from ledger.attesting import Attestable, AttestedDocument, Attesting
from ledger.commitment import DOCUMENT_KIND
from ledger.credential import Credential
from ledger.credential_id import credential_aggregate_id
from ledger.detail import Details, check_members
from ledger.document import document_form, sign_document
from ledger.error import InvalidInputError, NotFoundError
from ledger.form.endorsement import build_endorsement
from ledger.form.learner_record import Association, Held, build_record
from ledger.institution import Institution
from ledger.issuance import SealedDocument
from ledger.vault import Vault

MAX_CREDENTIALS = 60
"""Credentials in one record. Source: 262,144 bytes, the longest document that is verified; a credential takes 4 KB."""
HOLDS = "active"


class Endorsed(msgspec.Struct, frozen=True, kw_only=True):
    """What an endorsement says."""

    id: str
    description: str | None = None


class RecordKeeping:
    """Makes learner records and endorsements.

    Args:
        ledger: The event store.
        vault: Where the documents are.
        attesting: Signs and records.
        base_url: Absolute public URL of the ledger, without a trailing slash.
    """

    def __init__(self, ledger: Ledger, vault: Vault, attesting: Attesting, base_url: str) -> None:
        self._ledger = ledger
        self._vault = vault
        self._attesting = attesting
        self._base_url = base_url

    def make_record(
        self,
        *,
        slug: str,
        reference: str,
        credentials: Sequence[str],
        associations: Sequence[Association],
        actor: Actor,
        request: Request | None = None,
    ) -> Outcome:
        """Make a record of what a learner holds at an institution. The answer is the record's public id.

        Args:
            slug: The institution.
            reference: What it calls the learner.
            credentials: Public ids of the awards to put in; none for all that hold.
            associations: Beside those that follow from the templates.
            actor: Who asks.
            request: What makes a repetition recognisable.

        Raises:
            ForbiddenError: The actor acts for another institution.
            NotFoundError: No such institution or learner, or an award that the learner does not hold.
            MissingElementError: The learner holds nothing.
            InvalidInputError: Too many awards, or an association between others.
        """
        institution = self._ledger.institution(slug)
        actor.require_institution(institution.id)
        handle = self._vault.find_learner(institution.id, reference)

        def make(about: Attestable) -> dict[str, bytes]:
            held = self._held(institution, handle)
            chosen = _chosen(held, credentials)
            partial = len(chosen) < len(held)
            record = build_record(about, chosen, associations, partial=partial, base_url=self._base_url)
            return {DOCUMENT_KIND: document_form(sign_document(record, about.key, about.now))}

        return self._attesting.attest(slug=slug, make=make, actor=actor, learner=reference, request=request)

    def endorse(
        self, *, slug: str, subject: str, comment: str | None, actor: Actor, request: Request | None = None
    ) -> Outcome:
        """Endorse an institution, an achievement or an award. The answer is the endorsement's public id.

        Args:
            slug: The institution that endorses.
            subject: URI of what it endorses.
            comment: In words; public to whoever is shown the endorsement.
            actor: Who asks.
            request: What makes a repetition recognisable.

        Raises:
            ForbiddenError: The actor acts for another institution.
            InvalidInputError: The subject is no URI, or the comment is blank or too long.
            NotFoundError: No such institution.
        """
        try:
            check_members(Endorsed(id=subject, description=comment), "")
        except InvalidInputError as error:
            pointer = {"/id": "/subject", "/description": "/comment"}[error.pointer]
            raise InvalidInputError(error.detail, pointer) from error

        def make(about: Attestable) -> dict[str, bytes]:
            made = build_endorsement(about, subject=subject, comment=comment, base_url=self._base_url)
            return {DOCUMENT_KIND: document_form(sign_document(made, about.key, about.now))}

        return self._attesting.attest(slug=slug, make=make, actor=actor, request=request)

    def document(self, public_id: str) -> AttestedDocument:
        """What the vault keeps of a record or an endorsement. Raises ErasedError, InvalidInputError."""
        return self._attesting.document(public_id)

    def _held(self, institution: Institution, handle: bytes) -> dict[UUID, Held]:
        """The learner's awards that hold, in the order in which they were made."""
        found: dict[UUID, Held] = {}
        for award in sorted(self._vault.items_of(handle, DOCUMENT_KIND)):
            credential = self._ledger.load(Credential, award, "such credential")
            if credential.state != HOLDS or credential.institution != institution.id:
                continue
            kept = msgspec.msgpack.decode(self._vault.open(award, DOCUMENT_KIND), type=SealedDocument)
            document: dict[str, Any] = msgspec.json.decode(kept.document)
            found[award] = Held(document, self._details(credential))
        return found

    def _details(self, credential: Credential) -> Details | None:
        if credential.achievement is None or credential.edition is None:
            return None
        achievement = self._ledger.load(Achievement, credential.achievement, "such achievement")
        return achievement.details[credential.edition - 1]


def _chosen(held: dict[UUID, Held], credentials: Sequence[str]) -> list[Held]:
    wanted = list(held)
    if credentials:
        wanted = [credential_aggregate_id(public_id) for public_id in dict.fromkeys(credentials)]
    if any(award not in held for award in wanted):
        message = "the learner does not hold one of these credentials at this institution"
        raise NotFoundError(message)
    if len(wanted) > MAX_CREDENTIALS:
        message = f"a record has at most {MAX_CREDENTIALS} credentials, not {len(wanted)}; name some"
        raise InvalidInputError(message, "/credentials")
    return [held[award] for award in wanted]
