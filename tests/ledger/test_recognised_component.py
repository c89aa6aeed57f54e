"""Recognitions in stacks: they count as far as the decision goes, once, for their learner, until withdrawn."""

from __future__ import annotations

from uuid import UUID

import pytest

from ledger.credential_id import credential_aggregate_id
from ledger.decision import DecisionClaim, Towards
from ledger.error import InvalidInputError, NotStackedError
from ledger.reason import Reason
from ledger.stacking.derivation import parse_derivation
from tests.ledger.stack_world import CENTI, FOREIGN_MODULE, OTHER, award, settle_stacks, stack, try_out, with_bundle
from tests.ledger.test_recognising import PAPER, held
from tests.ledger.world import OPERATOR, SLUG, World

FULL = DecisionClaim(decision="full")


@pytest.fixture
def stacks(world: World) -> World:
    return settle_stacks(world)


def recognise(world: World, shown: object = PAPER, decision: DecisionClaim = FULL, learner: str = "S-1") -> str:
    answer = world.recognising.decide(
        slug=SLUG,
        learner=learner,
        actor=OPERATOR,
        shown=shown,  # type: ignore[arg-type]  # passed through as given
        decision=decision,
    ).answer
    return f"recognition:{answer['recognition'].replace('-', '')}"


def test_award_of_elsewhere_counts_by_its_recognition_and_once(stacks: World) -> None:
    recognition = recognise(stacks)
    made = stack(stacks, award(stacks, "MOD-1"), recognition)
    components = parse_derivation(stacks.stacking.derivation(made).derivation).components
    [component] = [one for one in components if one.award == recognition]
    assert (component.recognised_by, component.credits_centi) == (SLUG, CENTI)
    with pytest.raises(NotStackedError):
        stack(stacks, award(stacks, "MOD-2"), recognition)


def test_recognition_counts_no_further_than_the_decision_goes(stacks: World) -> None:
    towards_another = DecisionClaim(decision="full", towards=Towards(kind="pathway", code="ANOTHER"))
    with pytest.raises(InvalidInputError, match="nothing of this recognition counts"):
        stack(stacks, award(stacks, "MOD-1"), recognise(stacks, decision=towards_another))


def test_recognition_counts_for_its_learner_alone(stacks: World) -> None:
    with pytest.raises(InvalidInputError, match="for no other"):
        stack(stacks, award(stacks, "MOD-1"), recognise(stacks, learner="S-2"))


def test_award_of_this_ledger_is_spent_by_itself_and_by_its_recognition_alike(stacks: World) -> None:
    foreign = award(stacks, FOREIGN_MODULE, slug=OTHER)
    recognition = recognise(stacks, held(stacks, foreign))
    made = stack(stacks, award(stacks, "MOD-1"), recognition)
    assert credential_aggregate_id(foreign) in {row.award for row in stacks.book.made(credential_aggregate_id(made))}
    explained = try_out(stacks, award(stacks, "MOD-2"), with_bundle(stacks, foreign))
    assert explained["state"] == "unmet"


def test_stack_is_reviewed_when_a_recognition_that_it_rests_on_is_withdrawn(stacks: World) -> None:
    recognition = recognise(stacks)
    made = stack(stacks, award(stacks, "MOD-1"), recognition)
    stacks.clock.advance(days=1)
    identity = UUID(hex=recognition.removeprefix("recognition:"))
    stacks.recognising.withdraw(recognition=identity, reason=Reason.ISSUED_IN_ERROR, actor=OPERATOR)
    assert stacks.cascade.run().done == {"reviewopened": 1}
    assert stacks.ledger.credential(made).review is not None
