"""A badge's picture, with a document of the award baked into it.

The picture is the credential's address as a QR code: whoever sees it can check it with a telephone, and whoever has the
file finds the signed document in it.

Source: 1EdTech Open Badges 3.0, section 5.3 (baked badges); ISO/IEC 18004 (QR codes), drawn by segno.
"""

from __future__ import annotations

import io
from typing import Final

import segno
from openbadgeslib import baking

PIXELS_PER_MODULE: Final = 8
QUIET_ZONE_MODULES: Final = 4
"""Source: ISO/IEC 18004, section 6.3.8."""
DARK: Final = "#0b3d2e"


def bake_png(url: str, form: bytes) -> bytes:
    """A PNG of *url* with *form* in an ``iTXt`` chunk.

    Args:
        url: What the picture leads to.
        form: A signed document: JSON, or a compact JWT.
    """
    picture = _draw(url, "png")
    baked: bytes = baking.bake_png(picture, form.decode("utf-8"), keyword=baking.ITXT_KEYWORD_OB3)
    return baked


def bake_svg(url: str, form: bytes) -> bytes:
    """An SVG of *url* with *form* in an ``openbadges:credential`` element; arguments as for :func:`bake_png`."""
    text = form.decode("utf-8")
    baked: bytes = baking.bake_svg(
        _draw(url, "svg"),
        text,
        element=baking.SVG_ELEMENT_OB3,
        namespace=baking.SVG_NS_OB3,
        as_text=text.startswith("{"),
    )
    return baked


def _draw(url: str, kind: str) -> bytes:
    drawn = io.BytesIO()
    segno.make(url, micro=False).save(drawn, kind=kind, scale=PIXELS_PER_MODULE, border=QUIET_ZONE_MODULES, dark=DARK)
    return drawn.getvalue()
