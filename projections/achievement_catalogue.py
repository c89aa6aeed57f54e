"""Projection ``achievement_catalogue``: every edition of every achievement, by id and by the institution's code.

Keys, with ``u32`` for four big-endian bytes:

    a achievement (16)                       -> Listing as JSON: where it belongs and how many editions there are
    e achievement (16) u32 edition           -> Edition as JSON
    c SHA-256 of institution (16) and code   -> achievement (16)
    n institution (16)                       -> u32, how many achievements the institution has
    l institution (16) u32 number            -> achievement (16), numbered from 0 in order of publication
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from typing import ClassVar
from uuid import UUID

import msgspec

from ledger.achievement import EVENTS, FIRST, EditionEvent, Template, details_of
from ledger.detail import Details
from ledger.event import EventMapper, Instant
from projections.fold import read_bodies, refuse
from projections.source import Notification
from projections.table import Readable, Table

_U32 = struct.Struct(">I")


class Listing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a page of the catalogue shows of one achievement; title and language are the newest edition's."""

    achievement: UUID
    institution: UUID
    code: str
    editions: int
    title: str
    language: str


class Edition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One edition, as it was published and as it stays."""

    achievement: UUID
    institution: UUID
    code: str
    edition: int
    template: Template
    recorded_at: Instant
    position: int
    details: Details | None = None


class AchievementCatalogue:
    """Folds the events of achievements into their editions.

    Args:
        mapper: Decodes event bodies.
    """

    NAME: ClassVar[str] = "achievement_catalogue"
    VERSION: ClassVar[int] = 2
    TOPICS: ClassVar[frozenset[str]] = frozenset(event.TOPIC for event in EVENTS)

    def __init__(self, mapper: EventMapper) -> None:
        self._mapper = mapper

    def apply(self, batch: Sequence[Notification], table: Table) -> None:
        """Apply events, oldest first.

        Raises:
            CorruptionError: A code is taken twice, an edition is out of turn, or a revision moves the achievement.
        """
        for event, body in read_bodies(self._mapper, batch, self.TOPICS):
            assert isinstance(body, EditionEvent)  # noqa: S101  TOPICS says so
            known = _listing(table.get(b"a" + event.originator))
            if (isinstance(body, FIRST), body.edition) != (
                known is None,
                known.editions + 1 if known else 1,
            ):
                raise refuse(event, "an edition out of turn")
            if known is None:
                _enter(event, body.institution, body.code, table)
            elif (known.institution, known.code) != (body.institution, body.code):
                raise refuse(event, "a revision moves no achievement")
            _keep(event, body, table)


def _enter(event: Notification, institution: UUID, code: str, table: Table) -> None:
    """Make a new achievement findable by its code and in the institution's list."""
    key = _code_key(institution, code)
    if table.get(key) is not None:
        raise refuse(event, "the institution has this code already")
    table.put(key, event.originator)
    number = table.get(b"n" + institution.bytes) or _U32.pack(0)
    table.put(b"l" + institution.bytes + number, event.originator)
    table.put(b"n" + institution.bytes, _U32.pack(_U32.unpack(number)[0] + 1))


def _keep(event: Notification, body: EditionEvent, table: Table) -> None:
    identity, template = event.originator_id, body.template
    listing = Listing(identity, body.institution, body.code, body.edition, template.title, template.language)
    edition = Edition(
        identity,
        body.institution,
        body.code,
        body.edition,
        template,
        body.recorded_at,
        event.position,
        details_of(body),
    )
    table.put(b"a" + identity.bytes, msgspec.json.encode(listing))
    table.put(_edition_key(identity, body.edition), msgspec.json.encode(edition))


class CatalogueReader:
    """Looks up achievements; give it a snapshot where several look-ups have to agree.

    Args:
        rows: The rows of this projection.
    """

    def __init__(self, rows: Readable) -> None:
        self._rows = rows

    def listing(self, achievement: UUID) -> Listing | None:
        """Return what the catalogue says of an achievement, or None."""
        return _listing(self._rows.get(b"a" + achievement.bytes))

    def by_code(self, institution: UUID, code: str) -> Listing | None:
        """Return the achievement that *institution* calls *code*, or None."""
        identity = self._rows.get(_code_key(institution, code))
        return None if identity is None else self.listing(UUID(bytes=identity))

    def edition(self, achievement: UUID, edition: int) -> Edition | None:
        """Return one edition, numbered from 1, or None."""
        if not 0 < edition < 1 << 32:
            return None
        stored = self._rows.get(_edition_key(achievement, edition))
        return None if stored is None else msgspec.json.decode(stored, type=Edition)

    def editions(self, achievement: UUID) -> list[Edition]:
        """Return every edition, oldest first; none for an unknown achievement."""
        listing = self.listing(achievement)
        numbers = range(1, 1 + (0 if listing is None else listing.editions))
        return [found for number in numbers if (found := self.edition(achievement, number)) is not None]

    def count(self, institution: UUID) -> int:
        """Return how many achievements the institution has."""
        stored = self._rows.get(b"n" + institution.bytes)
        return 0 if stored is None else int(_U32.unpack(stored)[0])

    def page(self, institution: UUID, after: int = -1, limit: int = 100) -> list[Listing]:
        """Return at most *limit* achievements of an institution with a number above *after*.

        Numbers run from 0 in order of publication and never change, so a page stays the same page.
        """
        numbers = range(after + 1, min(self.count(institution), after + 1 + limit))
        keys = (b"l" + institution.bytes + _U32.pack(number) for number in numbers)
        found = (self.listing(UUID(bytes=identity)) for key in keys if (identity := self._rows.get(key)) is not None)
        return [listing for listing in found if listing is not None]


def _listing(stored: bytes | None) -> Listing | None:
    return None if stored is None else msgspec.json.decode(stored, type=Listing)


def _code_key(institution: UUID, code: str) -> bytes:
    return b"c" + hashlib.sha256(institution.bytes + code.encode()).digest()


def _edition_key(achievement: UUID, edition: int) -> bytes:
    return b"e" + achievement.bytes + _U32.pack(edition)
