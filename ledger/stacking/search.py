"""Exact search: one option for each item, so that every row comes to at least its need.

The problem is a multiple-choice integer program; deciding it is NP-hard. What is done:

1. Options that another option of the item equals or betters in every row are dropped, and rows that cannot fail; and
   needs are raised to the next sum that the row's numbers can make at all.
2. A row that cannot be met by itself ends the search. So does the sum of rows that compete for the same items
   (each item can serve but one of them): such sums are added as rows of their own.
3. Depth first over the items, the most urgent option first, with what the rest can still add at most to each row as
   the bound. States that failed are remembered: two ways to the same place in the order with the same lack are one.

Every visit of a state is a step, and the budget is in steps, so that the answer is the same on every machine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import gcd
from typing import Final

Vector = tuple[tuple[int, int], ...]
"""What an option adds to rows: (row, amount), rows ascending, no zeros."""

_SCALE: Final = 1 << 24
_MAX_SUMS: Final = 40
_OPTIONS_PER_STEP: Final = 10
"""Making a program ready takes about as long as one step for so many options."""


class OutOfBudgetError(Exception):
    """The steps ran out before the search was decided."""


class Meter:
    """Counts steps down.

    Args:
        steps: How many there are.
    """

    def __init__(self, steps: int) -> None:
        self.left, self.used = steps, 0

    def spend(self, steps: int = 1) -> None:
        """Use some.

        Raises:
            OutOfBudgetError: There are none left.
        """
        self.used += steps
        self.left -= steps
        if self.left < 0:
            self.used += self.left
            self.left = 0
            raise OutOfBudgetError

    def note(self, steps: int) -> None:
        """Count steps that were taken elsewhere."""
        self.left = max(0, self.left - steps)
        self.used += steps


class Program:
    """One option for each item, so that every row comes to at least its need.

    Args:
        items: The options of each item.
        needs: Of each row.
        rivals: Sets of rows that compete for items: each item adds to but one of them, whichever option is taken.
    """

    def __init__(
        self, items: Sequence[Sequence[Vector]], needs: Sequence[int], rivals: Sequence[Sequence[int]]
    ) -> None:
        self.items, self.needs = [list(options) for options in items], list(needs)
        self._tighten()
        self._add_sums(rivals)

    def _tighten(self) -> None:
        common = [0] * len(self.needs)
        for options in self.items:
            for option in options:
                for row, amount in option:
                    common[row] = gcd(common[row], amount)
        self.needs = [
            need if divisor < 2 else -(-need // divisor) * divisor  # noqa: PLR2004  nothing divides by 0 or 1
            for need, divisor in zip(self.needs, common, strict=True)
        ]

    def _add_sums(self, rivals: Sequence[Sequence[int]]) -> None:
        added = 0
        for rows in rivals:
            if added < _MAX_SUMS and self._is_scarce(rows):
                added += 1
                self._add_sum(frozenset(rows))

    def _is_scarce(self, rows: Sequence[int]) -> bool:
        """Tell whether all the items together come to less than twice what the rows need."""
        wanted, need, together = frozenset(rows), sum(self.needs[row] for row in rows), 0
        for options in self.items:
            together += max((amount for option in options for row, amount in option if row in wanted), default=0)
            if together >= 2 * need:
                return False
        return True

    def _add_sum(self, together: frozenset[int]) -> None:
        number = len(self.needs)
        self.needs.append(sum(self.needs[row] for row in together))
        for options in self.items:
            for at, option in enumerate(options):
                amount = 0
                for row, one in option:
                    if row in together:
                        amount += one
                if amount:
                    options[at] = (*option, (number, amount))

    def solve(self, meter: Meter) -> list[int] | None:
        """Which option of each item does it; None if none does.

        The items are gone through in one order with a quarter of the budget, but at least enough to get through twice,
        and then in another, since either may meet its dead ends late.

        Raises:
            OutOfBudgetError: It was not decided within the budget.
        """
        kept, needs = _without_idle_rows(self)
        meter.spend(sum(map(len, self.items)) // _OPTIONS_PER_STEP)
        first = Meter(min(meter.left, max(meter.left // 4, 2 * len(self.items))))
        try:
            return _Descent(kept, needs, first, _few_options_first).run()
        except OutOfBudgetError:
            pass
        finally:
            meter.note(first.used)
        return _Descent(kept, needs, meter, _large_first).run()


_Kept = list[tuple[int, Vector]]
"""Options of an item: number and vector."""
_Rank = tuple[int, int, tuple[Vector, ...]]


def _few_options_first(options: _Kept) -> _Rank:
    return len(options), -_largest(options), _vectors(options)


def _large_first(options: _Kept) -> _Rank:
    # What has no choice comes first in any case.
    return 0 if len(options) == 1 else 1, -_largest(options), _vectors(options)


def _largest(options: _Kept) -> int:
    return max((abs(amount) for _, option in options for _, amount in option), default=0)


def _vectors(options: _Kept) -> tuple[Vector, ...]:
    return tuple(option for _, option in options)


class _Descent:
    """One search over a program, its items in one order."""

    def __init__(self, kept: list[_Kept], needs: list[int], meter: Meter, rank: Callable[[_Kept], _Rank]) -> None:
        self._meter, self._needs = meter, needs
        self._order = sorted(range(len(kept)), key=lambda number: (rank(kept[number]), number))
        self._options = [kept[number] for number in self._order]
        self._touched = [sorted({row for _, option in options for row, _ in option}) for options in self._options]
        # Of alike items in a row, a later one never takes an earlier option: the other way round is the same again.
        self._twin_follows = [
            _vectors(self._options[at]) == _vectors(self._options[at + 1]) for at in range(len(kept) - 1)
        ]
        self._twin_follows.append(False)
        self._most, self._least = _bounds(self._options, len(self._needs))
        self._chosen = [0] * len(kept)
        self._failed: set[tuple[int, int, tuple[int | None, ...]]] = set()

    def run(self) -> list[int] | None:
        slack = [-need for need in self._needs]
        if any(have + more < 0 for have, more in zip(slack, self._most[0], strict=True)):
            return None
        if not self._visit(0, 0, slack):
            return None
        answer = [0] * len(self._order)
        for at, number in enumerate(self._order):
            answer[number] = self._options[at][self._chosen[at]][0]
        return answer

    def _visit(self, at: int, first: int, slack: list[int]) -> bool:
        lack = tuple([None if have + low >= 0 else have for have, low in zip(slack, self._least[at], strict=True)])
        if lack.count(None) == len(lack):
            self._chosen[at:] = [0] * (len(self._order) - at)
            return True
        key = (at, first, lack)
        if key in self._failed:
            return False
        self._meter.spend()
        options, after, touched = self._options[at], self._most[at + 1], self._touched[at]
        for number in _most_urgent_first(options, first, lack, self._most[at]):
            left = slack.copy()
            for row, amount in options[number][1]:
                left[row] += amount
            for row in touched:
                if left[row] + after[row] < 0:
                    break
            else:
                self._chosen[at] = number
                if self._visit(at + 1, number if self._twin_follows[at] else 0, left):
                    return True
        self._failed.add(key)
        return False


def _most_urgent_first(options: _Kept, first: int, lack: tuple[int | None, ...], most: list[int]) -> Sequence[int]:
    """Options from *first* on: those first that give most to the rows which can spare least."""
    if len(options) - first == 1:
        return (first,)
    scored = []
    for number in range(first, len(options)):
        score = 0
        for row, amount in options[number][1]:
            have = lack[row]
            if have is None:
                continue
            # What is more than is lacking brings nothing; what is taken away counts in full. (This is a hot loop.)
            if amount > -have:
                amount = -have if have < 0 else 0  # noqa: PLW2901  as much as counts
            score += amount * _SCALE // (have + most[row] + 1)
        scored.append((-score, number))
    scored.sort()
    return [number for _, number in scored]


def _bounds(items: list[_Kept], rows: int) -> tuple[list[list[int]], list[list[int]]]:
    """For each place in the order, the most and the least that the items from there on add to each row."""
    most, least = [[0] * rows], [[0] * rows]
    for options in reversed(items):
        high, low = most[-1].copy(), least[-1].copy()
        for row, (top, bottom) in _extremes(options).items():
            high[row] += top
            low[row] += bottom
        most.append(high)
        least.append(low)
    return most[::-1], least[::-1]


def _extremes(options: _Kept) -> dict[int, tuple[int, int]]:
    """The most and the least that an item adds to each row that it touches."""
    most: dict[int, int] = {}
    least: dict[int, int] = {}
    times: dict[int, int] = {}
    for _, option in options:
        for row, amount in option:
            if row not in times:
                times[row], most[row], least[row] = 1, amount, amount
                continue
            times[row] += 1
            most[row], least[row] = max(most[row], amount), min(least[row], amount)
    return {
        # An option that does not touch the row adds nothing to it.
        row: (most[row], least[row]) if times[row] == len(options) else (max(0, most[row]), min(0, least[row]))
        for row in times
    }


def _undominated(options: Sequence[Vector]) -> _Kept:
    """The options that no other one equals or betters in every row; of equal ones, the first."""
    gives = [sum(1 << row for row, amount in option if amount > 0) for option in options]
    takes = [sum(1 << row for row, amount in option if amount < 0) for option in options]
    kept: _Kept = []
    for number, option in enumerate(options):
        for at, other in enumerate(options):
            # What an option gives the other gives too, and what that takes this takes too: else there is no comparing.
            if gives[number] & ~gives[at] or takes[at] & ~takes[number] or at == number:
                continue
            if _betters(other, option) and (at < number or other != option):
                break
        else:
            kept.append((number, option))
    return kept


def _betters(other: Vector, mine: Vector) -> bool:
    amounts, rest = dict(mine), dict(other)
    return all(rest.get(row, 0) >= amounts.get(row, 0) for row in rest.keys() | amounts.keys())


def _without_idle_rows(program: Program) -> tuple[list[_Kept], list[int]]:
    """The undominated options without the rows that cannot fail, and the needs of those that are left."""
    least = [0] * len(program.needs)
    for options in program.items:
        for row, (_, bottom) in _extremes(list(enumerate(options))).items():
            least[row] += bottom
    live = [row for row, need in enumerate(program.needs) if least[row] < need]
    places = {row: place for place, row in enumerate(live)}
    items = [
        _undominated([tuple((places[row], amount) for row, amount in option if row in places) for option in options])
        for options in program.items
    ]
    return items, [program.needs[row] for row in live]
