"""Identity of a credential: a public id that is a working link, and an aggregate id that is not.

The public id is 22 bytes, a 48-bit Unix time in milliseconds and 128 random bits, written as 36 characters of
lower-case base32hex. Whoever has it can ask for the credential's status. The log shows only the aggregate id: the same
time, so that rows are inserted in order, and 74 bits of a hash of the public id, so that the log hands out no working
links.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from uuid import UUID

import msgspec

from ledger.error import InvalidInputError

RANDOM_BYTES = 16
PUBLIC_ID_BYTES = 6 + RANDOM_BYTES
PUBLIC_ID_CHARS = 36
LOOKUP_HASH_BYTES = 16
_TAG = b"cairn/credential-id/v1\n"
_LOOKUP_TAG = b"cairn/status-prefix/v1\n"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_UNUSED_BITS = 4
_UNUSED = (1 << _UNUSED_BITS) - 1
"""36 digits of five bits hold 180 bits; an id has 176."""
_DIGITS = "0123456789abcdefghijklmnopqrstuv"
_DIGIT_BYTES = _DIGITS.encode()
_VERSION_8 = tuple(bytes([0x80 | byte & 0x0F]) for byte in range(256))
_VARIANT = tuple(bytes([0x80 | byte & 0x3F]) for byte in range(256))
"""Each byte with the bits of a UUIDv8 in it (RFC 9562 section 5.8); ready, since look-ups spend their time here."""
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
    return _spelled(_fresh(issued_at, randomness))


def make_credential_id(issued_at: datetime, randomness: bytes) -> tuple[str, UUID]:
    """Make a public id, and the aggregate id that :func:`credential_aggregate_id` derives from it.

    Args:
        issued_at: Aware instant; milliseconds are kept.
        randomness: 16 fresh random bytes.
    """
    raw = _fresh(issued_at, randomness)
    return _spelled(raw), msgspec.convert(_aggregate_id(raw), UUID)  # a third of the time of UUID(bytes=…)


def make_part_id(before: datetime, randomness: bytes) -> str:
    """Make the public id of a part of an unpacked diploma.

    Its time is a random instant: were it the present, the log's ids would tell which parts were made at once.

    Args:
        before: The present, which the instant is earlier than.
        randomness: 22 fresh random bytes.

    Returns:
        As :func:`make_public_id` does.

    Raises:
        ValueError: *randomness* is not 22 bytes long.
    """
    if len(randomness) != PUBLIC_ID_BYTES:
        message = f"a part's id takes {PUBLIC_ID_BYTES} random bytes, not {len(randomness)}"
        raise ValueError(message)
    present = (before - _EPOCH) // timedelta(milliseconds=1)
    instant = int.from_bytes(randomness[:-RANDOM_BYTES]) % present
    return make_public_id(_EPOCH + timedelta(milliseconds=instant), randomness[-RANDOM_BYTES:])


def parse_public_id(text: str) -> bytes:
    """Parse a public id into its 22 bytes, accepting only the one canonical spelling.

    Raises:
        InvalidInputError: Not 36 characters of lower-case base32hex, or unused bits are set.
    """
    raw = _raw(text.encode("utf-8", "replace"))
    if raw is None:
        message = f"a credential id is {PUBLIC_ID_CHARS} characters of 0-9 and a-v; check that the whole id was copied"
        raise InvalidInputError(message, "/id")
    return raw


def credential_aggregate_id(public_id: str) -> UUID:
    """Derive the aggregate id (UUIDv8) of the credential with *public_id*.

    Raises:
        InvalidInputError: *public_id* is malformed.
    """
    return UUID(bytes=_aggregate_id(parse_public_id(public_id)))


def aggregate_id_of(public_id: bytes) -> bytes | None:
    """The 16 bytes of :func:`credential_aggregate_id`, of a public id in ASCII; None when it is malformed."""
    raw = _raw(public_id)
    return None if raw is None else _aggregate_id(raw)


def lookup_hash(aggregate_id: bytes) -> bytes:
    """What an award is looked up under by a prefix: 16 bytes, of which none tells when it was issued.

    Args:
        aggregate_id: The 16 bytes of :func:`credential_aggregate_id`.

    Source: docs/spec/identifiers.md.
    """
    return sha256(_LOOKUP_TAG + aggregate_id).digest()[:LOOKUP_HASH_BYTES]


def _fresh(issued_at: datetime, randomness: bytes) -> bytes:
    if len(randomness) != RANDOM_BYTES:
        message = f"a public id takes {RANDOM_BYTES} random bytes, not {len(randomness)}"
        raise ValueError(message)
    return _time_bytes(issued_at) + randomness


@lru_cache(maxsize=16)
def _time_bytes(issued_at: datetime) -> bytes:
    """The 48 bits of an instant, which is the same for all awards of a batch."""
    return ((issued_at - _EPOCH) // _MILLISECOND).to_bytes(6, "big")


def _spelled(raw: bytes) -> str:
    number = int.from_bytes(raw) << _UNUSED_BITS
    return "".join([_PAIRS[number >> shift & 0x3FF] for shift in _SHIFTS])


def _raw(public_id: bytes) -> bytes | None:
    if len(public_id) != PUBLIC_ID_CHARS or public_id.translate(None, _DIGIT_BYTES):
        return None
    number = int(public_id, 32)  # the digits of base32hex are those of a number to the base 32
    return None if number & _UNUSED else (number >> _UNUSED_BITS).to_bytes(PUBLIC_ID_BYTES, "big")


def _aggregate_id(raw: bytes) -> bytes:
    digest = sha256(_TAG + raw).digest()
    return raw[:6] + _VERSION_8[digest[0]] + digest[1:2] + _VARIANT[digest[2]] + digest[3:10]
