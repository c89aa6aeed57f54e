r"""Salted commitments: what the log holds in place of a document.

    SHA-256("cairn/commitment/v1\n" || aggregate id, 16 bytes || length of kind, 1 byte || kind
            || SHA-256(form), 32 bytes || salt, 32 bytes)

Who has the document and its salt can show that the log holds it; who has only the log can test no
guess. This is a second writing of the ledger's rule, tied to it by shared vectors.

Source: docs/spec/evidence.md, "Commitments"; RFC 8785 for the form of a JSON document.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final
from uuid import UUID

import rfc8785

from verifier.strict_json import Json

SALT_BYTES: Final = 32
DOCUMENT_KIND: Final = "vc+jcs"
SUCCESSOR_KIND: Final = "successor"
DERIVATION_KIND: Final = "derivation"
TAG: Final = b"cairn/commitment/v1\n"


def commitment(owner: UUID, kind: str, form: bytes, salt: bytes) -> str:
    """Compute a commitment.

    Args:
        owner: Aggregate id of the credential whose event holds it.
        kind: What the form is, 1 to 255 ASCII characters.
        form: The exact bytes committed to.
        salt: 32 bytes.

    Returns:
        64 lower-case hexadecimal digits, as event bodies write it.
    """
    name = kind.encode("ascii")
    head = TAG + owner.bytes + bytes([len(name)]) + name
    return sha256(head + sha256(form).digest() + salt).hexdigest()


def document_form(document: dict[str, Json]) -> bytes:
    """Return the form of a signed JSON document: its RFC 8785 bytes, proof included.

    Raises:
        rfc8785.CanonicalizationError: It holds what I-JSON does not; `parse_json` lets none in.
    """
    return rfc8785.dumps(document)
