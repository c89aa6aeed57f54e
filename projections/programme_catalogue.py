"""Projection ``programme_catalogue``: every edition of every programme, by id and by the institution's code.

Keys, with ``u32`` for four big-endian bytes:

    p programme (16)                       -> u32, how many editions there are
    e programme (16) u32 edition           -> ProgrammeEdition as JSON
    l institution (16) u32 number          -> programme (16), numbered from 0 in order of publication
    n institution (16)                     -> u32, how many programmes the institution has
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import ClassVar
from uuid import UUID

import msgspec

from ledger.application import programme_id
from ledger.event import EventMapper, Instant
from ledger.programme import EVENTS, Change, Curriculum, Programme
from projections.fold import read_bodies, refuse
from projections.source import Notification
from projections.table import Readable, Table

_U32 = struct.Struct(">I")


class ProgrammeEdition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One edition, as it was published and as it stays; ``changes`` is empty of a first one."""

    programme: UUID
    institution: UUID
    code: str
    edition: int
    curriculum: Curriculum
    changes: tuple[Change, ...]
    recorded_at: Instant
    position: int


class ProgrammeCatalogue:
    """Folds the events of programmes into their editions.

    Args:
        mapper: Decodes event bodies.
    """

    NAME: ClassVar[str] = "programme_catalogue"
    VERSION: ClassVar[int] = 1
    TOPICS: ClassVar[frozenset[str]] = frozenset(event.TOPIC for event in EVENTS)

    def __init__(self, mapper: EventMapper) -> None:
        self._mapper = mapper

    def apply(self, batch: Sequence[Notification], table: Table) -> None:
        """Apply events, oldest first.

        Raises:
            CorruptionError: An edition is out of turn, or a revision moves the programme.
        """
        for event, body in read_bodies(self._mapper, batch, self.TOPICS):
            assert isinstance(body, Programme.Published | Programme.Revised)  # noqa: S101  TOPICS says so
            known = _number(table.get(b"p" + event.originator))
            if isinstance(body, Programme.Published) != (known == 0) or body.edition != known + 1:
                raise refuse(event, "an edition out of turn")
            if programme_id(body.institution, body.code) != event.originator_id:
                raise refuse(event, "a revision moves no programme")
            if known == 0:
                _enter(event, body.institution, table)
            _keep(event, body, table)


def _enter(event: Notification, institution: UUID, table: Table) -> None:
    """Put a new programme into the institution's list."""
    number = _number(table.get(b"n" + institution.bytes))
    table.put(b"l" + institution.bytes + _U32.pack(number), event.originator)
    table.put(b"n" + institution.bytes, _U32.pack(number + 1))


def _keep(event: Notification, body: Programme.Published | Programme.Revised, table: Table) -> None:
    edition = ProgrammeEdition(
        event.originator_id,
        body.institution,
        body.code,
        body.edition,
        body.curriculum,
        body.changes if isinstance(body, Programme.Revised) else (),
        body.recorded_at,
        event.position,
    )
    table.put(b"p" + event.originator, _U32.pack(body.edition))
    table.put(_edition_key(event.originator_id, body.edition), msgspec.json.encode(edition))


class ProgrammeReader:
    """Looks up programmes.

    Args:
        rows: The rows of this projection.
    """

    def __init__(self, rows: Readable) -> None:
        self._rows = rows

    def editions(self, programme: UUID) -> int:
        """Return how many editions a programme has; 0 of an unknown one."""
        return _number(self._rows.get(b"p" + programme.bytes))

    def edition(self, programme: UUID, edition: int) -> ProgrammeEdition | None:
        """Return one edition, numbered from 1, or None."""
        if not 0 < edition < 1 << 32:
            return None
        stored = self._rows.get(_edition_key(programme, edition))
        return None if stored is None else msgspec.json.decode(stored, type=ProgrammeEdition)

    def of(self, institution: UUID) -> list[ProgrammeEdition]:
        """Return the newest edition of every programme of an institution, in order of publication."""
        count = _number(self._rows.get(b"n" + institution.bytes))
        keys = (b"l" + institution.bytes + _U32.pack(number) for number in range(count))
        identities = [UUID(bytes=found) for key in keys if (found := self._rows.get(key)) is not None]
        newest = [self.edition(identity, self.editions(identity)) for identity in identities]
        return [edition for edition in newest if edition is not None]


def _number(stored: bytes | None) -> int:
    return 0 if stored is None else int(_U32.unpack(stored)[0])


def _edition_key(programme: UUID, edition: int) -> bytes:
    return b"e" + programme.bytes + _U32.pack(edition)
