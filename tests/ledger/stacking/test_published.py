"""Published policies: at, just below and just above every threshold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ledger.error import NotFoundError
from ledger.stacking.check import check_derivation
from ledger.stacking.component import Component
from ledger.stacking.evaluation import Evaluation
from ledger.stacking.published import NAMES, published
from tests.ledger.stacking.text import award, outcome, stack


def stacked(name: str, *components: Component) -> Evaluation:
    rules = published(name).rules
    evaluation = stack(rules, *components)
    if evaluation.derivation is not None:
        assert check_derivation(rules, evaluation.derivation) == []
    return evaluation


def minutes(name: str, centi: int, **facts: Any) -> Component:  # noqa: ANN401  any JSON value
    """An award of so many hundredths of a credit of ten hours."""
    return award(name, None, workload_minutes=centi * 6, **facts)


def hours(name: str, centi: int, ects_per_hundred: int = 200, **facts: Any) -> Component:  # noqa: ANN401  any JSON value
    """An award of so many hundredths of a semester credit hour."""
    return award(name, centi * ects_per_hundred // 100, **facts)


def test_published_policies_are_listed_and_name_source_and_reading_when_read() -> None:
    there = {file.stem for file in Path(published.__code__.co_filename).parent.glob("*.json")}
    assert there == set(NAMES)
    for name in NAMES:
        policy = published(name)
        assert policy.source.startswith("https://")
        assert policy.says
        assert policy.reading
    with pytest.raises(NotFoundError):
        published("no-such-policy")


# ── HKU SPACE: 30 or 60 credits, 75 % in the category, 75 % at the level ──────────────────────────────────────

HKU = [("hku-space-certificate", 3000, 2400), ("hku-space-diploma", 6000, 4500)]
LEVEL = {"eqf_level": 5}
BOTH = {"eqf_level": 5, "fields": ["0613"]}


@pytest.mark.parametrize("name,size,_share", HKU)
@pytest.mark.parametrize("off,state", [(-1, "unmet"), (0, "met"), (1, "met")])
def test_hku_space_asks_for_its_size_when_all_is_in_category_and_at_level(
    name: str, size: int, _share: int, off: int, state: str
) -> None:
    evaluation = stacked(name, minutes("a", size + off, **BOTH))
    assert evaluation.state == state
    assert (outcome(evaluation, "size").have, outcome(evaluation, "size").need) == (size + off, size)


@pytest.mark.parametrize("name,size,share", HKU)
@pytest.mark.parametrize("off,state", [(-1, "unmet"), (0, "met"), (1, "met")])
@pytest.mark.parametrize("rule,rest", [("category", {"eqf_level": 5}), ("level", {"eqf_level": 4, "fields": ["061"]})])
def test_hku_space_asks_for_the_share_rounded_up_to_three_credits_when_size_is_there(
    name: str, size: int, share: int, off: int, state: str, rule: str, rest: dict[str, Any]
) -> None:
    evaluation = stacked(name, minutes("a", share + off, **BOTH), minutes("b", size, **rest))
    assert evaluation.state == state
    assert (outcome(evaluation, rule).need, outcome(evaluation, rule).have) == (share, share + off)


def test_hku_space_counts_credits_in_one_pathway_only_when_used_before() -> None:
    fresh = minutes("a", 2400, **BOTH)
    used = minutes("b", 600, **BOTH, spent=[{"target": "Certificate", "amount": 3600}])
    partly = minutes("b", 600, **BOTH, spent=[{"target": "Certificate", "amount": 6}])
    assert stacked("hku-space-certificate", fresh, minutes("b", 600, **BOTH)).state == "met"
    assert stacked("hku-space-certificate", fresh, partly).state == "unmet"
    evaluation = stacked("hku-space-certificate", fresh, used)
    assert evaluation.state == "unmet"
    assert outcome(evaluation, "once").excluded == ("b",)


def test_hku_space_rounds_an_award_down_to_hundredths_when_minutes_do_not_divide() -> None:
    assert stacked("hku-space-certificate", award("a", None, workload_minutes=17_999, **BOTH)).state == "unmet"
    assert stacked("hku-space-certificate", award("a", None, workload_minutes=18_000, **BOTH)).state == "met"


# ── University of Southern Indiana: 1 to 8 hours, half here, 7 years ──────────────────────────────────────────

USI = "usi-graduate-microcredential"


@pytest.mark.parametrize("size,state", [(99, "unmet"), (100, "met"), (101, "met")])
def test_usi_asks_for_one_credit_hour_when_all_is_from_there(size: int, state: str) -> None:
    assert stacked(USI, hours("a", size, institution="usi")).state == state


@pytest.mark.parametrize("size,state", [(799, "met"), (800, "met"), (801, "unmet")])
def test_usi_counts_eight_credit_hours_at_most_when_a_course_is_larger(size: int, state: str) -> None:
    assert stacked(USI, hours("a", size, institution="usi")).state == state


@pytest.mark.parametrize("here,state", [(59, "unmet"), (60, "met"), (61, "met")])
def test_usi_asks_for_half_from_there_when_both_courses_are_needed(here: int, state: str) -> None:
    courses = [hours("a", here, institution="usi"), hours("b", 60, institution="elsewhere")]
    assert stacked(USI, *courses).state == state


DAYS = [("2019-05-31", "unmet"), ("2019-06-01", "met"), ("2019-06-02", "met")]


@pytest.mark.parametrize("name", [USI, "northeastern-certificate"])
@pytest.mark.parametrize("day,state", DAYS)
def test_a_course_counts_to_the_day_seven_years_later_when_it_grows_old(name: str, day: str, state: str) -> None:
    course = award("a", 2400 if name != USI else 400, institution="usi", awarded_on=day, eqf_level=7)
    evaluation = stacked(name, course)
    assert evaluation.state == state
    assert outcome(evaluation, "recency").excluded == (("a",) if state == "unmet" else ())
    anew = award(
        "a", 2400 if name != USI else 400, institution="usi", awarded_on=day, eqf_level=7, revalidated_on="2026-05-01"
    )
    assert stacked(name, anew).state == "met"


# ── Northeastern: half of a degree, one course of another certificate ─────────────────────────────────────────

NORTHEASTERN = "northeastern-certificate"


def quarter(name: str, centi: int, target: str | None = None) -> Component:
    """A course of so many hundredths of a quarter hour, used before for a *target*."""
    facts: dict[str, Any] = {"eqf_level": 7}
    if target:
        facts["spent"] = [{"target": target, "amount": centi * 4 // 3}]
    return award(name, centi * 4 // 3, **facts)


@pytest.mark.parametrize("size,state", [(1599, "unmet"), (1600, "met"), (1602, "met")])
def test_northeastern_asks_for_its_size_when_nothing_was_used_before(size: int, state: str) -> None:
    course = award("a", -(-size * 4 // 3), eqf_level=7)
    assert stacked(NORTHEASTERN, course).state == state


@pytest.mark.parametrize("again,state", [(799, "unmet"), (800, "met"), (801, "unmet")])
def test_northeastern_takes_half_of_a_degree_at_most_when_used_for_one(again: int, state: str) -> None:
    # 8 hours are new; so exactly 8 of the degree do it: fewer are too few, and more are too many.
    old = award(
        "old", -(-again * 4 // 3), eqf_level=7, spent=[{"target": "MasterDegree", "amount": -(-again * 4 // 3)}]
    )
    new = award("new", -(-800 * 4 // 3), eqf_level=7)
    assert stacked(NORTHEASTERN, new, old).state == state


@pytest.mark.parametrize("again,state", [(399, "unmet"), (400, "met"), (401, "unmet")])
def test_northeastern_takes_one_course_of_four_credits_when_used_for_a_certificate(again: int, state: str) -> None:
    size = -(-again * 4 // 3)
    old = award("old", size, eqf_level=7, spent=[{"target": "Certificate", "amount": size}])
    assert stacked(NORTHEASTERN, quarter("new", 1200), old).state == state


def test_northeastern_takes_no_second_course_when_two_were_used_for_a_certificate() -> None:
    courses = [quarter(f"old-{number}", 198, "Certificate") for number in range(2)]
    assert stacked(NORTHEASTERN, quarter("new", 1206), *courses).state == "unmet"
    assert stacked(NORTHEASTERN, quarter("new", 1404), *courses).state == "met"


def test_northeastern_takes_nothing_again_when_no_cap_speaks_of_what_it_was_used_for() -> None:
    assert stacked(NORTHEASTERN, quarter("new", 1200), quarter("old", 399, "Diploma")).state == "unmet"


@pytest.mark.parametrize("level,state", [(6, "unmet"), (7, "met"), (8, "met")])
def test_northeastern_counts_graduate_courses_when_of_several_levels(level: int, state: str) -> None:
    assert stacked(NORTHEASTERN, award("a", 2400, eqf_level=level)).state == state


# ── Findlay: 3 to 12 hours, half here, B or higher ────────────────────────────────────────────────────────────

FINDLAY = "findlay-microcredential"


@pytest.mark.parametrize(
    "size,state", [(299, "unmet"), (300, "met"), (301, "met"), (1199, "met"), (1200, "met"), (1201, "unmet")]
)
def test_findlay_asks_for_three_to_twelve_hours_when_one_course_is_all(size: int, state: str) -> None:
    assert stacked(FINDLAY, hours("a", size, institution="findlay", grade="B")).state == state


@pytest.mark.parametrize("grade,state", [("B-", "unmet"), ("B", "met"), ("B+", "met"), ("b", "unmet"), (None, "unmet")])
def test_findlay_counts_b_or_higher_when_graded(grade: str | None, state: str) -> None:
    facts: dict[str, Any] = {} if grade is None else {"grade": grade}
    evaluation = stacked(FINDLAY, hours("a", 300, institution="findlay", **facts))
    assert evaluation.state == state
    assert outcome(evaluation, "grade").excluded == (() if state == "met" else ("a",))


@pytest.mark.parametrize("here,state", [(199, "unmet"), (200, "met"), (201, "met")])
def test_findlay_asks_for_half_from_there_when_both_courses_are_needed(here: int, state: str) -> None:
    courses = [hours("a", here, institution="findlay", grade="A"), hours("b", 200, institution="other", grade="A")]
    assert stacked(FINDLAY, *courses).state == state


# ── NZQA: 1 to 40 credits of ten hours, accredited ────────────────────────────────────────────────────────────

NZQA = "nzqa-micro-credential"


@pytest.mark.parametrize(
    "size,state", [(99, "unmet"), (100, "met"), (101, "met"), (3999, "met"), (4000, "met"), (4001, "unmet")]
)
def test_nzqa_asks_for_one_to_forty_credits_when_one_component_is_all(size: int, state: str) -> None:
    assert stacked(NZQA, minutes("a", size, accredited=True)).state == state


@pytest.mark.parametrize("accredited,state", [(True, "met"), (False, "unmet"), (None, "unmet")])
def test_nzqa_counts_what_was_accredited_on_the_day_when_known(*, accredited: bool | None, state: str) -> None:
    facts = {} if accredited is None else {"accredited": accredited}
    evaluation = stacked(NZQA, minutes("a", 100, **facts))
    assert evaluation.state == state
    assert outcome(evaluation, "quality").excluded == (() if state == "met" else ("a",))
