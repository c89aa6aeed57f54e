"""What is answered before the ledger is open."""

import json

import pytest
from starlette.responses import PlainTextResponse

from api.page.language import LANGUAGES, read_messages
from api.starting import RETRY_SECONDS, StartingApp
from tests.api.client import BASE_URL, send

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def starting(done: int = 0, total: int = 0) -> StartingApp:
    app = StartingApp(BASE_URL, demonstration=True)
    app.progress = (done, total)
    return app


@pytest.mark.parametrize("path", ["/", "/readyz", "/v1/credentials", "/log/checkpoint"])
def test_starting_answers_a_problem_when_a_client_asks(path: str) -> None:
    answer = send(starting(), "GET", path)
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == str(RETRY_SECONDS)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["type"] == f"{BASE_URL}/problems/not-ready"
    assert "progress" not in answer.json()


def test_starting_says_how_far_it_is_when_it_counts() -> None:
    problem = json.loads(send(starting(40, 100), "GET", "/readyz").content)
    assert problem["progress"] == {"done": 40, "total": 100}
    assert "40 of 100" in problem["detail"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_starting_page_loads_itself_again_when_a_browser_asks(language: str) -> None:
    answer = send(starting(40, 100), "GET", "/", headers={**BROWSER, "Accept-Language": language})
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == str(RETRY_SECONDS)
    assert f'<meta http-equiv="refresh" content="{RETRY_SECONDS}">' in answer.text
    assert '<progress value="40" max="100"' in answer.text
    assert f'lang="{language}"' in answer.text


def test_starting_page_has_its_words_when_nothing_is_counted() -> None:
    answer = send(starting(), "GET", "/", headers=BROWSER)
    assert read_messages("en")["starting"]["again"] in answer.text
    assert "<progress" not in answer.text


def test_starting_serves_its_style_sheet_when_the_page_asks() -> None:
    answer = send(starting(), "GET", "/static/cairn.css")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/css")


def test_starting_is_alive_when_it_is_not_ready() -> None:
    assert send(starting(), "GET", "/livez").json() == {"status": "live"}


def test_starting_gives_way_when_the_real_app_is_there() -> None:
    app = starting()
    app.become(PlainTextResponse("here"))
    assert send(app, "GET", "/").text == "here"
