"""A quick attempt at a program of options and rows: no backtracking, and so no proof of anything.

An option is taken as long as it brings something that is lacking, and never against a row that sets a limit (one whose
need is not above zero: a maximum, a share of what is counted, a cap, awards that do not go together). Then
single items are moved, a few times at most. Where there is plenty this is all the search that is needed; a test shows
where it finds nothing although there is a way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ledger.stacking.search import Vector

_SCALE: Final = 1 << 24
_REPAIRS: Final = 12


def greedy(items: Sequence[Sequence[Vector]], needs: Sequence[int], free: frozenset[int] = frozenset()) -> list[int]:
    """Take options, the largest items first, until nothing more brings anything.

    Args:
        items: The options of each item; the first is not to use it.
        needs: Of each row.
        free: Rows that may be left lacking.

    Returns:
        The number of an option for each item.
    """
    slack = [-need for need in needs]
    limits = [need <= 0 and row not in free for row, need in enumerate(needs)]
    most = [1] * len(slack)
    for vectors in items:
        for row, amount in {row: amount for vector in vectors for row, amount in vector}.items():
            most[row] += max(0, amount)
    chosen = [0] * len(items)
    order = sorted(range(len(chosen)), key=lambda place: (-_largest(items[place]), place))
    before = -1
    while before != sum(map(bool, chosen)):
        before = sum(map(bool, chosen))
        for place in order:
            if not chosen[place]:
                chosen[place] = _best(items[place], slack, limits, most)
                for row, amount in items[place][chosen[place]]:
                    slack[row] += amount
    if not free:
        _repair(items, slack, chosen)
    return chosen


def _repair(items: Sequence[Sequence[Vector]], slack: list[int], chosen: list[int]) -> None:
    """Move single items to other options as long as that lessens what is lacking and makes nothing else lack."""
    for _ in range(_REPAIRS):
        lacking = {row for row, have in enumerate(slack) if have < 0}
        best = _best_move(items, slack, chosen, lacking) if lacking else None
        if best is None:
            return
        place, option = best
        for row, amount in _change(items[place][chosen[place]], items[place][option]).items():
            slack[row] += amount
        chosen[place] = option


def _best_move(
    items: Sequence[Sequence[Vector]], slack: list[int], chosen: list[int], lacking: set[int]
) -> tuple[int, int] | None:
    best, worth = None, 0
    for place, options in enumerate(items):
        for option, vector in enumerate(options):
            if option == chosen[place] or not any(row in lacking and amount > 0 for row, amount in vector):
                continue
            change = _change(options[chosen[place]], vector)
            if any(slack[row] + amount < min(0, slack[row]) for row, amount in change.items()):
                continue
            value = sum(min(amount, -slack[row]) for row, amount in change.items() if row in lacking)
            if value > worth:
                best, worth = (place, option), value
    return best


def _change(before: Vector, after: Vector) -> dict[int, int]:
    """What each row gains by going over from one option to another."""
    change = dict(after)
    for row, amount in before:
        change[row] = change.get(row, 0) - amount
    return change


def _best(vectors: Sequence[Vector], slack: list[int], limits: list[bool], most: list[int]) -> int:
    """The option that brings most of what is lacking, and breaks no limit; 0, not to be used, if none brings any."""
    best, worth = 0, 0
    for option, vector in enumerate(vectors):
        if any(limits[row] and slack[row] + amount < 0 for row, amount in vector if amount < 0):
            continue
        value = sum(min(amount, -slack[row]) * _SCALE // most[row] for row, amount in vector if slack[row] < 0)
        if value > worth:
            best, worth = option, value
    return best


def _largest(vectors: Sequence[Vector]) -> int:
    return max((amount for vector in vectors for _, amount in vector), default=0)


def holds(items: Sequence[Sequence[Vector]], needs: Sequence[int], chosen: Sequence[int]) -> bool:
    """Tell whether every row comes to at least its need."""
    sums = [0] * len(needs)
    for options, option in zip(items, chosen, strict=True):
        for row, amount in options[option]:
            sums[row] += amount
    return all(have >= need for have, need in zip(sums, needs, strict=True))
