"""Recognised credits in a stack: exactly as far as the decision goes, and never twice."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from ledger.access import Actor
from ledger.application import institution_id
from ledger.credential_id import credential_aggregate_id
from ledger.decision import DecisionClaim, StandsFor, SubstantialDifference, Towards
from ledger.error import InvalidInputError, NotStackedError, RuleError
from ledger.part_keeping import PartKeeping
from ledger.reason import Reason
from ledger.recognised_award import File, HeldAward, PaperAward
from ledger.spending import SpendingBook
from ledger.stacking.derivation import parse_derivation
from tests.ledger import diploma
from tests.ledger.stack_world import (
    CENTI,
    FOREIGN_MODULE,
    OTHER,
    PATHWAY,
    award,
    publish,
    rules,
    settle_stacks,
    stack,
    template,
    topics,
    with_bundle,
)
from tests.ledger.world import OPERATOR, SLUG, START, World, open_world, settle

FULL = DecisionClaim(decision="full")
REFUSED = DecisionClaim(decision="refused", reasons=(SubstantialDifference.QUALITY,))
PAPER = PaperAward(
    title="Kursus",
    awarded_by="Fjordby",
    awarded_on=date(2025, 6, 1),
    credits_centi=CENTI,
    eqf_level=6,
    files=(File(name="a.pdf", media_type="application/pdf", content=base64.b64encode(b"scan").decode()),),
)


def part(credits_centi: int, **members: Any) -> DecisionClaim:  # noqa: ANN401  any member
    return DecisionClaim(
        decision="partial", reasons=(SubstantialDifference.WORKLOAD,), credits_centi=credits_centi, **members
    )


@pytest.fixture
def stacks(tmp_path: Path) -> Iterator[World]:
    made = settle_stacks(settle(open_world(tmp_path)))
    yield made
    made.close()


def recognise(world: World, shown: HeldAward | PaperAward, decision: DecisionClaim, **members: Any) -> str:  # noqa: ANN401  passed through as given
    """Have the university recognise something of its learner S-1."""
    facts: dict[str, Any] = {"slug": SLUG, "learner": "S-1", "actor": OPERATOR} | members
    answer = world.recognising.decide(shown=shown, decision=decision, **facts).answer
    return f"recognition:{UUID(answer['recognition']).hex}"


def foreign(world: World) -> HeldAward:
    """An award of the college, as its holder shows it."""
    public_id = award(world, FOREIGN_MODULE, slug=OTHER, reference="C-1")
    kept = world.issuance.sealed_document(public_id)
    salt = base64.b64encode(kept.salt).decode()
    return HeldAward(credential=public_id, document=msgspec.json.decode(kept.document), salt=salt)


@pytest.mark.parametrize("credits_centi, is_enough", [(CENTI - 1, False), (CENTI, True)])
def test_recognised_credits_count_exactly_as_far_as_the_decision_goes(
    stacks: World,
    credits_centi: int,
    is_enough: bool,  # noqa: FBT001  a column of the table
) -> None:
    paper = msgspec.structs.replace(PAPER, credits_centi=CENTI + 1)
    recognised = recognise(stacks, paper, part(credits_centi))
    own = award(stacks, "MOD-1")
    if not is_enough:
        with pytest.raises(NotStackedError):
            stack(stacks, own, recognised)
        return
    made = stack(stacks, own, recognised)
    derivation = parse_derivation(stacks.stacking.derivation(made).derivation)
    [component] = [one for one in derivation.components if one.award == recognised]
    assert (component.credits_centi, component.recognised_by, component.standing) == (CENTI, SLUG, "valid")


def test_recognised_credits_of_an_outside_award_are_spent_once(stacks: World) -> None:
    recognised = recognise(stacks, PAPER, FULL)
    stack(stacks, award(stacks, "MOD-1"), recognised)
    with pytest.raises(NotStackedError):
        stack(stacks, award(stacks, "MOD-2"), recognised)


def test_award_of_this_ledger_is_spent_once_by_whichever_way_it_is_stacked(stacks: World) -> None:
    shown = foreign(stacks)
    recognised = [recognise(stacks, shown, FULL) for _ in range(2)]
    stack(stacks, award(stacks, "MOD-1"), recognised[0])
    rows = SpendingBook(stacks.ledger.store).live(credential_aggregate_id(shown.credential))
    assert [row.spent.amount for row in rows] == [CENTI]
    for again in (recognised[0], recognised[1], with_bundle(stacks, shown.credential)):
        with pytest.raises(NotStackedError):
            stack(stacks, award(stacks, "MOD-2"), again)


def test_award_of_minutes_is_spent_once_though_it_was_recognised_for_credits(stacks: World) -> None:
    """All that was recognised is used, so all of the award is spent, in whatever measure it is looked at."""
    hours = msgspec.structs.replace(template("Hours of the south"), credits_centi=None, workload_minutes=9_000)
    stacks.catalogue.publish(slug=OTHER, code="HOURS", template=hours, actor=OPERATOR)
    public_id = award(stacks, "HOURS", slug=OTHER, reference="C-1")
    kept = stacks.issuance.sealed_document(public_id)
    document, salt = msgspec.json.decode(kept.document), base64.b64encode(kept.salt).decode()
    shown = HeldAward(credential=public_id, document=document, salt=salt)
    recognised = recognise(stacks, shown, part(CENTI, outcomes=("cleans a table",)))
    made = stack(stacks, award(stacks, "MOD-1"), recognised)
    publish(stacks, rules(8_000, unit={"kind": "hours"}), code="HOURS-PATH")
    with pytest.raises(NotStackedError):
        stack(stacks, with_bundle(stacks, public_id), pathway="HOURS-PATH")
    stacks.lifecycle.revoke(public_id=made, reason=Reason.ISSUED_IN_ERROR, actor=OPERATOR)
    stack(stacks, with_bundle(stacks, public_id), pathway="HOURS-PATH")


@pytest.fixture
def whole(stacks: World) -> str:
    """A diploma of S-1."""
    diploma.publish(stacks)
    return diploma.award(stacks, reference="S-1")


@pytest.fixture
def parts(stacks: World, whole: str) -> list[str]:
    """Its three parts, each of 6 credits."""
    return diploma.unpack(stacks, whole, 1, 2, 3)


def test_part_of_an_unpacked_diploma_is_recognised_and_stacked_once_by_whichever_way(
    stacks: World, parts: list[str]
) -> None:
    recognised = recognise(stacks, HeldAward(credential=parts[0]), FULL)
    made = stack(stacks, award(stacks, "MOD-2"), recognised)
    derivation = parse_derivation(stacks.stacking.derivation(made).derivation)
    [component] = [one for one in derivation.components if one.award == recognised]
    kept = PartKeeping(stacks.ledger, stacks.vault).find(parts[0])
    assert kept is not None
    assert (component.credits_centi, component.source) == (diploma.CREDITS, parts[0])
    assert (component.origin, component.grade) == (kept.opening.unpacking.hex, "B")
    for again in (parts[0], recognised, recognise(stacks, HeldAward(credential=parts[0]), FULL)):
        with pytest.raises(NotStackedError):
            stack(stacks, award(stacks, "MOD-3"), again)


def test_part_is_shown_to_another_institution_with_its_document_and_salt(stacks: World, parts: list[str]) -> None:
    college = Actor(name="college", role="issuer", institution=institution_id(OTHER))
    kept = PartKeeping(stacks.ledger, stacks.vault).find(parts[0])
    assert kept is not None
    shown = HeldAward(
        credential=parts[0], document=msgspec.json.decode(kept.document), salt=base64.b64encode(kept.salt).decode()
    )
    recognised = recognise(stacks, shown, FULL, slug=OTHER, learner="C-1", actor=college)
    book = stacks.recognising.book
    component = book.component(UUID(recognised.removeprefix("recognition:")), stacks.clock.now.date())
    assert component is not None
    assert (component.institution, component.recognised_by, component.grade) == (SLUG, OTHER, "B")
    for wrong in (
        msgspec.structs.replace(shown, document=None, salt=None),
        msgspec.structs.replace(shown, salt=base64.b64encode(bytes(32)).decode()),
        msgspec.structs.replace(shown, credential=parts[1]),
    ):
        with pytest.raises(InvalidInputError) as caught:
            recognise(stacks, wrong, FULL, slug=OTHER, learner="C-1", actor=college)
        assert caught.value.pointer == "/award/document"


@pytest.mark.parametrize("what", ["the part", "the diploma"])
def test_part_that_was_revoked_is_recognised_no_more_and_what_rests_on_it_is_reviewed(
    stacks: World, whole: str, parts: list[str], what: str
) -> None:
    recognised = recognise(stacks, HeldAward(credential=parts[0]), FULL)
    made = stack(stacks, award(stacks, "MOD-2"), recognised)
    other = recognise(stacks, HeldAward(credential=parts[1]), FULL)
    stacks.clock.advance(days=1)
    lost = parts[0] if what == "the part" else whole
    stacks.lifecycle.revoke(public_id=lost, reason=Reason.ACADEMIC_MISCONDUCT, actor=OPERATOR)
    stacks.cascade.run()
    assert "review_opened" in topics(stacks, made)
    with pytest.raises(RuleError, match="only what holds"):
        recognise(stacks, HeldAward(credential=parts[0]), FULL)
    if what == "the diploma":
        with pytest.raises(InvalidInputError, match="can no longer count"):
            stack(stacks, award(stacks, "MOD-3"), other)


def test_award_and_its_recognition_do_not_count_beside_each_other(stacks: World) -> None:
    shown = foreign(stacks)
    with pytest.raises(NotStackedError):
        stack(stacks, with_bundle(stacks, shown.credential), recognise(stacks, shown, FULL))


@pytest.mark.parametrize(
    "decision, members",
    [
        (REFUSED, {}),
        (FULL, {"effective_at": START + timedelta(days=1)}),
        (msgspec.structs.replace(FULL, towards=Towards(kind="pathway", code="ANOTHER")), {}),
        (msgspec.structs.replace(FULL, towards=Towards(kind="programme", code=PATHWAY)), {}),
    ],
)
def test_recognition_that_grants_nothing_here_is_refused(
    stacks: World, decision: DecisionClaim, members: dict[str, Any]
) -> None:
    recognised = recognise(stacks, PAPER, decision, **members)
    with pytest.raises(InvalidInputError, match="counts nothing here") as caught:
        stack(stacks, award(stacks, "MOD-1"), recognised)
    assert caught.value.pointer == "/awards/1/award"


def test_recognition_for_this_pathway_counts_in_it(stacks: World) -> None:
    aim = msgspec.structs.replace(FULL, towards=Towards(kind="pathway", code=PATHWAY))
    stack(stacks, award(stacks, "MOD-1"), recognise(stacks, PAPER, aim))


def test_withdrawn_recognition_counts_no_more(stacks: World) -> None:
    recognised = recognise(stacks, PAPER, FULL)
    identity = UUID(recognised.removeprefix("recognition:"))
    stacks.recognising.withdraw(recognition=identity, reason=Reason.ISSUED_IN_ERROR, actor=OPERATOR)
    with pytest.raises(InvalidInputError, match="counts nothing here"):
        stack(stacks, award(stacks, "MOD-1"), recognised)


def test_recognition_of_an_award_that_was_revoked_counts_no_more(stacks: World) -> None:
    shown = foreign(stacks)
    recognised = recognise(stacks, shown, FULL)
    stacks.lifecycle.revoke(public_id=shown.credential, reason=Reason.OTHER, actor=OPERATOR)
    with pytest.raises(InvalidInputError, match="can no longer count"):
        stack(stacks, award(stacks, "MOD-1"), recognised)


def test_recognition_is_of_this_institution_and_this_learner(stacks: World) -> None:
    college = Actor(name="college", role="issuer", institution=institution_id(OTHER))
    others = recognise(stacks, PAPER, FULL, slug=OTHER, learner="C-1", actor=college)
    with pytest.raises(InvalidInputError, match="another institution decided"):
        stack(stacks, award(stacks, "MOD-1"), others)
    with pytest.raises(InvalidInputError, match="another learner's"):
        stack(stacks, award(stacks, "MOD-1"), recognise(stacks, PAPER, FULL, learner="S-2"))


def test_erased_recognition_counts_no_more(stacks: World) -> None:
    recognised = recognise(stacks, PAPER, FULL)
    stacks.erasing.erase_learner(slug=SLUG, reference="S-1", actor=OPERATOR)
    with pytest.raises(InvalidInputError, match="erased"):
        stack(stacks, award(stacks, "MOD-1"), recognised)


@pytest.mark.parametrize("nonsense", ["recognition:", "recognition:xyz", f"recognition:{'0' * 32}"])
def test_recognition_that_there_is_not_is_refused(stacks: World, nonsense: str) -> None:
    with pytest.raises(InvalidInputError, match="no such recognition"):
        stack(stacks, nonsense)


def test_recognition_is_named_in_one_spelling_alone(stacks: World) -> None:
    recognised = recognise(stacks, PAPER, FULL)
    dashed = f"recognition:{UUID(recognised.removeprefix('recognition:'))}"
    for other in (dashed, recognised.upper().replace("RECOGNITION", "recognition")):
        with pytest.raises(InvalidInputError, match="no such recognition"):
            stack(stacks, other)
    with pytest.raises(InvalidInputError, match="presented twice"):
        stack(stacks, recognised, recognised)


def test_exemption_meets_what_a_pathway_requires(stacks: World) -> None:
    required = rules(
        rule={
            "rule": "all_of",
            "id": "whole",
            "rules": [
                {"rule": "minimum", "id": "total", "credits": 2 * CENTI},
                {"rule": "required", "id": "first", "achievements": [{"institution": SLUG, "code": "MOD-1"}]},
            ],
        }
    )
    publish(stacks, required, "MOD-1 is required.")
    own = award(stacks, "MOD-2")
    with pytest.raises(NotStackedError):
        stack(stacks, own, recognise(stacks, PAPER, FULL))
    exempt = msgspec.structs.replace(FULL, stands_for=(StandsFor(institution=SLUG, code="MOD-1"),))
    stack(stacks, own, recognise(stacks, PAPER, exempt))


@pytest.mark.parametrize("origin", ["elsewhere", "this ledger"])
def test_stack_is_reviewed_when_the_recognition_it_rests_on_is_withdrawn(stacks: World, origin: str) -> None:
    recognised = recognise(stacks, PAPER if origin == "elsewhere" else foreign(stacks), FULL)
    made = stack(stacks, award(stacks, "MOD-1"), recognised)
    stacks.cascade.run()
    before = topics(stacks, made)
    assert "review_opened" not in before
    stacks.clock.advance(days=1)
    identity = UUID(recognised.removeprefix("recognition:"))
    stacks.recognising.withdraw(recognition=identity, reason=Reason.ISSUED_IN_ERROR, actor=OPERATOR)
    stacks.cascade.run()
    assert topics(stacks, made) == [*before, "review_opened"]
    stacks.cascade.run()
    assert topics(stacks, made) == [*before, "review_opened"]


def test_stack_is_reviewed_when_what_was_recognised_is_revoked_by_who_awarded_it(stacks: World) -> None:
    shown = foreign(stacks)
    made = stack(stacks, award(stacks, "MOD-1"), recognise(stacks, shown, FULL))
    stacks.clock.advance(days=1)
    stacks.lifecycle.revoke(public_id=shown.credential, reason=Reason.ACADEMIC_MISCONDUCT, actor=OPERATOR)
    stacks.cascade.run()
    assert topics(stacks, made)[-1] == "review_opened"


def test_stack_stands_when_an_appeal_about_what_it_rests_on_is_upheld(stacks: World) -> None:
    recognised = recognise(stacks, PAPER, part(CENTI - 1, outcomes=()))
    other = recognise(stacks, msgspec.structs.replace(PAPER, title="Another"), FULL)
    made = stack(stacks, award(stacks, "MOD-1"), recognised, other)
    identity = UUID(recognised.removeprefix("recognition:"))
    stacks.recognising.appeal(recognition=identity, actor=OPERATOR)
    stacks.recognising.decide_appeal(recognition=identity, result="upheld", actor=OPERATOR)
    before = topics(stacks, made)
    stacks.cascade.run()
    assert topics(stacks, made) == before
