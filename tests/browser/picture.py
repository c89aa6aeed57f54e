"""Makes pictures of pages small: at most 256 colours, which pages hardly ever exceed in earnest."""

from __future__ import annotations

import io
from collections import Counter
from typing import Final

import png

COLOURS: Final = 256
_STEP: Final = 8
"""Colours nearer than this in each channel become one."""


def shrink(picture: bytes) -> bytes:
    """Write a PNG anew with a palette of the colours that it uses most."""
    width, height, rows, facts = png.Reader(bytes=picture).asRGB8()
    del facts
    lines = [bytes(row) for row in rows]
    pixels = [[line[at : at + 3] for at in range(0, len(line), 3)] for line in lines]
    counted = Counter(pixel for row in pixels for pixel in row)
    palette: list[bytes] = []
    taken: set[tuple[int, ...]] = set()
    for colour, _ in counted.most_common():
        rough = tuple(channel // _STEP for channel in colour)
        if rough not in taken and len(palette) < COLOURS:
            palette.append(colour)
            taken.add(rough)
    nearest = {colour: _nearest(colour, palette) for colour in counted}
    written = io.BytesIO()
    writer = png.Writer(width, height, palette=[tuple(colour) for colour in palette], compression=9)
    writer.write(written, ([nearest[pixel] for pixel in row] for row in pixels))
    return written.getvalue()


def _nearest(colour: bytes, palette: list[bytes]) -> int:
    return min(
        range(len(palette)),
        key=lambda at: sum((one - other) ** 2 for one, other in zip(colour, palette[at], strict=True)),
    )
