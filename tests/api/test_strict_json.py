import json
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from api.strict_json import (
    BATCH_LIMITS,
    MAX_DEPTH,
    MAX_INTEGER,
    JsonLimits,
    StrictJsonError,
    parse_strict_json,
    read_carefully,
    read_quickly,
)

REFUSED: list[tuple[bytes, str]] = [
    (b"", ""),
    (b" ", ""),
    (b"\xef\xbb\xbf{}", ""),
    (b'"\xff"', ""),
    (b'"\xed\xa0\x80"', ""),
    (b'{"a":1,"a":1}', "/a"),
    (b'{"a":1,"\\u0061":2}', "/a"),
    (b'{"x":[{"b":1},{"b":1,"c":{},"b":2}]}', "/x/1/b"),
    (b'{"a/b":{"~":1,"~":2}}', "/a~1b/~0"),
    (b'{"":1,"":2}', "/"),
    (b'{"a":NaN}', "/a"),
    (b"[Infinity]", ""),
    (b"[-Infinity]", ""),
    (b"[1e400]", "/0"),
    (b"[-1e999999999]", "/0"),
    (b'{"n":9007199254740992}', "/n"),
    (b'{"n":-9007199254740992}', "/n"),
    (b'{"n":18446744073709551616}', "/n"),
    (b"[" + b"9" * 5_000 + b"]", "/0"),
    (b'["\\ud800"]', "/0"),
    (b'["\\udc00\\ud800"]', "/0"),
    (b'{"\\ud834":1}', ""),
    (b"[01]", ""),
    (b"[1.]", ""),
    (b"[.5]", ""),
    (b"[+1]", ""),
    (b"[-]", ""),
    (b"[0x10]", ""),
    (b"[1,]", "/1"),
    (b"[,1]", "/0"),
    (b'{"a":1,}', ""),
    (b'{"a" 1}', "/a"),
    (b'{"a":}', "/a"),
    (b"{1:2}", ""),
    (b"{'a':1}", ""),
    (b'{"a":1]', ""),
    (b"[1}", ""),
    (b"[1 2]", ""),
    (b"{} {}", ""),
    (b"[] x", ""),
    (b"truefalse", ""),
    (b"nul", ""),
    (b"True", ""),
    (b'"\t"', ""),
    (b'"\\x41"', ""),
    (b'"\\u12"', ""),
    (b'"open', ""),
    (b'["open\\"', ""),
    (b"\x0b1", ""),
    (b"\xc2\xa01", ""),
    (b"/* no */ 1", ""),
    (b"[1]\x00", ""),
    (b"[" * 100_000, "/0" * MAX_DEPTH),
    (b'{"a":' * 100_000, "/a" * MAX_DEPTH),
    (b"[" * 33 + b"]" * 33, "/0" * MAX_DEPTH),
]


@pytest.mark.parametrize("text, pointer", REFUSED, ids=lambda value: repr(value)[:40])
def test_strict_json_names_place_when_text_is_refused(text: bytes, pointer: str) -> None:
    with pytest.raises(StrictJsonError) as caught:
        parse_strict_json(text)
    assert caught.value.pointer == pointer
    assert caught.value.detail.endswith(".")
    assert read_quickly(text) == (False, None)


@pytest.mark.parametrize(
    "text",
    [
        b"0",
        b"-0",
        b"-0.0",
        b"1e-400",
        b"1e300",
        b"1E+2",
        b'"\\u0000"',
        b'"\\ud83d\\ude00"',
        '"мера \U0001f600"'.encode(),
        b' { "a" : [ ] , "b" : { } } ',
        b"[9007199254740991,-9007199254740991]",
        b'{"a":{"a":{"a":1}},"A":":,[]{}\\""}',
        b"[" * 32 + b"]" * 32,
        b"null",
    ],
)
def test_strict_json_reads_text_as_the_library_does_when_it_is_clean(text: bytes) -> None:
    expected = json.loads(text)
    value = parse_strict_json(text)
    assert repr(value) == repr(expected)
    assert repr(read_carefully(text)) == repr(expected)


def outcome(text: bytes, limits: JsonLimits) -> str | None:
    try:
        return repr(read_carefully(text, limits))
    except StrictJsonError:
        return None


