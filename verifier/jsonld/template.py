"""What a document of one shape becomes, and how it is filled in.

All lines of a shape are one pattern, and so are all views: what blank nodes are named by. A document's strings are put
into the pattern at once, and only then is it cut into lines, since their order depends on what is in them.

Source: RDFC-1.0 section 4.4 (steps 3, 4 and 6) and section 4.6 (hash first degree quads).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from verifier.jsonld.outline import Picks, Skeleton, Strings, nquads_spelling, origin, picker
from verifier.jsonld.rdfc import HashName

_FUNCTIONS: Final = {"sha256": hashlib.sha256, "sha384": hashlib.sha384}
_END: Final = b"\n"
_APART: Final = b"\n\n"
"""Between two views: no line is empty."""

Line = tuple[str, tuple[int, ...]]
"""A line without its end: a pattern, and the numbers of what it takes."""


class ShapeKey(msgspec.Struct, frozen=True):
    """A shape, but for those strings that turn out to bear on meaning.

    Attributes:
        structure: What stands outside of the strings.
        names: Names of members, in order.
        fixed: Strings that are part of the shape, in order.
        classes: The class of each other string.
    """

    structure: bytes
    names: bytes
    fixed: bytes
    classes: bytes


class Plan(msgspec.Struct, frozen=True):
    """Which strings of a shape are looked at to find its template.

    Attributes:
        constants: Places of the strings that bear on meaning, among those that are not part of the shape.
        iris: Places of the IRIs.
    """

    constants: tuple[int, ...]
    iris: tuple[int, ...]


class TemplateKey(msgspec.Struct, frozen=True):
    """What tells one template from another.

    Attributes:
        shape: The shape.
        constants: The strings that bear on meaning.
        equal: Which of the IRIs are equal; empty if all differ.
    """

    shape: ShapeKey
    constants: Strings
    equal: tuple[int, ...]


class Pattern:
    """Lines, or groups of lines, that are filled in at once."""

    def __init__(self, groups: tuple[tuple[Line, ...], ...]) -> None:
        self._pattern = _APART.join(b"\n".join(line.encode() for line, _ in group) for group in groups)
        self._places: Picks = picker([at for group in groups for _, places in group for at in places])

    def fill(self, values: Strings) -> bytes:
        """Return the lines with these values in them."""
        return self._pattern % self._places(values)


@dataclass(slots=True)
class Template:
    """What a document of one shape becomes.

    Attributes:
        key: What shape it is.
        skeleton: Where in such a document what is.
        plan: Which strings are looked at to find this template.
        free: Places of the strings that are filled in.
        lines: Every line: a pattern, and the numbers of what it takes, values first and then blank nodes.
        views: For each blank node the lines that mention it, as seen from it.
        sentinel: The document with its sentinels, for checks that depend on the shape alone.
        origins: Origins under which an inline context defines terms.
        is_canonical: Whether such a document, as it is written to be taken apart, is canonical JSON.
        agreed: Keys of the templates of proof options with which the JSON was found to agree with the RDF.
    """

    key: TemplateKey
    skeleton: Skeleton
    plan: Plan
    free: tuple[int, ...]
    lines: tuple[Line, ...]
    views: tuple[tuple[Line, ...], ...]
    sentinel: dict[str, Any]
    origins: frozenset[str]
    is_canonical: bool
    agreed: set[TemplateKey] = field(default_factory=set)
    _pick: Picks = field(init=False, repr=False)
    _lines: Pattern = field(init=False, repr=False)
    _views: Pattern = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Make ready what every filling in needs."""
        self._pick = picker(self.free)
        self._lines = Pattern((self.lines,))
        self._views = Pattern(self.views)

    def __reduce__(self) -> tuple[Any, ...]:
        """Let a template go to another process without what is made ready."""
        told = (self.key, self.skeleton, self.plan, self.free, self.lines, self.views, self.sentinel, self.origins)
        return Template, (*told, self.is_canonical, self.agreed)

    def fill(self, leaves: Strings, hash_name: HashName, *, is_plain: bool) -> bytes | None:
        """Return the canonical N-Quads of a document; None if the general way must decide.

        Args:
            leaves: Its strings that are not part of the shape.
            hash_name: What blank nodes are hashed with.
            is_plain: Whether N-Quads spell them as the outline does.
        """
        if not self.lines:
            return b""
        if self.origins and self._is_of_origin(leaves):
            return None
        values = self._pick(leaves) if is_plain else tuple(map(nquads_spelling, self._pick(leaves)))
        if self.views:
            names = self._names(values, hash_name)
            if names is None:
                return None
            values += names
        lines = self._lines.fill(values).split(_END)
        if len(set(lines)) != len(lines):
            return None
        lines.sort()
        lines.append(b"")
        return _END.join(lines)

    def _names(self, values: Strings, hash_name: HashName) -> Strings | None:
        """Name the blank nodes by their first-degree hashes; None if two are alike."""
        hashes, hashed = [], _FUNCTIONS[hash_name]
        for view in self._views.fill(values).split(_APART):
            lines = view.split(_END)
            lines.sort()
            lines.append(b"")
            hashes.append(hashed(_END.join(lines)).digest())
        order = {digest: b"_:c14n%d" % place for place, digest in enumerate(sorted(hashes))}
        return tuple([order[digest] for digest in hashes]) if len(order) == len(hashes) else None

    def _is_of_origin(self, leaves: Strings) -> bool:
        return any(origin(leaves[at].decode("ascii")) in self.origins for at in self.plan.iris)


class Form(msgspec.Struct, frozen=True):
    """Canonical N-Quads, and the template they were made with; None if they were made the general way."""

    nquads: bytes
    template: Template | None
