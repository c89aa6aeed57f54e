"""What answers while a process is still starting: honest words, and never a refused connection.

A browser gets a page that loads itself again until the ledger is there; any other client a problem (RFC 9457) with
``Retry-After`` and how far the start has come. ``/livez`` says that the process lives; ``/readyz`` fails like the rest.
"""

from __future__ import annotations

from typing import Final

from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.error import NotReadyError
from api.media_type import accepts_html
from api.page.asset import ASSET_PATHS, ASSETS, asset
from api.page.language import choose_language
from api.page.render import PageRenderer
from api.page.view import StartingView
from api.problem import ProblemWriter
from api.security_header import SecurityHeaderMiddleware

RETRY_SECONDS: Final = 2
WAITING_HEADERS: Final = {"Retry-After": str(RETRY_SECONDS), "Cache-Control": "no-store"}
UNAVAILABLE: Final = 503


class StartingApp:
    """Says how far the start has come, until :meth:`become` puts the real app in its place.

    Args:
        base_url: Where the public reaches the ledger, without a slash at the end.
        demonstration: Whether the ledger is a demonstration.

    Attributes:
        progress: Steps done, and of how many; 0 of 0 when nothing is being counted.
    """

    def __init__(self, base_url: str, *, demonstration: bool) -> None:
        self.progress = (0, 0)
        self._renderer = PageRenderer(base_url, demonstration=demonstration)
        self._writer = ProblemWriter(base_url)
        self._app: ASGIApp = SecurityHeaderMiddleware(self._answer, is_https=base_url.startswith("https:"))

    def become(self, app: ASGIApp) -> None:
        """Let *app* answer from now on. Safe from any thread: it is one assignment."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        await self._app(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._response(scope)(scope, receive, send)

    def _response(self, scope: Scope) -> Response:
        if scope["path"] == "/livez":
            return JSONResponse({"status": "live"}, headers={"Cache-Control": "no-store"})
        if scope["path"] in ASSET_PATHS:
            name = scope["path"].rpartition("/")[2]
            return Response(asset(name), media_type=ASSETS[name])
        if accepts_html(scope):
            return HTMLResponse(self._page(scope), UNAVAILABLE, WAITING_HEADERS)
        return self._problem(scope)

    def _page(self, scope: Scope) -> str:
        done, total = self.progress
        language = choose_language(scope)
        view = StartingView(done=done, total=total, retry_seconds=RETRY_SECONDS, language=language)
        return self._renderer.render_starting(view)

    def _problem(self, scope: Scope) -> Response:
        done, total = self.progress
        counted = f"; the demonstration is being made, {done} of {total} steps so far" if total else ""
        extensions = {"progress": {"done": done, "total": total}} if total else {}
        error = NotReadyError(f"Cairn is starting{counted}.", headers=WAITING_HEADERS, extensions=extensions)
        return self._writer.response_to(error, scope)
