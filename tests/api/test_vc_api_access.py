"""Who may sign and change statuses over the VC-API, and what a did:web institution signs there."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from api import example
from api.setting import Settings
from tests.api.served import BASE, SLUG, Served
from verifier.data_model import issuer_of

STATUS = "/vc-api/credentials/status"
ISSUE = "/vc-api/credentials/issue"


@pytest.fixture(scope="module")
def did(served: Served, school_key: str) -> str:
    assert school_key
    found: str = served.http.get(f"/institutions/{SLUG}").json()["did"]
    return found


def asked(did: str, number: int = 0) -> dict[str, Any]:
    return {"credential": {**example.VC_API_CREDENTIAL, "issuer": did, "id": f"urn:test:{number}"}}


def post(served: Served, path: str, body: object, key: str | None) -> httpx.Response:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    return served.http.post(path, json=body, headers=headers)


@pytest.mark.parametrize("path", [ISSUE, STATUS])
def test_write_is_refused_before_its_body_is_read_when_no_key_is_sent(served: Served, did: str, path: str) -> None:
    for key in (None, "cairn_00000000_nothing", ""):
        answered = post(served, path, asked(did), key)
        assert answered.status_code == httpx.codes.UNAUTHORIZED
        assert answered.headers["www-authenticate"].startswith("Bearer")
    assert served.http.post(path, content=b"{").status_code == httpx.codes.UNAUTHORIZED


def test_verifying_needs_no_key(served: Served) -> None:
    for path, body in (
        ("/vc-api/credentials/verify", example.VC_API_VERIFY),
        ("/vc-api/presentations/verify", example.VC_API_VERIFY_PRESENTATION),
    ):
        answered = post(served, path, body, None)
        assert (answered.status_code, answered.json()) == (httpx.codes.OK, {"verified": True})
        assert answered.headers["cache-control"] == "no-store"


def test_institution_of_a_did_web_signs_with_its_own_key_alone(served: Served, did: str, school_key: str) -> None:
    signed = post(served, ISSUE, asked(did, 1), school_key)
    assert signed.status_code == httpx.codes.CREATED, signed.text
    document = signed.json()["verifiableCredential"]
    assert issuer_of(document) == did
    assert document["proof"]["verificationMethod"] == f"{did}#key-1"
    verified = post(served, "/vc-api/credentials/verify", {"verifiableCredential": document}, None)
    assert verified.json() == {"verified": True}
    assert served.write("POST", "/v1/institutions", {**example.REGISTRATION, "slug": "other"}, served.key()).is_success
    other = served.http.get("/institutions/other").json()["did"]
    assert post(served, ISSUE, asked(other), school_key).status_code == httpx.codes.FORBIDDEN
    assert post(served, ISSUE, asked(other), served.key("other")).status_code == httpx.codes.CREATED
    assert post(served, ISSUE, asked(other), served.key()).status_code == httpx.codes.CREATED


def status(name: str, *, value: bool = True) -> dict[str, Any]:
    return {**example.VC_API_STATUS, "credentialId": name, "status": value}


def test_institution_changes_the_status_of_its_own_alone(served: Served, did: str, school_key: str) -> None:
    assert post(served, ISSUE, asked(did, 2), school_key).status_code == httpx.codes.CREATED
    assert served.write("POST", "/v1/institutions", {**example.REGISTRATION, "slug": "third"}, served.key()).is_success
    assert post(served, STATUS, status("urn:test:2"), served.key("third")).status_code == httpx.codes.NOT_FOUND
    assert post(served, STATUS, status("urn:test:2"), served.key()).status_code == httpx.codes.OK
    award = served.issue(school_key)
    address = f"{BASE}/verify/{award['id']}"
    assert post(served, STATUS, status(address), served.key("third")).status_code == httpx.codes.FORBIDDEN
    assert post(served, STATUS, status(address), school_key).status_code == httpx.codes.OK
    assert served.http.get(f"/v1/credentials/{award['id']}/status").json()["state"] == "revoked"
    unknown = f"{BASE}/verify/{'0' * 36}"
    assert post(served, STATUS, status(unknown), school_key).status_code == httpx.codes.NOT_FOUND
    malformed = post(served, STATUS, status(f"{BASE}/verify/x"), school_key)
    assert malformed.status_code in {httpx.codes.NOT_FOUND, httpx.codes.UNPROCESSABLE_ENTITY}


def test_award_of_the_ledger_is_verified_like_any_other_credential(served: Served, school_key: str) -> None:
    award = served.issue(school_key)
    document = served.http.get(
        f"/v1/credentials/{award['id']}/bundle", headers={"Authorization": f"Bearer {school_key}"}
    ).json()["document"]
    path = "/vc-api/credentials/verify"
    assert post(served, path, {"verifiableCredential": document}, None).json() == {"verified": True}
    suspension = f"/v1/credentials/{award['id']}/suspension"
    assert served.write("POST", suspension, example.SUSPENSION, school_key).is_success
    assert post(served, path, {"verifiableCredential": document}, None).status_code == httpx.codes.BAD_REQUEST
    altered = {**document, "name": "Another"}
    assert post(served, path, {"verifiableCredential": altered}, None).status_code == httpx.codes.BAD_REQUEST


def test_settings_have_no_way_to_sign_without_keys() -> None:
    """Only the command that serves its own machine can; no variable of the environment makes a server do so."""
    assert not [name for name in Settings.model_fields if "open" in name or "stand_in" in name or "anonymous" in name]


def test_signed_document_is_refused_when_its_key_was_stolen(served: Served) -> None:
    registration = {**example.REGISTRATION, "slug": "robbed"}
    assert served.write("POST", "/v1/institutions", registration, served.key()).is_success
    did = served.http.get("/institutions/robbed").json()["did"]
    signed = post(served, ISSUE, asked(did, 3), served.key("robbed")).json()["verifiableCredential"]
    body = {"verifiableCredential": signed}
    assert post(served, "/vc-api/credentials/verify", body, None).json() == {"verified": True}
    at = served.node.ledger.now().isoformat()
    path = "/v1/institutions/robbed/keys/key-1/compromise"
    assert served.write("POST", path, {"compromised_at": at}, served.key()).is_success
    assert post(served, "/vc-api/credentials/verify", body, None).status_code == httpx.codes.BAD_REQUEST
    refused = post(served, ISSUE, asked(did, 4), served.key("robbed"))
    assert refused.status_code == httpx.codes.BAD_REQUEST
    assert "no key in force" in refused.json()["detail"]
