"""The page about audits: have this server audit itself, read the report, and how to audit it from outside.

Anybody may ask. What that costs the server is bounded: see `api.own_audit`. Nothing here needs a script.
"""

from __future__ import annotations

from typing import Final

import msgspec
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from api.error import UnknownResourceError
from api.own_audit import OwnAudits
from api.own_page import FORM_HEADERS, require_own_page
from api.page.language import LANGUAGES, choose_language
from api.page.render import PageRenderer
from api.published_log import PublishedLog

PATH: Final = "/explore/audit"
NO_STORE: Final = {"Cache-Control": "no-store"}
REFRESH: Final = {"Refresh": "2"}
"""The page loads itself again while an audit is under way, in seconds."""


def make_router(renderer: PageRenderer, published: PublishedLog, audits: OwnAudits | None, base_url: str) -> APIRouter:
    """Make the router.

    Args:
        renderer: Writes the pages.
        published: The log as it is now.
        audits: Audits of this server by itself; None where there are none, as at a mirror.
        base_url: Address at which browsers reach this node.
    """
    router = APIRouter(include_in_schema=False)

    @router.get(PATH)
    def show(request: Request) -> Response:
        standing = None if audits is None else audits.standing()
        is_running = standing is not None and standing.running is not None
        page = renderer.render_audit(standing, published.snapshot().checkpoint.size, choose_language(request.scope))
        return HTMLResponse(page, headers=FORM_HEADERS | NO_STORE | (REFRESH if is_running else {}))

    @router.post(PATH)
    def ask(request: Request) -> Response:
        """Begin an audit if none is under way and it is time; the page says what became of it either way."""
        require_own_page(request, base_url)
        if audits is not None:
            audits.ask()
        asked = request.query_params.get("lang")
        kept = f"?lang={asked}" if asked in LANGUAGES else ""
        return RedirectResponse(f"{PATH}{kept}", 303, headers=NO_STORE)

    @router.get(f"{PATH}/report.json")
    def report() -> Response:
        """The newest report, as `cairn audit --json` writes it, with its times."""
        kept = None if audits is None else audits.standing().kept
        if kept is None:
            message = "no audit has been made from this page yet"
            raise UnknownResourceError(message)
        return Response(msgspec.json.encode(kept), headers=NO_STORE, media_type="application/json")

    return router
