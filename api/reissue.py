"""Which awards of a stolen key have to be signed anew, and the signing of them, batch by batch.

The ledger knows what was signed when; which of it outside witnesses had seen before the theft stands in the log's
database. What they had seen is a beginning of the log, so one position parts what stands from what does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Final, Protocol
from uuid import UUID

import msgspec

from anchoring.storage import Placement, StoredAnchor
from api.published_log import anchored_size
from ledger.access import Actor
from ledger.application import Outcome, Request
from ledger.reissuance import MAX_REISSUED, Affected, Reissuance, Reissued

BATCH: Final = 500
"""Awards in one commit of the command: other writers wait a fraction of a second for it."""
Progress = Callable[[int], None]


class SeenLog(Protocol):
    """Where events stand in the log, and what outside witnesses saw of it; the sequencer's store is one."""

    def placements(self) -> Iterable[Placement]:
        """Every run of events in the log, by position."""

    def anchors(self) -> Iterable[StoredAnchor]:
        """Every kept time anchor."""


class KeyReissue(msgspec.Struct, frozen=True, kw_only=True):
    """What came of signing the awards of one stolen key anew.

    Attributes:
        institution: Slug.
        key: The stolen key.
        signed_with: The key in force; None when nothing was signed.
        credentials: Awards that were signed anew (or, on trial, would be): their holders need the new bundle.
        erased: Awards whose document was erased; they stay as they are.
        passed_over: Awards that somebody else signed anew, revoked or replaced meanwhile.
    """

    institution: str
    key: str
    signed_with: str | None
    credentials: list[str]
    erased: int
    passed_over: int


class Reissues:
    """Signs the awards of stolen keys anew.

    Args:
        reissuance: The ledger's command.
        log: What outside witnesses saw.
    """

    def __init__(self, reissuance: Reissuance, log: SeenLog) -> None:
        self._reissuance = reissuance
        self._log = log

    def affected(self, slug: str, key_id: str) -> Iterator[Affected]:
        """Awards that the key signed and no outside witness had seen when it was stolen, in the order of the log.

        Raises:
            NotFoundError: No such institution or key.
            RuleError: The key was never declared compromised.
        """
        _, _, compromised_at = self._reissuance.compromised_key(slug, key_id)
        after = last_position(self._log.placements(), anchored_size(self._log.anchors(), compromised_at))
        return self._reissuance.affected(slug, key_id, after=after)

    def list_affected(self, slug: str, key_id: str, progress: Progress) -> KeyReissue:
        """Say what :meth:`reissue_all` would do, and do nothing. Raises as :meth:`affected`."""
        ids: list[str | None] = []
        for one in self.affected(slug, key_id):
            ids.append(self._reissuance.public_id(one.award))
            progress(one.position)
        known = [public_id for public_id in ids if public_id is not None]
        erased = len(ids) - len(known)
        return KeyReissue(
            institution=slug, key=key_id, signed_with=None, credentials=known, erased=erased, passed_over=0
        )

    def reissue_all(self, slug: str, key_id: str, actor: Actor, progress: Progress) -> KeyReissue:
        """Sign every affected award anew, :data:`BATCH` in a commit. Interrupted, it goes on where it stopped.

        Raises:
            ForbiddenError: The actor acts for another institution.
            NotFoundError, RuleError: See :meth:`affected`; or the institution has no key in force.
        """
        done: list[Reissued] = []
        waiting = self.affected(slug, key_id)
        while batch := list(islice(waiting, BATCH)):
            outcome = self._reissuance.reissue(
                slug=slug, key_id=key_id, awards=[one.award for one in batch], actor=actor
            )
            done.append(msgspec.convert(outcome.answer, Reissued))
            progress(batch[-1].position)
        return KeyReissue(
            institution=slug,
            key=key_id,
            signed_with=done[-1].signed_with if done else None,
            credentials=[public_id for one in done for public_id in one.credentials],
            erased=sum(one.erased for one in done),
            passed_over=sum(one.passed_over for one in done),
        )

    def reissue_some(self, slug: str, key_id: str, actor: Actor, request: Request) -> Outcome:
        """Sign at most 1,000 affected awards anew, in one commit. The answer says whether there are more.

        Raises:
            As :meth:`reissue_all`.
        """
        awards: list[UUID] = []
        erased, more = 0, False
        for one in self.affected(slug, key_id):
            if self._reissuance.public_id(one.award) is None:
                erased += 1
            elif len(awards) == MAX_REISSUED:
                more = True
                break
            else:
                awards.append(one.award)
        return self._reissuance.reissue(
            slug=slug, key_id=key_id, awards=awards, actor=actor, erased=erased, more=more, request=request
        )


def last_position(placements: Iterable[Placement], size: int) -> int:
    """Position of the last event among the first *size* entries of the log; 0 when there is none."""
    last = 0
    for run in placements:
        if run.first_index >= size:
            break
        last = run.first_position + min(run.count, size - run.first_index) - 1
    return last
