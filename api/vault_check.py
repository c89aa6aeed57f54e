"""The vault's part of ``fsck``: every sealed row opens, and every row is what the log committed to.

1. Documents open, and are what their awards' commitments commit to.
2. Notes and the ids of successors open. Sealing binds a row to its award and kind, so none can have been exchanged.
3. Signing keys open, and are the private halves of the keys that the log names.
4. Kept answers to requests open.

Not checked: that no row is missing. What an erasure took away, nothing may remember.

A server may be erasing and signing anew meanwhile: a finding on a row stands only when the row was the same before and
after it was looked at.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from typing import Final
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from openvc.multibase import decode_multibase

from api.ledger_node import LedgerNode
from ledger.commitment import DOCUMENT_KIND, commit
from ledger.credential import Credential
from ledger.error import LedgerError, NotFoundError
from ledger.institution import Institution, SigningKeyRecord
from ledger.issuance import SealedDocument

PROGRESS_EVERY: Final = 5_000
RAW_KEY_BYTES: Final = 32
PROBE: Final = b"cairn/fsck: is this the private half?"
UNREADABLE: Final = (LedgerError, msgspec.MsgspecError, sqlite3.Error)

Find = Callable[[str, str, str], None]
_Found = tuple[str, str, str]


class VaultCheck:
    """Checks the vault of a ledger, whether a server writes to it or not.

    Args:
        node: The ledger.
        commitment: The commitment to an award's document, by aggregate id, as far as it was folded; None when no award
            was known then.
        find: Told each finding: code, where, what.
        progress: Told what is being done, how far, and of how much.
    """

    def __init__(
        self,
        node: LedgerNode,
        commitment: Callable[[UUID], str | None],
        find: Find,
        progress: Callable[[str, int, int | None], None],
    ) -> None:
        self._node = node
        self._commitment = commitment
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
            documents += kind == DOCUMENT_KIND
            self._item(identity, kind)
            if done % PROGRESS_EVERY == 0:
                self._progress("vault", done, len(rows))
        return documents

    def _item(self, identity: UUID, kind: str) -> None:
        """Judge a row, again for as long as it changes under our eyes."""
        judge = self._document if kind == DOCUMENT_KIND else self._opened
        found = judge(identity, kind)
        while found is not None:
            before = self._row(identity, kind)
            if before is None:  # erased meanwhile
                return
            found = judge(identity, kind)
            if found is not None and self._row(identity, kind) == before:
                self._find(*found)
                return

    def _row(self, identity: UUID, kind: str) -> tuple[bytes, ...] | None:
        """A sealed row and the learner's key that opens it, as they are stored."""
        rows = self._node.ledger.store.query(
            "SELECT i.sealed, i.learner, l.wrapped FROM vault_item i LEFT JOIN vault_learner l ON l.handle=i.learner "
            "WHERE i.aggregate_id=? AND i.kind=?",
            (identity.bytes, kind),
        )
        return tuple(rows[0]) if rows else None

    def _document(self, identity: UUID, kind: str) -> _Found | None:
        try:
            kept = msgspec.msgpack.decode(self._node.vault.open(identity, kind), type=SealedDocument)
        except UNREADABLE as error:
            return "document-unreadable", f"award {identity}", str(error)
        made = commit(identity, kind, kept.document, kept.salt)
        if made == self._commitment(identity) or self._recorded(identity) in {None, made}:
            return None
        return "document-differs", f"award {identity}", "it is not what its commitment commits to"

    def _recorded(self, identity: UUID) -> str | None:
        """The newest commitment to an award's document by its events, which may be newer than what was folded."""
        newest = None
        for event in self._node.ledger.store.select_events(identity):
            with suppress(LedgerError):  # named by the check of the events
                body = self._node.ledger.event_mapper.to_domain_event(event).body
                if isinstance(body, Credential.Issued | Credential.Reissued):
                    newest = body.commitments.get(DOCUMENT_KIND)
        return newest

    def _opened(self, identity: UUID, kind: str) -> _Found | None:
        try:
            self._node.vault.open(identity, kind)
        except UNREADABLE as error:
            return "sealed-unreadable", f"{kind} of award {identity}", str(error)
        return None

    def _key(self, institution: Institution, key: SigningKeyRecord) -> None:
        """Step 3."""
        where = f"{key.key_id} of {institution.slug}"
        try:
            private = self._node.keys.signing_key(institution.id, key.key_id, f"{institution.did}#{key.key_id}")
            public = decode_multibase(key.multibase)[-RAW_KEY_BYTES:]
            Ed25519PublicKey.from_public_bytes(public).verify(private.sign(PROBE), PROBE)
        except NotFoundError:  # destroyed when it was revoked, or kept elsewhere
            return
        except UNREADABLE as error:
            self._find("key-unreadable", where, str(error))
        except InvalidSignature:
            self._find("key-differs", where, "it is not the private half of the key that the log names")

    def _answers(self) -> None:
        """Step 4."""
        for (raw,) in self._node.ledger.store.query("SELECT submission FROM vault_answer", ()):
            identity = UUID(bytes=raw)
            try:
                self._node.vault.answer(identity)
            except UNREADABLE as error:
                self._find("answer-unreadable", f"submission {identity}", str(error))
