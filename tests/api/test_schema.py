"""The API's description, held against a real server: its examples are what is answered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest

from api import example
from api.answer import ANSWERS
from api.answer_example import DID_KEY
from api.answer_schema import NDJSON, NULLABLE, OPEN, OPTIONAL
from api.problem import PROBLEMS
from api.public_write import PUBLIC_WRITES
from tests.api.desk import OWN_PAGE
from tests.api.diploma import PROGRAMME, award, draft, publish_programme, unpack
from tests.api.served import CODE, SLUG, TEMPLATE, Served


def test_what_anyone_may_ask_with_post_is_counted_and_open_to_every_page(served: Served) -> None:
    paths = served.http.get("/openapi.json").json()["paths"]
    posts = {path: operations["post"] for path, operations in paths.items() if "post" in operations}
    assert {path for path, post in posts.items() if "security" not in post} == PUBLIC_WRITES


@pytest.fixture(scope="module")
def answers(served: Served, school_key: str) -> dict[str, httpx.Response]:
    """A real answer of every JSON operation, by method and path."""
    operator, place = served.key(), f"/v1/institutions/{SLUG}"
    made = served.write("POST", "/v1/credentials", example.AWARD, school_key)
    award = f"/v1/credentials/{made.json()['id']}"
    other = f"/v1/credentials/{served.issue(school_key)['id']}"
    suspended = served.write("POST", f"{award}/suspension", example.SUSPENSION, school_key)
    accredited = served.write("POST", f"{place}/accreditations", example.ACCREDITATION, operator)
    accreditation = f"{place}/accreditations/{accredited.json()['accreditation']}"
    sent = {
        "post /v1/credentials": made,
        "post /v1/credentials/{id}/suspension": suspended,
        "post /v1/institutions/{slug}/accreditations": accredited,
        "get /institutions/{slug}": served.http.get(f"/institutions/{SLUG}"),
        "get /v1/institutions/{slug}": served.http.get(f"/v1/institutions/{SLUG}"),
        "get /v1/institutions": served.http.get("/v1/institutions"),
        "get /v1/credentials/{id}/evidence": served.http.get(f"{award}/evidence"),
        "get /v1/credentials/{id}/tlog-proof": served.http.get(f"{award}/tlog-proof"),
        "get /v1/credentials/{id}/status": served.http.get(f"{award}/status"),
        "get /v1/credentials/{id}/bundle": served.http.get(
            f"{award}/bundle", headers={"Authorization": f"Bearer {school_key}"}
        ),
    }
    private = {"Authorization": f"Bearer {school_key}"}
    for name, path in (("", "documents"), ("/{form}", "documents/open-badge")):
        answered = served.http.get(f"{award}/{path}", headers=private)
        sent[f"get /v1/credentials/{{id}}/documents{name}"] = answered
    sent["post /v1/verify"] = served.verify(sent["get /v1/credentials/{id}/bundle"].content)
    sent["post /v1/verify/batch"] = served.http.post(
        "/v1/verify/batch", content=b'""', headers={"Content-Type": "application/x-ndjson"}
    )
    reads = {
        "get /v1/achievements": "/v1/achievements?limit=1",
        "get /institutions/{slug}/did.json": f"/institutions/{SLUG}/did.json",
        "get /institutions/{slug}/keys/{key}": f"/institutions/{SLUG}/keys/key-1",
        "get /institutions/{slug}/achievements/{code}/{edition}": f"/institutions/{SLUG}/achievements/{CODE}/1",
        "get /status-lists/{number}": "/status-lists/0",
        "get /status-tokens/{block}": "/status-tokens/0",
        "get /1.0/identifiers/{did}": f"/1.0/identifiers/{DID_KEY}",
        "get /v1/audit/statuses": "/v1/audit/statuses?limit=1",
        "get /v1/skills": "/v1/skills",
        "get /v1/skills/{uri}": f"/v1/skills/{quote(TEMPLATE['outcomes'][0]['skill_uri'], safe='')}",
        "get /v1/anchors": "/v1/anchors",
        "get /v1/status-prefixes": "/v1/status-prefixes",
        "get /v1/status-prefixes/{prefix}": "/v1/status-prefixes/all",
        "get /v1/ledger": "/v1/ledger",
        "get /log/checkpoint": "/log/checkpoint",
        "get /log/vkey": "/log/vkey",
        "get /log/policy": "/log/policy",
        "get /log/tile/{path}": f"/log/tile/0/000.p/{served.http.get('/log/checkpoint').text.splitlines()[1]}",
        "get /livez": "/livez",
        "get /readyz": "/readyz",
        "get /metrics": "/metrics",
        "get /problems": "/problems",
        "get /problems/{name}": "/problems/not-found",
    }
    sent |= {name: served.http.get(path) for name, path in reads.items()}
    sent |= stack_answers(served, school_key, operator)
    sent["post /v1/anchors"] = served.http.post("/v1/anchors", headers={"Authorization": f"Bearer {operator}"})
    writes = [
        ("delete /v1/credentials/{id}/suspension", f"{award}/suspension", {}, school_key),
        ("post /v1/institutions/{slug}/forms", f"{place}/forms", example.FORMS, school_key),
        ("post /v1/credentials/{id}/documents", f"{award}/documents", example.FORMS, school_key),
        ("post /v1/clr", "/v1/clr", example.RECORD, school_key),
        ("post /v1/endorsements", "/v1/endorsements", example.ENDORSEMENT, school_key),
        ("post /v1/credentials/{id}/revocation", f"{award}/revocation", {"reason": "other"}, school_key),
        ("post /v1/credentials/{id}/replacement", f"{other}/replacement", example.REPLACEMENT, school_key),
        ("post /v1/achievements", "/v1/achievements", example.PUBLICATION, school_key),
        (
            "post /v1/achievements/{slug}/{code}/due-reviews",
            f"/v1/achievements/{SLUG}/{CODE}/due-reviews",
            example.DUE,
            school_key,
        ),
        (
            "post /v1/achievements/{slug}/{code}/reviews",
            f"/v1/achievements/{SLUG}/{CODE}/reviews",
            example.REVIEW,
            school_key,
        ),
        (
            "post /v1/achievements/{slug}/{code}/figures",
            f"/v1/achievements/{SLUG}/{CODE}/figures",
            example.HEADCOUNT,
            school_key,
        ),
        ("post /v1/institutions", "/v1/institutions", {**example.REGISTRATION, "slug": "another"}, operator),
        (
            "post /v1/institutions/{slug}/accreditations/{accreditation}/withdrawal",
            f"{accreditation}/withdrawal",
            example.WITHDRAWAL,
            operator,
        ),
        ("post /v1/institutions/{slug}/keys", f"{place}/keys", {}, operator),
        (
            "post /v1/institutions/{slug}/keys/{key}/revocation",
            f"{place}/keys/key-1/revocation",
            {"reason": "other"},
            operator,
        ),
        (
            "post /v1/institutions/{slug}/keys/{key}/compromise",
            f"{place}/keys/key-1/compromise",
            {"compromised_at": served.node.ledger.now().isoformat()},
            operator,
        ),
        (
            "post /v1/institutions/{slug}/keys/{key}/reissue",
            f"{place}/keys/key-1/reissue",
            example.REISSUE,
            operator,
        ),
        ("post /v1/institutions/{slug}/access-keys", f"{place}/access-keys", example.KEY_GRANT, operator),
    ]
    sent |= recognition_answers(served, school_key, operator)
    sent |= programme_answers(served, school_key)
    sent |= learner_answers(served, school_key)
    did = served.http.get(f"/institutions/{SLUG}").json()["did"]
    sent |= vc_api_answers(served, did, school_key)
    for name, path, body, key in writes:
        sent[name] = served.write(name.split()[0].upper(), path, body, key)
    sent["get /v1/achievements/{slug}/{code}"] = served.http.get(f"/v1/achievements/{SLUG}/{CODE}")
    sent["post /v1/skill-profiles"] = served.http.post("/v1/skill-profiles", json={"credentials": [made.json()["id"]]})
    sent["post /v1/skill-coverage"] = served.http.post("/v1/skill-coverage", json=example.SKILL_COVERAGE)
    return sent


def recognition_answers(served: Served, school_key: str, operator: str) -> dict[str, httpx.Response]:
    """Everything about recognitions and agreements, with a second institution as the partner."""
    partner = {**example.REGISTRATION, "slug": example.AGREEMENT["partner"]}
    assert served.write("POST", "/v1/institutions", partner, operator).is_success
    partner_key = served.key(partner["slug"])
    made = served.write("POST", "/v1/recognitions", example.RECOGNITION, school_key)
    place, name = f"/v1/recognitions/{made.json()['recognition']}", "/v1/recognitions/{recognition}"
    proposed = served.write("POST", "/v1/agreements", example.AGREEMENT, school_key)
    agreed, private = f"/v1/agreements/{proposed.json()['agreement']}", {"Authorization": f"Bearer {school_key}"}
    return {
        "post /v1/recognitions": made,
        f"get {name}": served.http.get(place),
        f"get {name}/files/{{number}}": served.http.get(f"{place}/files/0", headers=private),
        f"post {name}/appeals": served.write("POST", f"{place}/appeals", example.APPEAL, school_key),
        f"get {name}/details": served.http.get(f"{place}/details", headers=private),
        f"post {name}/appeals/outcome": served.write(
            "POST", f"{place}/appeals/outcome", example.APPEAL_OUTCOME, school_key
        ),
        f"post {name}/withdrawal": served.write(
            "POST", f"{place}/withdrawal", example.RECOGNITION_WITHDRAWAL, school_key
        ),
        "post /v1/agreements": proposed,
        "post /v1/agreements/{agreement}/acceptance": served.write("POST", f"{agreed}/acceptance", {}, partner_key),
        "get /v1/agreements": served.http.get("/v1/agreements?limit=1"),
        "post /v1/agreements/{agreement}/end": served.write("POST", f"{agreed}/end", {}, partner_key),
    }


def stack_answers(served: Served, key: str, operator: str) -> dict[str, httpx.Response]:
    """A pathway, an award that is stacked by it, and a component of it that is lost."""
    place, learner = f"/v1/institutions/{SLUG}/pathways", {"name": "Mari Maasikas", "reference": "S-stack"}
    core = {"rule": "required", "id": "core", "achievements": [{"institution": SLUG, "code": CODE}]}
    publication = {**example.PATHWAY, "rules": {**example.PATHWAY["rules"], "rule": core}}
    published = served.write("POST", place, publication, key)
    code = published.json()["code"]
    component = served.issue(key, learner=learner)["id"]
    request = {"pathway": code, "learner": learner, "awards": [{"award": component}]}
    made = served.write("POST", "/v1/stackings", request, key)
    award = f"/v1/credentials/{made.json()['id']}"
    served.write("POST", f"/v1/credentials/{component}/revocation", example.REVOCATION, key)
    run = served.write("POST", "/v1/cascade/runs", {}, operator)
    appealed = served.write("POST", f"{award}/appeal", example.REVIEW_APPEAL, key)
    dismissed = {"outcome": "dismissed"}
    return {
        "post /v1/institutions/{slug}/pathways": published,
        "get /v1/pathways/{slug}/{code}": served.http.get(f"/v1/pathways/{SLUG}/{code}"),
        "get /v1/pathways/{slug}/{code}/{version}": served.http.get(f"/v1/pathways/{SLUG}/{code}/1"),
        "post /v1/stackings": made,
        "post /v1/cascade/runs": run,
        "post /v1/credentials/{id}/appeal": appealed,
        "post /v1/credentials/{id}/appeal/decision": served.write("POST", f"{award}/appeal/decision", dismissed, key),
        "post /v1/credentials/{id}/review/decision": served.write(
            "POST", f"{award}/review/decision", example.REVIEW_DECISION, key
        ),
        "post /v1/institutions/{slug}/pathways/{code}/retirement": served.write(
            "POST", f"{place}/{code}/retirement", {}, key
        ),
    }


def programme_answers(served: Served, school_key: str) -> dict[str, httpx.Response]:
    """A programme that was revised, and a diploma of it unpacked."""
    publish_programme(served, school_key, SLUG, modules=2, withdrawal="review", review_days=30)
    revised = draft(2, withdrawal="review", review_days=30, title="BSc Data Work")
    body, place = {"code": PROGRAMME, "programme": revised}, f"/v1/programmes/{SLUG}"
    return {
        "post /v1/institutions/{slug}/programmes": served.write(
            "POST", f"/v1/institutions/{SLUG}/programmes", body, school_key
        ),
        "get /v1/programmes/{slug}": served.http.get(place),
        "get /v1/programmes/{slug}/{code}": served.http.get(f"{place}/{PROGRAMME}"),
        "get /v1/programmes/{slug}/{code}/{edition}": served.http.get(f"{place}/{PROGRAMME}/2"),
        "post /v1/unpackings": unpack(served, school_key, award(served, school_key), 1, 2),
    }


def learner_answers(served: Served, school_key: str) -> dict[str, httpx.Response]:
    """A link to a learner's page, and what the learner asks for there."""
    served.issue(school_key, learner=example.AWARD["learner"])
    made = served.write("POST", "/v1/learner-links", example.LEARNER_LINK, school_key)
    private = {"Authorization": f"Bearer {school_key}"}
    entered = served.http.post("/mine/enter", data={"link": made.json()["link"]}, headers=OWN_PAGE)
    cookie = {"Cookie": entered.headers["set-cookie"].partition(";")[0], **OWN_PAGE}
    asked = served.http.post("/mine/corrections", data={"note": "My name is spelt with one s."}, headers=cookie)
    assert asked.status_code == httpx.codes.SEE_OTHER
    listed = served.http.get("/v1/learner-requests", headers=private)
    request, prefix = listed.json()["requests"][0]["request"], made.json()["prefix"]
    return {
        "post /v1/learner-links": made,
        "get /v1/learner-links": served.http.get("/v1/learner-links", headers=private),
        "get /v1/learner-requests": listed,
        "post /v1/learner-requests/{request}/decision": served.write(
            "POST", f"/v1/learner-requests/{request}/decision", example.REQUEST_DECISION, school_key
        ),
        "post /v1/learner-links/{link}/revocation": served.write(
            "POST", f"/v1/learner-links/{prefix}/revocation", {}, school_key
        ),
    }


