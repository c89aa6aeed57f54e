"""Puts the table of problems to work: what an app answers when a request ends in an error."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from http import HTTPStatus
from pathlib import PurePath
from typing import Final, Protocol

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.error import ApiError, FieldError
from api.problem import Problem, ProblemWriter, kind_named, kind_of_status, problem_of
from api.request_id import assign_request_id
from api.route_template import METHODS
from ledger.error import LedgerError
from projections.error import ViewNotReadyError
from verifier.error import VerifierError

# Frames of a traceback that go to the log; more help nobody.
MAX_FRAMES: Final = 30


class ErrorLog(Protocol):
    """Where unexpected errors are recorded. structlog's bound loggers fit."""

    def error(self, event: str, **fields: object) -> object:
        """Record one event with its fields; must not raise."""


def install_problem_handlers(app: FastAPI, writer: ProblemWriter) -> None:
    """Answer every expected error, and every refusal of the framework, with a problem."""

    def known(request: Request, error: Exception) -> Response:
        problem = problem_of(error)
        if problem.kind.is_internal:
            raise error
        return writer.response(problem, request.scope)

    def refused(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        if error.status_code != HTTPStatus.METHOD_NOT_ALLOWED:
            return writer.response(problem_of_refusal(error), request.scope)
        allow = {"Allow": ", ".join(allowed_methods(app, request.scope))}
        if request.method == "OPTIONS":
            return Response(status_code=HTTPStatus.NO_CONTENT, headers=allow)
        return writer.response(problem_of_refusal(HTTPException(error.status_code, headers=allow)), request.scope)

    def invalid(request: Request, error: Exception) -> Response:
        if not isinstance(error, RequestValidationError):
            raise error
        return writer.response(problem_of_validation(error), request.scope)

    app.add_exception_handler(ApiError, known)
    app.add_exception_handler(LedgerError, known)
    app.add_exception_handler(VerifierError, known)
    app.add_exception_handler(ViewNotReadyError, known)
    app.add_exception_handler(HTTPException, refused)
    app.add_exception_handler(RequestValidationError, invalid)


def allowed_methods(app: FastAPI, scope: Scope) -> list[str]:
    """Return every method that some route takes at the path of *scope*, in alphabetical order.

    The framework names those of the first route alone, though one path may have several.

    Source: RFC 9110 section 10.2.1 (Allow), section 9.3.7 (OPTIONS).
    """
    found = {method for method in METHODS if _takes(app, {**scope, "method": method})}
    # HEAD is answered wherever GET is: see `api.head`.
    return sorted(found | {"OPTIONS"} | ({"HEAD"} if "GET" in found else set()))


def _takes(app: FastAPI, scope: Scope) -> bool:
    return any(route.matches(scope)[0] is Match.FULL for route in app.routes)


def problem_of_refusal(error: HTTPException) -> Problem:
    """Return the problem for a status that the framework raised, with the header fields it set."""
    kind = kind_of_status(error.status_code)
    headers = dict(error.headers or {})
    allow = {name.lower(): value for name, value in headers.items()}.get("allow")
    detail = f"This address takes {allow}." if allow else kind.remedy
    return Problem(kind, detail, headers=headers)


def problem_of_validation(error: RequestValidationError) -> Problem:
    """Return the problem for a request that does not fit its schema; values are not repeated."""
    errors = tuple(_field_error(tuple(item["loc"]), str(item["type"]), str(item["msg"])) for item in error.errors())
    is_malformed = any(item["type"] == "json_invalid" for item in error.errors())
    kind = kind_named("malformed-json" if is_malformed else "invalid-request")
    if kind is None:  # pragma: no cover - both rows exist; a test looks
        raise LookupError("the table of problems lost a row")
    return Problem(kind, kind.remedy, errors)


def _field_error(location: tuple[int | str, ...], code: str, message: str) -> FieldError:
    detail = message.removeprefix("Value error, ")
    if location[:1] == ("body",):
        path = () if code == "json_invalid" else location[1:]
        return FieldError(detail, json_pointer(path))
    return FieldError(detail, parameter=str(location[-1]))


def json_pointer(path: tuple[int | str, ...]) -> str:
    """Write a path of names and indexes as a JSON pointer. Source: RFC 6901 section 3."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


class UnexpectedErrorMiddleware:
    """Answers errors that nothing expected with a 500 that says nothing, and records them.

    Neither the answer nor the log holds the error's message or any value: both could be personal.
    The log gets the class, the chain of causes, and file, line and function of each frame.

    Args:
        app: What is wrapped; must lie inside the framework's own error middleware.
        writer: Writes the problem.
        log: Where the error is recorded.
        random_bytes: Source of request ids where none was assigned yet.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        writer: ProblemWriter,
        log: ErrorLog,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._app = app
        self._writer = writer
        self._log = log
        self._random_bytes = random_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_started = False

        async def watched_send(message: Message) -> None:
            nonlocal is_started
            is_started = True
            await send(message)

        try:
            await self._app(scope, receive, watched_send)
        except Exception as error:  # noqa: BLE001 - the last line of defence for one request
            identity = assign_request_id(scope, self._random_bytes)
            self._log.error("unexpected_error", request_id=identity, **describe_error(error))
            if is_started:
                # Half an answer is out; only a broken connection tells the client so.
                raise AbortedAnswerError(identity) from None
            await self._writer.response_to(error, scope)(scope, receive, send)


class AbortedAnswerError(RuntimeError):
    """The answer had begun when the request failed; the message is the id of the request."""


def describe_error(error: BaseException) -> dict[str, object]:
    """Return what may be logged of an error: classes and places, no message, no value."""
    chain: list[str] = []
    link: BaseException | None = error
    while link is not None and len(chain) < MAX_FRAMES:
        chain.append(f"{type(link).__module__}.{type(link).__qualname__}")
        link = link.__cause__ or link.__context__
    frames = traceback.extract_tb(error.__traceback__)[-MAX_FRAMES:]
    places = [f"{PurePath(f.filename).name}:{f.lineno} {f.name}" for f in frames]
    return {"error": chain[0], "causes": chain[1:], "frames": places}
