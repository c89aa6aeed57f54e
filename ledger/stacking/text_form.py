"""The JSON of rule texts and derivations: one spelling, read strictly.

The canonical form is RFC 8785 with fewer kinds of values: objects whose member names are ASCII, arrays, strings,
integers that a double holds exactly, true and false. A member that has its default value is left out. There are no
fractions, so that no reader can read one differently: decimals and shares are strings.

Source: RFC 8785 section 3.2.
"""

from __future__ import annotations

import json
from typing import Any, Final, NoReturn, TypeVar

import msgspec

from ledger.error import InvalidInputError

MAX_BYTES: Final = 1_000_000
MAX_EXACT_INTEGER: Final = 2**53 - 1
"""Source: RFC 7493 section 2.2."""
MAX_DEPTH: Final = 60
_Struct = TypeVar("_Struct", bound=msgspec.Struct)


class Text(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base of everything that is written in a rule text or a derivation."""


def canonical(value: msgspec.Struct) -> bytes:
    """The one spelling of *value*.

    Raises:
        InvalidInputError: A text holds half a surrogate pair, or a number is too large.
    """
    try:
        tree = msgspec.to_builtins(value)
        _refuse_odd(tree, "")
        written = json.dumps(tree, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return written.encode()
    except UnicodeEncodeError as error:
        message = "a text holds half of a surrogate pair, which stands for no character"
        raise InvalidInputError(message) from error


def parse(data: bytes, kind: type[_Struct]) -> _Struct:
    """Read JSON that somebody wrote, in any spelling.

    Raises:
        InvalidInputError: It is no JSON, names a member twice, holds a float or null, or is not of the *kind*; the
            pointer names the member where that is known.
    """
    if len(data) > MAX_BYTES:
        message = f"the text has more than {MAX_BYTES} bytes"
        raise InvalidInputError(message)
    try:
        tree = json.loads(data.decode(), object_pairs_hook=_once, parse_float=_no_float, parse_constant=_no_float)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        message = f"this is no JSON text: {error}"
        raise InvalidInputError(message) from error
    return convert(tree, kind)


def parse_canonical(data: bytes, kind: type[_Struct]) -> _Struct:
    """Read what :func:`canonical` wrote, and refuse every other spelling.

    Raises:
        InvalidInputError: As :func:`parse`; or the bytes are not the canonical ones.
    """
    value = parse(data, kind)
    if canonical(value) != data:
        message = "the bytes are not in canonical form: members sorted, nothing left at its default, no spaces"
        raise InvalidInputError(message)
    return value


def convert(tree: Any, kind: type[_Struct]) -> _Struct:  # noqa: ANN401  any JSON value
    """Make a *kind* of parsed JSON.

    Raises:
        InvalidInputError: It holds a float, null or too large a number, or is not of the kind.
    """
    _refuse_odd(tree, "")
    try:
        return msgspec.convert(tree, kind)
    except msgspec.ValidationError as error:
        said, _, path = str(error).partition(" - at `$")
        raise InvalidInputError(said, _pointer(path.rstrip("`"))) from error


def _pointer(path: str) -> str:
    """RFC 6901 pointer of msgspec's path, such as ``.rule.rules[0]``."""
    return path.replace("[...]", "").replace("[", "/").replace("]", "").replace(".", "/")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        message = "an object names a member twice"
        raise InvalidInputError(message)
    return members


def _no_float(text: str) -> NoReturn:
    message = f"{text} is not exact; amounts are integers of the smallest unit, decimals and shares are strings"
    raise InvalidInputError(message)


def _refuse_odd(value: object, pointer: str, depth: int = 0) -> None:
    if depth > MAX_DEPTH:
        message = f"the text is nested more than {MAX_DEPTH} deep"
        raise InvalidInputError(message, pointer)
    if isinstance(value, dict):
        for name, member in value.items():
            if not (isinstance(name, str) and name.isascii()):
                message = "member names are ASCII"
                raise InvalidInputError(message, pointer)
            _refuse_odd(member, f"{pointer}/{name}", depth + 1)
    elif isinstance(value, list | tuple):
        for number, member in enumerate(value):
            _refuse_odd(member, f"{pointer}/{number}", depth + 1)
    elif value is None or isinstance(value, float):
        message = "null and floats do not occur; leave the member out, or write a decimal as a string"
        raise InvalidInputError(message, pointer)
    elif isinstance(value, int) and abs(value) > MAX_EXACT_INTEGER:
        message = f"a number is at most {MAX_EXACT_INTEGER}"
        raise InvalidInputError(message, pointer)
