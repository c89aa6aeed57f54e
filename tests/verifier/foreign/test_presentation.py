"""Presentations: every credential in one is judged by itself, and the holder by the holder's own key."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from api.foreign_work import judge_presenter
from tests.verifier.foreign.maker import (
    ISSUED,
    NOW,
    V1,
    V2,
    Issuer,
    badge,
    badge_claims,
    did_document,
    did_key,
    did_web,
    encode,
    old_credential,
    old_token,
    sign,
    token,
)
from verifier.checks.time import Asked
from verifier.foreign.format import read_presented
from verifier.foreign.offline import Offline, judge_offline, judge_offline_presentation
from verifier.foreign.plan import PRESENTATION_PLAN
from verifier.foreign.presentation import read_presentation
from verifier.foreign.source import Answer, Found
from verifier.report import Report, State, Verdict

ISSUER, HOLDER, THIEF = did_key(name="alice"), did_key(name="holder"), did_key(name="mallory")
ASKED = Asked(NOW, None, timedelta(minutes=10))


def presentation(*credentials: object, holder: Issuer | None = HOLDER, **changes: Any) -> dict[str, Any]:  # noqa: ANN401  (any JSON)
    document: dict[str, Any] = {
        "@context": [V2],
        "type": ["VerifiablePresentation"],
        "verifiableCredential": list(credentials) or [sign(badge(ISSUER), ISSUER)],
    }
    if holder is not None:
        document["holder"] = holder.did
    return {**document, **changes}


def shown(document: dict[str, Any] | str) -> Report:
    data = encode(document) if isinstance(document, dict) else document.encode()
    return judge_offline_presentation(read_presented(data), Offline(), ASKED)


def signed(document: dict[str, Any], holder: Issuer = HOLDER, **options: Any) -> dict[str, Any]:  # noqa: ANN401  (any JSON)
    return sign(document, holder, proof_purpose="authentication", **options)


def test_presentation_is_valid_when_all_in_it_is() -> None:
    report = shown(signed(presentation(), challenge="c-1", domain="verifier.example"))
    assert (report.verdict, report.reason) == (Verdict.VALID, "valid_presentation")
    assert [check.code for check in report.checks] == list(PRESENTATION_PLAN)
    assert report.check("genuine.holder").reason == "holder_bound"
    assert [one.verdict for one in report.credentials] == [Verdict.VALID]
    assert report.to_json()["credentials"][0]["verdict"] == "valid"  # type: ignore[index, call-overload]  # JSON of a known shape


def test_presentation_is_valid_without_a_holder_and_says_so() -> None:
    report = shown(presentation(holder=None))
    assert report.verdict is Verdict.VALID
    assert report.check("genuine.holder").reason == "holder_not_shown"


def test_presentation_is_invalid_when_another_shows_it() -> None:
    report = shown(signed(presentation(), THIEF))
    assert (report.verdict, report.reason) == (Verdict.INVALID, "holder_wrong")
    assert report.credentials[0].verdict is Verdict.VALID


@pytest.mark.parametrize("member", ["holder", "type", "verifiableCredential", "id"])
def test_presentation_is_never_valid_when_it_is_changed(member: str) -> None:
    document = signed(presentation(id="urn:x:1"))
    changed: dict[str, Any] = {"holder": THIEF.did, "type": ["VerifiablePresentation", "Other"], "id": "urn:x:2"}
    changed["verifiableCredential"] = [sign(badge(THIEF), THIEF)]
    assert shown({**document, member: changed[member]}).verdict is not Verdict.VALID


def test_presentation_is_invalid_when_one_credential_is() -> None:
    forged = sign(badge(ISSUER), THIEF)
    report = shown(signed(presentation(sign(badge(ISSUER), ISSUER), forged)))
    assert (report.verdict, report.reason) == (Verdict.INVALID, "credentials_invalid")
    assert [one.verdict for one in report.credentials] == [Verdict.VALID, Verdict.INVALID]


def test_presentation_is_unknown_when_one_credential_is() -> None:
    web = did_web()
    report = shown(presentation(sign(badge(web), web), holder=None))
    assert (report.verdict, report.reason) == (Verdict.UNKNOWN, "credentials_unknown")


def test_presentation_holds_tokens_and_envelopes() -> None:
    made = token(badge_claims(badge(ISSUER)), ISSUER)
    envelope = {
        "@context": V2,
        "type": "EnvelopedVerifiableCredential",
        "id": f"data:application/vc+jwt,{made}",
    }
    assert shown(presentation(envelope, made, holder=None)).verdict is Verdict.VALID


def presented_token(by: Issuer, **changes: Any) -> str:  # noqa: ANN401  (any JSON)
    payload = {**presentation(holder=by), "iss": by.did, "aud": "https://verifier.example", "nonce": "n-1"}
    return token({**payload, **changes}, by, typ="vp+jwt")


def test_presentation_as_a_token_is_valid_when_its_holder_signed_it() -> None:
    assert shown(presented_token(HOLDER)).check("genuine.holder").reason == "holder_bound"
    old = {
        "iss": HOLDER.did,
        "vp": {
            "@context": [V1],
            "type": ["VerifiablePresentation"],
            "verifiableCredential": [old_token(old_credential(ISSUER), ISSUER)],
        },
    }
    assert shown(token(old, HOLDER, typ="JWT")).verdict is Verdict.VALID


def test_presentation_as_a_token_is_invalid_when_another_signed_it() -> None:
    assert shown(presented_token(THIEF, holder=HOLDER.did)).reason == "holder_wrong"
    assert shown(presented_token(THIEF, holder=HOLDER.did, iss=HOLDER.did)).reason == "holder_wrong"
    assert shown(presented_token(HOLDER, exp=int(ISSUED.timestamp()))).reason == "holder_wrong"
    assert shown(presented_token(HOLDER, nbf="soon")).reason == "holder_wrong"


@pytest.mark.parametrize(
    "changes",
    [
        {"verifiableCredential": []},
        {"verifiableCredential": [5]},
        {"verifiableCredential": ["x"] * 17},
        {"@context": ["https://www.w3.org/ns/credentials/examples/v2"]},
        {"verifiableCredential": [{"type": "VerifiablePresentation"}]},
    ],
)
def test_presentation_is_malformed_when_the_data_model_forbids_it(changes: dict[str, Any]) -> None:
    report = shown(presentation(**changes))
    assert (report.verdict, report.reason) == (Verdict.INVALID, "presentation_malformed")


@pytest.mark.parametrize("inside", ["x", "{}", {"a": 1}, {"format": "cairn/evidence/v1"}, badge(ISSUER)])
def test_credential_in_a_presentation_is_invalid_when_it_is_none(inside: object) -> None:
    report = shown(presentation(inside, holder=None))
    assert report.verdict is Verdict.INVALID
    assert report.credentials[0].reason == "credential_malformed"


def test_holder_of_a_domain_is_asked_for() -> None:
    holder = did_web()
    document = signed(presentation(holder=holder), holder)
    read = read_presentation(read_presented(encode(document)))
    check, wanted = judge_presenter(read, {}, ASKED)
    assert (check.state, check.reason, wanted) == (State.UNKNOWN, "holder_unknown", [holder.did])
    known: Mapping[str, Answer] = {holder.did: _found(did_document(holder))}
    assert judge_presenter(read, known, ASKED)[0].reason == "holder_bound"
    known = {holder.did: _found(did_document(holder, authentication=[]))}
    assert judge_presenter(read, known, ASKED)[0].reason == "holder_wrong"


def _found(document: dict[str, Any]) -> Answer:
    return Found(encode(document))


def test_document_of_a_ledger_is_never_valid_offline_in_any_form() -> None:
    identity = "https://ledger.example/verify/" + "0" * 36
    own = {**badge(ISSUER), "id": identity}
    forms = (
        encode(sign(own, ISSUER)),
        encode(sign(own, ISSUER, "eddsa-rdfc-2022")),
        token(badge_claims(own), ISSUER).encode(),
    )
    for data in forms:
        report = judge_offline(read_presented(data), Offline(), ASKED)
        assert report.verdict is not Verdict.VALID
        assert report.check("genuine.recorded").state is not State.PASSED
    assert judge_offline(read_presented(forms[2]), Offline(), ASKED).reason == "no_evidence"
