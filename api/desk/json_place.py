"""Where in a JSON text something stands, for whoever has to mend it: the line that a pointer leads to.

Source: RFC 6901 (pointers), RFC 8259 (grammar).
"""

from __future__ import annotations

import json
import re
from typing import Final

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_DECODER: Final = json.JSONDecoder()


def line_of(text: str, pointer: str) -> int:
    """The line, from 1, at which the value of *pointer* begins, or the innermost value around it that is there.

    Args:
        text: JSON that a parser has accepted.
        pointer: RFC 6901 pointer.
    """
    at = _skip(text, 0)
    for token in pointer.split("/")[1:]:
        inner = _inner(text, at, token.replace("~1", "/").replace("~0", "~"))
        if inner is None:
            break
        at = inner
    return text.count("\n", 0, at) + 1


def _inner(text: str, at: int, token: str) -> int | None:
    """Where the member or item called *token* of the value at *at* begins; None when there is none."""
    opening, at = text[at : at + 1], _skip(text, at + 1)
    number = 0
    while opening in {"{", "["} and text[at : at + 1] not in {"}", "]", ""}:
        name = str(number)
        if opening == "{":
            name, at = _DECODER.raw_decode(text, at)
            at = _skip(text, _skip(text, at) + 1)  # behind the colon
        if name == token:
            return at
        _, at = _DECODER.raw_decode(text, at)
        at = _skip(text, at)
        at = _skip(text, at + 1) if text[at : at + 1] == "," else at
        number += 1
    return None


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return at if found is None else found.end()
