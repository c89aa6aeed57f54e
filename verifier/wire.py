"""From strict JSON to typed values: unknown members, other spellings and loose types are refused.

Every format is a msgspec struct. What was read is written again and compared with the input, so
each value has exactly one spelling (base64 with padding and no stray bits, above all): a file
that can be altered without changing its meaning cannot be told from one that was tampered with.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Final, TypeVar

import msgspec

from verifier.error import FormatError
from verifier.strict_json import Json, first_difference, pointer_to

HASH_BYTES: Final = 32
MAX_PROOF_HASHES: Final = 63
"""Longest Merkle path. Source: C2SP tlog-witness, at most 63 hashes; trees stay below 2**63."""

Hash = Annotated[bytes, msgspec.Meta(min_length=HASH_BYTES, max_length=HASH_BYTES)]
"""32 bytes, base64 in JSON."""
Proof = Annotated[list[Hash], msgspec.Meta(max_length=MAX_PROOF_HASHES)]
"""A Merkle path, leaf side first."""
Count = Annotated[int, msgspec.Meta(ge=0, le=(1 << 53) - 1)]
"""A size or an index."""
HexHash = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
"""32 bytes as lower-case hexadecimal, the spelling of event bodies."""
Instant = Annotated[datetime, msgspec.Meta(tz=True)]
"""An instant with its offset; events write UTC."""

_Format = TypeVar("_Format")
_PLACE: Final = re.compile(r" - at `\$([^`]*)`$")
_STEP: Final = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", re.ASCII)


def convert(value: Json, form: type[_Format], pointer: str = "") -> _Format:
    """Read *value* as the struct *form*, strictly.

    Args:
        value: What `parse_json` returned.
        form: A struct that forbids unknown fields.
        pointer: Where *value* stands in the whole input.

    Raises:
        FormatError: A member is missing, unknown or of another type, or not in canonical form.
    """
    read = convert_loosely(value, form, pointer)
    written: Json = msgspec.to_builtins(read)
    place = first_difference(value, written, pointer)
    if place is not None:
        raise FormatError("not in canonical form", place)
    return read


def convert_loosely(value: Json, form: type[_Format], pointer: str = "") -> _Format:
    """Read *value* as *form* without the canonical-form rule: for bytes a proof already fixes.

    Raises:
        FormatError: A member is missing, unknown or of another type.
    """
    try:
        return msgspec.convert(value, form)
    except msgspec.ValidationError as error:
        text = str(error)
        found = _PLACE.search(text)
        reason = text[: found.start()] if found else text
        raise FormatError(reason, _extend(pointer, found[1] if found else "")) from error


def parse_instant(text: str) -> datetime:
    """Read `YYYY-MM-DDTHH:MM:SS[.ffffff]Z`, the one way the ledger writes instants.

    Raises:
        FormatError: Anything else, such as a lower-case t, an offset or no such date.
    """
    if _INSTANT.fullmatch(text) is None:
        raise FormatError(f"not a UTC instant: {text[:40]!r}")
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise FormatError(f"no such date: {text[:40]!r}") from error


def format_instant(instant: datetime) -> str:
    """Write an aware instant as RFC 3339 in UTC with a Z, fractions only where there are any."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _extend(pointer: str, path: str) -> str:
    for name, index in _STEP.findall(path):
        pointer = pointer_to(pointer, name or index)
    return pointer
