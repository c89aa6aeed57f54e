"""Projection ``skill_index``: which micro-credentials certify a skill, in which of their editions.

Keys, with ``u32`` for four big-endian bytes and ``skill`` for SHA-256 of the URI:

    s skill (32)                        -> Skill as JSON: URI, label of its first mention, how many achievements
    n                                   -> u32, how many skills there are
    o u32 number                        -> skill (32), numbered from 0 in order of first mention
    l skill (32) u32 number             -> Certification as JSON, numbered from 0 in order of first mention
    m skill (32) achievement (16)       -> u32, its number
    a achievement (16)                  -> Certified as JSON: the skills of its newest edition
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from typing import ClassVar
from uuid import UUID

import msgspec

from ledger.achievement import EVENTS, EditionEvent, details_of
from ledger.event import EventMapper
from ledger.skill import skills_of
from projections.fold import read_bodies
from projections.source import Notification
from projections.table import Readable, Table

_U32 = struct.Struct(">I")


class Skill(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A skill that at least one edition certifies; ``achievements`` counts those that ever did."""

    uri: str
    label: str
    achievements: int


class Certification(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An achievement and those of its editions that certify a skill; ``current`` says whether the newest does."""

    achievement: UUID
    editions: tuple[int, ...]
    current: bool


class Certified(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the newest edition of an achievement certifies."""

    edition: int
    uris: tuple[str, ...]


class SkillIndex:
    """Folds the editions of achievements into an index by skill.

    Args:
        mapper: Decodes event bodies.
    """

    NAME: ClassVar[str] = "skill_index"
    VERSION: ClassVar[int] = 1
    TOPICS: ClassVar[frozenset[str]] = frozenset(event.TOPIC for event in EVENTS)

    def __init__(self, mapper: EventMapper) -> None:
        self._mapper = mapper

    def apply(self, batch: Sequence[Notification], table: Table) -> None:
        """Apply events, oldest first.

        Raises:
            CorruptionError: An event cannot be read.
        """
        for event, body in read_bodies(self._mapper, batch, self.TOPICS):
            assert isinstance(body, EditionEvent)  # noqa: S101  TOPICS says so
            _index(event.originator_id, body.edition, skills_of(body.template, details_of(body)), table)


def _index(achievement: UUID, edition: int, skills: dict[str, str], table: Table) -> None:
    stored = table.get(b"a" + achievement.bytes)
    before = () if stored is None else msgspec.json.decode(stored, type=Certified).uris
    for uri in before:
        if uri not in skills:
            _certify(table, uri, achievement, edition=None)
    for uri, label in skills.items():
        _mention(table, uri, label)
        _certify(table, uri, achievement, edition=edition)
    table.put(b"a" + achievement.bytes, msgspec.json.encode(Certified(edition, tuple(skills))))


def _mention(table: Table, uri: str, label: str) -> None:
    """Make a skill known when it is new."""
    key = b"s" + _digest(uri)
    if table.get(key) is None:
        number = table.get(b"n") or _U32.pack(0)
        table.put(b"o" + number, _digest(uri))
        table.put(b"n", _U32.pack(_U32.unpack(number)[0] + 1))
        table.put(key, msgspec.json.encode(Skill(uri, label, 0)))


def _certify(table: Table, uri: str, achievement: UUID, *, edition: int | None) -> None:
    """Note that an edition certifies a skill, or, without one, that the newest no longer does."""
    digest = _digest(uri)
    place = table.get(b"m" + digest + achievement.bytes)
    if place is None:
        known = table.get(b"s" + digest)
        assert known is not None  # noqa: S101  mentioned before
        skill = msgspec.json.decode(known, type=Skill)
        place = _U32.pack(skill.achievements)
        table.put(b"m" + digest + achievement.bytes, place)
        table.put(b"s" + digest, msgspec.json.encode(Skill(skill.uri, skill.label, skill.achievements + 1)))
    stored = table.get(b"l" + digest + place)
    editions = () if stored is None else msgspec.json.decode(stored, type=Certification).editions
    added = editions if edition is None else (*editions, edition)
    table.put(b"l" + digest + place, msgspec.json.encode(Certification(achievement, added, edition is not None)))


class SkillReader:
    """Looks up skills.

    Args:
        rows: The rows of this projection.
    """

    def __init__(self, rows: Readable) -> None:
        self._rows = rows

    def skill(self, uri: str) -> Skill | None:
        """Return what is known of a skill, or None."""
        stored = self._rows.get(b"s" + _digest(uri))
        return None if stored is None else msgspec.json.decode(stored, type=Skill)

    def certifications(self, uri: str, after: int = -1, limit: int = 100) -> list[Certification]:
        """Return at most *limit* achievements that certify a skill or did, with a number above *after*."""
        skill = self.skill(uri)
        numbers = range(after + 1, min(0 if skill is None else skill.achievements, after + 1 + limit))
        found = (self._rows.get(b"l" + _digest(uri) + _U32.pack(number)) for number in numbers)
        return [msgspec.json.decode(stored, type=Certification) for stored in found if stored is not None]

    def count(self) -> int:
        """Return how many skills there are."""
        stored = self._rows.get(b"n")
        return 0 if stored is None else int(_U32.unpack(stored)[0])

    def page(self, after: int = -1, limit: int = 100) -> list[Skill]:
        """Return at most *limit* skills with a number above *after*, in order of first mention."""
        numbers = range(after + 1, min(self.count(), after + 1 + limit))
        digests = (self._rows.get(b"o" + _U32.pack(number)) for number in numbers)
        found = (self._rows.get(b"s" + digest) for digest in digests if digest is not None)
        return [msgspec.json.decode(stored, type=Skill) for stored in found if stored is not None]


def _digest(uri: str) -> bytes:
    return hashlib.sha256(uri.encode()).digest()
