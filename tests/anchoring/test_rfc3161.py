"""Time-stamp tokens from real local authorities, and what is not accepted as one."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from anchoring.error import AnchorError, MalformedError, SignatureError
from anchoring.rfc3161 import MAX_TOKEN_BYTES, Rfc3161Anchor, Transport, verify_rfc3161
from tests.anchoring.tsa import (
    Authority,
    certomancer_responder,
    make_authority,
    openssl_responder,
    served,
)

NOTE = b"test.cairn.example/log\n1\nroot\n\n\xe2\x80\x94 signature\n"
NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return make_authority("Test TSA", NOW)


def anchor_at(authority: Authority, transport: Transport) -> Rfc3161Anchor:
    return Rfc3161Anchor("tsa", transport, authority.certificate, roots=[authority.root])


def verified(authority: Authority, token: bytes, message: bytes = NOTE) -> datetime:
    return verify_rfc3161(token, message, authority.certificate, roots=[authority.root])


def test_stamp_gives_a_verified_token_when_openssl_serves_it(authority: Authority, tmp_path: Path) -> None:
    with served(openssl_responder(authority, tmp_path)) as transport:
        proof = anchor_at(authority, transport).stamp(NOTE)
    assert (proof.kind, proof.name) == ("rfc3161", "tsa")
    assert abs(proof.at - datetime.now(UTC)) < timedelta(minutes=1)
    assert verified(authority, proof.token) == proof.at


def test_stamp_verifies_up_to_the_root_when_one_is_given(authority: Authority, tmp_path: Path) -> None:
    respond = openssl_responder(authority, tmp_path)
    anchor = anchor_at(authority, respond)
    proof = anchor.stamp(NOTE)
    other = make_authority("Test TSA", NOW)
    with pytest.raises(SignatureError):
        verify_rfc3161(proof.token, NOTE, authority.certificate, roots=[other.root])


def test_stamp_gives_the_authority_s_time_when_certomancer_serves_it(authority: Authority) -> None:
    at = (NOW + timedelta(days=30)).replace(microsecond=0)
    with served(certomancer_responder(authority, at)) as transport:
        proof = anchor_at(authority, transport).stamp(NOTE)
    assert proof.at == at


def test_verify_refuses_when_no_root_is_given_for_an_issued_certificate(
    authority: Authority,
) -> None:
    proof = anchor_at(authority, certomancer_responder(authority)).stamp(NOTE)
    with pytest.raises(SignatureError):
        verify_rfc3161(proof.token, NOTE, authority.certificate)


def test_verify_refuses_when_the_message_is_another(authority: Authority) -> None:
    proof = anchor_at(authority, certomancer_responder(authority)).stamp(NOTE)
    for other in (NOTE + b" ", NOTE[:-1], b""):
        with pytest.raises(SignatureError):
            verified(authority, proof.token, other)


def test_verify_refuses_when_another_authority_signed(authority: Authority) -> None:
    other = make_authority("Test TSA", NOW)
    proof = anchor_at(other, certomancer_responder(other)).stamp(NOTE)
    with pytest.raises(SignatureError):
        verified(authority, proof.token)
    mixed = [authority.root, other.root]
    with pytest.raises(SignatureError):
        verify_rfc3161(proof.token, NOTE, authority.certificate, roots=mixed)


@pytest.mark.parametrize("days", [-2, 400])
def test_verify_refuses_when_the_certificate_was_not_valid_then(authority: Authority, days: int) -> None:
    respond = certomancer_responder(authority, NOW + timedelta(days=days))
    with pytest.raises(AnchorError):
        anchor_at(authority, respond).stamp(NOTE)


def test_verify_never_gives_another_time_when_any_byte_changes(authority: Authority, tmp_path: Path) -> None:
    proof = anchor_at(authority, openssl_responder(authority, tmp_path)).stamp(NOTE)
    refused = 0
    for at in range(len(proof.token)):
        changed = proof.token[:at] + bytes([proof.token[at] ^ 1]) + proof.token[at + 1 :]
        try:
            assert verified(authority, changed) == proof.at
        except SignatureError:
            refused += 1
    # What is left are bytes that nobody signs: algorithm parameters outside the signed attributes.
    assert refused > 0.9 * len(proof.token)


@pytest.mark.parametrize("token", [b"", b"\x30\x00", b"<html>", b"\x30\x03\x02\x01\x02"])
def test_verify_refuses_when_the_token_is_none(authority: Authority, token: bytes) -> None:
    with pytest.raises(SignatureError):
        verified(authority, token)


def test_verify_refuses_when_the_token_is_too_long(authority: Authority) -> None:
    with pytest.raises(SignatureError, match="bytes"):
        verified(authority, bytes(MAX_TOKEN_BYTES + 1))


def test_verify_refuses_when_the_certificate_is_not_for_time_stamping(
    authority: Authority,
) -> None:
    proof = anchor_at(authority, certomancer_responder(authority)).stamp(NOTE)
    with pytest.raises(SignatureError):
        verify_rfc3161(proof.token, NOTE, authority.root, roots=[authority.root])


def test_stamp_refuses_when_the_answer_is_to_an_older_request(authority: Authority) -> None:
    kept: list[bytes] = []
    respond = certomancer_responder(authority)

    def replay(request: bytes) -> bytes:
        kept.append(respond(request))
        return kept[0]

    anchor = anchor_at(authority, replay)
    anchor.stamp(NOTE)
    with pytest.raises(AnchorError, match="no usable token"):
        anchor.stamp(NOTE)


def failing(error: Exception) -> Callable[[bytes], bytes]:
    def transport(request: bytes) -> bytes:
        del request
        raise error

    return transport


@pytest.mark.parametrize("error", [OSError("down"), TimeoutError(), RuntimeError("odd")])
def test_stamp_fails_softly_when_the_transport_fails(authority: Authority, error: Exception) -> None:
    anchor = Rfc3161Anchor("tsa", failing(error), authority.certificate)
    with pytest.raises(AnchorError, match="cannot be reached") as raised:
        anchor.stamp(NOTE)
    assert raised.value.__cause__ is error


def test_stamp_fails_softly_when_the_authority_rejects(authority: Authority, tmp_path: Path) -> None:
    respond = openssl_responder(authority, tmp_path)

    def garbled(request: bytes) -> bytes:
        return respond(request[:20])

    with pytest.raises(AnchorError):
        anchor_at(authority, garbled).stamp(NOTE)


@pytest.mark.parametrize("name", ["", "x" * 129, "a\nb"])
def test_anchor_refuses_a_name_when_it_cannot_be_recorded(authority: Authority, name: str) -> None:
    with pytest.raises(MalformedError):
        Rfc3161Anchor(name, failing(OSError()), authority.certificate)


def test_verify_accepts_the_certificate_when_it_went_through_der(authority: Authority) -> None:
    proof = anchor_at(authority, certomancer_responder(authority)).stamp(NOTE)
    read_back = x509.load_der_x509_certificate(authority.certificate.public_bytes(Encoding.DER))
    assert verified(authority._replace(certificate=read_back), proof.token) == proof.at
