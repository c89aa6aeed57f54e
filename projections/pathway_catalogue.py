"""Projection ``pathway_catalogue``: every version of every pathway, by the pathway's id.

Keys, with ``u32`` for four big-endian bytes:

    p pathway (16)              -> Listing as JSON: whose it is, how many versions there are, whether it was retired
    v pathway (16) u32 version  -> Version as JSON
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar
from uuid import UUID

import msgspec

from ledger.event import Event, EventMapper, Instant
from ledger.pathway import EVENTS, Pathway
from projections.fold import read_bodies, refuse
from projections.source import Notification
from projections.table import Readable, Table

_U32 = struct.Struct(">I")


class PathwayListing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What there is of one pathway."""

    institution: UUID
    code: str
    versions: int
    retired_at: Instant | None


class StoredVersion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One version, as it was published and as it stays."""

    version: int
    achievement: str
    edition: int | None
    rules: dict[str, Any]
    changes: tuple[str, ...]
    recorded_at: Instant
    position: int


class PathwayCatalogue:
    """Folds the events of pathways into their versions.

    Args:
        mapper: Decodes event bodies.
    """

    NAME: ClassVar[str] = "pathway_catalogue"
    VERSION: ClassVar[int] = 1
    TOPICS: ClassVar[frozenset[str]] = frozenset(event.TOPIC for event in EVENTS)

    def __init__(self, mapper: EventMapper) -> None:
        self._mapper = mapper

    def apply(self, batch: Sequence[Notification], table: Table) -> None:
        """Apply events, oldest first.

        Raises:
            CorruptionError: A version is out of turn, or something follows the end.
        """
        for event, body in read_bodies(self._mapper, batch, self.TOPICS):
            _apply_one(event, body, table)


def _apply_one(event: Notification, body: Event, table: Table) -> None:
    key = b"p" + event.originator
    known = _listing(table.get(key))
    if (known is None) is not isinstance(body, Pathway.Published) or (known is not None and known.retired_at):
        raise refuse(event, "an event out of turn")
    if isinstance(body, Pathway.Retired):
        assert known is not None  # noqa: S101  refused above
        table.put(key, msgspec.json.encode(msgspec.structs.replace(known, retired_at=body.recorded_at)))
        return
    assert isinstance(body, Pathway.Published | Pathway.Revised)  # noqa: S101  TOPICS says so
    if body.number != (1 if known is None else known.versions + 1):
        raise refuse(event, "a version out of turn")
    if known is not None and (known.institution, known.code) != (body.institution, body.code):
        raise refuse(event, "a revision moves no pathway")
    listing = PathwayListing(body.institution, body.code, body.number, None)
    changes = body.changes if isinstance(body, Pathway.Revised) else ()
    version = StoredVersion(
        body.number, body.achievement, body.edition, body.rules, changes, body.recorded_at, event.position
    )
    table.put(key, msgspec.json.encode(listing))
    table.put(_version_key(event.originator_id, body.number), msgspec.json.encode(version))


class PathwayReader:
    """Looks up pathways.

    Args:
        rows: The rows of this projection.
    """

    def __init__(self, rows: Readable) -> None:
        self._rows = rows

    def listing(self, pathway: UUID) -> PathwayListing | None:
        """Return what there is of a pathway, or None."""
        return _listing(self._rows.get(b"p" + pathway.bytes))

    def version(self, pathway: UUID, version: int) -> StoredVersion | None:
        """Return one version, numbered from 1, or None."""
        if not 0 < version < 1 << 32:
            return None
        stored = self._rows.get(_version_key(pathway, version))
        return None if stored is None else msgspec.json.decode(stored, type=StoredVersion)

    def versions(self, pathway: UUID) -> list[StoredVersion]:
        """Return every version, oldest first; none for an unknown pathway."""
        listing = self.listing(pathway)
        numbers = range(1, 1 + (0 if listing is None else listing.versions))
        return [found for number in numbers if (found := self.version(pathway, number)) is not None]


def listings_of(rows: Iterable[tuple[bytes, bytes]], institution: UUID) -> Iterator[tuple[UUID, PathwayListing]]:
    """Read the pathways of an institution: id and listing of each.

    Args:
        rows: Every row whose key starts with ``p``, in order of key.
        institution: Whose they are.
    """
    for key, stored in rows:
        listing = msgspec.json.decode(stored, type=PathwayListing)
        if listing.institution == institution:
            yield UUID(bytes=key[1:]), listing


def _listing(stored: bytes | None) -> PathwayListing | None:
    return None if stored is None else msgspec.json.decode(stored, type=PathwayListing)


def _version_key(pathway: UUID, version: int) -> bytes:
    return b"v" + pathway.bytes + _U32.pack(version)
