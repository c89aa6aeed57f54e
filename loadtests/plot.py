"""Lines over time as SVG that stands in a page by itself: no script, no style sheet and no font from elsewhere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 560, 230
LEFT, RIGHT, TOP, BOTTOM = 58, 12, 30, 34
COLOURS = ("#1f6f8b", "#c8553d", "#6a8d3f", "#8a5a9e")


@dataclass(frozen=True)
class Line:
    """One line of a plot.

    Attributes:
        name: What it is, for the legend.
        points: (seconds since the beginning, value), by time; where there is nothing to say there is no point.
        is_dotted: Whether the points are not joined.
    """

    name: str
    points: Sequence[tuple[float, float]]
    is_dotted: bool = False


def plot(title: str, unit: str, lines: Sequence[Line], seconds: float) -> str:
    """Draw some lines over the same seconds, from zero up.

    Args:
        title: What is shown; also what a screen reader says.
        unit: Of the values.
        lines: At most four.
        seconds: The length of the time axis.
    """
    highest = max((value for line in lines for _, value in line.points), default=0.0)
    top = _round_up(highest)
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">',
        f'<text x="{LEFT}" y="13" class="title">{escape(title)}</text>',
        *_grid(top, unit, seconds),
    ]
    for number, line in enumerate(lines):
        colour = COLOURS[number % len(COLOURS)]
        parts.append(_drawn(line, colour, top, seconds))
        at = LEFT + number * 125
        parts.append(f'<rect x="{at}" y="19" width="9" height="4" fill="{colour}"/>')
        parts.append(f'<text x="{at + 13}" y="24" class="small">{escape(line.name)}</text>')
    return "\n".join([*parts, "</svg>"])


def _drawn(line: Line, colour: str, top: float, seconds: float) -> str:
    places = [_place(at, value, top, seconds) for at, value in line.points]
    if line.is_dotted:
        return "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="1.8" fill="{colour}"/>' for x, y in places)
    joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    return f'<polyline points="{joined}" fill="none" stroke="{colour}" stroke-width="1.6"/>'


def _place(at: float, value: float, top: float, seconds: float) -> tuple[float, float]:
    x = LEFT + (WIDTH - LEFT - RIGHT) * min(max(at / seconds, 0.0), 1.0)
    y = HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / top
    return x, y


def _grid(top: float, unit: str, seconds: float) -> list[str]:
    parts = []
    for step in range(5):
        value = top * step / 4
        _, y = _place(0, value, top, seconds)
        parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" class="grid"/>')
        parts.append(f'<text x="{LEFT - 5}" y="{y + 3:.1f}" class="small" text-anchor="end">{value:,.4g}</text>')
    for step in range(7):
        at = seconds * step / 6
        x, _ = _place(at, 0, top, seconds)
        below = HEIGHT - BOTTOM + 13
        parts.append(f'<text x="{x:.1f}" y="{below}" class="small" text-anchor="middle">{at:.3g}</text>')
    foot = f"seconds; {escape(unit)} upwards"
    parts.append(f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 6}" class="small" text-anchor="end">{foot}</text>')
    return parts


def _round_up(value: float) -> float:
    """The next of 1, 2, 4, 5, 8 and 10 times a power of ten; 1 for nothing."""
    if value <= 0:
        return 1.0
    power: float = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 4, 5, 8, 10) if step * power >= value * 0.999999)
