"""The ways through a tree of rules: each is a set of rules that together make its root hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

from ledger.stacking.pathway_rules import Composite
from ledger.stacking.rule import AllOf, AnyRule, AtLeast, Choose, CreditsFrom

Way = tuple[AnyRule, ...]
"""Rules that are asked for, and groups that are open although nothing is asked of them."""


class Alternatives:
    """Enumerates the ways, lazily, in an order that the rule text alone decides.

    Args:
        waived: Ids of the rules that are waived.
        possible: Tells whether a rule that is no combination can be met at all; what cannot is in no way.
    """

    def __init__(self, waived: frozenset[str], possible: Callable[[AnyRule], bool]) -> None:
        self._waived, self._possible = waived, possible

    def ways(self, rule: AnyRule, *, counted: bool = False) -> Iterator[Way]:
        """Every way to make *rule* hold that is worth trying.

        Args:
            rule: Any rule.
            counted: Whether credits below it count towards a rule above, so that more than is asked for may help.
        """
        waived = rule.id in self._waived
        if not isinstance(rule, Composite):
            if waived or self._possible(rule):
                yield (rule,)
        elif waived and not counted:
            yield ()
        else:
            within = counted or isinstance(rule, CreditsFrom)
            own = (rule,) if isinstance(rule, CreditsFrom) and not waived else ()
            for chosen in self._choices(rule, 0 if waived else _least(rule), more=within):
                for way in self._together(chosen, counted=within):
                    yield (*own, *way)

    def _choices(self, rule: Composite, least: int, *, more: bool) -> Iterator[Sequence[AnyRule]]:
        """Which of the rules are to hold: the most first where more may help, else no more than are needed."""
        size = len(rule.rules)
        for count in range(size, least - 1, -1) if more else (least,):
            for chosen in combinations(range(size), count):
                # A pool that asks for nothing is never better left out.
                if all(number in chosen or not _asks_nothing(inner) for number, inner in enumerate(rule.rules)) or (
                    not more
                ):
                    yield [rule.rules[number] for number in chosen]

    def _together(self, rules: Sequence[AnyRule], *, counted: bool) -> Iterator[Way]:
        if not rules:
            yield ()
            return
        for head in self.ways(rules[0], counted=counted):
            for tail in self._together(rules[1:], counted=counted):
                yield head + tail


def _least(rule: Composite) -> int:
    if isinstance(rule, AllOf):
        return len(rule.rules)
    if isinstance(rule, AtLeast):
        return rule.count
    return 0 if isinstance(rule, CreditsFrom) else 1


def _asks_nothing(rule: AnyRule) -> bool:
    return isinstance(rule, Choose) and not rule.count and not rule.credits
