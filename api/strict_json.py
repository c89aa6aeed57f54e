"""Strict JSON: what one reader accepts, every reader reads alike, or it is refused.

Duplicate names, NaN, lone surrogates and integers that a double cannot hold are read differently by
different parsers, so a signature over such a document means nothing. They are refused here, with a
JSON pointer to the place.

Two readers stand behind `parse_strict_json`:

1. `read_quickly` lets a compiled parser do the work and accepts only what it can prove to be clean
   from counts taken over the source. It never says what is wrong.
2. `read_carefully` is the definition: a small recursive reader that names the first wrong place. It
   runs only when the quick one was not sure, and does a bounded amount of work (`max_items`).

Source: RFC 8259 (grammar), RFC 7493 (I-JSON: unique names, no surrogates, range of integers),
RFC 6901 (pointers).
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Final, TypeAlias, cast

import orjson

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"

# Largest integer that every reader holds exactly. Source: RFC 7493 section 2.2.
MAX_INTEGER: Final = 2**53 - 1
# Digits of MAX_INTEGER; a longer number is out of range whatever it is.
MAX_INTEGER_DIGITS: Final = 16
# Nested arrays and objects. The deepest document of ours (CLR 2.0 around Open Badges) has 14; a
# recursive reader must never be led to the end of its stack.
MAX_DEPTH: Final = 32
# Values and names in one body. An Open Badges 3.0 document has about 150.
MAX_ITEMS: Final = 20_000
# The same in a batch: 10,000 awards of up to 40 values each.
MAX_BATCH_ITEMS: Final = 400_000


@dataclass(frozen=True, slots=True)
class JsonLimits:
    """How much one text may hold.

    Args:
        max_depth: Nested arrays and objects.
        max_items: Values, with names counted as values of their own.
    """

    max_depth: int = MAX_DEPTH
    max_items: int = MAX_ITEMS


DEFAULT_LIMITS: Final = JsonLimits()
BATCH_LIMITS: Final = JsonLimits(max_items=MAX_BATCH_ITEMS)


class StrictJsonError(ValueError):
    """A text is not strict JSON.

    Args:
        detail: A plain sentence that repeats no value of the text.
        pointer: RFC 6901 JSON pointer of the place, ``""`` for the whole text.
    """

    def __init__(self, detail: str, pointer: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.pointer = pointer


def parse_strict_json(data: bytes, limits: JsonLimits = DEFAULT_LIMITS) -> JsonValue:
    """Read one strict JSON text. All or nothing.

    Args:
        data: The text in UTF-8, without a byte order mark. The caller has limited its length.
        limits: Depth and count.

    Raises:
        StrictJsonError: Anything that `read_carefully` refuses.
    """
    clean, value = read_quickly(data, limits)
    return value if clean else read_carefully(data, limits)


# ── The quick reader ──

# Skips strings alone: whether they are well formed is the compiled parser's business. Possessive,
# and content with a string that never ends, so that no text makes it look at a byte twice.
_STRING_BYTES: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_NOT_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_ONE_KIND: Final = bytes.maketrans(b"{}", b"[]")


def read_quickly(data: bytes, limits: JsonLimits = DEFAULT_LIMITS) -> tuple[bool, JsonValue]:
    """Read a text with a compiled parser, if it can be shown to be clean.

    Duplicate names are found by counting. In a text that the parser accepts, each member of an
    object has exactly one colon outside strings; the parser keeps one value for each distinct name.
    So a name occurs twice if and only if there are more colons than members in the value.

    Returns:
        (True, value) when `read_carefully` would return the same value; (False, None) when that has
        to decide.
    """
    # Each string is a value or a name, and a backslash hides one quotation mark at most. Skipping hundreds of thousands
    # of strings is one call that lets no other thread run.
    if data.count(b'"') - data.count(b"\\") > 2 * limits.max_items:
        return False, None
    skeleton = _STRING_BYTES.sub(b"", data)
    openings = skeleton.count(b"[") + skeleton.count(b"{")
    colons = skeleton.count(b":")
    # Never below the true count: each value but the first follows a comma, a colon or an opening.
    if 1 + openings + skeleton.count(b",") + 2 * colons > limits.max_items:
        return False, None
    if not _is_shallow(skeleton, limits.max_depth):
        return False, None
    try:
        value = cast("JsonValue", orjson.loads(data))
    except orjson.JSONDecodeError:
        return False, None
    return (True, value) if _count_members(value) == colons else (False, None)


def _is_shallow(skeleton: bytes, max_depth: int) -> bool:
    """Tell whether brackets, all taken for one kind, are balanced and at most so deep: a turn removes the innermost."""
    brackets = skeleton.translate(_ONE_KIND, _NOT_BRACKETS)
    for _ in range(max_depth):
        if not brackets:
            break
        brackets = brackets.replace(b"[]", b"")
    return not brackets


def _count_members(value: JsonValue) -> int:
    """Count the members of all objects, or return -1 when a number may be out of range."""
    members = 0
    waiting: list[JsonValue] = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            members += len(item)
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
        elif (type(item) is int or type(item) is float) and not -MAX_INTEGER <= item <= MAX_INTEGER:
            return -1  # the compiled parser turns long integers into floats; let the other look
    return members


# ── The careful reader ──

_TOKEN: Final = re.compile(
    r"[ \t\n\r]*(?:"
    r'(?P<string>"[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+)*+")'
    r"|(?P<number>-?(?:0|[1-9][0-9]*)(?P<fraction>\.[0-9]+)?(?P<exponent>[eE][+-]?[0-9]+)?)"
    r"|(?P<word>true|false|null)(?![0-9A-Za-z_])"
    r"|(?P<mark>[\[\]{}:,])"
    r"|(?P<end>\Z))"
)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_WORDS: Final[dict[str, bool | None]] = {"true": True, "false": False, "null": None}


def read_carefully(data: bytes, limits: JsonLimits = DEFAULT_LIMITS) -> JsonValue:
    """Read a text by the definition of strict JSON, naming the first wrong place.

    Raises:
        StrictJsonError: Not UTF-8 or begun by a byte order mark; against the grammar; a name that
            occurs twice in one object; a lone surrogate; an integer beyond 2^53-1; a number beyond
            the doubles; deeper or with more items than the limits.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise StrictJsonError(f"Byte {error.start} is not UTF-8.") from error
    if text.startswith("\ufeff"):
        raise StrictJsonError("The text begins with a byte order mark.")
    return _CarefulReader(text, limits).read()


