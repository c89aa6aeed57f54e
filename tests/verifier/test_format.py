"""Evidence files and bundles: anything but the one canonical form is refused, with its place."""

from __future__ import annotations

import json
from copy import deepcopy
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import example as tried_always
from hypothesis import strategies as st

from tests.verifier.small_log import ISSUED, NOW, SmallLog, b64, compact
from verifier import (
    InputError,
    Policy,
    Verdict,
    parse_bundle,
    parse_document,
    parse_evidence,
    verify_bundle,
    verify_evidence,
)
from verifier.bundle import MAX_BUNDLE_BYTES, MAX_DOCUMENT_BYTES
from verifier.error import FormatError, TooLargeError
from verifier.evidence import MAX_ANCHORS, MAX_ENTRIES, MAX_EVIDENCE_BYTES
from verifier.wire import parse_instant


@cache
def example() -> tuple[dict[str, Any], Policy]:
    log = SmallLog()
    award = log.issue()
    log.publish(ISSUED)
    log.stamp(ISSUED)
    log.publish(NOW)
    return log.bundle(award), log.policy()


def evidence() -> dict[str, Any]:
    return deepcopy(example()[0]["evidence"])


def put(value: Any, pointer: str, new: Any) -> Any:  # noqa: ANN401  any JSON value stands here
    """Set one place of a JSON value."""
    *steps, last = pointer.split("/")[1:]
    inner = value
    for step in steps:
        inner = inner[int(step)] if isinstance(inner, list) else inner[step]
    inner[int(last) if isinstance(inner, list) else last] = new
    return value


