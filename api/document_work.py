"""What is done with documents of strangers, at once where it is cheap and within a limit where it may not be.

A document of a shape that was seen before costs some hundred microseconds and is worked on in place; one signed over
JSON does, too. Any other goes to `api.cpu_bound`, under 250 ms of processor time; its shape is learned there when it
comes back, and known here from then on.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from api.cpu_bound import CpuBound
from api.cpu_worker import is_second_try
from ledger.canonical import canonical_json
from verifier.document import VC_CONTEXT
from verifier.error import NotCompiledError, WorkExceededError
from verifier.familiar import Familiar
from verifier.integrity.known_key import KnownKeys
from verifier.integrity.proof import KeySource, ProofOutcome, unfinished, verify_proofs
from verifier.jsonld.agreement import require_agreement
from verifier.jsonld.canonical import SHAPES, Effort, canonical_form
from verifier.jsonld.context import CONTEXTS
from verifier.jsonld.expansion import to_quads
from verifier.jsonld.rdfc import HashName
from verifier.jsonld.shape import Read
from verifier.jsonld.template import Template


class Expected(msgspec.Struct, frozen=True):
    """What proofs are held against.

    Attributes:
        purpose: What each has to be for.
        now: The instant to judge by, aware.
        challenge: What each has to answer; None asks for none.
        domain: What each has to be for; None asks for none.
    """

    purpose: str
    now: datetime
    challenge: str | None = None
    domain: str | None = None


class DocumentWork:
    """Canonicalises and verifies documents of strangers.

    Concurrency: safe from any thread; it blocks the one that asks, for less than a millisecond or for as long as a
    worker takes.
    """

    def __init__(self, cpu: CpuBound) -> None:
        self._cpu = cpu
        self._familiar = Familiar(SHAPES)

    def verify_familiar(self, document: dict[str, Any], keys: KeySource, expected: Expected) -> ProofOutcome | None:
        """Verify a credential of a familiar make in one pass: shape, terms and proof; see `verifier.familiar`.

        Returns:
            The outcome of its one proof if all of them are good; None says nothing.
        """
        if expected.challenge is not None or expected.domain is not None:
            return None
        return self._familiar.verify(document, keys, purpose=expected.purpose, now=expected.now)

    def make_familiar(self, document: Mapping[str, Any]) -> None:
        """Note the make of a credential whose shape, terms and proofs were found good."""
        self._familiar.learn(document)

    def read(self, unsecured: Mapping[str, Any]) -> Read | None:
        """Read a document of a known shape, without its proof; None if its shape is not known.

        Every term of a document of a known shape is defined.
        """
        return SHAPES.read(unsecured)

    def verify_proofs(
        self, document: dict[str, Any], keys: KnownKeys, expected: Expected, read: Read | None = None
    ) -> tuple[ProofOutcome, ...]:
        """Verify every proof of a document; see `verifier.integrity.proof`.

        What takes too long is `unknown`, as `work_exceeded`.
        """
        try:
            return _verify(document, keys, expected, Effort.KNOWN, read)
        except NotCompiledError:
            pass
        try:
            outcomes, learnt = self._cpu.run(_verify_and_tell, document, keys, expected)
        except WorkExceededError as error:
            return unfinished(document, str(error))
        for template in learnt:
            SHAPES.remember(template)
        return outcomes

    def require_terms(self, document: Mapping[str, Any]) -> None:
        """Require that contexts which are installed here define every term of a document.

        Raises:
            WorkExceededError: It takes too long to find out.
            JsonLdError: They do not, or it is no JSON-LD.
        """
        if not SHAPES.knows(document):
            self.canonical_nquads(document)

    def canonical_nquads(self, document: Mapping[str, Any], hash_name: HashName = "sha256") -> bytes:
        """Canonicalise a document; see `verifier.jsonld.canonical`.

        Raises:
            WorkExceededError: It takes too long.
            JsonLdError: It is no JSON-LD, or nothing that may be signed.
        """
        try:
            return canonical_form(document, hash_name, Effort.KNOWN).nquads
        except NotCompiledError:
            nquads, learnt = self._cpu.run(_canonicalise_and_tell, dict(document), hash_name)
        for template in learnt:
            SHAPES.remember(template)
        return nquads


def _verify(
    document: dict[str, Any], keys: KnownKeys, expected: Expected, effort: Effort, read: Read | None = None
) -> tuple[ProofOutcome, ...]:
    return verify_proofs(
        document,
        keys,
        purpose=expected.purpose,
        now=expected.now,
        challenge=expected.challenge,
        domain=expected.domain,
        canonical_json=canonical_json,
        effort=effort,
        read=read,
    )


def _verify_and_tell(
    document: dict[str, Any], keys: KnownKeys, expected: Expected
) -> tuple[tuple[ProofOutcome, ...], list[Template]]:
    """In the worker: verify, and hand over what was learnt of shapes."""
    outcomes = _verify(document, keys, expected, _effort())
    return outcomes, SHAPES.news()


def _canonicalise_and_tell(document: dict[str, Any], hash_name: HashName) -> tuple[bytes, list[Template]]:
    """In the worker: canonicalise, and hand over what was learnt of shapes."""
    return canonical_form(document, hash_name, _effort()).nquads, SHAPES.news()


def _effort() -> Effort:
    """Learning costs more than knowing: it is left out where time is short."""
    return Effort.GENERAL if is_second_try() else Effort.LEARN


def warm_up() -> None:
    """In the worker, before its first document: read every context once."""
    for url in CONTEXTS:
        to_quads({"@context": url})
    options = {"@context": [VC_CONTEXT], "type": "DataIntegrityProof", "cryptosuite": "eddsa-rdfc-2022"}
    require_agreement({"@context": [VC_CONTEXT], "type": ["VerifiableCredential"]}, options)
