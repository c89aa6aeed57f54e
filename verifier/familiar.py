"""Credentials of a familiar make, verified in one pass.

A verifier's day is made of thousands of credentials that differ in their values alone. What the data model wants, that
every term is defined, what the RDF says, which bytes are hashed: most of that is the same for all credentials of one
make, which is to say with the same members, types, contexts, numbers and kind of proof. It is found out once, from a
credential that the usual way has found good, and noted as what is still to be looked at in any other:

 1. The shape but for the values is that of the make; the values that bear on meaning are known ones.
 2. The identifiers are URLs; the dates and the status entries are good (the data model's own functions).
 3. The proof was created by now.
 4. The key is of the suite's kind.
 5. The signature is by that key over hash(proof options) || hash(document).
 6. For the suites over RDF: JSON and RDF were found to agree for these shapes.

This way can say one thing alone: good. Whatever it does not plainly find so, it says nothing about; the usual way
decides, and words the answer. So it is right if all that it calls good the usual way calls good, which is what the
tests hold it to, over documents changed in every place.

Of one make are credentials of the VC Data Model 2.0 with one proof, whose own ``@context``, if it has one, is the
document's. One with a challenge, a domain, an expiry or a chain is not.

Source: as `verifier.integrity.proof`, `verifier.data_model` and `verifier.jsonld.shape`, whose findings are kept here.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import count
from typing import Any, Final

import msgspec
import orjson
import rfc8785

from verifier.data_model.credential import check_changing, credential_problems
from verifier.data_model.problem import Problems
from verifier.data_model.value import is_url, usual_instant
from verifier.data_model.watched import watched_urls
from verifier.error import KeyRefusedError, KeyUnavailableError
from verifier.integrity.proof import CLOCK_SKEW, HASHES, SUITES, TYPE, KeySource, ProofOutcome, signature_of
from verifier.jsonld.outline import (
    FIXED,
    Outline,
    Picks,
    Strings,
    classes_of,
    picker,
    restored,
    string_of,
    take_apart,
)
from verifier.jsonld.rdfc import HashName
from verifier.jsonld.shape import Shapes, equal_of
from verifier.jsonld.template import Plan, Template
from verifier.public_key import SIGNATURE_BYTES
from verifier.report import State

MAX_MAKES: Final = 512
"""Makes kept at once; the oldest makes room."""
MAX_VARIANTS: Final = 64
"""Templates kept for one make: credentials whose identifiers are of other schemes, or equal."""
MAX_KINDS: Final = 8
"""Sets of names kept for one structure."""
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


class _Kind(msgspec.Struct, frozen=True):
    """Makes with the same things in the same places, by the strings that are the same in all of one."""

    same: tuple[int, ...]
    pick: Picks
    makes: dict[bytes, Make]


class Familiar:
    """Makes of credentials that were met before.

    Concurrency: safe from any thread; what two of them learn at once, one of them learns in vain.

    Args:
        shapes: What is known of documents' shapes.
    """

    def __init__(self, shapes: Shapes) -> None:
        self._shapes = shapes
        self._kinds: dict[bytes, tuple[_Kind, ...]] = {}
        self._seen: dict[int, int] = {}
        self._changing = threading.Lock()

    def verify(self, document: dict[str, Any], keys: KeySource, *, purpose: str, now: datetime) -> ProofOutcome | None:
        """Verify a credential: its shape by the data model, its terms, and its proof.

        Args:
            document: The credential with its proof.
            keys: Where keys come from.
            purpose: What the proof has to be for.
            now: The instant to judge by, aware.

        Returns:
            The outcome of its one proof, which is good, and then all of the above is; None says nothing.

        Not checked: whether the key belongs to the issuer, whether it is in force, what its status lists say.
        """
        outline = take_apart(document)
        make = None if outline is None else self._make(outline)
        if outline is None or make is None or make.purpose != purpose:  # 1
            return None
        found = make.document.find(outline.parts)
        if found is None or not _is_well_formed(document, make, outline):  # 1, 2
            return None
        return _proved(make, outline, found, keys, now)  # 3 to 6

    def _make(self, outline: Outline) -> Make | None:
        for kind in self._kinds.get(outline.structure, ()):
            make = kind.makes.get(b'"'.join(kind.pick(outline.parts)))
            if make is not None:
                return make
        return None

    def learn(self, document: Mapping[str, Any], *, at_once: bool = False) -> None:
        """Note what there is to note of a credential in which the usual way has found no fault.

        A make that is there for the first time is only counted, unless *at_once* is asked for.
        """
        outline = take_apart(document)
        if outline is None or not (at_once or self._is_back(outline.structure)):
            return
        whole: dict[str, Any] = orjson.loads(outline.written)
        unsecured = {name: member for name, member in whole.items() if name != _PROOF}
        read = self._shapes.read(unsecured)
        if read is None or not _is_usual(whole):
            return
        options = {**whole[_PROOF], _CONTEXT: whole[_CONTEXT]}
        del options["proofValue"]
        is_rdf = SUITES[options["cryptosuite"]].rdf
        of_options = self._shapes.read(options) if is_rdf else None
        if is_rdf and of_options is None:
            return
        make = self._make(outline) or _made(whole, unsecured, outline, is_rdf=is_rdf)
        if make is None or (not is_rdf and not _is_cut_well(make.places, outline, unsecured, options)):
            return
        make.document.add(read.template)
        if make.options is not None and of_options is not None:
            make.options.add(of_options.template)
        self._keep(make, outline)

    def _keep(self, make: Make, outline: Outline) -> None:
        same = make.places.same
        name = b'"'.join(picker(same)(outline.parts))
        with self._changing:
            if len(self._kinds) >= MAX_MAKES and outline.structure not in self._kinds:
                self._kinds.pop(next(iter(self._kinds)), None)
            kinds = self._kinds.get(outline.structure, ())
            kind = next((one for one in kinds if one.same == same), None)
            if kind is None:
                kind = _Kind(same, picker(same), {})
                self._kinds[outline.structure] = (*kinds, kind)[-MAX_KINDS:]
            if len(kind.makes) >= MAX_VARIANTS:
                kind.makes.clear()
            kind.makes[name] = make

    def _is_back(self, structure: bytes) -> bool:
        digest = hash(structure)
        times = self._seen.get(digest, 0)
        if len(self._seen) >= MAX_MAKES:
            self._seen.clear()
        self._seen[digest] = times + 1
        return times > 0


def _text(outline: Outline, place: int) -> str:
    part = outline.parts[place]
    return part.decode() if outline.is_plain else string_of(part)


def _is_well_formed(document: dict[str, Any], make: Make, outline: Outline) -> bool:
    """Step 2: what the data model looks at of the values."""
    for url in make.urls(outline.parts):
        if not is_url(url.decode() if outline.is_plain else string_of(url)):
            return False
    problems = Problems()
    check_changing(document, "", problems)
    return not problems.found()


def _proved(
    make: Make, outline: Outline, found: tuple[Strings, Template], keys: KeySource, now: datetime
) -> ProofOutcome | None:
    """Steps 3 to 6."""
    places = make.places
    created, method = usual_instant(_text(outline, places.created)), _text(outline, places.method)
    if created is None or created > now + CLOCK_SKEW or not method:  # 3
        return None
    try:
        key = keys.verification_key(method, make.purpose)
    except (KeyRefusedError, KeyUnavailableError):
        return None
    signature = signature_of(_text(outline, places.value))
    if key.alg not in SUITES[make.suite].algorithms or signature is None:  # 4
        return None
    signed = _signed(make, outline, found, HASHES[key.alg])
    if signed is None or len(signature) != SIGNATURE_BYTES[key.alg] or not key.verify(signed, signature):  # 5, 6
        return None
    return ProofOutcome(State.PASSED, "proof_good", "", make.suite, method, created, make.purpose)


def _signed(make: Make, outline: Outline, found: tuple[Strings, Template], hash_name: HashName) -> bytes | None:
    """Steps 5 and 6: what the signature has to be over."""
    hashed = hashlib.sha256 if hash_name == "sha256" else hashlib.sha384
    if make.options is None:
        texts = make.places.options_text(outline), make.places.document(outline)
        return hashed(texts[0]).digest() + hashed(texts[1]).digest()
    options = make.options.find(outline.parts)
    if options is None or options[1].key not in found[1].agreed:
        return None
    first, second = (
        template.fill(leaves, hash_name, is_plain=outline.is_plain) for leaves, template in (options, found)
    )
    return None if first is None or second is None else hashed(first).digest() + hashed(second).digest()


def _is_usual(whole: dict[str, Any]) -> bool:
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


def _made(whole: dict[str, Any], unsecured: dict[str, Any], outline: Outline, *, is_rdf: bool) -> Make | None:
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


def _is_cut_well(places: Places, outline: Outline, unsecured: dict[str, Any], options: dict[str, Any]) -> bool:
    """Tell whether what is cut out of the text is canonical JSON of the two parts: then it is in all of the make."""
    try:
        wanted = rfc8785.dumps(unsecured), rfc8785.dumps(options)
    except rfc8785.CanonicalizationError:
        return False
    return (places.document(outline), places.options_text(outline)) == wanted
