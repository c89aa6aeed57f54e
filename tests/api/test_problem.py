import re
from http import HTTPStatus
from pathlib import Path
from typing import Annotated

import httpx
import pytest
from fastapi import Body, FastAPI
from starlette.types import Scope

from api import error as api_error
from api.error import ApiError, FieldError, InvalidRequestError, RateLimitedError
from api.problem import PROBLEMS, Problem, ProblemKind, ProblemWriter, kind_of, kind_of_status
from api.problem_handler import (
    AbortedAnswerError,
    UnexpectedErrorMiddleware,
    describe_error,
    install_problem_handlers,
    json_pointer,
)
from api.problem_route import problem_router
from ledger import error as ledger_error
from tests.api.client import BASE_URL, send

DOCS = Path(__file__).parents[2] / "docs" / "problems.md"
SECRET = "Иван Петров, born 2000-01-01"
ID = "6f" * 16


class RecordingLog:
    def __init__(self) -> None:
        self.lines: list[dict[str, object]] = []

    def error(self, event: str, **fields: object) -> None:
        self.lines.append({"event": event, **fields})


def make_app(log: RecordingLog, *, page: bool = False) -> FastAPI:
    def render(problem: Problem, _scope: Scope) -> str:
        return f"<h1>{problem.kind.title}</h1>"

    writer = ProblemWriter(BASE_URL, render if page else None)
    app = FastAPI(redirect_slashes=False)
    app.include_router(problem_router(writer))
    install_problem_handlers(app, writer)
    app.add_middleware(UnexpectedErrorMiddleware, writer=writer, log=log, random_bytes=lambda n: b"\x6f" * n)
    errors: dict[str, Exception] = {
        "limited": RateLimitedError("Slow down.", headers={"Retry-After": "7"}),
        "input": ledger_error.InvalidInputError("Not a date.", "/award/~1date"),
        "rule": ledger_error.RuleError("Revoked for ever."),
        "key": ledger_error.AuthenticationError("The key is unknown."),
        "full": ledger_error.StorageError(SECRET),
        "corrupt": ledger_error.CorruptionError(SECRET),
        "crash": ValueError(SECRET),
    }

    @app.get("/raise/{name}")
    def raise_one(name: str) -> None:
        raise errors[name]

    @app.post("/typed")
    def typed(count: int, title: Annotated[str, Body(embed=True)]) -> str:
        return title * count

    return app


def members(response: httpx.Response) -> dict[str, object]:
    assert response.headers["content-type"] == "application/problem+json"
    value = response.json()
    assert isinstance(value, dict)
    assert value["status"] == response.status_code
    assert str(value["type"]).startswith(f"{BASE_URL}/problems/")
    return value


@pytest.mark.parametrize("kind", PROBLEMS, ids=lambda kind: kind.name)
def test_docs_explain_every_problem(kind: ProblemKind) -> None:
    section = DOCS.read_text("utf-8").split(f"\n## {kind.name}\n")[1].split("\n## ")[0]
    assert f"`{int(kind.status)}`" in section
    assert kind.title in section
    assert kind.remedy in section


def test_docs_explain_no_problem_that_does_not_exist() -> None:
    names = re.findall(r"^## (.+)$", DOCS.read_text("utf-8"), re.MULTILINE)
    assert names == [kind.name for kind in PROBLEMS]


def test_problem_names_and_error_classes_are_unique() -> None:
    names = [kind.name for kind in PROBLEMS]
    classes = [cls for kind in PROBLEMS for cls in kind.errors]
    assert len(set(names)) == len(names)
    assert len(set(classes)) == len(classes)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", name) for name in names)


def errors_in(module: object) -> list[type[Exception]]:
    found = [value for value in vars(module).values() if isinstance(value, type)]
    return [cls for cls in found if issubclass(cls, Exception)]


@pytest.mark.parametrize("cls", [c for c in errors_in(api_error) if c is not ApiError])
def test_table_knows_every_error_of_the_http_side(cls: type[Exception]) -> None:
    assert not kind_of(cls("x")).is_internal


@pytest.mark.parametrize(
    "cls, name",
    [
        (ledger_error.MissingElementError, "missing-element"),
        (ledger_error.IdempotencyError, "idempotency-key-reused"),
        (ledger_error.ConflictError, "conflict"),
        (ledger_error.ForbiddenError, "forbidden"),
        (ledger_error.StorageError, "storage-unavailable"),
        (ledger_error.KeyEncryptionError, "internal-error"),
        (ledger_error.LedgerError, "internal-error"),
        (KeyError, "internal-error"),
    ],
)
def test_kind_of_takes_nearest_listed_class(cls: type[Exception], name: str) -> None:
    assert kind_of(cls("x")).name == name


@pytest.mark.parametrize(
    "status, name",
    [(404, "not-found"), (413, "body-too-large"), (418, "bad-request"), (502, "internal-error")],
)
def test_kind_of_status_falls_back_when_no_row_has_it(status: int, name: str) -> None:
    assert kind_of_status(status).name == name


