"""Whose key is it: domains, documents, key sets, and those who try to be somebody else."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
import rfc8785
from openvc.multibase import b58btc_encode, encode_multibase

from tests.verifier.foreign.maker import (
    NOW,
    Issuer,
    b64url,
    badge,
    badge_claims,
    did_document,
    did_jwk,
    did_key,
    did_web,
    encode,
    instant,
    judge,
    judged,
    sign,
    token,
)
from verifier.foreign.source import Missing
from verifier.report import State, Verdict

WEB = did_web()
SIGNED = sign(badge(WEB), WEB)


def test_domain_is_believed_about_its_own_keys() -> None:
    report = judge(SIGNED, {WEB.did: encode(did_document(WEB))})
    assert report.verdict is Verdict.VALID
    known = report.check("issuer.known")
    assert (known.state, known.reason) == (State.SKIPPED, "identity_domain")
    assert "school.example" in known.summary.en


def test_credential_is_unknown_when_the_domain_is_not_asked() -> None:
    report, wanted = judged(SIGNED)
    assert (report.verdict, wanted) == (Verdict.UNKNOWN, [WEB.did])
    assert judge(SIGNED, {WEB.did: Missing("off")}).reason == "issuer_key_off"
    assert judge(SIGNED, {WEB.did: Missing("unreachable")}).reason == "issuer_key_unreachable"


THIEF = did_web("evil.example", name="mallory")


@pytest.mark.parametrize(
    "document",
    [
        did_document(THIEF),
        did_document(WEB, id=THIEF.did),
        did_document(WEB, assertionMethod=[]),
        {name: value for name, value in did_document(WEB).items() if name != "assertionMethod"},
        did_document(WEB, assertionMethod=[THIEF.method]),
        did_document(WEB, assertionMethod=["key-1"]),
        did_document(WEB, verificationMethod=[]),
        did_document(WEB, verificationMethod=did_document(WEB)["verificationMethod"] * 2),
        did_document(WEB, verificationMethod=[did_document(WEB)["verificationMethod"][0] | {"controller": THIEF.did}]),
        did_document(
            WEB, verificationMethod=[did_document(WEB)["verificationMethod"][0] | {"revoked": "2025-01-01T00:00:00Z"}]
        ),
        did_document(
            WEB,
            verificationMethod=[
                did_document(WEB)["verificationMethod"][0] | {"expires": instant(NOW - timedelta(hours=1))}
            ],
        ),
        did_document(
            WEB,
            verificationMethod=[
                did_document(WEB)["verificationMethod"][0] | {"publicKeyJwk": {**WEB.jwk, "d": "AAAA"}}
            ],
        ),
        {"didDocument": {**did_document(WEB), "id": "did:web:other.example"}},
    ],
)
def test_credential_is_invalid_when_the_domain_does_not_own_the_key(document: dict[str, Any]) -> None:
    report = judge(SIGNED, {WEB.did: encode(document)})
    assert (report.verdict, report.reason) == (Verdict.INVALID, "issuer_key_other")


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"\xff", b'{"id":1,"id":2}', b'{"a":' * 50 + b"1" + b"}" * 50])
def test_credential_is_invalid_when_the_domains_document_cannot_be_read(data: bytes) -> None:
    assert judge(SIGNED, {WEB.did: data}).verdict is Verdict.INVALID


def test_credential_is_invalid_when_a_proof_names_a_key_under_another() -> None:
    bent = deepcopy(SIGNED)
    bent["proof"]["verificationMethod"] = THIEF.method
    known = {WEB.did: encode(did_document(WEB)), THIEF.did: encode(did_document(THIEF))}
    assert judge(bent, known).reason == "issuer_key_other"
    by_thief = sign(badge(WEB), THIEF)
    assert judge(by_thief, known).reason == "issuer_key_other"


@pytest.mark.parametrize("did", ["did:unknown:x", "did:key:", "did:key:z", "did:jwk:AAAA", "did:web:", "did:webvh:x"])
def test_credential_is_never_valid_when_its_issuer_is_of_no_known_kind(did: str) -> None:
    issuer = Issuer(did, f"{did}#key-1", WEB.key)
    assert judge(sign(badge(issuer), issuer)).verdict is not Verdict.VALID


def test_did_jwk_is_invalid_when_it_holds_a_private_key() -> None:
    issuer = did_jwk("ES256")
    private = {**issuer.jwk, "d": "AAAA"}
    did = f"did:jwk:{b64url(json.dumps(private).encode())}"
    bad = Issuer(did, f"{did}#0", issuer.key)
    assert judge(token(badge_claims(badge(bad)), bad)).reason == "issuer_key_other"


# ── https issuers ──

HOME = "https://school.example/issuer"
META = "https://school.example/.well-known/jwt-vc-issuer/issuer"


def https_issuer(kid: str = "k1", name: str = "web") -> Issuer:
    return Issuer(HOME, kid, did_key("ES256", name).key)


def key_set(issuer: Issuer, kid: str = "k1") -> dict[str, Any]:
    return {"keys": [{**issuer.jwk, "kid": kid}]}


def made(issuer: Issuer, **header: Any) -> str:  # noqa: ANN401  (any JSON)
    return token(badge_claims(badge(issuer)), issuer, **header)


def test_address_is_believed_about_its_own_key_set() -> None:
    issuer = https_issuer()
    known = {META: encode({"issuer": HOME, "jwks": key_set(issuer)})}
    assert judge(made(issuer), known).verdict is Verdict.VALID
    elsewhere = "https://keys.example/jwks"
    known = {META: encode({"issuer": HOME, "jwks_uri": elsewhere}), elsewhere: encode(key_set(issuer))}
    assert judge(made(issuer), known).verdict is Verdict.VALID
    assert judged(made(issuer))[1] == [META]


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example", "jwks": key_set(https_issuer())},
        {"issuer": HOME, "jwks": key_set(https_issuer(name="mallory"), "k2")},
        {"issuer": HOME, "jwks": {"keys": []}},
        {"issuer": HOME, "jwks": {"keys": [{**https_issuer().jwk, "kid": "k1", "d": "AAAA"}]}},
        {"issuer": HOME},
    ],
)
def test_token_is_invalid_when_the_address_does_not_own_the_key(metadata: dict[str, Any]) -> None:
    assert judge(made(https_issuer()), {META: encode(metadata)}).reason == "issuer_key_other"


def test_key_is_the_issuers_when_it_is_under_its_address() -> None:
    for kid in (f"{HOME}/keys/1", f"{HOME}/jwks#k1", "https://school.example/.well-known/jwks.json#k1"):
        issuer = https_issuer(kid)
        address = kid.partition("#")[0]
        served = encode(key_set(issuer, "k1")) if "#" in kid else encode(issuer.jwk)
        assert judge(made(issuer), {address: served}).verdict is Verdict.VALID, kid


@pytest.mark.parametrize(
    "kid",
    [
        "https://evil.example/keys/1",
        "https://school.example/other/keys/1",
        "https://school.example/issuer2/keys/1",
        "https://school.example/issuer/../other/keys/1",
        "https://school.example@evil.example/issuer/keys/1",
        "https://school.example/issuer/keys/1?x=1",
    ],
)
def test_token_is_invalid_when_its_key_is_under_anothers_address(kid: str) -> None:
    issuer = https_issuer(kid)
    report, wanted = judged(made(issuer), {kid: encode(issuer.jwk)})
    assert (report.verdict, wanted) == (Verdict.INVALID, [])


@pytest.mark.parametrize(
    "issuer_id", ["http://school.example/issuer", "https://user@school.example", "ftp://x", "urn:x:y"]
)
def test_token_is_invalid_when_its_issuer_is_no_https_address(issuer_id: str) -> None:
    issuer = Issuer(issuer_id, "k1", did_key("ES256").key)
    report, wanted = judged(made(issuer))
    assert (report.verdict, wanted) == (Verdict.INVALID, [])


# ── did:webvh ──


def webvh(name: str = "vh") -> tuple[Issuer, str]:
    """A did:webvh of one entry, and its log."""
    update = did_key("EdDSA", f"{name}-update")
    multikey = update.did.removeprefix("did:key:")
    key = did_key("EdDSA", name).key
    place = "{SCID}"

    def entry(scid: str, version: str) -> dict[str, Any]:
        did = f"did:webvh:{scid}:school.example"
        issuer = Issuer(did, f"{did}#key-1", key)
        return {
            "versionId": version,
            "versionTime": "2025-01-01T00:00:00Z",
            "parameters": {"method": "did:webvh:1.0", "scid": scid, "updateKeys": [multikey]},
            "state": did_document(issuer),
        }

    def digest(value: dict[str, Any]) -> str:
        return b58btc_encode(b"\x12\x20" + sha256(rfc8785.dumps(value)).digest())

    scid = digest(entry(place, place))
    first = entry(scid, scid)
    first["versionId"] = f"1-{digest(first)}"
    method = f"did:key:{multikey}#{multikey}"
    proof = {
        "type": "DataIntegrityProof",
        "cryptosuite": "eddsa-jcs-2022",
        "verificationMethod": method,
        "created": "2025-01-01T00:00:00Z",
        "proofPurpose": "assertionMethod",
    }
    hashes = sha256(rfc8785.dumps(proof)).digest() + sha256(rfc8785.dumps(first)).digest()
    proof["proofValue"] = encode_multibase(update.key.sign(hashes))
    did = f"did:webvh:{scid}:school.example"
    return Issuer(did, f"{did}#key-1", key), json.dumps({**first, "proof": [proof]})


def test_did_webvh_is_believed_when_its_history_verifies() -> None:
    issuer, log = webvh()
    url = "https://school.example/.well-known/did.jsonl"
    signed = sign(badge(issuer), issuer)
    assert judged(signed)[1] == [url]
    report = judge(signed, {url: log.encode()})
    assert report.verdict is Verdict.VALID
    assert "school.example" in report.check("issuer.known").summary.en
    for bent in (log.replace("2025-01-01", "2025-01-02"), log.replace("key-1", "key-2"), "", "{}", log + "\n" + log):
        assert judge(signed, {url: bent.encode()}).verdict is not Verdict.VALID
