import io
import json
from datetime import UTC, datetime

from fastapi import FastAPI

from api.access_log import AccessLogMiddleware, make_log
from api.head import HeadMiddleware
from tests.api.client import send


def make_app() -> FastAPI:
    app = FastAPI()

    @app.get("/items/{number}")
    def read(number: int) -> dict[str, int]:
        return {"number": number}

    @app.post("/items")
    def write() -> None:
        """Take a write."""

    return app


def test_head_answers_like_get_but_for_the_body() -> None:
    app = HeadMiddleware(make_app())
    whole, head = send(app, "GET", "/items/7"), send(app, "HEAD", "/items/7")
    assert head.status_code == 200
    assert head.content == b""
    assert head.headers == whole.headers
    assert whole.json() == {"number": 7}


def test_head_is_refused_when_the_address_takes_no_get() -> None:
    assert send(HeadMiddleware(make_app()), "HEAD", "/items").status_code == 405


def test_head_keeps_method_and_route_for_the_log() -> None:
    stream = io.StringIO()
    log = make_log(stream, lambda: datetime(2026, 3, 1, tzinfo=UTC))
    inner = HeadMiddleware(make_app())
    send(AccessLogMiddleware(inner, log=log, timer=float, random_bytes=bytes), "HEAD", "/items/7")
    line = json.loads(stream.getvalue())
    assert (line["method"], line["route"]) == ("HEAD", "/items/{number}")
