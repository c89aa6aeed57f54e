"""The corpus on which stacking is measured: pathways of up to 50 rules and learners with up to 200 awards.

Made from a fixed seed, so that it is the same everywhere. Kinds, in equal numbers:

- ``plain``: a master's with core, electives, total, level share, residency, recency; the learner has plenty.
- ``lacking``: the same, and something is missing.
- ``wide``: 200 awards and 50 rules, nested, with alternatives.
- ``tight``: groups that overlap ask for all that there is, in steps of half a credit.
- ``limits``: shares of what is counted, maxima, caps on what was used before, duplicates, order.
- ``knapsack``: two to four groups over the same awards ask for all of their credits but a few hundredths, and sizes are
  arbitrary hundredths. Nobody awards such credits; it is the worst that we could think of.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random
from typing import Any, Final, NamedTuple

from ledger.stacking.component import AchievementRef, Component, Spent
from ledger.stacking.pathway_rules import PathwayRules
from ledger.stacking.text_form import convert

DAY: Final = date(2026, 6, 1)
SEED: Final = 20_260_601
KINDS: Final = ("plain", "lacking", "wide", "tight", "limits", "knapsack")
_HOME, _AWAY = "riverbank", "hillside"
_OF_TEN_AT_HOME = 7
_FIELDS = ("0311", "0413", "0612", "0613", "0711")
Json = dict[str, Any]


class Case(NamedTuple):
    """One pathway and what one learner holds."""

    kind: str
    rules: PathwayRules
    components: tuple[Component, ...]


def corpus(count: int, seed: int = SEED) -> Iterator[Case]:
    """Make *count* cases, of each kind as many as of any other."""
    random = Random(seed)  # noqa: S311  the same cases everywhere; no secret is made with it
    makers = {"plain": _plain, "lacking": _lacking, "wide": _wide, "tight": _tight, "limits": _limits}
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        rule, components, more = makers.get(kind, _knapsack)(random)
        yield Case(kind, _text(rule, more), tuple(components))


def _text(rule: Json, more: Json) -> PathwayRules:
    whole = {
        "format": "cairn/pathway/v1",
        "unit": {"kind": "ects"},
        "cascade": {"on_loss": "review", "deadline_days": 30, "appeal_days": 14},
        "rule": rule,
        **more,
    }
    rules = convert(whole, PathwayRules)
    rules.check()
    return rules


def _awards(random: Random, count: int, sizes: tuple[int, ...]) -> list[Component]:
    """Awards of achievements that are all different."""
    return [
        Component(
            award=f"award-{random.getrandbits(64):016x}",
            institution=_HOME if random.randrange(10) < _OF_TEN_AT_HOME else _AWAY,
            achievement=f"M{number:03}",
            credits_centi=random.choice(sizes),
            eqf_level=random.choice((5, 6, 6, 7)),
            fields=(random.choice(_FIELDS),),
            awarded_on=DAY - timedelta(days=random.randrange(3_000)),
            standing="valid",
            grade=random.choice("ABBCD"),
            accredited=True,
            supervised=random.randrange(10) > 0,
        )
        for number in range(count)
    ]


_SIZES = (100, 150, 200, 250, 300, 400, 500, 600, 750)


def _choose(name: str, of: Json, **more: int) -> Json:
    return {"rule": "choose", "id": name, "of": of, **more}


def _all(*rules: Json) -> Json:
    return {"rule": "all_of", "id": "root", "rules": list(rules)}


def _refs(components: list[Component]) -> list[Json]:
    return [{"institution": one.institution, "code": str(one.achievement)} for one in components]


def _master(random: Random, components: list[Component], total: int) -> tuple[Json, Json]:
    fresh = [one for one in components if one.awarded_on > DAY - timedelta(days=2_500) and one.grade in {"A", "B"}]
    rule = _all(
        {"rule": "required", "id": "core", "achievements": _refs(random.sample(fresh, min(3, len(fresh))))},
        _choose("data", {"fields": ["06"]}, credits=total // 6),
        _choose("context", {"fields": ["03", "04"]}, credits=total // 10, count=2),
        {"rule": "minimum", "id": "total", "credits": total},
        {"rule": "share", "id": "level", "of": {"min_eqf": 6}, "share": "75%", "base": "counted"},
        {
            "rule": "residency",
            "id": "here",
            "institutions": [_HOME],
            "share": "50%",
            "base": "required",
            "size": total,
            "rounding": "up",
        },
    )
    more = {
        "counting": [
            {"rule": "recency", "id": "recent", "years": 7},
            {"rule": "grade_floor", "id": "grade", "floors": [{"scale": "letters", "grade": "C"}]},
        ],
        "scales": {"letters": {"order": ["F", "D", "C", "B", "A"]}},
    }
    return rule, more


def _plain(random: Random) -> tuple[Json, list[Component], Json]:
    components = _awards(random, random.randrange(30, 201), _SIZES)
    usable = sum(one.credits_centi or 0 for one in components)
    rule, more = _master(random, components, min(12_000, usable // 3))
    return rule, components, more


def _lacking(random: Random) -> tuple[Json, list[Component], Json]:
    components = _awards(random, random.randrange(30, 201), _SIZES)
    usable = sum(one.credits_centi or 0 for one in components)
    rule, more = _master(random, components, usable)
    return rule, components, more


def _wide(random: Random) -> tuple[Json, list[Component], Json]:
    """200 awards; 8 certificates with alternatives inside, of which at least 5 are asked for; 50 rules in all."""
    components = _awards(random, 200, _SIZES)
    certificates = []
    for number in range(8):
        some = random.sample(components, 40)
        certificates.append(
            {
                "rule": "all_of",
                "id": f"certificate-{number}",
                "rules": [
                    {
                        "rule": "any_of",
                        "id": f"start-{number}",
                        "rules": [
                            {"rule": "required", "id": f"base-{number}", "achievements": _refs(some[:2])},
                            _choose(f"other-{number}", {"achievements": _refs(some[2:8])}, count=3),
                        ],
                    },
                    _choose(f"pool-{number}", {"achievements": _refs(some[8:])}, credits=random.choice((1_000, 1_500))),
                ],
            }
        )
    extra = [{"rule": "minimum", "id": f"field-{f}", "of": {"fields": [f]}, "credits": 500} for f in _FIELDS]
    rule = _all(
        {"rule": "at_least", "id": "certificates", "count": 5, "rules": certificates},
        {"rule": "minimum", "id": "total", "credits": 18_000},
        {"rule": "share", "id": "level", "of": {"min_eqf": 6}, "share": "2/3", "base": "counted"},
        *extra,
    )
    return rule, components, {}


def _tight(random: Random) -> tuple[Json, list[Component], Json]:
    components = _awards(random, random.randrange(20, 121), _SIZES)
    places: dict[str, int] = {}
    overlapping = (("06", "03"), ("03", "04"), ("04", "07"))
    for one in components:
        open_to = [number for number, pair in enumerate(overlapping) if one.fields[0][:2] in pair]
        if open_to:
            name = f"pair-{random.choice(open_to)}"
            places[name] = places.get(name, 0) + (one.credits_centi or 0)
    spare = random.choice((0, 0, 50, -50))
    rules = [
        _choose(name, {"fields": list(overlapping[int(name[-1])])}, credits=max(50, need - spare))
        for name, need in sorted(places.items())
    ]
    return _all(*rules), components, {}


def _limits(random: Random) -> tuple[Json, list[Component], Json]:
    components = _awards(random, random.randrange(60, 181), _SIZES)
    changed = []
    for one in components:
        facts: Json = {}
        if not random.randrange(5):
            facts["spent"] = (Spent(target=random.choice(("Degree", "Certificate")), amount=one.credits_centi or 0),)
        if not random.randrange(5):
            facts["stands_for"] = (AchievementRef(institution=_HOME, code=f"M{random.randrange(len(components)):03}"),)
            facts["recognised_by"] = _HOME
        changed.append(_replaced(one, facts))
    usable = sum(one.credits_centi or 0 for one in changed)
    total = usable * random.choice((30, 40, 50, 55, 60)) // 10_000 * 100
    rule = _all(
        {"rule": "minimum", "id": "total", "credits": total},
        {"rule": "share", "id": "level", "of": {"min_eqf": 6}, "share": "80%", "base": "counted"},
        {"rule": "residency", "id": "here", "institutions": [_HOME], "share": "60%", "base": "counted"},
        {"rule": "maximum", "id": "carried", "of": {"recognised": True}, "credits": total // 5},
        {"rule": "maximum", "id": "low", "of": {"max_eqf": 5}, "count": 6},
        {
            "rule": "order",
            "id": "level-order",
            "first": {"fields": ["0612"], "max_eqf": 5},
            "then": {"fields": ["0612"], "min_eqf": 7},
        },
        {
            "rule": "capstone",
            "id": "capstone",
            "achievements": _refs(sorted(changed, key=lambda c: c.awarded_on)[-12:]),
            "last": True,
        },
        _choose("data", {"fields": ["06"]}, credits=total // 4),
    )
    overlap = {
        "rule": "overlap",
        "id": "overlap",
        "caps": [
            {"targets": ["Degree"], "share": "50%", "size": total, "rounding": "down"},
            {"targets": ["Certificate"], "credits": 400, "awards": 1},
        ],
    }
    return rule, changed, {"overlap": overlap}


def _replaced(one: Component, facts: Json) -> Component:
    return Component(**{**{name: getattr(one, name) for name in one.__struct_fields__}, **facts})


def _knapsack(random: Random) -> tuple[Json, list[Component], Json]:
    groups = random.choice((2, 3, 4))
    components = _awards(random, random.choice((12, 24, 48, 200)), tuple(range(101, 1_500)))
    usable = sum(one.credits_centi or 0 for one in components)
    need = (usable - random.choice((0, 3, 20))) // groups
    return _all(*(_choose(f"group-{number}", {}, credits=need) for number in range(groups))), components, {}
