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

Source: as `verifier.integrity.proof`, `verifier.data_model` and `verifier.jsonld.shape`, whose findings are kept here.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
import orjson

from verifier.data_model.credential import check_changing
from verifier.data_model.problem import Problems
from verifier.data_model.value import is_url, usual_instant
from verifier.error import KeyRefusedError, KeyUnavailableError
from verifier.integrity.proof import CLOCK_SKEW, HASHES, SUITES, KeySource, ProofOutcome, signature_of
from verifier.jsonld.outline import Outline, Picks, Strings, picker, string_of, take_apart
from verifier.jsonld.rdfc import HashName
from verifier.jsonld.shape import Shapes
from verifier.jsonld.template import Template
from verifier.make import Make, is_cut_well, is_usual, made
from verifier.public_key import SIGNATURE_BYTES
from verifier.report import State

MAX_MAKES: Final = 512
"""Makes kept at once; the oldest makes room."""
MAX_ALIKE: Final = 64
"""Makes kept for one set of names: other contexts, types and suites."""
MAX_KINDS: Final = 8
"""Sets of names kept for one structure."""
_PROOF: Final = "proof"
_CONTEXT: Final = "@context"


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
        if read is None or not is_usual(whole):
            return
        options = {**whole[_PROOF], _CONTEXT: whole[_CONTEXT]}
        del options["proofValue"]
        is_rdf = SUITES[options["cryptosuite"]].rdf
        of_options = self._shapes.read(options) if is_rdf else None
        if is_rdf and of_options is None:
            return
        make = self._make(outline) or made(whole, unsecured, outline, is_rdf=is_rdf)
        if make is None or (not is_rdf and not is_cut_well(make.places, outline, unsecured, options)):
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
            if len(kind.makes) >= MAX_ALIKE:
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
