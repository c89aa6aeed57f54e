"""Awards as files for the one who holds a link to them, and the header fields of whatever such a holder is answered."""

from __future__ import annotations

from typing import Final

from fastapi import Response

from api.error import UnknownResourceError
from api.holding import Holdings

OWN_HEADERS: Final = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex, nofollow, noarchive"}
EXTENSIONS: Final = {
    "png": "png",
    "svg": "svg",
    "sd-jwt": "sd-jwt.txt",
    "vc-jwt": "jwt.txt",
    "vc-jwt-es256": "jwt.txt",
    "vc-jwt-rs256": "jwt.txt",
}
"""Ends of names of files; the others are JSON."""


def as_file(holdings: Holdings, public_id: str, form: str) -> Response:
    """An award in one form, to be saved. Raises UnknownResourceError when there is none."""
    found = holdings.content(public_id, form)
    if found is None:
        message = "the award has no document of this form"
        raise UnknownResourceError(message)
    content, media_type = found
    return own_file(content, media_type, f"{public_id[:8]}.{EXTENSIONS.get(form, f'{form}.json')}")


def own_file(content: bytes, media_type: str, name: str) -> Response:
    """Content to be saved under a name."""
    disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, headers={**OWN_HEADERS, **disposition}, media_type=media_type)
