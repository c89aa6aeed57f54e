"""What is said of a stack that is not met: what is missing, and the nearest ways to complete it."""

from __future__ import annotations

from typing import Any

from ledger.stacking.component import AchievementRef
from ledger.stacking.evaluation import Step
from ledger.stacking.selector import Selector
from tests.ledger.stacking.text import all_of, award, outcome, ref, rules, stack

Json = dict[str, Any]


def minimum(amount: int, name: str = "total", **more: Any) -> Json:  # noqa: ANN401  any JSON value
    return {"rule": "minimum", "id": name, "credits": amount, **more}


def choose(name: str, of: Json, **more: int) -> Json:
    return {"rule": "choose", "id": name, "of": of, **more}


def test_completion_names_the_achievement_when_the_pathway_does() -> None:
    evaluation = stack(
        rules({"rule": "required", "id": "core", "achievements": [ref("A"), ref("B")]}), award("1", achievement="A")
    )
    assert [completion.steps for completion in evaluation.nearest] == [
        (Step(kind="earn", rules=("core",), achievement=AchievementRef(institution="here", code="B")),)
    ]


def test_completion_asks_for_the_credits_that_are_missing_when_some_are_there() -> None:
    share = {
        "rule": "share",
        "id": "level",
        "of": {"min_eqf": 6},
        "share": "75%",
        "base": "required",
        "size": 3000,
        "rounding": "up",
    }
    pathway = rules(all_of(minimum(3000), share))
    evaluation = stack(pathway, award("1", 2000, eqf_level=6), award("2", 700, eqf_level=5))
    assert (outcome(evaluation, "total").have, outcome(evaluation, "level").have) == (2700, 2000)
    assert [(step.credits, step.of, step.rules) for step in evaluation.nearest[0].steps] == [
        (250, Selector(min_eqf=6), ("total", "level")),
        (50, Selector(), ("total",)),
    ]


def test_completion_keeps_a_share_of_what_is_counted_when_more_is_earned() -> None:
    share = {"rule": "share", "id": "level", "of": {"min_eqf": 6}, "share": "75%", "base": "counted"}
    evaluation = stack(rules(all_of(minimum(3000), share)), award("1", 1500, eqf_level=6), award("2", 500, eqf_level=5))
    # 1,000 more at level 6: 2,500 of 3,000. Of any level it would be 1,500 of 3,000.
    assert [(step.credits, step.of) for step in evaluation.nearest[0].steps] == [(1000, Selector(min_eqf=6))]


def test_completions_show_each_alternative_when_there_are_several() -> None:
    either = {
        "rule": "any_of",
        "id": "track",
        "rules": [choose("data", {"fields": ["06"]}, credits=1500), choose("law", {"fields": ["04"]}, credits=1500)],
    }
    evaluation = stack(rules(either), award("1", 500, fields=["0613"]), award("2", 1200, fields=["042"]))
    asked = [(completion.steps[0].credits, completion.steps[0].of) for completion in evaluation.nearest]
    assert asked == [(300, Selector(fields=("04",))), (1000, Selector(fields=("06",)))]
    # The best attempt has as many rules unmet either way, and the least part missing: the second alternative.
    assert (outcome(evaluation, "law").have, outcome(evaluation, "data").have) == (1200, 0)


def test_completion_tells_of_a_re_validation_first_when_that_is_enough() -> None:
    pathway = rules(minimum(1000), counting=[{"rule": "recency", "id": "recent", "years": 7}])
    evaluation = stack(pathway, award("1"), award("2", awarded_on="2010-01-01"), award("3", awarded_on="2011-01-01"))
    assert evaluation.nearest[0].steps == (Step(kind="revalidate", rules=("recent",), award="2"),) or (
        evaluation.nearest[0].steps == (Step(kind="revalidate", rules=("recent",), award="3"),)
    )
    assert [step.credits for step in evaluation.nearest[1].steps] == [500]
    assert outcome(evaluation, "recent").excluded == ("2", "3")


def test_completion_tells_of_a_waiver_last_when_the_rule_allows_it() -> None:
    evaluation = stack(rules(all_of({**minimum(1000), "waivable": True}, minimum(500, "least"))), award("1"))
    assert [[step.kind for step in completion.steps] for completion in evaluation.nearest] == [["earn"], ["waiver"]]
    assert evaluation.nearest[1].steps[0].rules == ("total",)


def test_a_rule_on_counting_is_told_as_unmet_only_when_what_it_keeps_out_is_wanted() -> None:
    pathway = rules(
        choose("data", {"fields": ["06"]}, credits=1000), counting=[{"rule": "recency", "id": "recent", "years": 7}]
    )
    wanted = stack(pathway, award("1", awarded_on="2010-01-01", fields=["0613"]))
    other = stack(pathway, award("1", awarded_on="2010-01-01", fields=["0413"]))
    assert (outcome(wanted, "recent").state, outcome(other, "recent").state) == ("unmet", "met")
    assert outcome(other, "recent").excluded == ("1",)


def test_completion_is_in_the_unit_of_the_pathway_when_that_is_a_national_one() -> None:
    unit = {"kind": "national", "name": "credit", "per": "hour", "numerator": 1, "denominator": 10}
    evaluation = stack(rules(minimum(1000), unit=unit), award("1", None, workload_minutes=3000))
    assert [step.credits for step in evaluation.nearest[0].steps] == [500]


def test_nothing_is_offered_when_no_earning_helps() -> None:
    limit = {"rule": "maximum", "id": "few", "of": {}, "credits": 400}
    assert stack(rules(all_of(minimum(500), limit)), award("1", 300)).nearest == ()
