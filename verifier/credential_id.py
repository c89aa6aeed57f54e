"""A credential's two names: the public id that is a working link, and the aggregate id of the log.

    0ciud85g2jq1k8ctf1kmqm8t3l2r9vnbk0s0    public id: 22 bytes, base32hex, 36 characters
    019346b4-0d3a-8...                      aggregate id: UUIDv8, same time, hash of the 22 bytes

The log shows the aggregate id alone, so it hands out no working links. This is a second writing of
the ledger's rule, on purpose: shared vectors tie the two, and a slip in one is found by the other.

Source: docs/spec/evidence.md, "Identifiers"; RFC 4648 section 7; RFC 9562 section 5.8 (UUIDv8).
"""

from __future__ import annotations

import base64
import re
from hashlib import sha256
from typing import Final
from uuid import UUID

from verifier.error import FormatError

PUBLIC_ID_BYTES: Final = 22
TIME_BYTES: Final = 6
TAG: Final = b"cairn/credential-id/v1\n"
_SPELLING: Final = re.compile(r"[0-9a-v]{36}", re.ASCII)


def parse_public_id(text: str) -> bytes:
    """Read a public id into its 22 bytes.

    Raises:
        FormatError: Not 36 characters of 0-9 and a-v, or the four spare bits are not zero.
    """
    if _SPELLING.fullmatch(text) is None:
        raise FormatError("a credential id is 36 characters of 0-9 and a-v")
    raw = base64.b32hexdecode(text.upper() + "====")
    if format_public_id(raw) != text:
        raise FormatError("a credential id whose spare bits are not zero")
    return raw


def format_public_id(raw: bytes) -> str:
    """Write 22 bytes as a public id."""
    return base64.b32hexencode(raw).decode("ascii").rstrip("=").lower()


def aggregate_id(public_id: str) -> UUID:
    """Derive the id under which the log holds a credential.

    Raises:
        FormatError: The public id is malformed.
    """
    raw = parse_public_id(public_id)
    tail = int.from_bytes(sha256(TAG + raw).digest()[:10], "big")
    whole = int.from_bytes(raw[:TIME_BYTES], "big") << 80 | tail
    whole = whole & ~(0xF << 76) | 0x8 << 76  # version 8 of RFC 9562
    whole = whole & ~(0x3 << 62) | 0x2 << 62  # its variant bits, 10
    return UUID(int=whole)
