"""ML-DSA-44 cosignatures: the signed bytes, the key, and every byte that must not be altered."""

import struct
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from anchoring.checkpoint import Checkpoint
from anchoring.cosignature import CosignatureVerifier
from anchoring.error import MalformedError, SignatureError
from anchoring.note import Note, parse_note, parse_signature_line
from anchoring.subtree_cosignature import (
    BLOB_BYTES,
    SubtreeCosigner,
    SubtreeVerifier,
    signed_message,
)

NAME = "north.example/witness"
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
TEXT = Checkpoint("test.cairn.example/log", 70_000, bytes(range(32))).text()
COSIGNER = SubtreeCosigner(NAME, MLDSA44PrivateKey.from_seed_bytes(bytes([3] * 32)))
VERIFIER = SubtreeVerifier(COSIGNER.vkey)
LINE = COSIGNER.cosign(TEXT, AT)
SIGNATURE = parse_signature_line(LINE[:-1])


def test_signed_message_is_the_packed_structure_of_the_specification() -> None:
    # label, 21-byte name, time, 22-byte origin, start, end, root: written out from C2SP tlog-cosignature.
    assert signed_message(NAME, TEXT, 1_772_366_400) == bytes.fromhex(
        "737562747265652f76310a00"
        "156e6f7274682e6578616d706c652f7769746e657373"
        "0000000069a42a40"
        "16746573742e636169726e2e6578616d706c652f6c6f67"
        "0000000000000000"
        "0000000000011170"
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
    )


def test_cosignature_verifies_and_tells_its_time() -> None:
    assert len(SIGNATURE.blob) == BLOB_BYTES
    assert VERIFIER.verify(parse_note(f"{TEXT}\n{LINE}".encode())) == AT
    assert (SIGNATURE.name, SIGNATURE.key_id) == (VERIFIER.name, VERIFIER.key_id)


def test_cosignature_of_no_time_verifies_as_of_1970() -> None:
    line = COSIGNER.cosign(TEXT, None)
    assert VERIFIER.verify(parse_note(f"{TEXT}\n{line}".encode())).timestamp() == 0


def test_cosignature_is_refused_when_any_part_of_the_blob_differs() -> None:
    for at in (*range(9), 100, 1_000, BLOB_BYTES - 1):
        changed = bytearray(SIGNATURE.blob)
        changed[at] ^= 1
        with pytest.raises(SignatureError):
            VERIFIER.verify_signature(TEXT, bytes(changed))
    for wrong in (b"", SIGNATURE.blob[:-1], SIGNATURE.blob + b"\0", SIGNATURE.blob[:72]):
        with pytest.raises(SignatureError):
            VERIFIER.verify_signature(TEXT, wrong)


@pytest.mark.parametrize(
    "text",
    [
        TEXT.replace("70000", "70001"),
        TEXT.replace("test.", "best."),
        TEXT.replace("AAEC", "AAED"),
        TEXT + "extension\n",
        "no checkpoint\n",
    ],
)
def test_cosignature_is_refused_when_the_text_differs(text: str) -> None:
    with pytest.raises(SignatureError):
        VERIFIER.verify_signature(text, SIGNATURE.blob)


def test_cosignature_is_refused_under_another_name_of_the_same_key() -> None:
    renamed = SubtreeVerifier(
        SubtreeCosigner("south.example/witness", MLDSA44PrivateKey.from_seed_bytes(bytes([3] * 32))).vkey
    )
    with pytest.raises(SignatureError):
        renamed.verify_signature(TEXT, SIGNATURE.blob)


def test_verification_fails_when_the_key_did_not_sign() -> None:
    with pytest.raises(SignatureError):
        VERIFIER.verify(Note(TEXT, ()))


def test_time_after_the_year_9999_is_refused() -> None:
    seconds = 253_402_300_800
    blob = struct.pack(">Q", seconds) + COSIGNER._key.sign(signed_message(NAME, TEXT, seconds))
    with pytest.raises(SignatureError):
        VERIFIER.verify_signature(TEXT, blob)


@pytest.mark.parametrize("vkey", ["", COSIGNER.vkey[:-4], COSIGNER.vkey.replace("north", "south")])
def test_key_is_refused_when_it_is_not_canonical(vkey: str) -> None:
    with pytest.raises(MalformedError):
        SubtreeVerifier(vkey)


def test_key_of_one_kind_is_refused_by_the_other() -> None:
    with pytest.raises(MalformedError):
        CosignatureVerifier(COSIGNER.vkey)


def test_name_is_refused_when_it_is_too_long_to_be_signed() -> None:
    with pytest.raises(MalformedError):
        SubtreeCosigner("a" * 256, MLDSA44PrivateKey.from_seed_bytes(bytes(32)))
    with pytest.raises(MalformedError):
        signed_message(NAME, Checkpoint("o" * 256, 1, bytes(32)).text(), 0)


def test_time_is_refused_when_it_is_naive() -> None:
    with pytest.raises(ValueError, match="no time"):
        COSIGNER.cosign(TEXT, datetime(2026, 3, 1, 12))  # noqa: DTZ001  what is refused
