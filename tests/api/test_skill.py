"""Skills and quality over HTTP: who certifies what, what somebody holds, and what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest

from api import example
from api.skill import Skills
from tests.api.served import CODE, SLUG, TEMPLATE, Served, open_school, serving
from verifier.report import Verdict

CLEANSE = TEMPLATE["outcomes"][0]["skill_uri"]
DRAW, SPEAK, NOBODY = (f"http://data.europa.eu/esco/skill/{name}" for name in ("draw", "speak", "nobody"))

SENTENCE = SimpleNamespace(to_json=dict)
FOREIGN = {
    "@context": ["https://www.w3.org/ns/credentials/v2"],
    "type": ["VerifiableCredential"],
    "issuer": "did:web:other.example",
    "credentialSubject": {},
    "proof": {"type": "DataIntegrityProof", "cryptosuite": "eddsa-jcs-2022", "proofValue": "z"},
}


def publication(code: str, *skills: str, minutes: int = 600) -> dict[str, Any]:
    outcomes = [{"text": "Can.", "skill_uri": uri, "skill_name": uri.rpartition("/")[2]} for uri in skills]
    return {"code": code, "template": {**TEMPLATE, "title": code, "workload_minutes": minutes, "outcomes": outcomes}}


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, str]]:
    """A school with four offers."""
    with serving(tmp_path_factory.mktemp("skills") / "data") as served:
        key = open_school(served)
        for body in (
            publication("DRAW-1", DRAW, minutes=300),
            publication("BOTH-1", DRAW, SPEAK),
            publication("OLD-1", SPEAK),
            publication("OLD-1", CLEANSE),
        ):
            assert served.write("POST", "/v1/achievements", body, key).status_code == 201
        yield served, key


def ask(served: Served, path: str, body: object) -> Any:  # noqa: ANN401  any JSON value
    answered = served.http.post(path, json=body)
    assert answered.status_code == 200, answered.text
    assert answered.headers["cache-control"] == "no-store"
    return answered.json()


def test_skill_lists_who_certifies_it_and_in_which_editions(school: tuple[Served, str]) -> None:
    served, _ = school
    found = served.http.get(f"/v1/skills/{quote(SPEAK, safe='')}").json()
    assert (found["uri"], found["label"]) == (SPEAK, "speak")
    assert [(one["code"], one["editions"], one["current"]) for one in found["achievements"]] == [
        ("BOTH-1", [1], True),
        ("OLD-1", [1], False),
    ]
    assert served.http.get(found["achievements"][0]["url"]).json()["title"] == "BOTH-1"


def test_skills_come_in_pages(school: tuple[Served, str]) -> None:
    served, _ = school
    first = served.http.get("/v1/skills?limit=2").json()
    rest = served.http.get(f"/v1/skills?limit=2&after={first['next']}").json()
    assert [one["uri"] for one in first["skills"] + rest["skills"]] == [CLEANSE, DRAW, SPEAK]
    assert (first["next"], rest["next"]) == (1, None)
    one = served.http.get(f"/v1/skills/{quote(SPEAK, safe='')}?limit=1").json()
    assert (len(one["achievements"]), one["next"]) == (1, 0)


def test_unknown_skill_is_not_found(school: tuple[Served, str]) -> None:
    served, _ = school
    answered = served.http.get(f"/v1/skills/{quote(NOBODY, safe='')}")
    assert (answered.status_code, answered.headers["content-type"]) == (404, "application/problem+json")


def test_profile_counts_what_valid_credentials_certify(school: tuple[Served, str]) -> None:
    served, key = school
    good, bad = served.issue(key, achievement="BOTH-1"), served.issue(key)
    assert served.write("POST", f"/v1/credentials/{bad['id']}/revocation", {"reason": "other"}, key).status_code == 200
    found = ask(served, "/v1/skill-profiles", {"credentials": [good["bundle"], bad["id"], good["id"]]})
    assert found["skills"] == [
        {"uri": DRAW, "label": "draw", "credentials": [0, 2]},
        {"uri": SPEAK, "label": "speak", "credentials": [0, 2]},
    ]
    assert [one["verdict"] for one in found["credentials"]] == ["valid", "invalid", "valid"]
    assert found["credentials"][1]["reason"] == "revoked"


def test_profile_takes_the_skills_from_the_log_when_the_document_says_others(school: tuple[Served, str]) -> None:
    served, key = school
    document = served.issue(key, achievement="DRAW-1")["bundle"]["document"]
    document["credentialSubject"]["achievement"]["alignment"][0]["targetUrl"] = NOBODY
    found = ask(served, "/v1/skill-profiles", {"credentials": [document]})
    assert found["skills"] == []
    assert found["credentials"][0]["verdict"] == "invalid"


def test_profile_has_one_deadline_for_all_its_credentials() -> None:
    open_now: list[bool] = []
    asked: list[bool] = []

    class Judging:
        @contextmanager
        def one_request(self) -> Iterator[None]:
            open_now.append(True)
            yield
            open_now.clear()

        def verify(self, *_: object) -> Any:  # noqa: ANN401  a report
            asked.append(bool(open_now))
            return SimpleNamespace(credential=None, verdict=Verdict.UNKNOWN, reason="", sentence=SENTENCE)

    lookup: Any = SimpleNamespace(views=None)
    judging: Any = Judging()
    Skills(lookup, judging).profile([FOREIGN, FOREIGN])
    assert asked == [True, True]


def test_coverage_says_what_is_held_and_the_fewest_micro_credentials_for_the_rest(school: tuple[Served, str]) -> None:
    served, key = school
    held = served.issue(key)
    body = {"skills": [NOBODY, CLEANSE, DRAW, SPEAK, DRAW], "credentials": [held["bundle"]["document"]]}
    found = ask(served, "/v1/skill-coverage", body)
    assert [one["uri"] for one in found["covered"]] == [CLEANSE]
    assert found["missing"] == [NOBODY, DRAW, SPEAK]
    assert [(one["code"], one["closes"]) for one in found["way"]] == [("BOTH-1", [DRAW, SPEAK])]
    assert (found["not_offered"], found["is_shortest"]) == ([NOBODY], True)


def test_coverage_takes_the_least_work_when_one_skill_is_missing(school: tuple[Served, str]) -> None:
    served, _ = school
    found = ask(served, "/v1/skill-coverage", {"skills": [DRAW]})
    assert [one["code"] for one in found["way"]] == ["DRAW-1"]


@pytest.mark.parametrize(
    "path, body, pointer",
    [
        ("/v1/skill-profiles", {"credentials": ["x" * 3]}, "/credentials/0"),
        ("/v1/skill-profiles", {"credentials": [{"a": 1}]}, "/credentials/0"),
        ("/v1/skill-profiles", {"credentials": [7]}, "/credentials/0"),
        ("/v1/skill-profiles", {"credentials": ["e"] * 21}, "/credentials"),
        ("/v1/skill-profiles", {}, "/credentials"),
        ("/v1/skill-coverage", {"skills": []}, "/skills"),
        ("/v1/skill-coverage", {"skills": [DRAW] * 101}, "/skills"),
        ("/v1/skill-coverage", {"skills": ["x"]}, "/skills/0"),
        ("/v1/skill-coverage", {"skills": [DRAW], "more": 1}, ""),
    ],
)
def test_question_is_refused_with_its_place_when_it_cannot_be_answered(
    school: tuple[Served, str], path: str, body: object, pointer: str
) -> None:
    served, _ = school
    answered = served.http.post(path, json=body)
    assert answered.status_code in {400, 422}, answered.text
    [error] = answered.json()["errors"]
    assert error["pointer"].removeprefix("#") == pointer


def test_history_shows_changes_reviews_and_figures_that_tell_of_nobody(school: tuple[Served, str]) -> None:
    served, key = school
    place = f"/v1/achievements/{SLUG}/OLD-1"
    count = {**example.HEADCOUNT, "last_day": "2026-01-31", "completed": 118}
    for name, body in (("due-reviews", example.DUE), ("reviews", example.REVIEW), ("figures", count)):
        answered = served.write("POST", f"{place}/{name}", body, key)
        assert answered.status_code == 201, answered.text
    found = served.http.get(place).json()
    assert [change["pointer"] for change in found["editions"][1]["changes"]] == ["/outcomes"]
    assert found["editions"][0]["changes"] == []
    assert (found["review_due"], found["review_overdue"]) == ("2029-06-30", False)
    assert found["reviews"][0]["by"] == example.REVIEW["by"]
    [figures] = found["figures"]
    assert (figures["enrolled"], figures["completed"], figures["ratings"]) == (120, None, [])
    assert figures["mean_rating_centi"] == 420
    assert not any(b'":118' in event.state for event in served.node.ledger.read(0, 1_000))


def test_figures_are_refused_when_another_institution_sends_them(school: tuple[Served, str]) -> None:
    served, _ = school
    registration = {**example.REGISTRATION, "slug": "lakeside"}
    assert served.write("POST", "/v1/institutions", registration, served.key()).status_code == 201
    answered = served.write(
        "POST", f"/v1/achievements/{SLUG}/{CODE}/figures", example.HEADCOUNT, served.key("lakeside")
    )
    assert answered.status_code == 403


def test_history_of_an_unknown_micro_credential_is_not_found(school: tuple[Served, str]) -> None:
    served, _ = school
    assert served.http.get(f"/v1/achievements/{SLUG}/NONE").status_code == 404
    assert served.http.get(f"/v1/achievements/none/{CODE}").status_code == 404