@pytest.mark.parametrize(
    "pointer,new,place",
    [
        ("/format", "cairn/evidence/v3", "/format"),
        ("/credential", "x", "/credential"),
        ("/credential", "V" * 36, "/credential"),
        ("/credential", "v" * 36, "/credential"),
        ("/extra", 1, ""),
        ("/log", None, "/log"),
        ("/log/extra", 1, "/log"),
        ("/checkpoint", 1, "/checkpoint"),
        ("/entries", [], "/entries"),
        ("/entries/0/index", -1, "/entries/0/index"),
        ("/entries/0/index", 4.0, "/entries/0/index"),
        ("/entries/0/index", True, "/entries/0/index"),
        ("/entries/0/index", "4", "/entries/0/index"),
        ("/entries/0/entry", "AAB=", "/entries/0/entry"),
        ("/entries/0/entry", "AAA", "/entries/0/entry"),
        ("/entries/0/entry", "AA-_", "/entries/0/entry"),
        ("/entries/0/entry", "AAAA\n", "/entries/0/entry"),
        ("/entries/0/proof/0", "AAAA", "/entries/0/proof/0"),
        ("/entries/0/proof/0", b64(bytes(33)), "/entries/0/proof/0"),
        ("/entries/0/proof", [b64(bytes(32))] * 64, "/entries/0/proof"),
        ("/status/revocation/chunk", b64(bytes(1023)), "/status/revocation/chunk"),
        ("/status/suspension/leaf", None, "/status/suspension/leaf"),
        ("/status/other", {}, "/status"),
        ("/directory/record", None, "/directory/record"),
        ("/anchors", None, "/anchors"),
        ("/anchors/0/kind", "blockchain", "/anchors/0/kind"),
        ("/anchors/0/name", "", "/anchors/0/name"),
        ("/anchors/0/extra", 1, "/anchors/0"),
        ("/anchored_size", "6", "/anchored_size"),
    ],
)
def test_evidence_is_refused_and_the_place_named_when_a_member_is_wrong(pointer: str, new: object, place: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse_evidence(compact(put(evidence(), pointer, new)))
    assert caught.value.pointer == place


@pytest.mark.parametrize("member", sorted(example()[0]["evidence"]))
def test_evidence_is_refused_when_a_member_is_missing(member: str) -> None:
    changed = evidence()
    del changed[member]
    with pytest.raises(FormatError):
        parse_evidence(compact(changed))


def test_evidence_is_refused_when_it_exceeds_a_limit() -> None:
    changed = evidence()
    too_many = changed | {"entries": changed["entries"][:1] * (MAX_ENTRIES + 1)}
    with pytest.raises(FormatError) as caught:
        parse_evidence(compact(too_many))
    assert caught.value.pointer == "/entries"
    with pytest.raises(FormatError):
        parse_evidence(compact(changed | {"anchors": changed["anchors"] * (MAX_ANCHORS + 1)}))
    with pytest.raises(TooLargeError):
        parse_evidence(compact(changed) + b" " * MAX_EVIDENCE_BYTES)


@pytest.mark.parametrize("value", [None, 1, "x", [], {}, True])
def test_file_is_refused_when_it_is_something_else(value: object) -> None:
    with pytest.raises(FormatError):
        parse_evidence(compact(value))
    with pytest.raises(FormatError):
        parse_bundle(compact(value))


@pytest.mark.parametrize(
    "pointer,new,place",
    [
        ("/format", "cairn/evidence/v1", "/format"),
        ("/document", [], "/document"),
        ("/salt", b64(bytes(31)), "/salt"),
        ("/salt", b64(bytes(32))[:-1], "/salt"),
        ("/salt", None, "/salt"),
        ("/evidence", [], "/evidence"),
        ("/evidence/entries/0/index", -1, "/evidence/entries/0/index"),
        ("/evidence/credential", "x", "/evidence/credential"),
        ("/successor", None, "/successor"),
        ("/successor", {"credential": "x", "salt": b64(bytes(32))}, "/successor/credential"),
        ("/extra", 1, ""),
    ],
)
def test_bundle_is_refused_and_the_place_named_when_a_member_is_wrong(pointer: str, new: object, place: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse_bundle(compact(put(deepcopy(example()[0]), pointer, new)))
    assert caught.value.pointer == place


def test_bundle_and_document_are_refused_when_they_are_too_large() -> None:
    with pytest.raises(TooLargeError):
        parse_bundle(b" " * (MAX_BUNDLE_BYTES + 1))
    with pytest.raises(TooLargeError):
        parse_document(b" " * (MAX_DOCUMENT_BYTES + 1))
    with pytest.raises(FormatError):
        parse_document(b"[]")


@pytest.mark.parametrize(
    "text",
    [
        "2025-01-01T00:00:00",
        "2025-01-01T00:00:00+00:00",
        "2025-01-01 00:00:00Z",
        "2025-01-01T00:00:00z",
        "2025-13-01T00:00:00Z",
        "2025-01-01T24:00:01Z",
        "2025-01-01T00:00:60Z",
        "2025-01-01T00:00:00.Z",
        "2025-01-01T00:00:00.1234567Z",
        "0000-01-01T00:00:00Z",
        "٢٠٢٥-01-01T00:00:00Z",
        "",
    ],
)
def test_instant_is_refused_when_it_is_not_in_the_one_form(text: str) -> None:
    with pytest.raises(FormatError):
        parse_instant(text)


Scalars = (
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.text(max_size=6)
    | st.sampled_from(["AAAA", b64(bytes(32)), "2025-01-01T00:00:00Z", "x" * 70_000])
)
Anything = st.recursive(
    Scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
)


def places(value: Any, here: str = "") -> list[str]:  # noqa: ANN401  any JSON value stands here
    """Every pointer below the top of a JSON value."""
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = []
    for step, inner in steps:
        pointer = f"{here}/{step}"
        found += [pointer, *places(inner, pointer)]
    return [pointer for pointer in found if "@" not in pointer]


PLACES = places(example()[0])


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(PLACES), Anything)
def test_bundle_is_never_valid_nor_an_untyped_error_when_any_place_holds_anything(pointer: str, new: object) -> None:
    original, policy = example()
    changed = put(deepcopy(original), pointer, new)
    same = json.dumps(changed, sort_keys=True) == json.dumps(original, sort_keys=True)
    try:
        report = verify_bundle(parse_bundle(compact(changed)), policy, now=NOW)
    except InputError:
        return
    informative = pointer.startswith("/evidence/anchors/0/") and pointer.endswith(("token", "name", "time", "kind"))
    assert same or informative or report.verdict is not Verdict.VALID


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
@tried_always(b'{" ":[""],"":{}}')
def test_reader_gives_a_typed_error_when_fed_anything(data: bytes) -> None:
    for parse in (parse_evidence, parse_bundle):
        with pytest.raises(InputError):
            parse(data)
    try:
        document = parse_document(data)
    except InputError:
        return
    assert document == json.loads(data)  # any object is a document: what it means is not the reader's to say


def test_spaces_and_member_order_do_not_matter() -> None:
    original, policy = example()
    spaced = json.dumps(original["evidence"], indent=1, sort_keys=True).encode()

    report = verify_evidence(parse_evidence(spaced), policy, now=NOW)

    assert report.verdict is Verdict.VALID
