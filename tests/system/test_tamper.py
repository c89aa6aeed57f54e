"""Nothing that was tampered with is ever called valid: not by the server, not offline."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import UTC, datetime
from random import Random
from typing import Any

import httpx
import pytest

from api.cli.verify import judge
from tests.system.school import Caller, Json, claim, verified
from tests.system.serving import Serving
from verifier.error import InputError
from verifier.policy import Policy, parse_policy

Path = tuple[str | int, ...]
BASE64_MEMBERS = frozenset({"entry", "proof", "chunk", "record", "salt", "token", "consistency"})
BITS_EACH = 4
"""Bits flipped in each long value; short ones are changed whole. Every place is covered, not every bit of a chunk."""


@pytest.fixture(scope="module")
def bundle(serving: Serving, school: Caller) -> Json:
    """A holder's bundle among enough other awards that every proof in it has some length."""
    answered = school.post("/v1/credentials", {"credentials": [claim(f"Learner {number}") for number in range(20)]})
    public_id = answered.json()["credentials"][7]["id"]
    value: Json = json.loads(school.bundle(public_id))
    assert verified(serving, json.dumps(value).encode())["verdict"] == "valid"
    return value


@pytest.fixture(scope="module")
def policy(serving: Serving, school: Caller, bundle: Json) -> Policy:
    """A policy that trusts the log; the untouched bundle is valid under it."""
    del school
    trusted = parse_policy(serving.http.get("/log/policy").text)  # the log's keys, Ed25519 and ML-DSA-44
    assert len(trusted.logs) == 2
    assert _offline(bundle, trusted) == "valid"
    return trusted


