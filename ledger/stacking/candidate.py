"""The awards that may count, with an index by which a selector is answered for all of them at once.

A set of candidates is an integer with a bit for each, in the order of their ids: the answer to a selector is a few
operations on such integers. It says what :meth:`Selector.fits` says; a test compares them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from ledger.stacking.component import AchievementRef, Component
from ledger.stacking.counting import Mode, admits, modes, never_counts
from ledger.stacking.judging import prerequisite_in_order
from ledger.stacking.pathway_rules import PathwayRules
from ledger.stacking.rule import Prerequisite
from ledger.stacking.selector import MAX_EQF, MIN_EQF, Selector


class Candidates:
    """The awards that may count on a day.

    Args:
        rules: The rule text, checked.
        components: What the learner holds, each award once.
        waived: Ids of the rules that are waived.
        day: Of stacking.
    """

    def __init__(self, rules: PathwayRules, components: Sequence[Component], waived: frozenset[str], day: date) -> None:
        self.rules, self.offered = rules, components
        self.excluded: dict[str, list[str]] = {}
        self.items: list[Component] = []
        self.modes: list[tuple[Mode, ...]] = []
        for component in sorted(components, key=lambda component: component.award):
            self._admit(component, waived, day)
        self.everyone = (1 << len(self.items)) - 1
        self._largest = [max(mode.credits for mode in ways) for ways in self.modes]
        self._index()
        self._answers: dict[Selector, int] = {}

    def _admit(self, component: Component, waived: frozenset[str], day: date) -> None:
        if never_counts(component, day):
            return
        rules = self.rules
        against = [
            rule.id for rule in rules.admissions if rule.id not in waived and not admits(rule, component, rules, day)
        ]
        ways = tuple(modes(component, rules, waived))
        if not ways:
            against.append(rules.overlap.id)
        for name in against:
            self.excluded.setdefault(name, []).append(component.award)
        if not against:
            self.items.append(component)
            self.modes.append(ways)

    def _index(self) -> None:
        self._by_ref: dict[AchievementRef, int] = defaultdict(int)
        self._by_institution: dict[str, int] = defaultdict(int)
        self._by_field: dict[str, int] = defaultdict(int)
        self._by_level = [0] * (MAX_EQF + 1)
        self._recognised = 0
        for number, component in enumerate(self.items):
            bit = 1 << number
            for ref in component.counts_as:
                self._by_ref[ref] |= bit
            for field in component.fields:
                self._by_field[field] |= bit
            if component.recognised_by is None:
                self._by_institution[component.institution] |= bit
            else:
                self._recognised |= bit
            if component.eqf_level is not None and MIN_EQF <= component.eqf_level <= MAX_EQF:
                self._by_level[component.eqf_level] |= bit

    def counting_as(self, refs: Iterable[AchievementRef]) -> int:
        """The candidates that count as one of *refs*."""
        found = 0
        for ref in refs:
            found |= self._by_ref.get(ref, 0)
        return found

    def fitting(self, selector: Selector) -> int:
        """The candidates that *selector* means."""
        if selector not in self._answers:
            self._answers[selector] = self._answer(selector)
        return self._answers[selector]

    def credits(self, mask: int) -> int:
        """Credits of the candidates in *mask*, each counted as fully as it may be."""
        return sum(self._largest[number] for number in bits(mask))

    def _answer(self, selector: Selector) -> int:
        found = self.everyone
        if selector.achievements:
            found &= self.counting_as(selector.achievements)
        if selector.institutions:
            found &= _union(self._by_institution.get(slug, 0) for slug in selector.institutions)
        if selector.fields:
            found &= _union(map(self._in_field, selector.fields))
        if selector.min_eqf is not None or selector.max_eqf is not None:
            levels = range(selector.min_eqf or MIN_EQF, (selector.max_eqf or MAX_EQF) + 1)
            found &= _union(self._by_level[level] for level in levels)
        if selector.recognised is not None:
            found &= self._recognised if selector.recognised else ~self._recognised
        if selector.category is not None:
            found &= self.fitting(self.rules.categories[selector.category])
        return found

    def _in_field(self, field: str) -> int:
        if not field.isdigit():
            return self._by_field.get(field, 0)
        return _union(bits for own, bits in self._by_field.items() if own.isdigit() and own.startswith(field))

    def with_prerequisites(self, prerequisites: Sequence[Prerequisite]) -> int:
        """The candidates that have what they presuppose among themselves: the largest such set."""
        left, before = self.everyone, -1
        while left != before:
            before = left
            for rule in prerequisites:
                for number in bits(left & self.counting_as((rule.achievement,))):
                    if self.items[number].own == rule.achievement and not self._has(rule, number, left):
                        left &= ~(1 << number)
        return left

    def _has(self, rule: Prerequisite, number: int, left: int) -> bool:
        return all(self.witness(rule, ref, number, left) is not None for ref in rule.requires)

    def witness(self, rule: Prerequisite, ref: AchievementRef, number: int, left: int) -> int | None:
        """The first candidate in *left* that gives what *rule* asks of candidate *number*, or None."""
        component = self.items[number]
        for other in bits(left & self.counting_as((ref,)) & ~(1 << number)):
            if prerequisite_in_order(rule, self.items[other], component):
                return other
        return None


def bits(mask: int) -> Iterator[int]:
    """The numbers of the bits that are set, ascending."""
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


def _union(masks: Iterable[int]) -> int:
    found = 0
    for mask in masks:
        found |= mask
    return found
