"""The vault's part of ``fsck``: every sealed row opens, and every row is what the log committed to.

1. Documents open, in every form, and are what their awards' commitments commit to.
2. Notes and the ids of successors open. Sealing binds a row to its award and kind, so none can have been exchanged.
3. Signing keys open, and are the private halves of the keys that the log names.
4. Kept answers to requests open.

Not checked: that no row is missing. What an erasure took away, nothing may remember.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Final
from uuid import UUID

import msgspec

from api.ledger_node import LedgerNode
from ledger.attesting import ATTESTED_KIND, AttestedDocument
from ledger.commitment import DOCUMENT_KIND, commit
from ledger.error import LedgerError, NotFoundError
from ledger.institution import Institution, SigningKeyRecord
from ledger.issuance import SealedDocument
from verifier.error import VerifierError
from verifier.public_key import PublicKey

PROGRESS_EVERY: Final = 5_000
PROBE: Final = b"cairn/fsck: is this the private half?"
UNREADABLE: Final = (LedgerError, msgspec.MsgspecError, sqlite3.Error)

Find = Callable[[str, str, str], None]


class VaultCheck:
    """Checks the vault of a ledger that nobody is writing to.

    Args:
        node: The ledger.
        commitments: The commitments to an award's document, by aggregate id; None when no award is known there.
        find: Told each finding: code, where, what.
        progress: Told what is being done, how far, and of how much.
    """

    def __init__(
        self,
        node: LedgerNode,
        commitments: Callable[[UUID], dict[str, str] | None],
        find: Find,
        progress: Callable[[str, int, int | None], None],
    ) -> None:
        self._node = node
        self._commitments = commitments
        self._find = find
        self._progress = progress

    def run(self) -> int:
        """Check everything; returns how many documents there are. Damage is reported, not raised."""
        documents = self._items()
        for institution in self._node.institutions():
            for key in institution.keys:
                self._key(institution, key)
        self._answers()
        return documents

    def _items(self) -> int:
        """Steps 1 and 2."""
        rows = self._node.ledger.store.query("SELECT aggregate_id, kind FROM vault_item", ())
        documents = 0
        for done, (raw, kind) in enumerate(rows, 1):
            identity = UUID(bytes=raw)
            if kind in {DOCUMENT_KIND, ATTESTED_KIND}:
                documents += 1
                self._document(identity, kind)
            else:
                self._open(identity, kind)
            if done % PROGRESS_EVERY == 0:
                self._progress("vault", done, len(rows))
        return documents

    def _document(self, identity: UUID, kind: str) -> None:
        try:
            forms, salt = self._forms(identity, kind)
        except UNREADABLE as error:
            self._find("document-unreadable", f"award {identity}", str(error))
            return
        logged = self._commitments(identity)
        made = {name: commit(identity, name, form, salt) for name, form in forms.items()}
        if logged is not None and any(logged.get(name) != commitment for name, commitment in made.items()):
            self._find("document-differs", f"award {identity}", "it is not what its commitment commits to")

    def _forms(self, identity: UUID, kind: str) -> tuple[dict[str, bytes], bytes]:
        """Every kept form of a document by its kind of commitment, and the salt."""
        opened = self._node.vault.open(identity, kind)
        if kind == ATTESTED_KIND:
            attested = msgspec.msgpack.decode(opened, type=AttestedDocument)
            return attested.forms, attested.salt
        kept = msgspec.msgpack.decode(opened, type=SealedDocument)
        return {DOCUMENT_KIND: kept.document}, kept.salt

    def _open(self, identity: UUID, kind: str) -> None:
        try:
            self._node.vault.open(identity, kind)
        except UNREADABLE as error:
            self._find("sealed-unreadable", f"{kind} of award {identity}", str(error))

    def _key(self, institution: Institution, key: SigningKeyRecord) -> None:
        """Step 3."""
        where = f"{key.key_id} of {institution.slug}"
        try:
            private = self._node.keys.signing_key(institution.id, key.key_id, f"{institution.did}#{key.key_id}")
            is_good = PublicKey.from_multibase(key.multibase).verify(PROBE, private.sign(PROBE))
        except NotFoundError:  # destroyed when it was revoked, or kept elsewhere
            return
        except (*UNREADABLE, VerifierError, ValueError) as error:
            self._find("key-unreadable", where, str(error))
            return
        if not is_good:
            self._find("key-differs", where, "it is not the private half of the key that the log names")

    def _answers(self) -> None:
        """Step 4."""
        for (raw,) in self._node.ledger.store.query("SELECT submission FROM vault_answer", ()):
            identity = UUID(bytes=raw)
            try:
                self._node.vault.answer(identity)
            except UNREADABLE as error:
                self._find("answer-unreadable", f"submission {identity}", str(error))
