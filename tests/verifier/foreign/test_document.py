"""Credentials with Data Integrity proofs: made with openvc in every suite, bent in every way."""

from __future__ import annotations

import base64
import hashlib
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest

from tests.verifier.foreign.maker import (
    ISSUED,
    NOW,
    OB3,
    UNTIL,
    V1,
    V2,
    badge,
    badge_claims,
    did_key,
    encode,
    instant,
    judge,
    judged,
    old_credential,
    sign,
    status_entry,
    token,
)
from verifier.error import InputError
from verifier.foreign.plan import FOREIGN_PLAN
from verifier.jsonld.context import context_bytes
from verifier.report import State, Verdict, decide

SUITES = [
    ("eddsa-jcs-2022", "EdDSA"),
    ("eddsa-rdfc-2022", "EdDSA"),
    ("ecdsa-jcs-2019", "ES256"),
    ("ecdsa-jcs-2019", "ES384"),
    ("ecdsa-rdfc-2019", "ES256"),
    ("ecdsa-rdfc-2019", "ES384"),
]
DATA_INTEGRITY = "https://w3id.org/security/data-integrity/v2"


@pytest.mark.parametrize("suite, kind", SUITES)
def test_document_is_valid_when_issuer_signed_it(suite: str, kind: str) -> None:
    issuer = did_key(kind)
    assert judge(sign(badge(issuer), issuer, suite)).verdict is Verdict.VALID
    old = old_credential(issuer, **{"@context": [V1, DATA_INTEGRITY]})
    assert judge(sign(old, issuer, suite)).verdict is Verdict.VALID


def test_report_on_a_document_keeps_the_plan_and_says_whose_word_it_is() -> None:
    issuer = did_key()
    report = judge(sign(badge(issuer), issuer))
    assert [check.code for check in report.checks] == list(FOREIGN_PLAN)
    assert report.check("issuer.known").reason == "identity_self"
    assert report.check("log.known").reason == "log_foreign"
    assert report.check("status.list").reason == "no_status"
    assert report.reason == "valid_foreign"
    assert any("who its name says" in text.en for text in report.not_checked)
    assert report.facts["document"]["issuer_name"] == "Southern School"  # type: ignore[index, call-overload]  # JSON of a known shape


def test_verdict_is_never_valid_when_a_check_is_taken_away_or_turned() -> None:
    issuer = did_key()
    checks = judge(sign(badge(issuer), issuer)).checks
    assert decide(checks, FOREIGN_PLAN) is Verdict.VALID
    for left_out in checks:
        assert decide([one for one in checks if one is not left_out], FOREIGN_PLAN) is Verdict.UNKNOWN


