"""Whether somebody who names an award of this ledger was given it, and what the award is.

An award's public id is a link that works for anyone; its document and salt are with its holder. So whoever wants an
award of another institution recognised shows both, and they have to open one of the commitments that the log holds.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, urlsafe_b64decode
from typing import Any, Final
from uuid import UUID

import msgspec
from rfc8785 import CanonicalizationError

from ledger.achievement import Achievement
from ledger.application import Ledger
from ledger.award_reading import AwardReading, ReadAward
from ledger.canonical import canonical_json
from ledger.claim import AwardClaim
from ledger.commitment import DOCUMENT_KIND, SALT_BYTES, commit
from ledger.credential import SIGNED_BIRTHS, Credential
from ledger.error import InvalidInputError, LedgerError
from ledger.form.open_badge import elements_of
from ledger.form_signing import committed_part
from ledger.institution import Institution
from ledger.issuance import SealedDocument
from ledger.limit import Subject, subject_of
from ledger.recognised_award import HeldAward, RecognisedAward
from ledger.recognised_fact import recognised_award
from ledger.vault import Vault

NOT_AN_AWARD: Final = "this is a document of an institution's own making, and no award; enter it as one from elsewhere"


class KnownAward(msgspec.Struct, frozen=True, kw_only=True):
    """An award of this ledger that was shown: itself, who made it, and what a scope of an agreement looks at."""

    read: ReadAward
    awarder: Institution
    award: RecognisedAward
    subject: Subject

    @property
    def credential(self) -> Credential:
        """How it stands by itself."""
        return self.read.credential


class AwardShowing:
    """Opens awards that are shown.

    Args:
        ledger: The event store.
        vault: Where documents of awards are.
    """

    def __init__(self, ledger: Ledger, vault: Vault) -> None:
        self._ledger = ledger
        self._vault = vault
        self._awards = AwardReading(ledger, vault)

    def show(self, shown: HeldAward, recogniser: UUID) -> KnownAward:
        """Find out what was shown; an award, or a part of an unpacked diploma.

        Args:
            shown: The award's id, and what opens its commitment.
            recogniser: Who wants to know; its own awards need not be opened.

        Raises:
            NotFoundError: There is no such award.
            ErasedError: It is the institution's own award, and its learner's data was erased.
            InvalidInputError: What was shown does not open the commitment, or is no award; the pointer is relative to
                *shown*.
        """
        try:
            read = self._awards.read(shown.credential)
        except InvalidInputError as error:
            raise InvalidInputError(error.detail, "/credential") from error
        credential = read.credential
        if credential.achievement is None or credential.edition is None:
            raise InvalidInputError(NOT_AN_AWARD, "/credential")
        document, salt = _shown(shown)
        if document is not None or credential.institution != recogniser:
            _require_opened(read, document, salt)
        awarder = self._ledger.load(Institution, credential.institution, "such institution")
        achievement = self._ledger.load(Achievement, credential.achievement, "such achievement")
        grade = self._kept_grade(read) if document is None else _shown_grade(document)
        logged = read.logged(awarder, achievement)
        award = recognised_award(shown.credential, logged.issued, awarder, achievement, grade)
        place = credential.edition - 1
        subject = subject_of(achievement.editions[place], achievement.details[place], awarder.country)
        return KnownAward(read=read, awarder=awarder, award=award, subject=subject)

    def _kept_grade(self, read: ReadAward) -> str | None:
        """The grade of an institution's own award, from the vault."""
        if read.kept is not None:
            return _shown_grade(msgspec.json.decode(read.kept.document))
        kept = msgspec.msgpack.decode(self._vault.open(read.credential.id, DOCUMENT_KIND), type=SealedDocument)
        if kept.claim:
            return msgspec.msgpack.decode(kept.claim, type=AwardClaim).grade
        return _shown_grade(msgspec.json.decode(kept.document))


def _require_opened(read: ReadAward, document: dict[str, Any] | str | None, salt: bytes | None) -> None:
    """Refuse what opens none of the award's commitments."""
    if document is None or salt is None:
        message = "another institution's award is shown with its document and salt, or with the holder's bundle"
        raise InvalidInputError(message, "/document" if document is None else "/salt")
    try:
        form = document.encode() if isinstance(document, str) else canonical_json(document)
        opened = any(
            commit(read.credential.id, kind, committed_part(kind, form), salt) == commitment
            for kind, commitment in _commitments(read)
        )
    except (CanonicalizationError, UnicodeEncodeError, LedgerError, ValueError) as error:
        message = "the document cannot be read"
        raise InvalidInputError(message, "/document") from error
    if not opened:
        message = "the document and its salt do not open what the log holds of this award; ask the holder for both"
        raise InvalidInputError(message, "/document")


def _commitments(read: ReadAward) -> list[tuple[str, str]]:
    """Every kind of form of an award with its commitment, those that were signed anew too."""
    found: list[tuple[str, str]] = []
    for body in read.events:
        if isinstance(body, (*SIGNED_BIRTHS, Credential.Reissued, Credential.FormAdded)):
            found += body.commitments.items()
    return found


def _shown_grade(document: dict[str, Any] | str) -> str | None:
    """The grade that a document says. What its holder has withheld stays withheld: the vault is not asked for it."""
    members = document if isinstance(document, dict) else _payload(document)
    grade = elements_of(members).get("grade")
    return grade if isinstance(grade, str) else None


def _payload(token: str) -> dict[str, Any]:
    """The credential in a compact token; empty where the token is of another kind, such as an SD-JWT."""
    try:
        _, payload, _ = token.split(".")
        value = msgspec.json.decode(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, msgspec.MsgspecError):
        return {}
    return value if isinstance(value, dict) else {}


def _shown(shown: HeldAward) -> tuple[dict[str, Any] | str | None, bytes | None]:
    """Document and salt, given as such or in a bundle."""
    if shown.bundle is not None and (shown.document is not None or shown.salt is not None):
        message = "give the bundle, or document and salt; not both"
        raise InvalidInputError(message, "/bundle")
    if shown.bundle is None:
        return shown.document, _salt(shown.salt, "/salt")
    document, salt = shown.bundle.get("document"), shown.bundle.get("salt")
    if not isinstance(document, dict | str) or not isinstance(salt, str):
        message = "a holder's bundle has a document and its salt (cairn/bundle/v1)"
        raise InvalidInputError(message, "/bundle")
    return document, _salt(salt, "/bundle/salt")


def _salt(text: str | None, pointer: str) -> bytes | None:
    if text is None:
        return None
    try:
        salt = b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        message = "a salt is base64, with padding"
        raise InvalidInputError(message, pointer) from error
    if len(salt) != SALT_BYTES:
        message = f"a salt has {SALT_BYTES} bytes"
        raise InvalidInputError(message, pointer)
    return salt
