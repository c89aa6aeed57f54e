"""A quicker way to canonical N-Quads, for documents of a shape that was seen before.

JSON-LD asks every time what each term means, although of a thousand credentials only the learners' values differ. So a
shape (the names and their order, the contexts, the types and whatever else bears on meaning) is expanded once, with
sentinels in place of its values. Where a sentinel comes out whole, as a literal or as an IRI, any value of its kind
would have come out there, and the quads become templates. A document of that shape is then filled in, its blank nodes
are named by their first-degree hashes, and that is all.

Whatever is not plainly so goes the general way, and the general way alone decides what is right:

- strings that bear on meaning (types, languages, terms, ...) are part of the shape, as are numbers, true, false, null;
- an IRI is filled in only if it is absolute and safely spelled, of the scheme the template was made with, and not
  of an origin under which a context defines terms; which of them are equal is part of the shape;
- two blank nodes with one hash, two quads that become equal, a string that has no UTF-8: the general way.

The tests compare both ways, and two other processors, over mutated documents.

Longer than other modules because taking apart, compiling and filling in have to agree on every line.

Source: JSON-LD 1.1 API sections 5.1 to 5.3 and 8.1 (what expansion looks at); RDFC-1.0 section 4.4 (steps 3, 4 and 6).
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any, Final

from verifier.error import JsonLdError
from verifier.jsonld.context import CONTEXTS, context_document
from verifier.jsonld.expansion import to_quads
from verifier.jsonld.nquads import Quad, escape, is_blank
from verifier.jsonld.rdfc import HashName

MAX_STRINGS: Final = 400
"""Strings of a document that are worth a template."""
MAX_TEMPLATES: Final = 512
"""Templates kept at once; the oldest makes room."""
MAX_AGREED: Final = 64
"""Shapes of proofs that are kept for one shape of documents."""
MAX_ROUNDS: Final = 8
"""How often a compilation starts anew because a string turned out to bear on meaning."""

MAX_PARTS: Final = 4_000
"""Members, items and values of a document that is worth looking at."""
MAX_SHORT: Final = 512
"""Characters of an IRI whose class is remembered."""
MAX_LEVELS: Final = 24
"""Objects and lists within each other, of a document that is worth looking at."""

_SENTINEL: Final = "x-sentinel-"
_FOUND: Final = re.compile(rf"{_SENTINEL}(\d{{4}})x")
_MARK: Final = rf"{_SENTINEL}\d{{4}}x"
_WHOLE: Final = re.compile(
    rf"<(?:https?://{_MARK}/|(?:did|urn):{_MARK})>"
    rf"|\"(?:https?://{_MARK}/|(?:did|urn):{_MARK}|{_MARK})(?P<tail>\"(?:@[A-Za-z0-9-]+|\^\^<[^>]*>)?)"
)
_IRI: Final = "<>"
"""Kind of a string that comes out as an IRI; that of a literal is what stands after it, from the quote on."""
_UNFIT: Final = ""
_CONTEXT: Final = "@context"
_FIXED: Final = frozenset({"type", "@type", "@context", "@value", "@language", "@direction", "@index"})
"""Members whose strings are part of the shape without asking."""
_RDF_TYPE: Final = "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>"
_DOUBLE: Final = '"^^<http://www.w3.org/2001/XMLSchema#double>'
"""Strings of this type are rewritten on the way to RDF."""
_SAFE_IRI: Final = re.compile(
    r"(https?://[A-Za-z0-9.:\-]+)(?:/[A-Za-z0-9_~!$&'()*+,;=:@%./\-]*)?(?:[?#][A-Za-z0-9_=&%.:/\-]*)?"
    r"|((?:did|urn):[A-Za-z0-9][A-Za-z0-9_.%=&\-]*)[A-Za-z0-9_.:%#/?=&\-]*"
)
"""The groups are its origin: scheme and host, or scheme and first part."""
_TEXT: Final = 1
_SCHEMES: Final[Mapping[str, int]] = {"http": 2, "https": 3, "did": 4, "urn": 5}
"""Kinds of string in a shape, above zero; what is not above zero is the length of a list."""
_NOTHING: Final[frozenset[str]] = frozenset()
_LIKE_IRI: Final = frozenset({"http", "did:", "urn:"})
_MADE_UP: Final = "http://example.org"
"""Origin of the base that PyLD makes up."""

Key = tuple[Any, ...]
Line = tuple[str, tuple[int, ...]]
"""A pattern, and the numbers of what it takes."""


@dataclass(frozen=True, slots=True)
class Form:
    """Canonical N-Quads, and the template they were made with; None if they were made the general way."""

    nquads: bytes
    template: Template | None


@dataclass(slots=True)
class Template:
    """What a document of one shape becomes.

    Attributes:
        free: Positions of the strings that are filled in, each with its kind.
        lines: Every line: a pattern, and the numbers of what it takes, values first and then blank nodes.
        views: For each blank node the lines that mention it, as seen from it.
        sentinel: The document with its sentinels, for checks that depend on the shape alone.
        origins: Origins under which an inline context defines terms.
        plan: The shape, the positions of strings that bear on meaning, the positions of IRIs.
        key: The shape, the strings that bear on meaning, and which of the IRIs are equal.
        agreed: Keys of the templates of proof options with which the JSON was found to agree with the RDF.
    """

    free: tuple[tuple[int, str], ...]
    lines: tuple[Line, ...]
    views: tuple[tuple[Line, ...], ...]
    sentinel: dict[str, Any]
    origins: frozenset[str]
    plan: tuple[Key, tuple[int, ...], tuple[int, ...]]
    key: Key
    agreed: set[Key] = field(default_factory=set)

    def fill(self, strings: list[str], hash_name: HashName) -> bytes | None:
        """Return the canonical N-Quads of a document with these strings; None if the general way must decide."""
        values = [f"<{strings[at]}>" if kind == _IRI else f'"{escape(strings[at])}{kind}' for at, kind in self.free]
        if self.origins and any(_origin(strings[at]) in self.origins for at, kind in self.free if kind == _IRI):
            return None
        names = self._names(values, hash_name)
        if names is None:
            return None
        lines = _written(self.lines, values + names)
        if len(set(lines)) != len(lines):
            return None
        lines.sort()
        return "".join(lines).encode()

    def _names(self, values: list[str], hash_name: HashName) -> list[str] | None:
        """Name the blank nodes by their first-degree hashes; None if two are alike."""
        hashes, hashed = [], hashlib.sha256 if hash_name == "sha256" else hashlib.sha384
        for view in self.views:
            lines = _written(view, values)
            lines.sort()
            hashes.append(hashed("".join(lines).encode()).hexdigest())
        order = {digest: f"_:c14n{place}" for place, digest in enumerate(sorted(hashes))}
        return [order[digest] for digest in hashes] if len(order) == len(hashes) else None


class Shapes:
    """Templates of the shapes seen so far.

    Concurrency: safe from any thread; what two of them learn at once, one of them learns in vain.
    """

    def __init__(self) -> None:
        self._plans: dict[Key, tuple[tuple[int, ...], tuple[int, ...]]] = {}
        self._templates: dict[Key, Template] = {}
        self._seen: dict[int, None] = {}
        self._news: dict[Key, None] = {}
        self._changing = threading.Lock()

    def find(self, document: Mapping[str, Any], hash_name: HashName) -> Form | None:
        """Canonicalise a document of a known shape; None if the general way must decide."""
        outline = _outline(document)
        template = None if outline is None else self._template(outline)
        if template is None or outline is None:
            return None
        try:
            nquads = template.fill(outline.strings, hash_name)
        except UnicodeEncodeError:
            return None
        return None if nquads is None else Form(nquads, template)

    def knows(self, document: Mapping[str, Any]) -> bool:
        """Tell whether a document is of a known shape, so that every term in it is defined."""
        outline = _outline(document)
        return outline is not None and self._template(outline) is not None

    def learn(self, document: Mapping[str, Any], *, at_once: bool = False) -> Template | None:
        """Make a template of the shape of a document that the general way found good; None if it has none.

        A shape that is there for the first time is only noted, unless *at_once* is asked for.
        """
        outline = _outline(document)
        if outline is None or not (at_once or self._is_back(outline.key)):
            return None
        template = self._template(outline) or _compile(document, outline)
        if template is not None:
            self._news[template.key] = None
        return None if template is None else self.remember(template)

    def remember(self, template: Template) -> Template | None:
        """Keep a template, made here or by another process; return the one that is kept."""
        shape, constants, iris = template.plan
        with self._changing:
            if self._plans.setdefault(shape, (constants, iris)) != (constants, iris):
                return None
            kept = self._templates.setdefault(template.key, template)
            kept.agreed |= template.agreed
            self._make_room()
        return kept

    def news(self) -> list[Template]:
        """Return the templates that this process made or found out about since it was last asked."""
        found = [self._templates[key] for key in self._news if key in self._templates]
        self._news.clear()
        return found

    def agree(self, template: Template, options: Template) -> None:
        """Note that documents of a shape say in JSON what they say in RDF, with proofs of another shape."""
        if len(template.agreed) >= MAX_AGREED:
            template.agreed.clear()
        template.agreed.add(options.key)
        self._news[template.key] = None

    def _make_room(self) -> None:
        if len(self._templates) > MAX_TEMPLATES:
            self._templates.pop(next(iter(self._templates)), None)
        if len(self._news) > MAX_TEMPLATES:
            self._news.clear()
        if len(self._plans) > MAX_TEMPLATES:
            self._plans.pop(next(iter(self._plans)), None)

    def _template(self, outline: _Outline) -> Template | None:
        plan = self._plans.get(outline.key)
        if plan is None:
            return None
        return self._templates.get(_template_key(outline, *plan))

    def _is_back(self, key: Key) -> bool:
        digest = hash(key)
        if digest in self._seen:
            return True
        if len(self._seen) >= MAX_TEMPLATES:
            self._seen.clear()
        self._seen[digest] = None
        return False


@dataclass(frozen=True, slots=True)
class _Outline:
    """A document taken apart: what its shape is, and the strings that may differ, in order."""

    key: Key
    strings: list[str]


def _outline(document: Mapping[str, Any]) -> _Outline | None:
    """Take a document apart; None if it is too large or too deep to be worth it."""
    parts: list[Any] = []
    strings: list[str] = []
    try:
        _take_apart(dict(document), parts, strings, 0)
    except _TooLargeError:
        return None
    return _Outline(tuple(parts), strings)


class _TooLargeError(Exception):
    """A document that is worth no template."""


def _take_apart(value: Any, parts: list[Any], strings: list[str], level: int) -> None:  # noqa: ANN401  dict or list
    """Note what a dict or a list is made of: its names or its length, then its members.

    This is most of the work on a known shape, hence so plainly written.
    """
    if level > MAX_LEVELS or len(parts) + len(value) > MAX_PARTS or len(strings) > MAX_STRINGS:
        raise _TooLargeError
    note = parts.append
    if type(value) is list:
        note(-len(value))
        fixed, members = _NOTHING, zip(value, value, strict=True)
    else:
        note(tuple(value))
        fixed, members = _FIXED, value.items()
    for name, member in members:
        kind = type(member)
        if fixed and name in fixed:
            note(_frozen(member, level))
        elif kind is str:
            strings.append(member)
            note(_class_of(member) if member[:4] in _LIKE_IRI else _TEXT)
        elif kind is dict or kind is list:
            _take_apart(member, parts, strings, level + 1)
        else:
            note((kind, repr(member)))


def _frozen(value: Any, level: int) -> Any:  # noqa: ANN401  any JSON value
    """Return a value as something that can be part of a key; unlike values become unlike keys."""
    kind = type(value)
    if level > MAX_LEVELS:
        raise _TooLargeError
    if kind is str:
        return value
    if kind is list:
        return (list, *[member if type(member) is str else _frozen(member, level + 1) for member in value])
    if kind is dict:
        return (dict, *[(name, _frozen(member, level + 1)) for name, member in value.items()])
    return (kind, repr(value))


def _class_of(value: str) -> int:
    """Return the scheme of an IRI that JSON-LD leaves as it is, wherever IRIs stand; `_TEXT` for other strings."""
    return _short_class(value) if len(value) <= MAX_SHORT else _class(value)


def _class(value: str) -> int:
    found = _SAFE_IRI.fullmatch(value)
    if found is None or "/." in value or (found[1] or found[2]) in _known_origins():
        return _TEXT
    return _SCHEMES[value.partition(":")[0]]


_short_class = lru_cache(maxsize=4096)(_class)
"""What is remembered is bounded in length as well as in number: strangers choose the strings."""


def _may_be_filled_in(value: str) -> bool:
    return value[:4] in _LIKE_IRI and _class_of(value) != _TEXT


def _origin(iri: str) -> str:
    """Return scheme and host, or scheme and first part."""
    scheme, _, rest = iri.partition(":")
    if rest.startswith("//"):
        return f"{scheme}://{re.split('[/?#]', rest[2:], maxsplit=1)[0]}"
    return f"{scheme}:{re.split('[:/?#]', rest, maxsplit=1)[0]}"


@cache
def _known_origins() -> frozenset[str]:
    """Origins under which installed contexts define terms, and that of the base PyLD makes up."""
    return frozenset({_MADE_UP}.union(*(_origins(context_document(url)) for url in CONTEXTS)))


def _origins(context: Any) -> Iterator[str]:  # noqa: ANN401  any JSON value
    if isinstance(context, str):
        if ":" in context:
            yield _origin(context)
    elif isinstance(context, Mapping):
        for name, member in context.items():
            yield from _origins(name)
            yield from _origins(member)
    elif isinstance(context, list):
        for member in context:
            yield from _origins(member)


def _template_key(outline: _Outline, constants: tuple[int, ...], iris: tuple[int, ...]) -> Key:
    strings = outline.strings
    fixed = tuple([strings[at] for at in constants])
    names = [strings[at] for at in iris]
    alone = len({*names, *fixed}) == len(names) + len(set(fixed))
    equal = () if alone else tuple([[*fixed, *names].index(name) for name in names])
    return (outline.key, fixed, equal)


def _compile(document: Mapping[str, Any], outline: _Outline) -> Template | None:
    """Make the template of a document's shape; None if it has none."""
    origins = frozenset(_inline_origins(document))
    if any(_SENTINEL in string or _is_of(string, origins) for string in outline.strings):
        return None
    # 1. Every string that is not in the way of meaning gets a sentinel of its own.
    found = _settle(document, outline)
    if found is None:
        return None
    constants, kinds = found
    iris = tuple(at for at, kind in kinds.items() if kind == _IRI)
    # 2. IRIs that are equal get one sentinel, since they name one node.
    first: dict[str, int] = {}
    for at in iris:
        first.setdefault(outline.strings[at], at)
    stands_for = {at: first[outline.strings[at]] if kind == _IRI else at for at, kind in kinds.items()}
    sentinels = {at: _sentinel(outline.strings[at], other) for at, other in stands_for.items()}
    sentinel = _replaced(document, outline, sentinels)
    try:
        quads = list(dict.fromkeys(to_quads(sentinel)))
    except JsonLdError:
        return None
    free = tuple((at, kinds[at]) for at in dict.fromkeys(stands_for.values()))
    plan = (outline.key, tuple(constants), iris)
    key = _template_key(outline, *plan[1:])
    lines, views = _lines(quads, {f"{at:04}": number for number, (at, _) in enumerate(free)})
    return Template(free, lines, views, sentinel, origins, plan, key)


