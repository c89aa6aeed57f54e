"""An award's whole life: issued, proved offline, suspended, reinstated, revoked, replaced, erased."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.files import contents
from tests.system.school import Caller, Json, claim, evidence, found_institution, loaded, operator_key, status, verified
from tests.system.serving import Serving, cairn, quick_cairn


@pytest.fixture(scope="module")
def trusting(serving: Serving, school: Caller) -> Path:
    """The home of someone who trusts the log, once it has published anything."""
    evidence(serving, school.issue()["id"])
    vkey = serving.http.get("/log/vkey").text.strip()
    added = cairn(serving.home, "trust", "add", vkey)
    assert added.returncode == 0, added.stderr
    return serving.home


def _offline(home: Path, file: Path, *options: str) -> tuple[int, Json]:
    """Verify *file* by the command; return exit code and report."""
    done = quick_cairn(home, "verify", file, "--json", *options)
    report: Json = json.loads(done.stdout)
    return done.returncode, report


def _saved(directory: Path, name: str, content: bytes) -> Path:
    file = directory / name
    file.write_bytes(content)
    return file


def test_award_is_answered_with_its_bundle_when_issued(serving: Serving, school: Caller) -> None:
    answered = school.post("/v1/credentials", claim("Anna Tamm"))
    award = loaded(answered)
    assert answered.status_code == httpx.codes.CREATED
    assert answered.headers["Location"] == award["url"] == f"{serving.url}/verify/{award['id']}"
    assert award["bundle"]["document"]["id"] == award["url"]
    assert award["bundle"]["evidence"] is None
    bundle = json.loads(school.bundle(award["id"]))
    assert bundle["document"] == award["bundle"]["document"]
    assert bundle["evidence"]["credential"] == award["id"]
    assert status(serving, award["id"])["verdict"] == "valid"


def test_awards_are_answered_in_order_when_issued_together(serving: Serving, school: Caller) -> None:
    names = [f"Learner {number}" for number in range(12)]
    answered = school.post("/v1/credentials", {"credentials": [claim(name) for name in names]})
    awards = loaded(answered)["credentials"]
    assert answered.status_code == httpx.codes.CREATED
    told = [json.dumps(award["bundle"]["document"]["credentialSubject"]) for award in awards]
    assert all(name in document for name, document in zip(names, told, strict=True))
    assert [status(serving, award["id"])["state"] for award in awards] == ["active"] * 12


def test_evidence_shows_nothing_personal_when_anyone_asks(serving: Serving, school: Caller) -> None:
    name = "Aleksandra Kuznetsova"
    public_id = school.issue(name, grade="excellent-grade")["id"]
    shown = evidence(serving, public_id) + serving.http.get(f"/v1/credentials/{public_id}/status").content
    assert name.encode() not in shown
    assert b"excellent-grade" not in shown


def test_files_verify_offline_when_the_server_is_stopped(
    serving: Serving, school: Caller, trusting: Path, tmp_path: Path
) -> None:
    public_id = school.issue("Jaan Kask")["id"]
    proof = _saved(tmp_path, "evidence.json", evidence(serving, public_id))
    held = _saved(tmp_path, "bundle.json", school.bundle(public_id))
    assert serving.stop() == 0
    try:
        done = cairn(trusting, "verify", proof, "--json")
        assert (done.returncode, json.loads(done.stdout)["credential"]) == (0, public_id)
        code, report = _offline(trusting, held)
        assert (code, report["verdict"]) == (0, "valid")
        code, report = _offline(tmp_path / "stranger", held)
        assert (code, report["verdict"]) == (2, "unknown")
    finally:
        serving.start()
    assert status(serving, public_id)["verdict"] == "valid"


def test_award_is_valid_again_when_reinstated(serving: Serving, school: Caller) -> None:
    public_id = school.issue()["id"]
    path = f"/v1/credentials/{public_id}/suspension"
    assert loaded(school.post(path, {"reason": "under_review", "note": "File 17."}))["state"] == "suspended"
    assert verified(serving, evidence(serving, public_id))["verdict"] == "invalid"
    assert loaded(school.send("DELETE", path, {}))["state"] == "active"
    assert verified(serving, evidence(serving, public_id))["verdict"] == "valid"
    kinds = [event["kind"] for event in status(serving, public_id)["events"]]
    assert kinds == ["issued", "suspended", "reinstated"]


def test_evidence_names_date_and_reason_when_revoked(
    serving: Serving, school: Caller, trusting: Path, tmp_path: Path
) -> None:
    public_id = school.issue()["id"]
    before = _saved(tmp_path, "before.json", evidence(serving, public_id))
    change = {"reason": "academic_misconduct", "effective_at": "2026-02-03T00:00:00Z"}
    answered = school.post(f"/v1/credentials/{public_id}/revocation", change)
    assert answered.status_code == httpx.codes.OK, answered.text
    after = _saved(tmp_path, "after.json", evidence(serving, public_id))

    printed = cairn(trusting, "verify", after)
    assert printed.returncode == 1
    assert "Revoked by the issuer on 3 February 2026: academic misconduct." in printed.stdout
    code, report = _offline(trusting, after)
    assert (code, report["verdict"], report["reason"]) == (1, "invalid", "revoked")
    assert "3 February 2026: academic misconduct" in report["sentence"]["en"]
    # What was archived before is still what it was, as of its own instant; of now it says nothing.
    assert _offline(trusting, before)[0] == 0
    code, report = _offline(trusting, before, "--max-age", "0")
    assert (code, report["verdict"]) == (2, "unknown")
    # The live server goes by what it knows now, whatever file is sent.
    assert verified(serving, before.read_bytes())["verdict"] == "invalid"


def test_archived_file_is_judged_as_of_an_instant_when_asked(
    serving: Serving, school: Caller, trusting: Path, tmp_path: Path
) -> None:
    public_id = school.issue()["id"]
    change = {"reason": "incorrect_data", "effective_at": "2026-03-01T00:00:00Z"}
    assert school.post(f"/v1/credentials/{public_id}/revocation", change).status_code == httpx.codes.OK
    proof = _saved(tmp_path, "evidence.json", evidence(serving, public_id))
    assert _offline(trusting, proof, "--at", "2026-02-15")[0] == 0
    assert _offline(trusting, proof, "--at", "2026-03-02")[0] == 1
    assert quick_cairn(trusting, "verify", proof, "--at", "2099-01-01").returncode == 64


def test_old_award_points_to_the_new_when_replaced(serving: Serving, school: Caller) -> None:
    old = school.issue("Mari Masikas")["id"]
    answered = school.post(
        f"/v1/credentials/{old}/replacement", {"reason": "incorrect_data", "credential": claim("Mari Maasikas")}
    )
    new = loaded(answered)
    assert answered.status_code == httpx.codes.CREATED
    assert new["replaces"] == old
    now = status(serving, old)
    assert (now["state"], now["replaced_by"], now["verdict"]) == ("replaced", new["id"], "invalid")
    assert status(serving, new["id"])["verdict"] == "valid"
    again = school.post(
        f"/v1/credentials/{old}/replacement", {"reason": "incorrect_data", "credential": claim("Mari Maasikas")}
    )
    assert again.status_code == httpx.codes.CONFLICT


def test_status_keeps_two_times_apart_when_asked_about_the_past(serving: Serving, school: Caller) -> None:
    public_id = school.issue()["id"]
    change = {"reason": "incorrect_data", "effective_at": "2026-03-01T00:00:00Z"}
    changed = loaded(school.post(f"/v1/credentials/{public_id}/revocation", change))
    recorded = datetime.fromisoformat(changed["events"][-1]["recorded_at"])
    before = (recorded - timedelta(milliseconds=1)).isoformat()
    assert status(serving, public_id)["state"] == "revoked"
    assert status(serving, public_id, at="2026-02-15")["state"] == "active"
    assert status(serving, public_id, at="2026-03-01T00:00:01Z")["state"] == "revoked"
    assert status(serving, public_id, at="2026-03-01T00:00:01Z", known_at=before)["state"] == "active"
    assert status(serving, public_id, known_at=recorded.isoformat())["state"] == "revoked"
    assert status(serving, public_id, at="2026-01-01")["verdict"] != "valid"


@pytest.mark.parametrize("name", ["at", "known_at"])
def test_status_is_refused_when_the_instant_has_not_come(serving: Serving, school: Caller, name: str) -> None:
    public_id = school.issue()["id"]
    future = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    answered = serving.http.get(f"/v1/credentials/{public_id}/status", params={name: future})
    assert answered.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert answered.headers["Content-Type"] == "application/problem+json"
    assert loaded(answered)["errors"][0]["parameter"] == name


def test_saved_bundle_still_verifies_when_the_learner_is_erased(
    serving: Serving, school: Caller, trusting: Path, tmp_path: Path
) -> None:
    name = "Erika Unustatud"
    public_id = school.issue(name)["id"]
    held = school.bundle(public_id)
    document = json.dumps(json.loads(held)["document"]).encode()
    assert verified(serving, document)["verdict"] == "valid"

    erased = cairn(serving.home, "erase", "--credential", public_id, "--yes", "--data", serving.data)
    assert erased.returncode == 0, erased.stderr
    assert school.get(f"/v1/credentials/{public_id}/bundle").status_code == httpx.codes.GONE
    alone = verified(serving, document)
    assert alone["verdict"] != "valid"
    assert next(check for check in alone["checks"] if check["code"] == "genuine.recorded")["state"] == "unknown"
    assert verified(serving, held)["verdict"] == "valid"
    assert _offline(trusting, _saved(tmp_path, "held.json", held))[0] == 0
    assert status(serving, public_id)["verdict"] == "valid"
    assert not [file for file, kept in contents(serving.data) if name.encode() in kept]


def test_answer_is_identical_when_the_request_is_repeated(school: Caller) -> None:
    key, body = uuid4().hex, claim("Once Only")
    first = school.post("/v1/credentials", body, idempotency=key)
    second = school.post("/v1/credentials", body, idempotency=key)
    assert first.status_code == second.status_code == httpx.codes.CREATED
    assert first.content == second.content


def test_request_is_refused_when_its_key_was_used_for_another_body(school: Caller) -> None:
    key = uuid4().hex
    assert school.post("/v1/credentials", claim("One"), idempotency=key).status_code == httpx.codes.CREATED
    refused = school.post("/v1/credentials", claim("Two"), idempotency=key)
    assert refused.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert "idempotency" in loaded(refused)["type"]


def test_write_is_refused_when_it_has_no_idempotency_key(school: Caller) -> None:
    headers = {"Authorization": f"Bearer {school.key}"}
    refused = school.serving.http.post("/v1/credentials", json=claim(), headers=headers)
    assert refused.status_code == httpx.codes.BAD_REQUEST


def test_nothing_is_issued_when_one_claim_of_a_batch_is_bad(serving: Serving, school: Caller) -> None:
    def count() -> int:
        page = loaded(serving.http.get("/v1/audit/statuses", params={"limit": 1000}))
        return len(page["statuses"])

    before = count()
    claims = [claim(f"Learner {number}") for number in range(5)]
    claims[3] = {**claims[3], "learner": {"name": "  "}}
    refused = school.post("/v1/credentials", {"credentials": claims})
    assert refused.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert loaded(refused)["errors"][0]["pointer"] == "#/credentials/3/learner/name"
    assert "learner" in loaded(refused)["errors"][0]["detail"]
    del claims[3]["learner"]
    refused = school.post("/v1/credentials", {"credentials": claims})
    assert loaded(refused)["errors"][0]["pointer"] == "#/credentials/3/learner"
    assert count() == before


@pytest.mark.parametrize("part", ["status", "evidence"])
@pytest.mark.parametrize("public_id", ["0" * 36, "00000000", "0" * 35 + "Z", "%00", "é"])
def test_award_is_not_found_when_no_such_id_was_given_out(serving: Serving, part: str, public_id: str) -> None:
    answered = serving.http.get(f"/v1/credentials/{public_id}/{part}")
    assert answered.status_code == httpx.codes.NOT_FOUND
    assert answered.headers["Content-Type"] == "application/problem+json"


def test_write_is_forbidden_when_the_key_is_another_institutions(serving: Serving, school: Caller) -> None:
    other = found_institution(Caller(serving, operator_key(serving)), "hillside-college")
    public_id = school.issue()["id"]
    change = {"reason": "other"}
    assert other.post(f"/v1/credentials/{public_id}/revocation", change).status_code == httpx.codes.FORBIDDEN
    assert other.get(f"/v1/credentials/{public_id}/bundle").status_code == httpx.codes.FORBIDDEN
    assert other.post("/v1/institutions", {}).status_code in {httpx.codes.FORBIDDEN, httpx.codes.UNPROCESSABLE_ENTITY}
    assert status(serving, public_id)["state"] == "active"


@pytest.mark.parametrize("key", ["", "cairn_00000000_" + "0" * 43, "nonsense"])
def test_write_is_unauthorised_when_the_key_is_not_known(serving: Serving, key: str) -> None:
    headers = {"Idempotency-Key": uuid4().hex} | ({"Authorization": f"Bearer {key}"} if key else {})
    answered = serving.http.post("/v1/credentials", json=claim(), headers=headers)
    assert answered.status_code == httpx.codes.UNAUTHORIZED
    assert answered.headers["WWW-Authenticate"].startswith("Bearer")
