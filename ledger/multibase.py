"""Base58 of signatures, quickly.

openvc takes one digit after another off a number of 512 bits, which costs 16 µs a signature and more than hashing the
document does; GMP needs less than one. A test compares the two.

Source: W3C Controlled Identifiers 1.0, section 2.4 (Multibase, base58-btc).
"""

from __future__ import annotations

from typing import Final

from gmpy2 import mpz

_BASE: Final = 58
_TO_DIGITS: Final = bytes.maketrans(
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuv",
    b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz",
)
"""From the digits that GMP writes numbers to the base 58 with."""


def encode_multibase(data: bytes) -> str:
    """Encode *data* as a base58-btc multibase value: ``z``, a ``1`` for each leading zero byte, the digits."""
    digits: str = mpz.from_bytes(data, "big").digits(_BASE).encode().translate(_TO_DIGITS).decode()
    zeros = len(data) - len(data.lstrip(b"\0"))
    if zeros == len(data):
        digits = ""  # no number is left of which a digit would be written
    return "z" + "1" * zeros + digits
