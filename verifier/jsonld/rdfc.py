"""RDFC-1.0: the same names for the blank nodes of a dataset, whoever names them.

Written here because no library at hand has all of it: PyLD spells control characters otherwise and has no SHA-384,
pyoxigraph tells no names, and none stops at a poisoned dataset. The tests hold it against both and against the
npm `rdf-canonize`. The steps carry the numbers of the specification.

What a dataset costs is counted (calls of Hash N-Degree Quads and permutations tried): past the budget nothing is
found out, whatever the machine. A document that is no attack stays far below it.

Source: W3C RDF Dataset Canonicalization 1.0 (Recommendation of 21 May 2024), sections 4.4 to 4.8.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import permutations
from typing import Final, Literal

from verifier.error import WorkExceededError
from verifier.jsonld.nquads import Quad, is_blank

HashName = Literal["sha256", "sha384"]

MAX_STEPS: Final = 10_000
"""Calls and permutations allowed by default; the hardest W3C tests that are to be solved take some 3,500."""
MAX_QUADS: Final = 50_000
"""Quads of one dataset; a credential has some hundred."""


@dataclass(frozen=True, slots=True)
class Canonical:
    """A canonicalised dataset.

    Attributes:
        nquads: Canonical N-Quads, sorted, one a line, UTF-8.
        names: Label of each blank node as it came -> its canonical label, both without `_:`.
    """

    nquads: bytes
    names: Mapping[str, str]


def canonicalise(quads: Iterable[Quad], hash_name: HashName = "sha256", max_steps: int = MAX_STEPS) -> Canonical:
    """Canonicalise a dataset.

    Args:
        quads: Its quads; one that is there twice counts once.
        hash_name: The hash function, SHA-256 unless a suite says otherwise.
        max_steps: How much work it may cost.

    Raises:
        WorkExceededError: It would cost more, or has too many quads.
    """
    kept = list(dict.fromkeys(quads))
    if len(kept) > MAX_QUADS:
        raise WorkExceededError(f"more than {MAX_QUADS} statements")
    try:
        return _Dataset(kept, hash_name, max_steps).canonicalise()
    except RecursionError as error:
        raise WorkExceededError("a chain of unnamed nodes too long to be followed") from error


class _Issuer:
    """Hands out labels in turn; a copy goes on from where it was copied. Source: section 4.5."""

    __slots__ = ("issued", "prefix")

    def __init__(self, prefix: str, issued: dict[str, str] | None = None) -> None:
        self.prefix = prefix
        self.issued = {} if issued is None else issued

    def issue(self, node: str) -> str:
        found = self.issued.get(node)
        if found is None:
            found = self.issued[node] = f"{self.prefix}{len(self.issued)}"
        return found

    def copy(self) -> _Issuer:
        return _Issuer(self.prefix, dict(self.issued))


class _Dataset:
    def __init__(self, quads: list[Quad], hash_name: HashName, max_steps: int) -> None:
        self._quads = quads
        self._hash_name = hash_name
        self._steps = max_steps
        self._canonical = _Issuer("_:c14n")
        self._first: dict[str, str] = {}
        # Step 2: which quads mention a blank node.
        self._mentions: dict[str, list[Quad]] = {}
        for quad in quads:
            for node in dict.fromkeys((quad.subject, quad.object, quad.graph)):  # in this order in every process
                if is_blank(node):
                    self._mentions.setdefault(node, []).append(quad)

    def canonicalise(self) -> Canonical:
        # Step 3: hash every node by the quads that mention it.
        by_hash: dict[str, list[str]] = {}
        for node in self._mentions:
            by_hash.setdefault(self._hash_first_degree(node), []).append(node)
        # Step 4: a hash that one node alone has is enough to name it.
        shared = []
        for _, nodes in sorted(by_hash.items()):
            if len(nodes) == 1:
                self._canonical.issue(nodes[0])
            else:
                shared.append(nodes)
        # Step 5: the others are told apart by their surroundings.
        for nodes in shared:
            self._name_alike(nodes)
        # Step 6: write the quads with the new names.
        lines = sorted(_named(quad, self._canonical.issued).line() for quad in self._quads)
        names = {node[2:]: label[2:] for node, label in self._canonical.issued.items()}
        return Canonical("".join(lines).encode(), names)

    def _name_alike(self, nodes: list[str]) -> None:
        paths: list[tuple[str, _Issuer]] = []
        for node in nodes:
            if node in self._canonical.issued:
                continue
            issuer = _Issuer("_:b")
            issuer.issue(node)
            paths.append(self._hash_n_degree(node, issuer))
        for _, issuer in sorted(paths, key=lambda path: path[0]):
            for node in issuer.issued:
                self._canonical.issue(node)

    def _hash(self, text: str) -> str:
        return hashlib.new(self._hash_name, text.encode()).hexdigest()

    def _hash_first_degree(self, node: str) -> str:
        found = self._first.get(node)
        if found is None:
            lines = sorted(_seen_from(quad, node).line() for quad in self._mentions[node])
            found = self._first[node] = self._hash("".join(lines))
        return found

    def _hash_related(self, related: str, quad: Quad, issuer: _Issuer, position: str) -> str:
        name = self._canonical.issued.get(related) or issuer.issued.get(related)
        predicate = "" if position == "g" else quad.predicate
        return self._hash(position + predicate + (name or self._hash_first_degree(related)))

    def _spend(self) -> None:
        self._steps -= 1
        if self._steps < 0:
            raise WorkExceededError("the statements about unnamed nodes are too entangled to be put in order")

    def _hash_n_degree(self, node: str, issuer: _Issuer) -> tuple[str, _Issuer]:
        self._spend()
        # Steps 1 to 3: which nodes are next to this one, by how they are.
        related: dict[str, list[str]] = {}
        for quad in self._mentions[node]:
            for position, term in (("s", quad.subject), ("o", quad.object), ("g", quad.graph)):
                if is_blank(term) and term != node:
                    related.setdefault(self._hash_related(term, quad, issuer, position), []).append(term)
        # Steps 4 and 5: of every order in which they can be walked, the one with the least path.
        parts = []
        for related_hash, nodes in sorted(related.items()):
            path, issuer = self._least_path(nodes, issuer)
            parts.append(related_hash + path)
        return self._hash("".join(parts)), issuer

    def _least_path(self, nodes: list[str], issuer: _Issuer) -> tuple[str, _Issuer]:
        chosen, chosen_issuer = "", issuer
        for order in permutations(nodes):
            self._spend()
            walked = self._walk(order, issuer.copy(), chosen)
            if walked is not None and (not chosen or walked[0] < chosen):
                chosen, chosen_issuer = walked
        return chosen, chosen_issuer

    def _walk(self, order: tuple[str, ...], issuer: _Issuer, chosen: str) -> tuple[str, _Issuer] | None:
        """Walk one order (steps 5.4.4 and 5.4.5); None as soon as its path is not the least."""
        path, unnamed = "", []
        for node in order:
            if node in self._canonical.issued:
                path += self._canonical.issued[node]
            else:
                if node not in issuer.issued:
                    unnamed.append(node)
                path += issuer.issue(node)
            if _is_longer(path, chosen):
                return None
        for node in unnamed:
            digest, after = self._hash_n_degree(node, issuer)
            path += f"{issuer.issue(node)}<{digest}>"
            issuer = after
            if _is_longer(path, chosen):
                return None
        return path, issuer


def _is_longer(path: str, chosen: str) -> bool:
    return bool(chosen) and len(path) >= len(chosen) and path > chosen


def _named(quad: Quad, names: Mapping[str, str]) -> Quad:
    subject, predicate, value, graph = quad
    return Quad(names.get(subject, subject), predicate, names.get(value, value), names.get(graph, graph))


def _seen_from(quad: Quad, node: str) -> Quad:
    """Return the quad with the node called `_:a` and every other one `_:z` (step 4.6.3)."""

    def see(term: str) -> str:
        return ("_:a" if term == node else "_:z") if is_blank(term) else term

    return Quad(see(quad.subject), quad.predicate, see(quad.object), see(quad.graph))
