"""The pointer of a refusal names the member in the body that was sent, whatever shape the body has."""

from __future__ import annotations

from typing import Any

import pytest

from tests.system.school import TEMPLATE, Caller, Json, claim, loaded

BLANK: Json = {"name": "\u200b"}


def _refused(school: Caller, path: str, body: Json) -> object:
    answered = school.post(path, body)
    assert answered.status_code == 422, answered.text
    [error] = loaded(answered)["errors"]
    place: Any = body
    for step in error["pointer"].removeprefix("#/").split("/"):
        place = place[int(step)] if isinstance(place, list) else place[step]
    return place


def test_refusal_points_into_the_body_when_an_award_is_refused(school: Caller) -> None:
    one = {**claim(), "learner": BLANK}
    public_id = school.issue()["id"]
    replacement = {"reason": "incorrect_data", "credential": one}
    assert _refused(school, "/v1/credentials", one) == BLANK["name"]
    assert _refused(school, "/v1/credentials", {"credentials": [claim(), one]}) == BLANK["name"]
    assert _refused(school, f"/v1/credentials/{public_id}/replacement", replacement) == BLANK["name"]


@pytest.mark.parametrize("member, value", [("title", "\u200b"), ("assessment", "\x00a"), ("credits_centi", 0)])
def test_refusal_points_into_the_template_when_it_is_refused(school: Caller, member: str, value: object) -> None:
    body = {"code": "POINTED", "template": {**TEMPLATE, member: value}}
    assert _refused(school, "/v1/achievements", body) == value


def test_refusal_points_to_the_code_when_it_is_refused(school: Caller) -> None:
    assert _refused(school, "/v1/achievements", {"code": "-", "template": TEMPLATE}) == "-"


def test_refusal_lists_the_reasons_when_one_is_not_on_the_list(school: Caller) -> None:
    path = f"/v1/credentials/{school.issue()['id']}/revocation"
    assert _refused(school, path, {"reason": "because"}) == "because"
    assert "academic_misconduct, assessment_invalidated" in school.post(path, {"reason": "because"}).text
    assert _refused(school, path, {"reason": "other", "note": "a\x00b"}) == "a\x00b"
