"""Projection ``institution_directory``: the current record of every institution, by number, id, slug and DID.

Keys, with ``u32`` for four big-endian bytes:

    c                        -> u32, how many institutions there are
    n u32                    -> the record of that number (JCS bytes)
    i id (16 bytes)          -> u32, the number
    s SHA-256 of the slug    -> u32, the number
    d SHA-256 of the DID     -> u32, the number
    v u32                    -> u32, how many versions the record of that number has had
    h u32 u32                -> a version of it, from 0: u64 milliseconds since 1970 when it was recorded, JCS bytes

The versions bring back what the ledger knew of an institution at an earlier time.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import ClassVar
from uuid import UUID

from ledger.event import EventMapper
from ledger.institution import EVENTS, Institution
from projections.directory_record import (
    DirectoryRecord,
    encode_record,
    make_record,
    parse_record,
    recall_institution,
)
from projections.fold import read_bodies, refuse
from projections.source import Notification
from projections.table import Readable, Table

COUNT_KEY = b"c"
RECORD_PREFIX = b"n"
VERSIONS_PREFIX = b"v"
VERSION_PREFIX = b"h"
_U64 = struct.Struct(">Q")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_U32 = struct.Struct(">I")


class InstitutionDirectory:
    """Folds the events of institutions into their records.

    Args:
        mapper: Decodes event bodies.
    """

    NAME: ClassVar[str] = "institution_directory"
    VERSION: ClassVar[int] = 3
    TOPICS: ClassVar[frozenset[str]] = frozenset(event.TOPIC for event in EVENTS)

    def __init__(self, mapper: EventMapper) -> None:
        self._mapper = mapper

    def apply(self, batch: Sequence[Notification], table: Table) -> None:
        """Apply events, oldest first.

        Raises:
            CorruptionError: An institution, slug or DID is registered twice, or an unknown institution changes.
        """
        for event, body in read_bodies(self._mapper, batch, self.TOPICS):
            if isinstance(body, Institution.Registered):
                self._register(event, body, table)
                continue
            number = table.get(_id_key(event.originator_id))
            if number is None:
                raise refuse(event, "this institution was never registered")
            _keep(_recall(number, table).evolve(body), number, body.recorded_at, table)

    def _register(self, event: Notification, body: Institution.Registered, table: Table) -> None:
        number = table.get(COUNT_KEY) or _U32.pack(0)
        names = (_id_key(event.originator_id), _name_key(b"s", body.slug), _name_key(b"d", body.did))
        for name in names:
            if table.get(name) is not None:
                raise refuse(event, "this id, slug or DID is registered already")
            table.put(name, number)
        table.put(COUNT_KEY, _U32.pack(_U32.unpack(number)[0] + 1))
        _keep(Institution.begin(event.originator_id, body), number, body.recorded_at, table)


class DirectoryReader:
    """Looks up records; give it a snapshot where several look-ups have to agree.

    Args:
        rows: The rows of this projection.
    """

    def __init__(self, rows: Readable) -> None:
        self._rows = rows

    def __len__(self) -> int:
        """How many institutions there are."""
        count = self._rows.get(COUNT_KEY)
        return 0 if count is None else int(_U32.unpack(count)[0])

    def record(self, number: int) -> bytes | None:
        """Return the JCS bytes of the record of that number, or None."""
        return self._rows.get(record_key(number))

    def by_id(self, institution: UUID) -> DirectoryRecord | None:
        """Return the record of the institution with that aggregate id, or None."""
        return self._by(_id_key(institution))

    def known_at(self, institution: UUID, known_at: datetime) -> DirectoryRecord | None:
        """Return the record of an institution as the ledger knew it at an instant; None if it knew none then.

        Between versions that were recorded in one millisecond the later one counts.
        """
        number = self._rows.get(_id_key(institution))
        count = None if number is None else self._rows.get(VERSIONS_PREFIX + number)
        if number is None or count is None:
            return None
        for version in reversed(range(_U32.unpack(count)[0])):
            stored = self._rows.get(VERSION_PREFIX + number + _U32.pack(version))
            if stored is not None and _EPOCH + _U64.unpack_from(stored)[0] * _MILLISECOND <= known_at:
                return parse_record(stored[_U64.size :])
        return None

    def by_slug(self, slug: str) -> DirectoryRecord | None:
        """Return the record of the institution with that slug, or None."""
        return self._by(_name_key(b"s", slug))

    def by_did(self, did: str) -> DirectoryRecord | None:
        """Return the record of the institution with that DID, or None."""
        return self._by(_name_key(b"d", did))

    def page(self, after: int = -1, limit: int = 100) -> list[DirectoryRecord]:
        """Return at most *limit* records with a number above *after*, in order of registration."""
        numbers = range(after + 1, min(len(self), after + 1 + limit))
        return [parse_record(stored) for number in numbers if (stored := self.record(number)) is not None]

    def _by(self, key: bytes) -> DirectoryRecord | None:
        number = self._rows.get(key)
        if number is None:
            return None
        stored = self._rows.get(RECORD_PREFIX + number)
        return None if stored is None else parse_record(stored)


def record_key(number: int) -> bytes:
    """The key of the record of that number."""
    return RECORD_PREFIX + _U32.pack(number)


def _recall(number: bytes, table: Table) -> Institution:
    stored = table.get(RECORD_PREFIX + number)
    assert stored is not None  # noqa: S101  it is written in the same transaction as the number
    return recall_institution(parse_record(stored))


def _keep(institution: Institution, number: bytes, recorded_at: datetime, table: Table) -> None:
    record = encode_record(make_record(institution, _U32.unpack(number)[0]))
    table.put(RECORD_PREFIX + number, record)
    count = table.get(VERSIONS_PREFIX + number) or _U32.pack(0)
    table.put(VERSION_PREFIX + number + count, _U64.pack((recorded_at - _EPOCH) // _MILLISECOND) + record)
    table.put(VERSIONS_PREFIX + number, _U32.pack(_U32.unpack(count)[0] + 1))


def _id_key(institution: UUID) -> bytes:
    return b"i" + institution.bytes


def _name_key(prefix: bytes, name: str) -> bytes:
    return prefix + hashlib.sha256(name.encode()).digest()
