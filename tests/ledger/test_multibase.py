"""Base58: the quick encoder writes what openvc writes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from openvc import multibase

from ledger.multibase import encode_multibase


@given(st.binary(max_size=96), st.integers(0, 6))
def test_encode_multibase_agrees_with_openvc(data: bytes, zeros: int) -> None:
    padded = bytes(zeros) + data
    written = encode_multibase(padded)
    assert written == multibase.encode_multibase(padded)
    assert multibase.decode_multibase(written) == padded


def test_encode_multibase_writes_known_values() -> None:
    assert encode_multibase(b"") == "z"
    assert encode_multibase(b"Hello World!") == "z2NEpo7TZRRrLZSi2U"
    assert encode_multibase(bytes.fromhex("0000287fb4cd")) == "z11233QC4"
