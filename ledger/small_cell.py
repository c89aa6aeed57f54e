"""Counts of people that may be published: small ones are kept back, and so is what would give them away.

A count below the threshold is kept back (nought as well: that nobody passed says something of everybody). Whoever knows
the total could compute a single count that is missing, so further ones are kept back until what is missing is at least
two counts that together reach the threshold.

Source: Hundepool et al., Statistical Disclosure Control (2012), sections 4.2 and 4.3: threshold rule, secondary
suppression in a table of one dimension.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

THRESHOLD: Final = 10
"""Fewest people in a published count. Source: usual for statistics of education; see docs/privacy.md."""


Told: TypeAlias = int | Literal["few", "nearly_all"]
"""A count as it may be told: itself, or on which side too few are."""


def keep_back(counts: Sequence[int], threshold: int = THRESHOLD) -> tuple[int | None, ...]:
    """Keep back the counts from which, with their sum, something could be learnt of a few people.

    Args:
        counts: How many people fall into each of several classes, each person into one.
        threshold: Fewest people in a count that is published.

    Returns:
        The counts in their order, None in the place of each that is kept back.
    """
    hidden = {place for place, count in enumerate(counts) if count < threshold}
    others = sorted(set(range(len(counts))) - hidden, key=lambda place: (counts[place], place))
    while hidden and others and (len(hidden) == 1 or sum(counts[place] for place in hidden) < threshold):
        hidden.add(others.pop(0))
    return tuple(None if place in hidden else count for place, count in enumerate(counts))


def tell(count: int, total: int, threshold: int = THRESHOLD) -> Told:
    """Say how many of *total* people something is true of, unless those or the others are too few to be counted.

    Returns:
        The count; or ``few``: below the threshold; or ``nearly_all``: all but fewer than the threshold.
    """
    shown, _ = keep_back((count, total - count), threshold)
    if shown is not None:
        return shown
    return "few" if count < threshold else "nearly_all"