@pytest.mark.parametrize("kind", PROBLEMS, ids=lambda kind: kind.name)
def test_problem_type_explains_itself_when_opened(kind: ProblemKind) -> None:
    answer = send(make_app(RecordingLog()), "GET", f"/problems/{kind.name}")
    assert answer.status_code == HTTPStatus.OK
    assert answer.json()["title"] == kind.title
    assert answer.json()["type"].endswith(f"/problems/{kind.name}")


def test_problem_types_are_listed() -> None:
    assert len(send(make_app(RecordingLog()), "GET", "/problems").json()) == len(PROBLEMS)


def test_app_answers_problem_when_address_is_unknown() -> None:
    answer = send(make_app(RecordingLog()), "GET", f"/nothing/{'a' * 36}")
    assert members(answer)["type"] == f"{BASE_URL}/problems/not-found"
    assert "a" * 36 not in answer.text
    assert "cache-control" not in answer.headers


def test_app_answers_problem_and_allow_when_method_is_wrong() -> None:
    answer = send(make_app(RecordingLog()), "DELETE", "/typed")
    assert members(answer)["detail"] == "This address takes OPTIONS, POST."
    assert answer.status_code == 405
    assert answer.headers["allow"] == "OPTIONS, POST"


def test_app_keeps_headers_when_error_brings_them() -> None:
    answer = send(make_app(RecordingLog()), "GET", "/raise/limited")
    assert members(answer)["detail"] == "Slow down."
    assert answer.headers["retry-after"] == "7"


def test_app_names_place_when_ledger_refuses_input() -> None:
    answer = send(make_app(RecordingLog()), "GET", "/raise/input")
    assert members(answer)["errors"] == [{"pointer": "#/award/~1date", "detail": "Not a date."}]


def test_app_asks_for_key_when_not_authenticated() -> None:
    answer = send(make_app(RecordingLog()), "GET", "/raise/key")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_app_names_pointer_and_parameter_when_validation_fails() -> None:
    app = make_app(RecordingLog())
    answer = send(
        app,
        "POST",
        "/typed?count=hunter2",
        content=b'{"title": {"hunter3": 1}}',
        headers={"content-type": "application/json"},
    )
    errors = members(answer)["errors"]
    assert isinstance(errors, list)
    assert {error.get("pointer") or error["parameter"] for error in errors} == {
        "#/title",
        "count",
    }
    assert "hunter" not in answer.text


def test_app_answers_malformed_when_framework_cannot_read_json() -> None:
    answer = send(
        make_app(RecordingLog()),
        "POST",
        "/typed?count=1",
        content=b"{",
        headers={"content-type": "application/json"},
    )
    assert members(answer)["type"] == f"{BASE_URL}/problems/malformed-json"


@pytest.mark.parametrize(
    "name, status, retry_after", [("crash", 500, None), ("corrupt", 500, None), ("full", 503, "5")]
)
def test_app_leaks_nothing_when_error_is_unexpected(name: str, status: int, retry_after: str | None) -> None:
    log = RecordingLog()
    answer = send(make_app(log), "GET", f"/raise/{name}")
    body = members(answer)
    assert answer.status_code == status
    assert answer.headers.get("retry-after") == retry_after
    assert body["instance"] == f"urn:cairn:request:{ID}"
    assert SECRET not in answer.text
    assert "Traceback" not in answer.text
    (line,) = log.lines
    assert line["request_id"] == ID
    assert SECRET not in str(line)
    assert "raise_one" in str(line["frames"])


def test_app_answers_page_when_browser_asks() -> None:
    app = make_app(RecordingLog(), page=True)
    browser = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    answer = send(app, "GET", "/nothing", headers=browser)
    assert answer.text == "<h1>Not found</h1>"
    assert answer.status_code == 404
    assert members(send(app, "GET", "/nothing", headers={"accept": "*/*"}))


def test_unexpected_error_breaks_connection_when_answer_has_begun() -> None:
    log = RecordingLog()

    async def half(_scope: object, _receive: object, send_message: object) -> None:
        assert callable(send_message)
        await send_message({"type": "http.response.start", "status": 200, "headers": []})
        raise ValueError(SECRET)

    app = UnexpectedErrorMiddleware(half, writer=ProblemWriter(BASE_URL), log=log, random_bytes=bytes)
    with pytest.raises(AbortedAnswerError) as caught:
        send(app, "GET", "/")
    assert SECRET not in str(caught.value)
    assert len(log.lines) == 1


def test_describe_error_names_causes_and_no_message() -> None:
    error = ledger_error.CorruptionError(SECRET)
    error.__cause__ = KeyError(SECRET)
    described = describe_error(error)
    assert described["error"] == "ledger.error.CorruptionError"
    assert described["causes"] == ["builtins.KeyError"]
    assert SECRET not in str(described)


def test_json_pointer_escapes_tilde_and_slash() -> None:
    assert json_pointer(("a/b", 0, "~x")) == "/a~1b/0/~0x"


def test_writer_writes_pointer_as_fragment_when_name_is_not_ascii() -> None:
    error = InvalidRequestError("No.", errors=(FieldError("No.", "/имя/0"),))
    kind = kind_of(error)
    body = ProblemWriter(BASE_URL).members(Problem(kind, "No.", error.errors), None)
    assert body["errors"] == [{"pointer": "#/%D0%B8%D0%BC%D1%8F/0", "detail": "No."}]
    assert "instance" not in body
