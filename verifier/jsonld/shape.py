"""A quicker way to canonical N-Quads, for documents of a shape that was seen before.

JSON-LD asks every time what each term means, although of a thousand credentials only the learners' values differ. So a
shape (the members' names, the contexts, the types and whatever else bears on meaning) is expanded once, with
sentinels in place of its values. Where a sentinel comes out whole, as a literal or as an IRI, any value of its kind
would have come out there, and the quads become templates. A document of that shape is then filled in, its blank nodes
are named by their first-degree hashes, and that is all.

Whatever is not plainly so goes the general way, and the general way alone decides what is right:

- strings that bear on meaning (types, languages, terms, ...) are part of the shape, as are numbers, true, false, null;
- an IRI is filled in only if it is absolute and safely spelled, of the scheme the template was made with, and not
  of an origin under which a context defines terms; which of them are equal is part of the shape;
- two blank nodes with one hash, two quads that become equal, a string that has no UTF-8: the general way.

What depends on the shape alone is found out once with it: that every term is defined, whether JSON and RDF agree, and
whether the document as it was written to be taken apart is canonical JSON already (RFC 8785). That one is: the writer
and the reference library spell strings alike, and all else that they could differ in is in the structure and the names.

The tests compare both ways, and two other processors, over mutated documents.

Longer than other modules because what is compiled and what is looked up have to agree on every line.

Source: JSON-LD 1.1 API sections 5.1 to 5.3 and 8.1 (what expansion looks at); RDFC-1.0 section 4.4 (steps 3, 4 and 6).
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec
import orjson
import rfc8785

from verifier.error import JsonLdError
from verifier.jsonld.expansion import to_quads
from verifier.jsonld.nquads import Quad, is_blank
from verifier.jsonld.outline import (
    FIXED,
    TEXT,
    Outline,
    Picks,
    Skeleton,
    Strings,
    class_of,
    classes_of,
    name_places,
    origin,
    origins_in,
    picker,
    skeleton_of,
    string_of,
    take_apart,
)
from verifier.jsonld.rdfc import HashName
from verifier.jsonld.template import Form, Line, Plan, ShapeKey, Template, TemplateKey

MAX_LEAVES: Final = 400
"""Strings that may differ of a document that is worth a template."""
MAX_TEMPLATES: Final = 512
"""Templates kept at once; the oldest makes room."""
MAX_AGREED: Final = 64
"""Shapes of proofs that are kept for one shape of documents."""
MAX_ROUNDS: Final = 8
"""How often a compilation starts anew because a string turned out to bear on meaning."""

_SENTINEL: Final = "x-sentinel-"
_FOUND: Final = re.compile(rf"{_SENTINEL}(\d{{4}})x")
_MARK: Final = rf"{_SENTINEL}\d{{4}}x"
_STAND_IN: Final = rf"https?://{_MARK}/|(?:did|urn):{_MARK}"
_WHOLE: Final = re.compile(rf"<(?:{_STAND_IN})>|\"(?:{_STAND_IN}|{_MARK})(?P<tail>\"(?:@[A-Za-z0-9-]+|\^\^<[^>]*>)?)")
_PUT: Final = re.compile(rf"{_STAND_IN}|{_MARK}")
_IRI: Final = "<>"
"""Kind of a string that comes out as an IRI; that of a literal is what stands after it, from the quote on."""
_UNFIT: Final = ""
_CONTEXT: Final = "@context"
_RDF_TYPE: Final = "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>"
_DOUBLE: Final = '"^^<http://www.w3.org/2001/XMLSchema#double>'
"""Strings of this type are rewritten on the way to RDF."""


class Read(msgspec.Struct, frozen=True):
    """A document of a known shape.

    Attributes:
        outline: The document, taken apart.
        leaves: Its strings that are not part of the shape.
        template: What is known of the shape.
    """

    outline: Outline
    leaves: Strings
    template: Template

    def canonical_json(self) -> bytes | None:
        """Return the document as canonical JSON (RFC 8785), if it is known to be so written; else None."""
        return self.outline.written if self.template.is_canonical else None

    def form(self, hash_name: HashName) -> Form | None:
        """Return the document as canonical N-Quads; None if the general way must decide."""
        nquads = self.template.fill(self.leaves, hash_name, is_plain=self.outline.is_plain)
        return None if nquads is None else Form(nquads, self.template)


class _Split(msgspec.Struct, frozen=True):
    """How the strings of documents of one structure and names are told apart."""

    fixed: Picks
    leaves: Picks


class _Look(msgspec.Struct, frozen=True):
    """Which strings of a shape are looked at; with the plan, to compare."""

    plan: Plan
    constants: Picks
    iris: Picks


class Shapes:
    """Templates of the shapes seen so far.

    Concurrency: safe from any thread; what two of them learn at once, one of them learns in vain.
    """

    def __init__(self) -> None:
        self._names: dict[bytes, Picks] = {}
        self._picks: dict[tuple[bytes, bytes], _Split] = {}
        self._looks: dict[ShapeKey, _Look] = {}
        self._templates: dict[TemplateKey, Template] = {}
        self._seen: dict[int, None] = {}
        self._news: dict[TemplateKey, None] = {}
        self._changing = threading.Lock()

    def read(self, document: Mapping[str, Any]) -> Read | None:
        """Take apart a document of a known shape; None if its shape is not known.

        Every term of a document of a known shape is defined.
        """
        outline = take_apart(document)
        if outline is None:
            return None
        pick = self._names.get(outline.structure)
        if pick is None:
            return None
        parts = outline.parts
        names = b'"'.join(pick(parts))
        picks = self._picks.get((outline.structure, names))
        if picks is None:
            return None
        leaves = picks.leaves(parts)
        shape = ShapeKey(outline.structure, names, b'"'.join(picks.fixed(parts)), classes_of(leaves))
        look = self._looks.get(shape)
        if look is None:
            return None
        constants = look.constants(leaves)
        template = self._templates.get(TemplateKey(shape, constants, equal_of(constants, look.iris(leaves))))
        return None if template is None else Read(outline, leaves, template)

    def find(self, document: Mapping[str, Any], hash_name: HashName) -> Form | None:
        """Canonicalise a document of a known shape; None if the general way must decide."""
        read = self.read(document)
        return None if read is None else read.form(hash_name)

    def knows(self, document: Mapping[str, Any]) -> bool:
        """Tell whether a document is of a known shape, so that every term in it is defined."""
        return self.read(document) is not None

    def learn(self, document: Mapping[str, Any], *, at_once: bool = False) -> Template | None:
        """Make a template of the shape of a document that the general way found good; None if it has none.

        A shape that is there for the first time is only noted, unless *at_once* is asked for.
        """
        shaped = _shaped(document)
        if shaped is None or not (at_once or self._is_back(shaped.key)):
            return None
        read = self.read(document)
        template = _compile(shaped) if read is None else read.template
        if template is not None:
            self._news[template.key] = None
        return None if template is None else self.remember(template)

    def remember(self, template: Template) -> Template | None:
        """Keep a template, made here or by another process; return the one that is kept."""
        shape, plan, skeleton = template.key.shape, template.plan, template.skeleton
        with self._changing:
            look = self._looks.setdefault(shape, _Look(plan, picker(plan.constants), picker(plan.iris)))
            if look.plan != plan:
                return None
            self._names.setdefault(shape.structure, picker(skeleton.names))
            picks = _Split(picker(skeleton.fixed), picker(skeleton.leaves))
            self._picks.setdefault((shape.structure, shape.names), picks)
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
        tables: tuple[dict[Any, Any], ...] = (self._templates, self._looks, self._picks, self._names)
        for table in tables:
            if len(table) > MAX_TEMPLATES:
                table.pop(next(iter(table)), None)
        if len(self._news) > MAX_TEMPLATES:
            self._news.clear()

    def _is_back(self, key: ShapeKey) -> bool:
        digest = hash(key)
        if digest in self._seen:
            return True
        if len(self._seen) >= MAX_TEMPLATES:
            self._seen.clear()
        self._seen[digest] = None
        return False


class _Shaped(msgspec.Struct, frozen=True):
    """A document to make a template of: its members sorted, as in its outline."""

    document: dict[str, Any]
    written: bytes
    skeleton: Skeleton
    leaves: Strings
    key: ShapeKey


def _shaped(document: Mapping[str, Any]) -> _Shaped | None:
    outline = take_apart(document)
    if outline is None:
        return None
    sorted_document: dict[str, Any] = orjson.loads(outline.written)
    skeleton = skeleton_of(sorted_document)
    if len(skeleton.leaves) > MAX_LEAVES or skeleton.names != name_places(outline.structure):
        return None
    parts = outline.parts
    names, fixed, leaves = (picker(places)(parts) for places in (skeleton.names, skeleton.fixed, skeleton.leaves))
    key = ShapeKey(outline.structure, b'"'.join(names), b'"'.join(fixed), classes_of(leaves))
    return _Shaped(sorted_document, outline.written, skeleton, leaves, key)


def equal_of(constants: Strings, iris: Strings) -> tuple[int, ...]:
    """Return which of the IRIs are equal to each other or to a string that bears on meaning; empty if none are."""
    alone = len({*iris, *constants}) == len(iris) + len(set(constants))
    return () if alone else tuple([[*constants, *iris].index(name) for name in iris])


def _compile(shaped: _Shaped) -> Template | None:
    """Make the template of a document's shape; None if it has none."""
    origins = frozenset(_inline_origins(shaped.document))
    strings = [string_of(leaf) for leaf in shaped.leaves]
    if _SENTINEL.encode() in shaped.written or any(_is_of(string, origins) for string in strings):
        return None
    # 1. Every string that is not in the way of meaning gets a sentinel of its own.
    found = _settle(shaped, strings)
    if found is None:
        return None
    constants, kinds = found
    iris = tuple(at for at, kind in kinds.items() if kind == _IRI)
    # 2. IRIs that are equal get one sentinel, since they name one node.
    first: dict[str, int] = {}
    for at in iris:
        first.setdefault(strings[at], at)
    stands_for = {at: first[strings[at]] if kind == _IRI else at for at, kind in kinds.items()}
    sentinels = {at: _sentinel(strings[at], shaped.leaves[at], other) for at, other in stands_for.items()}
    sentinel = _replaced(shaped.document, sentinels)
    try:
        quads = list(dict.fromkeys(to_quads(sentinel)))
    except JsonLdError:
        return None
    # 3. The quads become patterns.
    free = tuple(dict.fromkeys(stands_for.values()))
    lines, views = _lines(quads, {f"{at:04}": number for number, at in enumerate(free)})
    plan = Plan(tuple(constants), iris)
    bearing = picker(plan.constants)(shaped.leaves)
    key = TemplateKey(shaped.key, bearing, equal_of(bearing, picker(iris)(shaped.leaves)))
    is_canonical = _is_canonical(shaped)
    return Template(key, shaped.skeleton, plan, free, lines, views, sentinel, origins, is_canonical)


