"""A document taken apart into what its shape is and the strings that may differ, nearly all of it in compiled code.

    {"id":"urn:x:1","n":5,"name":"A"}  ->  structure  {"":"","":5,"":""}     what stands outside of the strings
                                           strings    id  urn:x:1  n  name  A

A document is written as compact JSON, members sorted, and split at its quotes. Every second part is a string; the rest
is the structure: brackets, colons, numbers, true, false, null. A string that a colon follows is a member's name. So
structure and names say where everything is, and a table by these two says which of the strings bear on meaning.

What JSON has for one value in two spellings (a string with escapes) the writer spells in one way alone. Where a string
holds a quote or a backslash, the two are first replaced by characters that JSON cannot hold as they are.

The order in which members stand is not part of a shape: JSON-LD sorts them, and so does its processor here.

Source: RFC 8259 section 7 (strings); JSON-LD 1.1 API section 5.1.2 step 13 (members in lexicographical order).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from itertools import count
from operator import itemgetter
from typing import Any, Final

import msgspec
import orjson

from verifier.jsonld.context import CONTEXTS, context_document
from verifier.jsonld.nquads import escape

MAX_BYTES: Final = 65_536
"""Longest document that is worth looking at."""
MAX_STRINGS: Final = 4_000
"""Strings of it, names of members included."""
MAX_SHORT: Final = 512
"""Characters of an IRI whose class is remembered."""

FIXED: Final = frozenset({"type", "@type", "@context", "@value", "@language", "@direction", "@index"})
"""Members whose strings are part of the shape without asking."""
TEXT: Final = 1
SCHEMES: Final[Mapping[str, int]] = {"http": 2, "https": 3, "did": 4, "urn": 5}
"""Classes of strings: those of an IRI that JSON-LD leaves as it is, by scheme; `TEXT` for all others."""

_WRITING: Final = (
    orjson.OPT_SORT_KEYS
    | orjson.OPT_STRICT_INTEGER
    | orjson.OPT_PASSTHROUGH_SUBCLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_DATACLASS
)
_BACKSLASH, _QUOTE = b"\x00", b"\x01"
"""What stands for these two within a string: JSON has no such characters but as escapes."""
_UNUSUAL: Final = re.compile(rb"[\x00\x01\\\x7f]|\xef\xbf[\xbe\xbf]")
"""What N-Quads spell otherwise than the writer of JSON does, and what stands for something else."""
_COLON: Final = b":"
_LIKE_IRI: Final = frozenset({b"http", b"did:", b"urn:"})
_SAFE_IRI: Final = re.compile(
    r"(https?://[A-Za-z0-9.:\-]+)(?:/[A-Za-z0-9_~!$&'()*+,;=:@%./\-]*)?(?:[?#][A-Za-z0-9_=&%.:/\-]*)?"
    r"|((?:did|urn):[A-Za-z0-9][A-Za-z0-9_.%=&\-]*)[A-Za-z0-9_.:%#/?=&\-]*"
)
"""The groups are its origin: scheme and host, or scheme and first part."""
_MADE_UP: Final = "http://example.org"
"""Origin of the base that PyLD makes up."""

Strings = tuple[bytes, ...]
Picks = Callable[[Sequence[bytes]], Strings]


class Outline(msgspec.Struct, frozen=True):
    """A document taken apart.

    Attributes:
        written: Compact JSON, members sorted by their UTF-8 bytes.
        structure: What stands outside of the strings, with a quote where each was.
        parts: The text cut at its quotes: every second one, from the second on, is a string as it is spelled.
        is_plain: Whether each spelling is also that of N-Quads, and the string itself in UTF-8.
    """

    written: bytes
    structure: bytes
    parts: list[bytes]
    is_plain: bool


class Skeleton(msgspec.Struct, frozen=True):
    """Where in a document of one structure, with members of certain names, what is.

    Attributes:
        names: Places of the names among the parts.
        fixed: Places of the strings that are part of the shape.
        leaves: Places of all others.
    """

    names: tuple[int, ...]
    fixed: tuple[int, ...]
    leaves: tuple[int, ...]


def take_apart(document: Mapping[str, Any]) -> Outline | None:
    """Take a document apart; None if it is too large to be worth it, or not to be trusted to the quick writer.

    Args:
        document: JSON: dict, list, str, int, float, bool and None. A subclass of these is nothing for the quick way.
    """
    try:
        written = orjson.dumps(document, option=_WRITING)
    except orjson.JSONEncodeError:
        # Half a surrogate pair, an integer that not every reader keeps exact, nested too deeply, no JSON.
        return None
    if len(written) > MAX_BYTES:
        return None
    is_plain = not _has_unusual(written)
    text = written if is_plain else written.replace(b"\\\\", _BACKSLASH).replace(b'\\"', _QUOTE)
    parts = text.split(b'"')
    if len(parts) > 2 * MAX_STRINGS:
        return None
    structure = b'"'.join(parts[::2])
    # The writer makes a null of a number that is none, such as NaN.
    if b"null" in structure and not _is_finite(document):
        return None
    return Outline(written, structure, parts, is_plain)


def _has_unusual(written: bytes) -> bool:
    """Tell whether `_UNUSUAL` may be found; looking for single characters is quicker than looking for a pattern."""
    if b"\\" in written or b"\x7f" in written:
        return True
    return not written.isascii() and (b"\xef\xbf\xbe" in written or b"\xef\xbf\xbf" in written)


def _is_finite(value: Any) -> bool:  # noqa: ANN401  any JSON value
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    if isinstance(value, (list, tuple)):
        return all(map(_is_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def name_places(structure: bytes) -> tuple[int, ...]:
    """Return the places of members' names among the parts of a document of this structure."""
    outside = structure.split(b'"')
    return tuple([2 * at + 1 for at, after in enumerate(outside[1:]) if after[:1] == _COLON])


