"""Programmes: what is refused, what a revision records, and that a large one fits the log."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from ledger.error import EventTooLargeError, InvalidInputError, RuleError
from ledger.event import DomainEvent
from ledger.event_catalogue import make_mapper
from ledger.programme import MAX_MODULES, Change, Curriculum, Module, Programme, changes_between
from ledger.prospectus import ModuleDraft
from tests.ledger.diploma import CREDITS, PROGRAMME, draft, publish
from tests.ledger.scenario import Scenario
from tests.ledger.world import OPERATOR, SLUG, World, open_world, settle

AT = datetime(2026, 3, 1, 9, 0, 0, 250_000, tzinfo=UTC)
OWNER = UUID("5d0f7a7e-3f4b-5a39-9a52-5b6a2c3d4e5f")


def module(code: str = "M1", **changes: Any) -> Module:  # noqa: ANN401  members of a module
    members: dict[str, Any] = {
        "code": code,
        "achievement": f"A-{code}",
        "edition": 1,
        "credits_centi": 600,
        "semester": 1,
    }
    return Module(**({**members, "required": True} | changes))


def curriculum(**changes: Any) -> Curriculum:  # noqa: ANN401  members of a curriculum
    members = {
        "title": "Bachelor of Data Work",
        "language": "en",
        "achievement": "BSC",
        "partial": None,
        "credits_centi": 1200,
        "withdrawal": "suspend",
        "review_days": None,
        "modules": (module("M1"), module("M2")),
    }
    return Curriculum(**(members | changes))


PUBLISHED = Programme.Published(institution=OWNER, code="BSC-DATA", edition=1, curriculum=curriculum(), recorded_at=AT)


@pytest.mark.parametrize(
    "changes, pointer",
    [
        ({"title": " "}, "/title"),
        ({"title": "x" * 201}, "/title"),
        ({"language": "English"}, "/language"),
        ({"withdrawal": "review"}, "/review_days"),
        ({"review_days": 3}, "/review_days"),
        ({"withdrawal": "review", "review_days": 0}, "/review_days"),
        ({"modules": ()}, "/modules"),
        ({"modules": tuple(module(f"M{n}") for n in range(MAX_MODULES + 1))}, "/modules"),
        ({"modules": (module("M1"), module("M1", achievement="B"))}, "/modules/1/code"),
        ({"modules": (module("M1"), module("M2", achievement="A-M1"))}, "/modules/1/achievement"),
        ({"modules": (module("M1", achievement="BSC"), module("M2"))}, "/modules/0/achievement"),
        ({"modules": (module("M 1"), module("M2"))}, "/modules/0/code"),
        ({"modules": (module("M1", semester=0), module("M2"))}, "/modules/0/semester"),
        ({"modules": (module("M1", edition=0), module("M2"))}, "/modules/0/edition"),
        ({"credits_centi": 1199}, "/credits_centi"),
        ({"credits_centi": 1201}, "/credits_centi"),
    ],
)
def test_programme_is_refused_when_a_member_does_not_fit(changes: dict[str, Any], pointer: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        Programme.publish(id=OWNER, institution=OWNER, code="BSC-DATA", curriculum=curriculum(**changes), at=AT)
    assert refused.value.pointer == pointer


def test_programme_takes_credits_between_required_and_all_when_modules_are_elective() -> None:
    electives = (module("M1"), module("M2", required=False), module("M3", required=False))
    for credits_centi in (600, 1200, 1800):
        curriculum(modules=electives, credits_centi=credits_centi).check()
    for credits_centi in (599, 1801):
        with pytest.raises(InvalidInputError, match="lies between the two"):
            curriculum(modules=electives, credits_centi=credits_centi).check()


def test_programme_records_what_changed_when_it_is_revised() -> None:
    after = curriculum(title="BSc", modules=(module("M1", semester=2), module("M3")))
    changes = (
        Change(kind="changed", module=None, members=("title",)),
        Change(kind="changed", module="M1", members=("semester",)),
        Change(kind="removed", module="M2", members=()),
        Change(kind="added", module="M3", members=()),
    )
    revised = Programme.Revised(
        institution=OWNER, code="BSC-DATA", edition=2, curriculum=after, changes=changes, recorded_at=AT
    )
    state = Scenario(Programme, PUBLISHED).when(lambda known: known.revise(curriculum=after, at=AT)).then(revised)
    assert state.editions == (PUBLISHED.curriculum, after)


def test_programme_refuses_a_revision_when_nothing_differs() -> None:
    scenario = Scenario(Programme, PUBLISHED)
    scenario.when(lambda known: known.revise(curriculum=curriculum(), at=AT)).then_refused(RuleError, "nothing differs")


def test_changes_name_the_order_when_modules_only_moved() -> None:
    moved = curriculum(modules=(module("M2"), module("M1")))
    assert changes_between(curriculum(), moved) == (Change(kind="changed", module=None, members=("modules",)),)


def test_programme_of_the_most_modules_fits_an_entry_when_all_names_are_long() -> None:
    longest = tuple(module(f"{n:064}", achievement=f"{n:063}A", credits_centi=100_000) for n in range(MAX_MODULES))
    large = curriculum(title="x" * 200, modules=longest, credits_centi=MAX_MODULES * 100_000)
    event = Programme.publish(id=OWNER, institution=OWNER, code="B" * 64, curriculum=large, at=AT)
    assert len(make_mapper().to_stored_event(event).state) < 65_000


def test_revision_is_refused_before_it_commits_when_it_would_not_fit_an_entry() -> None:
    def of(edition: int, length: int) -> Curriculum:
        taught = (module(f"{n:0{length}}", achievement=f"{n:0{length - 1}}A", edition=edition) for n in range(256))
        return curriculum(modules=tuple(taught), credits_centi=MAX_MODULES * 600)

    def revise(length: int) -> int:
        first = Programme.publish(id=OWNER, institution=OWNER, code="B" * 64, curriculum=of(1, length), at=AT)
        [revised] = Programme.begin(OWNER, first.body).revise(curriculum=of(2, length), at=AT)
        return len(make_mapper().to_stored_event(DomainEvent(OWNER, 2, revised.body)).state)

    assert revise(16) < 65_000
    with pytest.raises(EventTooLargeError, match="shorten the texts"):
        revise(64)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    opened = settle(open_world(tmp_path))
    yield opened
    opened.close()


def test_programme_takes_credits_and_newest_editions_from_the_catalogue_when_published(world: World) -> None:
    publish(world)
    programme = world.ledger.programme(world.ledger.institution(SLUG).id, PROGRAMME)
    [edition] = programme.editions
    assert [(one.edition, one.credits_centi, one.required) for one in edition.modules] == [(1, CREDITS, True)] * 3
    again = draft(title="Bachelor of Data")
    answer = world.prospectus.publish(slug=SLUG, code=PROGRAMME, draft=again, actor=OPERATOR).answer
    assert answer == {"institution": SLUG, "code": PROGRAMME, "edition": 2}


@pytest.mark.parametrize(
    "changes, pointer",
    [
        ({"achievement": "NOTHING"}, "/achievement"),
        ({"partial": "NOTHING"}, "/partial"),
        ({"credits_centi": 1700}, "/credits_centi"),
        ({"modules": (ModuleDraft(code="M1", achievement="NOTHING", semester=1),)}, "/modules/0/achievement"),
        ({"modules": (ModuleDraft(code="M1", achievement="MOD-1", edition=2, semester=1),)}, "/modules/0/edition"),
    ],
)
def test_programme_is_refused_when_the_catalogue_says_otherwise(
    world: World, changes: dict[str, Any], pointer: str
) -> None:
    publish(world)
    with pytest.raises(InvalidInputError) as refused:
        world.prospectus.publish(slug=SLUG, code="OTHER", draft=draft(**changes), actor=OPERATOR)
    assert refused.value.pointer == pointer
