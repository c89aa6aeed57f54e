"""The door: a JSON-LD document in, canonical N-Quads out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from verifier.jsonld.expansion import to_quads
from verifier.jsonld.nquads import parse_nquads
from verifier.jsonld.rdfc import Canonical, HashName, canonicalise


def canonical_nquads(document: Mapping[str, Any], *, hash_name: HashName = "sha256") -> bytes:
    """Return what a document states as canonical N-Quads: JSON-LD to RDF, then RDFC-1.0.

    Args:
        document: JSON with its ``@context``; for a proof, without the members that the suite leaves out.
        hash_name: SHA-384 for keys on P-384, SHA-256 for all others.

    Raises:
        ContextRefusedError: It names a context that is not installed.
        UndefinedTermError: It holds what no context defines.
        WorkExceededError: It costs more than the limits allow.
        JsonLdError: It is no JSON-LD.
    """
    return canonicalise(to_quads(document), hash_name).nquads


def canonical_dataset(nquads: str, *, hash_name: HashName = "sha256") -> Canonical:
    """Canonicalise a dataset that is written as N-Quads.

    Raises:
        FormatError: It is no N-Quads.
        WorkExceededError: It costs more than the limits allow.
    """
    return canonicalise(parse_nquads(nquads), hash_name)
