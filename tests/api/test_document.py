"""The forms of an award over HTTP: listed, fetched with the right media type, baked, added, kept private."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import import_key
from openbadgeslib.ob3.verifier import OB3Verifier
from openvc.did.base import multikey_to_jwk
from png import Reader

from api import example
from ledger.commitment import commit
from ledger.credential_id import credential_aggregate_id
from ledger.form.kind import FORMS
from ledger.form_signing import committed_part
from tests.api.served import BASE, CODE, OPERATOR, SLUG, Served
from tests.verifier.foreign.maker import judge

MISSING, FORBIDDEN, CONFLICT = httpx.codes.NOT_FOUND, httpx.codes.FORBIDDEN, httpx.codes.CONFLICT
ALL = [form.name for form in FORMS[1:]]


@pytest.fixture(scope="module")
def award(served: Served, school_key: str) -> str:
    """An award in every form that there is."""
    for algorithm in ("P-256", "RSA"):
        served.node.registry.rotate_key(slug=SLUG, actor=OPERATOR, algorithm=algorithm)
    answered = served.write("POST", f"/v1/institutions/{SLUG}/forms", {"forms": ALL}, school_key)
    assert answered.json() == {"institution": SLUG, "forms": ["open-badge", *ALL]}, answered.text
    made = served.issue(school_key, learner={"name": "Mari Maasikas", "reference": "S-7"}, grade="A")
    return str(made["id"])


def fetch(served: Served, award: str, path: str, key: str) -> httpx.Response:
    return served.http.get(f"/v1/credentials/{award}/documents{path}", headers={"Authorization": f"Bearer {key}"})


def logged(served: Served, award: str) -> dict[str, str]:
    """Commitments by kind, as the public facts say them."""
    facts = served.node.views.facts(award)
    found: dict[str, str] = {}
    for signing in (*facts.signings, *facts.added):
        found |= signing.commitments
    return found


def test_documents_lists_every_form_and_each_opens_its_commitment(served: Served, school_key: str, award: str) -> None:
    listed = fetch(served, award, "", school_key).json()
    assert [one["form"] for one in listed["documents"]] == [form.name for form in FORMS]
    commitments = {}
    for one in listed["documents"]:
        answered = fetch(served, award, f"/{one['form']}", school_key)
        assert answered.status_code == httpx.codes.OK
        assert answered.headers["content-type"] == one["media_type"]
        assert answered.headers["cache-control"] == "private, no-store"
        salt = base64.b64decode(one["salt"])
        part = committed_part(one["kind"], answered.content)
        commitments[one["kind"]] = commit(credential_aggregate_id(award), one["kind"], part, salt)
    assert commitments == logged(served, award)


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
@pytest.mark.parametrize("form, alg", [("vc-jwt", "EdDSA"), ("vc-jwt-es256", "ES256"), ("vc-jwt-rs256", "RS256")])
def test_token_names_its_key_so_that_displayers_find_it(
    served: Served, school_key: str, award: str, form: str, alg: str
) -> None:
    token = fetch(served, award, f"/{form}", school_key).text
    header = json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))
    assert set(header) <= {"alg", "kid", "typ", "jwk"}  # Open Badges 3.0 allows no others
    assert (header["alg"], header["typ"]) == (alg, "JWT")
    if alg == "RS256":
        answered = served.http.get(httpx.URL(header["kid"]).path)
        assert answered.headers["content-type"] == "application/jwk+json"
        jwk = answered.json()
        assert set(jwk) == {"kty", "n", "e"}
    else:
        jwk = header["jwk"]
        document = served.http.get(f"/institutions/{SLUG}/did.json").json()
        [method] = [one for one in document["verificationMethod"] if one["id"] == header["kid"]]
        assert multikey_to_jwk(method["publicKeyMultibase"]) == jwk
    assert jwt.decode(token, import_key(jwk), algorithms=[alg]).claims["jti"].endswith(award)
    headers = {"Content-Type": "application/vc+jwt"}
    assert served.http.post("/v1/verify", content=token, headers=headers).json()["verdict"] == "valid"
    did = f"did:web:ledger.test:institutions:{SLUG}"
    known = {did: served.http.get(f"/institutions/{SLUG}/did.json").content}
    for number in (0, 1):
        known[f"{BASE}/status-lists/{number}"] = served.http.get(f"/status-lists/{number}").content
    assert judge(token, known).reason == "valid_foreign"


def new_key(served: Served) -> str:
    outcome = served.node.registry.rotate_key(slug=SLUG, actor=OPERATOR, algorithm="P-384")
    served.node.wait_until_visible(outcome.position)
    return str(outcome.answer["key"])


def test_key_is_not_served_when_it_may_not_speak_for_the_institution(served: Served, school_key: str) -> None:
    keys = f"/institutions/{SLUG}/keys"
    made = new_key(served)
    jwk = served.http.get(f"{keys}/{made}").json()
    assert (jwk["kty"], jwk["crv"], set(jwk)) == ("EC", "P-384", {"kty", "crv", "x", "y"})
    next_one = new_key(served)
    assert served.http.get(f"{keys}/{made}").status_code == httpx.codes.OK  # retired
    body = {"reason": "other"}
    revoked = served.write("POST", f"/v1{keys}/{next_one}/revocation", body, school_key)
    assert revoked.status_code == httpx.codes.OK, revoked.text
    for unknown in (next_one, "key-99", "x"):
        assert served.http.get(f"{keys}/{unknown}").status_code == MISSING


@pytest.mark.parametrize("name", ["png", "svg"])
def test_picture_holds_the_badge_that_was_signed(served: Served, school_key: str, award: str, name: str) -> None:
    answered = fetch(served, award, f"/{name}", school_key)
    badge = fetch(served, award, "/open-badge", school_key).content
    if name == "png":
        assert answered.headers["content-type"] == "image/png"
        width, height, *_ = Reader(file=io.BytesIO(answered.content)).read()
        assert width == height
        assert OB3Verifier.extract_token_from_png(answered.content).encode() == badge
    else:
        assert answered.headers["content-type"] == "image/svg+xml"
        assert OB3Verifier.extract_token_from_svg(answered.content).encode() == badge


def test_documents_are_for_the_institution_that_made_the_award(served: Served, school_key: str, award: str) -> None:
    assert served.http.get(f"/v1/credentials/{award}/documents/open-badge").status_code == httpx.codes.UNAUTHORIZED
    other = {**example.REGISTRATION, "slug": "other-school"}
    served.write("POST", "/v1/institutions", other, served.key())
    stranger = served.key("other-school")
    for path in ("", "/open-badge", "/png"):
        assert fetch(served, award, path, stranger).status_code == FORBIDDEN
    answered = served.write("POST", f"/v1/credentials/{award}/documents", {"forms": ["elm"]}, stranger)
    assert answered.status_code == FORBIDDEN
    assert fetch(served, award, "/paper", school_key).status_code == MISSING


def test_form_is_added_over_http_once(served: Served, school_key: str) -> None:
    served.write("POST", f"/v1/institutions/{SLUG}/forms", {"forms": []}, school_key)
    plain = str(served.issue(school_key)["id"])
    assert fetch(served, plain, "/elm", school_key).status_code == MISSING
    refused = served.write("POST", f"/v1/credentials/{plain}/documents", {"forms": ["elm"]}, school_key)
    assert refused.status_code == CONFLICT
    served.write("POST", f"/v1/institutions/{SLUG}/forms", {"forms": ALL}, school_key)
    added = served.write("POST", f"/v1/credentials/{plain}/documents", {"forms": ["elm"]}, school_key)
    assert added.status_code == httpx.codes.CREATED
    assert [one["form"] for one in added.json()["documents"]] == ["open-badge", "elm"]
    assert fetch(served, plain, "/elm", school_key).status_code == httpx.codes.OK
    assert set(logged(served, plain)) == {"vc+jcs", "elm"}
    status = served.http.get(f"/v1/credentials/{plain}/status").json()
    assert [event["kind"] for event in status["events"]] == ["issued", "form_added"]
    assert status["verdict"] == "valid"


def test_bundle_of_an_award_in_every_form_is_valid(served: Served, school_key: str, award: str) -> None:
    bundle = served.http.get(f"/v1/credentials/{award}/bundle", headers={"Authorization": f"Bearer {school_key}"})
    report = served.verify(bundle.content).json()
    assert report["verdict"] == "valid", [check for check in report["checks"] if check["state"] != "passed"]


def test_learner_record_and_endorsement_are_made_with_nothing_personal_in_an_address(
    served: Served, school_key: str, award: str
) -> None:
    made = served.write("POST", "/v1/clr", {"reference": "S-7"}, school_key)
    assert made.status_code == httpx.codes.CREATED, made.text
    record: dict[str, Any] = made.json()
    held = record["document"]["credentialSubject"]["verifiableCredential"]
    assert [one["id"].rpartition("/")[2] for one in held] == [award]
    endorsed = served.write("POST", "/v1/endorsements", example.ENDORSEMENT, school_key).json()
    assert endorsed["document"]["credentialSubject"]["id"] == example.ENDORSEMENT["subject"]
    for one in (record, endorsed):
        assert served.http.get(f"/v1/credentials/{one['id']}/status").json()["verdict"] == "valid"
    assert "S-7" not in served.log.getvalue()


def test_award_in_detail_is_issued_over_http(served: Served, school_key: str) -> None:
    publication = {**example.PUBLICATION, "code": "DETAIL-1"}
    assert served.write("POST", "/v1/achievements", publication, school_key).status_code == httpx.codes.CREATED
    shown = served.http.get(f"/institutions/{SLUG}/achievements/DETAIL-1/1").json()
    assert shown["details"]["tags"] == example.PUBLICATION["details"]["tags"]
    wrong = {
        "achievement": "DETAIL-1",
        "learner": {"name": "Mari"},
        "awarded_on": "2026-01-31",
        "results": [{"description": "oral", "value": "5"}],
    }
    refused = served.write("POST", "/v1/credentials", {"credentials": [wrong]}, school_key)
    assert refused.json()["errors"][0]["pointer"] == "#/credentials/0/results/0/description"
    good = {**wrong, "results": [{"description": "assignment", "value": "87"}], "narrative": "Worked alone."}
    answered = served.write("POST", "/v1/credentials", good, school_key)
    assert answered.status_code == httpx.codes.CREATED, answered.text
    made = answered.json()
    subject = made["bundle"]["document"]["credentialSubject"]
    assert subject["result"][0]["value"] == "87"
    assert subject["achievement"]["tag"] == ["data", "statistics"]
    report = served.verify(json.dumps(made["bundle"]).encode()).json()
    assert report["verdict"] != "invalid"
    assert CODE not in json.dumps(subject)


# ── One endpoint, one verdict ────────────────────────────────────────────────────────────────────────


def verify(served: Served, content: bytes, media_type: str) -> dict[str, Any]:
    answered = served.http.post("/v1/verify", content=content, headers={"Content-Type": media_type})
    assert answered.status_code == httpx.codes.OK, answered.text
    report: dict[str, Any] = answered.json()
    return report


def failures(report: dict[str, Any]) -> list[tuple[str, str, str]]:
    states = ("failed", "unknown")
    return [(one["code"], one["state"], one.get("detail", "")) for one in report["checks"] if one["state"] in states]


def shown(served: Served, award: str, key: str) -> dict[str, tuple[bytes, str]]:
    """Every form and picture of an award: content and media type."""
    names = [*(form.name for form in FORMS), "png", "svg"]
    answers = {name: fetch(served, award, f"/{name}", key) for name in names}
    return {name: (answer.content, answer.headers["content-type"]) for name, answer in answers.items()}


def test_every_form_has_the_same_verdict_from_the_same_endpoint(served: Served, school_key: str, award: str) -> None:
    for name, (content, media_type) in shown(served, award, school_key).items():
        report = verify(served, content, media_type)
        assert report["verdict"] == "valid", (name, failures(report))


def test_no_form_is_valid_when_a_byte_of_it_is_changed(served: Served, school_key: str, award: str) -> None:
    for name, (content, media_type) in shown(served, award, school_key).items():
        if media_type in {"application/vc+jwt", "application/dc+sd-jwt"}:
            changed = change_token(content)
        else:
            changed = content.replace(b"Practical assignment", b"Practical assignmenT")
        assert changed != content, name
        if name == "png":  # the picture's own checksum is wrong, too
            answered = served.http.post("/v1/verify", content=changed, headers={"Content-Type": media_type})
            assert answered.status_code == httpx.codes.UNPROCESSABLE_ENTITY
            continue
        report = verify(served, changed, media_type)
        assert report["verdict"] == "invalid", (name, failures(report))


def change_token(content: bytes) -> bytes:
    """Another name in a token's payload, under the old signature."""
    head, payload, rest = content.decode().split(".", 2)
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    claims["name"] += "!"
    forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"{head}.{forged}.{rest}".encode()


