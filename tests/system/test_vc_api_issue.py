"""Issuing over the VC-API: what is signed, what is refused, and what happens to it afterwards."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest
from openvc.did.did_key import DidKeyResolver

from tests.system.suite_server import (
    DATA_INTEGRITY,
    EXAMPLES,
    V1,
    V2,
    SuiteServing,
    credential,
    ed25519_signer,
    first_edition,
)
from tests.verifier.data_model_case import ABSENT, ACCEPTED, REFUSED

PROBLEM: Final = "https://www.w3.org/TR/vc-data-model#"
SUITES: Final = [
    ("Ed25519", "eddsa-rdfc-2022"),
    ("Ed25519", "eddsa-jcs-2022"),
    ("P-256", "ecdsa-rdfc-2019"),
    ("P-256", "ecdsa-jcs-2019"),
    ("P-384", "ecdsa-rdfc-2019"),
    ("P-384", "ecdsa-jcs-2019"),
]


def require_refused(answered: httpx.Response) -> None:
    """A refusal: 400 or 422, with problem details, and nothing signed."""
    assert answered.status_code in {400, 422}, answered.text
    body = answered.json()
    assert "verifiableCredential" not in body
    assert body["type"]
    assert body["title"]


def sent(issuer: str, members: dict[str, object]) -> dict[str, Any]:
    """A credential with *members*, in which the issuer of the examples is one that signs here."""
    text = json.dumps({name: value for name, value in members.items() if value is not ABSENT})
    own = text.replace("did:example:school", issuer).replace('"id": "https://school.example/",', f'"id": "{issuer}",')
    left_out = {name: ABSENT for name, value in members.items() if value is ABSENT}
    return credential(issuer, **{**json.loads(own), **left_out})


@pytest.mark.parametrize("kind, cryptosuite", SUITES)
@pytest.mark.parametrize("edition", ["2.0", "1.1"])
def test_credential_is_signed_with_every_suite_and_verifies(
    suite: SuiteServing, kind: str, cryptosuite: str, edition: str
) -> None:
    issuer = suite.issuers()[kind]
    asked = credential(issuer) if edition == "2.0" else first_edition(issuer)
    answered = suite.issue(asked, cryptosuite=cryptosuite)
    assert answered.status_code == httpx.codes.CREATED, answered.text
    assert answered.json().keys() == {"verifiableCredential"}
    signed = answered.json()["verifiableCredential"]
    proof = signed["proof"]
    assert proof["type"] == "DataIntegrityProof"
    assert proof["cryptosuite"] == cryptosuite
    assert proof["proofPurpose"] == "assertionMethod"
    assert proof["proofValue"].startswith("z")
    assert proof["verificationMethod"] == DidKeyResolver().resolve(issuer).verification_methods[0].id
    kept = {name: value for name, value in signed.items() if name not in {"proof", "credentialStatus", "@context"}}
    assert kept == {name: value for name, value in asked.items() if name != "@context"}
    assert signed["@context"][: len(asked["@context"])] == asked["@context"]
    verified = suite.verify(signed)
    assert (verified.status_code, verified.json()) == (200, {"verified": True}), verified.text


@pytest.mark.parametrize("kind, cryptosuite", SUITES)
def test_older_credential_with_a_term_of_its_own_context_is_signed_with_the_suite_asked_for(
    suite: SuiteServing, kind: str, cryptosuite: str
) -> None:
    context = [V1, {"@context": {"name": "https://schema.org/name"}}]
    subject = {"id": "did:example:learner", "name": "Ada"}
    asked = first_edition(suite.issuers()[kind], **{"@context": context, "credentialSubject": subject})
    answered = suite.issue(asked, cryptosuite=cryptosuite)
    assert answered.status_code == httpx.codes.CREATED, answered.text
    signed = answered.json()["verifiableCredential"]
    assert signed["proof"]["cryptosuite"] == cryptosuite
    assert suite.verify(signed).json() == {"verified": True}


def test_credential_is_signed_with_the_suite_of_the_key_when_none_is_asked_for(suite: SuiteServing) -> None:
    found = {
        kind: suite.issue(credential(issuer)).json()["verifiableCredential"]["proof"]["cryptosuite"]
        for kind, issuer in suite.issuers().items()
    }
    assert found == {"Ed25519": "eddsa-rdfc-2022", "P-256": "ecdsa-rdfc-2019", "P-384": "ecdsa-rdfc-2019"}


@pytest.mark.parametrize(
    "name",
    [{"@value": "دورة", "@language": "ar", "@direction": "rtl"}, {"@value": "Course"}],
)
def test_credential_is_signed_over_json_when_its_rdf_would_not_say_all_of_it(suite: SuiteServing, name: object) -> None:
    """RDF has no direction of a text, so a signature over it would not cover that."""
    for kind, issuer in suite.issuers().items():
        for options in ({}, {"cryptosuite": "eddsa-rdfc-2022" if kind == "Ed25519" else "ecdsa-rdfc-2019"}):
            signed = suite.issue(credential(issuer, name=name), **options).json()["verifiableCredential"]
            assert "jcs" in signed["proof"]["cryptosuite"]
            assert suite.verify(signed).json() == {"verified": True}
            another = {**signed, "name": {**signed["name"], "@direction": "ltr"}}
            assert suite.verify(another).status_code == httpx.codes.BAD_REQUEST


def test_first_edition_gets_the_contexts_that_it_lacks_when_it_is_signed(suite: SuiteServing) -> None:
    issuer = suite.issuers()["Ed25519"]
    bare = suite.issue(first_edition(issuer)).json()["verifiableCredential"]
    assert bare["@context"][:2] == [V1, DATA_INTEGRITY]
    given = suite.issue(first_edition(issuer, **{"@context": [V1, DATA_INTEGRITY]})).json()["verifiableCredential"]
    assert given["@context"].count(DATA_INTEGRITY) == 1
    undated = suite.issue(first_edition(issuer, issuanceDate=ABSENT)).json()["verifiableCredential"]
    assert undated["issuanceDate"].endswith("Z")
    expiring = first_edition(issuer, expirationDate="2099-01-31T12:00:00Z")
    assert suite.issue(expiring).status_code == httpx.codes.CREATED


@pytest.mark.parametrize("members", ACCEPTED.values(), ids=ACCEPTED)
def test_credential_is_signed_when_it_has(suite: SuiteServing, members: dict[str, object]) -> None:
    answered = suite.issue(sent(suite.issuers()["Ed25519"], members))
    assert answered.status_code == httpx.codes.CREATED, answered.text


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_credential_is_refused_when_it_has(suite: SuiteServing, case: tuple[dict[str, object], str]) -> None:
    members, pointer = case
    answered = suite.issue(sent(suite.issuers()["Ed25519"], members))
    require_refused(answered)
    problems = answered.json()["problemDetails"]
    assert all(one["type"].startswith(PROBLEM) for one in problems)
    assert "proof" in members or any(f"(at {pointer})" in one["detail"] for one in problems)


@pytest.mark.parametrize(
    "contexts, types",
    [
        ([V2, {"VerifiableCredential": "https://example.org/#Bad"}], ["VerifiableCredential"]),
        (
            [V2, {"@protected": True, "Course": "https://example.org/#A"}, {"Course": "https://example.org/#B"}],
            ["VerifiableCredential", "Course"],
        ),
        ([V2, {"Course": "https ://not-a-url#Course"}], ["VerifiableCredential", "Course"]),
        ([V2], ["VerifiableCredential", "Course"]),
        ([V2, {"@vocab": None}], ["VerifiableCredential", "Course"]),
        ([V2, "https://example.org/unknown/v1"], ["VerifiableCredential"]),
    ],
)
def test_credential_is_refused_when_contexts_do_not_define_it(
    suite: SuiteServing, contexts: list[object], types: list[str]
) -> None:
    issuer = suite.issuers()["Ed25519"]
    for cryptosuite in ("eddsa-rdfc-2022", "eddsa-jcs-2022"):
        made = credential(issuer, **{"@context": contexts, "type": types})
        require_refused(suite.issue(made, cryptosuite=cryptosuite))


def test_credential_is_refused_when_a_member_is_not_defined(suite: SuiteServing) -> None:
    """A misspelt status entry: no context of the credential defines the member."""
    entry = {"type": "BitstringStatusListEntry", "statusListIndex": True, "statusListCredential": "https://example.com"}
    issuer = suite.issuers()["Ed25519"]
    require_refused(suite.issue(credential(issuer, **{"@context": [V2], "statusEntry": entry})))


@pytest.mark.parametrize(
    "issuer",
    [
        "https://vc.example/issuers/5678",
        "did:example:issuer",
        {"id": "did:example:issuer"},
        "did:key:z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2",
        "did:web:localhost:institutions:nobody",
        ABSENT,
        None,
        4,
        True,
        [],
        "foo",
        {},
        {"id": None},
        {"id": "foo"},
        {"name": "A school"},
    ],
)
def test_credential_is_refused_when_its_issuer_is_not_of_this_ledger(suite: SuiteServing, issuer: object) -> None:
    require_refused(suite.issue(credential(issuer)))


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        4,
        "text",
        {"credential": None},
        {"credential": 4},
        {"credential": []},
        {"verifiableCredential": {"a": 1}},
        {"credential": {}, "options": 4},
        {"credential": {}, "options": []},
    ],
)
def test_body_is_refused_when_it_holds_no_credential(suite: SuiteServing, body: object) -> None:
    require_refused(suite.post("/credentials/issue", body))


@pytest.mark.parametrize("cryptosuite", ["bbs-2023", "", 4, ["eddsa-jcs-2022"], "ecdsa-rdfc-2019"])
def test_credential_is_refused_when_the_issuer_cannot_sign_with_the_suite(
    suite: SuiteServing, cryptosuite: object
) -> None:
    require_refused(suite.issue(credential(suite.issuers()["Ed25519"]), cryptosuite=cryptosuite))


def test_credential_is_refused_when_it_is_signed_already(suite: SuiteServing) -> None:
    signed = suite.issued()
    require_refused(suite.issue(signed))


def test_options_are_ignored_when_they_are_unknown(suite: SuiteServing) -> None:
    asked = credential(suite.issuers()["Ed25519"])
    options = {"mandatoryPointers": ["/issuer"], "type": "Something", "created": 4, "checks": None, "\u0000": []}
    assert suite.issue(asked, **options).status_code == httpx.codes.CREATED
    for without in ({"credential": asked}, {"credential": asked, "options": None}, {"credential": asked, "more": 1}):
        assert suite.post("/credentials/issue", without).status_code == httpx.codes.CREATED


def test_credential_gets_an_address_when_it_has_no_id(suite: SuiteServing) -> None:
    signed = suite.issued(id=ABSENT)
    assert signed["id"].startswith(f"{suite.url}/verify/")
    assert suite.verify(signed).status_code == httpx.codes.OK
    assert suite.set_status(signed["id"]).status_code == httpx.codes.OK
    assert suite.verify(signed).status_code == httpx.codes.BAD_REQUEST


@pytest.mark.parametrize(
    "period",
    [
        {"validUntil": "2020-01-31T12:00:00Z"},
        {"validFrom": "2020-01-31T12:00:00Z", "validUntil": "2020-01-31T12:00:00Z"},
        {"validFrom": "9999-12-31T23:59:59.999Z"},
        {"validFrom": "12026-01-31T12:00:00Z", "validUntil": "99999-01-31T12:00:00Z"},
        {"validFrom": "-0044-03-15T12:00:00Z", "validUntil": "0001-01-01T00:00:00Z"},
    ],
)
def test_credential_is_signed_when_its_period_lies_anywhere(suite: SuiteServing, period: dict[str, str]) -> None:
    signed = suite.issued(**period)
    assert {name: signed[name] for name in period} == period


def test_entries_say_where_the_status_is(suite: SuiteServing) -> None:
    entry = suite.issued()["credentialStatus"]
    assert entry.keys() == {"id", "type", "statusPurpose", "statusListIndex", "statusListCredential"}
    assert entry["type"] == "BitstringStatusListEntry"
    assert entry["statusPurpose"] == "revocation"
    assert str(int(entry["statusListIndex"])) == entry["statusListIndex"]
    assert entry["statusListCredential"].startswith(f"{suite.url}/status-lists/")
    assert entry["id"] != entry["statusListCredential"]
    issuer = suite.issuers()["Ed25519"]
    for asked, purposes in (
        ("suspension", ["suspension"]),
        (["suspension", "revocation"], ["revocation", "suspension"]),
    ):
        status = suite.issue(credential(issuer), statusPurpose=asked).json()["verifiableCredential"]["credentialStatus"]
        listed = status if isinstance(status, list) else [status]
        assert [one["statusPurpose"] for one in listed] == purposes
    require_refused(suite.issue(credential(issuer), statusPurpose="message"))


def test_entries_are_added_to_those_that_the_credential_has(suite: SuiteServing) -> None:
    given = {"id": "did:example:status", "type": "AnotherList"}
    status = suite.issued(credentialStatus=given)["credentialStatus"]
    assert [entry["type"] for entry in status] == ["AnotherList", "BitstringStatusListEntry"]
    assert status[0] == given


@pytest.mark.parametrize("kind", ["Ed25519", "P-256", "P-384"])
def test_status_list_is_a_credential_of_the_issuer_that_verifies(suite: SuiteServing, kind: str) -> None:
    issuer = suite.issuers()[kind]
    entry = suite.issue(credential(issuer)).json()["verifiableCredential"]["credentialStatus"]
    served = suite.http.get(entry["statusListCredential"])
    assert served.status_code == httpx.codes.OK
    signed = served.json()
    assert signed["id"] == entry["statusListCredential"]
    assert signed["type"] == ["VerifiableCredential", "BitstringStatusListCredential"]
    assert signed["issuer"] == issuer
    subject = signed["credentialSubject"]
    assert subject.keys() == {"id", "type", "statusPurpose", "encodedList"}
    assert subject["type"] == "BitstringStatusList"
    assert subject["statusPurpose"] == "revocation"
    assert subject["encodedList"].startswith("u")
    encoded = subject["encodedList"][1:]
    assert "=" not in encoded
    bits = gzip.decompress(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    assert len(bits) >= 16 * 1024
    assert signed["proof"]["cryptosuite"].endswith(("rdfc-2022", "rdfc-2019"))
    assert suite.verify(signed).json() == {"verified": True}


def test_status_is_changed_by_the_id_of_the_credential(suite: SuiteServing) -> None:
    signed = suite.issued()
    other = suite.issued()
    assert suite.verify(signed).status_code == httpx.codes.OK
    assert suite.set_status(signed["id"]).status_code == httpx.codes.OK
    assert suite.set_status(signed["id"]).status_code == httpx.codes.OK  # once more changes nothing
    refused = suite.verify(signed)
    assert refused.status_code == httpx.codes.BAD_REQUEST
    assert refused.json()["problemDetails"][0]["type"].endswith("status-list#STATUS_VERIFICATION_ERROR")
    assert suite.verify(other).status_code == httpx.codes.OK
    entry = signed["credentialStatus"]
    encoded = suite.http.get(entry["statusListCredential"]).json()["credentialSubject"]["encodedList"][1:]
    bits = gzip.decompress(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    index = int(entry["statusListIndex"])
    assert bits[index // 8] >> (7 - index % 8) & 1
    assert suite.set_status(signed["id"], status=False).status_code == httpx.codes.BAD_REQUEST


def test_status_is_suspended_and_reinstated(suite: SuiteServing) -> None:
    asked = credential(suite.issuers()["P-256"])
    signed = suite.issue(asked, statusPurpose=["revocation", "suspension"]).json()["verifiableCredential"]
    for wanted, status in ((True, 400), (True, 400), (False, 200), (False, 200)):
        assert suite.set_status(asked["id"], "suspension", status=wanted).status_code == httpx.codes.OK
        assert suite.verify(signed).status_code == status
    assert suite.set_status(asked["id"]).status_code == httpx.codes.OK
    assert suite.set_status(asked["id"], "suspension").status_code == httpx.codes.BAD_REQUEST


def test_status_is_set_when_the_body_names_a_list_and_no_value(suite: SuiteServing) -> None:
    signed = suite.issued()
    entry = {"type": "BitstringStatusListEntry", "statusPurpose": "revocation"}
    body = {"credentialId": signed["id"], "credentialStatus": entry}
    assert suite.post("/credentials/status", body).status_code == httpx.codes.OK
    assert suite.verify(signed).status_code == httpx.codes.BAD_REQUEST


def test_status_is_refused_when_the_credential_names_no_list_for_it(suite: SuiteServing) -> None:
    assert suite.set_status(suite.issued()["id"], "suspension").status_code == httpx.codes.BAD_REQUEST


def test_status_is_changed_by_the_name_that_the_caller_chose(suite: SuiteServing) -> None:
    asked, name = credential(suite.issuers()["Ed25519"]), f"record {uuid4()}"
    signed = suite.issue(asked, credentialId=name).json()["verifiableCredential"]
    assert suite.set_status(asked["id"]).status_code == httpx.codes.NOT_FOUND
    assert suite.set_status(name).status_code == httpx.codes.OK
    assert suite.verify(signed).status_code == httpx.codes.BAD_REQUEST


@pytest.mark.parametrize("name", ["urn:uuid:nothing", "https://localhost/verify/x", "\u0444", "a" * 2_000])
def test_status_is_not_found_when_nothing_of_that_id_was_signed(suite: SuiteServing, name: str) -> None:
    assert suite.set_status(name).status_code == httpx.codes.NOT_FOUND


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"credentialId": None},
        {"credentialId": 4},
        {"credentialId": ""},
        {"credentialId": "a" * 3_000},
        {"credentialId": "urn:a:1"},
        {"credentialId": "urn:a:1", "credentialStatus": []},
        {"credentialId": "urn:a:1", "credentialStatus": {"type": "RevocationList2020Status"}},
        {"credentialId": "urn:a:1", "credentialStatus": {"type": "BitstringStatusListEntry"}},
        {
            "credentialId": "urn:a:1",
            "credentialStatus": {"type": "BitstringStatusListEntry", "statusPurpose": "message"},
        },
        {
            "credentialId": "urn:a:1",
            "credentialStatus": {"type": "BitstringStatusListEntry", "statusPurpose": ["revocation"]},
        },
        {
            "credentialId": "urn:a:1",
            "credentialStatus": {"type": "BitstringStatusListEntry", "statusPurpose": "revocation"},
            "status": "true",
        },
    ],
)
def test_status_is_refused_when_the_body_does_not_say_what(suite: SuiteServing, body: object) -> None:
    require_refused(suite.post("/credentials/status", body))


def test_signed_credential_is_in_the_log_before_it_is_answered(suite: SuiteServing) -> None:
    before = suite.http.get("/v1/audit/statuses?limit=1000").json()["statuses"]
    suite.issued()
    after = suite.http.get("/v1/audit/statuses?limit=1000").json()["statuses"]
    assert len(after) == len(before) + 1 or len(after) == 1000


def test_repetition_gets_the_first_answer_when_it_names_a_key(suite: SuiteServing) -> None:
    body = {"credential": credential(suite.issuers()["P-256"])}
    headers = {"Idempotency-Key": uuid4().hex}
    first, second = (suite.http.post("/vc-api/credentials/issue", json=body, headers=headers) for _ in range(2))
    assert first.status_code == second.status_code == httpx.codes.CREATED
    assert first.json() == second.json()
    other = suite.http.post(
        "/vc-api/credentials/issue", json={"credential": credential(suite.issuers()["P-256"])}, headers=headers
    )
    assert other.status_code == httpx.codes.UNPROCESSABLE_ENTITY


def test_strangers_key_is_not_signed_for_when_it_is_a_did_key(suite: SuiteServing) -> None:
    require_refused(suite.issue(credential(ed25519_signer().did, **{"@context": [V2, EXAMPLES]})))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"{",
        b"\xff",
        b'{"credential": {"a": 1, "a": 2}}',
        b'{"credential": NaN}',
        b'{"credential": "\\ud800"}',
        b'{"credential": ' + b"[" * 100 + b"]" * 100 + b"}",
        b'{"credential": 99999999999999999999}',
        b"[" * 100_000,
    ],
)
@pytest.mark.parametrize(
    "path", ["/credentials/issue", "/credentials/verify", "/presentations/verify", "/credentials/status"]
)
def test_route_answers_400_when_the_body_is_hostile(suite: SuiteServing, path: str, content: bytes) -> None:
    answered = suite.http.post(f"/vc-api{path}", content=content, headers={"Content-Type": "application/json"})
    assert answered.status_code == httpx.codes.BAD_REQUEST, answered.text


@pytest.mark.parametrize(
    "path", ["/credentials/issue", "/credentials/verify", "/presentations/verify", "/credentials/status"]
)
def test_route_refuses_a_body_when_it_is_too_large_or_of_another_type(suite: SuiteServing, path: str) -> None:
    url = f"/vc-api{path}"
    large = suite.http.post(url, json={"credential": "a" * 300_000})
    assert large.status_code == httpx.codes.REQUEST_ENTITY_TOO_LARGE
    form = suite.http.post(url, data={"credential": "a"})
    assert form.status_code == httpx.codes.UNSUPPORTED_MEDIA_TYPE
    assert suite.http.get(url).status_code == httpx.codes.METHOD_NOT_ALLOWED
