"""Finds awards by the learner whom an institution calls by a reference."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from uuid import UUID

import msgspec

from ledger.application import Ledger
from ledger.commitment import DOCUMENT_KIND
from ledger.credential import Credential
from ledger.credential_id import credential_aggregate_id
from ledger.error import InvalidInputError, LedgerError
from ledger.issuance import SealedDocument
from ledger.part_keeping import PartKeeping
from ledger.vault import Vault

MAX_LOOKED_AT = 20_000
"""Awards that one question looks at: twice the largest class."""


class AwardFinding:
    """Finds awards.

    Args:
        ledger: The event store.
        vault: Where it stands whose an award is.
    """

    def __init__(self, ledger: Ledger, vault: Vault) -> None:
        self._ledger = ledger
        self._vault = vault
        self.parts = PartKeeping(ledger, vault)

    def held(self, institution: UUID, references: Iterable[str]) -> dict[str, list[Credential]]:
        """The awards of learners, by what *institution* calls them; at most MAX_LOOKED_AT are looked at."""
        handles = self._vault.find_learners(institution, references)
        items = self._vault.items_of_many(handles.values(), DOCUMENT_KIND)
        pairs = ((reference, award) for reference, handle in handles.items() for award in items.get(handle, ()))
        found: dict[str, list[Credential]] = {}
        for reference, award in islice(pairs, MAX_LOOKED_AT):
            credential = self._ledger.load(Credential, award, "such credential")
            if credential.institution == institution:
                found.setdefault(reference, []).append(credential)
        return found

    def public_ids(self, institution: UUID, reference: str) -> list[str]:
        """Public ids of the awards of one learner, oldest first; none when nobody is called so."""
        handles = self._vault.find_learners(institution, [reference])
        awards = sorted(self._vault.items_of(handles[reference], DOCUMENT_KIND)) if handles else []
        return [public_id for award in awards if (public_id := self.public_id(award)) is not None]

    def sealed(self, award: UUID) -> SealedDocument | None:
        """What the vault keeps of an award; None when it keeps nothing, or nothing any more."""
        try:
            return msgspec.msgpack.decode(self._vault.open(award, DOCUMENT_KIND), type=SealedDocument)
        except LedgerError:
            return None

    def public_id(self, award: UUID) -> str | None:
        """The id that the document of an award or a part says, which is held against its own; None without one."""
        kept = self.sealed(award) or self.parts.open(award)
        if kept is None:
            return None
        public_id = str(msgspec.json.decode(kept.document).get("id", "")).rpartition("/")[2]
        try:
            return public_id if credential_aggregate_id(public_id) == award else None
        except InvalidInputError:
            return None
