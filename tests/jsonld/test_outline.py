"""A document taken apart holds the same strings in the same places, however they are spelled."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.jsonld.document import STRINGS, badge, course
from verifier.jsonld.nquads import escape
from verifier.jsonld.outline import (
    MAX_BYTES,
    MAX_STRINGS,
    TEXT,
    class_of,
    classes_of,
    name_places,
    nquads_spelling,
    picker,
    restored,
    skeleton_of,
    string_of,
    take_apart,
)

WORDS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.sampled_from(
        [*STRINGS, '"', "\\", '\\"', '"\\', '":', "\\\\", "\x7f", "\ufffe", "\uffff", "\x00", "\x01", "type"]
    ),
)
NUMBERS = st.one_of(st.integers(-(2**53) + 1, 2**53 - 1), st.floats(allow_nan=False, allow_infinity=False))
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), WORDS, NUMBERS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(WORDS, inner, max_size=5)),
    max_leaves=20,
)


def strings_of(value: Any) -> list[str]:  # noqa: ANN401  any JSON
    """All strings of a value, names included, members in the order in which the writer sorts them."""
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode())
        return [string for name in names for string in (name, *strings_of(value[name]))]
    if isinstance(value, list):
        return [string for member in value for string in strings_of(member)]
    return [value] if isinstance(value, str) else []


@given(st.dictionaries(WORDS, JSON, max_size=6))
def test_outline_holds_every_string_when_anything_is_taken_apart(value: dict[str, Any]) -> None:
    outline = take_apart(value)
    assert outline is not None
    assert [string_of(part) for part in outline.parts[1::2]] == strings_of(value)
    assert [nquads_spelling(part).decode() for part in outline.parts[1::2]] == [
        escape(one) for one in strings_of(value)
    ]
    assert restored(b'"'.join(outline.parts), outline) == outline.written
    if outline.is_plain:
        assert [part.decode() for part in outline.parts[1::2]] == strings_of(value)


@given(st.dictionaries(WORDS, JSON, max_size=6))
def test_skeleton_says_where_names_and_fixed_strings_are(value: dict[str, Any]) -> None:
    outline = take_apart(value)
    assert outline is not None
    skeleton = skeleton_of(json.loads(outline.written))
    assert skeleton.names == name_places(outline.structure)
    assert sorted([*skeleton.names, *skeleton.fixed, *skeleton.leaves]) == list(range(1, len(outline.parts), 2))


@given(st.dictionaries(WORDS, JSON, max_size=4), st.dictionaries(WORDS, JSON, max_size=4))
def test_outlines_differ_when_documents_do(one: dict[str, Any], other: dict[str, Any]) -> None:
    outlines = [take_apart(value) for value in (one, other)]
    assert all(outlines)
    keys = [(outline.structure, tuple(outline.parts)) for outline in outlines if outline is not None]
    assert (keys[0] == keys[1]) == (json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True))


@pytest.mark.parametrize("make", [badge, course])
def test_outline_is_the_same_when_members_stand_in_another_order(make: Any) -> None:  # noqa: ANN401  a maker
    document = make()
    assert take_apart(document) == take_apart({name: document[name] for name in reversed(document)})


class Word(str):
    """A subclass, which may be written in ways of its own."""

    __slots__ = ()


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        [math.inf],
        {"x": [-math.inf, None]},
        "\ud800",
        2**53,
        Word("x"),
        "x" * MAX_BYTES,
        ["x"] * (MAX_STRINGS + 1),
        object(),
    ],
)
def test_document_is_not_taken_apart_when_it_is_not_for_the_quick_writer(value: object) -> None:
    assert take_apart({"a": value}) is None
    assert take_apart({"a": None}) is not None


def test_picker_picks_nothing_one_or_more() -> None:
    parts = [b"a", b"b", b"c"]
    assert [picker(places)(parts) for places in ((), (1,), (2, 0))] == [(), (b"b",), (b"c", b"a")]


def test_classes_are_those_of_single_strings() -> None:
    strings = [string.encode() for string in (*STRINGS, "https://o.example/" + "x" * 600, "did:key:z6Mk", "urn:x:y")]
    assert list(classes_of(strings)) == [class_of(string) for string in strings]
    assert class_of(b"https://other.example/a") != TEXT == class_of(b"https://w3id.org/security#x")
