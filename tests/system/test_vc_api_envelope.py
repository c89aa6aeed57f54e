"""Tokens over the VC-API: in an envelope, and within presentations."""

from __future__ import annotations

from typing import Any

import pytest
from openvc.proof.sd_jwt import SdJwtVcProofSuite

from tests.system.suite_server import V2, Json, SuiteServing, ed25519_signer
from tests.system.test_vc_api_verify import require_not_verified, require_verified
from tests.verifier.foreign.maker import Issuer, badge, badge_claims, did_jwk, did_key, sd_jwt, status_entry, token

ES256, ES_HOLDER = did_key("ES256", "alice"), did_key("ES256", "holder")
ISSUER, HOLDER, THIEF = did_key(name="alice"), did_key(name="holder"), did_key(name="mallory")


def envelope(content: str, kind: str = "Credential", media_type: str = "application/vc+jwt", **members: Any) -> Json:  # noqa: ANN401  (any JSON)
    made = {"@context": V2, "type": f"EnvelopedVerifiable{kind}", "id": f"data:{media_type},{content}"}
    return {**made, **members}


def credential_token(issuer: Issuer = ISSUER, signer: Issuer | None = None, **members: Any) -> str:  # noqa: ANN401  (any JSON)
    return token(badge_claims(badge(issuer, validUntil=None, **members)), signer or issuer)


def presentation_token(*credentials: object, signer: Issuer = HOLDER, **claims: Any) -> str:  # noqa: ANN401  (any JSON)
    members = {
        "@context": [V2],
        "type": ["VerifiablePresentation"],
        "holder": HOLDER.did,
        "verifiableCredential": list(credentials),
    }
    return token({**members, **claims}, signer, typ="vp+jwt")


@pytest.mark.parametrize("issuer", [ISSUER, did_key("ES256"), did_jwk()], ids=["Ed25519", "P-256", "did:jwk"])
def test_token_is_verified_in_an_envelope_alone(suite: SuiteServing, issuer: Issuer) -> None:
    made = credential_token(issuer)
    require_verified(suite.verify(envelope(made)))
    require_verified(suite.verify(envelope(made), needs="nothing"))
    require_not_verified(suite.verify(made))


def test_token_is_not_verified_when_it_is_altered_or_anothers(suite: SuiteServing) -> None:
    made = credential_token()
    head, payload, signature = made.split(".")
    other = credential_token(id="urn:uuid:0d0a9a1c-1f3c-4f0f-8f38-9a3f0ad0b7c4").split(".")[1]
    for wrong in (f"{head}.{other}.{signature}", f"{head}.{payload}.", f"{head}.{payload}", made[:-8] + "AAAAAAAA"):
        require_not_verified(suite.verify(envelope(wrong)))
    require_not_verified(suite.verify(envelope(credential_token(signer=THIEF))))


@pytest.mark.parametrize(
    "members",
    [
        {"@context": []},
        {"@context": "https://www.w3.org/ns/credentials/examples/v2"},
        {"type": "VerifiableCredential"},
        {"type": None},
        {"id": "urn:uuid:0d0a9a1c-1f3c-4f0f-8f38-9a3f0ad0b7c4"},
        {"id": "data:application/vc+jwt,%FF%00"},
        {"id": "data:application/vc+jwt," + "a" * 200_000},
        {"id": "data:image/png,iVBORw0KGgo"},
    ],
    ids=lambda members: str(members)[:60],
)
def test_token_is_not_verified_when_its_envelope_is_none(suite: SuiteServing, members: Json) -> None:
    require_not_verified(suite.verify(envelope(credential_token(), **members)))


def test_token_is_not_verified_when_something_else_is_in_the_envelope(suite: SuiteServing) -> None:
    shown = presentation_token(envelope(credential_token()))
    require_not_verified(suite.verify(envelope(shown)))
    require_not_verified(suite.verify_presentation(envelope(credential_token(), "Presentation")))
    require_not_verified(suite.verify(envelope("%7B%7D", media_type="application/vc")))


def test_status_elsewhere_speaks_against_a_token_when_the_caller_wants_it_checked(suite: SuiteServing) -> None:
    made = envelope(credential_token(credentialStatus=status_entry()))
    answered = suite.verify(made, checks=["proof"])
    require_verified(answered)
    assert [problem["type"].rpartition("#")[2] for problem in answered.json()["warnings"]] == ["STATUS_RETRIEVAL_ERROR"]
    require_not_verified(suite.verify(made, checks=["proof", "status"]))
    forged = envelope(credential_token(signer=THIEF, credentialStatus=status_entry()))
    require_not_verified(suite.verify(forged, checks=["proof"]))


