"""Identity of a credential: a public id that is a working link, and an aggregate id that is not.

The public id is 22 bytes, a 48-bit Unix time in milliseconds and 128 random bits, written as 36 characters of
lower-case base32hex. Whoever has it can ask for the credential's status. The log shows only the aggregate id: the same
time, so that rows are inserted in order, and 74 bits of a hash of the public id, so that the log hands out no working
links.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

from ledger.error import InvalidInputError

RANDOM_BYTES = 16
PUBLIC_ID_BYTES = 6 + RANDOM_BYTES
PUBLIC_ID_CHARS = 36
_TAG = b"cairn/credential-id/v1\n"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_ALPHABET = re.compile(r"[0-9a-v]{36}")
_SPARE_BITS = 5 * PUBLIC_ID_CHARS - 8 * PUBLIC_ID_BYTES
"""The last character carries one bit of the id; the other four are zero."""
_DIGITS = "0123456789abcdefghijklmnopqrstuv"
_PAIRS = tuple(first + second for first in _DIGITS for second in _DIGITS)
_SHIFTS = tuple(range(5 * PUBLIC_ID_CHARS - 10, -1, -10))
"""Where each two characters stand in the id as a number. (The library's base32 takes three times as long.)"""


def make_public_id(issued_at: datetime, randomness: bytes) -> str:
    """Make a public id.

    Args:
        issued_at: Aware instant; milliseconds are kept.
        randomness: 16 fresh random bytes.

    Returns:
        36 characters, lower-case base32hex without padding; ids of later instants sort later.

    Raises:
        ValueError: *randomness* is not 16 bytes long.
    """
    if len(randomness) != RANDOM_BYTES:
        message = f"a public id takes {RANDOM_BYTES} random bytes, not {len(randomness)}"
        raise ValueError(message)
    milliseconds = (issued_at - _EPOCH) // _MILLISECOND
    raw = milliseconds.to_bytes(6, "big") + randomness
    number = int.from_bytes(raw) << _SPARE_BITS
    return "".join([_PAIRS[number >> shift & 0x3FF] for shift in _SHIFTS])


def make_credential_id(issued_at: datetime, randomness: bytes) -> tuple[str, UUID]:
    """Make a public id, and the aggregate id that :func:`credential_aggregate_id` derives from it.

    Args:
        issued_at: Aware instant; milliseconds are kept.
        randomness: 16 fresh random bytes.
    """
    public_id = make_public_id(issued_at, randomness)
    return public_id, _aggregate_id((int(public_id, 32) >> _SPARE_BITS).to_bytes(PUBLIC_ID_BYTES))


def parse_public_id(text: str) -> bytes:
    """Parse a public id into its 22 bytes, accepting only the one canonical spelling.

    Raises:
        InvalidInputError: Not 36 characters of lower-case base32hex, or unused bits are set.
    """
    # base32hex in lower case is what Python, too, writes numbers with to the base 32.
    number = int(text, 32) if _ALPHABET.fullmatch(text) else -1
    if number < 0 or number & (1 << _SPARE_BITS) - 1:
        message = f"a credential id is {PUBLIC_ID_CHARS} characters of 0-9 and a-v; check that the whole id was copied"
        raise InvalidInputError(message, "/id")
    return (number >> _SPARE_BITS).to_bytes(PUBLIC_ID_BYTES)


def credential_aggregate_id(public_id: str) -> UUID:
    """Derive the aggregate id (UUIDv8) of the credential with *public_id*.

    Raises:
        InvalidInputError: *public_id* is malformed.
    """
    return _aggregate_id(parse_public_id(public_id))


def _aggregate_id(raw: bytes) -> UUID:
    digest = hashlib.sha256(_TAG + raw).digest()
    value = bytearray(raw[:6] + digest[:10])
    value[6] = (value[6] & 0x0F) | 0x80
    value[8] = (value[8] & 0x3F) | 0x80
    return UUID(bytes=bytes(value))
