"""Finds awards: by the learner whom an institution calls by a reference, by name, by micro-credential and day.

Names are sealed one by one, so they are found by opening what is sealed; a bounded number of times, the newest first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from itertools import islice
from uuid import UUID

import msgspec

from ledger.application import Ledger
from ledger.claim import AwardClaim
from ledger.commitment import DOCUMENT_KIND
from ledger.credential import Credential
from ledger.credential_id import credential_aggregate_id
from ledger.error import InvalidInputError, LedgerError
from ledger.issuance import SealedDocument
from ledger.part_keeping import PartKeeping
from ledger.vault import Vault

MAX_LOOKED_AT = 20_000
"""Awards that one question looks at: twice the largest class."""


class NewestFound(msgspec.Struct, frozen=True):
    """Awards that were found: by what was asked for their public ids, newest first; and whether all were looked at."""

    ids: Mapping[str, Sequence[str]]
    is_whole: bool


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

    def newest(
        self,
        institution: UUID,
        *,
        names: Sequence[str] = (),
        achievement: UUID | None = None,
        day: date | None = None,
    ) -> NewestFound:
        """Awards of an institution among the MAX_LOOKED_AT newest of the ledger.

        Args:
            institution: Whose.
            names: Awards to learners in whose name every word of one of these stands; none: to anybody.
            achievement: Only of that micro-credential.
            day: Only those that hold from that day on (UTC).
        """
        items = self._vault.items_of_many(self._vault.learners(), DOCUMENT_KIND)
        awards = sorted((award for held in items.values() for award in held), reverse=True)
        wanted = [(name, name.casefold().split()) for name in names]
        found: dict[str, list[str]] = {name: [] for name in names} or {"": []}
        for award in awards[:MAX_LOOKED_AT]:
            credential = self._ledger.load(Credential, award, "such credential")
            if credential.institution != institution or credential.achievement is None:
                continue
            if achievement not in {None, credential.achievement} or day not in {None, credential.valid_from.date()}:
                continue
            public_id = self.public_id(award)
            matching = [name for name, words in wanted if self._is_named(award, words)] if wanted else [""]
            for name in matching if public_id is not None else ():
                found[name].append(str(public_id))
        return NewestFound(found, is_whole=len(awards) <= MAX_LOOKED_AT)

    def _is_named(self, award: UUID, words: Sequence[str]) -> bool:
        kept = self.sealed(award)
        if kept is None or not kept.claim or not words:
            return False
        name = msgspec.msgpack.decode(kept.claim, type=AwardClaim).learner.name.casefold()
        return all(word in name for word in words)

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
