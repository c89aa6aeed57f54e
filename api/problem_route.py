"""The addresses of problem types: each can be opened and explains itself."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import Scope

from api.error import UnknownResourceError
from api.media_type import accepts_html
from api.problem import PROBLEMS, ProblemKind, ProblemWriter, kind_named


def problem_router(writer: ProblemWriter, page: Callable[[ProblemKind, Scope], str] | None = None) -> APIRouter:
    """Return the routes that explain problem types, as JSON or, for a browser, as a page."""
    router = APIRouter(prefix="/problems", tags=["problems"])

    @router.get("", summary="List every problem type")
    def list_problems() -> list[dict[str, object]]:
        return [_describe(kind, writer) for kind in PROBLEMS]

    @router.get("/{name}", summary="Explain one problem type", response_model=None)
    def show_problem(request: Request, name: str) -> Response:
        kind = kind_named(name)
        if kind is None:
            raise UnknownResourceError("There is no problem type of that name.")
        if page is not None and accepts_html(request.scope):
            return HTMLResponse(page(kind, request.scope))
        return JSONResponse(_describe(kind, writer))

    return router


def _describe(kind: ProblemKind, writer: ProblemWriter) -> dict[str, object]:
    return {
        "type": writer.type_uri(kind),
        "title": kind.title,
        "status": int(kind.status),
        "remedy": kind.remedy,
    }
