"""JSON, read strictly: what two readers could take for two things is refused.

Plain JSON readers keep the last of two equal keys, accept NaN, and round large integers; a
document that means one thing to the signer and another to the reader is how proofs get bypassed.
The rules are those of I-JSON, and each refusal names the offending place by its JSON Pointer.

Source: RFC 7493 (I-JSON) section 2; RFC 8785 section 3.1 (JCS takes I-JSON); RFC 6901 (pointers).
"""

from __future__ import annotations

import json
import math
from typing import Any, Final, TypeAlias

from verifier.error import (
    DuplicateKeyError,
    JsonError,
    NumberError,
    SurrogateError,
    TooLargeError,
)

MAX_DEPTH: Final = 32
"""Arrays and objects within each other. Real credentials nest about ten deep."""
MAX_SAFE_INTEGER: Final = (1 << 53) - 1
"""Largest integer that every JSON reader keeps exact. Source: RFC 7493 section 2.2."""
MAX_NUMBER_CHARS: Final = 40
"""Longest spelling of a number; the shortest form of any double takes 25. Bounds the work."""

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
"""Any JSON value."""


class _Number:
    """A number as it was spelled, until its place is known."""

    __slots__ = ("spelling",)

    def __init__(self, spelling: str) -> None:
        self.spelling = spelling


class _Members:
    """An object's members as they were written, duplicates included."""

    __slots__ = ("pairs",)

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        self.pairs = pairs


def parse_json(data: bytes, *, max_bytes: int) -> Json:
    """Read one JSON value.

    Args:
        data: UTF-8 bytes without a byte-order mark.
        max_bytes: Longest input that is looked at.

    Returns:
        The value, made of dict, list, str, int, float, bool and None only.

    Raises:
        TooLargeError: Longer than *max_bytes*, or nested deeper than MAX_DEPTH.
        DuplicateKeyError: An object has two members of one name.
        NumberError: NaN, an infinity, an overflow, an integer beyond 2**53 - 1.
        SurrogateError: A string holds a lone surrogate.
        JsonError: Not UTF-8, or not JSON.

    Not checked: Unicode normalisation (strings are compared byte for byte everywhere).
    """
    if len(data) > max_bytes:
        raise TooLargeError(f"the input has {len(data)} bytes; the limit is {max_bytes}")
    try:
        raw = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_Members,
            parse_int=_Number,
            parse_float=_Number,
            parse_constant=_Number,
        )
    except UnicodeDecodeError as error:
        raise JsonError(f"byte {error.start} is not UTF-8") from error
    except json.JSONDecodeError as error:
        raise JsonError(f"not JSON: {error.msg} in line {error.lineno} column {error.colno}") from error
    except RecursionError as error:
        raise TooLargeError(f"nested deeper than {MAX_DEPTH} levels") from error
    return _settle(raw, "", 0)


def pointer_to(pointer: str, step: str | int) -> str:
    """Extend a JSON Pointer by a member name or an index. Source: RFC 6901 section 3."""
    escaped = str(step).replace("~", "~0").replace("/", "~1")
    return f"{pointer}/{escaped}".encode("utf-8", "backslashreplace").decode()


def first_difference(left: Json, right: Json, pointer: str = "") -> str | None:
    """Return the pointer of the first place where two values differ; None if they are equal."""
    if isinstance(left, dict) and isinstance(right, dict) and left.keys() == right.keys():
        found = (first_difference(left[name], right[name], pointer_to(pointer, name)) for name in left)
    elif isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        items = enumerate(zip(left, right, strict=True))
        found = (first_difference(one, two, pointer_to(pointer, at)) for at, (one, two) in items)
    else:
        return None if type(left) is type(right) and left == right else pointer
    return next((place for place in found if place is not None), None)


def _settle(raw: Any, pointer: str, depth: int) -> Json:  # noqa: ANN401  (what json.loads made)
    """Turn what the reader left open into plain values, now that the place is known."""
    if isinstance(raw, str):
        _require_text(raw, pointer)
        return raw
    if isinstance(raw, _Number):
        return _settle_number(raw.spelling, pointer)
    if isinstance(raw, (list, _Members)) and depth >= MAX_DEPTH:
        raise TooLargeError(f"nested deeper than {MAX_DEPTH} levels", pointer)
    if isinstance(raw, list):
        return [_settle(item, pointer_to(pointer, at), depth + 1) for at, item in enumerate(raw)]
    if isinstance(raw, _Members):
        return _settle_object(raw.pairs, pointer, depth)
    return None if raw is None else bool(raw)


def _settle_object(pairs: list[tuple[str, Any]], pointer: str, depth: int) -> dict[str, Json]:
    members: dict[str, Json] = {}
    for name, raw in pairs:
        place = pointer_to(pointer, name)
        _require_text(name, place)
        if name in members:
            raise DuplicateKeyError("two members of one name", place)
        members[name] = _settle(raw, place, depth + 1)
    return members


def _settle_number(spelling: str, pointer: str) -> int | float:
    if len(spelling) > MAX_NUMBER_CHARS:
        raise NumberError(f"a number of {len(spelling)} characters", pointer)
    if spelling in {"NaN", "Infinity", "-Infinity"}:
        raise NumberError(f"{spelling} is not a JSON number", pointer)
    if any(sign in spelling for sign in ".eE"):
        value = float(spelling)
        if not math.isfinite(value):
            raise NumberError("a number beyond what a double holds", pointer)
        return value
    whole = int(spelling)
    if abs(whole) > MAX_SAFE_INTEGER:
        raise NumberError(f"an integer beyond {MAX_SAFE_INTEGER}", pointer)
    return whole


def _require_text(text: str, pointer: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise SurrogateError("a lone surrogate is not Unicode text", pointer) from error
