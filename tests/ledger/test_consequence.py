"""What follows when a diploma or a stack changes: for its parts, for credits that were spent, whoever changes it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from ledger.access import Actor
from ledger.cascade import Cascade
from ledger.credential_id import credential_aggregate_id
from ledger.error import LedgerError, NotStackedError, StorageError
from ledger.reason import Reason
from ledger.stacking.pathway_rules import PathwayRules
from tests.ledger import stack_world
from tests.ledger.diploma import CREDITS, DIPLOMA, award, publish, unpack
from tests.ledger.stack_world import CERTIFICATE, MODULES, rules, settle_stacks, stack, template
from tests.ledger.world import OPERATOR, SLUG, World, claim, open_world, settle

DIPLOMA_PATHWAY, NEEDED = "DIPLOMA-PATH", 2 * CREDITS


def lasting(on_loss: str) -> PathwayRules:
    """Rules that let the same module be used again, so that credits alone stand in the way."""
    codes = ["MOD-1", "MOD-2", DIPLOMA, CERTIFICATE]
    return rules(NEEDED, on_loss=on_loss, repeatable=[{"institution": SLUG, "code": code} for code in codes])


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Two modules make the diploma, as a whole or stacked; two of anything make a certificate that stands for good."""
    opened = settle(open_world(tmp_path))
    publish(opened, 2, withdrawal="revoke")
    opened.catalogue.publish(slug=SLUG, code=CERTIFICATE, template=template("A", NEEDED), actor=OPERATOR)
    stack_world.publish(opened, lasting("stand"))
    stack_world.publish(opened, lasting("revoke"), code=DIPLOMA_PATHWAY, to=DIPLOMA)
    yield opened
    opened.close()


def modules(world: World) -> list[str]:
    return [stack_world.award(world, code) for code in ("MOD-1", "MOD-2")]


def revoke(world: World, public_id: str) -> None:
    world.clock.advance(seconds=1)
    world.lifecycle.revoke(public_id=public_id, reason=Reason.OTHER, actor=OPERATOR)


def state(world: World, public_id: str) -> str:
    kept = world.parts.find(public_id)
    one, _ = world.parts.credential(public_id, world.ledger.now())
    shared = "active" if kept is None else world.parts.shared(kept).state
    return one.state if shared == "active" else shared


def live(world: World, public_id: str) -> list[str]:
    return [row.kind for row in world.book.live(credential_aggregate_id(public_id))]


def test_parts_follow_when_the_cascade_revokes_the_diploma_that_they_are_of(world: World) -> None:
    used = modules(world)
    diploma = stack(world, *used, pathway=DIPLOMA_PATHWAY)
    parts = unpack(world, diploma, 1, 2)
    revoke(world, used[0])
    world.cascade.run()
    assert [state(world, one) for one in (diploma, *parts)] == ["active"] * 3
    world.clock.advance(days=31)
    world.cascade.run()
    assert [state(world, one) for one in (diploma, *parts)] == ["revoked"] * 3


def test_parts_follow_when_a_review_revokes_the_diploma_that_they_are_of(world: World) -> None:
    used = modules(world)
    diploma = stack(world, *used, pathway=DIPLOMA_PATHWAY)
    parts = unpack(world, diploma, 1, 2)
    revoke(world, used[0])
    world.cascade.run()
    world.reviewing.close(public_id=diploma, outcome="revoked", actor=OPERATOR)
    assert [state(world, one) for one in (diploma, *parts)] == ["revoked"] * 3


def test_components_are_free_again_when_the_diploma_and_with_it_all_parts_are_revoked(world: World) -> None:
    used = modules(world)
    diploma = stack(world, *used, pathway=DIPLOMA_PATHWAY)
    unpack(world, diploma, 1, 2)
    with pytest.raises(NotStackedError):
        stack(world, *used)
    revoke(world, diploma)
    assert [live(world, one) for one in used] == [[], []]
    assert state(world, stack(world, *used)) == "active"


@pytest.mark.parametrize("chain", [1, 2])
def test_corrected_diploma_is_spent_for_as_long_as_a_part_of_the_old_one_counts(world: World, chain: int) -> None:
    diploma = award(world, reference="S-1")
    parts = unpack(world, diploma, 1, 2)
    made = [stack(world, *parts)]
    if chain > 1:
        world.clock.advance(seconds=1)
        made.append(stack(world, made[0], pathway=DIPLOMA_PATHWAY))
    world.clock.advance(seconds=1)
    [corrected] = world.issuance.replace(
        public_id=diploma,
        claim=claim(achievement=DIPLOMA, reference="S-1"),
        reason=Reason.INCORRECT_DATA,
        actor=OPERATOR,
    ).answer
    assert [state(world, one) for one in parts] == ["revoked"] * 2
    for gone in made:
        assert live(world, corrected) == ["unpacking"]
        with pytest.raises(LedgerError, match="unpacked"):
            unpack(world, corrected, 1, 2)
        with pytest.raises(LedgerError, match="unpacked"):
            stack(world, corrected)
        revoke(world, gone)
    assert live(world, corrected) == []
    again = unpack(world, corrected, 1, 2)
    assert state(world, stack(world, *again)) == "active"


def test_corrected_diploma_is_unpacked_when_no_part_of_the_old_one_counts(world: World) -> None:
    diploma = award(world, reference="S-1")
    unpack(world, diploma, 1, 2)
    [corrected] = world.issuance.replace(
        public_id=diploma,
        claim=claim(achievement=DIPLOMA, reference="S-1"),
        reason=Reason.INCORRECT_DATA,
        actor=OPERATOR,
    ).answer
    assert len(unpack(world, corrected, 1, 2)) == 2


def test_cascade_begins_again_where_a_run_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = settle_stacks(settle(open_world(tmp_path)), rules(on_loss="review"))
    stacks, used = [], []
    for number in range(3):
        learner = stack_world.LEARNER.__class__(name="Ada Example", reference=f"S-{number}")
        used.append([stack_world.award(world, code, reference=f"S-{number}") for code in MODULES[:2]])
        stacks.append(stack(world, *used[-1], learner=learner))
    for first, _ in used:
        revoke(world, first)
    settle_one, calls = Cascade._settle, 0

    def failing(self: Cascade, one: UUID, actor: Actor) -> Counter[str]:
        nonlocal calls
        calls += 1
        if calls == 2:
            message = "disk full"
            raise StorageError(message)
        return settle_one(self, one, actor)

    monkeypatch.setattr(Cascade, "_settle", failing)
    with pytest.raises(StorageError):
        world.cascade.run()
    opened = [stack_world.topics(world, one).count("review_opened") for one in stacks]
    assert sorted(opened) == [0, 0, 1]
    world.cascade.run()
    assert [stack_world.topics(world, one).count("review_opened") for one in stacks] == [1, 1, 1]
    world.close()
