"""The direct route: what it answers, the framework's own route answers too."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import Depends, FastAPI

from api.direct import DirectMiddleware, DirectRoute
from api.problem import ProblemWriter
from api.problem_handler import install_problem_handlers
from api.query import refuse_repeated
from api.route import credential
from tests.api.served import BASE, CODE, Http, Served

AWARD = {"achievement": CODE, "learner": {"name": "Mari Maasikas"}, "awarded_on": "2026-01-31", "grade": "A"}
JSON = {"Content-Type": "application/json"}


def framework(served: Served) -> Http:
    """The route as the framework finds it."""
    app = FastAPI(openapi_url=None, dependencies=[Depends(refuse_repeated)], redirect_slashes=False)
    app.include_router(credential.make_router(served.node, credential.make_issue(served.node)))
    install_problem_handlers(app, ProblemWriter(BASE))
    return Http(app)


def with_key(key: str, **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}", "Idempotency-Key": uuid4().hex, **JSON, **more}


REFUSED: dict[str, dict[str, Any]] = {
    "no key": {"content": b"{}", "headers": JSON},
    "an unknown key": {"content": b"{}", "headers": {**JSON, "Authorization": "Bearer cairn_none"}},
    "no type": {"content": b"{}", "headers": {"Content-Type": ""}},
    "another type": {"content": b"{}", "headers": {"Content-Type": "text/plain"}},
    "no JSON": {"content": b"{", "headers": {}},
    "a name twice": {"content": b'{"a":1,"a":2}', "headers": {}},
    "an empty body": {"content": b"", "headers": {}},
    "a list": {"content": b"[]", "headers": {}},
    "a member that nobody knows": {"content": json.dumps({**AWARD, "x": 1}).encode(), "headers": {}},
    "a blank name": {"content": json.dumps({**AWARD, "learner": {"name": " "}}).encode(), "headers": {}},
    "no learner": {"content": json.dumps({"achievement": CODE}).encode(), "headers": {}},
    "another edition": {"content": json.dumps({**AWARD, "edition": 9}).encode(), "headers": {}},
    "another achievement": {"content": json.dumps({**AWARD, "achievement": "NONE"}).encode(), "headers": {}},
    "another institution": {"content": json.dumps({**AWARD, "institution": "south"}).encode(), "headers": {}},
    "no award at all": {"content": b'{"credentials":[]}', "headers": {}},
    "a parameter twice": {"content": b"{}", "headers": {}, "params": [("a", "1"), ("a", "2")]},
    "a long key": {"content": json.dumps(AWARD).encode(), "headers": {"Idempotency-Key": "x" * 300}},
}


@pytest.mark.parametrize("case", REFUSED)
def test_direct_route_refuses_what_the_framework_refuses_with_the_same_words(
    case: str, served: Served, school_key: str
) -> None:
    parts = {**REFUSED[case]}
    if case not in {"no key", "an unknown key"}:
        parts["headers"] = with_key(school_key) | parts["headers"]
    found, wanted = served.http.post("/v1/credentials", **parts), framework(served).post("/v1/credentials", **parts)
    assert found.status_code >= httpx.codes.BAD_REQUEST
    assert (found.status_code, found.headers["content-type"]) == (wanted.status_code, wanted.headers["content-type"])
    assert {**found.json(), "instance": None} == {**wanted.json(), "instance": None}


def test_direct_route_makes_awards_and_repeats_answers_as_the_framework_does(served: Served, school_key: str) -> None:
    for body in (AWARD, {"credentials": [AWARD, AWARD]}):
        headers = with_key(school_key)
        first = served.http.post("/v1/credentials", json=body, headers=headers)
        again = framework(served).post("/v1/credentials", json=body, headers=headers)
        assert first.status_code == again.status_code == httpx.codes.CREATED
        assert first.json() == again.json()
        assert first.headers.get("location") == again.headers.get("location")


def test_direct_route_is_named_in_log_and_metrics_by_its_template(served: Served, school_key: str) -> None:
    served.issue(school_key)
    lines = [json.loads(line) for line in served.log.getvalue().splitlines()]
    assert any(line.get("route") == "/v1/credentials" and line["status"] == httpx.codes.CREATED for line in lines)
    assert 'route="/v1/credentials",status="201"' in served.http.get("/metrics").text.replace('method="POST",', "")


@pytest.mark.parametrize("method, path", [("GET", "/v1/credentials"), ("POST", "/v1/credentials/"), ("PUT", "/x")])
def test_other_requests_are_handed_on(method: str, path: str) -> None:
    seen: list[str] = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:  # noqa: ANN401  an application of no framework
        seen.append(scope["path"])

    async def never(_: object) -> Any:  # noqa: ANN401  is not called
        raise AssertionError

    route = DirectRoute("/v1/credentials", never, ProblemWriter(BASE))
    with pytest.raises(AssertionError):  # no answer came: the app gives none
        Http(DirectMiddleware(app, route, route)).request(method, path)
    assert seen == [path]


def test_direct_route_answers_500_and_says_nothing_when_something_unexpected_happens(
    served: Served, school_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> object:
        message = "Mari Maasikas"
        raise ValueError(message)

    monkeypatch.setattr(served.node.issuance, "issue_together", fail)
    answered = served.http.post("/v1/credentials", json=AWARD, headers=with_key(school_key))
    assert answered.status_code == httpx.codes.INTERNAL_SERVER_ERROR
    assert "Mari" not in answered.text
    assert "unexpected_error" in served.log.getvalue()
