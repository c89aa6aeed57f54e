"""Each rule: met, unmet, and how it says so."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from ledger.error import InvalidInputError
from ledger.stacking.check import check_derivation
from ledger.stacking.component import AchievementRef, Component
from ledger.stacking.counting import last_day
from ledger.stacking.evaluation import Evaluation
from ledger.stacking.pathway_rules import PathwayRules
from tests.ledger.stacking.text import DAY, all_of, award, outcome, ref, rules, stack

ANY: dict[str, Any] = {}


def met(pathway: PathwayRules, *components: Component, **how: Any) -> Evaluation:  # noqa: ANN401  any JSON value
    evaluation = stack(pathway, *components, **how)
    assert evaluation.state == "met"
    assert evaluation.derivation is not None
    assert check_derivation(pathway, evaluation.derivation) == []
    return evaluation


def unmet(pathway: PathwayRules, *components: Component, **how: Any) -> Evaluation:  # noqa: ANN401  any JSON value
    evaluation = stack(pathway, *components, **how)
    assert evaluation.state == "unmet"
    assert evaluation.derivation is None
    return evaluation


def used(evaluation: Evaluation) -> dict[str, tuple[str, int]]:
    assert evaluation.derivation is not None
    return {use.award: (use.group, use.credits) for use in evaluation.derivation.uses}


def choose(name: str, of: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:  # noqa: ANN401  any JSON value
    return {"rule": "choose", "id": name, "of": of or {}, **more}


def minimum(amount: int, name: str = "total", **more: Any) -> dict[str, Any]:  # noqa: ANN401  any JSON value
    return {"rule": "minimum", "id": name, "credits": amount, **more}


# ── groups ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_required_names_what_is_missing_when_one_is_not_there() -> None:
    pathway = rules({"rule": "required", "id": "core", "achievements": [ref("A"), ref("B")]})
    met(pathway, award("1", achievement="A"), award("2", achievement="B"))
    found = outcome(unmet(pathway, award("1", achievement="A"), award("2", achievement="B", institution="x")), "core")
    assert (found.state, found.have, found.need, found.unit) == ("unmet", 1, 2, "achievements")
    assert found.missing == (AchievementRef(institution="here", code="B"),)
    assert found.awards == ("1",)


def test_required_accepts_what_stands_for_it_when_recognised() -> None:
    pathway = rules({"rule": "required", "id": "core", "achievements": [ref("A"), ref("B")]})
    abroad = award("r", institution="abroad", recognised_by="here", stands_for=[ref("A"), ref("B")])
    assert used(met(pathway, abroad)) == {"r": ("core", 500)}


def test_choose_counts_awards_and_credits_when_both_are_asked_for() -> None:
    pathway = rules(choose("two", count=2, credits=1000))
    met(pathway, award("1"), award("2"))
    few = outcome(unmet(pathway, award("1", 1000)), "two")
    assert (few.have, few.need, few.unit) == (1, 2, "awards")
    small = outcome(unmet(pathway, award("1", 499), award("2")), "two")
    assert (small.have, small.need, small.unit) == (999, 1000, "credits")


def test_one_award_serves_one_group_when_two_could_use_it() -> None:
    pathway = rules(all_of(choose("one", count=1), choose("two", count=1)))
    unmet(pathway, award("1"))
    assert sorted(used(met(pathway, award("1"), award("2"))).values()) == [("one", 500), ("two", 500)]


@pytest.mark.parametrize("count,state", [(1, "met"), (2, "met"), (3, "unmet")])
def test_at_least_counts_the_rules_that_hold_when_nested(count: int, state: str) -> None:
    inner = [choose("a", {"fields": ["a"]}, count=1), choose("b", {"fields": ["b"]}, count=1), minimum(5000)]
    pathway = rules({"rule": "at_least", "id": "some", "count": count, "rules": inner})
    evaluation = stack(pathway, award("1", fields=["a"]), award("2", fields=["b"]))
    assert evaluation.state == state
    if state == "met":
        assert outcome(evaluation, "total").state == "not_needed"


def test_any_of_takes_the_first_alternative_in_the_text_when_both_would_do() -> None:
    pathway = rules({"rule": "any_of", "id": "root", "rules": [choose("a", count=1), choose("b", count=1)]})
    evaluation = met(pathway, award("1"), award("2"))
    assert used(evaluation) == {"1": ("a", 500)} or used(evaluation) == {"2": ("a", 500)}
    assert outcome(evaluation, "b").state == "not_needed"


@pytest.mark.parametrize("need,state", [(1500, "met"), (1501, "unmet")])
def test_credits_from_sums_the_groups_of_rules_that_hold_when_nested(need: int, state: str) -> None:
    a, b = choose("a", {"fields": ["a"]}, count=2), choose("b", {"fields": ["b"]})
    pathway = rules({"rule": "credits_from", "id": "pool", "credits": need, "rules": [a, b]})
    held = [award("1", fields=["a"]), award("2", fields=["a"]), award("3", fields=["b"]), award("4", fields=["c"])]
    assert stack(pathway, *held).state == state


def test_credits_from_leaves_out_a_group_when_its_rule_does_not_hold() -> None:
    a, b = choose("a", {"fields": ["a"]}, count=2), choose("b", {"fields": ["b"]})
    pathway = rules({"rule": "credits_from", "id": "pool", "credits": 1000, "rules": [a, b]})
    found = outcome(unmet(pathway, award("1", fields=["a"]), award("3", fields=["b"])), "pool")
    assert (found.have, found.need) == (500, 1000)


def test_capstone_comes_last_when_it_has_to() -> None:
    capstone = {"rule": "capstone", "id": "end", "achievements": [ref("THESIS")], "last": True}
    pathway = rules(all_of(capstone, minimum(1000)))
    thesis = award("t", achievement="THESIS", awarded_on="2025-06-30")
    met(pathway, thesis, award("1", awarded_on="2025-06-30"))
    unmet(pathway, thesis, award("1", awarded_on="2025-07-01"))
    assert "late" not in used(met(pathway, thesis, award("1"), award("late", awarded_on="2025-07-01")))


# ── totals, shares, limits ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("six,state", [(749, "unmet"), (750, "met"), (751, "met")])
def test_share_of_the_counted_is_compared_exactly_when_near(six: int, state: str) -> None:
    share = {"rule": "share", "id": "level", "of": {"min_eqf": 6}, "share": "75%", "base": "counted"}
    pathway = rules(all_of(share, minimum(six + 250)))
    assert stack(pathway, award("6", six, eqf_level=6), award("5", 250, eqf_level=5)).state == state


@pytest.mark.parametrize(
    "rounding,step,need",
    [
        ("down", 1, 2248),
        ("up", 1, 2249),
        ("half_up", 1, 2249),
        ("half_even", 1, 2248),
        ("down", 100, 2200),
        ("up", 300, 2400),
    ],
)
def test_share_of_a_size_is_rounded_as_said_when_it_does_not_divide(rounding: str, step: int, need: int) -> None:
    share = {"rule": "share", "id": "s", "of": ANY, "share": "75%", "base": "required", "size": 2998}
    pathway = rules({**share, "rounding": rounding, "step": step})
    assert outcome(met(pathway, award("1", need)), "s").need == need
    unmet(pathway, award("1", need - 1))


def test_share_leaves_out_what_spoils_it_when_the_rest_will_do() -> None:
    share = {"rule": "share", "id": "level", "of": {"min_eqf": 6}, "share": "100%", "base": "counted"}
    evaluation = met(rules(all_of(share, minimum(500))), award("5", eqf_level=5), award("6", eqf_level=6))
    assert used(evaluation) == {"6": ("", 500)}


@pytest.mark.parametrize("here,state", [(499, "unmet"), (500, "met"), (501, "met")])
def test_residency_counts_what_was_awarded_here_when_half_is_asked_for(here: int, state: str) -> None:
    half = {"rule": "residency", "id": "r", "institutions": ["here"], "share": "50%", "base": "counted"}
    pathway = rules(all_of(half, minimum(here + 500)))
    assert stack(pathway, award("1", here), award("2", institution="there")).state == state


def test_residency_never_counts_a_recognition_when_it_is_by_the_institution_itself() -> None:
    half = {"rule": "residency", "id": "r", "institutions": ["here"], "share": "50%", "base": "counted"}
    pathway = rules(all_of(half, minimum(500)))
    unmet(pathway, award("r", institution="here", recognised_by="here"))


def test_maximum_limits_what_is_used_when_by_recognition() -> None:
    most = {"rule": "maximum", "id": "carried", "of": {"recognised": True}, "credits": 1200, "count": 2}
    pathway = rules(all_of(most, minimum(1500)))
    known = [award(f"r{number}", 400, recognised_by="here") for number in range(5)]
    unmet(pathway, *known)
    found = used(met(pathway, *known, award("own", 700)))
    assert sum(name.startswith("r") for name in found) == 2


# ── order ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "order,day,state",
    [
        ("before", "2025-01-01", "unmet"),
        ("not_after", "2025-01-01", "met"),
        ("not_after", "2025-01-02", "unmet"),
        ("any", "2025-01-02", "met"),
        ("before", "2024-12-31", "met"),
    ],
)
def test_prerequisite_is_held_in_time_when_order_is_asked_for(order: str, day: str, state: str) -> None:
    needs = {"rule": "prerequisite", "id": "p", "achievement": ref("B"), "requires": [ref("A")], "order": order}
    pathway = rules(all_of(needs, {"rule": "required", "id": "core", "achievements": [ref("B")]}))
    evaluation = stack(pathway, award("a", achievement="A", awarded_on=day), award("b", achievement="B"))
    assert evaluation.state == state
    if state == "met":
        # The prerequisite is pinned, and its credits stay free for another stack.
        assert used(evaluation) == {"a": ("p", 0), "b": ("core", 500)}
        assert evaluation.derivation is not None
        assert check_derivation(pathway, evaluation.derivation) == []


def test_prerequisites_of_a_prerequisite_are_pinned_too_when_chained() -> None:
    chain: list[dict[str, Any]] = [
        {"rule": "prerequisite", "id": "p1", "achievement": ref("C"), "requires": [ref("B")]},
        {"rule": "prerequisite", "id": "p2", "achievement": ref("B"), "requires": [ref("A")]},
        {"rule": "required", "id": "core", "achievements": [ref("C")]},
    ]
    pathway = rules(all_of(*chain))
    held = [award(code.lower(), achievement=code) for code in "ABC"]
    assert used(met(pathway, *held)) == {"a": ("p2", 0), "b": ("p1", 0), "c": ("core", 500)}
    unmet(pathway, *held[1:])


def test_exemption_needs_no_prerequisite_when_it_stands_for_the_achievement() -> None:
    needs = {"rule": "prerequisite", "id": "p", "achievement": ref("B"), "requires": [ref("A")]}
    pathway = rules(all_of(needs, {"rule": "required", "id": "core", "achievements": [ref("B")]}))
    met(pathway, award("r", institution="abroad", recognised_by="here", stands_for=[ref("B")]))


@pytest.mark.parametrize(
    "same_day,day,state",
    [
        (True, "2025-01-01", "met"),
        (False, "2025-01-01", "unmet"),
        (False, "2025-01-02", "met"),
        (True, "2024-12-31", "unmet"),
    ],
)
def test_order_compares_days_when_both_kinds_are_used(*, same_day: bool, day: str, state: str) -> None:
    rule = {"rule": "order", "id": "o", "first": {"max_eqf": 5}, "then": {"min_eqf": 6}, "same_day": same_day}
    pathway = rules(all_of(rule, minimum(1000)))
    assert stack(pathway, award("1", eqf_level=5), award("2", eqf_level=6, awarded_on=day)).state == state


# ── what may count ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "start,years,last",
    [
        ("2016-02-29", 7, "2023-02-28"),
        ("2016-02-29", 8, "2024-02-29"),
        ("2017-02-28", 7, "2024-02-28"),
        ("2017-03-01", 7, "2024-03-01"),
        ("1996-02-29", 4, "2000-02-29"),
        ("2096-02-29", 4, "2100-02-28"),
    ],
)
def test_recency_ends_on_the_same_calendar_day_when_years_have_passed(start: str, years: int, last: str) -> None:
    assert last_day(date.fromisoformat(start), years) == date.fromisoformat(last)
    pathway = rules(minimum(500), counting=[{"rule": "recency", "id": "fresh", "years": years}])
    old, end = award("1", awarded_on=start), date.fromisoformat(last)
    met(pathway, old, day=end)
    found = outcome(unmet(pathway, old, day=date.fromordinal(end.toordinal() + 1)), "fresh")
    assert (found.state, found.excluded) == ("unmet", ("1",))


def test_recency_ends_with_the_calendar_when_an_award_is_of_its_last_years() -> None:
    assert last_day(date(9995, 1, 1), 7) == date(9999, 12, 31)
    assert last_day(date(9992, 2, 29), 7) == date(9999, 2, 28)


def test_recency_counts_from_the_re_validation_when_there_is_one() -> None:
    pathway = rules(minimum(500), counting=[{"rule": "recency", "id": "fresh", "years": 7}])
    met(pathway, award("1", awarded_on="2010-01-01", revalidated_on="2019-06-01"))
    unmet(pathway, award("1", awarded_on="2010-01-01", revalidated_on="2019-05-31"))
    unmet(pathway, award("1", awarded_on="2010-01-01", revalidated_on="2026-06-02"))


SCALES = {
    "letters": {"order": ["F", "C", "B", "A"]},
    "german": {"reads": "note", "lowest": "1.0", "highest": "5.0", "better": "lower"},
    "points": {"reads": "points", "lowest": "0", "highest": "100", "better": "higher"},
}
FLOORS = [{"scale": "german", "grade": "2.5"}, {"scale": "points", "grade": "66.7"}, {"scale": "letters", "grade": "B"}]


@pytest.mark.parametrize(
    "facts,state",
    [
        ({"results": {"note": "2.5"}}, "met"),
        ({"results": {"note": "2.50"}}, "met"),
        ({"results": {"note": "2.500001"}}, "unmet"),
        ({"results": {"note": "0.9"}, "grade": "A"}, "met"),
        ({"results": {"points": "66.7"}}, "met"),
        ({"results": {"points": "66.699999"}}, "unmet"),
        ({"results": {"note": "3"}, "grade": "A"}, "unmet"),
        ({"grade": "B"}, "met"),
        ({"grade": "C"}, "unmet"),
        ({"grade": "b"}, "unmet"),
        ({}, "unmet"),
    ],
)
def test_grade_floor_compares_exactly_on_the_first_scale_that_knows_when_declared(
    facts: dict[str, Any], state: str
) -> None:
    floor = {"rule": "grade_floor", "id": "grade", "floors": FLOORS}
    pathway = rules(minimum(500), counting=[floor], scales=SCALES)
    assert stack(pathway, award("1", **facts)).state == state


def test_grade_floor_lets_the_ungraded_count_when_it_says_so() -> None:
    floor = {"rule": "grade_floor", "id": "grade", "floors": FLOORS, "ungraded": "accept"}
    pathway = rules(minimum(500), counting=[floor], scales=SCALES)
    met(pathway, award("1"))
    unmet(pathway, award("1", grade="C"))


@pytest.mark.parametrize("standing", ["suspended", "revoked", "replaced", "expired"])
def test_status_keeps_out_what_is_not_valid_when_nothing_is_said(standing: str) -> None:
    evaluation = unmet(rules(minimum(500)), award("1", standing=standing))
    assert outcome(evaluation, "status").excluded == (() if standing in {"revoked", "replaced"} else ("1",))


def test_status_looks_at_the_day_when_validity_ends() -> None:
    met(rules(minimum(500)), award("1", valid_until=DAY.isoformat()))
    ended = award("1", valid_until="2026-05-31")
    unmet(rules(minimum(500)), ended)
    met(rules(minimum(500), counting=[{"rule": "status", "id": "s", "accept": ["valid", "expired"]}]), ended)


def test_nothing_lets_an_award_count_when_revoked_or_later_than_the_day() -> None:
    loose = rules(
        minimum(500),
        counting=[{"rule": "status", "id": "s", "accept": ["valid", "suspended", "expired"], "waivable": True}],
    )
    unmet(loose, award("1", standing="revoked"), waive=("s",))
    unmet(loose, award("1", awarded_on="2026-06-02"), waive=("s",))
    met(loose, award("1", awarded_on="2026-06-01"))


@pytest.mark.parametrize(
    "facts,state",
    [
        ({"accredited": True, "supervised": True}, "met"),
        ({"accredited": True, "supervised": False}, "unmet"),
        ({"accredited": True}, "unmet"),
        ({"supervised": True}, "unmet"),
    ],
)
def test_quality_asks_for_what_is_known_when_both_are_asked_for(facts: dict[str, Any], state: str) -> None:
    pathway = rules(minimum(500), counting=[{"rule": "quality", "id": "q", "accredited": True, "supervised": True}])
    assert stack(pathway, award("1", **facts)).state == state


def test_a_rule_on_counting_looks_at_some_awards_only_when_it_says_which() -> None:
    quality = {"rule": "quality", "id": "q", "supervised": True, "only": {"min_eqf": 7}}
    pathway = rules(minimum(1000), counting=[quality])
    met(pathway, award("1", eqf_level=6), award("2", eqf_level=7, supervised=True))
    unmet(pathway, award("1", eqf_level=6), award("2", eqf_level=7))


# ── counted once ──────────────────────────────────────────────────────────────────────────────────────────────


def test_two_editions_count_once_when_the_achievement_is_not_repeatable() -> None:
    held = [award("1", achievement="A", edition=1), award("2", achievement="A", edition=2)]
    unmet(rules(minimum(1000)), *held)
    met(rules(minimum(1000), repeatable=[ref("A")]), *held)


def test_an_award_and_what_stands_for_it_count_once_when_both_are_held() -> None:
    other = award("r", institution="abroad", recognised_by="here", stands_for=[ref("A")])
    unmet(rules(minimum(1000)), award("1", achievement="A"), other)


def test_a_recognition_and_its_award_count_once_when_both_are_held() -> None:
    unmet(rules(minimum(1000)), award("1"), award("recognition:1", recognised_by="here", source="1"))
    unmet(rules(minimum(1000)), award("r1", source="paper"), award("r2", source="paper"))


@pytest.mark.parametrize("whole", [{"unpacked": "key"}, {"award": "key"}])
def test_a_whole_and_its_parts_count_once_when_both_are_held(whole: dict[str, str]) -> None:
    diploma = award(whole.get("award", "w"), 1000, **{name: key for name, key in whole.items() if name != "award"})
    parts = [award("p1", origin="key"), award("p2", origin="key")]
    met(rules(minimum(1000)), *parts)
    met(rules(minimum(1000)), diploma)
    unmet(rules(minimum(1500)), diploma, *parts)


# ── what other stacks used ────────────────────────────────────────────────────────────────────────────────────


def test_credits_count_once_when_nothing_is_said_of_overlap() -> None:
    spent = award("1", 1000, spent=[{"target": "Certificate", "amount": 400}])
    evaluation = met(rules(minimum(600)), spent)
    assert evaluation.derivation is not None
    assert [(use.credits, use.spent, use.reused) for use in evaluation.derivation.uses] == [(600, 600, 0)]
    unmet(rules(minimum(601)), spent)


def test_credits_count_again_up_to_the_cap_when_one_speaks_of_them() -> None:
    caps = [{"targets": ["Certificate"], "share": "50%", "size": 1001, "rounding": "down"}]
    pathway = rules(minimum(1000), overlap={"rule": "overlap", "id": "overlap", "caps": caps})
    for amount, state in ((499, "met"), (500, "met"), (501, "unmet")):
        evaluation = stack(pathway, award("1", 1000, spent=[{"target": "Certificate", "amount": amount}]))
        assert evaluation.state == state
    again = met(pathway, award("1", 1000, spent=[{"target": "Certificate", "amount": 500}]))
    assert (outcome(again, "overlap").have, outcome(again, "overlap").need) == (500, 500)
    unmet(pathway, award("1", 1000, spent=[{"target": "Degree", "amount": 1}]))


def test_credits_used_before_stay_unused_when_new_ones_are_enough() -> None:
    pathway = rules(minimum(500), overlap={"rule": "overlap", "id": "overlap", "caps": [{"credits": 10_000}]})
    evaluation = met(pathway, award("1", 1000, spent=[{"target": "Degree", "amount": 500}]))
    assert evaluation.derivation is not None
    assert [(use.credits, use.reused) for use in evaluation.derivation.uses] == [(500, 0)]


# ── discretion ────────────────────────────────────────────────────────────────────────────────────────────────


def test_waiver_lets_one_rule_be_when_it_may_be_waived() -> None:
    pathway = rules(all_of({**choose("two", count=2), "waivable": True}, minimum(500)))
    evaluation = met(pathway, award("1"), waive=("two",))
    assert outcome(evaluation, "two").state == "waived"
    assert evaluation.derivation is not None
    assert evaluation.derivation.waivers[0].rule == "two"
    unmet(pathway, award("1"))


@pytest.mark.parametrize("name", ["total", "nowhere"])
def test_waiver_is_refused_when_the_rule_may_not_be_waived(name: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        stack(rules(minimum(500)), award("1"), waive=(name,))
    assert refused.value.pointer == "/waivers"


def test_an_award_that_is_named_twice_is_refused_when_evaluated() -> None:
    with pytest.raises(InvalidInputError):
        stack(rules(minimum(500)), award("1"), award("1"))


# ── units ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "unit,facts,amount",
    [
        ({"kind": "ects"}, {"credits_centi": 333}, 333),
        ({"kind": "ects"}, {"workload_minutes": 1500}, 0),
        ({"kind": "ects", "minutes_per_ects": 1500}, {"workload_minutes": 1499}, 99),
        ({"kind": "ects", "minutes_per_ects": 1500, "rounding": "half_up"}, {"workload_minutes": 1499}, 100),
        ({"kind": "hours"}, {"workload_minutes": 61}, 61),
        ({"kind": "hours", "minutes_per_ects": 1500}, {"credits_centi": 150}, 2250),
        (
            {"kind": "national", "name": "US", "per": "ects", "numerator": 1, "denominator": 2},
            {"credits_centi": 501},
            250,
        ),
        (
            {
                "kind": "national",
                "name": "US",
                "per": "ects",
                "numerator": 1,
                "denominator": 2,
                "rounding": "half_even",
            },
            {"credits_centi": 503},
            252,
        ),
        (
            {"kind": "national", "name": "NZ", "per": "hour", "numerator": 1, "denominator": 10, "rounding": "up"},
            {"workload_minutes": 601},
            101,
        ),
    ],
)
def test_a_size_is_converted_once_and_rounded_as_the_unit_says(
    unit: dict[str, Any], facts: dict[str, int], amount: int
) -> None:
    pathway = rules(choose("one", count=1), unit=unit)
    assert used(met(pathway, award("1", **{"credits_centi": None, **facts}))) == {"1": ("one", amount)}
