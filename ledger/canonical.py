"""Canonical JSON (RFC 8785), quickly where that is certain to be right.

Numbers and the order of members are where canonical JSON is easily got wrong. A value of plain parts (ASCII member
names, integers that a double holds exactly, decimals of moderate size) has one spelling on which a fast encoder with
sorted members and RFC 8785 agree; anything else goes the slow way, through the reference library. A test compares them.

Whether the parts are plain is first asked of what the encoder wrote, which is quick: outside of its strings no
fraction, exponent or null, and no member name beyond ASCII. Where there seems to be one, the value itself is walked
through.

Source: RFC 8785, sections 3.2.2 (strings and numbers) and 3.2.3 (order by UTF-16 code units).
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import orjson
import rfc8785

MAX_EXACT_INTEGER = 2**53 - 1
"""Largest integer of I-JSON. Source: RFC 7493, section 2.2."""
MIN_PLAIN_DECIMAL, MAX_PLAIN_DECIMAL = 1e-3, 1e9
"""Between these no writer of doubles uses an exponent."""
_STRICTLY = (
    orjson.OPT_SORT_KEYS
    | orjson.OPT_STRICT_INTEGER
    | orjson.OPT_PASSTHROUGH_SUBCLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_DATACLASS
)
_DOUBLE = re.compile(rb"[0-9][.eE]")
"""What makes a number other than an integer, outside of strings."""


def canonical_json(value: Any) -> bytes:  # noqa: ANN401  any JSON value
    """The RFC 8785 bytes of *value*.

    Args:
        value: dict, list, tuple, str, int, float, bool or None, and these within each other. A UUID is written as
            its text.

    Raises:
        rfc8785.CanonicalizationError: It has no canonical form (NaN, half a surrogate pair, too large an integer).
    """
    # Too deep for it, half a surrogate pair, too large an integer, a type of its own: the reference library decides.
    with suppress(orjson.JSONEncodeError):
        written = orjson.dumps(value, option=_STRICTLY)
        if _looks_plain(written) or _is_plain(value):
            return written
    return rfc8785.dumps(value)


def _looks_plain(written: bytes) -> bool:
    """Tell whether compact JSON of objects and lists certainly holds no double, and no member name beyond ASCII."""
    if written[:1] not in {b"{", b"["}:
        return False
    if b"\\" in written:
        # The writer knows no other escape that ends in a quote; a backslash that is escaped begins none.
        written = written.replace(b"\\\\", b"").replace(b'\\"', b"")
    # Every second part is a string. A member's name is one that a colon follows.
    parts = written.split(b'"')
    outside = b'"'.join(parts[::2])
    # What is not a number becomes null, so that a null needs a closer look.
    if b"null" in outside or _DOUBLE.search(outside):
        return False
    return written.isascii() or all(
        part.isascii() for part, after in zip(parts[1::2], parts[2::2], strict=True) if after[:1] == b":"
    )


def _is_plain(value: object) -> bool:
    # Exact types: a subclass may be written in ways of its own.
    if type(value) is str or type(value) is bool or value is None:
        return True
    if type(value) is dict:
        return all(type(name) is str and name.isascii() and _is_plain(member) for name, member in value.items())
    if type(value) is list:
        return all(map(_is_plain, value))
    if type(value) is int:
        return -MAX_EXACT_INTEGER <= value <= MAX_EXACT_INTEGER
    return type(value) is float and MIN_PLAIN_DECIMAL <= abs(value) < MAX_PLAIN_DECIMAL and not value.is_integer()
