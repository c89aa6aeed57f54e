"""How a learner is found when a corrected award calls them otherwise.

A learner is looked up by the reference that the institution has for them, and by their e-mail when it has none. A
corrected award is the same learner's, so by what stands in it they are found from that commit on: by links, erasures
and further awards. By what they were called before they are found as well, for as long as an award of theirs that was
not replaced says it. A name that was corrected in the last of them is free: it may be somebody else's.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

import msgspec

from ledger.application import Ledger
from ledger.claim import AwardClaim, LearnerClaim
from ledger.commitment import DOCUMENT_KIND
from ledger.credential import Credential
from ledger.error import RuleError
from ledger.part import PART_KIND
from ledger.store import Write
from ledger.vault import Learner, Vault

ANOTHERS: Final = (
    "another learner of the institution goes by this reference or e-mail; if the award is theirs, revoke it and issue "
    "it to them, else name what its own learner goes by"
)
"""What is said when a correction would give a learner the name of another."""


class _Kept(msgspec.Struct, frozen=True):
    """Of what the vault keeps of an award or a part, what was claimed; empty where that was not kept yet."""

    claim: bytes = b""


class Renaming:
    """Has learners found by what corrected awards call them.

    Args:
        ledger: The event store.
        vault: Where learners are.
    """

    def __init__(self, ledger: Ledger, vault: Vault) -> None:
        self._ledger = ledger
        self._vault = vault

    def follow(self, old: Credential, learner: Learner, claim: AwardClaim) -> tuple[Learner, list[Write]]:
        """Whose the award with *claim* is that replaces *old* of *learner*, and what is to be committed with it.

        It is the same learner's; but when the institution had called them nothing, and calls them now what a learner
        goes by, it has said who they are, and the award is that one's.

        Raises:
            RuleError: The institution calls another learner so.
        """
        name = called(claim.learner)
        if name is None:
            return learner, []
        before = self._claimed(old.id, DOCUMENT_KIND)
        found = self._vault.find_learners(old.institution, [name]).get(name)
        if found is not None and found != learner.handle:
            if before is None or called(before) not in {name, None}:
                raise RuleError(ANOTHERS)
            return (learner if called(before) == name else self._vault.learner_with(found)), []
        freed = self._unsaid(set() if before is None else corrected(before, claim.learner), old, learner)
        if found is not None and not freed:
            return learner, []
        return learner, self._vault.rename(learner, old.institution, name, freed)

    def _unsaid(self, names: set[str], old: Credential, learner: Learner) -> set[str]:
        """Those of *names* that no award of *learner* but *old* says; none of them when one is silent on it."""
        for kind in (DOCUMENT_KIND, PART_KIND):
            for award in self._vault.items_of(learner.handle, kind) if names else ():
                if award == old.id or (kind == DOCUMENT_KIND and self._was_replaced(award)):
                    continue
                claimed = self._claimed(award, kind)
                names = set() if claimed is None else names - {claimed.reference, claimed.email}
        return names

    def _was_replaced(self, award: UUID) -> bool:
        return self._ledger.load(Credential, award, "such credential").state == "replaced"

    def _claimed(self, award: UUID, kind: str) -> LearnerClaim | None:
        """Who was claimed to have earned an award; None for one from before claims were kept."""
        kept = msgspec.msgpack.decode(self._vault.open(award, kind), type=_Kept)
        return msgspec.msgpack.decode(kept.claim, type=AwardClaim).learner if kept.claim else None


def called(learner: LearnerClaim) -> str | None:
    """By what the institution knows the learner: awards with the same are one person's."""
    return learner.reference or learner.email


def corrected(before: LearnerClaim, after: LearnerClaim) -> set[str]:
    """Reference and e-mail of *before* in whose place *after* has another."""
    pairs = ((before.reference, after.reference), (before.email, after.email))
    return {old for old, new in pairs if old and new and old != new} - {after.reference, after.email}
