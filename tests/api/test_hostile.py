"""What strangers send: nothing of it is answered with a 500, and nothing of it costs more than it should."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any, NoReturn

import httpx
import pytest

from tests.api.served import BASE, SLUG, Served

BUNDLE = {"format": "cairn/bundle/v1"}
EVIDENCE = {"format": "cairn/evidence/v1"}


@pytest.fixture(scope="module")
def award(served: Served, school_key: str) -> dict[str, Any]:
    return served.issue(school_key)


@pytest.mark.parametrize("body", [BUNDLE, EVIDENCE, EVIDENCE | {"entries": 1}, BUNDLE | {"salt": "?"}])
def test_verify_names_the_place_when_the_file_is_malformed(served: Served, body: dict[str, Any]) -> None:
    answered = served.verify(json.dumps(body).encode())
    assert answered.status_code == 422
    assert answered.headers["content-type"] == "application/problem+json"
    assert answered.json()["type"].endswith("/problems/invalid-request")
    assert answered.json()["errors"][0]["detail"] == answered.json()["detail"]


@pytest.mark.parametrize("body", [b"[]", b"null", b'"cairn/bundle/v1"', b"7"])
def test_verify_names_the_whole_body_when_it_is_no_object(served: Served, body: bytes) -> None:
    answered = served.verify(body)
    assert answered.status_code == 422
    assert answered.json()["errors"][0]["pointer"] == "#"


def test_verify_says_so_when_the_format_is_of_a_newer_version(served: Served) -> None:
    answered = served.verify(b'{"format": "cairn/bundle/v9"}')
    assert answered.status_code == 422
    assert "use a newer version" in answered.json()["detail"]
    assert answered.json()["errors"][0]["pointer"] == "#/format"


def test_question_about_the_future_is_refused_alike_everywhere(served: Served, award: dict[str, Any]) -> None:
    content = served.http.get(f"/v1/credentials/{award['id']}/evidence").content
    for name, answered in (
        ("at", served.http.get(f"/verify/{award['id']}?at=9999-12-31")),
        ("at", served.http.get(f"/v1/credentials/{award['id']}/status?at=9999-12-31")),
        ("known_at", served.http.get(f"/v1/credentials/{award['id']}/status?known_at=9999-12-31")),
        ("at", served.verify(content, at="9999-12-31")),
    ):
        assert answered.status_code == 422
        assert answered.json()["type"].endswith("/problems/future-instant")
        assert [place["parameter"] for place in answered.json()["errors"]] == [name]


@pytest.mark.parametrize(
    "at",
    ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2016-12-31T23:59:60Z", "2026-01-31T12:00:00", "\0"],
)
def test_instant_is_refused_when_it_is_none(served: Served, award: dict[str, Any], at: str) -> None:
    for path in (f"/v1/credentials/{award['id']}/status", f"/verify/{award['id']}"):
        answered = served.http.get(path, params={"at": at})
        assert answered.status_code == 422
        assert answered.json()["errors"][0]["parameter"] == "at"


def test_instant_that_is_empty_is_refused_of_a_program_and_means_now_on_a_page(
    served: Served, award: dict[str, Any]
) -> None:
    assert served.http.get(f"/v1/credentials/{award['id']}/status?at=").status_code == 422
    assert served.http.get(f"/v1/credentials/{award['id']}/status?known_at=").status_code == 422
    assert served.http.get(f"/verify/{award['id']}?at=").status_code == 200


@pytest.mark.parametrize("pasted", ["http://[", "[", "//", "?", "#", "\0", "http://a]b/verify/"])
def test_search_says_not_found_when_nothing_like_an_id_was_pasted(served: Served, pasted: str) -> None:
    assert served.http.get("/verify", params={"q": pasted}).status_code == 200


@pytest.mark.parametrize(
    "pasted", ["{id}", " {id} ", "http://x/verify/{id}?lang=ru#top", "/v1/credentials/{id}/status"]
)
def test_search_goes_to_the_page_when_an_id_is_in_it(served: Served, award: dict[str, Any], pasted: str) -> None:
    answered = served.http.get("/verify", params={"q": pasted.format(id=award["id"])})
    assert answered.status_code == 303
    assert answered.headers["location"].startswith(f"/verify/{award['id']}")


@pytest.mark.parametrize("lang, kept", [("ru", "?lang=ru"), ("en", "?lang=en"), ("de", ""), ("ru\r\nX: y", "")])
def test_search_keeps_the_language_when_there_is_such_a_one(
    served: Served, award: dict[str, Any], lang: str, kept: str
) -> None:
    answered = served.http.get("/verify", params={"q": award["id"], "lang": lang})
    assert answered.headers["location"] == f"/verify/{award['id']}{kept}"


@pytest.mark.parametrize(
    "method, path, allow",
    [
        ("PUT", "/v1/achievements", "GET, HEAD, OPTIONS, POST"),
        ("GET", "/v1/credentials/x/suspension", "DELETE, OPTIONS, POST"),
        ("TRACE", "/log/checkpoint", "GET, HEAD, OPTIONS"),
        ("POST", "/", "GET, HEAD, OPTIONS"),
    ],
)
def test_refused_method_is_told_every_method_that_the_address_takes(
    served: Served, method: str, path: str, allow: str
) -> None:
    answered = served.http.request(method, path)
    assert (answered.status_code, answered.headers["allow"]) == (405, allow)
    asked = served.http.request("OPTIONS", path)
    assert (asked.status_code, asked.headers["allow"], asked.content) == (204, allow, b"")


def test_question_is_refused_when_a_parameter_is_there_twice(served: Served, award: dict[str, Any]) -> None:
    for path in (f"/v1/credentials/{award['id']}/status", f"/verify/{award['id']}"):
        answered = served.http.get(f"{path}?at=2026-11-01&at=2026-01-01")
        assert answered.status_code == 422
        assert answered.json()["errors"][0]["parameter"] == "at"


@pytest.mark.parametrize("method, last", [("POST", "revocation"), ("DELETE", "suspension"), ("GET", "bundle")])
@pytest.mark.parametrize("public_id", ["x", "\u0416", "A" * 36, "0" * 36])
def test_address_that_is_no_award_is_not_found_when_a_key_is_sent(
    served: Served, school_key: str, method: str, last: str, public_id: str
) -> None:
    body = {} if method == "DELETE" else {"reason": "other"}
    answered = served.write(method, f"/v1/credentials/{public_id}/{last}", body, school_key)
    assert answered.status_code == 404
    assert answered.json()["type"].endswith("/problems/not-found")


def test_status_list_that_is_not_there_is_refused_without_its_number(served: Served) -> None:
    answered = served.http.get("/status-lists/987654321")
    assert answered.status_code == 404
    assert "987654321" not in answered.text


def test_status_list_is_not_sent_again_when_the_client_has_it(served: Served, award: dict[str, Any]) -> None:
    del award
    etag = served.http.get("/status-lists/0").headers["etag"]
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        answered = served.http.get("/status-lists/0", headers={"If-None-Match": known})
        assert (answered.status_code, answered.content) == (304, b"")


@pytest.mark.parametrize(
    "accept, kind",
    [
        ("", "application/vc"),
        ("*/*", "application/vc"),
        ("application/vc", "application/vc"),
        ("application/json, application/vc", "application/vc"),
        ("application/json", "application/json"),
        ("application/ld+json, application/json", "application/ld+json"),
        ("application/json, application/ld+json, */*", "application/ld+json"),
        ("application/json;q=0.9, application/ld+json;q=0.8", "application/json"),
        ("application/vc;q=0, */*", "application/ld+json"),
        ("application/vc;q=0.1, application/*;q=0.5", "application/ld+json"),
        ("text/html", "application/vc"),
        ("x;q=, ,;;", "application/vc"),
    ],
)
def test_status_list_is_answered_as_the_client_reads_it(
    served: Served, award: dict[str, Any], accept: str, kind: str
) -> None:
    del award
    answered = served.http.get("/status-lists/0", headers={"Accept": accept})
    assert (answered.status_code, answered.headers["content-type"]) == (200, kind)
    assert answered.headers["vary"] == "Accept"
    assert answered.content == served.http.get("/status-lists/0").content


@pytest.mark.parametrize("path", ["/v1/institutions/", "/v1/achievements/", "/log/tile", "/log/checkpoint/"])
def test_address_with_a_slash_too_many_is_not_redirected(served: Served, path: str) -> None:
    answered = served.http.get(path, headers={"Host": "evil.example"})
    assert answered.status_code == 404
    assert "evil.example" not in answered.text


def test_unexpected_error_is_a_problem_when_the_whole_application_answers(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> NoReturn:
        message = "Mari Maasikas"
        raise RuntimeError(message)

    monkeypatch.setattr(served.node.views.directory, "page", lambda **_: fail())
    answered = served.http.get("/v1/institutions")
    assert answered.status_code == 500
    assert answered.json()["type"].endswith("/problems/internal-error")
    assert answered.headers["x-content-type-options"] == "nosniff"
    assert "Mari" not in answered.text + served.log.getvalue()


@pytest.mark.parametrize(
    "method, path",
    [
        ("POST", "/v1/credentials"),
        ("POST", "/v1/credentials/x/revocation"),
        ("POST", "/v1/credentials/x/replacement"),
        ("POST", "/v1/credentials/x/suspension"),
        ("DELETE", "/v1/credentials/x/suspension"),
        ("POST", "/v1/achievements"),
        ("POST", "/v1/institutions"),
        ("POST", f"/v1/institutions/{SLUG}/keys"),
        ("POST", f"/v1/institutions/{SLUG}/access-keys"),
    ],
)
@pytest.mark.parametrize("body", [b"[" * 1_000_000, b"{", b""])
def test_write_asks_for_the_key_before_it_looks_at_the_body(
    served: Served, method: str, path: str, body: bytes
) -> None:
    answered = served.http.request(method, path, content=body)
    assert answered.status_code == 401
    assert answered.json()["type"].endswith("/problems/unauthenticated")


@pytest.mark.parametrize(
    "path, body",
    [
        ("/v1/verify", b"[" + b",".join([b'""'] * 480_000) + b"]"),
        ("/v1/verify", b"{" + b",".join(b'"%06d":[{}]' % number for number in range(90_000)) + b"}"),
        ("/v1/skill-profiles", b"[" + b",".join([b'"a"'] * 360_000) + b"]"),
    ],
)
def test_large_body_of_a_stranger_does_not_hold_up_the_event_loop(served: Served, path: str, body: bytes) -> None:
    async def longest_wait() -> float:
        transport = httpx.ASGITransport(served.app)
        async with httpx.AsyncClient(transport=transport, base_url=BASE) as session:
            headers = {"Content-Type": "application/json"}
            asked = asyncio.create_task(session.post(path, content=body, headers=headers))
            longest, last = 0.0, time.monotonic()
            while not asked.done():
                await asyncio.sleep(0)
                longest, last = max(longest, time.monotonic() - last), time.monotonic()
            assert (await asked).status_code == httpx.codes.BAD_REQUEST
        return longest

    # Whatever else runs on the machine may hold it up as well, but not each time.
    assert any(asyncio.run(longest_wait()) < 0.1 for _ in range(12))
