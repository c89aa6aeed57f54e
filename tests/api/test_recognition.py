"""Recognitions and agreements over the real application: what is asked, answered, seen by whom, and erased."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest

from api.vault_check import VaultCheck
from ledger.commitment import RECOGNITION_KIND, commit
from ledger.recognition_book import details_kind
from ledger.store import Commit, Write
from ledger.vault import RESEAL_SQL
from tests.api.served import OPERATOR, SLUG, Served, open_school, serving
from tests.files import contents

LAKE = "lakeside"
SCAN = b"%PDF-1.7 Mari Maasikas"
PAPER: dict[str, Any] = {
    "origin": "paper",
    "title": "Kursus i dataanalyse",
    "awarded_by": "Fjordby Erhvervsskole",
    "awarded_on": "2025-06-20",
    "credits_centi": 500,
    "outcomes": ["Cleans a data set."],
    "files": [{"name": "scan.pdf", "media_type": "application/pdf", "content": base64.b64encode(SCAN).decode()}],
}
PART: dict[str, Any] = {"decision": "partial", "reasons": ["workload"], "credits_centi": 100}


@pytest.fixture(scope="module")
def lake_key(served: Served, school_key: str) -> str:
    """The bearer key of a second institution, which recognises."""
    del school_key
    return open_lake(served)


def open_lake(served: Served) -> str:
    registration = {"slug": LAKE, "name": "Lakeside College", "country": "LV", "kind": "university"}
    assert served.write("POST", "/v1/institutions", registration, served.key()).status_code == httpx.codes.CREATED
    return served.key(LAKE)


def shown(issued: dict[str, Any]) -> dict[str, Any]:
    """An award as its holder shows it."""
    return {"origin": "ledger", "credential": issued["id"], "bundle": issued["bundle"]}


def recognise(served: Served, key: str, award: dict[str, Any], **members: object) -> dict[str, Any]:
    body = {"award": award, "learner": "L-1", **members}
    answered = served.write("POST", "/v1/recognitions", body, key)
    assert answered.status_code == httpx.codes.CREATED, answered.text
    made: dict[str, Any] = answered.json()
    return made


def private(served: Served, path: str, key: str) -> httpx.Response:
    return served.http.get(path, headers={"Authorization": f"Bearer {key}"})


def agree(served: Served, key: str, other: str, **members: object) -> str:
    """Lakeside recognises what the school awards."""
    body = {"partner": SLUG, "awards_of": "partner", **members}
    proposed = served.write("POST", "/v1/agreements", body, key)
    assert proposed.status_code == httpx.codes.CREATED, proposed.text
    assert proposed.json()["state"] == "proposed"
    agreement = str(proposed.json()["agreement"])
    accepted = served.write("POST", f"/v1/agreements/{agreement}/acceptance", {}, other)
    assert accepted.status_code == httpx.codes.OK, accepted.text
    return agreement


def test_recognition_is_made_of_a_holders_bundle_and_opens_the_logs_commitment(
    served: Served, school_key: str, lake_key: str
) -> None:
    made = recognise(served, lake_key, shown(served.issue(school_key)), decision=PART)
    public = served.http.get(f"/v1/recognitions/{made['recognition']}").json()
    assert (public["institution"], public["decision"], public["reasons"]) == (LAKE, "partial", ["workload"])
    assert (public["state"], public["under_appeal"], public["withdrawal"]) == ("in_force", False, None)
    assert made["stack_as"] == f"recognition:{UUID(made['recognition']).hex}"
    salt = base64.b64decode(made["salt"])
    known = served.node.parts.recognising.book.recognition(UUID(made["recognition"]))
    kept = served.node.parts.recognising.book.kept(known, 1)
    assert commit(known.id, RECOGNITION_KIND, kept.form, salt) == public["commitment"]
    assert msgspec.json.decode(kept.form) == made["details"]
    assert made["details"]["award"]["institution"] == SLUG


def test_public_answer_shows_nothing_of_the_award_or_the_learner(
    served: Served, school_key: str, lake_key: str
) -> None:
    issued = served.issue(school_key)
    made = recognise(served, lake_key, shown(issued), decision={**PART, "explanation": "Mari knows most of it."})
    answered = served.http.get(f"/v1/recognitions/{made['recognition']}")
    for secret in (issued["id"], "Mari", "Working with Data", "L-1", SLUG, made["salt"], "credits"):
        assert secret not in answered.text, secret
    assert secret_free_events(served, made["recognition"])


def secret_free_events(served: Served, recognition: str) -> bool:
    events = [event for event in served.node.ledger.read(0, 10_000) if str(event.originator_id) == recognition]
    return bool(events) and not any(b"Mari" in event.state or b"riverside" in event.state for event in events)


@pytest.mark.parametrize(
    "award, members, status, pointer",
    [
        ({"origin": "ledger", "credential": "bad"}, {}, 422, "#/award/credential"),
        ({"origin": "moon"}, {}, 422, "#/award/origin"),
        ({**PAPER, "files": []}, {}, 422, "#/award/files"),
        (PAPER, {"decision": {"decision": "refused"}}, 422, "#/decision/reasons"),
        (PAPER, {"decision": {"decision": "full", "reasons": ["level"]}}, 422, "#/decision/reasons"),
        (PAPER, {"decision": {"decision": "refused", "reasons": ["price"]}}, 422, "#/decision/reasons/0"),
        (PAPER, {"decision": {**PART, "credits_centi": 501}}, 422, "#/decision/credits_centi"),
        (PAPER, {"learner": None}, 422, "#/learner"),
        (PAPER, {"appeal_until": "2020-01-01T00:00:00Z"}, 422, "#/appeal_until"),
        (PAPER, {"decision": None}, 409, None),
    ],
)
def test_recognition_is_refused_with_the_place_of_what_is_wrong(
    served: Served, lake_key: str, award: dict[str, Any], members: dict[str, Any], status: int, pointer: str | None
) -> None:
    body = {"award": award, "learner": "L-1", "decision": PART, **members}
    answered = served.write("POST", "/v1/recognitions", body, lake_key)
    assert answered.status_code == status, answered.text
    places = [one.get("pointer") for one in answered.json().get("errors", [])]
    assert pointer is None or places == [pointer]


def test_anothers_award_is_not_recognised_without_what_its_holder_has(
    served: Served, school_key: str, lake_key: str
) -> None:
    issued, other = served.issue(school_key), served.issue(school_key)
    for award in (
        {"origin": "ledger", "credential": issued["id"]},
        {"origin": "ledger", "credential": issued["id"], "bundle": other["bundle"]},
    ):
        answered = served.write(
            "POST", "/v1/recognitions", {"award": award, "learner": "L-1", "decision": PART}, lake_key
        )
        assert answered.status_code == httpx.codes.UNPROCESSABLE_ENTITY
        assert answered.json()["errors"][0]["pointer"] == "#/award/document"
    own = served.write(
        "POST",
        "/v1/recognitions",
        {"award": {"origin": "ledger", "credential": issued["id"]}, "decision": PART},
        school_key,
    )
    assert own.status_code == httpx.codes.CREATED, own.text


def test_appeal_and_its_outcome_are_seen_by_everyone(served: Served, lake_key: str) -> None:
    made = recognise(served, lake_key, PAPER, decision={"decision": "refused", "reasons": ["quality"]})
    place = f"/v1/recognitions/{made['recognition']}"
    statement = {"statement": "The school is accredited; see the letter."}
    appealed = served.write("POST", f"{place}/appeals", statement, lake_key)
    assert appealed.status_code == httpx.codes.CREATED, appealed.text
    assert appealed.json()["under_appeal"]
    assert "letter" not in appealed.text
    again = served.write("POST", f"{place}/appeals", {}, lake_key)
    assert (again.status_code, again.json()["type"].rpartition("/")[2]) == (409, "rule-refused")
    outcome = {"result": "changed", "decision": {"decision": "full"}, "statement": "We have looked again."}
    decided = served.write("POST", f"{place}/appeals/outcome", outcome, lake_key)
    assert decided.status_code == httpx.codes.OK, decided.text
    answer = served.http.get(place).json()
    assert answer == decided.json()
    assert [ruling["decision"] for ruling in answer["rulings"]] == ["refused", "full"]
    assert (answer["decision"], answer["reasons"], answer["under_appeal"]) == ("full", [], False)
    assert [(appeal["result"], appeal["late"]) for appeal in answer["appeals"]] == [("changed", False)]
    worth = private(served, f"{place}/details", lake_key).json()
    assert worth["credit"]["credits_centi"] == 500
    assert [one["version"] for one in worth["decisions"]] == [1, 3]


def test_withdrawn_recognition_counts_nothing_from_that_day_on(served: Served, lake_key: str) -> None:
    made = recognise(served, lake_key, PAPER, decision=PART, effective_at="2026-01-01T00:00:00Z")
    place = f"/v1/recognitions/{made['recognition']}"
    body = {"reason": "issued_in_error", "effective_at": "2026-02-01T00:00:00Z", "note": "Wrong file."}
    withdrawn = served.write("POST", f"{place}/withdrawal", body, lake_key)
    assert withdrawn.status_code == httpx.codes.OK, withdrawn.text
    assert (withdrawn.json()["state"], withdrawn.json()["withdrawal"]["reason"]) == ("withdrawn", "issued_in_error")
    days = {"2025-12-31": 0, "2026-01-01": 100, "2026-01-31": 100, "2026-02-01": 0}
    for day, credits_centi in days.items():
        worth = private(served, f"{place}/details?on={day}", lake_key).json()
        assert (day, worth["credit"]["credits_centi"]) == (day, credits_centi)
    assert "Wrong" not in served.http.get(place).text


def test_decision_that_takes_effect_later_is_not_in_force_yet(served: Served, lake_key: str) -> None:
    begin = (datetime.now(UTC) + timedelta(days=30)).strftime("%Y-%m-%dT00:00:00Z")
    made = recognise(served, lake_key, PAPER, decision=PART, effective_at=begin)
    place = f"/v1/recognitions/{made['recognition']}"
    assert served.http.get(place).json()["state"] == "not_yet_in_force"
    assert private(served, f"{place}/details", lake_key).json()["credit"]["credits_centi"] == 0
    assert private(served, f"{place}/details?on={begin[:10]}", lake_key).json()["credit"]["credits_centi"] == 100


def test_details_and_files_are_for_the_deciding_institution_alone(
    served: Served, school_key: str, lake_key: str
) -> None:
    made = recognise(served, lake_key, PAPER, decision=PART)
    place = f"/v1/recognitions/{made['recognition']}"
    for path in (f"{place}/details", f"{place}/files/0"):
        assert served.http.get(path).status_code == httpx.codes.UNAUTHORIZED
        assert private(served, path, school_key).status_code == httpx.codes.FORBIDDEN
        assert private(served, path, lake_key).status_code == httpx.codes.OK
        assert private(served, path, served.key()).status_code == httpx.codes.OK
    assert private(served, f"{place}/files/0", lake_key).content == SCAN
    assert private(served, f"{place}/files/1", lake_key).status_code == httpx.codes.GONE
    for day in ("0", "2026-02-30", "today", ""):
        asked = private(served, f"{place}/details?on={day}", lake_key)
        assert (asked.status_code, asked.json()["errors"][0]["parameter"]) == (422, "on")
    for path, body in (("appeals", {}), ("withdrawal", {"reason": "other"})):
        assert served.write("POST", f"{place}/{path}", body, school_key).status_code == httpx.codes.FORBIDDEN
    assert served.http.get(f"/v1/recognitions/{uuid4()}").status_code == httpx.codes.NOT_FOUND
    assert served.http.get("/v1/recognitions/nonsense").status_code in {404, 422}


def test_scan_of_a_megabyte_is_kept_whole(served: Served, lake_key: str) -> None:
    scan = bytes(range(256)) * 4_096
    file = {"name": "scan.png", "media_type": "image/png", "content": base64.b64encode(scan).decode()}
    made = recognise(served, lake_key, {**PAPER, "files": [file]}, decision=PART)
    assert private(served, f"/v1/recognitions/{made['recognition']}/files/0", lake_key).content == scan


def test_repeated_request_makes_one_recognition(served: Served, lake_key: str) -> None:
    body = {"award": PAPER, "learner": "L-1", "decision": PART}
    headers = {"Authorization": f"Bearer {lake_key}", "Idempotency-Key": uuid4().hex}
    one, other = (served.http.post("/v1/recognitions", json=body, headers=headers) for _ in range(2))
    assert (one.status_code, other.status_code) == (201, 201)
    assert one.json() == other.json()


def test_agreement_decides_within_its_scope_and_nothing_else(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as served:
        school, lake = open_school(served), open_lake(served)
        award = shown(served.issue(school))
        body = {"award": award, "learner": "L-1"}
        assert served.write("POST", "/v1/recognitions", body, lake).status_code == httpx.codes.CONFLICT
        agreement = agree(served, lake, school, limits={"levels": [5]}, share_percent=50)
        made = recognise(served, lake, award)
        assert made["agreement"] == made["details"]["agreement"] == agreement
        place = f"/v1/recognitions/{made['recognition']}"
        assert served.http.get(place).json()["decision"] == "full"
        assert private(served, f"{place}/details", lake).json()["credit"]["credits_centi"] == 125
        end = served.write("POST", f"/v1/agreements/{agreement}/end", {}, lake)
        assert (end.status_code, end.json()["state"]) == (200, "ended")
        assert served.write("POST", "/v1/recognitions", body, lake).status_code == httpx.codes.CONFLICT
        assert private(served, f"{place}/details", lake).json()["credit"]["credits_centi"] == 125


def test_agreements_are_listed_for_everyone(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as served:
        school, lake = open_school(served), open_lake(served)
        one = agree(served, lake, school, achievements=["DATA-101"], cap_centi=600)
        other = agree(served, lake, school, valid_until="2099-01-01T00:00:00Z")
        listed = served.http.get("/v1/agreements").json()
        assert [known["agreement"] for known in listed["agreements"]] == [one, other]
        assert (listed["agreements"][0]["state"], listed["next"]) == ("in_force", None)
        first = served.http.get("/v1/agreements?limit=1").json()
        rest = served.http.get(f"/v1/agreements?limit=1&after={first['next']}").json()
        assert [known["agreement"] for page in (first, rest) for known in page["agreements"]] == [one, other]
        assert len(served.http.get(f"/v1/agreements?institution={SLUG}").json()["agreements"]) == 2
        assert served.http.get("/v1/agreements?institution=nobody").status_code == httpx.codes.NOT_FOUND
        assert served.http.get("/v1/agreements?after=x").status_code == httpx.codes.UNPROCESSABLE_ENTITY
        assert served.write("POST", f"/v1/agreements/{one}/acceptance", {}, school).status_code == httpx.codes.CONFLICT
        assert served.write("POST", f"/v1/agreements/{uuid4()}/end", {}, school).status_code == httpx.codes.NOT_FOUND
        operator = served.key()
        without = served.write("POST", f"/v1/agreements/{one}/end", {}, operator)
        assert without.json()["errors"][0]["pointer"] == "#/institution"
        ended = served.write("POST", f"/v1/agreements/{one}/end", {"institution": SLUG}, operator)
        assert ended.json()["state"] == "ended"


@pytest.fixture
def apart(tmp_path: Path) -> Iterator[tuple[Served, Path, str, str]]:
    """A ledger of one test's own, with two institutions and their keys."""
    with serving(tmp_path / "data") as served:
        yield served, tmp_path / "data", open_school(served), open_lake(served)