def vc_api_answers(served: Served, did: str, school_key: str) -> dict[str, httpx.Response]:
    asked = {**example.VC_API_ISSUE, "credential": {**example.VC_API_CREDENTIAL, "issuer": did}}
    name = "post /vc-api/{}".format
    return {
        name("credentials/issue"): served.write("POST", "/vc-api/credentials/issue", asked, school_key),
        name("credentials/verify"): served.http.post("/vc-api/credentials/verify", json=example.VC_API_VERIFY),
        name("presentations/verify"): served.http.post(
            "/vc-api/presentations/verify", json=example.VC_API_VERIFY_PRESENTATION
        ),
        name("credentials/status"): served.write(
            "POST", "/vc-api/credentials/status", example.VC_API_STATUS, school_key
        ),
    }


def operations(description: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{method} {path}": operation
        for path, item in description["paths"].items()
        for method, operation in item.items()
    }


def differences(shown: object, real: object, place: str = "") -> Iterator[str]:
    """Where a real answer has other members or types than the example."""
    name = place.rpartition("/")[2]
    if name in OPEN or (name in NULLABLE and None in (shown, real)):
        return
    if isinstance(shown, dict) and isinstance(real, dict):
        for member in sorted((shown.keys() ^ real.keys()) - OPTIONAL):
            yield f"{place}/{member} is {'in the example' if member in shown else 'answered'} alone"
        for member in shown.keys() & real.keys():
            yield from differences(shown[member], real[member], f"{place}/{member}")
    elif isinstance(shown, list) and isinstance(real, list):
        for item in real if shown else []:
            yield from differences(shown[0], item, place)
    elif type(shown) is not type(real):
        yield f"{place} is {type(real).__name__}, in the example {type(shown).__name__}"


