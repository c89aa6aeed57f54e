"""Small pathways and awards for Hypothesis: few codes, few days and sizes, so that they meet each other often."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.ledger.stacking.text import CASCADE, ref

CODES = ["A", "B", "C", "D"]
PLACES = ["here", "there"]
DAYS = ["2016-02-29", "2019-06-01", "2024-01-01", "2025-01-01"]
Json = dict[str, Any]

refs = st.builds(ref, st.sampled_from(CODES), st.sampled_from(PLACES))
few_refs = st.lists(refs, min_size=1, max_size=2, unique_by=repr)
sizes = st.sampled_from([100, 300, 500, 550, 1000])
amounts = st.sampled_from([100, 500, 600, 1000, 1050, 1500, 2000])
rounding = st.sampled_from(["down", "up", "half_up", "half_even"])
shares = st.sampled_from(["50%", "75%", "1/3", "33.3%", "100%"])


def record(must: Json, may: Json) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries(must, optional=may)


selectors = record(
    {},
    {
        "achievements": few_refs,
        "institutions": st.lists(st.sampled_from(PLACES), min_size=1, max_size=1),
        "fields": st.lists(st.sampled_from(["06", "0613", "data"]), min_size=1, max_size=1),
        "min_eqf": st.sampled_from([5, 6]),
        "recognised": st.booleans(),
        "category": st.just("core"),
    },
)
of_base = st.one_of(
    st.just({"base": "counted"}),
    record(
        {"base": st.just("required"), "size": amounts, "rounding": rounding}, {"step": st.sampled_from([1, 100, 300])}
    ),
)


def merged(one: st.SearchStrategy[Json], other: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    return st.builds(lambda a, b: {**a, **b}, one, other)


def tagged(kind: str, must: Json, may: Json | None = None) -> st.SearchStrategy[Json]:
    return record({"rule": st.just(kind), **must}, {"waivable": st.just(True), **(may or {})})


groups = st.one_of(
    tagged("required", {"achievements": few_refs}),
    tagged("choose", {"of": selectors}, {"count": st.integers(0, 3), "credits": amounts}),
    tagged("capstone", {"achievements": few_refs}, {"last": st.booleans()}),
)
leaves = st.one_of(
    groups,
    groups,
    tagged("minimum", {"credits": amounts}, {"of": selectors}),
    tagged("maximum", {"of": selectors, "credits": amounts}, {"count": st.integers(0, 2)}),
    merged(tagged("share", {"of": selectors, "share": shares}), of_base),
    merged(
        tagged(
            "residency", {"institutions": st.lists(st.sampled_from(PLACES), min_size=1, max_size=1), "share": shares}
        ),
        of_base,
    ),
    tagged(
        "prerequisite",
        {"achievement": st.just(ref("A")), "requires": st.sampled_from([[ref("B")], [ref("B"), ref("C", "there")]])},
        {"order": st.sampled_from(["before", "not_after", "any"])},
    ),
    tagged(
        "prerequisite",
        {"achievement": st.just(ref("B")), "requires": st.just([ref("A")])},
        {"order": st.sampled_from(["before", "not_after", "any"])},
    ),
    tagged("order", {"first": selectors, "then": selectors}, {"same_day": st.booleans()}),
)


def nests(inner: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    several = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        tagged("all_of", {"rules": several}),
        tagged("any_of", {"rules": several}),
        st.builds(
            lambda rules, count: {"rule": "at_least", "rules": rules, "count": min(count, len(rules))},
            several,
            st.integers(1, 3),
        ),
        tagged("credits_from", {"rules": several, "credits": amounts}),
    )


broad = st.sampled_from(
    [
        {},
        {"institutions": ["here"]},
        {"category": "core"},
        {"min_eqf": 5},
        {"fields": ["06"]},
        {"achievements": [ref("A"), ref("B"), ref("C")]},
    ]
)
wanted = st.one_of(
    tagged("choose", {"of": broad, "credits": st.sampled_from([300, 500, 800, 1000])}),
    tagged("choose", {"of": broad, "count": st.integers(1, 2)}),
    tagged("required", {"achievements": few_refs}),
    tagged("capstone", {"achievements": few_refs}, {"last": st.booleans()}),
    tagged("minimum", {"credits": st.sampled_from([500, 1000, 1500])}, {"of": broad}),
)
some = st.one_of(wanted, wanted, leaves)
trees = st.one_of(
    nests(leaves),
    nests(st.one_of(leaves, nests(leaves))),
    # Something is asked for in any case.
    st.builds(
        lambda one, rest: {"rule": "all_of", "rules": [one, *rest]},
        wanted,
        st.lists(st.one_of(some, some, nests(some)), min_size=1, max_size=3),
    ),
)

counting_rules = st.one_of(
    tagged("scope", {"of": selectors}),
    tagged("status", {"accept": st.sampled_from([["valid"], ["valid", "expired"], ["valid", "suspended", "expired"]])}),
    tagged("recency", {"years": st.sampled_from([1, 7, 10])}, {"only": selectors}),
    tagged(
        "grade_floor",
        {
            "floors": st.sampled_from(
                [
                    [{"scale": "letters", "grade": "B"}],
                    [{"scale": "points", "grade": "2.7"}, {"scale": "letters", "grade": "C"}],
                ]
            )
        },
        {"ungraded": st.sampled_from(["refuse", "accept"])},
    ),
    tagged("quality", {"accredited": st.booleans(), "supervised": st.just(True)}),
)
SCALES = {
    "letters": {"order": ["F", "C", "B", "A"]},
    "points": {"reads": "gpa", "lowest": "1.0", "highest": "5.0", "better": "lower"},
}
units = st.sampled_from(
    [
        {"kind": "ects"},
        {"kind": "ects", "minutes_per_ects": 1500},
        {"kind": "hours", "minutes_per_ects": 1500},
        {
            "kind": "national",
            "name": "semester credit",
            "per": "ects",
            "numerator": 1,
            "denominator": 2,
            "rounding": "half_even",
        },
        {
            "kind": "national",
            "name": "credit",
            "per": "hour",
            "numerator": 1,
            "denominator": 3,
            "minutes_per_ects": 1500,
            "rounding": "up",
        },
    ]
)
caps = record(
    {"credits": st.sampled_from([0, 300, 500, 1000])},
    {"targets": st.sampled_from([["Degree"], ["Certificate"]]), "awards": st.integers(0, 2)},
)
overlaps = st.fixed_dictionaries(
    {"rule": st.just("overlap"), "id": st.just("overlap")}, optional={"caps": st.lists(caps, max_size=2)}
)


@st.composite
def pathways(draw: st.DrawFn) -> Json:
    tree = draw(trees)
    number = 0

    def name(rule: Json) -> Json:
        nonlocal number
        number += 1
        named = {**rule, "id": f"r{number}"}
        if "rules" in rule:
            named["rules"] = [name(inner) for inner in rule["rules"]]
        return named

    whole = {
        "format": "cairn/pathway/v1",
        "unit": draw(units),
        "cascade": CASCADE,
        "rule": name(tree),
        "categories": {"core": {"achievements": [ref("A"), ref("B", "there")]}},
        "scales": SCALES,
        "counting": [name(rule) for rule in draw(st.one_of(st.just([]), st.lists(counting_rules, max_size=1)))],
        "overlap": draw(overlaps),
    }
    if draw(st.booleans()):
        whole["repeatable"] = [ref("A")]
    return whole


facts = record(
    {
        "institution": st.sampled_from(PLACES),
        "awarded_on": st.sampled_from(DAYS),
        "standing": st.sampled_from(["valid"] * 6 + ["suspended", "revoked"]),
    },
    {
        "achievement": st.sampled_from(CODES),
        "credits_centi": sizes,
        "workload_minutes": st.sampled_from([60, 1500, 12_000]),
        "eqf_level": st.integers(4, 7),
        "fields": st.lists(st.sampled_from(["0613", "0311", "data"]), max_size=2, unique=True),
        "valid_until": st.sampled_from(["2020-01-01", "2030-01-01"]),
        "grade": st.sampled_from(["A", "B", "C", "b"]),
        "results": st.fixed_dictionaries({"gpa": st.sampled_from(["2.7", "2.71", "1", "6"])}),
        "accredited": st.booleans(),
        "supervised": st.booleans(),
        "revalidated_on": st.sampled_from(["2024-06-01", "2027-01-01"]),
        "recognised_by": st.just("here"),
        "stands_for": few_refs,
        "source": st.sampled_from(["a0", "doc"]),
        "origin": st.just("whole"),
        "unpacked": st.just("whole"),
        "spent": st.lists(
            st.fixed_dictionaries(
                {"target": st.sampled_from(["Degree", "Certificate"]), "amount": st.sampled_from([100, 300, 500])}
            ),
            min_size=1,
            max_size=2,
        ),
    },
)


def held(most: int) -> st.SearchStrategy[list[Json]]:
    plain = record(
        {
            "institution": st.sampled_from(["here", "here", "there"]),
            "awarded_on": st.sampled_from(DAYS[2:]),
            "standing": st.just("valid"),
            "credits_centi": sizes,
            "workload_minutes": st.just(9_000),
            "achievement": st.sampled_from(CODES),
            "eqf_level": st.integers(5, 6),
            "fields": st.just(["0613", "data"]),
            "grade": st.just("A"),
            "supervised": st.just(True),
            "accredited": st.just(True),
        },
        {},
    )
    nameless = plain.map(lambda fact: {name: value for name, value in fact.items() if name != "achievement"})
    return st.lists(st.one_of(plain, plain, nameless, facts), min_size=1, max_size=most).map(
        lambda found: [{**fact, "award": f"a{number}"} for number, fact in enumerate(found)]
    )
