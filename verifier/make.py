"""What all credentials of one make have in common, found out from one of them; see `verifier.familiar`.

Of one make are credentials of the VC Data Model 2.0 with one proof, whose own ``@context``, if it has one, is the
document's. One with a challenge, a domain, an expiry or a chain is not.

A suite over JSON hashes two texts, which are cut out of the text of the whole: members stand sorted in it, so what is
between `proof` and the member after it is the proof, and a value is between its name and the next. That the two are
canonical JSON (RFC 8785) depends on structure and names alone, and is found out once by comparing.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any, Final

import msgspec
import orjson
import rfc8785

from verifier.data_model.credential import credential_problems
from verifier.data_model.watched import watched_urls
from verifier.integrity.proof import SUITES, TYPE
from verifier.jsonld.outline import FIXED, Outline, Picks, Strings, classes_of, picker, restored
from verifier.jsonld.shape import equal_of
from verifier.jsonld.template import Plan, Template

MAX_VARIANTS: Final = 64
"""Templates kept for one make: credentials whose identifiers are of other schemes, or equal."""
_CONTEXT: Final = "@context"
_PROOF: Final = "proof"
_NEEDED: Final = frozenset({"type", "cryptosuite", "created", "verificationMethod", "proofPurpose", "proofValue"})
_OPTIONS: Final = ("created", "cryptosuite", "proofPurpose", "verificationMethod")
"""Members of a proof that are strings of its options, as they are sorted; `type` is part of the shape."""
_SAME: Final = frozenset({"cryptosuite", "proofPurpose"})
"""Members of a proof that are the same in all of a make, as are those of `FIXED`."""


class _Look(msgspec.Struct, frozen=True):
    plan: Plan
    constants: Picks
    iris: Picks


class Meaning:
    """What the documents of a make, or their proofs' options, say as RDF: the templates, by what they depend on.

    Args:
        leaves: Places of the strings that are not part of the shape.
    """

    def __init__(self, leaves: tuple[int, ...]) -> None:
        self._pick = picker(leaves)
        self._looks: dict[bytes, _Look] = {}
        self._templates: dict[tuple[bytes, Strings, tuple[int, ...]], Template] = {}

    def find(self, parts: list[bytes]) -> tuple[Strings, Template] | None:
        """Return a document's strings and template, if that is known; it says that every term is defined."""
        leaves = self._pick(parts)
        classes = classes_of(leaves)
        look = self._looks.get(classes)
        if look is None:
            return None
        constants = look.constants(leaves)
        template = self._templates.get((classes, constants, equal_of(constants, look.iris(leaves))))
        return None if template is None else (leaves, template)

    def add(self, template: Template) -> None:
        """Keep what was learnt of one document."""
        key, plan = template.key, template.plan
        if len(self._templates) >= MAX_VARIANTS:
            self._looks, self._templates = {}, {}
        look = _Look(plan, picker(plan.constants), picker(plan.iris))
        self._looks = {**self._looks, key.shape.classes: look}
        self._templates = {**self._templates, (key.shape.classes, key.constants, key.equal): template}


class Places(msgspec.Struct, frozen=True):
    """Where among the parts of a secured document what is.

    Attributes:
        same: Names, and strings that are the same in all of a make.
        leaves: Strings of the document that differ.
        options: Strings of the proof's options that may differ, in the order in which the options are written.
        proof: The name `proof`.
        created: The proof's date.
        method: The proof's verification method, its last string.
        value: The proof's value.
    """

    same: tuple[int, ...]
    leaves: tuple[int, ...]
    options: tuple[int, ...]
    proof: int
    created: int
    method: int
    value: int

    def document(self, outline: Outline) -> bytes:
        """Return the text of the document without its proof; a member follows the proof, since `type` does."""
        parts = outline.parts
        rest = b'"'.join(parts[self.method + 1 :])
        return restored(b'"'.join(parts[: self.proof]) + rest[len(b"},") :], outline)

    def options_text(self, outline: Outline) -> bytes:
        """Return the text of the proof without its value; a member precedes the value, and one follows it."""
        parts = outline.parts
        before = b'"'.join(parts[self.proof + 1 : self.value - 2])
        after = b'"'.join(parts[self.value + 1 : self.method + 1])
        return restored(before[len(b":") :] + after[len(b",") :] + b'"}', outline)