def test_description_has_an_example_of_every_answer_and_body(served: Served) -> None:
    described = operations(served.http.get("/openapi.json").json())
    assert described.keys() == ANSWERS.keys()
    for name, operation in described.items():
        success = next(answer for status, answer in operation["responses"].items() if status.startswith("2"))
        first, *others = success["content"].items()
        assert (first[0], first[1]["example"]) == (ANSWERS[name].media_type, ANSWERS[name].example)
        assert [media for media, _ in others] == list(ANSWERS[name].others)
        for media, body in operation.get("requestBody", {}).get("content", {}).items():
            # The same lines stand beside it under a type that every client can send.
            assert "example" in body or media == "application/x-ndjson", name


@pytest.mark.parametrize("name", ANSWERS)
def test_answer_looks_like_its_example(answers: dict[str, httpx.Response], name: str) -> None:
    real, shown = answers[name], ANSWERS[name]
    assert real.is_success, real.text
    assert real.headers["content-type"].partition(";")[0] == shown.media_type
    if shown.media_type.endswith("json") and shown.media_type != NDJSON:
        assert list(differences(shown.example, real.json())) == []


def test_description_has_an_example_of_a_problem_that_is_one(
    served: Served, answers: dict[str, httpx.Response]
) -> None:
    del answers  # so that there is an award
    refused = served.http.get(f"/v1/credentials/{'0' * 36}/status?at=9999-12-31&at=9999-12-31").json()
    for name, operation in operations(served.http.get("/openapi.json").json()).items():
        media = operation["responses"]["default"]["content"]["application/problem+json"]
        assert media["example"].keys() == refused.keys(), name
        assert media["example"]["errors"][0].keys() == refused["errors"][0].keys()
        assert urlsplit(media["example"]["type"]).path.removeprefix("/problems/") in {kind.name for kind in PROBLEMS}


def test_reference_page_shows_the_examples(served: Served) -> None:
    page = served.http.get("/docs").text
    for shown in ("&#34;awarded_on&#34;: &#34;2026-01-31&#34;", "&#34;key_standing&#34;: &#34;in_force&#34;"):
        assert shown in page


def test_description_is_named_in_metrics_when_it_is_asked_for(served: Served) -> None:
    served.http.get("/openapi.json")
    assert 'route="/openapi.json"' in served.http.get("/metrics").text
