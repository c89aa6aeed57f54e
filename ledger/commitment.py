r"""Salted commitments: what the log holds in place of what the vault holds.

``SHA-256("cairn/commitment/v1\n" || aggregate id (16) || length of kind (1) || kind || SHA-256(form) (32) ||
salt (32))``

Without the salt nobody can test a guess against a commitment, however few values the form could take; with the salt
destroyed, only who still holds the document and its salt can open it.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from uuid import UUID

SALT_BYTES = 32
DOCUMENT_KIND = "vc+jcs"
"""Form: the RFC 8785 bytes of the signed JSON document, proof included."""
NOTE_KIND = "note"
"""Form: the UTF-8 bytes of an officer's remark."""
SUCCESSOR_KIND = "successor"
"""Form: the ASCII public id of the credential that replaces this one."""
DERIVATION_KIND = "derivation"
"""Form: the canonical bytes of a derivation: which award met which rule of a stack."""
STATEMENT_KIND = "statement"
"""Form: the UTF-8 bytes of the grounds of an appeal."""
RECOGNITION_KIND = "recognition"
"""Form: the RFC 8785 bytes of the details of a decision on an award (:class:`ledger.decision.Details`)."""
_TAG = b"cairn/commitment/v1\n"


def commit(aggregate_id: UUID, kind: str, form: bytes, salt: bytes) -> str:
    """Commit to *form*.

    Args:
        aggregate_id: Whose history the commitment is part of.
        kind: What the form is, at most 255 ASCII characters.
        form: The exact bytes committed to.
        salt: 32 random bytes.

    Returns:
        32 bytes as lower-case hexadecimal.

    Raises:
        ValueError: The salt is not 32 bytes long.
    """
    if len(salt) != SALT_BYTES:
        message = f"a salt has {SALT_BYTES} bytes, not {len(salt)}"
        raise ValueError(message)
    framed = b"".join((_TAG, aggregate_id.bytes, _framed(kind), hashlib.sha256(form).digest(), salt))
    return hashlib.sha256(framed).hexdigest()


@lru_cache(maxsize=256)
def _framed(kind: str) -> bytes:
    """A kind after its length."""
    name = kind.encode("ascii")
    return bytes([len(name)]) + name