def _leaves(value: object, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every string, number, boolean and null in a JSON value, with its place."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield from _leaves(member, (*path, name))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _leaves(item, (*path, number))
    else:
        yield path, value


def _with(value: Json, path: Path, changed: object) -> Json:
    copy = deepcopy(value)
    target: Any = copy
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = changed
    return copy


def _flipped_base64(text: str, bit: int) -> str:
    raw = bytearray(b64decode(text))
    raw[bit // 8] ^= 1 << bit % 8
    return b64encode(raw).decode()


def _flipped_text(text: str, index: int) -> str:
    """Put another character, of the same kind, in the place of one."""
    old = text[index]
    new = {"0": "1", "z": "y", "Z": "Y", "\n": " "}.get(old, chr(ord(old) ^ 1))
    return text[:index] + new + text[index + 1 :]


def _offline(bundle: Json, policy: Policy) -> str:
    try:
        raw = json.dumps(bundle).encode()
        return judge(raw, policy, at=None, max_age=None, now=datetime.now(UTC)).verdict.value
    except InputError:
        return "malformed"


def _online(serving: Serving, bundle: Json) -> str:
    answered = serving.http.post("/v1/verify", json=bundle)
    if answered.status_code == httpx.codes.OK:
        return str(answered.json()["verdict"])
    assert answered.is_client_error, answered.text
    return "malformed"


def _document_changes(bundle: Json) -> Iterator[tuple[Path, Json]]:
    for path, value in _leaves(bundle["document"], ("document",)):
        for changed in _changes(value):
            yield path, _with(bundle, path, changed)


def _changes(value: object) -> Iterator[object]:
    if isinstance(value, str):
        yield from (_flipped_text(value, index) for index in {0, len(value) // 2, len(value) - 1} if value)
        yield value + "x"
    elif isinstance(value, bool) or value is None:
        yield not value
    elif isinstance(value, int | float):
        yield value + 1


def test_no_verdict_is_valid_when_any_member_of_the_document_is_changed(
    serving: Serving, bundle: Json, policy: Policy
) -> None:
    changed = list(_document_changes(bundle))
    assert len(changed) > 100
    assert [path for path, one in changed if _offline(one, policy) == "valid"] == []
    some = Random(1).sample(changed, 60)
    assert [path for path, one in some if _online(serving, one) == "valid"] == []


def test_no_verdict_is_valid_when_a_member_of_the_document_is_missing_or_added(
    serving: Serving, bundle: Json, policy: Policy
) -> None:
    document = bundle["document"]
    changed = [{**bundle, "document": {key: document[key] for key in document if key != name}} for name in document]
    changed += [{**bundle, "document": {**document, "extra": "member"}}]
    assert {_offline(one, policy) for one in changed} <= {"invalid", "unknown", "malformed"}
    assert {_online(serving, one) for one in changed} <= {"invalid", "unknown", "malformed"}


def test_no_verdict_is_valid_when_any_character_of_the_signature_is_changed(
    serving: Serving, bundle: Json, policy: Policy
) -> None:
    path: Path = ("document", "proof", "proofValue")
    value = bundle["document"]["proof"]["proofValue"]
    changed = [_with(bundle, path, _flipped_text(value, index)) for index in range(len(value))]
    assert {_offline(one, policy) for one in changed} <= {"invalid", "unknown", "malformed"}
    assert {_online(serving, one) for one in changed[::8]} <= {"invalid", "unknown", "malformed"}


def test_no_verdict_is_valid_when_any_byte_of_the_salt_is_changed(
    serving: Serving, bundle: Json, policy: Policy
) -> None:
    changed = [{**bundle, "salt": _flipped_base64(bundle["salt"], 8 * byte + byte % 8)} for byte in range(32)]
    assert {_offline(one, policy) for one in changed} <= {"invalid", "unknown", "malformed"}
    assert {_online(serving, one) for one in changed[::8]} <= {"invalid", "unknown", "malformed"}


def test_no_verdict_is_valid_when_any_character_of_the_checkpoint_is_changed(
    serving: Serving, bundle: Json, policy: Policy
) -> None:
    note = bundle["evidence"]["checkpoint"]
    path: Path = ("evidence", "checkpoint")
    changed = [_with(bundle, path, _flipped_text(note, index)) for index in range(len(note))]
    assert [index for index, one in enumerate(changed) if _offline(one, policy) == "valid"] == []
    assert [one for one in changed[::10] if _online(serving, one) == "valid"] == []


def test_no_verdict_is_valid_when_a_signature_line_is_missing(serving: Serving, bundle: Json, policy: Policy) -> None:
    lines = bundle["evidence"]["checkpoint"].splitlines(keepends=True)
    signatures = [number for number, line in enumerate(lines) if line.startswith("\u2014")]
    assert len(signatures) == 3
    # The log's two keys speak for each other: a policy that names both takes either.
    log, successor, operator = signatures
    without = "".join(line for number, line in enumerate(lines) if number not in {log, successor})
    assert _offline(_with(bundle, ("evidence", "checkpoint"), without), policy) != "valid"
    signatures = [log, operator]
    for number in signatures:
        short = "".join(lines[:number] + lines[number + 1 :])
        changed = _with(bundle, ("evidence", "checkpoint"), short)
        assert _offline(changed, policy) != "valid"
        assert _online(serving, changed) != "valid"


def _proof_changes(bundle: Json) -> Iterator[tuple[Path, Json]]:
    """Flip bits in every entry, proof, chunk and record of the evidence; change every number."""
    random = Random(2)
    for path, value in _leaves(bundle["evidence"], ("evidence",)):
        names = {step for step in path if isinstance(step, str)}
        if isinstance(value, str) and names & BASE64_MEMBERS:
            bits = 8 * len(b64decode(value))
            for bit in random.sample(range(bits), min(BITS_EACH, bits)):
                yield (*path, f"bit {bit}"), _with(bundle, path, _flipped_base64(value, bit))
        elif isinstance(value, int):
            yield path, _with(bundle, path, value + 1)


def test_no_verdict_is_valid_when_any_part_of_the_evidence_is_changed(
    serving: Serving, bundle: Json, policy: Policy
) -> None:
    changed = list(_proof_changes(bundle))
    touched = {path[1] for path, _ in changed}
    assert touched >= {"entries", "state", "status", "directory"}
    assert [path for path, one in changed if _offline(one, policy) == "valid"] == []
    some = Random(3).sample(changed, min(60, len(changed)))
    assert [path for path, one in some if _online(serving, one) == "valid"] == []


def test_no_verdict_is_valid_when_a_proof_is_shorter_or_longer(serving: Serving, bundle: Json, policy: Policy) -> None:
    evidence = bundle["evidence"]
    holders: list[tuple[Path, list[str]]] = [
        (("evidence", "entries", 0, "proof"), evidence["entries"][0]["proof"]),
        (("evidence", "state", "proof"), evidence["state"]["proof"]),
        (("evidence", "status", "revocation", "proof"), evidence["status"]["revocation"]["proof"]),
        (("evidence", "directory", "proof"), evidence["directory"]["proof"]),
    ]
    edits: list[Callable[[list[str]], list[str]]] = [
        lambda proof: proof[:-1],
        lambda proof: [*proof, b64encode(b"\0" * 32).decode()],
    ]
    for path, proof in holders:
        for edit in edits:
            if edit(proof) != proof:
                changed = _with(bundle, path, edit(proof))
                assert _offline(changed, policy) != "valid", path
                assert _online(serving, changed) != "valid", path


def test_no_verdict_is_valid_when_evidence_of_another_award_is_put_in(
    serving: Serving, school: Caller, bundle: Json, policy: Policy
) -> None:
    other = json.loads(school.bundle(school.issue("Someone Else")["id"]))
    changed = {**bundle, "evidence": other["evidence"]}
    assert _offline(changed, policy) != "valid"
    assert _online(serving, changed) != "valid"
    swapped = {**bundle, "document": other["document"]}
    assert _offline(swapped, policy) != "valid"
    assert _online(serving, swapped) != "valid"


def test_file_is_unknown_when_it_brings_a_log_of_its_own(serving: Serving, bundle: Json) -> None:
    del serving
    assert _offline(bundle, Policy()) == "unknown"
