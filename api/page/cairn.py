"""Draws a stack as stones upon stones: as many as there are awards, each as wide as its credits are many."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

MAX_STONES: Final = 9
"""More would be too thin to see; the list beside the picture has all of them."""
WIDTH: Final = 120
LEAST_RADIUS: Final = 16
STONE_HEIGHT: Final = 17
_LEAN: Final = (0, 3, -2, 2, -3, 1, -1, 3, -2)


@dataclass(frozen=True, slots=True)
class DrawnStone:
    """An ellipse, in units of the picture."""

    x: int
    y: int
    rx: int
    ry: int


@dataclass(frozen=True, slots=True)
class Cairn:
    """A picture: its stones from the ground up, and its height; it is WIDTH wide."""

    stones: tuple[DrawnStone, ...]
    height: int


def draw(top: int, below: Sequence[int]) -> Cairn:
    """Draw a stack.

    Args:
        top: Credits of what was made, in any unit; 0 where none are stated.
        below: Credits of what it was made of.
    """
    stated = [max(1, size) for size in below]
    sizes = [*sorted(stated, reverse=True)[: MAX_STONES - 1], max(1, min([max(1, top), *stated]) // 2)]
    widest = max(sizes)
    radii = [max(LEAST_RADIUS, round(WIDTH / 2 * 0.92 * math.sqrt(size / widest))) for size in sizes]
    radii = [round(radius * (1 - 0.35 * place / len(radii))) for place, radius in enumerate(radii)]
    height = len(radii) * STONE_HEIGHT + 6
    stones = tuple(
        DrawnStone(
            WIDTH // 2 + _LEAN[place % len(_LEAN)],
            height - 3 - STONE_HEIGHT * place - STONE_HEIGHT // 2,
            radius,
            STONE_HEIGHT // 2 + 1,
        )
        for place, radius in enumerate(radii)
    )
    return Cairn(stones, height)
