"""Derived proofs of `ecdsa-sd-2023`: the holder shows part of a document, and the issuer signed every statement alone.

Plan; the numbers come back in the code.

 1. The proof's value: a signature by the issuer, a key that was made for this document alone, a signature by it for
    each statement that may be withheld, labels of blank nodes, and which statements may not be withheld.
 2. The document as shown becomes canonical statements, and its blank nodes get the labels that they had when it
    was signed: as many labels as nodes, no two the same.
 3. The issuer signed hash(proof options) || that key || hash(the statements that may not be withheld).
 4. Each of the others is signed by that key, in order.

What was withheld is not seen, and nothing says that it was: a date or a status that the issuer allowed to be left out
may be missing. A proof of the issuer's own (a base proof) is for its holder alone, and shown to nobody.

Not checked here: that the JSON says what the statements say, and whose key it is (`proof`).

Source: W3C ECDSA Cryptosuites 1.0 sections 3.5.7 (parse), 3.5.8 (verify data) and 3.6.7 (verify).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from openvc.proof.ecdsa_sd import EcdsaSdError, decode_derived_proof, p256_multikey_to_jwk

from verifier.error import KeyRefusedError, ProofError, WorkExceededError
from verifier.jsonld.canonical import canonical_nquads
from verifier.jsonld.expansion import to_quads
from verifier.jsonld.nquads import Quad
from verifier.jsonld.rdfc import canonicalise
from verifier.public_key import SIGNATURE_BYTES, PublicKey

SUITE: Final = "ecdsa-sd-2023"
ALGORITHM: Final = "ES256"
MAX_VALUE_CHARS: Final = 131_072
"""Characters of a proof's value; a thousand statements take about 86,000."""
MAX_STATEMENTS: Final = 1_000
"""Statements that are signed one by one; each costs the verifying of a signature."""


def require_derived(document: Mapping[str, Any], options: Mapping[str, Any], value: str, key: PublicKey) -> None:
    """Require that a derived proof holds.

    Args:
        document: The document as shown, without its proof.
        options: The proof without its value, with the document's ``@context``.
        value: The proof's value.
        key: The issuer's.

    Raises:
        ProofError: It does not.
        WorkExceededError: It would cost too much.
        JsonLdError: The document is no JSON-LD.
    """
    told = _parse(value)  # 1
    labels: dict[str, str] = told["label_map"]
    statements = _statements(document, labels)  # 2
    bound = set(told["mandatory_indexes"])
    if len(bound) != len(told["mandatory_indexes"]) or not all(index < len(statements) for index in bound):
        raise ProofError("proof_malformed", "it names a statement that is not there, or one twice")
    kept = [line for index, line in enumerate(statements) if index in bound]
    alone = [line for index, line in enumerate(statements) if index not in bound]
    if len(alone) != len(told["signatures"]):
        raise ProofError("signature_wrong", f"{len(told['signatures'])} signatures for {len(alone)} statements")
    hashed = hashlib.sha256(canonical_nquads(options)).digest()
    signed = hashed + told["public_key"] + hashlib.sha256("".join(kept).encode()).digest()
    if not key.verify(signed, told["base_signature"]):  # 3
        raise ProofError("signature_wrong", "the issuer did not sign it")
    own = _document_key(told["public_key"])
    for line, signature in zip(alone, told["signatures"], strict=True):  # 4
        if not own.verify(line.encode(), signature):
            raise ProofError("signature_wrong", "a statement that was not signed with the document")


def _parse(value: str) -> dict[str, Any]:
    if len(value) > MAX_VALUE_CHARS:
        raise WorkExceededError(f"a proof of {len(value)} characters; the limit is {MAX_VALUE_CHARS}")
    try:
        told = decode_derived_proof(value)
    except (EcdsaSdError, ValueError, RecursionError) as error:
        raise ProofError("proof_malformed", f"no derived proof: {error}"[:200]) from error
    if len(told["signatures"]) > MAX_STATEMENTS:
        raise WorkExceededError(f"{len(told['signatures'])} statements; the limit is {MAX_STATEMENTS}")
    if any(len(one) != SIGNATURE_BYTES[ALGORITHM] for one in (told["base_signature"], *told["signatures"])):
        raise ProofError("proof_malformed", "a signature of another length")
    return told


def _document_key(multikey: bytes) -> PublicKey:
    try:
        return PublicKey.from_jwk(p256_multikey_to_jwk(multikey))
    except (EcdsaSdError, KeyRefusedError, ValueError) as error:
        raise ProofError("proof_malformed", "the key of the document is none of P-256") from error


def _statements(document: Mapping[str, Any], labels: Mapping[str, str]) -> list[str]:
    """Return what a document states, in order, under the labels of its blank nodes that were signed."""
    quads = to_quads(document)
    try:
        names = canonicalise(quads).names
        if set(names.values()) != set(labels) or len(set(labels.values())) != len(labels):
            raise ProofError("proof_malformed", "not one label for each blank node")
        named = {f"_:{name}": f"_:{labels[canonical]}" for name, canonical in names.items()}
        return sorted({_relabelled(quad, named).line() for quad in quads})
    except UnicodeEncodeError as error:
        raise ProofError("document_refused", "half a surrogate pair, which is no text") from error


def _relabelled(quad: Quad, names: Mapping[str, str]) -> Quad:
    subject, predicate, value, graph = quad
    return Quad(names.get(subject, subject), predicate, names.get(value, value), names.get(graph, graph))
