"""SD-JWTs as such, and presentations that are one: restored as the reference implementation does, and bent."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest
from jwcrypto.jwk import JWK
from sd_jwt.common import SDObj
from sd_jwt.holder import SDJWTHolder
from sd_jwt.issuer import SDJWTIssuer
from sd_jwt.verifier import SDJWTVerifier

from tests.verifier.foreign.maker import (
    NOW,
    V2,
    Issuer,
    b64url,
    badge,
    badge_claims,
    did_key,
    encode,
    report_or_none,
    sd_jwt,
    token,
)
from tests.verifier.foreign.test_presentation import shown
from verifier.error import InputError
from verifier.foreign.disclosure import MAX_DEPTH, binding_problem, parse_parts, restored
from verifier.foreign.format import read_presented
from verifier.report import Verdict

ISSUER, HOLDER, THIEF = did_key("ES256", "alice"), did_key("ES256", "holder"), did_key("ES256", "mallory")


def disclosure(*parts: object) -> str:
    return b64url(encode(list(parts)))


def digest(text: str) -> str:
    return b64url(hashlib.sha256(text.encode()).digest())


def envelope(content: str, media_type: str = "application/vc+jwt") -> dict[str, Any]:
    return {"@context": V2, "type": "EnvelopedVerifiableCredential", "id": f"data:{media_type},{content}"}


def presented(
    *disclosed: str, withheld: tuple[str, ...] = (), by: Issuer = HOLDER, typ: str = "vp+sd-jwt", **members: object
) -> str:
    """A presentation as an SD-JWT, made by hand."""
    made = token(badge_claims(badge(ISSUER)), ISSUER)
    payload: dict[str, Any] = {
        "@context": [V2],
        "type": ["VerifiablePresentation"],
        "holder": HOLDER.did,
        "verifiableCredential": [envelope(made)],
        "_sd": [digest(one) for one in (*disclosed, *withheld)],
        "_sd_alg": "sha-256",
        **members,
    }
    payload = {name: value for name, value in payload.items() if value is not None}
    return "~".join([token(payload, by, typ=typ), *disclosed, ""])


def bind(text: str, holder: Issuer = HOLDER, **claims: object) -> str:
    body = {"iat": int(NOW.timestamp()), "aud": "tests.example", "nonce": "c-1", "sd_hash": digest(text), **claims}
    body = {name: value for name, value in body.items() if value is not None}
    return text + token(body, holder, typ="kb+jwt", kid=None)


CNF: dict[str, Any] = {"cnf": {"jwk": HOLDER.jwk}}


def test_presentation_is_valid_when_its_holder_signed_it_and_discloses_a_part() -> None:
    hidden = disclosure("c2FsdA", "verifiableCredential", [envelope(token(badge_claims(badge(ISSUER)), ISSUER))])
    for made in (presented(), presented(hidden, verifiableCredential=None), presented(typ="vp+ld+json+sd-jwt")):
        report = shown(made)
        assert report.verdict is Verdict.VALID
        assert report.check("genuine.holder").reason == "holder_bound"
        assert len(report.credentials) == 1
    assert shown(presented(withheld=(hidden,), verifiableCredential=None)).reason == "presentation_malformed"


def test_presentation_holds_an_sd_jwt_with_its_key_binding() -> None:
    inner = bind(sd_jwt(ISSUER, HOLDER))
    made = presented(verifiableCredential=[envelope(inner, "application/dc+sd-jwt")])
    report = shown(made)
    assert report.verdict is Verdict.VALID
    assert report.credentials[0].check("genuine.holder").reason == "holder_bound"
    other = bind(sd_jwt(ISSUER, HOLDER), THIEF)
    assert shown(presented(verifiableCredential=[envelope(other, "application/dc+sd-jwt")])).verdict is Verdict.INVALID


def test_presentation_is_invalid_when_another_signed_it() -> None:
    assert shown(presented(by=THIEF)).reason == "holder_wrong"
    assert shown(presented(iss=THIEF.did)).reason == "holder_wrong"


def test_presentation_is_invalid_when_its_key_binding_does_not_hold() -> None:
    plain = presented(**CNF)
    assert shown(bind(plain)).verdict is Verdict.VALID
    for wrong in (
        bind(plain, THIEF),
        bind(plain, sd_hash=digest(plain + "x")),
        bind(plain, sd_hash=None),
        bind(plain, iat=None),
        bind(plain, iat=int(NOW.timestamp()) + 3_600),
        bind(presented()),
        plain + "x",
        plain + token({"iat": 1, "sd_hash": digest(plain)}, HOLDER, typ="jwt"),
    ):
        assert shown(wrong).reason == "holder_wrong", wrong[-80:]


def test_presentation_is_never_valid_when_any_character_is_changed() -> None:
    made = bind(presented(disclosure("c2FsdA", "name", "Ada"), **CNF))
    for place in range(0, len(made), 5):
        swapped = "A" if made[place] != "A" else "B"
        report = report_or_none(shown, made[:place] + swapped + made[place + 1 :])
        assert report is None or report.verdict is Verdict.INVALID, place


def restored_of(payload: dict[str, Any], *disclosed: str) -> dict[str, Any]:
    return restored(parse_parts("~".join([token(payload, ISSUER, typ="vp+sd-jwt"), *disclosed, ""])))


ONE, TWO = disclosure("s", "name", "Ada"), disclosure("s", "x")
BENT: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "not in the token": ({"a": 1}, (ONE,)),
    "twice": ({"_sd": [digest(ONE)]}, (ONE, ONE)),
    "a digest twice": ({"_sd": [digest(ONE), digest(ONE)]}, (ONE,)),
    "a digest in two places": ({"_sd": [digest(ONE)], "a": {"_sd": [digest(ONE)]}}, (ONE,)),
    "takes a name": ({"name": "Eve", "_sd": [digest(ONE)]}, (ONE,)),
    "an element as a member": ({"_sd": [digest(TWO)]}, (TWO,)),
    "a member as an element": ({"a": [{"...": digest(ONE)}]}, (ONE,)),
    "an element outside a list": ({"a": {"...": digest(TWO)}}, ()),
    "digests that are no list": ({"_sd": digest(ONE)}, (ONE,)),
    "a digest that is no text": ({"_sd": [5]}, ()),
    "another kind of digest": ({"_sd_alg": "md5"}, ()),
    "no text as kind of digest": ({"_sd_alg": 5}, ()),
    "a reserved name": ({"_sd": [digest(disclosure("s", "_sd", []))]}, (disclosure("s", "_sd", []),)),
    "a name that is no text": ({"_sd": [digest(disclosure("s", 5, 1))]}, (disclosure("s", 5, 1),)),
    "four parts": ({"_sd": [digest(disclosure("s", "a", 1, 2))]}, (disclosure("s", "a", 1, 2),)),
    "a salt that is no text": ({"_sd": [digest(disclosure(5, "a", 1))]}, (disclosure(5, "a", 1),)),
    "no list": ({"_sd": [digest(b64url(b"{}"))]}, (b64url(b"{}"),)),
    "no base64": ({"_sd": [digest("????")]}, ("????",)),
}


@pytest.mark.parametrize("name", BENT)
def test_disclosures_are_refused_when_they_do_not_fit(name: str) -> None:
    payload, disclosed = BENT[name]
    with pytest.raises(InputError):
        restored_of(payload, *disclosed)


def test_disclosures_in_disclosures_are_refused_when_they_go_too_deep() -> None:
    chain = disclosure("s", "n", "end")
    texts = [chain]
    for _ in range(MAX_DEPTH + 1):
        chain = disclosure("s", "n", {"_sd": [digest(chain)]})
        texts.append(chain)
    with pytest.raises(InputError, match="levels"):
        restored_of({"_sd": [digest(chain)]}, *texts)


def test_restored_claims_are_those_of_the_reference_implementation() -> None:
    key, holder = JWK.generate(kty="EC", crv="P-256"), JWK.generate(kty="EC", crv="P-256")
    claims = {
        "iss": "did:example:x",
        SDObj("grade"): "5",
        "achievement": {SDObj("name"): "Welding", SDObj("level"): {SDObj("eqf"): 4, "at": "x"}},
        "tags": [SDObj("a"), "b", SDObj({SDObj("deep"): [1, 2, None]})],
        SDObj("empty"): {},
    }
    issued = SDJWTIssuer(claims, key, holder, sign_alg="ES256", add_decoy_claims=True)
    shower = SDJWTHolder(issued.sd_jwt_issuance)
    wishes: tuple[Any, ...] = (
        True,
        {},
        {"grade": True, "tags": [True, False, {"deep": True}]},
        {"achievement": {"level": {"eqf": True}}},
    )
    for wish in wishes:
        shower.create_presentation(wish, "n-1", "tests.example", holder, sign_alg="ES256")
        text = shower.sd_jwt_presentation
        theirs = SDJWTVerifier(text, lambda *_: key, "tests.example", "n-1").get_verified_payload()
        parts = parse_parts(text)
        assert restored(parts) == theirs
        assert binding_problem(parts, NOW) is None
        assert binding_problem(parts, NOW - timedelta(days=2)) is not None


def test_presentation_is_told_by_its_type_and_shows_what_it_discloses() -> None:
    read = read_presented(presented(disclosure("s", "name", "Ada")).encode(), "application/vp+sd-jwt")
    assert (read.kind, read.value["name"]) == ("presentation", "Ada")
    assert read.token is not None
    assert json.loads(base64.urlsafe_b64decode(read.token.split(".")[0] + "=="))["typ"] == "vp+sd-jwt"
