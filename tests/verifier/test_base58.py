"""The quick reader of base58 answers as openvc's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openvc.multibase import MultibaseError, b58btc_decode, b58btc_encode

from verifier.base58 import ALPHABET, MAX_QUICK_DIGITS, decode_base58


@given(st.integers(0, 5), st.binary(max_size=220))
def test_decode_base58_returns_what_was_written(zeros: int, data: bytes) -> None:
    written = b58btc_encode(bytes(zeros) + data)
    assert decode_base58(written) == bytes(zeros) + data


@given(st.text(st.sampled_from(ALPHABET.decode()), max_size=300))
def test_decode_base58_equals_openvc_when_all_are_digits(text: str) -> None:
    assert decode_base58(text) == b58btc_decode(text)


@pytest.mark.parametrize("digits", [0, 1, 2, 3, 87, 88, 127, 128, 129, MAX_QUICK_DIGITS, MAX_QUICK_DIGITS + 1])
@pytest.mark.parametrize("digit", ["1", "2", "z"])
def test_decode_base58_equals_openvc_when_all_digits_are_alike(digits: int, digit: str) -> None:
    assert decode_base58(digit * digits) == b58btc_decode(digit * digits)


@pytest.mark.parametrize("text", ["0", "O", "I", "l", "1é", "\ud800", "a b", "abc\n", "z" * 5_000, "\xff"])
def test_decode_base58_refuses_what_openvc_refuses(text: str) -> None:
    with pytest.raises(MultibaseError):
        b58btc_decode(text)
    with pytest.raises(MultibaseError):
        decode_base58(text)
