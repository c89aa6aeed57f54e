"""Data Integrity proofs of documents, over canonical bytes made quickly.

openvc makes the same proofs; but it canonicalises JSON in plain Python, which took two thirds of the time of issuing an
award, and RDF as PyLD spells it. Ed25519 is deterministic, so two proofs of its suites are the same bytes or one of
them is wrong: the tests compare them over generated documents. See ADR 0005 and ADR 0020.

Source: W3C VC Data Integrity EdDSA Cryptosuites 1.0 and ECDSA Cryptosuites 1.0, section 3 of each.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from openvc.multibase import encode_multibase
from openvc.proof.vc_jwt import SigningKey

from ledger.canonical import canonical_json

DEFAULT_SUITE: Final = "eddsa-jcs-2022"
ALGORITHMS: Final[Mapping[str, frozenset[str]]] = {
    "eddsa-jcs-2022": frozenset({"EdDSA"}),
    "eddsa-rdfc-2022": frozenset({"EdDSA"}),
    "ecdsa-jcs-2019": frozenset({"ES256", "ES384"}),
    "ecdsa-rdfc-2019": frozenset({"ES256", "ES384"}),
}
"""Cryptosuite -> the algorithms of the keys it takes."""
HASHES: Final[Mapping[str, str]] = {"EdDSA": "sha256", "ES256": "sha256", "ES384": "sha384"}

Canonicalise = Callable[[Mapping[str, Any], str], bytes]
"""(document, name of the hash function) -> the bytes that a suite over RDF hashes."""


def add_proof(
    document: dict[str, Any],
    key: SigningKey,
    created: datetime,
    *,
    cryptosuite: str = DEFAULT_SUITE,
    purpose: str = "assertionMethod",
    canonicalise: Canonicalise | None = None,
) -> dict[str, Any]:
    """Return *document* with a proof by *key*; the document itself is shared, not copied, and not changed.

    Args:
        document: A document with ``@context`` and without a proof.
        key: A key of the suite's kind; its ``kid`` becomes the verification method.
        created: Aware instant; whole seconds are kept.
        cryptosuite: One of :data:`ALGORITHMS`.
        purpose: The proof's purpose.
        canonicalise: JSON-LD to canonical N-Quads, for the suites over RDF; the caller has it, the ledger does not.

    Raises:
        ValueError: The document has no context or a proof already, the key is of another kind, or the suite is
            unknown or wants a canonicaliser.
        rfc8785.CanonicalizationError: The document has no canonical form.

    Whatever *canonicalise* raises comes through.
    """
    if "@context" not in document or "proof" in document or key.alg not in ALGORITHMS.get(cryptosuite, ()):
        kinds = " or ".join(sorted(ALGORITHMS.get(cryptosuite, ("no suite of that name",))))
        message = f"{cryptosuite} takes a document with @context and without proof, and a key for {kinds}"
        raise ValueError(message)
    options = {
        "type": "DataIntegrityProof",
        "cryptosuite": cryptosuite,
        "created": created.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z",
        "verificationMethod": key.kid,
        "proofPurpose": purpose,
    }
    configuration = {**options, "@context": document["@context"]}
    hash_name = HASHES[key.alg]
    # 1. Hash the proof's options, with the document's context.  2. Hash the document.  3. Sign one after the other.
    parts = (_canonical(part, cryptosuite, hash_name, canonicalise) for part in (configuration, document))
    signature = key.sign(b"".join(hashlib.new(hash_name, part).digest() for part in parts))
    # The suites over JSON keep the context in the proof: who reads them by the letter adds none to what was hashed.
    told = configuration if _is_over_json(cryptosuite) else options
    return {**document, "proof": {**told, "proofValue": encode_multibase(signature)}}


def _is_over_json(cryptosuite: str) -> bool:
    return "-jcs-" in cryptosuite


def _canonical(part: dict[str, Any], cryptosuite: str, hash_name: str, canonicalise: Canonicalise | None) -> bytes:
    if _is_over_json(cryptosuite):
        return canonical_json(part)
    if canonicalise is None:
        message = f"{cryptosuite} signs RDF, and nothing was given to make it"
        raise ValueError(message)
    return canonicalise(part, hash_name)
