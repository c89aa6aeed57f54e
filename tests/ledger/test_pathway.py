"""Rules of the aggregate Pathway, and the commands on it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from ledger.access import Actor
from ledger.error import ForbiddenError, InvalidInputError, NotFoundError, OutdatedError, RuleError
from ledger.pathway import MAX_CHANGES, Pathway, read_rules, rule_text
from tests.ledger.scenario import IDENTITY, Scenario
from tests.ledger.stack_world import CERTIFICATE, PATHWAY, publish, rules, settle_stacks
from tests.ledger.world import OPERATOR, SLUG, World

T0, T1 = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
RULES = rule_text(rules())
STRICTER = rule_text(rules(credits_centi=1_500))
CHANGES = ("Fifteen credits are asked for, not ten.",)
PUBLISHED = Pathway.Published(
    institution=UUID(int=1), code="P-1", number=1, achievement="CERT", edition=None, rules=RULES, recorded_at=T0
)
REVISED = Pathway.Revised(
    institution=UUID(int=1),
    code="P-1",
    number=2,
    achievement="CERT",
    edition=None,
    rules=STRICTER,
    changes=CHANGES,
    recorded_at=T1,
)
RETIRED = Pathway.Retired(recorded_at=T1)


def publishing(**changes: Any) -> Any:  # noqa: ANN401  members of an event
    members: dict[str, Any] = {
        "id": IDENTITY,
        "institution": UUID(int=1),
        "code": "P-1",
        "achievement": "CERT",
        "edition": None,
        "rules": RULES,
        "at": T0,
    }
    return Pathway.publish(**(members | changes))


def test_pathway_begins_with_its_first_version() -> None:
    assert publishing().body == PUBLISHED
    [version] = Scenario(Pathway, PUBLISHED).state.versions
    assert (version.rules, version.changes, version.recorded_at) == (RULES, (), T0)


def test_revision_leaves_the_version_before_as_it_was() -> None:
    def revise(pathway: Pathway) -> Any:  # noqa: ANN401  events of a pathway
        return pathway.revise(achievement="CERT", edition=None, rules=STRICTER, changes=CHANGES, at=T1)

    state = Scenario(Pathway, PUBLISHED).when(revise).then(REVISED)
    assert [version.rules for version in state.versions] == [RULES, STRICTER]
    assert state.versions[0] == Scenario(Pathway, PUBLISHED).state.versions[0]


@pytest.mark.parametrize(
    "changes, pointer",
    [
        ({"code": "no spaces"}, "/code"),
        ({"achievement": ""}, "/achievement"),
        ({"edition": 0}, "/edition"),
        ({"rules": {}}, "/rules"),
        ({"rules": RULES | {"more": 1}}, "/rules"),
        ({"rules": RULES | {"unit": {"kind": "hands"}}}, "/rules/unit/kind"),
        (
            {"rules": RULES | {"cascade": {"on_loss": "review", "deadline_days": -1, "appeal_days": 1}}},
            "/rules/cascade/deadline_days",
        ),
        ({"rules": RULES | {"unit": {"kind": "ects", "rounding": "down"}}}, "/rules"),
        ({"rules": RULES | {"rule": {"rule": "minimum", "id": "total", "credits": 1.5}}}, "/rules/rule/credits"),
    ],
)
def test_pathway_is_refused_when_it_is_not_well_formed(changes: dict[str, Any], pointer: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        publishing(**changes)
    assert caught.value.pointer == pointer


@pytest.mark.parametrize("changes", [(), ("",), ("x" * 501,), ("a\x00b",), ("x",) * (MAX_CHANGES + 1)])
def test_revision_is_refused_when_it_does_not_say_what_changes(changes: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInputError) as caught:
        Scenario(Pathway, PUBLISHED).state.revise(
            achievement="CERT", edition=None, rules=STRICTER, changes=changes, at=T1
        )
    assert caught.value.pointer.startswith("/changes")


def test_revision_is_refused_when_nothing_differs_or_the_pathway_was_retired() -> None:
    with pytest.raises(RuleError, match="nothing differs"):
        Scenario(Pathway, PUBLISHED).state.revise(achievement="CERT", edition=None, rules=RULES, changes=CHANGES, at=T1)
    retired = Scenario(Pathway, PUBLISHED).when(lambda pathway: pathway.retire(at=T1)).then(RETIRED)
    acts: tuple[Callable[[], object], ...] = (
        lambda: retired.retire(at=T1),
        lambda: retired.revise(achievement="CERT", edition=None, rules=STRICTER, changes=CHANGES, at=T1),
    )
    for act in acts:
        with pytest.raises(RuleError, match="was retired"):
            act()


def test_rules_have_one_text_and_the_digest_is_of_it() -> None:
    assert rule_text(read_rules(RULES)) == RULES
    assert read_rules(RULES).digest() == rules().digest()
    assert list(RULES) == sorted(RULES)


def test_pathway_is_published_revised_and_retired_by_its_institution_alone(world: World) -> None:
    settle_stacks(world)
    stranger = Actor(name="stranger", role="issuer", institution=UUID(int=9))
    with pytest.raises(ForbiddenError):
        world.pathways.retire(slug=SLUG, code=PATHWAY, actor=stranger)
    with pytest.raises(ForbiddenError):
        world.pathways.publish(slug=SLUG, code="X", achievement=CERTIFICATE, rules=rules(), actor=stranger)
    assert publish(world, rules(credits_centi=1_500), *CHANGES) == 2
    world.pathways.retire(slug=SLUG, code=PATHWAY, actor=OPERATOR)
    assert world.ledger.pathway(world.ledger.institution(SLUG).id, PATHWAY).retired_at is not None
    with pytest.raises(NotFoundError):
        world.pathways.retire(slug=SLUG, code="NO-SUCH", actor=OPERATOR)


def test_version_is_refused_when_it_was_not_made_from_the_newest(world: World) -> None:
    settle_stacks(world)
    new = partial(world.pathways.publish, slug=SLUG, achievement=CERTIFICATE, actor=OPERATOR)
    further = partial(new, code=PATHWAY, changes=CHANGES)
    assert further(rules=rules(credits_centi=1_500), after=1).answer["version"] == 2
    for after in (0, 1, 3):
        with pytest.raises(OutdatedError, match=f"made from version {after}, and the newest is 2"):
            further(rules=rules(credits_centi=1_600), after=after)
    assert further(rules=rules(credits_centi=1_600), after=2).answer["version"] == 3
    with pytest.raises(OutdatedError, match="the newest is 0"):
        new(code="X", rules=rules(), after=1)
    assert new(code="X", rules=rules(), after=0).answer["version"] == 1


def test_pathway_is_refused_when_it_leads_nowhere(world: World) -> None:
    settle_stacks(world)
    with pytest.raises(InvalidInputError, match="publish it first"):
        publish(world, rules(), code="X", to="NO-SUCH")
    with pytest.raises(InvalidInputError, match="editions 1 to 1"):
        world.pathways.publish(slug=SLUG, code="X", achievement=CERTIFICATE, edition=2, rules=rules(), actor=OPERATOR)
    with pytest.raises(InvalidInputError, match="nothing to differ from"):
        publish(world, rules(), *CHANGES, code="X")
