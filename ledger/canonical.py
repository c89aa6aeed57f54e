"""Canonical JSON (RFC 8785), quickly where that is certain to be right.

Numbers and the order of members are where canonical JSON is easily got wrong. A value of plain parts (ASCII member
names, integers that a double holds exactly, decimals of moderate size) has one spelling on which a fast encoder with
sorted members and RFC 8785 agree; anything else goes the slow way, through the reference library. A test compares them.

Source: RFC 8785, sections 3.2.2 (strings and numbers) and 3.2.3 (order by UTF-16 code units).
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import orjson
import rfc8785

MAX_EXACT_INTEGER = 2**53 - 1
"""Largest integer of I-JSON. Source: RFC 7493, section 2.2."""
MIN_PLAIN_DECIMAL, MAX_PLAIN_DECIMAL = 1e-3, 1e9
"""Between these no writer of doubles uses an exponent."""


def canonical_json(value: Any) -> bytes:  # noqa: ANN401  any JSON value
    """The RFC 8785 bytes of *value*.

    Args:
        value: dict, list, tuple, str, int, float, bool or None, and these within each other.

    Raises:
        rfc8785.CanonicalizationError: It has no canonical form (NaN, half a surrogate pair, too large an integer).
    """
    if _is_plain(value):
        # Too deep for it, or half a surrogate pair: the reference library decides.
        with suppress(orjson.JSONEncodeError):
            return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return rfc8785.dumps(value)


def _is_plain(value: object) -> bool:  # noqa: PLR0911  one answer for each kind of value
    # Exact types: a subclass may be written in ways of its own. Nearly all values are texts, so these are passed over
    # where they stand: half of the time of a call for each of them was the call.
    kind = type(value)
    if kind is dict:
        for name, member in value.items():  # type: ignore[attr-defined]  # it is one
            if type(name) is not str or not name.isascii():
                return False
            if type(member) is not str and not _is_plain(member):
                return False
        return True
    if kind is list:
        return all(type(item) is str or _is_plain(item) for item in value)  # type: ignore[attr-defined]  # as above
    if kind is str or kind is bool or value is None:
        return True
    if isinstance(value, int) and kind is int:
        return -MAX_EXACT_INTEGER <= value <= MAX_EXACT_INTEGER
    return isinstance(value, float) and kind is float and _is_plain_decimal(value)


def _is_plain_decimal(value: float) -> bool:
    return MIN_PLAIN_DECIMAL <= abs(value) < MAX_PLAIN_DECIMAL and not value.is_integer()