def test_presentation_as_a_token_is_verified_when_it_answers_the_challenge(suite: SuiteServing) -> None:
    shown = presentation_token(envelope(credential_token()), nonce="c-1", aud="tests.example")
    made = envelope(shown, "Presentation", "application/vp+jwt")
    require_verified(suite.verify_presentation(made))
    require_verified(suite.verify_presentation(made, challenge="c-1", domain="tests.example"))
    require_not_verified(suite.verify_presentation(made, challenge="c-2"))
    require_not_verified(suite.verify_presentation(made, domain="other.example"))
    stolen = presentation_token(envelope(credential_token()), signer=THIEF)
    require_not_verified(suite.verify_presentation(envelope(stolen, "Presentation", "application/vp+jwt")))


def bound(holder: Issuer = HOLDER, **asked: str) -> str:
    """An SD-JWT VC, and its holder's key binding."""
    made: str = SdJwtVcProofSuite().create_presentation(
        sd_jwt(ES256, holder), holder_key=holder.key, **{"audience": "tests.example", "nonce": "c-1", **asked}
    )
    return made


def sd_envelope(content: str) -> Json:
    return envelope(content, media_type="application/dc+sd-jwt")


def test_sd_jwt_is_verified_when_its_key_binding_answers_the_challenge(suite: SuiteServing) -> None:
    asked = {"challenge": "c-1", "domain": "tests.example"}
    require_verified(suite.verify(sd_envelope(bound(ES_HOLDER)), **asked))
    require_verified(suite.verify(sd_envelope(bound(ES_HOLDER))))
    require_verified(suite.verify(sd_envelope(sd_jwt(ES256, ES_HOLDER))))
    for wrong in (
        bound(ES_HOLDER, nonce="c-2"),
        bound(ES_HOLDER, audience="other.example"),
        sd_jwt(ES256, ES_HOLDER),  # nobody shows it
        bound(ES_HOLDER)[:-8] + "AAAAAAAA",
    ):
        require_not_verified(suite.verify(sd_envelope(wrong), **asked))


def test_sd_jwt_in_a_presentation_has_to_be_shown_to_the_same_verifier(suite: SuiteServing) -> None:
    holder = ed25519_signer()
    asked = {"challenge": "c-1", "domain": "tests.example"}

    def verified(content: str) -> None:
        shown = holder.signed_presentation(sd_envelope(content), holder=holder.did)
        require_verified(suite.verify_presentation(shown, **asked))
        as_token = presentation_token(sd_envelope(content), nonce="c-1", aud="tests.example")
        require_verified(suite.verify_presentation(envelope(as_token, "Presentation", "application/vp+jwt"), **asked))

    verified(bound(ES_HOLDER))
    verified(sd_jwt(ES256, ES_HOLDER))
    for wrong in (bound(ES_HOLDER, nonce="c-2"), bound(ES_HOLDER, audience="other.example")):
        for content in (wrong, wrong.replace("~", "%7E")):
            shown = holder.signed_presentation(sd_envelope(content), holder=holder.did)
            require_not_verified(suite.verify_presentation(shown, **asked))
            as_token = presentation_token(sd_envelope(content), nonce="c-1", aud="tests.example")
            made = envelope(as_token, "Presentation", "application/vp+jwt")
            require_not_verified(suite.verify_presentation(made, **asked))


def test_presentation_as_an_sd_jwt_is_verified_when_it_answers_the_challenge(suite: SuiteServing) -> None:
    members = {
        "@context": [V2],
        "type": ["VerifiablePresentation"],
        "holder": HOLDER.did,
        "verifiableCredential": [envelope(credential_token())],
    }

    def made(signer: Issuer = HOLDER, **claims: Any) -> Json:  # noqa: ANN401  (any JSON)
        content = token({**members, **claims}, signer, typ="vp+sd-jwt") + "~"
        return envelope(content, "Presentation", "application/vp+sd-jwt")

    asked = {"challenge": "c-1", "domain": "tests.example"}
    require_verified(suite.verify_presentation(made()))
    require_verified(suite.verify_presentation(made(nonce="c-1", aud=["tests.example"]), **asked))
    require_not_verified(suite.verify_presentation(made(), **asked))
    require_not_verified(suite.verify_presentation(made(nonce="c-1", aud="other.example"), **asked))
    require_not_verified(suite.verify_presentation(made(THIEF, nonce="c-1", aud="tests.example"), **asked))


def test_presentation_is_verified_with_tokens_in_it(suite: SuiteServing) -> None:
    holder = ed25519_signer()
    made = holder.signed_presentation(envelope(credential_token()), holder=holder.did)
    require_verified(suite.verify_presentation(made, challenge="c-1", domain="tests.example"))
    wrong = holder.signed_presentation(envelope(credential_token(signer=THIEF)), holder=holder.did)
    types = require_not_verified(suite.verify_presentation(wrong, challenge="c-1", domain="tests.example"))
    assert types