def _settle(document: Mapping[str, Any], outline: _Outline) -> tuple[list[int], dict[int, str]] | None:
    """Find which strings bear on meaning, and what the others come out as."""
    constants: set[int] = set()
    for _ in range(MAX_ROUNDS):
        free = [at for at in range(len(outline.strings)) if at not in constants]
        sentinels = {at: _sentinel(outline.strings[at], at) for at in free}
        try:
            kinds = _kinds(to_quads(_replaced(document, outline, sentinels)))
        except JsonLdError as error:
            named = {int(number) for number in _FOUND.findall(str(error))}
            if not named - constants:
                return None
            constants |= named
            continue
        unfit = {at for at in free if not kinds.get(at, _UNFIT)}
        if not unfit:
            return sorted(constants), {at: kinds[at] for at in free}
        constants |= unfit
    return None


def _sentinel(string: str, number: int) -> str:
    """Return a string that stands for *string*: of its scheme if it may be filled in as an IRI."""
    mark = f"{_SENTINEL}{number:04}x"
    if not _may_be_filled_in(string):
        return mark
    scheme = string.partition(":")[0]
    return f"{scheme}://{mark}/" if scheme.startswith("http") else f"{scheme}:{mark}"


def _replaced(document: Mapping[str, Any], outline: _Outline, sentinels: Mapping[int, str]) -> dict[str, Any]:
    """Copy a document with sentinels in place of its strings."""
    counter = iter(range(len(outline.strings)))

    def replace(value: Any) -> Any:  # noqa: ANN401  any JSON value
        if isinstance(value, str):
            at = next(counter)
            return sentinels.get(at, value)
        if isinstance(value, Mapping):
            return {name: member if name in _FIXED else replace(member) for name, member in value.items()}
        return [replace(member) for member in value] if isinstance(value, list) else value

    copy: dict[str, Any] = replace(document)
    return copy


