"""The quick canonical JSON is the reference library's, byte for byte."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from ledger.canonical import MAX_EXACT_INTEGER, canonical_json

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NUMBERS = st.one_of(
    st.integers(-MAX_EXACT_INTEGER, MAX_EXACT_INTEGER),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(10**6), 10**6).map(lambda n: n / 100),
    st.floats(1e-4, 1e10),
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), TEXT, NUMBERS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.tuples(inner, inner), st.dictionaries(TEXT, inner, max_size=5)
    ),
    max_leaves=20,
)


@given(JSON)
def test_canonical_json_equals_the_reference_when_anything_is_written(value: Any) -> None:  # noqa: ANN401  any JSON
    assert canonical_json(value) == rfc8785.dumps(value)


class Word(StrEnum):
    ONE = "one"


@pytest.mark.parametrize(
    "value, expected",
    [
        ({"b": 1, "a": 2}, b'{"a":2,"b":1}'),
        # Beyond the basic plane the order of UTF-16 units is not the order of code points.
        ({"\ufb33": 1, "\U0001f600": 2}, '{"\U0001f600":2,"\ufb33":1}'.encode()),
        # The same with a quote in the names, which hides where they end.
        ({'\ufb33"': 1, '\U0001f600"': 2}, '{"\U0001f600\\"":2,"\ufb33\\"":1}'.encode()),
        ({'é"x': 1, "a": 'é":'}, '{"a":"é\\":","é\\"x":1}'.encode()),
        (["1.5", ",1.5", ":-1e5"], b'["1.5",",1.5",":-1e5"]'),
        ({"a": 1e16, "b": [-1e-7]}, b'{"a":10000000000000000,"b":[-1e-7]}'),
        (1e16, b"10000000000000000"),
        ([2.0], b"[2]"),
        ([999_999_999.0], b"[999999999]"),
        ([2.0, -0.0, 1e21, 1e-7, 2.5, 1e16, 5e-324], b"[2,0,1e+21,1e-7,2.5,10000000000000000,5e-324]"),
        ('\x00\x1f\x7f"\\/\b\t\n\f\r\u2028é', '"\\u0000\\u001f\x7f\\"\\\\/\\b\\t\\n\\f\\r\u2028é"'.encode()),
        ((1, Word.ONE), b'[1,"one"]'),
        (MAX_EXACT_INTEGER, b"9007199254740991"),
    ],
)
def test_canonical_json_writes_the_form_of_rfc_8785_when_libraries_differ(value: Any, expected: bytes) -> None:  # noqa: ANN401  any JSON
    assert canonical_json(value) == expected


@pytest.mark.parametrize("value", [math.nan, math.inf, MAX_EXACT_INTEGER + 1, "\ud800", {"\ud800": 1}, b"bytes"])
def test_canonical_json_refuses_a_value_when_it_has_no_canonical_form(value: Any) -> None:  # noqa: ANN401  any value
    for wrapped in (value, [value], {"a": value}):
        with pytest.raises((rfc8785.CanonicalizationError, UnicodeEncodeError)):
            canonical_json(wrapped)