def _paths(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [found for name, one in value.items() for found in _paths(one, (*path, name))]
    if isinstance(value, list):
        return [found for place, one in enumerate(value) for found in _paths(one, (*path, place))]
    return [path]


def _changed(document: dict[str, Any], path: tuple[Any, ...]) -> dict[str, Any]:
    copy = deepcopy(document)
    node: Any = copy
    for step in path[:-1]:
        node = node[step]
    old = node[path[-1]]
    node[path[-1]] = old + "x" if isinstance(old, str) else None
    return copy


@pytest.mark.parametrize("suite, kind", [SUITES[0], SUITES[1]])
def test_document_is_never_valid_when_any_value_is_changed(suite: str, kind: str) -> None:
    issuer = did_key(kind)
    signed = sign(badge(issuer), issuer, suite)
    for path in _paths(signed):
        assert judge(_changed(signed, path)).verdict is not Verdict.VALID, path


@pytest.mark.slow
def test_document_is_never_valid_when_any_byte_is_changed() -> None:
    issuer = did_key()
    data = encode(sign(badge(issuer), issuer))
    for place in range(len(data)):
        bent = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        try:
            report = judge(bent)
        except InputError:
            continue
        assert report.verdict is not Verdict.VALID, place


def test_document_is_invalid_when_another_signed_it() -> None:
    issuer, thief = did_key(name="alice"), did_key(name="mallory")
    report = judge(sign(badge(issuer), thief))
    assert report.verdict is Verdict.INVALID
    assert report.reason == "issuer_key_other"
    assert report.check("genuine.signature").state is State.PASSED  # the signature is good, and it is not the issuer's


def test_document_is_invalid_when_a_proof_names_the_issuers_key_and_is_anothers() -> None:
    issuer, thief = did_key(name="alice"), did_key(name="mallory")
    thief.method = issuer.method
    assert judge(sign(badge(issuer), thief)).reason == "proof_wrong"


def test_document_is_valid_when_another_signed_as_well() -> None:
    issuer, other = did_key(name="alice"), did_key(name="other")
    proofs = [sign(badge(issuer), one)["proof"] for one in (issuer, other)]
    both = {**badge(issuer), "proof": proofs}
    assert judge(both).verdict is Verdict.VALID
    proofs[1]["proofValue"] = proofs[0]["proofValue"]
    assert judge(both).verdict is Verdict.INVALID


def test_document_is_invalid_when_it_is_signed_for_another_purpose() -> None:
    issuer = did_key()
    assert judge(sign(badge(issuer), issuer, proof_purpose="authentication")).reason == "proof_wrong"


def test_document_is_unknown_when_its_suite_is_not_known() -> None:
    issuer = did_key()
    signed = sign(badge(issuer), issuer)
    signed["proof"]["cryptosuite"] = "bbs-2023"
    assert judge(signed).reason == "proof_unknown"
    assert judge(signed).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("proof", [None, [], {}, [None], "z1", [{}] * 9])
def test_document_is_invalid_when_its_proof_is_none(proof: object) -> None:
    issuer = did_key()
    report = judge({**badge(issuer), "proof": proof})
    assert report.verdict is Verdict.INVALID


def test_document_is_invalid_when_it_has_no_proof() -> None:
    assert judge(badge(did_key())).reason == "credential_malformed"


@pytest.mark.parametrize(
    "changes",
    [
        {"validFrom": "2025-01-01"},
        {"validFrom": "2025-01-01T00:00:00"},
        {"validUntil": "2025-02-30T00:00:00Z"},
        {"validUntil": 5},
        {"validUntil": instant(ISSUED - timedelta(days=1))},
        {"issuer": {"name": "nobody"}},
        {"issuer": 7},
        {"issuer": {"id": "no uri"}},
        {"id": "no uri"},
        {"type": ["OpenBadgeCredential"]},
        {"@context": [OB3, V2]},
        {"@context": []},
        {"credentialSubject": []},
        {"credentialSubject": {}},
        {"credentialStatus": [status_entry(index) for index in range(9)]},
        {"credentialStatus": ["https://lists.example/status/3"]},
        {"credentialStatus": {"id": "https://lists.example/status/3"}},
    ],
)
def test_document_is_malformed_when_the_data_model_forbids_it(changes: dict[str, Any]) -> None:
    issuer = did_key()
    report = judge(sign({**badge(issuer), **changes}, issuer))
    assert (report.verdict, report.reason) == (Verdict.INVALID, "credential_malformed")


def test_old_document_is_malformed_when_it_has_no_issuance_date() -> None:
    issuer = did_key()
    assert judge(sign(old_credential(issuer, issuanceDate=None), issuer)).reason == "credential_malformed"


def _without(document: dict[str, Any], *path: str) -> dict[str, Any]:
    copy = deepcopy(document)
    node: dict[str, Any] = copy
    for step in path[:-1]:
        node = node[step]
    del node[path[-1]]
    return copy


@pytest.mark.parametrize(
    "path",
    [
        ("id",),
        ("validFrom",),
        ("issuer", "type"),
        ("credentialSubject", "type"),
        ("credentialSubject", "id"),
        ("credentialSubject", "achievement"),
        ("credentialSubject", "achievement", "id"),
        ("credentialSubject", "achievement", "type"),
        ("credentialSubject", "achievement", "name"),
        ("credentialSubject", "achievement", "description"),
        ("credentialSubject", "achievement", "criteria"),
        ("credentialSubject", "achievement", "criteria", "narrative"),
    ],
)
def test_badge_is_invalid_when_a_required_member_is_missing(path: tuple[str, ...]) -> None:
    issuer = did_key()
    report = judge(sign(_without(badge(issuer), *path), issuer))
    assert report.verdict is Verdict.INVALID
    assert report.check("genuine.members").reason == "members_missing"


def test_badge_is_invalid_when_its_context_is_missing() -> None:
    issuer = did_key()
    assert judge(sign(badge(issuer, **{"@context": [V2]}), issuer)).verdict is Verdict.INVALID


@pytest.mark.parametrize("suite", ["eddsa-jcs-2022"])
@pytest.mark.parametrize("place", [(), ("credentialSubject",), ("credentialSubject", "achievement"), ("issuer",)])
def test_document_is_invalid_when_a_word_is_undefined(suite: str, place: tuple[str, ...]) -> None:
    issuer = did_key()
    document = badge(issuer)
    node = document
    for step in place:
        node = node[step]
    node["gradeOfHonour"] = "1"
    report = judge(sign(document, issuer, suite))
    assert (report.verdict, report.reason) == (Verdict.INVALID, "terms_undefined")


def test_document_is_unknown_when_its_vocabulary_is_not_installed() -> None:
    issuer = did_key()
    report, wanted = judged(sign(badge(issuer, **{"@context": [V2, OB3, "https://evil.example/context"]}), issuer))
    assert (report.verdict, report.reason, wanted) == (Verdict.UNKNOWN, "context_unknown", [])


@pytest.mark.parametrize("suite", ["eddsa-jcs-2022", "eddsa-rdfc-2022"])
def test_document_is_unknown_when_two_published_vocabularies_contradict_each_other(suite: str) -> None:
    """Open Badges 3.0.1 gives `name` a type, and the context of VC 2.0 as it is today lets nobody do so."""
    issuer = did_key()
    signed = sign(badge(issuer), issuer, suite)
    report = judge({**signed, "@context": [V2, OB3.replace("3.0.3", "3.0.1")]})
    assert report.verdict is not Verdict.VALID
    if suite == "eddsa-rdfc-2022":
        assert (report.verdict, report.check("genuine.terms").reason) == (Verdict.UNKNOWN, "contexts_contradict")


def test_token_is_unknown_when_two_published_vocabularies_contradict_each_other() -> None:
    issuer = did_key()
    report = judge(token(badge_claims(badge(issuer, **{"@context": [V2, OB3.replace("3.0.3", "3.0.1")]})), issuer))
    assert (report.verdict, report.reason) == (Verdict.UNKNOWN, "contexts_contradict")


def test_document_is_invalid_when_its_own_vocabulary_contradicts_the_installed_one() -> None:
    issuer = did_key()
    bent = [V2, OB3, {"name": {"@id": "urn:x:other", "@type": "@id"}}]
    report = judge(sign(badge(issuer), issuer, "eddsa-jcs-2022") | {"@context": bent})
    assert report.verdict is Verdict.INVALID


def test_schema_is_said_to_be_unchecked_when_one_is_named() -> None:
    issuer = did_key()
    schema = {"id": "https://schemas.example/1", "type": "JsonSchema"}
    report, wanted = judged(sign(badge(issuer, credentialSchema=[schema]), issuer))
    check = report.check("genuine.schema")
    assert (check.state, check.reason, report.verdict) == (State.SKIPPED, "schema_unchecked", Verdict.VALID)
    assert wanted == []


@pytest.mark.parametrize("is_right", [True, False])
def test_related_resource_is_held_against_its_digest(*, is_right: bool) -> None:
    issuer = did_key()
    found = hashlib.sha384(context_bytes(V2) if is_right else b"other").digest()
    related = {"id": V2, "digestSRI": f"sha384-{base64.b64encode(found).decode()}"}
    report = judge(sign(badge(issuer, relatedResource=[related]), issuer))
    assert report.verdict is (Verdict.VALID if is_right else Verdict.INVALID)


def test_document_is_judged_as_of_the_day_asked_about() -> None:
    issuer = did_key()
    signed = sign(badge(issuer), issuer)
    assert judge(signed, at=ISSUED - timedelta(days=1)).reason == "not_yet_valid"
    assert judge(signed, at=ISSUED, now=NOW).verdict is Verdict.VALID
    assert judge(signed, now=UNTIL + timedelta(days=1)).reason == "expired"
    assert judge(signed, now=UNTIL).verdict is Verdict.VALID


def test_document_is_unknown_when_an_institution_of_this_ledger_signed_what_it_does_not_know() -> None:
    issuer = did_key()
    report = judge(sign(badge(issuer), issuer), listed={issuer.did: "Southern School"})
    assert (report.verdict, report.reason) == (Verdict.UNKNOWN, "not_known_here")
    assert report.check("issuer.known").reason == "identity_directory"


def test_document_costs_a_bounded_amount_of_work_when_its_graph_is_poison() -> None:
    issuer = did_key()
    names = [f"_:b{number}" for number in range(8)]
    nodes = [
        {"id": name, "type": "Achievement", "related": [{"id": one, "type": "Related"} for one in names if one != name]}
        for name in names
    ]
    document = badge(issuer)
    document["credentialSubject"]["achievement"]["endorsement"] = nodes
    document["proof"] = sign(badge(issuer), issuer)["proof"] | {"cryptosuite": "eddsa-rdfc-2022"}
    assert judge(document).verdict is not Verdict.VALID
