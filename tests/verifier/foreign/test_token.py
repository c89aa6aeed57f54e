"""VC-JWT: good ones of every algorithm and both data models, and every way of bending one."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import pytest
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from tests.verifier.foreign.maker import (
    ISSUED,
    NOW,
    UNTIL,
    Issuer,
    b64url,
    badge,
    badge_claims,
    did_document,
    did_jwk,
    did_key,
    did_web,
    encode,
    judge,
    judged,
    old_credential,
    old_token,
    report_or_none,
    rsa_key,
    token,
)
from verifier.error import InputError
from verifier.report import Report, State, Verdict


def refused(report: Report, code: str, reason: str) -> None:
    assert report.verdict is Verdict.INVALID
    assert (report.check(code).state, report.check(code).reason) == (State.FAILED, reason)


@pytest.mark.parametrize(
    "alg, key",
    [
        ("ES256K", ECKey.generate_key("secp256k1")),
        ("ES512", ECKey.generate_key("P-521")),
        *((f"{scheme}{bits}", RSAKey.generate_key(2048)) for scheme in ("RS", "PS") for bits in (256, 384, 512)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_token_is_valid_when_joserfc_signed_it_with_a_further_algorithm(alg: str, key: ECKey | RSAKey) -> None:
    public = {name: value for name, value in key.as_dict(private=False).items() if name != "kid"}
    did = f"did:jwk:{b64url(json.dumps(public).encode())}"
    claims = badge_claims(badge(Issuer(did, f"{did}#0", None)))
    header = {"alg": alg, "kid": f"{did}#0", "typ": "vc+jwt"}
    registry = JWSRegistry(algorithms=[alg])
    made = joserfc_jwt.encode(header, claims, key, registry=registry)
    assert judge(made).verdict is Verdict.VALID
    head, body, signature = made.split(".")
    other = "ES384" if alg.startswith("ES") else {"RS": "PS", "PS": "RS"}[alg[:2]] + alg[2:]
    for forged in (
        f"{head}.{body}.{'A' * len(signature)}",
        f"{b64url(encode({**header, 'alg': other}))}.{body}.{signature}",
    ):
        refused(judge(forged), "genuine.signature", "proof_wrong")


@pytest.mark.parametrize("kind", ["EdDSA", "ES256", "ES384", "RS256"])
def test_token_is_valid_when_issuer_signed_it(kind: str) -> None:
    issuer = did_jwk(kind)
    assert judge(token(badge_claims(badge(issuer)), issuer)).verdict is Verdict.VALID
    assert judge(old_token(old_credential(issuer), issuer)).verdict is Verdict.VALID


@pytest.mark.parametrize("kind", ["Ed25519", "ES256", "RS256"])
def test_token_is_valid_when_another_library_made_it(kind: str) -> None:
    kinds: dict[str, Any] = {"Ed25519": (OKPKey, "Ed25519"), "ES256": (ECKey, "P-256"), "RS256": (RSAKey, 2048)}
    maker, parameter = kinds[kind]
    key = maker.generate_key(parameter)
    public = {name: value for name, value in key.as_dict(private=False).items() if name != "kid"}
    did = f"did:jwk:{b64url(json.dumps(public).encode())}"
    issuer = Issuer(did, f"{did}#0", None)
    header = {"alg": kind, "kid": issuer.method, "typ": "vc+jwt"}
    made = joserfc_jwt.encode(header, badge_claims(badge(issuer)), key, algorithms=[kind])
    assert judge(made).verdict is Verdict.VALID
    spoiled = made[:-6] + ("AAAAAA" if made[-6:] != "AAAAAA" else "BBBBBB")
    with_other = report_or_none(judge, spoiled)
    assert with_other is None or with_other.verdict is Verdict.INVALID


@pytest.mark.parametrize("kind", ["EdDSA", "ES256"])
def test_token_is_never_valid_when_any_character_is_changed(kind: str) -> None:
    issuer = did_jwk(kind)
    made = token(badge_claims(badge(issuer)), issuer)
    for place in range(len(made)):
        swapped = "A" if made[place] != "A" else "B"
        report = report_or_none(judge, made[:place] + swapped + made[place + 1 :])
        assert report is None or report.verdict is Verdict.INVALID, place


def test_token_is_never_valid_when_it_is_cut() -> None:
    issuer = did_key()
    made = token(badge_claims(badge(issuer)), issuer)
    for place in range(0, len(made), 7):
        report = report_or_none(judge, made[:place])
        assert report is None or report.verdict is Verdict.INVALID, place


@pytest.mark.parametrize("alg", ["none", "None", "HS256", "HS384", "HS512", "ES257", "RS1", "PS1", "", 5, None])
def test_token_is_refused_when_its_algorithm_is_another(alg: object) -> None:
    issuer = did_key()
    head = b64url(encode({"alg": alg, "typ": "vc+jwt", "kid": issuer.method}))
    body = b64url(encode(badge_claims(badge(issuer))))
    for signature in ("AAAA", b64url(issuer.key.sign(f"{head}.{body}".encode()))):
        with pytest.raises(InputError):
            judge(f"{head}.{body}.{signature}")


def test_token_is_refused_when_it_is_signed_with_the_public_key_as_a_secret() -> None:
    issuer = did_jwk("RS256")
    head = b64url(encode({"alg": "HS256", "typ": "vc+jwt", "kid": issuer.method}))
    signed = f"{head}.{b64url(encode(badge_claims(badge(issuer))))}"
    for secret in (encode(issuer.jwk), issuer.jwk["n"].encode()):
        with pytest.raises(InputError, match="HS256"):
            judge(f"{signed}.{b64url(hmac.digest(secret, signed.encode(), hashlib.sha256))}")


@pytest.mark.parametrize("told", ["ES256", "RS256", "ES384"])
def test_token_is_invalid_when_it_names_the_algorithm_of_another_kind_of_key(told: str) -> None:
    issuer = did_key("EdDSA")
    refused(judge(token(badge_claims(badge(issuer)), issuer, alg=told)), "genuine.signature", "proof_wrong")


def test_token_is_invalid_when_another_key_signed_it() -> None:
    issuer, thief = did_key("EdDSA", "alice"), did_key("EdDSA", "mallory")
    claims = badge_claims(badge(issuer))
    refused(judge(token(claims, thief)), "issuer.key", "issuer_key_other")
    refused(judge(token(claims, thief, kid=issuer.method)), "genuine.signature", "proof_wrong")
    refused(judge(token(claims, thief, kid=None)), "genuine.signature", "proof_wrong")


def test_token_is_invalid_when_the_key_in_its_header_is_not_the_issuers() -> None:
    issuer, thief = did_key("EdDSA", "alice"), did_key("EdDSA", "mallory")
    claims = badge_claims(badge(issuer))
    for kid in (None, issuer.method, thief.method):
        report = judge(token(claims, thief, kid=kid, jwk=thief.jwk))
        refused(report, "issuer.key", "issuer_key_other")
    assert judge(token(claims, issuer, kid=None, jwk=issuer.jwk)).verdict is Verdict.VALID


def web_token(**header: Any) -> tuple[str, dict[str, bytes]]:  # noqa: ANN401  (any JSON)
    """A token of a did:web, and the network in which its document is."""
    issuer = did_web()
    return token(badge_claims(badge(issuer)), issuer, **header), {issuer.did: encode(did_document(issuer))}


def test_kid_that_is_the_address_of_a_key_selects_among_the_issuers_keys() -> None:
    issuer, thief = did_web(), did_key(name="mallory")
    address = "https://school.example/keys/1"
    made, known = web_token(kid=address)
    # With one key of its kind there is nothing to choose.
    assert judge(made, known).verdict is Verdict.VALID
    both = did_document(issuer)
    other = {**both["verificationMethod"][0], "id": f"{issuer.did}#2", "publicKeyJwk": did_key(name="second").jwk}
    both = {**both, "verificationMethod": [*both["verificationMethod"], other]}
    both["assertionMethod"] = [issuer.method, other["id"]]
    known = {issuer.did: encode(both)}
    assert judge(made, {**known, address: encode(issuer.jwk)}).verdict is Verdict.VALID
    assert judge(made, {**known, address: encode({"keys": [{**issuer.jwk, "kid": address}]})}).verdict is Verdict.VALID
    for other in (thief.jwk, {"kty": "EC"}, {**issuer.jwk, "d": "AAAA"}, {"keys": []}):
        refused(judge(made, {**known, address: encode(other)}), "issuer.key", "issuer_key_other")
    assert judge(made, known).reason == "issuer_key_unreachable"
    # With the key in the header nobody has to be asked for it.
    assert judge(web_token(kid=address, jwk=issuer.jwk)[0], known).verdict is Verdict.VALID
    refused(judge(web_token(kid=address, jwk=thief.jwk)[0], known), "issuer.key", "issuer_key_other")


@pytest.mark.parametrize(
    "address",
    ["https://evil.example/keys/1", "https://school.example:444/keys/1", "https://school.example@evil.example/keys/1"],
)
def test_kid_on_another_host_is_not_asked_for(address: str) -> None:
    made, _ = web_token(kid=address)
    issuer, second = did_web(), did_key(name="second")
    document = did_document(issuer)
    method = {**document["verificationMethod"][0], "id": f"{issuer.did}#2", "publicKeyJwk": second.jwk}
    document["verificationMethod"].append(method)
    document["assertionMethod"].append(method["id"])
    report, asked = judged(made, {issuer.did: encode(document)})
    refused(report, "issuer.key", "issuer_key_other")
    assert asked == []


def test_token_is_invalid_when_the_key_in_its_header_is_private() -> None:
    issuer = did_key()
    report = judge(token(badge_claims(badge(issuer)), issuer, jwk={**issuer.jwk, "d": "AAAA"}))
    refused(report, "issuer.key", "issuer_key_other")


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "did:example:other"},
        {"jti": "urn:uuid:00000000-0000-4000-8000-000000000000"},
        {"sub": "did:example:other"},
        {"nbf": int(ISSUED.timestamp()) + 1},
        {"exp": int(UNTIL.timestamp()) - 1},
        {"iss": None},
        {"jti": None},
        {"sub": None},
        {"nbf": None},
        {"exp": None},
        {"nbf": "soon"},
        {"exp": True},
        {"exp": 1e300},
    ],
)
def test_token_is_invalid_when_claims_differ_from_the_badge(changes: dict[str, Any]) -> None:
    issuer = did_key()
    report = judge(token(badge_claims(badge(issuer), **changes), issuer))
    assert report.verdict is Verdict.INVALID
    assert report.check("genuine.signature").state is State.PASSED or report.reason == "credential_malformed"


@pytest.mark.parametrize("changes", [{"iss": "did:example:other"}, {"nbf": 1}, {"exp": None}, {"jti": "urn:x:y"}])
def test_old_token_is_invalid_when_claims_differ_from_the_credential(changes: dict[str, Any]) -> None:
    issuer = did_key()
    report = judge(old_token(old_credential(issuer), issuer, **changes))
    refused(report, "genuine.claims", "claims_differ")


def test_old_token_is_valid_when_members_stand_in_claims_alone() -> None:
    issuer = did_key()
    document = old_credential(issuer)
    for name in ("id", "issuer", "issuanceDate", "expirationDate"):
        document.pop(name)
    made = old_token({**document, "id": "urn:x:1"}, issuer, jti="urn:x:1")
    assert judge(made).verdict is Verdict.VALID
    report = judge(made, now=UNTIL + timedelta(days=1))
    refused(report, "dates.valid_until", "expired")


@pytest.mark.parametrize("typ", ["kb+jwt", "dc+sd-jwt", "statuslist+jwt", "at+jwt", "openid4vci-proof+jwt"])
def test_token_is_malformed_when_it_is_of_another_type(typ: str) -> None:
    issuer = did_key()
    assert judge(token(badge_claims(badge(issuer)), issuer, typ=typ)).reason == "credential_malformed"


def test_token_is_malformed_when_its_type_forbids_the_claim_vc() -> None:
    issuer = did_key()
    claims = {"iss": issuer.did, "vc": old_credential(issuer)}
    assert judge(token(claims, issuer, typ="vc+jwt")).reason == "credential_malformed"


@pytest.mark.parametrize("header", [{"crit": ["exp"]}, {"b64": False}, {"kid": 5}, {"typ": ["vc+jwt"]}])
def test_token_is_refused_when_its_header_asks_for_more(header: dict[str, Any]) -> None:
    issuer = did_key()
    with pytest.raises(InputError):
        judge(token(badge_claims(badge(issuer)), issuer, **header))


def test_token_is_refused_when_a_name_is_there_twice() -> None:
    issuer = did_key()
    body = encode(badge_claims(badge(issuer)))
    twice = body[:-1] + b',"iss":"did:example:other"}'
    head = b64url(encode({"alg": "EdDSA", "typ": "vc+jwt", "kid": issuer.method}))
    signed = f"{head}.{b64url(twice)}"
    with pytest.raises(InputError, match="two members"):
        judge(f"{signed}.{b64url(issuer.key.sign(signed.encode()))}")


@pytest.mark.parametrize("spelling", ["{}=", "{}.", ".{}", "{} {}", "{}\n.x"])
def test_token_is_refused_when_it_is_spelled_otherwise(spelling: str) -> None:
    issuer = did_key()
    made = token(badge_claims(badge(issuer)), issuer)
    report = report_or_none(judge, spelling.format(made, made))
    assert report is None or report.verdict is Verdict.INVALID


def test_token_is_refused_when_its_base64_has_stray_bits() -> None:
    issuer = did_key()
    made = token(badge_claims(badge(issuer)), issuer)  # 64 bytes of signature leave four bits unused
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    with pytest.raises(InputError, match="stray"):
        judge(made[:-1] + alphabet[alphabet.index(made[-1]) ^ 1])


def test_token_is_refused_when_it_is_too_long_or_too_deep() -> None:
    issuer = did_key()
    with pytest.raises(InputError):
        judge(token({"x": "y" * 800_000}, issuer))
    deep: Any = "x"
    for _ in range(40):
        deep = [deep]
    with pytest.raises(InputError):
        judge(token({**badge_claims(badge(issuer)), "deep": deep}, issuer))


def test_token_is_invalid_when_it_is_expired_or_not_yet_valid() -> None:
    issuer = did_key()
    made = token(badge_claims(badge(issuer)), issuer)
    refused(judge(made, now=UNTIL + timedelta(seconds=1)), "dates.valid_until", "expired")
    refused(judge(made, at=ISSUED - timedelta(seconds=1)), "dates.valid_from", "not_yet_valid")
    assert judge(made, at=NOW - timedelta(days=1)).reason == "valid_foreign_as_of"


def test_token_bounds_its_own_time_when_it_is_no_badge() -> None:
    issuer = did_key()
    plain = badge(issuer, type=["VerifiableCredential"], credentialSubject={"id": "did:example:learner"})
    made = token({**plain, "exp": int(NOW.timestamp()) + 60}, issuer)
    assert judge(made).verdict is Verdict.VALID
    refused(judge(made, now=NOW + timedelta(minutes=2)), "dates.valid_until", "expired")


def test_token_is_invalid_when_a_word_is_undefined() -> None:
    issuer = did_key()
    report = judge(token(badge_claims({**badge(issuer), "gradeOfHonour": "1"}), issuer))
    refused(report, "genuine.terms", "terms_undefined")


def test_rsa_key_is_refused_when_it_is_short() -> None:
    issuer = did_jwk("RS256")
    short = {**rsa_key("bob").public_jwk(), "n": "AQAB"}
    did = f"did:jwk:{b64url(json.dumps(short).encode())}"
    report = judge(token(badge_claims(badge(Issuer(did, did, None))), issuer, kid=f"{did}#0"))
    refused(report, "issuer.key", "issuer_key_other")
