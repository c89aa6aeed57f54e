"""What follows, in the same commit, when the status of something changes: for its parts, and for what was spent on it.

Whoever changes the status of an award, of a part or of all parts of a diploma asks here: commands, reviews and the
cascade alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from ledger.application import Ledger
from ledger.credential import Credential
from ledger.event import DomainEvent, Event
from ledger.part_keeping import PartKeeping
from ledger.part_withdrawal import follow
from ledger.programme import Programme
from ledger.spending import LEVELS, SpendingBook, free, release
from ledger.store import Write

CHANGES: Final = Credential.Suspended | Credential.Reinstated | Credential.Revoked | Credential.Replaced


class Consequences:
    """Decides what follows.

    Args:
        ledger: The event store.
        parts: Finds the parts of diplomas.
    """

    def __init__(self, ledger: Ledger, parts: PartKeeping) -> None:
        self._ledger = ledger
        self._parts = parts
        self._book = SpendingBook(ledger.store)

    def follow(
        self, changed: UUID, events: Sequence[DomainEvent], now: datetime
    ) -> tuple[list[DomainEvent], list[Write]]:
        """What follows from *events* of *changed*, at most one of which changes its status.

        Parts do as their programme's policy says. What was spent is free again when that on which it was spent is
        revoked; a diploma also is when it is replaced, for what takes its place may be unpacked. Credits of a part
        that was stacked count there all the same, and the diploma's stay spent for as long.
        """
        following: list[DomainEvent] = []
        writes: list[Write] = []
        for change in (event.body for event in events if isinstance(event.body, CHANGES)):
            for unpacking in sorted({row.stack for row in self._book.live(changed) if row.kind == "unpacking"}):
                then = self._parts_follow(unpacking, change, now)
                following += then
                if isinstance(change, Credential.Replaced) or _revoke(then):
                    writes += self._release(unpacking)
            if isinstance(change, Credential.Revoked):
                writes += self._release(changed)
        return following, writes

    def _parts_follow(self, unpacking: UUID, change: Event, now: datetime) -> list[DomainEvent]:
        made = self._parts.made(unpacking)
        programme = self._ledger.load(Programme, made.programme, "such programme")
        parts = self._ledger.load(Credential, unpacking, "such unpacking")
        return follow(parts, programme.editions[made.edition - 1], change, now)

    def _release(self, stack: UUID) -> list[Write]:
        """Free what was spent on *stack*, and diplomas whose parts were, if their own end came first."""
        writes = release(stack, self._parts.parts_of(stack))
        for unpacking in self._unpackings_below(stack):
            writes += free(unpacking, self._parts.parts_of(unpacking))
        return writes

    def _unpackings_below(self, stack: UUID) -> list[UUID]:
        """The unpackings of whose parts *stack* was made, by itself or by what it was made of; the lowest come last."""
        found: dict[UUID, None] = {}
        level = {stack}
        for _ in range(LEVELS):
            awards = {row.award for one in level for row in self._book.made(one)}
            kept = (self._parts.open(award) for award in awards)
            unpackings = {part.opening.unpacking for part in kept if part is not None}
            found |= dict.fromkeys(sorted(unpackings))
            level = awards | unpackings
        return list(found)


def _revoke(events: Iterable[DomainEvent]) -> bool:
    return any(isinstance(event.body, Credential.Revoked) for event in events)
