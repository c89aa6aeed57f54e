"""Base58btc read quickly: the same answers as openvc's reader, which goes digit by digit.

All digits are one large integer, a byte each. Every second one is then multiplied by 58 and added to its neighbour, all
pairs at once; then every second pair by 58², and so on, until one number is left. No step can overflow into the next
lane, since 58 is less than 256.

Source: the base58btc alphabet of W3C Controlled Identifiers 1.0 section 2.4; each leading 1 is a leading zero byte.
"""

from __future__ import annotations

from typing import Final

from openvc.multibase import b58btc_decode

ALPHABET: Final = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
MAX_QUICK_DIGITS: Final = 256
"""Digits that the steps are made for; a signature by P-384 takes 132."""
_NO_DIGIT: Final = 0xFF
_DIGITS: Final = bytes(ALPHABET.index(byte) if byte in ALPHABET else _NO_DIGIT for byte in range(256))


def _steps() -> tuple[tuple[int, int, int], ...]:
    """Make the steps: the bits between neighbours, a mask of every second lane, what the higher is worth."""
    steps, digits = [], 1
    while digits < MAX_QUICK_DIGITS:
        bits = 8 * digits
        lane = (1 << bits) - 1
        mask = sum(lane << at for at in range(0, 8 * MAX_QUICK_DIGITS, 2 * bits))
        steps.append((bits, mask, 58**digits))
        digits *= 2
    return tuple(steps)


_STEPS: Final = _steps()


def decode_base58(text: str) -> bytes:
    """Read base58btc.

    Args:
        text: Digits, without the `z` of multibase.

    Raises:
        MultibaseError: A character is no digit, or there are too many. (openvc's)
    """
    if len(text) > MAX_QUICK_DIGITS or not text.isascii():
        return b58btc_decode(text)
    digits = text.encode().translate(_DIGITS)
    if _NO_DIGIT in digits:
        return b58btc_decode(text)
    number, bits = int.from_bytes(digits), 8 * len(digits)
    for apart, mask, worth in _STEPS:
        if apart >= bits:
            break
        number = (number & mask) + (number >> apart & mask) * worth
    zeros = len(digits) - len(digits.lstrip(b"\0"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8)
