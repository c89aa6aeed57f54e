"""Skills of a template, and the shortest way to those that are missing, beside a search through all ways."""

from __future__ import annotations

from itertools import combinations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from ledger.achievement import Outcome
from ledger.detail import Alignment, Details
from ledger.skill import ESCO_SKILL, Offer, shortest_way, skills_of
from tests.ledger.world import TEMPLATE


def offer(key: str, skills: str, minutes: int = 60) -> Offer:
    return Offer(key=key, skills=frozenset(skills), minutes=minutes)


def test_skills_are_those_of_outcomes_and_the_esco_skills_among_alignments() -> None:
    outcomes = (
        Outcome(text="a", skill_uri="https://skills.example/1", skill_name="one"),
        Outcome(text="b"),
        Outcome(text="c", skill_uri="https://skills.example/2"),
    )
    details = Details(
        alignments=(
            Alignment(name="three", url=f"{ESCO_SKILL}3"),
            Alignment(name="else", url="https://case.example/1"),
            Alignment(name="another label", url="https://skills.example/1"),
        )
    )
    found = skills_of(msgspec.structs.replace(TEMPLATE, outcomes=outcomes), details)
    assert found == {
        "https://skills.example/1": "one",
        "https://skills.example/2": "https://skills.example/2",
        f"{ESCO_SKILL}3": "three",
    }


def test_way_is_shorter_than_the_greedy_one_when_the_widest_offer_misleads() -> None:
    # The widest offer first would leave two more to earn.
    offers = [offer("wide", "bcde"), offer("left", "abc"), offer("right", "def")]
    assert shortest_way("abcdef", offers).keys == ("left", "right")


def test_way_has_the_least_work_when_several_are_as_short() -> None:
    offers = [offer("slow", "ab", 900), offer("quick", "ab", 100), offer("half", "a", 1)]
    assert shortest_way("ab", offers).keys == ("quick",)


def test_way_names_what_nobody_offers_and_closes_the_rest() -> None:
    way = shortest_way("xaz", [offer("one", "a")])
    assert (way.keys, way.beyond, way.is_shortest) == (("one",), ("x", "z"), True)


def test_way_is_empty_when_nothing_is_wanted() -> None:
    assert shortest_way("", [offer("one", "a")]).keys == ()


def test_way_says_that_it_may_not_be_the_shortest_when_the_steps_are_used_up() -> None:
    offers = [offer(f"{a}{b}", a + b) for a, b in combinations("abcdefghij", 2)]
    way = shortest_way("abcdefghij", offers, steps=3)
    assert not way.is_shortest
    assert frozenset("".join(way.keys)) == frozenset("abcdefghij")


OFFERS = st.lists(
    st.builds(
        Offer,
        key=st.integers(0, 99).map(str),
        skills=st.frozensets(st.sampled_from("abcdef"), min_size=1),
        minutes=st.integers(1, 4),
    ),
    max_size=7,
    unique_by=lambda one: one.key,
)


@given(st.frozensets(st.sampled_from("abcdef")), OFFERS, st.randoms(use_true_random=False))
def test_way_is_the_best_of_all_and_independent_of_the_order(
    wanted: frozenset[str], offers: list[Offer], random: object
) -> None:
    target = wanted & frozenset[str]().union(*(one.skills for one in offers))
    ways = (
        (size, sum(one.minutes for one in chosen), tuple(sorted(one.key for one in chosen)))
        for size in range(len(offers) + 1)
        for chosen in combinations(offers, size)
        if target <= frozenset[str]().union(*(one.skills for one in chosen))
    )
    shuffled = list(offers)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # a random.Random
    way = shortest_way(sorted(wanted), shuffled)
    assert way.keys == min(ways)[2]
    assert way.beyond == tuple(sorted(wanted - target))
    assert way.is_shortest
