"""The index of skills follows the editions, and forgets nothing that was ever certified."""

from __future__ import annotations

from uuid import UUID

import msgspec

from ledger.achievement import Achievement, Outcome, Template
from projections.skill_index import Certification, Skill, SkillIndex, SkillReader
from projections.table import MemoryTable
from tests.projections.history import DAY_ONE, MAPPER, History, template

NORTH, SOUTH, OWNER = UUID(int=1), UUID(int=2), UUID(int=9)
SOIL, MAPS = "https://skills.example/soil", "https://skills.example/maps"


def certifying(*uris: str) -> Template:
    outcomes = tuple(Outcome(text="does", skill_uri=uri, skill_name=uri.rpartition("/")[2]) for uri in uris)
    return msgspec.structs.replace(template(), outcomes=outcomes or (Outcome(text="does"),))


def edition(number: int, *uris: str, code: str = "X") -> Achievement.Published | Achievement.Revised:
    kind = Achievement.Published if number == 1 else Achievement.Revised
    return kind(institution=OWNER, code=code, edition=number, template=certifying(*uris), recorded_at=DAY_ONE)


def reader(*events: tuple[UUID, Achievement.Published | Achievement.Revised]) -> SkillReader:
    history, table = History(), MemoryTable()
    for identity, body in events:
        history.add(identity, body)
    SkillIndex(MAPPER).apply(history.events, table)
    return SkillReader(table)


def test_index_lists_every_achievement_that_certifies_a_skill() -> None:
    index = reader((NORTH, edition(1, SOIL, MAPS)), (SOUTH, edition(1, SOIL, code="Y")))
    assert index.skill(SOIL) == Skill(SOIL, "soil", 2)
    assert index.certifications(SOIL) == [Certification(NORTH, (1,), True), Certification(SOUTH, (1,), True)]
    assert index.certifications(SOIL, after=0) == [Certification(SOUTH, (1,), True)]
    assert index.certifications(SOIL, limit=1) == [Certification(NORTH, (1,), True)]
    assert [skill.uri for skill in index.page()] == [SOIL, MAPS]
    assert [skill.uri for skill in index.page(after=0)] == [MAPS]
    assert index.count() == 2


def test_index_keeps_former_editions_when_the_newest_no_longer_certifies() -> None:
    index = reader((NORTH, edition(1, SOIL)), (NORTH, edition(2, MAPS)), (NORTH, edition(3, MAPS, SOIL)))
    assert index.certifications(SOIL) == [Certification(NORTH, (1, 3), True)]
    assert index.certifications(MAPS) == [Certification(NORTH, (2, 3), True)]


def test_index_says_that_a_skill_is_not_current_when_the_newest_edition_dropped_it() -> None:
    index = reader((NORTH, edition(1, SOIL)), (NORTH, edition(2)))
    assert index.certifications(SOIL) == [Certification(NORTH, (1,), False)]


def test_index_knows_nothing_of_a_skill_that_nobody_certifies() -> None:
    index = reader((NORTH, edition(1)))
    assert (index.skill(SOIL), index.certifications(SOIL), index.page()) == (None, [], [])
