"""Awards that never count together, whatever the rules say.

Two awards of one achievement (or of what one stands for by recognition) count once, unless it is repeatable; an award
and the recognition of it are the same learning, and so are a whole and the parts that it was unpacked into.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from ledger.stacking.component import Component
from ledger.stacking.pathway_rules import PathwayRules

Reason = Literal["the same achievement", "the same award", "a whole and its part"]


class Clash(msgspec.Struct, frozen=True):
    """``one`` is not used together with any of ``others``; if ``one`` is None, at most one of ``others`` is used."""

    reason: Reason
    others: tuple[str, ...]
    one: str | None = None


def clashes(components: Iterable[Component], rules: PathwayRules) -> Iterator[Clash]:
    """Every clash among *components*, in an order that does not depend on theirs."""
    ordered = sorted(components, key=lambda component: component.award)
    yield from _same_achievement(ordered, rules)
    yield from _same_award(ordered)
    yield from _whole_and_part(ordered)


def _same_achievement(components: list[Component], rules: PathwayRules) -> Iterator[Clash]:
    holders = defaultdict(list)
    for component in components:
        for ref in component.counts_as.difference(rules.repeatable):
            holders[ref].append(component.award)
    for ref in sorted(holders):
        if len(holders[ref]) > 1:
            yield Clash("the same achievement", tuple(holders[ref]))


def _same_award(components: list[Component]) -> Iterator[Clash]:
    holders = defaultdict(list)
    for component in components:
        for key in {component.award, component.source} - {None}:
            holders[key].append(component.award)
    for key in sorted(holders, key=str):
        if len(holders[key]) > 1:
            yield Clash("the same award", tuple(holders[key]))


def _whole_and_part(components: list[Component]) -> Iterator[Clash]:
    parts = defaultdict(list)
    for component in components:
        if component.origin is not None:
            parts[component.origin].append(component.award)
    for whole in components:
        keys = sorted({whole.award, whole.unpacked} - {None}, key=str)
        for key in keys:
            if others := tuple(award for award in parts.get(key or "", ()) if award != whole.award):
                yield Clash("a whole and its part", others, whole.award)
