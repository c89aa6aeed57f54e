"""The quick proof and openvc's are the same bytes, whatever is signed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from openvc.keys import Ed25519SigningKey, P256SigningKey
from openvc.proof.di_jcs import EddsaJcsProofSuite

from ledger.integrity_proof import add_proof
from tests.ledger.test_canonical import JSON, TEXT

KEY = Ed25519SigningKey(Ed25519PrivateKey.from_private_bytes(b"\x07" * 32), "did:web:example.edu#key-1")
CREATED = datetime(2026, 11, 24, 9, 30, 0, 999_000, tzinfo=UTC)
CONTEXT = {"@context": ["https://www.w3.org/ns/credentials/v2", {"é": "urn:x"}]}


def openvc_proof(document: dict[str, Any], created: datetime) -> dict[str, Any]:
    made: dict[str, Any] = EddsaJcsProofSuite().add_proof(
        document, signing_key=KEY, verification_method=KEY.kid, created=created
    )
    # The letter of the suite: the proof repeats the context that it hashes. openvc hashes it and leaves it out.
    made["proof"]["@context"] = document["@context"]
    return made


@given(st.dictionaries(TEXT.filter(lambda name: name not in {"@context", "proof"}), JSON))
def test_add_proof_equals_openvc_when_anything_is_signed(members: dict[str, Any]) -> None:
    document = {**CONTEXT, **members}
    assert add_proof(document, KEY, CREATED) == openvc_proof(document, CREATED)


@pytest.mark.parametrize(
    "created",
    [
        CREATED,
        datetime(2026, 3, 29, 2, 30, tzinfo=timezone(timedelta(hours=2))),
        datetime(999, 12, 31, 23, 59, 59, tzinfo=UTC),
    ],
)
def test_add_proof_writes_whole_seconds_in_utc_when_an_instant_is_finer_or_elsewhere(created: datetime) -> None:
    assert add_proof(CONTEXT, KEY, created) == openvc_proof(CONTEXT, created)


def test_add_proof_changes_nothing_when_it_signs() -> None:
    document = {**CONTEXT, "name": "x"}
    add_proof(document, KEY, CREATED)
    assert document == {**CONTEXT, "name": "x"}


@pytest.mark.parametrize("document", [{}, {**CONTEXT, "proof": {}}])
def test_add_proof_refuses_a_document_without_context_or_with_a_proof(document: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="@context"):
        add_proof(document, KEY, CREATED)


def test_add_proof_refuses_a_key_when_it_is_not_ed25519() -> None:
    with pytest.raises(ValueError, match="EdDSA"):
        add_proof(CONTEXT, P256SigningKey(generate_private_key(SECP256R1()), "did:web:example.edu#key-1"), CREATED)
