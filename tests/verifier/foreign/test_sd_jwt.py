"""SD-JWT VC: made with openvc and with the reference implementation, with and without key binding, and bent."""

from __future__ import annotations

import base64
import json
from datetime import timedelta

import pytest
from jwcrypto.jwk import JWK
from openvc.proof.sd_jwt import SdJwtVcProofSuite
from sd_jwt.common import SDObj
from sd_jwt.holder import SDJWTHolder
from sd_jwt.issuer import SDJWTIssuer

from tests.verifier.foreign.maker import (
    ISSUED,
    NOW,
    TOKEN_LIST_URL,
    UNTIL,
    Issuer,
    b64url,
    did_key,
    judge,
    report_or_none,
    sd_jwt,
    token_list,
)
from verifier.error import InputError
from verifier.report import State, Verdict

ISSUER = did_key("ES256", "alice")


def presented(made: str, holder: Issuer) -> str:
    """Show the grade alone, bound to the holder's key."""
    issuer_jwt, *disclosures = made.rstrip("~").split("~")
    chosen = [one for one in disclosures if b"grade" in base64.urlsafe_b64decode(one + "==")]
    partly = "~".join([issuer_jwt, *chosen, ""])
    shown: str = SdJwtVcProofSuite().create_presentation(
        partly, holder_key=holder.key, audience="https://verifier.example", nonce="n-1"
    )
    return shown


def test_sd_jwt_is_valid_when_issuer_signed_it() -> None:
    report = judge(sd_jwt(ISSUER))
    assert report.verdict is Verdict.VALID
    assert report.check("genuine.holder").reason == "holder_not_shown"
    assert report.check("genuine.terms").reason == "no_terms"


def test_sd_jwt_is_valid_when_its_holder_shows_part_of_it() -> None:
    holder = did_key("ES256", "holder")
    report = judge(presented(sd_jwt(ISSUER, holder), holder))
    assert report.verdict is Verdict.VALID
    assert report.check("genuine.holder").reason == "holder_bound"


def test_sd_jwt_is_invalid_when_another_than_its_holder_shows_it() -> None:
    holder, thief = did_key("ES256", "holder"), did_key("ES256", "mallory")
    report = judge(presented(sd_jwt(ISSUER, holder), thief))
    assert report.verdict is Verdict.INVALID


def test_sd_jwt_is_valid_when_the_reference_implementation_made_it() -> None:
    key, holder = JWK.generate(kty="EC", crv="P-256"), JWK.generate(kty="EC", crv="P-256")
    public = json.loads(key.export_public())
    public.pop("kid", None)
    did = f"did:jwk:{b64url(json.dumps(public).encode())}"
    claims = {
        "iss": did,
        "vct": "https://school.example/types/award",
        "nbf": int(ISSUED.timestamp()),
        "exp": int(UNTIL.timestamp()),
        SDObj("grade"): "5",
        "achievement": {SDObj("name"): "Welding", SDObj("level"): 4},
    }
    SDJWTIssuer.SD_JWT_HEADER = "dc+sd-jwt"
    issued = SDJWTIssuer(claims, key, holder, sign_alg="ES256", extra_header_parameters={"kid": f"{did}#0"})
    shower = SDJWTHolder(issued.sd_jwt_issuance)
    shower.create_presentation({"grade": True}, "n-1", "https://verifier.example", holder, sign_alg="ES256")
    report = judge(shower.sd_jwt_presentation)
    assert report.verdict is Verdict.VALID
    assert report.check("genuine.holder").reason == "holder_bound"
    assert judge(issued.sd_jwt_issuance).verdict is Verdict.VALID


def test_sd_jwt_is_never_valid_when_any_character_is_changed() -> None:
    holder = did_key("ES256", "holder")
    made = presented(sd_jwt(ISSUER, holder), holder)
    for place in range(0, len(made), 3):
        swapped = "A" if made[place] != "A" else "B"
        report = report_or_none(judge, made[:place] + swapped + made[place + 1 :])
        assert report is None or report.verdict is Verdict.INVALID, place


def test_sd_jwt_is_invalid_when_a_disclosure_was_not_signed() -> None:
    forged = b64url(json.dumps(["c2FsdA", "grade", "6"]).encode())
    report = judge(f"{sd_jwt(ISSUER)}{forged}~")
    assert report.reason == "claims_differ"


def test_sd_jwt_is_malformed_when_its_disclosures_are_cut_off() -> None:
    made = sd_jwt(ISSUER)
    assert judge(made.partition("~")[0]).reason == "credential_malformed"


def test_sd_jwt_is_invalid_when_another_signed_it() -> None:
    thief = did_key("ES256", "mallory")
    assert judge(sd_jwt(thief, iss=ISSUER.did)).reason == "issuer_key_other"
    thief.method = ISSUER.method
    assert judge(sd_jwt(thief, iss=ISSUER.did)).reason == "proof_wrong"


def test_sd_jwt_is_invalid_when_it_is_expired_or_not_yet_valid() -> None:
    assert judge(sd_jwt(ISSUER, exp=int(NOW.timestamp()) - 1)).reason == "expired"
    assert judge(sd_jwt(ISSUER, nbf=int(NOW.timestamp()) + 3_600)).verdict is Verdict.INVALID
    assert judge(sd_jwt(ISSUER, nbf=int(NOW.timestamp()) + 3_600)).reason == "not_yet_valid"
    assert judge(sd_jwt(ISSUER), at=ISSUED - timedelta(days=1)).reason == "not_yet_valid"


@pytest.mark.parametrize("status, reason", [(0, "valid_foreign"), (1, "list_revocation"), (2, "list_suspension")])
def test_sd_jwt_is_judged_by_its_token_status_list(status: int, reason: str) -> None:
    made = sd_jwt(ISSUER, status={"status_list": {"idx": 7, "uri": TOKEN_LIST_URL}})
    assert judge(made, {TOKEN_LIST_URL: token_list(ISSUER, status=status)}).reason == reason
    assert judge(made).reason == "list_unreachable"


def test_sd_jwt_is_refused_when_it_has_too_many_disclosures() -> None:
    with pytest.raises(InputError, match="disclosures"):
        judge(sd_jwt(ISSUER) + "WyJhIiwgImIiXQ~" * 600)
    with pytest.raises(InputError, match="empty"):
        judge(sd_jwt(ISSUER).replace("~", "~~", 1))


def test_sd_jwt_is_invalid_when_it_is_meant_for_another_audience() -> None:
    report = judge(sd_jwt(ISSUER, aud="https://somebody.example"))
    assert report.verdict is Verdict.INVALID
    assert report.check("genuine.claims").state is State.FAILED
