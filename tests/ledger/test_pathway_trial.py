"""A pathway is tried on the awards that there are: it comes to what stacking would come to, and does nothing."""

from __future__ import annotations

import msgspec
import pytest

from ledger.access import Actor
from ledger.claim import LearnerClaim
from ledger.decision import DecisionClaim
from ledger.error import ForbiddenError, NotFoundError
from ledger.pathway_trial import TrialResult
from ledger.reason import Reason
from ledger.stacking.component import AchievementRef
from ledger.stacking.pathway_rules import PathwayRules
from tests.ledger.diploma import award as award_diploma
from tests.ledger.diploma import publish as publish_programme
from tests.ledger.diploma import unpack
from tests.ledger.stack_world import CERTIFICATE, MODULES, OTHER, PATHWAY, award, rules, settle_stacks, stack, try_out
from tests.ledger.test_recognised_component import foreign, recognise
from tests.ledger.test_trial import rows
from tests.ledger.world import OPERATOR, SLUG, World

NEW = "NEW-PATH"
BOTH = {
    "rule": "all_of",
    "id": "all",
    "rules": [
        {
            "rule": "required",
            "id": "core",
            "achievements": [{"institution": SLUG, "code": "MOD-1"}, {"institution": SLUG, "code": "MOD-2"}],
        },
        {"rule": "minimum", "id": "total", "credits": 1_000},
    ],
}
CORE = rules(rule=BOTH, scales={"points": {"lowest": "0", "highest": "100", "better": "higher"}})
FLOOR = {"rule": "grade_floor", "id": "passed", "floors": [{"scale": "points", "grade": "60"}], "ungraded": "accept"}


@pytest.fixture
def stacks(world: World) -> World:
    return settle_stacks(world)


def run(world: World, tried: PathwayRules = CORE, **named: object) -> TrialResult:
    asked = {"slug": SLUG, "code": NEW, "achievement": CERTIFICATE, "rules": tried, "actor": OPERATOR, **named}
    return world.trial.run(**asked)  # type: ignore[arg-type]  # as given


def test_trial_counts_learners_by_what_they_hold_and_changes_nothing(stacks: World) -> None:
    for learner in ("A", "B", "C"):
        award(stacks, "MOD-1", reference=learner)
    award(stacks, "MOD-2", reference="A")
    award(stacks, "MOD-3", reference="B")
    before = rows(stacks)
    told: list[tuple[int, int]] = []
    found = run(stacks, told=lambda done, total: told.append((done, total)))
    assert rows(stacks) == before
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert (found.learners, found.holders, found.begun, found.met, found.not_met, found.undecided) == (3, 0, 3, 1, 2, 0)
    assert found.unmet == (("core", 2), ("total", 1))
    assert found.missing == ((AchievementRef(institution=SLUG, code="MOD-2"), 2),)
    assert found.is_whole


def test_trial_says_what_stacking_says_of_every_learner(stacks: World) -> None:
    held = {
        learner: [award(stacks, code, reference=learner, grade=grade or None) for code, grade in awards]
        for learner, awards in {
            "A": (("MOD-1", "75"), ("MOD-2", "60")),
            "B": (("MOD-1", "59"), ("MOD-2", "100")),
            "C": (("MOD-3", ""),),
            "D": (("MOD-1", ""), ("MOD-2", ""), ("MOD-3", "1")),
        }.items()
    }
    tried = rules(rule=BOTH, scales=msgspec.to_builtins(CORE.scales), counting=[FLOOR])
    found = run(stacks, tried)
    stacks.pathways.publish(slug=SLUG, code=NEW, achievement=CERTIFICATE, rules=tried, actor=OPERATOR)
    said = {
        one: try_out(stacks, *awards, pathway=NEW, learner=LearnerClaim(name="Ada Example", reference=one))
        for one, awards in held.items()
    }
    assert [answer["state"] for answer in said.values()] == ["met", "unmet", "unmet", "met"]
    assert (found.met, found.not_met) == (2, 2)
    unmet = [one["rule"] for answer in said.values() for one in answer["outcomes"] if one["state"] == "unmet"]
    assert dict(found.unmet) == {rule: unmet.count(rule) for rule in unmet if rule != "all"}
    assert "passed" in dict(found.unmet)


def test_who_holds_what_the_pathway_leads_to_is_not_tried_again(stacks: World) -> None:
    stack(stacks, *[award(stacks, code) for code in MODULES[:2]])
    found = run(stacks, code=PATHWAY)
    assert (found.learners, found.holders, found.begun) == (1, 1, 0)


def test_what_was_revoked_counts_for_nobody(stacks: World) -> None:
    awards = [award(stacks, code) for code in MODULES[:2]]
    assert run(stacks).met == 1
    stacks.lifecycle.suspend(public_id=awards[0], reason=Reason.UNDER_REVIEW, note=None, actor=OPERATOR)
    assert run(stacks).met == 0
    for one in awards:
        stacks.lifecycle.revoke(public_id=one, reason=Reason.OTHER, note=None, actor=OPERATOR)
    assert run(stacks).learners == 0


def test_recognitions_and_parts_of_diplomas_are_tried_too(stacks: World) -> None:
    recognise(stacks, foreign(stacks), DecisionClaim(decision="full"))
    assert run(stacks, rules(500)).met == 1
    publish_programme(stacks, modules=2)
    diploma = award_diploma(stacks, reference="S-9")
    assert run(stacks, rules(1_200)).met == 1
    unpack(stacks, diploma, 1, 2)
    found = run(stacks, rules(1_200))
    assert (found.learners, found.met) == (2, 1)  # the parts, no longer the whole


def test_learner_with_nothing_that_counts_has_not_begun(stacks: World) -> None:
    award(stacks, "MOD-1", reference="A")
    award(stacks, "MOD-3", reference="B")
    scope = {"rule": "scope", "id": "scope", "of": {"achievements": [{"institution": SLUG, "code": "MOD-1"}]}}
    found = run(stacks, rules(counting=[scope]))
    assert (found.learners, found.begun) == (2, 1)


def test_undecided_is_counted_by_itself(stacks: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for code in MODULES[:2]:
        award(stacks, code, reference="A")
    monkeypatch.setattr("ledger.stacking.finding.MAX_WAYS", 0)
    found = run(stacks)
    assert (found.begun, found.met, found.undecided, found.not_met, found.unmet) == (1, 0, 1, 0, ())


def test_trial_is_of_ones_own_institution(stacks: World) -> None:
    award(stacks, "MOD-9", slug=OTHER, reference="A")
    assert run(stacks).learners == 0
    stranger = Actor(name="stranger", role="issuer", institution=stacks.ledger.institution(OTHER).id)
    with pytest.raises(ForbiddenError):
        run(stacks, actor=stranger)
    with pytest.raises(NotFoundError):
        run(stacks, achievement="NO-SUCH")


def test_trial_looks_at_a_bounded_number_and_says_so(stacks: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for learner in ("A", "B", "C"):
        award(stacks, "MOD-1", reference=learner)
    monkeypatch.setattr("ledger.pathway_trial.MAX_LEARNERS", 2)
    found = run(stacks)
    assert (found.learners, found.is_whole) == (2, False)
