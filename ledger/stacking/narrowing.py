"""What fits two selectors at once, and an award that would fit one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date

import msgspec

from ledger.stacking.component import AchievementRef, Component
from ledger.stacking.quantity import CENTI, MINUTES, Unit
from ledger.stacking.selector import Selector

Categories = Mapping[str, Selector]


def narrowed(one: Selector, other: Selector, categories: Categories) -> Selector | None:
    """A selector of what fits both, or None if there is none, or none that one selector can say."""
    if one.category is not None and other.category not in {None, one.category}:
        # Two categories: the other one is written out.
        spelled = narrowed(msgspec.structs.replace(other, category=None), categories[str(other.category)], categories)
        return None if spelled is None else narrowed(one, spelled, categories)
    lists: dict[str, tuple[object, ...]] = {}
    for name in ("achievements", "institutions", "fields"):
        mine, theirs = getattr(one, name), getattr(other, name)
        lists[name] = tuple(item for item in mine if item in theirs) if mine and theirs else mine or theirs
        if mine and theirs and not lists[name]:
            return None
    lowest = max((level for level in (one.min_eqf, other.min_eqf) if level is not None), default=None)
    highest = min((level for level in (one.max_eqf, other.max_eqf) if level is not None), default=None)
    if lowest is not None and highest is not None and lowest > highest:
        return None
    recognised = {one.recognised, other.recognised} - {None}
    if len(recognised) > 1 or (True in recognised and lists["institutions"]):
        return None
    return msgspec.convert(
        {
            **lists,
            "min_eqf": lowest,
            "max_eqf": highest,
            "recognised": next(iter(recognised), None),
            "category": one.category or other.category,
        },
        Selector,
    )


def example(
    award: str, selector: Selector, categories: Categories, day: date, taken: Collection[AchievementRef]
) -> Component | None:
    """An award without credits that fits *selector*, of no achievement that is *taken*; None if we can think of none.

    Args:
        award: Its id.
        selector: What it is to fit.
        categories: Of the pathway.
        day: On which it is awarded.
        taken: Achievements of which no further award counts.
    """
    whole = selector
    if selector.category is not None:
        spelled = narrowed(msgspec.structs.replace(selector, category=None), categories[selector.category], categories)
        if spelled is None:
            return None
        whole = spelled
    left = [ref for ref in whole.achievements if ref not in taken]
    if whole.achievements and not left:
        return None
    # An award of one of the achievements if its institution fits, else one that stands for it by recognition.
    own = [ref for ref in left if not whole.institutions or ref.institution in whole.institutions]
    made = Component(
        award=award,
        institution=own[0].institution if own else (*whole.institutions, "anywhere")[0],
        achievement=own[0].code if own else None,
        stands_for=() if own else tuple(left[:1]),
        awarded_on=day,
        standing="valid",
        eqf_level=whole.min_eqf or whole.max_eqf,
        fields=whole.fields[:1],
        recognised_by="anywhere" if whole.recognised else None,
    )
    return made if selector.fits(made, categories) else None


def sized(component: Component, credits: int, unit: Unit) -> Component:  # noqa: A002  as everywhere
    """The award with a size that comes to at least *credits* of the unit's smallest."""
    if unit.kind == "hours":
        return msgspec.structs.replace(component, workload_minutes=credits)
    if unit.per == "hour":
        minutes = -(-credits * MINUTES * unit.denominator // (CENTI * unit.numerator))
        return msgspec.structs.replace(component, workload_minutes=minutes)
    return msgspec.structs.replace(component, credits_centi=-(-credits * unit.denominator // unit.numerator))
