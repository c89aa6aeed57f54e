"""Finds a stack: the ways through the rules, one after the other, within one budget."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from ledger.stacking.alternative import Alternatives
from ledger.stacking.candidate import Candidates
from ledger.stacking.component import Component
from ledger.stacking.derivation import Use
from ledger.stacking.encoding import Encoding, Option
from ledger.stacking.greedy import greedy, holds
from ledger.stacking.judging import share_need, share_selector
from ledger.stacking.rule import AnyRule, Capstone, Choose, Minimum, Required, Residency, Share
from ledger.stacking.search import Meter, OutOfBudgetError

MAX_WAYS: Final = 96
"""Ways that are looked at; a pathway with more of them is undecided if none of these leads to the end."""
_SHORT: Final = 3
"""Steps for each item that a way gets at first."""
_OPTIONS_PER_STEP: Final = 30
"""Making the program of a way takes about as long as one step for so many options."""

Pinned = dict[str, Component]


class Finder:
    """One search for a stack.

    Args:
        candidates: The awards that may count.
        waived: Ids of the rules that are waived.
        meter: The budget.
        unwelcome: Awards that are given back before others if they are not needed.
    """

    def __init__(
        self,
        candidates: Candidates,
        waived: frozenset[str],
        meter: Meter,
        unwelcome: frozenset[str] = frozenset(),
    ) -> None:
        self._candidates, self._waived, self._meter, self._unwelcome = candidates, waived, meter, unwelcome
        self.decided = True

    def run(self) -> tuple[Pinned, tuple[Use, ...]] | None:
        """The awards that are pinned, and how each counts, both in the order of their ids; None if nothing was found.

        ``decided`` then says whether that there is none is certain.
        """
        ways = Alternatives(self._waived, self._possible).ways(self._candidates.rules.rule)
        try:
            still_open = []
            for way in islice(ways, MAX_WAYS):
                encoding = Encoding(self._candidates, way, self._waived)
                self._meter.spend(1 + sum(map(len, encoding.options)) // _OPTIONS_PER_STEP)
                quick = greedy(encoding.vectors, encoding.needs)
                if holds(encoding.vectors, encoding.needs, quick):
                    return self._pinned(encoding, quick)
                still_open.append(encoding)
            self.decided = next(ways, None) is None
            return self._search(still_open)
        except OutOfBudgetError:
            self.decided = False
            return None

    def _search(self, still_open: list[Encoding]) -> tuple[Pinned, tuple[Use, ...]] | None:
        """Search every way with a few steps, then those that are open still with equal parts of what is left."""
        for short in (True, False):
            unknown = []
            for number, encoding in enumerate(still_open):
                share = self._meter.left // (len(still_open) - number)
                meter = Meter(min(share, _SHORT * len(encoding.numbers)) if short else share)
                try:
                    if found := self._solve(encoding, meter):
                        return found
                except OutOfBudgetError:
                    unknown.append(encoding)
                finally:
                    self._meter.note(meter.used)
            still_open = unknown
        self.decided = self.decided and not still_open
        return None

    def _solve(self, encoding: Encoding, meter: Meter) -> tuple[Pinned, tuple[Use, ...]] | None:
        chosen = encoding.program().solve(meter)
        return None if chosen is None else self._pinned(encoding, chosen)

    def _pinned(self, encoding: Encoding, chosen: Sequence[int]) -> tuple[Pinned, tuple[Use, ...]]:
        return pin(encoding, thinned(encoding, chosen, self._unwelcome), self._candidates)

    def _possible(self, rule: AnyRule) -> bool:
        """Tell whether a rule could be met if it had every candidate to itself."""
        candidates = self._candidates
        match rule:
            case Required():
                return all(candidates.counting_as((ref,)) for ref in rule.achievements)
            case Capstone():
                return bool(candidates.counting_as(rule.achievements))
            case Choose():
                fitting = candidates.fitting(rule.of)
                return fitting.bit_count() >= rule.count and candidates.credits(fitting) >= rule.credits
            case Minimum():
                return candidates.credits(candidates.fitting(rule.of)) >= rule.credits
            case Share() | Residency() if rule.base == "required":
                return candidates.credits(candidates.fitting(share_selector(rule))) >= share_need(rule, 0)
            case _:
                return True


def thinned(encoding: Encoding, chosen: Sequence[int], unwelcome: frozenset[str] = frozenset()) -> dict[int, Option]:
    """Give back what is not needed, the newest awards first; what others used before is given back before the award is.

    Returns:
        By number of candidate: how it is used.
    """
    slack = [-need for need in encoding.needs]
    for vectors, option in zip(encoding.vectors, chosen, strict=True):
        for row, amount in vectors[option]:
            slack[row] += amount
    places = sorted(
        range(len(chosen)), key=lambda at: (encoding.award(at) in unwelcome, encoding.age(at)), reverse=True
    )
    taken = list(chosen)
    # What one award is needed for (a share, say) may be given back after it: hence again, until nothing changes.
    while sum(_lighten(encoding, place, taken, slack) for place in places):
        continue
    used = zip(encoding.numbers, encoding.options, taken, strict=True)
    return {number: options[option] for number, options, option in used if options[option].mode is not None}


def _lighten(encoding: Encoding, place: int, taken: list[int], slack: list[int]) -> bool:
    """Use less of the award at *place* if every row holds without; tell whether that was so."""
    for option in encoding.lighter(place, taken[place]):
        left = slack.copy()
        for row, amount in encoding.vectors[place][taken[place]]:
            left[row] -= amount
        for row, amount in encoding.vectors[place][option]:
            left[row] += amount
        if min(left, default=0) >= 0:
            slack[:], taken[place] = left, option
            return True
    return False


def pin(encoding: Encoding, taken: dict[int, Option], candidates: Candidates) -> tuple[Pinned, tuple[Use, ...]]:
    """The components and uses of what is *taken*, with the prerequisites that are not used themselves."""
    uses = {}
    for number, (mode, group) in taken.items():
        award = candidates.items[number].award
        if mode is not None:
            uses[number] = Use(award=award, credits=mode.credits, spent=mode.spent, reused=mode.reused, group=group)
    for number, rule in _prerequisites(encoding, taken, candidates):
        uses[number] = Use(award=candidates.items[number].award, credits=0, spent=0, group=rule)
    numbers = sorted(uses)
    return {candidates.items[n].award: candidates.items[n] for n in numbers}, tuple(uses[n] for n in numbers)


def _prerequisites(encoding: Encoding, taken: dict[int, Option], candidates: Candidates) -> Iterator[tuple[int, str]]:
    """What is pinned as a prerequisite alone: number of the candidate and id of the rule."""
    pinned = sum(1 << number for number in taken)
    queue = sorted(taken)
    while queue:
        number = queue.pop(0)
        for rule in encoding.prerequisites:
            for ref in rule.requires if candidates.items[number].own == rule.achievement else ():
                if candidates.witness(rule, ref, number, pinned) is not None:
                    continue
                found = candidates.witness(rule, ref, number, encoding.admitted)
                if found is not None:
                    pinned |= 1 << found
                    queue.append(found)
                    yield found, rule.id
