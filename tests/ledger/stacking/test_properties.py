"""What holds for every pathway and whatever a learner holds."""

from __future__ import annotations

import json
from itertools import islice
from typing import Any

import msgspec
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ledger.error import InvalidInputError
from ledger.stacking.alternative import Alternatives
from ledger.stacking.check import check_derivation
from ledger.stacking.component import Component
from ledger.stacking.finding import MAX_WAYS
from ledger.stacking.judging import Judge
from ledger.stacking.pathway_rules import PathwayRules, parse_rules
from ledger.stacking.rule import Prerequisite
from ledger.stacking.text_form import convert
from tests.ledger.stacking.generated import held, pathways
from tests.ledger.stacking.reference import stackable, walk
from tests.ledger.stacking.text import DAY, award, ref, stack
from tests.ledger.stacking.text import rules as rules_of

Json = dict[str, Any]
CASES = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow]
)


def read(text: Json) -> PathwayRules:
    try:
        return parse_rules(json.dumps(text).encode())
    except InvalidInputError:
        assume(False)
        raise


def made(facts: list[Json]) -> list[Component]:
    return [convert(fact, Component) for fact in facts]


@CASES
@given(text=pathways(), facts=held(4), waive=st.booleans())
def test_evaluation_agrees_with_trying_every_assignment_when_cases_are_small(
    *, text: Json, facts: list[Json], waive: bool
) -> None:
    rules = read(text)
    groups = sum(rule["rule"] in {"required", "choose", "capstone"} for rule in walk(text["rule"]))
    assume(groups <= 4)
    waivable = [rule.id for rule in rules.every_rule() if rule.waivable][:1] if waive else []
    assume(not has_many_ways(rules, frozenset(waivable)))  # of those it may be undecided: see below
    answer = stack(rules, *made(facts), waive=tuple(waivable), steps=200_000)
    assert answer.state == ("met" if stackable(text, facts, DAY.isoformat(), frozenset(waivable)) else "unmet")
    if answer.derivation is not None:
        assert check_derivation(rules, answer.derivation) == []


def has_many_ways(rules: PathwayRules, waived: frozenset[str] = frozenset()) -> bool:
    """Whether there are more ways through the rules than are looked at."""
    return next(islice(Alternatives(waived, lambda _: True).ways(rules.rule), MAX_WAYS, None), None) is not None


def test_stack_is_undecided_and_not_refused_when_there_are_more_ways_than_are_looked_at() -> None:
    def pool(name: str, *inner: Json) -> Json:
        return {"rule": "credits_from", "id": name, "credits": 100, "rules": list(inner)}

    def least(name: str) -> Json:
        return {"rule": "minimum", "id": name, "credits": 100}

    def inner(name: str) -> Json:
        asked = ({"rule": "required", "id": f"{name}{number}", "achievements": [ref("A")]} for number in range(2))
        return pool(name, *asked, least(f"{name}-least"))

    many = rules_of(pool("root", inner("one"), inner("two"), least("least")), overlap={"rule": "overlap", "id": "once"})
    assert has_many_ways(many)
    assert stack(many, award("a0", 100, achievement="A"), steps=200_000).state == "undecided"


@CASES
@given(text=pathways(), facts=held(6), data=st.data())
def test_evaluation_is_the_same_when_awards_come_in_another_order(
    text: Json, facts: list[Json], data: st.DataObject
) -> None:
    rules = read(text)
    mixed = data.draw(st.permutations(facts))
    assert stack(rules, *made(facts)) == stack(rules, *made(mixed)) == stack(rules, *made(facts))


@CASES
@given(text=pathways(), facts=held(5), more=held(1))
def test_a_stack_stays_a_stack_when_an_award_comes_in_addition(text: Json, facts: list[Json], more: list[Json]) -> None:
    # Whatever a rule limits is left unused; so this holds for caps and maxima as well.
    rules = read(text)
    before = stack(rules, *made(facts))
    if before.state != "met":
        return
    extra = [{**one, "award": "zz"} for one in more]
    assert stack(rules, *made([*facts, *extra])).state == "met"


@CASES
@given(text=pathways(), facts=held(5), number=st.integers(0, 10))
def test_a_derivation_is_refused_when_a_use_is_not_what_it_was(text: Json, facts: list[Json], number: int) -> None:
    rules = read(text)
    found = stack(rules, *made(facts)).derivation
    if found is None or not found.uses:
        return
    assert check_derivation(rules, found) == []
    at = number % len(found.uses)
    for changes in ({"credits": found.uses[at].credits + 1}, {"spent": found.uses[at].spent + 1}, {"group": "nowhere"}):
        uses = list(found.uses)
        uses[at] = msgspec.structs.replace(uses[at], **changes)
        assert check_derivation(rules, msgspec.structs.replace(found, uses=tuple(uses)))


@CASES
@given(text=pathways(), facts=held(5))
def test_nothing_is_used_that_is_not_needed_when_a_stack_is_met(text: Json, facts: list[Json]) -> None:
    rules = read(text)
    found = stack(rules, *made(facts)).derivation
    # Where there are alternatives, the one that was taken may need more than another.
    if found is None or any(rule["rule"] in {"any_of", "at_least", "credits_from"} for rule in walk(text["rule"])):
        return
    waived: frozenset[str] = frozenset()
    pinned = {component.award: component for component in found.components}
    for use in found.uses:
        rest = [other for other in found.uses if other is not use]
        judge = Judge(rules, pinned, rest, waived, found.day)
        is_prerequisite = isinstance(rules.rule_called(use.group), Prerequisite)
        assert is_prerequisite or not judge.tree_met()


@CASES
@given(text=pathways(), facts=held(4))
def test_a_completion_completes_the_stack_when_what_it_says_is_earned(text: Json, facts: list[Json]) -> None:
    rules = read(text)
    answer = stack(rules, *made(facts))
    for completion in answer.nearest:
        assert completion.steps
        assert all(step.kind != "revalidate" or step.award for step in completion.steps)
        waived = tuple(step.rules[0] for step in completion.steps if step.kind == "waiver")
        if waived:
            assert stack(rules, *made(facts), waive=waived).state == "met"
        anew = {step.award for step in completion.steps if step.kind == "revalidate"}
        if anew:
            fresh = [{**fact, "revalidated_on": DAY.isoformat()} if fact["award"] in anew else fact for fact in facts]
            assert stack(rules, *made(fresh)).state == "met"