class Make(msgspec.Struct, frozen=True):
    """What all credentials of one make have in common.

    Attributes:
        places: Where what is.
        suite: The cryptosuite of the proof.
        purpose: What the proof is for.
        urls: Picks the strings that have to be URLs.
        document: What such documents say.
        options: What their proofs' options say; None for the suites over JSON.
    """

    places: Places
    suite: str
    purpose: str
    urls: Picks
    document: Meaning
    options: Meaning | None


def is_usual(whole: dict[str, Any]) -> bool:
    """Tell whether a credential is of the kind of which there are makes."""
    proof, context = whole.get(_PROOF), whole.get(_CONTEXT)
    if not isinstance(proof, dict) or not isinstance(context, list) or credential_problems(whole):
        return False
    if set(proof) - {_CONTEXT} != _NEEDED or not all(isinstance(proof[name], str) for name in _NEEDED):
        return False
    if proof["type"] != TYPE or proof["cryptosuite"] not in SUITES:
        return False
    # As they are spelled: to Python, true is 1.
    is_same = _CONTEXT in proof and orjson.dumps(proof[_CONTEXT]) == orjson.dumps(context)
    return is_same or (_CONTEXT not in proof and SUITES[proof["cryptosuite"]].rdf)


def made(whole: dict[str, Any], unsecured: dict[str, Any], outline: Outline, *, is_rdf: bool) -> Make | None:
    """Make a make, from a credential whose members are sorted."""
    urls = watched_urls(unsecured)
    places = _places(whole)
    if urls is None or outline.parts[places.proof] != _PROOF.encode():
        return None
    proof = whole[_PROOF]
    return Make(
        places,
        proof["cryptosuite"],
        proof["proofPurpose"],
        picker([places.leaves[number] for number in urls]),
        Meaning(places.leaves),
        Meaning(places.options) if is_rdf else None,
    )


def _places(whole: dict[str, Any]) -> Places:
    """Say where in a credential what is; its members are sorted, as in its outline."""
    same: list[int] = []
    leaves: list[int] = []
    of_proof: dict[str, int] = {}
    numbers = count(1, 2)
    for name, member in whole.items():
        same.append(next(numbers))
        if name != _PROOF:
            _walk(member, numbers, same, same if name in FIXED else leaves)
            continue
        of_proof[_PROOF] = same[-1]
        for inner, value in member.items():
            same.append(next(numbers))
            found: list[int] = []
            _walk(value, numbers, same, same if inner in FIXED else found)
            of_proof.update(zip([inner], found, strict=False))
    same += [of_proof[name] for name in sorted(_SAME)]
    return Places(
        same=tuple(same),
        leaves=tuple(leaves),
        options=tuple(of_proof[name] for name in _OPTIONS),
        proof=of_proof[_PROOF],
        created=of_proof["created"],
        method=of_proof["verificationMethod"],
        value=of_proof["proofValue"],
    )


def _walk(value: Any, numbers: Iterator[int], same: list[int], others: list[int]) -> None:  # noqa: ANN401  any JSON
    """Number the strings of a value: names, and what is in members that are part of the shape, go to *same*."""
    if isinstance(value, str):
        others.append(next(numbers))
    elif isinstance(value, dict):
        for name, member in value.items():
            same.append(next(numbers))
            _walk(member, numbers, same, same if name in FIXED else others)
    elif isinstance(value, list):
        for member in value:
            _walk(member, numbers, same, others)


def is_cut_well(places: Places, outline: Outline, unsecured: dict[str, Any], options: dict[str, Any]) -> bool:
    """Tell whether what is cut out of the text is canonical JSON of the two parts: then it is in all of the make."""
    try:
        wanted = rfc8785.dumps(unsecured), rfc8785.dumps(options)
    except rfc8785.CanonicalizationError:
        return False
    return (places.document(outline), places.options_text(outline)) == wanted
