"""The vault's part of ``fsck``: every sealed row opens, and every row is what the log committed to.

1. Documents open, in every form, and are what their awards' commitments commit to; so do the details of decisions on
   others' awards, and derivations, which are what stacked awards commit to. Parts of unpacked diplomas are under the
   roots of their unpackings, and the diplomas are those that these commit to.
2. Notes, files and the ids of successors open. Sealing binds a row to its award and kind, so none can have been
   exchanged.
3. Signing keys open, and are the private halves of the keys that the log names.
4. Kept answers to requests open.
5. What was spent was spent on something that the log knows, in amounts that can be.

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

from anchoring.error import ProofError
from anchoring.tree import verify_inclusion
from api.ledger_node import LedgerNode
from ledger.attesting import ATTESTED_KIND, AttestedDocument
from ledger.commitment import DERIVATION_KIND, DOCUMENT_KIND, RECOGNITION_KIND, commit
from ledger.credential import SIGNED_BIRTHS, Credential
from ledger.error import LedgerError, NotFoundError, UnreachableError
from ledger.institution import Institution, SigningKeyRecord
from ledger.issuance import SealedDocument
from ledger.part import PART_KIND, WHOLE_KIND, KeptPart, KeptWhole, read_leaf
from ledger.part_tree import hash_leaf
from ledger.recognition import Recognition
from ledger.recognition_book import KeptDetails, details_kind
from ledger.stacking_up import KeptDerivation
from verifier.error import VerifierError
from verifier.public_key import PublicKey

PROGRESS_EVERY: Final = 5_000
PROBE: Final = b"cairn/fsck: is this the private half?"
UNREADABLE: Final = (LedgerError, msgspec.MsgspecError, sqlite3.Error)

Find = Callable[[str, str, str], None]
_Found = tuple[str, str, str]
DOCUMENTS: Final = frozenset({DOCUMENT_KIND, ATTESTED_KIND})


class VaultCheck:
    """Checks the vault of a ledger, whether a server writes to it or not.

    Args:
        node: The ledger.
        commitments: The commitments to an award's document, by aggregate id, as far as they were folded; None when no
            award was known then.
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
        self._spending()
        return documents

    def _items(self) -> int:
        """Steps 1 and 2."""
        rows = self._node.ledger.store.query("SELECT aggregate_id, kind FROM vault_item", ())
        documents = 0
        for done, (raw, kind) in enumerate(rows, 1):
            identity = UUID(bytes=raw)
            documents += kind in DOCUMENTS or kind == PART_KIND
            self._item(identity, kind)
            if done % PROGRESS_EVERY == 0:
                self._progress("vault", done, len(rows))
        return documents

    def _item(self, identity: UUID, kind: str) -> None:
        """Judge a row, again for as long as it changes under our eyes."""
        judge = self._judge(kind)
        found = judge(identity, kind)
        while found is not None:
            before = self._row(identity, kind)
            if before is None:  # erased meanwhile
                return
            found = judge(identity, kind)
            if found is not None and self._row(identity, kind) == before:
                self._find(*found)
                return

    def _judge(self, kind: str) -> Callable[[UUID, str], _Found | None]:
        if kind in DOCUMENTS:
            return self._document
        judges = {DERIVATION_KIND: self._derivation, PART_KIND: self._part, WHOLE_KIND: self._whole}
        if kind in judges:
            return judges[kind]
        return self._details if kind.startswith(f"{RECOGNITION_KIND}-") else self._opened

    def _details(self, identity: UUID, kind: str) -> _Found | None:
        """Judge the details of a decision by the event that commits to them."""
        try:
            kept = msgspec.msgpack.decode(self._node.vault.open(identity, kind), type=KeptDetails)
            known = self._node.ledger.load(Recognition, identity, "such recognition")
        except UNREADABLE as error:
            return "sealed-unreadable", f"{kind} of recognition {identity}", str(error)
        made = commit(identity, RECOGNITION_KIND, kept.form, kept.salt)
        if any(details_kind(ruling.version) == kind and ruling.details == made for ruling in known.rulings):
            return None
        return "details-differ", f"{kind} of recognition {identity}", "they are not what their commitment commits to"

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
            forms, salt = self._forms(identity, kind)
        except UNREADABLE as error:
            return "document-unreadable", f"award {identity}", str(error)
        made = {name: commit(identity, name, form, salt) for name, form in forms.items()}
        if _agree(made, self._commitments(identity) or {}) or _agree(made, self._recorded(identity) or made):
            return None
        return "document-differs", f"award {identity}", "it is not what its commitment commits to"

    def _forms(self, identity: UUID, kind: str) -> tuple[dict[str, bytes], bytes]:
        """Every kept form of a document by its kind of commitment, and the salt."""
        opened = self._node.vault.open(identity, kind)
        if kind == ATTESTED_KIND:
            attested = msgspec.msgpack.decode(opened, type=AttestedDocument)
            return attested.forms, attested.salt
        kept = msgspec.msgpack.decode(opened, type=SealedDocument)
        return {DOCUMENT_KIND: kept.document}, kept.salt

    def _recorded(self, identity: UUID) -> dict[str, str] | None:
        """The newest commitments to a document by its events, which may be newer than what was folded."""
        newest = None
        for event in self._node.ledger.store.select_events(identity):
            with suppress(LedgerError):  # named by the check of the events
                body = self._node.ledger.event_mapper.to_domain_event(event).body
                if isinstance(body, (*SIGNED_BIRTHS, Credential.Reissued)):
                    newest = body.commitments
        return newest

    def _part(self, identity: UUID, kind: str) -> _Found | None:
        """Judge a part of an unpacked diploma: the document under its leaf, and the leaf under the unpacking's root."""
        where = f"part {identity}"
        try:
            kept = msgspec.msgpack.decode(self._node.vault.open(identity, kind), type=KeptPart)
            leaf, made = read_leaf(kept.opening.leaf), self._node.parts.made(kept.opening.unpacking)
        except UNREADABLE as error:
            return "document-unreadable", where, str(error)
        form = {DOCUMENT_KIND: commit(identity, DOCUMENT_KIND, kept.document, kept.salt)}
        if leaf.credential != identity or leaf.commitments != form:
            return "document-differs", where, "it is not what its leaf commits to"
        try:
            verify_inclusion(
                leaf=hash_leaf(kept.opening.leaf),
                index=kept.opening.index,
                size=made.leaves,
                proof=kept.opening.path,
                root=bytes.fromhex(made.root),
            )
        except (ProofError, ValueError) as error:
            return "document-differs", where, f"its leaf is not under the root of its unpacking: {error}"
        return None

    def _whole(self, identity: UUID, kind: str) -> _Found | None:
        """Judge what an unpacking is of."""
        where = f"unpacking {identity}"
        try:
            kept = msgspec.msgpack.decode(self._node.vault.open(identity, kind), type=KeptWhole)
            made = self._node.parts.made(identity)
        except UNREADABLE as error:
            return "sealed-unreadable", where, str(error)
        if commit(identity, WHOLE_KIND, kept.whole.bytes, kept.salt) != made.whole:
            return "document-differs", where, "the diploma is not the one that the log commits to"
        return None

    def _derivation(self, identity: UUID, kind: str) -> _Found | None:
        try:
            kept = msgspec.msgpack.decode(self._node.vault.open(identity, kind), type=KeptDerivation)
        except UNREADABLE as error:
            return "sealed-unreadable", f"{kind} of award {identity}", str(error)
        made = commit(identity, kind, kept.derivation, kept.salt)
        for event in self._node.ledger.store.select_events(identity, gt=1, limit=1):
            with suppress(LedgerError):  # named by the check of the events
                body = self._node.ledger.event_mapper.to_domain_event(event).body
                if isinstance(body, Credential.Stacked) and body.derivation == made:
                    return None
        return "derivation-differs", f"award {identity}", "it is not what the award's commitment commits to"

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
            is_good = PublicKey.from_multibase(key.multibase).verify(PROBE, private.sign(PROBE))
        except NotFoundError:  # destroyed when it was revoked, or kept elsewhere
            return
        except UnreachableError:  # no damage
            raise
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
            except UnreachableError:  # no damage
                raise
            except UNREADABLE as error:
                self._find("answer-unreadable", f"submission {identity}", str(error))

    def _spending(self) -> None:
        """Step 5. One statement, so that it sees one state; no row is without its event in any."""
        rows = self._node.ledger.store.query(
            "SELECT award, number, stack, amount, whole FROM vault_spending s WHERE NOT EXISTS "
            "(SELECT 1 FROM stored_events e WHERE e.originator_id=s.stack) OR amount < 0 OR amount > whole",
            (),
        )
        for award, number, stack, amount, whole in rows:
            what = f"{amount} of {whole} spent on {UUID(bytes=bytes(stack))}"
            self._find("spending-unfounded", f"spending {number} of {UUID(bytes=bytes(award))}", what)


def _agree(made: dict[str, str], logged: dict[str, str]) -> bool:
    """Whether every form that was opened is one that is committed to."""
    return all(logged.get(name) == commitment for name, commitment in made.items())
