"""Public ids, aggregate ids and commitments: golden vectors, derived here a second time from the specification."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.commitment import commit
from ledger.credential_id import credential_aggregate_id, make_credential_id, make_public_id, parse_public_id
from ledger.document import document_form
from ledger.error import InvalidInputError

VECTORS: dict[str, Any] = json.loads((Path(__file__).parent / "identity_vectors.json").read_text("utf-8"))
DIGITS = "0123456789abcdefghijklmnopqrstuv"
INSTANTS = st.datetimes(datetime(1970, 1, 2), datetime(9999, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  bounds are naive, values are not


def spell(raw: bytes) -> str:
    """Base32hex by arithmetic: 176 bits and four zero bits in 36 digits."""
    number = int.from_bytes(raw, "big") << 4
    return "".join(DIGITS[number >> shift & 31] for shift in range(175, -1, -5))


def derive_aggregate_id(raw: bytes) -> UUID:
    digest = hashlib.sha256(b"cairn/credential-id/v1\n" + raw).digest()
    number = int.from_bytes(raw[:6] + digest[:10], "big")
    number = number & ~(0xF << 76) | 0x8 << 76
    return UUID(int=number & ~(0x3 << 62) | 0x2 << 62)


def derive_commitment(owner: UUID, kind: str, form: bytes, salt: bytes) -> str:
    parts = (
        b"cairn/commitment/v1\n",
        owner.bytes,
        bytes((len(kind),)),
        kind.encode(),
        hashlib.sha256(form).digest(),
        salt,
    )
    return hashlib.sha256(b"".join(parts)).hexdigest()


@pytest.mark.parametrize("vector", VECTORS["ids"], ids=lambda vector: vector["name"])
def test_identity_of_a_credential_is_the_golden_one(vector: dict[str, str]) -> None:
    issued_at, randomness = datetime.fromisoformat(vector["issued_at"]), bytes.fromhex(vector["random"])
    assert make_public_id(issued_at, randomness) == vector["public_id"]
    assert parse_public_id(vector["public_id"]).hex() == vector["raw"]
    assert str(credential_aggregate_id(vector["public_id"])) == vector["aggregate_id"]


@pytest.mark.parametrize("vector", VECTORS["commitments"], ids=lambda vector: vector["name"])
def test_commitment_is_the_golden_one(vector: dict[str, str]) -> None:
    made = commit(
        UUID(vector["aggregate_id"]), vector["kind"], bytes.fromhex(vector["form"]), bytes.fromhex(vector["salt"])
    )
    assert made == vector["commitment"]


@given(INSTANTS, st.binary(min_size=16, max_size=16))
def test_identity_follows_the_specification_when_anything_is_drawn(issued_at: datetime, randomness: bytes) -> None:
    public_id = make_public_id(issued_at, randomness)
    milliseconds = (issued_at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    raw = milliseconds.to_bytes(6, "big") + randomness
    assert public_id == spell(raw)
    assert parse_public_id(public_id) == raw
    assert credential_aggregate_id(public_id) == derive_aggregate_id(raw)
    assert make_credential_id(issued_at, randomness) == (public_id, derive_aggregate_id(raw))


@given(
    st.uuids(),
    st.sampled_from(["vc+jcs", "note", "successor", "k" * 255]),
    st.binary(),
    st.binary(min_size=32, max_size=32),
)
def test_commitment_follows_the_specification_when_anything_is_drawn(
    owner: UUID, kind: str, form: bytes, salt: bytes
) -> None:
    assert commit(owner, kind, form, salt) == derive_commitment(owner, kind, form, salt)


def test_commitment_differs_when_any_part_does() -> None:
    owner, salt = UUID(int=1), bytes(32)
    made = [
        commit(owner, "note", b"form", salt),
        commit(UUID(int=2), "note", b"form", salt),
        commit(owner, "notf", b"form", salt),
        commit(owner, "note", b"forn", salt),
        commit(owner, "note", b"form", bytes(31) + b"\x01"),
        # The length of the kind keeps its end apart from what follows.
        commit(owner, "not", b"form", salt),
    ]
    assert len(set(made)) == len(made)


@pytest.mark.parametrize("salt", [b"", bytes(31), bytes(33)])
def test_commitment_is_refused_when_the_salt_is_not_32_bytes(salt: bytes) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        commit(UUID(int=1), "note", b"", salt)


@pytest.mark.parametrize("size", [0, 15, 17])
def test_public_id_is_refused_when_the_randomness_is_not_16_bytes(size: int) -> None:
    with pytest.raises(ValueError, match="16 random bytes"):
        make_public_id(datetime(2026, 1, 1, tzinfo=UTC), bytes(size))


def test_public_ids_sort_by_instant_of_issue() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    ids = [make_public_id(start + timedelta(milliseconds=n), bytes([255 - n]) * 16) for n in range(100)]
    assert ids == sorted(ids)


GOOD: str = VECTORS["ids"][0]["public_id"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        GOOD[:-1],
        GOOD + "0",
        GOOD.upper(),
        GOOD + "\n",
        " " + GOOD[1:],
        GOOD[:-1] + "w",
        GOOD[:-1] + "é",
        GOOD[:35] + "=",
        *(GOOD[:-1] + digit for digit in DIGITS[:32] if digit not in "0g"),
    ],
)
def test_public_id_is_refused_when_not_spelled_in_the_one_way(text: str) -> None:
    with pytest.raises(InvalidInputError, match="check that the whole id was copied") as caught:
        parse_public_id(text)
    assert caught.value.pointer == "/id"


SHARED: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "verifier" / "vectors.json").read_text("utf-8"),
)
"""The verifier's own vectors: the two packages share no code, so they share what must come out."""


@pytest.mark.parametrize("vector", SHARED["public_ids"], ids=lambda vector: vector["public_id"])
def test_identity_is_what_the_verifier_derives(vector: dict[str, str]) -> None:
    assert parse_public_id(vector["public_id"]).hex() == vector["raw"]
    assert str(credential_aggregate_id(vector["public_id"])) == vector["aggregate_id"]


@pytest.mark.parametrize("text", SHARED["public_ids_refused"])
def test_public_id_is_refused_where_the_verifier_refuses_it(text: str) -> None:
    with pytest.raises(InvalidInputError):
        parse_public_id(text)


@pytest.mark.parametrize("vector", SHARED["commitments"], ids=lambda vector: vector["kind"])
def test_commitment_is_what_the_verifier_computes(vector: dict[str, Any]) -> None:
    form, salt = bytes.fromhex(vector["form"]), bytes.fromhex(vector["salt"])
    assert commit(UUID(vector["owner"]), vector["kind"], form, salt) == vector["commitment"]
    if "document" in vector:
        assert document_form(vector["document"]) == form
