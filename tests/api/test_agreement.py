"""Two roads to one verdict: the status that is looked up, and the report that is proved from the log."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import msgspec
import pytest

from api.demo.closing import read_summary
from ledger.commitment import DOCUMENT_KIND
from ledger.issuance import SealedDocument
from projections.credential_status import CredentialFacts
from tests.api.served import SLUG, Served, open_school, serving

MOMENT = timedelta(milliseconds=1)
RANDOM_AWARDS = 40


def public_ids(served: Served) -> list[str]:
    """Return the id of every award, from the documents in the vault."""
    rows = served.node.parts.ledger.store.query(
        "SELECT aggregate_id FROM vault_item WHERE kind=? ORDER BY aggregate_id", (DOCUMENT_KIND,)
    )
    return [_public_id(served, bytes(row[0])) for row in rows]


def _public_id(served: Served, aggregate: bytes) -> str:
    opened = served.node.parts.vault.open(UUID(bytes=aggregate), DOCUMENT_KIND)
    document = msgspec.json.decode(msgspec.msgpack.decode(opened, type=SealedDocument).document)
    return str(document["id"]).rpartition("/")[2]


def instants(facts: CredentialFacts, now: datetime) -> list[datetime]:
    """Return every instant at which the answer may change, and the moments before and after."""
    edges = [facts.valid_from, facts.recorded_at, facts.valid_until or now]
    edges += [instant for event in facts.events for instant in (event.effective_at, event.recorded_at)]
    near = {edge + step for edge in edges for step in (-MOMENT, timedelta(0), MOMENT)}
    return sorted(instant for instant in near if instant <= now)


def disagreements(served: Served, public_id: str) -> list[tuple[Any, ...]]:
    """Return where the status of an award says something else than the report on its evidence."""
    evidence = served.http.get(f"/v1/credentials/{public_id}/evidence").content
    asked: list[dict[str, str]] = [{}]
    asked += [{"at": msgspec.to_builtins(at)} for at in instants(served.node.views.facts(public_id), datetime.now(UTC))]
    found = []
    for query in asked:
        status = served.http.get(f"/v1/credentials/{public_id}/status", params=query).json()
        report = served.verify(evidence, **query).json()
        if status["verdict"] != report["verdict"]:
            found.append((public_id, query, status["state"], status["verdict"], report["verdict"], report["reason"]))
    return found


def test_status_agrees_with_the_report_for_every_showcase(demonstration: Served) -> None:
    rows = read_summary(demonstration.node.settings.data_dir) or []
    shown = [row for row in rows if row.state != "forged"]
    assert len(shown) > 10
    for row in shown:
        status = demonstration.http.get(f"/v1/credentials/{row.credential}/status").json()
        assert (row.state, status["verdict"]) == (row.state, row.verdict)
        assert disagreements(demonstration, row.credential) == []


def test_status_agrees_with_the_report_for_awards_at_random(demonstration: Served) -> None:
    for public_id in Random(7).sample(public_ids(demonstration), RANDOM_AWARDS):
        assert disagreements(demonstration, public_id) == []


@pytest.fixture
def apart(tmp_path: Path) -> Iterator[tuple[Served, str, str]]:
    """A ledger of one test's own, with an institution, its key and one award."""
    with serving(tmp_path / "data") as served:
        key = open_school(served)
        yield served, key, served.issue(key)["id"]


def test_status_agrees_when_the_key_was_stolen_after_an_award_that_no_anchor_covers(
    apart: tuple[Served, str, str],
) -> None:
    served, key, public_id = apart
    facts = served.node.views.facts(public_id)
    stolen = msgspec.to_builtins(facts.recorded_at + MOMENT)
    path = f"/v1/institutions/{SLUG}/keys/key-1/compromise"
    assert served.write("POST", path, {"compromised_at": stolen}, key).status_code == 200
    assert served.http.get(f"/v1/credentials/{public_id}/status").json()["verdict"] == "unknown"
    assert disagreements(served, public_id) == []


def test_status_agrees_when_the_key_was_revoked_before_and_stolen(apart: tuple[Served, str, str]) -> None:
    served, key, public_id = apart
    recorded = served.node.views.facts(public_id).recorded_at
    keys = f"/v1/institutions/{SLUG}/keys/key-1"
    revoked = {"reason": "other", "effective_at": msgspec.to_builtins(recorded)}
    assert served.write("POST", f"{keys}/revocation", revoked, key).status_code == 200
    stolen = {"compromised_at": msgspec.to_builtins(recorded - MOMENT)}
    assert served.write("POST", f"{keys}/compromise", stolen, key).status_code == 200
    assert served.http.get(f"/v1/credentials/{public_id}/status").json()["verdict"] == "invalid"
    assert disagreements(served, public_id) == []


