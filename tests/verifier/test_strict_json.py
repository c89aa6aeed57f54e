"""Strict JSON: what two readers could take for two things is refused, and the place is named."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.error import (
    DuplicateKeyError,
    InputError,
    JsonError,
    NumberError,
    SurrogateError,
    TooLargeError,
)
from verifier.strict_json import MAX_DEPTH, MAX_SAFE_INTEGER, first_difference, parse_json

LIMIT = 10_000


@pytest.mark.parametrize(
    "text,error,pointer",
    [
        ('{"a":1,"a":1}', DuplicateKeyError, "/a"),
        ('{"a":{"b":[0,{"c":1,"c":2}]}}', DuplicateKeyError, "/a/b/1/c"),
        ('{"a":1,"\\u0061":2}', DuplicateKeyError, "/a"),
        ('{"a/b~c":NaN}', NumberError, "/a~1b~0c"),
        ("[Infinity]", NumberError, "/0"),
        ("[-Infinity]", NumberError, "/0"),
        ("[1e400]", NumberError, "/0"),
        ("[-1e400]", NumberError, "/0"),
        ("[9007199254740992]", NumberError, "/0"),
        ("[-9007199254740992]", NumberError, "/0"),
        ("[" + "1" * 5000 + "]", NumberError, "/0"),
        ('["\\ud800"]', SurrogateError, "/0"),
        ('["\\udc00x"]', SurrogateError, "/0"),
        ('{"x":["ok","\\ud83d"]}', SurrogateError, "/x/1"),
        ('{"\\ud800":1}', SurrogateError, "/\\ud800"),
        ("[" * 33 + "]" * 33, TooLargeError, "/0" * 32),
        ('{"a":' * 33 + "1" + "}" * 33, TooLargeError, "/a" * 32),
        ("[" * 100_000, TooLargeError, ""),
        (" " * (LIMIT + 1), TooLargeError, ""),
        ("", JsonError, ""),
        ("{", JsonError, ""),
        ("[1,]", JsonError, ""),
        ("{'a':1}", JsonError, ""),
        ("[01]", JsonError, ""),
        ("[1] x", JsonError, ""),
        ('["\x01"]', JsonError, ""),
        ("\ufeff[]", JsonError, ""),
    ],
)
def test_parser_refuses_and_names_the_place_when_json_is_not_strict(
    text: str, error: type[InputError], pointer: str
) -> None:
    limit = 200_000 if len(text) > LIMIT + 1 else LIMIT
    with pytest.raises(error) as caught:
        parse_json(text.encode(), max_bytes=limit)
    assert caught.value.pointer == pointer


@pytest.mark.parametrize("data", [b"\xff", b'["\xc3\x28"]', b'["\xed\xa0\x80"]', b"\xff\xfe[\x00]\x00"])
def test_parser_refuses_when_bytes_are_not_utf8(data: bytes) -> None:
    with pytest.raises(JsonError):
        parse_json(data, max_bytes=LIMIT)


def test_parser_accepts_what_lies_on_the_limits() -> None:
    deepest = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert parse_json(deepest.encode(), max_bytes=MAX_DEPTH * 2) is not None
    assert parse_json(f"[{MAX_SAFE_INTEGER},-{MAX_SAFE_INTEGER}]".encode(), max_bytes=99) == [
        MAX_SAFE_INTEGER,
        -MAX_SAFE_INTEGER,
    ]
    assert parse_json(b'["\\ud83d\\ude00"]', max_bytes=99) == ["\U0001f600"]


Values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(Values)
def test_parser_reads_back_what_was_written(value: object) -> None:
    data = json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
    try:
        read = parse_json(data, max_bytes=10**6)
    except SurrogateError:
        assert any("\ud800" <= sign <= "\udfff" for sign in data.decode("utf-8", "surrogatepass"))
        return
    assert read == value


@given(st.binary(max_size=300) | st.text(alphabet='[]{}",:0123456789.eE-+\\u truefalsn').map(str.encode))
def test_parser_gives_a_value_or_a_typed_error_when_fed_anything(data: bytes) -> None:
    try:
        value = parse_json(data, max_bytes=LIMIT)
    except InputError:
        return
    assert not isinstance(value, float) or math.isfinite(value)


def test_difference_tells_types_apart_and_names_the_first_place() -> None:
    assert first_difference({"a": [1, 2]}, {"a": [1, 2]}) is None
    assert first_difference({"a": [1, 2]}, {"a": [1, 2.0]}) == "/a/1"
    assert first_difference({"a": 1}, {"a": True}) == "/a"
    assert first_difference({"a": 1}, {"b": 1}) == ""
    assert first_difference([1], [1, 2], "/x") == "/x"
