import asyncio
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Message

from api.problem import ProblemWriter
from api.problem_handler import install_problem_handlers
from api.strict_body import read_strict_json
from tests.api.client import BASE_URL, send, stream

JSON = {"content-type": "application/json"}
LIMIT = 64


def make_app() -> FastAPI:
    app = FastAPI()
    install_problem_handlers(app, ProblemWriter(BASE_URL))

    @app.post("/")
    async def echo(request: Request) -> JSONResponse:
        return JSONResponse(await read_strict_json(request, max_bytes=LIMIT))

    return app


def test_body_is_read_when_it_is_strict_json() -> None:
    assert send(make_app(), "POST", "/", content=b'{"a":[1]}', headers=JSON).json() == {"a": [1]}


def test_body_is_read_when_it_is_exactly_the_limit() -> None:
    body = b'"' + b"x" * (LIMIT - 2) + b'"'
    assert send(make_app(), "POST", "/", content=body, headers=JSON).status_code == 200


def test_body_is_refused_when_announced_length_is_above_the_limit() -> None:
    answer = send(make_app(), "POST", "/", content=b" " * (LIMIT + 1), headers=JSON)
    assert answer.status_code == 413
    assert answer.json()["limit_bytes"] == LIMIT
    assert answer.headers["connection"] == "close"


def test_body_is_refused_when_streamed_bytes_pass_the_limit_and_the_rest_is_not_read() -> None:
    sent: list[int] = []

    def parts() -> Iterator[bytes]:
        for number in range(1_000):
            sent.append(number)
            yield b" " * 16

    answer = send(make_app(), "POST", "/", content=stream(parts()), headers=JSON)
    assert answer.status_code == 413
    assert len(sent) < 10


@pytest.mark.parametrize("length", ["-1", "1e3", "0x10", "7, 7", "", " 5", "٣", "9" * 5_000])
def test_body_is_refused_when_content_length_is_not_one_number(length: str) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", length.encode())]
    messages: list[Message] = []

    async def receive() -> Message:
        raise AssertionError("nothing may be read")

    async def collect(message: Message) -> None:
        messages.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "root_path": "",
        "headers": headers,
    }
    asyncio.run(make_app()(scope, receive, collect))
    assert messages[0]["status"] == (413 if length.startswith("9") else 422)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "multipart/form-data; boundary=x"},
        {"content-type": "application/json; charset=utf-16"},
        {"content-type": "application/jsonx"},
        {"content-type": "text/plain, application/json"},
        {"content-type": "application/json", "content-encoding": "gzip"},
        {"content-type": "application/json", "content-encoding": "br, gzip"},
    ],
    ids=str,
)
def test_body_is_refused_when_type_or_coding_is_not_read(headers: dict[str, str]) -> None:
    answer = send(make_app(), "POST", "/", content=b"{}", headers=headers)
    assert answer.status_code == 415
    assert answer.json()["type"] == f"{BASE_URL}/problems/unsupported-media-type"


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON; Charset=UTF-8", 'application/vc; charset="utf-8"'],
)
def test_body_is_read_when_type_is_spelt_differently(content_type: str) -> None:
    answer = send(make_app(), "POST", "/", content=b"{}", headers={"content-type": content_type})
    assert answer.status_code == 200


def test_body_error_names_the_place_when_a_name_occurs_twice() -> None:
    answer = send(make_app(), "POST", "/", content=b'{"a":{"b":1,"b":2}}', headers=JSON)
    assert answer.status_code == 400
    assert answer.json()["errors"] == [{"pointer": "#/a/b", "detail": "This name occurs twice in one object."}]
