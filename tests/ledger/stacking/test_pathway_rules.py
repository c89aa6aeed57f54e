"""Rule texts: what is refused, and where."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings

from ledger.error import InvalidInputError
from ledger.stacking.candidate import Candidates, bits
from ledger.stacking.component import Component
from ledger.stacking.pathway_rules import parse_rules
from ledger.stacking.selector import Selector
from ledger.stacking.text_form import convert
from tests.ledger.stacking.generated import held, selectors
from tests.ledger.stacking.text import DAY, all_of, ref, rules, text

Json = dict[str, Any]
TOTAL: Json = {"rule": "minimum", "id": "total", "credits": 100}
SHARE: Json = {"rule": "share", "id": "s", "of": {}, "share": "75%", "base": "counted"}
SIZED: Json = {**SHARE, "base": "required", "size": 100, "rounding": "up"}


def nested(depth: int) -> Json:
    rule = TOTAL
    for number in range(depth):
        rule = all_of(rule, name=f"level-{number}")
    return rule


@pytest.mark.parametrize(
    "rule,more,pointer",
    [
        ({**TOTAL, "credits": 0}, {}, "/rule/credits"),
        ({**TOTAL, "credits": "100"}, {}, "/rule/credits"),
        ({**TOTAL, "credits": True}, {}, "/rule/credits"),
        ({**TOTAL, "id": "a b"}, {}, "/rule/id"),
        ({**TOTAL, "id": ""}, {}, "/rule/id"),
        ({**TOTAL, "more": 1}, {}, "/rule"),
        (all_of(TOTAL, TOTAL), {}, "/rule/rules/1/id"),
        (all_of(TOTAL, {**TOTAL, "credits": 200}), {}, "/rule/rules/1/id"),
        (all_of(), {}, "/rule/rules"),
        ({"rule": "at_least", "id": "n", "count": 2, "rules": [TOTAL]}, {}, "/rule/count"),
        ({"rule": "required", "id": "r", "achievements": []}, {}, "/rule/achievements"),
        ({"rule": "required", "id": "r", "achievements": [ref("A"), ref("A")]}, {}, "/rule/achievements"),
        ({"rule": "maximum", "id": "m", "of": {}}, {}, "/rule"),
        ({**SHARE, "share": "75"}, {}, "/rule/share"),
        ({**SHARE, "share": "0%"}, {}, "/rule/share"),
        ({**SHARE, "share": "101%"}, {}, "/rule/share"),
        ({**SHARE, "share": "1/0"}, {}, "/rule/share"),
        ({**SHARE, "size": 100}, {}, "/rule"),
        ({**SIZED, "rounding": None}, {}, "/rule/rounding"),
        ({name: value for name, value in SIZED.items() if name != "rounding"}, {}, "/rule"),
        ({**SIZED, "step": 0}, {}, "/rule/step"),
        ({**TOTAL, "of": {"category": "x"}}, {}, "/rule/of/category"),
        ({**TOTAL, "of": {"min_eqf": 9}}, {}, "/rule/of/min_eqf"),
        ({**TOTAL, "of": {"min_eqf": 7, "max_eqf": 6}}, {}, "/rule/of/min_eqf"),
        ({**TOTAL, "of": {"fields": [""]}}, {}, "/rule/of/fields"),
        ({"rule": "prerequisite", "id": "p", "achievement": ref("A"), "requires": [ref("A")]}, {}, "/rule/requires"),
        (TOTAL, {"unit": {"kind": "national"}}, "/unit/per"),
        (TOTAL, {"unit": {"kind": "ects", "per": "hour"}}, "/unit/per"),
        (TOTAL, {"unit": {"kind": "ects", "numerator": 2}}, "/unit/numerator"),
        (TOTAL, {"unit": {"kind": "national", "name": "x", "per": "ects", "denominator": 0}}, "/unit/denominator"),
        (TOTAL, {"unit": {"kind": "ects", "minutes_per_ects": 0}}, "/unit/minutes_per_ects"),
        (TOTAL, {"counting": [{"rule": "recency", "id": "r", "years": 0}]}, "/counting/0/years"),
        (TOTAL, {"counting": [{"rule": "quality", "id": "q"}]}, "/counting/0"),
        (
            TOTAL,
            {"counting": [{"rule": "grade_floor", "id": "g", "floors": [{"scale": "x", "grade": "A"}]}]},
            "/counting/0/floors/0/scale",
        ),
        (TOTAL, {"counting": [{"rule": "scope", "id": "total", "of": {}}]}, "/counting/0/id"),
        (TOTAL, {"scales": {"x": {}}}, "/scales/x"),
        (TOTAL, {"scales": {"x": {"order": ["A", "A"]}}}, "/scales/x/order"),
        (TOTAL, {"scales": {"x": {"lowest": "5", "highest": "1", "better": "lower"}}}, "/scales/x/lowest"),
        (TOTAL, {"scales": {"x": {"lowest": "1e3", "highest": "2", "better": "lower"}}}, "/scales/x/lowest"),
        (TOTAL, {"categories": {"x": {"category": "x"}}}, "/categories/x/category"),
        (TOTAL, {"overlap": {"rule": "overlap", "id": "o", "caps": [{}]}}, "/overlap/caps/0"),
        (TOTAL, {"overlap": {"rule": "overlap", "id": "o", "caps": [{"share": "50%"}]}}, "/overlap/caps/0"),
        (TOTAL, {"cascade": {"on_loss": "revoke", "deadline_days": -1, "appeal_days": 0}}, "/cascade/deadline_days"),
        (TOTAL, {"cascade": {"on_loss": "shrug", "deadline_days": 1, "appeal_days": 0}}, "/cascade/on_loss"),
    ],
)
def test_rule_text_is_refused_and_the_pointer_says_where_when_ill_formed(rule: Json, more: Json, pointer: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        rules(rule, **more)
    assert refused.value.pointer == pointer
    assert refused.value.detail


@pytest.mark.parametrize("written", [b"1.5", b"100.0", b"1e2", b"NaN", b"-Infinity"])
def test_rule_text_is_refused_when_a_number_is_no_integer(written: bytes) -> None:
    data = json.dumps(text({**TOTAL, "credits": 4711})).encode().replace(b"4711", written)
    with pytest.raises(InvalidInputError, match="not exact"):
        parse_rules(data)


def test_rule_text_is_refused_when_nested_without_end_or_of_too_many_rules() -> None:
    rules(nested(20))
    with pytest.raises(InvalidInputError):
        rules(nested(40))
    with pytest.raises(InvalidInputError):
        rules(all_of(*(all_of(*({**TOTAL, "id": f"{a}-{b}"} for b in range(150)), name=f"{a}") for a in range(2))))


@settings(max_examples=150, deadline=None)
@given(selector=selectors, facts=held(6))
def test_the_index_of_candidates_says_what_the_selector_says_when_asked_for_all(
    selector: Json, facts: list[Json]
) -> None:
    pathway = rules(TOTAL, categories={"core": {"achievements": [ref("A"), ref("B", "there")]}})
    candidates = Candidates(pathway, [convert(fact, Component) for fact in facts], frozenset(), DAY)
    meant = convert(selector, Selector)
    by_index = set(bits(candidates.fitting(meant)))
    assert by_index == {n for n, one in enumerate(candidates.items) if meant.fits(one, pathway.categories)}
