"""The search: exact where greedy is wrong, the same everywhere, and undecided where the budget runs out."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from ledger.error import InvalidInputError
from ledger.stacking.alternative import Alternatives
from ledger.stacking.candidate import Candidates
from ledger.stacking.component import Component
from ledger.stacking.encoding import Encoding
from ledger.stacking.evaluate import MAX_COMPONENTS
from ledger.stacking.greedy import greedy, holds
from ledger.stacking.pathway_rules import PathwayRules
from ledger.stacking.search import Meter, OutOfBudgetError, Program
from tests.ledger.stacking.reference import stackable
from tests.ledger.stacking.text import DAY, all_of, award, ref, rules, stack, text

Json = dict[str, Any]


def choose(name: str, of: Json, **more: int) -> Json:
    return {"rule": "choose", "id": name, "of": of, **more}


def encoded(pathway: PathwayRules, *components: Component) -> Encoding:
    candidates = Candidates(pathway, components, frozenset(), DAY)
    way = next(Alternatives(frozenset(), lambda _: True).ways(pathway.rule))
    return Encoding(candidates, way, frozenset())


def test_greedy_finds_nothing_and_the_search_does_when_credits_have_to_be_parted_exactly() -> None:
    # 11 + 7 + 2 and 8 + 8 + 4: whoever puts the largest first where most is lacking does not come upon it.
    pathway = rules(all_of(choose("one", {}, credits=2000), choose("two", {}, credits=2000)))
    held = [award(str(number), size) for number, size in enumerate((1100, 800, 800, 700, 400, 200))]
    encoding = encoded(pathway, *held)
    assert not holds(encoding.vectors, encoding.needs, greedy(encoding.vectors, encoding.needs))
    evaluation = stack(pathway, *held)
    assert evaluation.state == "met"
    assert evaluation.derivation is not None
    sums = {
        name: sum(use.credits for use in evaluation.derivation.uses if use.group == name) for name in ("one", "two")
    }
    assert sums == {"one": 2000, "two": 2000}


def first_come(pathway: Json, held: list[Component]) -> dict[str, int]:
    """What a ledger without search would do: each award goes to the first group that it fits and that lacks credits."""
    lacking = {group["id"]: group["credits"] for group in pathway["rules"]}
    for component in held:
        for group in pathway["rules"]:
            if lacking[group["id"]] > 0 and set(component.fields) & set(group["of"]["fields"]):
                lacking[group["id"]] -= component.credits_centi or 0
                break
    return lacking


def test_first_come_first_served_fails_and_the_search_finds_a_way_when_groups_overlap() -> None:
    tree = all_of(choose("wide", {"fields": ["a", "b"]}, credits=500), choose("narrow", {"fields": ["a"]}, credits=500))
    held = [award("1", fields=["a"]), award("2", fields=["b"])]
    assert first_come(tree, held) == {"wide": 0, "narrow": 500}
    evaluation = stack(rules(tree), *held)
    assert evaluation.derivation is not None
    assert {use.award: use.group for use in evaluation.derivation.uses} == {"1": "narrow", "2": "wide"}


def test_search_proves_that_there_is_none_when_sizes_do_not_divide() -> None:
    # 20 awards of 3 credits: two groups of 29 come to 30 each in whole awards, and a third has then nothing.
    groups = [choose(name, {}, credits=2000) for name in ("one", "two", "three")]
    pathway = rules(all_of(*groups))
    assert stack(pathway, *(award(f"{number:02}", 300) for number in range(20))).state == "unmet"
    assert stack(pathway, *(award(f"{number:02}", 300) for number in range(21))).state == "met"


def hard_case() -> tuple[PathwayRules, list[Component]]:
    random = Random(7)
    held = [award(f"{number:02}", random.randrange(10_001, 99_999, 2)) for number in range(24)]
    need = sum(component.credits_centi or 0 for component in held) // 3
    return rules(all_of(*(choose(f"group-{n}", {}, credits=need) for n in range(3)))), held


def test_evaluation_is_undecided_and_says_so_when_the_budget_runs_out() -> None:
    pathway, held = hard_case()
    evaluation = stack(pathway, *held, steps=300)
    assert evaluation.state == "undecided"
    assert evaluation.derivation is None
    assert evaluation.steps <= 300
    states = {outcome.rule: outcome.state for outcome in evaluation.outcomes}
    assert "unmet" not in states.values()
    assert "undecided" in states.values()


def test_evaluation_gives_the_same_answer_when_asked_again_with_the_same_budget() -> None:
    pathway, held = hard_case()
    answers = [stack(pathway, *order, steps=400) for order in (held, held[::-1], held)]
    assert answers[0] == answers[1] == answers[2]


def test_a_budget_of_no_steps_decides_nothing_but_what_is_plain_when_given() -> None:
    pathway = rules(choose("one", {}, count=1))
    assert stack(pathway, award("1"), steps=0).state == "undecided"
    assert stack(pathway, steps=0).state == "unmet"


def test_as_many_awards_as_are_allowed_are_searched_and_one_more_is_refused_when_there_are_so_many() -> None:
    # Two groups that part everything exactly: the search goes down to the last award.
    sizes = [100 + number for number in range(MAX_COMPONENTS)]
    held = [award(f"{number:03}", size) for number, size in enumerate(sizes)]
    pathway = rules(all_of(choose("one", {}, credits=sum(sizes) // 2), choose("two", {}, credits=sum(sizes) // 2)))
    assert stack(pathway, *held).state == "met"
    with pytest.raises(InvalidInputError):
        stack(pathway, *held, award("more"))


def test_meter_counts_every_step_when_it_runs_out() -> None:
    meter = Meter(3)
    meter.spend(2)
    with pytest.raises(OutOfBudgetError):
        meter.spend(2)
    assert (meter.left, meter.used) == (0, 3)


def test_program_raises_needs_to_what_the_numbers_can_make_when_they_have_a_divisor() -> None:
    program = Program([[(), ((0, 300),)]] * 3, [700], [])
    assert program.needs == [900]
    assert program.solve(Meter(100)) == [1, 1, 1]
    assert Program([[(), ((0, 300),)]] * 2, [700], []).solve(Meter(100)) is None


def test_more_ways_than_are_looked_at_is_undecided_when_none_of_them_leads_to_the_end() -> None:
    # 2^9 ways, and in every one of them two groups ask for the same award.
    pairs = [
        {"rule": "any_of", "id": f"pair-{n}", "rules": [choose(f"a{n}", {}, count=1), choose(f"b{n}", {}, count=1)]}
        for n in range(9)
    ]
    rivals = [{"rule": "required", "id": name, "achievements": [ref("A")]} for name in ("one", "two")]
    held = [award(str(n)) for n in range(10)]
    assert stack(rules(all_of(*pairs, *rivals)), *held, award("a", achievement="A"), steps=10**6).state == "undecided"
    assert stack(rules(all_of(*pairs, rivals[0])), *held, award("a", achievement="A")).state == "met"


def near(random: Random) -> tuple[Json, list[Json]]:
    """A pathway that is made of a solution, with every number moved by a little or not at all, and the awards."""
    held: list[Json] = [
        {
            "award": f"a{number}",
            "institution": random.choice(["here", "there"]),
            "achievement": f"{random.choice('ABCDEFGH')}",
            "awarded_on": random.choice(["2024-01-01", "2024-06-01", "2025-01-01"]),
            "standing": "valid",
            "credits_centi": random.choice([100, 200, 250, 300, 350, 500]),
            "eqf_level": random.choice([5, 6, 7]),
            "fields": [random.choice(["0611", "0612", "0311"])],
        }
        for number in range(random.choice([4, 5, 5]))
    ]
    selectors: list[Json] = [
        {},
        {"fields": ["06"]},
        {"fields": ["0611", "0311"]},
        {"min_eqf": 6},
        {"institutions": ["here"]},
    ]
    groups, children = random.choice([1, 2, 2, 3]), []
    split = [random.randrange(groups + 1) for _ in held]
    for number in range(groups):
        mine = [one for one, place in zip(held, split, strict=True) if place == number]
        size = sum(one["credits_centi"] for one in mine) + random.choice([-50, -50, 0, 0, 50])
        of = random.choice(selectors)
        if random.random() < 0.2 and mine:
            children.append(
                {
                    "rule": "required",
                    "id": f"g{number}",
                    "achievements": [ref(mine[0]["achievement"], mine[0]["institution"])],
                }
            )
        else:
            children.append(choose(f"g{number}", of, credits=max(0, size), count=random.choice([0, 0, len(mine)])))
    total = sum(one["credits_centi"] for one in held)
    extras: list[Json] = [
        {"rule": "minimum", "id": "total", "credits": max(50, total - random.choice([0, 0, 250, 500]))},
        {
            "rule": "share",
            "id": "share",
            "of": random.choice(selectors[1:]),
            "share": random.choice(["50%", "2/3", "75%"]),
            "base": "counted",
        },
        {"rule": "maximum", "id": "most", "of": random.choice(selectors[1:]), "count": random.choice([1, 2, 3])},
        {"rule": "order", "id": "order", "first": {"max_eqf": 5}, "then": {"min_eqf": 6}},
        {
            "rule": "capstone",
            "id": "end",
            "achievements": [ref(held[0]["achievement"], held[0]["institution"])],
            "last": True,
        },
    ]
    children += random.sample(extras, random.choice([0, 1, 1, 2]))
    if random.random() < 0.3:
        children = [
            {"rule": "credits_from", "id": "pool", "credits": max(50, total - 300), "rules": children[:2]},
            *children[2:],
        ]
    if random.random() < 0.2:
        children = [{"rule": "any_of", "id": "either", "rules": children[:2]}, *children[2:]]
    return text(all_of(*children)), held


@pytest.mark.parametrize("seed", range(12))
def test_evaluation_agrees_with_trying_every_assignment_when_needs_are_near_what_there_is(seed: int) -> None:
    random = Random(seed)
    seen = {"met": 0, "unmet": 0}
    for _ in range(12):
        whole, held = near(random)
        pathway = rules(whole["rule"])
        answer = stack(
            pathway,
            *(award(**{"name": one["award"], **{k: v for k, v in one.items() if k != "award"}}) for one in held),
        )
        expected = "met" if stackable(whole, held, DAY.isoformat()) else "unmet"
        assert (answer.state, whole, held) == (expected, whole, held)
        seen[expected] += 1
    assert min(seen.values()) >= 1