def test_erasure_takes_the_details_and_leaves_the_log(apart: tuple[Served, Path, str, str]) -> None:
    served, data, school, lake = apart
    issued = served.issue(school)
    one = recognise(served, lake, shown(issued), decision=PART)["recognition"]
    other = recognise(served, lake, PAPER, decision=PART)["recognition"]
    public = [served.http.get(f"/v1/recognitions/{made}").json() for made in (one, other)]
    served.node.parts.erasing.erase_learner(slug=LAKE, reference="L-1", actor=OPERATOR)
    for made in (one, other):
        assert private(served, f"/v1/recognitions/{made}/details", lake).status_code == httpx.codes.GONE
        assert private(served, f"/v1/recognitions/{made}/files/0", lake).status_code == httpx.codes.GONE
    assert public == [served.http.get(f"/v1/recognitions/{made}").json() for made in (one, other)]
    assert served.http.get(f"/v1/credentials/{issued['id']}/status").json()["verdict"] == "valid"
    left = b"".join(kept for _, kept in contents(data))
    assert SCAN not in left
    assert b"Kursus i dataanalyse" not in left


def test_fsck_opens_the_details_and_names_those_that_were_exchanged(apart: tuple[Served, Path, str, str]) -> None:
    served, _, _, lake = apart
    made = [recognise(served, lake, PAPER, decision=PART)["recognition"] for _ in range(2)]
    parts = served.node.parts
    found: list[tuple[str, str, str]] = []

    def check() -> list[tuple[str, str, str]]:
        found.clear()
        VaultCheck(parts, lambda _: None, lambda *one: found.append(one), lambda *_: None).run()
        return [*found]

    assert check() == []
    one, other = map(UUID, made)
    learner = parts.vault.learner_of(one)
    row = parts.vault.seal(learner, one, details_kind(1), parts.vault.open(other, details_kind(1)))
    parts.ledger.store.record([Commit((), [Write(RESEAL_SQL, [row])])])
    assert [(code, where) for code, where, _ in check()] == [
        ("details-differ", f"{details_kind(1)} of recognition {one}")
    ]


def test_recognition_has_a_page_that_names_who_decided_and_nothing_of_the_award(
    served: Served, school_key: str, lake_key: str
) -> None:
    made = recognise(served, lake_key, shown(served.issue(school_key)), decision=PART)
    for language, word in (("en", "Recognised in part"), ("ru", "Признано частично")):
        page = served.http.get(f"/recognitions/{made['recognition']}", params={"lang": language}).text
        assert f'<h1 class="word" id="verdict">{word}</h1>' in page
        assert "Lakeside College" in page
        assert "Mari Maasikas" not in page
        assert "Working with Data" not in page
    served.write("POST", f"/v1/recognitions/{made['recognition']}/withdrawal", {"reason": "incorrect_data"}, lake_key)
    page = served.http.get(f"/recognitions/{made['recognition']}", params={"lang": "en"}).text
    assert ">Taken back</h1>" in page
    lost = served.http.get(f"/recognitions/{uuid4()}", headers={"Accept": "text/html"})
    assert lost.status_code == httpx.codes.NOT_FOUND
