"""Whether and how an award counts, looked at by itself.

Source: the pathway page of the specification (docs/spec/pathway.md), which says every rule in words.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import MAXYEAR, date
from fractions import Fraction

import msgspec

from ledger.stacking.admission import Admission, GradeFloor, Quality, Recency, Scope, Status
from ledger.stacking.component import Component
from ledger.stacking.overlap import OverlapCap
from ledger.stacking.pathway_rules import PathwayRules
from ledger.stacking.quantity import parse_share, rounded


class Mode(msgspec.Struct, frozen=True):
    """One way in which an award counts.

    Args:
        credits: In the pathway's smallest unit.
        spent: What no other stack used before, in the award's own measure.
        reused: What others used before, in the award's own measure.
    """

    credits: int
    spent: int
    reused: int


def standing_on(component: Component, day: date) -> str:
    """Its standing on *day*: ``expired`` if it was valid until an earlier day."""
    if component.standing == "valid" and component.valid_until is not None and component.valid_until < day:
        return "expired"
    return component.standing


def never_counts(component: Component, day: date) -> bool:
    """Tell whether no rule and no waiver can let it count: awarded later, revoked, or replaced."""
    return component.awarded_on > day or component.standing in {"revoked", "replaced"}


def last_day(start: date, years: int) -> date:
    """The same calendar day *years* later; 28 February for a 29th that the year does not have.

    Where the calendar ends first, in the year 9999, its last day.
    """
    year = start.year + years
    if year > MAXYEAR:
        return date.max
    try:
        return start.replace(year=year)
    except ValueError:
        return start.replace(year=year, day=28)


def admits(  # noqa: PLR0911  one answer for each kind of rule
    rule: Admission, component: Component, rules: PathwayRules, day: date
) -> bool:
    """Tell whether *rule* lets the award count on *day*."""
    if not rule.only.fits(component, rules.categories):
        return True
    match rule:
        case Scope():
            return rule.of.fits(component, rules.categories)
        case Status():
            return standing_on(component, day) in rule.accept
        case Recency():
            return day <= last_day(_fresh_on(component, day), rule.years)
        case GradeFloor():
            return _reaches(rule, component, rules)
        case Quality():
            accredited = not rule.accredited or component.accredited is True
            return accredited and (not rule.supervised or component.supervised is True)
        case _:
            return False


def _fresh_on(component: Component, day: date) -> date:
    anew = component.revalidated_on
    return component.awarded_on if anew is None or anew > day else max(component.awarded_on, anew)


def _reaches(rule: GradeFloor, component: Component, rules: PathwayRules) -> bool:
    for floor in rule.floors:
        scale = rules.scales[floor.scale]
        rank, least = scale.rank_of(component), scale.rank(floor.grade)
        if rank is not None and least is not None:
            return rank >= least
    return rule.ungraded == "accept"


def modes(component: Component, rules: PathwayRules, waived: Collection[str] = ()) -> Iterator[Mode]:
    """Every way in which it counts: with what no other stack used of it, and, where a cap allows it, in full."""
    unit = rules.unit
    if not component.spent:
        yield Mode(unit.amount(component.credits_centi, component.workload_minutes), component.size, 0)
        return
    exact = unit.exact(component.credits_centi, component.workload_minutes)
    size, unspent = component.size, component.unspent
    if unspent:
        yield Mode(rounded(exact * Fraction(unspent, size), unit.rounding), unspent, 0)
    if rules.overlap.id in waived or all(_capped(spent.target, rules) for spent in component.spent):
        yield Mode(rounded(exact, unit.rounding), unspent, size - unspent)


def _capped(target: str, rules: PathwayRules) -> bool:
    return any(speaks_of(cap, target) for cap in rules.overlap.caps)


def speaks_of(cap: OverlapCap, target: str) -> bool:
    """Tell whether *cap* is about what was used for such a *target*."""
    return not cap.targets or target in cap.targets


def cap_limit(cap: OverlapCap) -> int | None:
    """The most credits that *cap* allows, in the pathway's smallest unit; None if it limits awards alone."""
    limits = [] if cap.credits is None else [cap.credits]
    if cap.share is not None and cap.size is not None and cap.rounding is not None:
        limits.append(rounded(parse_share(cap.share) * cap.size, cap.rounding))
    return min(limits, default=None)


def charge(component: Component, cap: OverlapCap, rules: PathwayRules) -> int:
    """Credits that using the award in full takes from *cap*.

    What was used before is rounded up to the smallest unit; but it is never more than the award counts for.
    """
    spent = sum(s.amount for s in component.spent if speaks_of(cap, s.target))
    if not component.size:
        return 0
    exact = rules.unit.exact(component.credits_centi, component.workload_minutes)
    part = Fraction(min(spent, component.size), component.size)
    return min(rounded(exact * part, "up"), rounded(exact, rules.unit.rounding))


def is_charged(component: Component, cap: OverlapCap) -> bool:
    """Tell whether using the award in full is one of the awards that *cap* limits."""
    return any(speaks_of(cap, spent.target) for spent in component.spent)
