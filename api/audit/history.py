"""What the log says of one award, read from its own entries: nothing of it is kept in memory."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final
from uuid import UUID

from anchoring.entry import parse_entry
from anchoring.reader import LogReader
from anchoring.tile import TILE_WIDTH
from api.audit.facts import facts_of
from api.audit.late_award import Place
from api.audit.replay import ChangedAward
from ledger.event import Event, EventMapper
from projections.credential_status import CredentialFacts, CredentialStatus, parse_facts
from projections.source import Notification
from projections.table import MemoryTable

KEPT_BUNDLES: Final = 64
"""Bundles of 256 entries; awards are asked for nearly in the order in which they were made."""


class AwardHistory:
    """Reads awards' events, each byte checked against the signed root.

    Args:
        reader: The log.
        mapper: The ledger's strict mapper.
    """

    def __init__(self, reader: LogReader, mapper: EventMapper) -> None:
        self._reader = reader
        self._mapper = mapper
        self._fold = CredentialStatus(mapper)
        self._bundles: OrderedDict[int, list[bytes]] = OrderedDict()

    def entry(self, index: int) -> bytes:
        """Return an entry. Raises CorruptionError when it is not what the log committed to."""
        number = index // TILE_WIDTH
        bundle = self._bundles.get(number)
        if bundle is None:
            first = number * TILE_WIDTH
            end = min(first + TILE_WIDTH, self._reader.checkpoint.size)
            bundle = self._bundles[number] = list(self._reader.entries(first, end))
            if len(self._bundles) > KEPT_BUNDLES:
                self._bundles.popitem(last=False)
        else:
            self._bundles.move_to_end(number)
        return bundle[index - number * TILE_WIDTH]

    def events(self, place: Place, changed: ChangedAward | None) -> list[Event]:
        """Return the events of an award, in order. Raises CorruptionError as :meth:`entry` does."""
        entries = [parse_entry(self.entry(index)) for index in (place.entry, *(changed.entries if changed else ()))]
        return [self._mapper.decode(entry.topic, entry.body, "of an award") for entry in entries]

    def served_facts(self, identity: UUID, place: Place, changed: ChangedAward | None) -> dict[str, Any]:
        """Return the facts of an award as a server gives them to auditors."""
        return facts_of(self.facts(identity, place, changed))

    def facts(self, identity: UUID, place: Place, changed: ChangedAward | None) -> CredentialFacts:
        """Return everything that the log says of an award. Raises CorruptionError as :meth:`entry` does."""
        table = MemoryTable()
        events = []
        for index in (place.entry, *(changed.entries if changed is not None else ())):
            entry = parse_entry(self.entry(index))
            events.append(Notification(index + 1, entry.originator.bytes, entry.version, entry.topic, entry.body))
        self._fold.apply(events, table)
        return parse_facts(table.get(identity.bytes) or b"")
