"""Status list tokens: the same bits as the Bitstring Status Lists, as SD-JWT VCs refer to them."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from openvc.did.base import parse_did_document
from openvc.status.bitstring import decode_bitstring, get_status_bit
from openvc.status.issue import verify_status_list_token
from openvc.status.token_status_list import check_token_status, get_status

import ledger.form.sd_jwt
from api.status_token import EXPIRES_AFTER, packed_statuses
from ledger.document import Award, status_entries
from tests.api.served import BASE, SLUG, Served, open_school, serving
from tests.verifier.foreign.maker import judge
from verifier.report import Report

TOKEN = "/status-tokens/0"
BODIES: dict[str, Any] = {
    "POST /suspension": {"reason": "under_review"},
    "DELETE /suspension": {},
    "POST /revocation": {"reason": "academic_misconduct"},
}
CHANGES = (
    (None, 0),
    ("POST /suspension", 2),
    ("DELETE /suspension", 0),
    ("POST /suspension", 2),
    ("POST /revocation", 1),
)


@pytest.fixture
def school(tmp_path: Path) -> Iterator[tuple[Served, str]]:
    with serving(tmp_path / "data") as served:
        key = open_school(served)
        answered = served.write("POST", f"/v1/institutions/{SLUG}/forms", {"forms": ["sd-jwt"]}, key)
        assert answered.status_code == httpx.codes.OK, answered.text
        yield served, key


def sd_jwt(served: Served, key: str, award: str) -> str:
    headers = {"Authorization": f"Bearer {key}"}
    return served.http.get(f"/v1/credentials/{award}/documents/sd-jwt", headers=headers).text


def claims_of(token: str) -> dict[str, Any]:
    payload = token.split("~", maxsplit=1)[0].split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(payload + "==")))


def elsewhere(served: Served, token: str) -> Report:
    """Judge it as a verifier does that knows nothing but what this ledger publishes."""
    did = f"did:web:ledger.test:institutions:{SLUG}"
    paths = {did: f"/institutions/{SLUG}/did.json"}
    paths |= {f"{BASE}{path}": path for path in (TOKEN, "/status-lists/0", "/status-lists/1")}
    return judge(token, {name: served.http.get(path).content for name, path in paths.items()})


def test_token_has_every_bit_of_both_lists_in_the_order_of_tokens() -> None:
    source = random.Random(7)
    revoked, suspended = source.randbytes(512), source.randbytes(512)
    packed = packed_statuses(revoked, suspended)
    assert len(packed) == 1_024
    for place in range(8 * 512):
        due = 1 if get_status_bit(revoked, place) else 2 if get_status_bit(suspended, place) else 0
        assert get_status(packed, place, bits=2) == due, place


def test_token_verifies_with_openvc_and_says_what_the_lists_say(school: tuple[Served, str]) -> None:
    served, key = school
    award = served.issue(key)["id"]
    claims = claims_of(sd_jwt(served, key, award))
    assert "credentialStatus" not in claims
    assert claims["status"]["status_list"]["uri"] == f"{BASE}{TOKEN}"
    for change, status in CHANGES:
        if change is not None:
            method, _, path = change.partition(" ")
            changed = served.write(method, f"/v1/credentials/{award}{path}", BODIES[change], key)
            assert changed.status_code == httpx.codes.OK, changed.text
        answered = served.http.get(TOKEN)
        assert answered.headers["content-type"] == "application/statuslist+jwt"
        document = parse_did_document(served.http.get(f"/institutions/{SLUG}/did.json").json())
        [jwk] = [method.public_key_jwk for method in document.verification_methods]
        listed = verify_status_list_token(answered.text, public_key_jwk=jwk, expected_uri=f"{BASE}{TOKEN}")
        assert listed["exp"] - listed["iat"] == EXPIRES_AFTER.total_seconds()
        result = check_token_status(claims, resolve_status_list_token=lambda _, listed=listed: listed)  # type: ignore[misc]  # bound early, for the loop
        assert result is not None
        assert result.status == status
        index = claims["status"]["status_list"]["idx"]
        bits = [
            get_status_bit(
                decode_bitstring(served.http.get(f"/status-lists/{n}").json()["credentialSubject"]["encodedList"]),
                index,
            )
            for n in (0, 1)
        ]
        assert bits[0] == (status == 1)
        assert bits[1] == (status == 2 or change == "POST /revocation")


def test_sd_jwt_of_this_ledger_is_judged_elsewhere_by_its_token(school: tuple[Served, str]) -> None:
    served, key = school
    award = served.issue(key)["id"]
    token = sd_jwt(served, key, award)
    assert elsewhere(served, token).reason == "valid_foreign"
    served.write("POST", f"/v1/credentials/{award}/suspension", {"reason": "under_review"}, key)
    assert elsewhere(served, token).reason == "list_suspension"
    served.write("POST", f"/v1/credentials/{award}/revocation", {"reason": "academic_misconduct"}, key)
    assert elsewhere(served, token).reason == "list_revocation"
    answered = served.http.post("/v1/verify", content=token, headers={"Content-Type": "application/dc+sd-jwt"})
    assert answered.json()["verdict"] == "invalid"


def test_sd_jwt_of_before_is_still_judged_by_the_lists_that_it_names(
    school: tuple[Served, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    served, key = school
    now_claims = ledger.form.sd_jwt.claims_of

    def former_claims(award: Award, base_url: str) -> dict[str, Any]:
        claims = now_claims(award, base_url)
        del claims["status"]
        return claims | {"credentialStatus": status_entries(award.place, base_url)}

    monkeypatch.setattr(ledger.form.sd_jwt, "claims_of", former_claims)
    award = served.issue(key)["id"]
    token = sd_jwt(served, key, award)
    assert "status" not in claims_of(token)
    headers = {"Content-Type": "application/dc+sd-jwt"}
    assert served.http.post("/v1/verify", content=token, headers=headers).json()["verdict"] == "valid"
    assert elsewhere(served, token).reason == "valid_foreign"
    served.write("POST", f"/v1/credentials/{award}/revocation", {"reason": "academic_misconduct"}, key)
    assert elsewhere(served, token).reason == "list_revocation"
    assert served.http.post("/v1/verify", content=token, headers=headers).json()["verdict"] == "invalid"


@pytest.mark.parametrize("block", ["1", "-1", "4294967296", "99999999999999999999"])
def test_token_is_not_found_when_there_is_no_such_block(school: tuple[Served, str], block: str) -> None:
    served, key = school
    served.issue(key)
    assert served.http.get(f"/status-tokens/{block}").status_code == httpx.codes.NOT_FOUND


def test_token_is_signed_once_for_every_change_and_not_for_every_reader(school: tuple[Served, str]) -> None:
    served, key = school
    award = served.issue(key)["id"]
    first = served.http.get(TOKEN)
    assert served.http.get(TOKEN).content == first.content
    known = {"If-None-Match": first.headers["etag"]}
    assert served.http.get(TOKEN, headers=known).status_code == httpx.codes.NOT_MODIFIED
    served.write("POST", f"/v1/credentials/{award}/revocation", {"reason": "academic_misconduct"}, key)
    assert served.http.get(TOKEN, headers=known).status_code == httpx.codes.OK