def _kinds(quads: Iterable[Quad]) -> dict[int, str]:
    """Tell what each sentinel came out as, `_UNFIT` where it came out in no one way."""
    kinds: dict[int, str] = {}
    for quad in quads:
        for place, term in zip(Quad._fields, quad, strict=True):
            for number in _FOUND.findall(term):
                at = int(number)
                kind = _kind(term, place, quad.predicate)
                kinds[at] = kind if kinds.get(at, kind) == kind else _UNFIT
    return kinds


def _kind(term: str, place: str, predicate: str) -> str:
    if place == "predicate" or (place == "object" and predicate == _RDF_TYPE):
        return _UNFIT
    whole = _WHOLE.fullmatch(term)
    if whole is None or len(_FOUND.findall(term)) != 1 or whole["tail"] == _DOUBLE:
        return _UNFIT
    return whole["tail"] or _IRI


def _lines(quads: list[Quad], numbers: Mapping[str, int]) -> tuple[tuple[Line, ...], tuple[tuple[Line, ...], ...]]:
    """Turn quads with sentinels into the lines and views of a template."""
    nodes = list(dict.fromkeys(term for quad in quads for term in quad if is_blank(term)))
    places = {**numbers, **{node: len(numbers) + place for place, node in enumerate(nodes)}}
    views = []
    for node in nodes:
        names = {other: "_:a" if other == node else "_:z" for other in nodes}
        views.append(tuple(_line(quad, numbers, names) for quad in quads if node in quad))
    return tuple(_line(quad, places, {}) for quad in quads), tuple(views)