def assert_readers_agree(text: bytes, limits: JsonLimits) -> None:
    clean, value = read_quickly(text, limits)
    if clean:
        assert repr(value) == outcome(text, limits)


SMALL = JsonLimits(max_depth=4, max_items=24)
FRAGMENTS = st.sampled_from(
    [
        *rb'{ } [ ] : , "a" "b" "\u0061" "\"" "{:" "\\" " \ {"a":1} {"a":1,"a":2} [[]]'.split(),
        *rb'1 -0 1.5 1e400 9007199254740992 true null NaN "\ud800"'.split(),
        *(b" ", b"\n", b"\xff"),
    ]
)


@settings(max_examples=600)
@given(st.lists(FRAGMENTS, max_size=14).map(b"".join))
@example(b'{"a":{"b":1},"b":2,"a":3}')
@example(b'{"a":":","a":"::"}')
def test_quick_reader_accepts_only_what_the_careful_one_reads_alike(text: bytes) -> None:
    assert_readers_agree(text, SMALL)


NAMES = st.sampled_from(["a", "b", "a\\u0062", "ab", "\\u0061", "~", ":"])
SOURCES = st.recursive(
    st.sampled_from(["1", "-1.5", "9007199254740991", "9007199254740992", '"x:,{"', "null", '""']),
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda parts: "[" + ",".join(parts) + "]")
        | st.lists(st.tuples(NAMES, inner), max_size=4).map(
            lambda pairs: "{" + ",".join(f'"{name}":{value}' for name, value in pairs) + "}"
        )
    ),
    max_leaves=12,
)


@settings(max_examples=600)
@given(SOURCES)
def test_readers_and_plain_json_agree_when_objects_repeat_names(source: str) -> None:
    """The grammar always holds here, so the only faults are repeated names and long integers."""
    has_fault = False

    def pairs(items: list[tuple[str, object]]) -> dict[str, object]:
        nonlocal has_fault
        has_fault = has_fault or len({name for name, _ in items}) < len(items)
        return dict(items)

    def integer(text: str) -> int:
        nonlocal has_fault
        has_fault = has_fault or abs(int(text)) > MAX_INTEGER
        return int(text)

    expected = json.loads(source, object_pairs_hook=pairs, parse_int=integer)
    limits = JsonLimits(max_depth=32, max_items=10_000)
    clean, value = read_quickly(source.encode(), limits)
    assert clean is not has_fault
    assert outcome(source.encode(), limits) == (None if has_fault else repr(expected))
    assert not clean or repr(value) == repr(expected)


@settings(max_examples=300)
@given(st.binary(max_size=40))
def test_strict_json_only_ever_raises_its_own_error_when_bytes_are_random(data: bytes) -> None:
    assert_readers_agree(data, SMALL)
    try:
        parse_strict_json(data, SMALL)
    except StrictJsonError as error:
        json.dumps(error.pointer).encode("ascii")


@pytest.mark.parametrize("items, is_refused", [(9, False), (10, True)])
def test_strict_json_refuses_when_values_and_names_are_too_many(items: int, *, is_refused: bool) -> None:
    text = b"[" + b",".join(b"1" for _ in range(items)) + b"]"
    limits = JsonLimits(max_items=10)
    assert (outcome(text, limits) is None) is is_refused
    assert read_quickly(text, limits)[0] is not is_refused


@pytest.mark.parametrize(
    "text",
    [
        b'"' + b'\\"' * 1_000_000,
        b'"' * 2_000_000,
        b"[" * 2_000_000,
        b"1" * 2_000_000,
        b'"\\' * 1_000_000,
        b" " * 2_000_000 + b"x",
        b'{"a":"' + b"\\u0041" * 300_000,
    ],
    ids=lambda text: repr(text[:6]),
)
def test_strict_json_stays_linear_when_text_is_hostile(text: bytes) -> None:
    started = time.process_time()
    with pytest.raises(StrictJsonError):
        parse_strict_json(text, BATCH_LIMITS)
    # A reader that looks at bytes twice takes minutes here; a linear one less than a second.
    assert time.process_time() - started < 10
