"""Golden vectors: what ledger and verifier derive independently of each other has to be the same.

`vectors.json` is append-only: a changed line would orphan every link and commitment ever made.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from ledger.commitment import commit
from ledger.credential_id import credential_aggregate_id
from ledger.credential_id import parse_public_id as parse_ledger_id
from ledger.error import InvalidInputError
from tests.verifier import small_log
from verifier.commitment import commitment, document_form
from verifier.credential_id import aggregate_id, format_public_id, parse_public_id
from verifier.error import FormatError

VECTORS: dict[str, list[Any]] = json.loads(Path(__file__).with_name("vectors.json").read_text("utf-8"))


@pytest.mark.parametrize("vector", VECTORS["public_ids"])
def test_identifiers_are_the_golden_ones_in_ledger_and_verifier(vector: dict[str, str]) -> None:
    public_id, due = vector["public_id"], UUID(vector["aggregate_id"])

    assert parse_public_id(public_id).hex() == vector["raw"]
    assert format_public_id(bytes.fromhex(vector["raw"])) == public_id
    assert aggregate_id(public_id) == due
    assert small_log.aggregate(public_id) == due
    assert credential_aggregate_id(public_id) == due
    assert (due.version, due.variant) == (8, "specified in RFC 4122")


@pytest.mark.parametrize("text", VECTORS["public_ids_refused"])
def test_identifiers_are_refused_by_both_when_not_canonical(text: str) -> None:
    with pytest.raises(FormatError):
        parse_public_id(text)
    with pytest.raises(InvalidInputError):
        parse_ledger_id(text)


@pytest.mark.parametrize("vector", VECTORS["commitments"])
def test_commitments_are_the_golden_ones_in_ledger_and_verifier(vector: dict[str, Any]) -> None:
    owner, form, salt = UUID(vector["owner"]), bytes.fromhex(vector["form"]), bytes.fromhex(vector["salt"])

    if "document" in vector:
        assert document_form(vector["document"]) == form
    assert commitment(owner, vector["kind"], form, salt) == vector["commitment"]
    assert commit(owner, vector["kind"], form, salt) == vector["commitment"]


def test_commitment_differs_when_any_part_of_it_does() -> None:
    owner, salt = UUID(int=1), bytes(32)
    parts = [
        (owner, "note", b"x", salt),
        (UUID(int=2), "note", b"x", salt),
        (owner, "noto", b"x", salt),
        (owner, "note", b"y", salt),
        (owner, "note", b"x", bytes(31) + b"\x01"),
    ]
    assert len({commitment(*part) for part in parts}) == len(parts)