def _line(quad: Quad, places: Mapping[str, int], names: Mapping[str, str]) -> Line:
    """Write a quad as a pattern that takes what *places* knows, with nodes called as *names* says."""
    terms, numbers = [], []
    for term in quad:
        found = _FOUND.search(term)
        place = places.get(found[1] if found else term)
        if place is None:
            terms.append(names.get(term, term).replace("%", "%%"))
        else:
            terms.append("%s")
            numbers.append(place)
    line = Quad(*terms).line()
    # A line that takes nothing is used as it stands, so its percent signs are single.
    return (line if numbers else line.replace("%%", "%"), tuple(numbers))


def _written(lines: Iterable[Line], filled: list[str]) -> list[str]:
    return [pattern % tuple([filled[n] for n in numbers]) if numbers else pattern for pattern, numbers in lines]


def _is_of(string: str, origins: frozenset[str]) -> bool:
    return bool(origins) and ":" in string and _origin(string) in origins


def _inline_origins(value: Any) -> Iterator[str]:  # noqa: ANN401  any JSON value
    """Origins under which contexts within the document define terms."""
    if isinstance(value, Mapping):
        for name, member in value.items():
            if name != _CONTEXT:
                yield from _inline_origins(member)
            else:
                for entry in member if isinstance(member, list) else [member]:
                    yield from () if isinstance(entry, str) else _origins(entry)
    elif isinstance(value, list):
        for member in value:
            yield from _inline_origins(member)