class _CarefulReader:
    """Reads one text once. `_path` always names the value being read."""

    def __init__(self, text: str, limits: JsonLimits) -> None:
        self._text = text
        self._position = 0
        self._limits = limits
        self._items = 0
        self._path: list[str] = []

    def read(self) -> JsonValue:
        value = self._value(self._next())
        if self._next().lastgroup != "end":
            raise self._error("Something follows after the end of the value.")
        return value

    def _value(self, token: re.Match[str]) -> JsonValue:
        self._count()
        kind, text = token.lastgroup, token[token.lastgroup or 0]
        if kind == "string":
            return self._string(text)
        if kind == "number":
            return self._number(token, text)
        if kind == "word":
            return _WORDS[text]
        if text not in {"[", "{"}:
            raise self._error("A value is missing here.")
        if len(self._path) >= self._limits.max_depth:
            raise self._error(f"Nested deeper than {self._limits.max_depth} levels.")
        return self._array() if text == "[" else self._object()

    def _array(self) -> list[JsonValue]:
        values: list[JsonValue] = []
        token = self._next()
        if _mark(token) == "]":
            return values
        while True:
            self._path.append(str(len(values)))
            values.append(self._value(token))
            self._path.pop()
            if self._closes(self._next(), "]"):
                return values
            token = self._next()

    def _object(self) -> dict[str, JsonValue]:
        members: dict[str, JsonValue] = {}
        token = self._next()
        if _mark(token) == "}":
            return members
        while True:
            name = self._name(token)
            self._path.append(name.replace("~", "~0").replace("/", "~1"))
            if name in members:
                raise self._error("This name occurs twice in one object.")
            if _mark(self._next()) != ":":
                raise self._error("A colon is missing after the name.")
            members[name] = self._value(self._next())
            self._path.pop()
            if self._closes(self._next(), "}"):
                return members
            token = self._next()

    def _name(self, token: re.Match[str]) -> str:
        if token.lastgroup != "string":
            raise self._error("An object holds something other than a name in double quotes.")
        self._count()
        return self._string(token["string"])

    def _closes(self, token: re.Match[str], closing: str) -> bool:
        mark = _mark(token)
        if mark not in {closing, ","}:
            raise self._error(f"A comma or `{closing}` is missing here.")
        return mark == closing

    def _string(self, text: str) -> str:
        value = cast("str", json.loads(text))
        if _SURROGATE.search(value):
            raise self._error("A text holds half of a surrogate pair.")
        return value

    def _number(self, token: re.Match[str], text: str) -> int | float:
        if token["fraction"] is not None or token["exponent"] is not None:
            number = float(text)
            if math.isinf(number):
                raise self._error("A number is beyond what a double holds.")
            return number
        digits = text.removeprefix("-")
        if len(digits) > MAX_INTEGER_DIGITS or int(digits) > MAX_INTEGER:
            raise self._error("An integer is beyond 2^53-1; send it as a string.")
        return int(text)

    def _next(self) -> re.Match[str]:
        """Return the next token; one of kind "end" at the end of the text, however often."""
        token = _TOKEN.match(self._text, self._position)
        if token is None:
            before = self._text[: self._position]
            line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
            raise self._error(f"Not JSON at line {line}, column {column}.")
        self._position = token.end()
        return token

    def _count(self) -> None:
        self._items += 1
        if self._items > self._limits.max_items:
            raise StrictJsonError(f"More than {self._limits.max_items} values and names.")

    def _error(self, detail: str) -> StrictJsonError:
        return StrictJsonError(detail, "".join(f"/{step}" for step in self._path))


def _mark(token: re.Match[str]) -> str | None:
    return token["mark"]
