"""The page of one decision on somebody else's award: what the log says of it, which is nothing about the award."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from api.lookup import Lookup
from api.page.language import choose_language
from api.page.render import PageRenderer
from api.page.view import RecognitionView


def make_router(renderer: PageRenderer, lookup: Lookup) -> APIRouter:
    """Make the router of the page."""
    router = APIRouter(include_in_schema=False)

    @router.get("/recognitions/{recognition}")
    def shown(request: Request, recognition: UUID) -> Response:
        answer = lookup.recognition(recognition)
        record = lookup.views.record_of(answer["institution"])
        view = RecognitionView(answer, record.name, record.country, lookup.now())
        page = renderer.render_recognition(view, choose_language(request.scope))
        return HTMLResponse(page, headers={"Cache-Control": "no-store"})

    return router
