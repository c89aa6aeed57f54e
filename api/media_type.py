"""What the header fields about formats say: `Accept`, `Accept-Encoding`, `Content-Type`, `If-None-Match`.

Source: RFC 9110 sections 8.3.1 (media type), 12.4.1 (nothing acceptable), 12.4.2 (quality values), 12.5.1, 12.5.3,
13.1.2.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from starlette.types import Scope

# Longer fields are cut; no honest client comes near.
MAX_FIELD_CHARS: Final = 1_024
_QUALITY: Final = re.compile(r"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")


def header(scope: Scope, name: str) -> str | None:
    """Return a header field of a request, several lines joined by commas, or None."""
    wanted = name.lower().encode("ascii")
    values = [value.decode("latin-1") for key, value in scope["headers"] if key == wanted]
    return ", ".join(values) if values else None


def preferred_type(accept: str | None, kinds: Sequence[str]) -> str:
    """Return the media type to answer in, of several for the same bytes.

    One that is named goes before one that only a range such as `*/*` covers: who lists what it reads, and adds the
    range to be polite, may not read anything else. A client that names nothing of these gets the first, and no 406.

    Args:
        accept: The header field, or None when there is none.
        kinds: Lower-case media types without parameters, the best first; at least one.
    """
    asked = weighted_values(accept or "")

    def liking(kind: str) -> tuple[float, bool]:
        span = f"{kind.partition('/')[0]}/*"
        return asked.get(kind, asked.get(span, asked.get("*/*", 0.0))), kind in asked

    return max(kinds, key=liking)


def accepts_html(scope: Scope) -> bool:
    """Whether the client asks for a page: it names `text/html` and wants nothing else more."""
    qualities = weighted_values(header(scope, "accept") or "")
    page = qualities.get("text/html", 0.0)
    others = (qualities.get(name, 0.0) for name in ("application/json", "application/problem+json"))
    return page > 0.0 and page >= max(others)


def accepts_gzip(scope: Scope) -> bool:
    """Whether the client takes a gzip-coded body. Without the header field, it does not."""
    qualities = weighted_values(header(scope, "accept-encoding") or "")
    return qualities.get("gzip", qualities.get("*", 0.0)) > 0.0


def has_bytes(scope: Scope, etag: str) -> bool:
    """Whether the client says that it has the answer with this entity tag, given in its quotes.

    Source: RFC 9110 section 13.1.2 (If-None-Match, weak comparison).
    """
    tags = [tag.strip().removeprefix("W/") for tag in (header(scope, "if-none-match") or "").split(",")]
    return "*" in tags or etag.removeprefix("W/") in tags


def weighted_values(field: str) -> dict[str, float]:
    """Read a list with quality values; a value whose quality cannot be read counts as refused.

    Returns:
        Lower-case value without parameters -> quality from 0.0 to 1.0.
    """
    weights: dict[str, float] = {}
    for part in field[:MAX_FIELD_CHARS].split(","):
        value, *parameters = (piece.strip().lower() for piece in part.split(";"))
        quality = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        if value:
            weights[value] = float(quality) if _QUALITY.fullmatch(quality) else 0.0
    return weights


def media_type(field: str) -> tuple[str, dict[str, str]]:
    """Split a `Content-Type` into the lower-case type and its parameters."""
    value, *pieces = field[:MAX_FIELD_CHARS].split(";")
    pairs = (piece.partition("=") for piece in pieces)
    parameters = {name.strip().lower(): text.strip().strip('"') for name, _, text in pairs}
    return value.strip().lower(), parameters