def _is_canonical(shaped: _Shaped) -> bool:
    """Tell whether what was written is what the reference library writes."""
    try:
        return rfc8785.dumps(shaped.document) == shaped.written
    except rfc8785.CanonicalizationError:
        return False


def _settle(shaped: _Shaped, strings: list[str]) -> tuple[list[int], dict[int, str]] | None:
    """Find which strings bear on meaning, and what the others come out as."""
    constants: set[int] = set()
    for _ in range(MAX_ROUNDS):
        free = [at for at in range(len(strings)) if at not in constants]
        sentinels = {at: _sentinel(strings[at], shaped.leaves[at], at) for at in free}
        try:
            kinds = _kinds(to_quads(_replaced(shaped.document, sentinels)))
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


def _sentinel(string: str, leaf: bytes, number: int) -> str:
    """Return a string that stands for another: of its scheme if it may be filled in as an IRI."""
    mark = f"{_SENTINEL}{number:04}x"
    if class_of(leaf) == TEXT:
        return mark
    scheme = string.partition(":")[0]
    return f"{scheme}://{mark}/" if scheme.startswith("http") else f"{scheme}:{mark}"


def _replaced(document: Mapping[str, Any], sentinels: Mapping[int, str]) -> dict[str, Any]:
    """Copy a document whose members are sorted, with sentinels in place of its strings."""
    number = -1

    def replace(value: Any) -> Any:  # noqa: ANN401  any JSON value
        nonlocal number
        if isinstance(value, str):
            number += 1
            return sentinels.get(number, value)
        if isinstance(value, Mapping):
            return {name: member if name in FIXED else replace(member) for name, member in value.items()}
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
        if found is not None:
            before, _, after = _PUT.sub("\n", term).replace("%", "%%").partition("\n")
            terms.append(f"{before}%b{after}")
            numbers.append(places[found[1]])
        elif term in places:
            terms.append("%b")
            numbers.append(places[term])
        else:
            terms.append(names.get(term, term).replace("%", "%%"))
    return Quad(*terms).line().removesuffix("\n"), tuple(numbers)


def _is_of(string: str, origins: frozenset[str]) -> bool:
    return bool(origins) and ":" in string and origin(string) in origins


def _inline_origins(value: Any) -> Iterator[str]:  # noqa: ANN401  any JSON value
    """Origins under which contexts within the document define terms."""
    if isinstance(value, Mapping):
        for name, member in value.items():
            if name != _CONTEXT:
                yield from _inline_origins(member)
            else:
                for entry in member if isinstance(member, list) else [member]:
                    yield from () if isinstance(entry, str) else origins_in(entry)
    elif isinstance(value, list):
        for member in value:
            yield from _inline_origins(member)