def skeleton_of(document: Mapping[str, Any]) -> Skeleton:
    """Return where what is in a document whose members are sorted, as in its outline."""
    names: list[int] = []
    fixed: list[int] = []
    leaves: list[int] = []
    places = count(1, 2)

    def walk(value: Any, others: list[int]) -> None:  # noqa: ANN401  any JSON value
        if isinstance(value, str):
            others.append(next(places))
        elif isinstance(value, Mapping):
            for name, member in value.items():
                names.append(next(places))
                walk(member, fixed if name in FIXED else others)
        elif isinstance(value, list):
            for member in value:
                walk(member, others)

    walk(document, leaves)
    return Skeleton(tuple(names), tuple(fixed), tuple(leaves))


def picker(places: Sequence[int]) -> Picks:
    """Return a function that picks what is at these places of a sequence."""
    if len(places) > 1:
        return itemgetter(*places)
    if not places:
        return _nothing
    [at] = places
    return lambda parts: (parts[at],)


def _nothing(_: Sequence[bytes]) -> Strings:
    return ()


def nquads_spelling(string: bytes) -> bytes:
    """Return a string of an outline as it stands between the quotes of a literal of N-Quads."""
    return escape(string_of(string)).encode() if _UNUSUAL.search(string) else string


def string_of(string: bytes) -> str:
    """Return what a string of an outline is."""
    spelled = string.replace(_QUOTE, b'\\"').replace(_BACKSLASH, b"\\\\")
    read: str = orjson.loads(b'"%b"' % spelled)
    return read


def restored(text: bytes, outline: Outline) -> bytes:
    """Return parts of an outline, joined again, as they were written."""
    return text if outline.is_plain else text.replace(_QUOTE, b'\\"').replace(_BACKSLASH, b"\\\\")


def classes_of(strings: Sequence[bytes]) -> bytes:
    """Return the class of each string: one of `SCHEMES`, or `TEXT`."""
    # Plainly written, since it is done for every string of every document.
    return bytes(
        [
            (_short_class(string) if len(string) <= MAX_SHORT else _class(string)) if string[:4] in _LIKE_IRI else TEXT
            for string in strings
        ]
    )


def class_of(string: bytes) -> int:
    """Return the scheme of an IRI that JSON-LD leaves as it is, wherever IRIs stand; `TEXT` for other strings."""
    return _short_class(string) if len(string) <= MAX_SHORT else _class(string)


def _class(string: bytes) -> int:
    if not string.isascii():
        return TEXT
    value = string.decode("ascii")
    found = _SAFE_IRI.fullmatch(value)
    if found is None or "/." in value or (found[1] or found[2]) in _known_origins():
        return TEXT
    return SCHEMES[value.partition(":")[0]]


_short_class = lru_cache(maxsize=4096)(_class)
"""What is remembered is bounded in length as well as in number: strangers choose the strings."""


def origin(iri: str) -> str:
    """Return scheme and host of an IRI, or scheme and first part."""
    scheme, _, rest = iri.partition(":")
    if rest.startswith("//"):
        return f"{scheme}://{re.split('[/?#]', rest[2:], maxsplit=1)[0]}"
    return f"{scheme}:{re.split('[:/?#]', rest, maxsplit=1)[0]}"


@cache
def _known_origins() -> frozenset[str]:
    """Origins under which installed contexts define terms, and that of the base PyLD makes up."""
    return frozenset({_MADE_UP}.union(*(origins_in(context_document(url)) for url in CONTEXTS)))


def origins_in(context: Any) -> Iterator[str]:  # noqa: ANN401  any JSON value
    """Origins of the IRIs in a context."""
    if isinstance(context, str):
        if ":" in context:
            yield origin(context)
    elif isinstance(context, Mapping):
        for name, member in context.items():
            yield from origins_in(name)
            yield from origins_in(member)
    elif isinstance(context, list):
        for member in context:
            yield from origins_in(member)
