"""What holds for every pathway and whatever a learner holds."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ledger.error import InvalidInputError
from ledger.stacking.check import check_derivation
from ledger.stacking.component import Component
from ledger.stacking.pathway_rules import PathwayRules, parse_rules
from ledger.stacking.text_form import convert
from tests.ledger.stacking.generated import held, pathways
from tests.ledger.stacking.reference import stackable, walk
from tests.ledger.stacking.text import DAY, stack

Json = dict[str, Any]
CASES = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow]
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
    text: Json, facts: list[Json], waive: bool
) -> None:
    rules = read(text)
    groups = sum(rule["rule"] in {"required", "choose", "capstone"} for rule in walk(text["rule"]))
    assume(groups <= 4)
    waivable = [rule.id for rule in rules.every_rule() if rule.waivable][:1] if waive else []
    answer = stack(rules, *made(facts), waive=tuple(waivable), steps=200_000)
    assert answer.state == ("met" if stackable(text, facts, DAY.isoformat(), frozenset(waivable)) else "unmet")
    if answer.derivation is not None:
        assert check_derivation(rules, answer.derivation) == []
