"""Rules are read out whole: every kind of them, in every language, with every name and number that they have."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest
from hypothesis import given

from api.desk.rule_reading import Line, RuleReading
from api.page.language import LANGUAGES, Language, Speech
from ledger.stacking.component import AchievementRef
from ledger.stacking.pathway_rules import parse_rules
from tests.ledger.stacking.generated import pathways

A, B = {"institution": "north", "code": "A-1"}, {"institution": "south", "code": "B-2"}
CASCADE: Final = {"on_loss": "suspend", "deadline_days": 41, "appeal_days": 17}
EVERY: Final[dict[str, Any]] = {
    "format": "cairn/pathway/v1",
    "unit": {
        "kind": "national", "name": "Punkt", "per": "ects", "numerator": 3, "denominator": 7, "minutes_per_ects": 1560,
        "rounding": "half_even",
    },
    "rule": {
        "rule": "all_of", "id": "root",
        "rules": [
            {"rule": "required", "id": "core", "achievements": [A, B], "waivable": True},
            {"rule": "choose", "id": "some", "of": {"institutions": ["east"], "fields": ["0613"]}, "count": 2},
            {"rule": "choose", "id": "more", "of": {"category": "soft"}, "count": 3, "credits": 1100},
            {"rule": "choose", "id": "free", "of": {"min_eqf": 4, "max_eqf": 4}},
            {"rule": "any_of", "id": "either", "rules": [
                {"rule": "capstone", "id": "cap", "achievements": [A], "last": True},
                {"rule": "capstone", "id": "cap-2", "achievements": [B]},
            ]},
            {"rule": "at_least", "id": "few", "count": 1, "rules": [
                {"rule": "minimum", "id": "low", "credits": 1250},
                {"rule": "maximum", "id": "high", "of": {"recognised": True}, "credits": 1375, "count": 6},
                {"rule": "maximum", "id": "high-2", "of": {"recognised": False}, "count": 7},
            ]},
            {"rule": "credits_from", "id": "from", "credits": 1425, "rules": [
                {"rule": "choose", "id": "inner", "of": {"min_eqf": 5, "achievements": [A, B]}, "credits": 1500},
            ]},
            {"rule": "share", "id": "part", "of": {"max_eqf": 6}, "share": "75%", "base": "counted"},
            {"rule": "share", "id": "part-2", "of": {}, "share": "2/3", "base": "required", "size": 1600,
             "rounding": "half_up", "step": 50},
            {"rule": "residency", "id": "home", "institutions": ["west", "east"], "share": "30%", "base": "counted"},
            {"rule": "prerequisite", "id": "pre", "achievement": A, "requires": [B], "order": "before"},
            {"rule": "prerequisite", "id": "pre-2", "achievement": B, "requires": [A]},
            {"rule": "prerequisite", "id": "pre-3", "achievement": B, "requires": [A], "order": "any"},
            {"rule": "order", "id": "first", "first": {"fields": ["07"]}, "then": {"fields": ["08"]}},
            {"rule": "order", "id": "first-2", "first": {"fields": ["09"]}, "then": {}, "same_day": False},
        ],
    },
    "counting": [
        {"rule": "scope", "id": "scope", "of": {"institutions": ["harbour"]}},
        {"rule": "status", "id": "standing", "accept": ["valid", "suspended", "expired"]},
        {"rule": "recency", "id": "fresh", "years": 9, "only": {"fields": ["0421"]}},
        {"rule": "grade_floor", "id": "floor", "floors": [
            {"scale": "ten", "grade": "6"}, {"scale": "abc", "grade": "C"},
        ]},
        {"rule": "grade_floor", "id": "floor-2", "floors": [{"scale": "ten", "grade": "7"}], "ungraded": "accept"},
        {"rule": "quality", "id": "good", "accredited": True, "supervised": True},
    ],
    "overlap": {"rule": "overlap", "id": "twice", "waivable": True, "caps": [
        {"targets": ["MasterDegree"], "credits": 1700, "awards": 4},
        {"share": "40%", "size": 1800, "rounding": "up"},
    ]},
    "categories": {"soft": {"fields": ["0031"], "institutions": ["lagoon"]}},
    "scales": {
        "ten": {"lowest": "1", "highest": "10", "better": "higher"},
        "abc": {"order": ["E", "C", "A"], "reads": "exam"},
        "one": {"lowest": "1.0", "highest": "5.0", "better": "lower"},
    },
    "repeatable": [A],
    "cascade": CASCADE,
}  # fmt: skip
WORDS: Final = frozenset(
    {
        "kind",
        "per",
        "rounding",
        "rule",
        "base",
        "order",
        "format",
        "on_loss",
        "ungraded",
        "better",
        "accept",
        "recognised",
    }
)
"""Members whose values are said in words of the language."""
AMOUNTS: Final = frozenset({"credits", "size", "step"})


def title(ref: AchievementRef) -> str:
    return f"«{ref.institution}/{ref.code}»"


def flat(line: Line) -> Iterator[Line]:
    yield line
    for inner in line.inner:
        yield from flat(inner)


def reading(rules: dict[str, Any], language: Language) -> RuleReading:
    return RuleReading(parse_rules(json.dumps(rules).encode()), Speech(language), title)


def lines(rules: dict[str, Any], language: Language) -> list[Line]:
    read = reading(rules, language)
    return [one for top in (read.tree(), *read.admissions(), read.overlap(), *read.rest()) for one in flat(top)]


def leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401  any JSON value
    if isinstance(value, dict):
        for member, inner in value.items():
            yield from leaves(inner, member)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, name)
    else:
        yield name, value


@pytest.mark.parametrize("language", LANGUAGES)
def test_reading_has_every_name_and_every_number_of_the_rules(language: Language) -> None:
    said = lines(EVERY, language)
    text = "\n".join(one.text for one in said)
    ids = {one.id for one in said}
    for name, value in leaves(EVERY):
        if name == "id":
            assert value in ids
        elif name in AMOUNTS:
            assert Speech(language).credits(value) in text, (name, value)
        elif name not in WORDS and not isinstance(value, bool):
            assert str(value) in text, (name, value)


@pytest.mark.parametrize("language", LANGUAGES)
def test_two_rules_that_differ_are_read_out_differently(language: Language) -> None:
    said = [one.text for one in lines(EVERY, language) if one.id]
    assert len(said) == len(set(said))


def test_rule_that_may_be_waived_says_so() -> None:
    assert {one.id for one in lines(EVERY, "en") if one.is_waivable} == {"core", "twice"}


def test_every_rule_is_found_by_its_id_alone() -> None:
    named = reading(EVERY, "en").named()
    assert named.keys() == {one.id for one in lines(EVERY, "en") if one.id}
    assert all(line.inner == () for line in named.values())


@pytest.mark.parametrize(
    "unit, said",
    [
        ({"kind": "hours", "minutes_per_ects": 1560}, ["25 h", "Counts in hours.", "1560 minutes"]),
        ({"kind": "ects"}, ["15 ECTS"]),
        ({"kind": "national", "name": "P", "per": "hour"}, ["15 «P»", "One hour is 1 «P»."]),
    ],
)
def test_amounts_are_said_in_the_pathways_own_unit(unit: dict[str, Any], said: list[str]) -> None:
    rule = {"rule": "minimum", "id": "low", "credits": 1_500}
    text = "\n".join(one.text for one in lines({**EVERY, "unit": unit, "rule": rule}, "en"))
    assert all(one in text for one in said), text


def test_hours_that_are_not_whole_have_minutes() -> None:
    rule = {"rule": "minimum", "id": "low", "credits": 1_501}
    text = lines({**EVERY, "unit": {"kind": "hours"}, "rule": rule}, "en")[0].text
    assert "25 h 1 min" in text
    short = lines({**EVERY, "unit": {"kind": "hours"}, "rule": {**rule, "credits": 40}}, "en")[0].text
    assert "40 min" in short
    assert " h" not in short.partition("40 min")[0][-3:]


@pytest.mark.parametrize("on_loss", ["review", "suspend", "revoke", "stand"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_what_follows_a_loss_is_said(language: Language, on_loss: str) -> None:
    cascade = {**CASCADE, "on_loss": on_loss}
    expected = Speech(language).messages["rule_more"][f"lost_{on_loss}"].format(days=41)
    assert expected in [one.text for one in lines({**EVERY, "cascade": cascade}, language)]


@pytest.mark.parametrize("rounding", ["down", "up", "half_up", "half_even"])
def test_rounding_is_said(rounding: str) -> None:
    text = "\n".join(one.text for one in lines({**EVERY, "unit": {**EVERY["unit"], "rounding": rounding}}, "en"))
    assert Speech("en").messages["rule_rounding"][rounding].format(step="0.01 «Punkt»") in text


@given(pathways())
def test_any_rules_are_read_out_with_every_id(rules: dict[str, Any]) -> None:
    read = parse_rules(json.dumps(rules).encode())
    for language in LANGUAGES:
        said = lines(rules, language)
        assert {one.id for one in said if one.id} == {rule.id for rule in read.every_rule()}
        assert all(one.text.strip() for one in said)
