"""Pages for people: the home page, the page of one award, the reference. They work without JavaScript."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from api.instant import parse_instant
from api.page.language import LANGUAGES, choose_language
from api.page.render import PageRenderer, style_sheet
from api.page.view import HomeView, Sample, VerifyView
from api.verification import Verification

PUBLIC_ID = re.compile(r"[0-9a-v]{36}")
MAX_INSTANT_CHARS = 64
NO_STORE = {"Cache-Control": "no-store"}
STYLE_CACHE = {"Cache-Control": "public, max-age=3600"}


def make_router(
    renderer: PageRenderer,
    verification: Verification,
    samples: Callable[[], tuple[Sample, ...]],
    now: Callable[[], datetime],
) -> APIRouter:
    """Make the router of the pages."""
    router = APIRouter(include_in_schema=False)
    style = style_sheet()

    @router.get("/")
    def home(request: Request) -> Response:
        view = HomeView(samples=samples(), language=choose_language(request.scope))
        return HTMLResponse(renderer.render_home(view), headers=NO_STORE)

    @router.get("/verify")
    def find(request: Request, q: Annotated[str, Query(max_length=2_000)] = "") -> Response:
        """Go to the page of whatever award was pasted: a link, or an id."""
        public_id = _pasted_id(q)
        if public_id is not None:
            return RedirectResponse(f"/verify/{public_id}{_kept_language(request)}", 303)
        language = choose_language(request.scope)
        view = HomeView(samples=samples(), is_refused=bool(q), language=language)
        return HTMLResponse(renderer.render_home(view), headers=NO_STORE)

    @router.get("/verify/{id}")
    def verify(
        request: Request,
        public_id: Annotated[str, Path(alias="id")],
        at: Annotated[str | None, Query(max_length=MAX_INSTANT_CHARS)] = None,
    ) -> Response:
        report = verification.credential(public_id, parse_instant(at or None, "at"))
        view = VerifyView(
            report=report,
            credential=public_id,
            checked_at=now(),
            asked_at=at or None,
            language=choose_language(request.scope),
        )
        return HTMLResponse(renderer.render_verify(view), headers=NO_STORE)

    @router.get("/docs")
    def reference(request: Request) -> Response:
        openapi = request.app.openapi()
        return HTMLResponse(renderer.render_reference(openapi, choose_language(request.scope)))

    @router.get("/static/cairn.css")
    def style_route() -> Response:
        return Response(style, headers=STYLE_CACHE, media_type="text/css; charset=utf-8")

    return router


def _kept_language(request: Request) -> str:
    """The query that keeps the language asked for; nothing when none was, or none that there is."""
    asked = request.query_params.get("lang")
    return f"?lang={asked}" if asked in LANGUAGES else ""


def _pasted_id(text: str) -> str | None:
    """The id in a pasted link or id, or None: what stands between slashes, before any query or fragment."""
    path = re.split(r"[?#]", text.strip(), maxsplit=1)[0]
    found = [part for part in path.split("/") if PUBLIC_ID.fullmatch(part)]
    return found[-1] if found else None
