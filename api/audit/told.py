"""What the log tells of an award that was looked at by somebody at some point: its issuance, and what had become of it.

Of a part of an unpacked diploma, by what was disclosed of it: the log itself has nothing of its beginning.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from api.audit.history import AwardHistory
from api.audit.part_check import PartCheck
from api.audit.replay import Replay
from ledger.achievement import Achievement
from ledger.component_fact import Logged
from ledger.credential import Credential
from ledger.credential_id import credential_aggregate_id
from ledger.error import LedgerError
from ledger.event import Event
from ledger.institution import Institution


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """An award as it was known at an entry.

    Attributes:
        identity: Its aggregate id.
        awarder: Who awarded it, with the accreditations that were known.
        achievement: What it is an award of.
        logged: What the log says of it.
        origin: Of a part, the key of the unpacking.
        is_opened: Whether its document is disclosed: then it is known what that states.
    """

    identity: UUID
    awarder: Institution
    achievement: Achievement
    logged: Logged
    origin: str | None
    is_opened: bool


class Telling:
    """Looks awards up in a log that was replayed.

    Args:
        replay: The log, replayed to its end.
        history: Reads its entries.
        is_opened: Whether the award that was issued at a log index was disclosed.
        parts: The parts of unpacked diplomas that were disclosed.
    """

    def __init__(
        self, replay: Replay, history: AwardHistory, is_opened: Callable[[int], bool], parts: PartCheck
    ) -> None:
        self._replay = replay
        self._history = history
        self._is_opened = is_opened
        self._parts = parts

    def told(self, award: str, entry: int, known_at: datetime) -> Told | None:
        """What was known of an award before an entry; None: the log, and what was disclosed, have no such award.

        Args:
            award: Its public id.
            entry: Log index; only what stands before it was known.
            known_at: When that entry was recorded.
        """
        identity = identity_of(award)
        if identity is None:
            return None
        part, place = self._parts.opened.get(identity.bytes), self._replay.awards.find(identity.bytes)
        before = self._before(identity, entry)
        shared: Sequence[Event] = ()
        origin: str | None = None
        if part is not None:
            issued, changes = part.issued, before[1:]
            shared, origin = self._before(part.unpacking, entry)[1:], part.unpacking.hex
        elif place is None or not isinstance(before[0], Credential.Issued):
            return None
        else:
            issued, changes = before[0], before[1:]
        registry = self._replay.registry
        awarder = registry.institutions.get(issued.institution.bytes)
        achievement = registry.achievements.get(issued.achievement.bytes)
        if awarder is None or achievement is None:
            return None
        accreditations = tuple(registry.accredited(issued.institution.bytes, known_at))
        return Told(
            identity=identity,
            awarder=msgspec.structs.replace(awarder, accreditations=accreditations),
            achievement=achievement,
            logged=Logged(
                award=award,
                institution=awarder.slug,
                country=awarder.country,
                accreditations=accreditations,
                achievement=achievement,
                issued=issued,
                changes=changes,
                shared=shared,
            ),
            origin=origin,
            is_opened=part is not None or (place is not None and self._is_opened(place.entry)),
        )

    def _before(self, identity: UUID, entry: int) -> Sequence[Event]:
        """The events of something with a status that stand in the log before an entry; its first one always does."""
        place, changed = self._replay.awards.find(identity.bytes), self._replay.changed.get(identity.bytes)
        if place is None:
            return ()
        first, *changes = self._history.events(place, changed)
        indexes = () if changed is None else changed.entries
        return (first, *(change for index, change in zip(indexes, changes, strict=True) if index < entry))


def identity_of(award: str) -> UUID | None:
    """Aggregate id of the award with a public id; None when it is none."""
    try:
        return credential_aggregate_id(award)
    except LedgerError:
        return None