@pytest.mark.parametrize("withdrawn", ["2026-01-30T00:00:00Z", "2026-01-31T00:00:00Z", "2026-02-01T00:00:00Z"])
def test_status_agrees_when_the_accreditation_was_withdrawn(apart: tuple[Served, str, str], withdrawn: str) -> None:
    served, _, public_id = apart
    operator, own = served.key(), f"/v1/institutions/{SLUG}/accreditations"
    granted = {"by": "Agency", "scope": "All of it", "valid_from": "2020-01-01T00:00:00Z"}
    assert served.write("POST", own, granted, operator).status_code == 201
    end = {"reason": "other", "effective_at": withdrawn}
    assert served.write("POST", f"{own}/accreditation-1/withdrawal", end, operator).status_code == 200
    verdict = served.http.get(f"/v1/credentials/{public_id}/status").json()["verdict"]
    assert verdict == ("unknown" if withdrawn > "2026-01-31T00:00:00Z" else "invalid")
    assert disagreements(served, public_id) == []


@pytest.mark.parametrize(
    "limits, verdict",
    [
        ({"levels": [5]}, "valid"),
        ({"levels": [6]}, "invalid"),
        ({"fields": ["06"]}, "unknown"),
        ({"kinds": ["micro_credential"], "country": "EE"}, "valid"),
        ({"country": "LV"}, "invalid"),
    ],
)
def test_status_agrees_when_the_accreditation_has_limits(
    apart: tuple[Served, str, str], limits: dict[str, object], verdict: str
) -> None:
    served, _, public_id = apart
    granted = {"by": "Agency", "scope": "Some of it", "limits": limits, "valid_from": "2020-01-01T00:00:00Z"}
    own = f"/v1/institutions/{SLUG}/accreditations"
    assert served.write("POST", own, granted, served.key()).status_code == 201
    assert served.http.get(f"/v1/credentials/{public_id}/status").json()["verdict"] == verdict
    assert disagreements(served, public_id) == []
    record = served.http.get(f"/v1/institutions/{SLUG}").json()
    assert record["version"] == 2
    assert record["accreditations"][0]["limits"] == {
        "levels": [],
        "fields": [],
        "kinds": [],
        "country": None,
        **limits,
    }


@pytest.mark.parametrize("second_from, verdict", [(-1, "valid"), (0, "valid"), (1, "invalid")])
def test_status_agrees_at_the_very_instant_an_accreditation_for_the_level_begins(
    apart: tuple[Served, str, str], second_from: int, verdict: str
) -> None:
    served, _, public_id = apart
    begin = served.node.views.facts(public_id).valid_from + second_from * MOMENT
    own = f"/v1/institutions/{SLUG}/accreditations"
    for levels, since in (([6], "2020-01-01T00:00:00Z"), ([5], msgspec.to_builtins(begin))):
        granted = {"by": "Agency", "scope": "Some of it", "limits": {"levels": levels}, "valid_from": since}
        assert served.write("POST", own, granted, served.key()).status_code == 201
    assert served.http.get(f"/v1/credentials/{public_id}/status").json()["verdict"] == verdict
    assert disagreements(served, public_id) == []


def test_evidence_waits_for_the_log_when_the_institution_has_just_lost_its_key(tmp_path: Path) -> None:
    with serving(tmp_path / "data", sequencing_interval_ms=1_000) as served:
        key = open_school(served)
        public_id = served.issue(key)["id"]
        assert served.http.get(f"/v1/credentials/{public_id}/evidence").status_code == 200
        stolen = msgspec.to_builtins(served.node.views.facts(public_id).recorded_at)
        path = f"/v1/institutions/{SLUG}/keys/key-1/compromise"
        assert served.write("POST", path, {"compromised_at": stolen}, key).status_code == 200
        assert disagreements(served, public_id) == []


def test_bundle_of_long_ago_is_judged_by_what_the_log_says_today(apart: tuple[Served, str, str]) -> None:
    served, key, public_id = apart
    bundle = served.http.get(f"/v1/credentials/{public_id}/bundle", headers={"Authorization": f"Bearer {key}"}).content
    report = served.verify(bundle, at=msgspec.to_builtins(datetime.now(UTC))).json()
    assert (report["verdict"], report["reason"]) == ("valid", "valid_as_of")


def test_award_is_not_called_unknown_when_the_view_has_not_caught_up(
    apart: tuple[Served, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    served, key, public_id = apart
    bundle = served.http.get(f"/v1/credentials/{public_id}/bundle", headers={"Authorization": f"Bearer {key}"}).content
    monkeypatch.setattr(served.node.views.status, "get", lambda _key: None)
    answers = [
        served.http.get(f"/v1/credentials/{public_id}/status"),
        served.http.get(f"/v1/credentials/{public_id}/evidence"),
        served.http.get(f"/verify/{public_id}"),
        served.verify(bundle),
    ]
    assert [(one.status_code, one.headers.get("retry-after")) for one in answers] == [(503, "1")] * 4
    assert served.http.get(f"/v1/credentials/{'0' * 36}/status").status_code == 404