def test_form_that_was_added_later_and_one_that_was_signed_anew_have_the_verdict_too(
    served: Served, school_key: str
) -> None:
    served.write("POST", f"/v1/institutions/{SLUG}/forms", {"forms": ["elm"]}, school_key)
    plain = str(served.issue(school_key)["id"])
    served.write("POST", f"/v1/institutions/{SLUG}/forms", {"forms": ALL}, school_key)
    later = [name for name in ALL if name != "elm"]
    added = served.write("POST", f"/v1/credentials/{plain}/documents", {"forms": later}, school_key)
    assert added.status_code == httpx.codes.CREATED, added.text
    for name, (content, media_type) in shown(served, plain, school_key).items():
        report = verify(served, content, media_type)
        assert report["verdict"] == "valid", (name, failures(report))


def test_every_form_is_revoked_at_once(served: Served, school_key: str) -> None:
    revoked = str(served.issue(school_key)["id"])
    forms = shown(served, revoked, school_key)
    answered = served.write("POST", f"/v1/credentials/{revoked}/revocation", example.REVOCATION, school_key)
    assert answered.status_code == httpx.codes.OK
    for name, (content, media_type) in forms.items():
        report = verify(served, content, media_type)
        assert report["verdict"] == "invalid", name
        assert any(code == "status.revocation" for code, _, _ in failures(report)), (name, failures(report))


def test_a_presentation_of_a_part_of_an_sd_jwt_is_valid(served: Served, school_key: str, award: str) -> None:
    issuer_part, *disclosures, _ = fetch(served, award, "/sd-jwt", school_key).text.split("~")
    for kept in ([], disclosures[:1], disclosures[1:]):
        presented = "~".join([issuer_part, *kept, ""])
        report = verify(served, presented.encode(), "application/dc+sd-jwt")
        assert report["verdict"] == "valid", failures(report)


def test_learner_record_and_endorsement_have_a_verdict(served: Served, school_key: str, award: str) -> None:
    assert award
    for path, body in (("/v1/clr", {"reference": "S-7"}), ("/v1/endorsements", example.ENDORSEMENT)):
        made = served.write("POST", path, body, school_key)
        document = made.json()["document"]
        report = verify(served, json.dumps(document).encode(), "application/vc")
        assert report["verdict"] == "valid", (path, failures(report))
        document["name"] += "!"
        assert verify(served, json.dumps(document).encode(), "application/vc")["verdict"] == "invalid"
