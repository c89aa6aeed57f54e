"""A reference for small cases: every assignment is tried, and each rule is said once more, over plain JSON.

It is written from docs/spec/pathway.md and shares nothing with the code that is tested.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from fractions import Fraction
from itertools import product
from math import ceil, floor
from typing import Any

Json = dict[str, Any]
GROUPS = {"required", "choose", "capstone"}
NESTS = {"all_of", "any_of", "at_least", "credits_from"}


def stackable(text: Json, held: list[Json], day: str, waived: frozenset[str] = frozenset()) -> bool:
    """Tell whether some assignment satisfies the text."""
    able = [award for award in held if counts(text, award, day, waived)]
    names = [rule["id"] for rule in walk(text["rule"]) if rule["rule"] in GROUPS]
    # Beside being used, an award may serve as a prerequisite of others alone.
    aside = [((0, ()), "*")] if any(rule["rule"] == "prerequisite" for rule in walk(text["rule"])) else []
    choices = [[None, *aside, *product(ways(text, award, waived), ["", *names])] for award in able]
    return any(holds_together(text, able, picks, waived) for picks in product(*choices))


def walk(rule: Json) -> Iterator[Json]:
    yield rule
    for inner in rule.get("rules", ()):
        yield from walk(inner)


def credits_of(text: Json, award: Json, part: Fraction, *, up: bool = False) -> int:
    unit = text["unit"]
    centi, minutes, bridge = award.get("credits_centi"), award.get("workload_minutes"), unit.get("minutes_per_ects")
    hours = Fraction(minutes, 60) if minutes is not None else None
    ects = Fraction(centi, 100) if centi is not None else None
    if hours is None and ects is not None and bridge:
        hours = ects * bridge / 60
    if ects is None and minutes is not None and bridge:
        ects = Fraction(minutes, bridge)
    scale = Fraction(unit.get("numerator", 1), unit.get("denominator", 1))
    if unit["kind"] == "hours":
        exact = (hours or 0) * 60
    elif unit.get("per") == "hour":
        exact = (hours or 0) * scale * 100
    else:
        exact = (ects or 0) * scale * 100
    return round_as(Fraction(exact) * part, "up" if up else unit.get("rounding", "down"))


def round_as(value: Fraction, how: str, step: int = 1) -> int:
    value = value / step
    whole = {
        "down": floor(value),
        "up": ceil(value),
        "half_up": floor(value + Fraction(1, 2)),
        "half_even": round(value),
    }[how]
    return whole * step


def own_size(award: Json) -> int:
    size = award.get("credits_centi", award.get("workload_minutes"))
    return size or 0


def ways(text: Json, award: Json, waived: frozenset[str]) -> list[tuple[int, tuple[str, ...]]]:
    """(credits, targets that are used again) of each way to count."""
    spent, size = award.get("spent", []), own_size(award)
    left = max(0, size - sum(item["amount"] for item in spent))
    found: list[tuple[int, tuple[str, ...]]] = []
    if not spent or left:
        found.append((credits_of(text, award, Fraction(left, size) if size else Fraction(1)), ()))
    overlap = text.get("overlap", {"id": "overlap"})
    caps = overlap.get("caps", [])
    if spent and (
        overlap["id"] in waived
        or all(any(not c.get("targets") or s["target"] in c["targets"] for c in caps) for s in spent)
    ):
        found.append((credits_of(text, award, Fraction(1)), tuple(s["target"] for s in spent)))
    return found


def counts(text: Json, award: Json, day: str, waived: frozenset[str]) -> bool:
    if award["awarded_on"] > day or award["standing"] in ("revoked", "replaced"):
        return False
    filters = text.get("counting", [])
    if not any(rule["rule"] == "status" for rule in filters):
        filters = [*filters, {"rule": "status", "id": "status"}]
    return all(
        rule["id"] in waived or not fits(text, award, rule.get("only", {})) or passes(text, award, rule, day)
        for rule in filters
    )


def passes(text: Json, award: Json, rule: Json, day: str) -> bool:  # noqa: C901, PLR0911  one rule after the other
    if rule["rule"] == "scope":
        return fits(text, award, rule["of"])
    if rule["rule"] == "status":
        lapsed = award["standing"] == "valid" and award.get("valid_until", "9999") < day
        return ("expired" if lapsed else award["standing"]) in rule.get("accept", ["valid"])
    if rule["rule"] == "recency":
        start = award["awarded_on"]
        if start < award.get("revalidated_on", "0") <= day:
            start = award["revalidated_on"]
        # As texts: 2023-02-29, which is no day, lies after 28 February and before 1 March.
        return day <= f"{int(start[:4]) + rule['years']}{start[4:]}"
    if rule["rule"] == "quality":
        return all(award.get(fact, False) for fact in ("accredited", "supervised") if rule.get(fact))
    for bottom in rule["floors"]:
        scale = text["scales"][bottom["scale"]]
        reads = scale.get("reads", "grade")
        stated = award.get("grade") if reads == "grade" else award.get("results", {}).get(reads)
        if "order" in scale:
            if stated in scale["order"]:
                return bool(scale["order"].index(stated) >= scale["order"].index(bottom["grade"]))
        elif stated is not None and stated.replace(".", "", 1).lstrip("-").isdigit():
            value, least = Fraction(stated), Fraction(bottom["grade"])
            if Fraction(scale["lowest"]) <= value <= Fraction(scale["highest"]):
                return value >= least if scale["better"] == "higher" else value <= least
    return rule.get("ungraded") == "accept"


def is_a(award: Json, refs: list[Json]) -> bool:
    mine = [{"institution": award["institution"], "code": award.get("achievement")}, *award.get("stands_for", [])]
    return any(ref in mine for ref in refs)


def fits(text: Json, award: Json, selector: Json) -> bool:
    level = award.get("eqf_level")
    recognised = "recognised_by" in award
    tests = [
        "achievements" not in selector or is_a(award, selector["achievements"]),
        "institutions" not in selector or (not recognised and award["institution"] in selector["institutions"]),
        "min_eqf" not in selector or (level is not None and level >= selector["min_eqf"]),
        "max_eqf" not in selector or (level is not None and level <= selector["max_eqf"]),
        "recognised" not in selector or selector["recognised"] == recognised,
        "category" not in selector or fits(text, award, text["categories"][selector.get("category")]),
        "fields" not in selector
        or any(
            mine == field or (mine.isdigit() and field.isdigit() and mine.startswith(field))
            for mine in award.get("fields", [])
            for field in selector["fields"]
        ),
    ]
    return all(tests)


class Trial:
    """One assignment: the awards that are used, with credits and group."""

    def __init__(self, text: Json, pinned: list[tuple[Json, int, str]], waived: frozenset[str]) -> None:
        self.text, self.waived = text, waived
        self.pinned = [award for award, _, _ in pinned]
        self.used = [use for use in pinned if use[2] != "*"]

    def good(self, rule: Json) -> bool:
        return rule["id"] in self.waived or getattr(self, rule["rule"])(rule)

    def sum(self, selector: Json) -> int:
        return sum(size for award, size, _ in self.used if fits(self.text, award, selector))

    def all_of(self, rule: Json) -> bool:
        return all(self.good(inner) for inner in rule["rules"])

    def any_of(self, rule: Json) -> bool:
        return any(self.good(inner) for inner in rule["rules"])

    def at_least(self, rule: Json) -> bool:
        return bool(sum(self.good(inner) for inner in rule["rules"]) >= rule["count"])

    def below(self, rule: Json) -> int:
        if not self.good(rule):
            return 0
        if rule["rule"] in NESTS:
            return sum(self.below(inner) for inner in rule["rules"])
        return sum(size for _, size, group in self.used if group == rule["id"])

    def credits_from(self, rule: Json) -> bool:
        return bool(sum(self.below(inner) for inner in rule["rules"]) >= rule["credits"])

    def members(self, rule: Json) -> list[tuple[Json, int]]:
        return [(award, size) for award, size, group in self.used if group == rule["id"]]

    def required(self, rule: Json) -> bool:
        return all(any(is_a(award, [ref]) for award, _ in self.members(rule)) for ref in rule["achievements"])

    def choose(self, rule: Json) -> bool:
        members = self.members(rule)
        return bool(len(members) >= rule.get("count", 0) and sum(size for _, size in members) >= rule.get("credits", 0))

    def capstone(self, rule: Json) -> bool:
        newest = max((award["awarded_on"] for award, _, _ in self.used), default="")
        return any(not rule.get("last") or award["awarded_on"] == newest for award, _ in self.members(rule))

    def minimum(self, rule: Json) -> bool:
        return bool(self.sum(rule.get("of", {})) >= rule["credits"])

    def maximum(self, rule: Json) -> bool:
        chosen = [size for award, size, _ in self.used if fits(self.text, award, rule["of"])]
        return bool(sum(chosen) <= rule.get("credits", 10**9) and len(chosen) <= rule.get("count", 10**9))

    def share(self, rule: Json) -> bool:
        said = rule["share"]
        share = Fraction(said[:-1]) / 100 if said.endswith("%") else Fraction(said)
        mine = self.sum(rule["of"] if "of" in rule else {"institutions": rule["institutions"]})
        if rule["base"] == "counted":
            return mine >= share * sum(size for _, size, _ in self.used)
        return mine >= round_as(share * rule["size"], rule["rounding"], rule.get("step", 1))

    residency = share

    def order(self, rule: Json) -> bool:
        first = [award for award, _, _ in self.used if fits(self.text, award, rule["first"])]
        then = [award for award, _, _ in self.used if fits(self.text, award, rule["then"])]
        return not any(
            early is not late
            and (
                early["awarded_on"] > late["awarded_on"]
                or (not rule.get("same_day", True) and early["awarded_on"] == late["awarded_on"])
            )
            for early in first
            for late in then
        )

    def prerequisite(self, rule: Json) -> bool:
        early = {"any": lambda _a, _b: True, "before": operator.lt, "not_after": operator.le}[
            rule.get("order", "not_after")
        ]
        return all(
            any(
                other is not award and is_a(other, [ref]) and early(other["awarded_on"], award["awarded_on"])
                for other in self.pinned
            )
            for award in self.pinned
            if {"institution": award["institution"], "code": award.get("achievement")} == rule["achievement"]
            for ref in rule["requires"]
        )


def holds_together(text: Json, able: list[Json], picks: tuple[Any, ...], waived: frozenset[str]) -> bool:
    chosen = [(award, *pick) for award, pick in zip(able, picks, strict=True) if pick is not None]
    groups = {rule["id"]: rule for rule in walk(text["rule"])}
    for award, _, group in chosen:
        if group not in {"", "*"} and not (
            fits(text, award, groups[group]["of"])
            if groups[group]["rule"] == "choose"
            else is_a(award, groups[group]["achievements"])
        ):
            return False
    awards = [award for award, _, group in chosen if group != "*"]
    if any(clash(text, one, other) for at, one in enumerate(awards) for other in awards[:at]):
        return False
    overlap = text.get("overlap", {"id": "overlap"})
    if overlap["id"] not in waived:
        for cap in overlap.get("caps", []):
            again = [
                a
                for a, (_, targets), _ in chosen
                if any(not cap.get("targets") or t in cap["targets"] for t in targets)
            ]
            charged = sum(charge(text, a, cap) for a in again)
            limits = [cap["credits"]] if "credits" in cap else []
            if "share" in cap:
                limits.append(round_as(Fraction(cap["share"][:-1]) / 100 * cap["size"], cap["rounding"]))
            if any(charged > limit for limit in limits) or len(again) > cap.get("awards", 10**9):
                return False
    trial = Trial(text, [(award, size, group) for award, (size, _), group in chosen], waived)
    return trial.good(text["rule"])


def charge(text: Json, award: Json, cap: Json) -> int:
    before = sum(s["amount"] for s in award["spent"] if not cap.get("targets") or s["target"] in cap["targets"])
    part = Fraction(min(own_size(award), before), own_size(award) or 1)
    return min(credits_of(text, award, part, up=True), credits_of(text, award, Fraction(1)))


def clash(text: Json, one: Json, other: Json) -> bool:
    def names(award: Json) -> list[Json]:
        own = [{"institution": award["institution"], "code": award["achievement"]}] if "achievement" in award else []
        return [ref for ref in own + award.get("stands_for", []) if ref not in text.get("repeatable", [])]

    same_award = {one["award"], one.get("source", one["award"])} & {other["award"], other.get("source", other["award"])}
    part = any(
        part.get("origin") is not None and part["origin"] in (whole["award"], whole.get("unpacked"))
        for part, whole in ((one, other), (other, one))
    )
    return bool(same_award) or part or any(ref in names(other) for ref in names(one))
