"""What answers while a process is still starting: honest words, and never a refused connection."""

from __future__ import annotations

from typing import Final

from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

RETRY: Final = {"Retry-After": "2", "Cache-Control": "no-store"}
UNAVAILABLE: Final = 503


class StartingApp:
    """Answers 503 with how far the start has come, until :meth:`become` puts the real app in its place.

    Attributes:
        progress: Steps done, and of how many; 0 of 0 when nothing is being counted.
        failure: Why the start failed, if it did.
    """

    def __init__(self) -> None:
        self._app: ASGIApp | None = None
        self.progress = (0, 0)
        self.failure: str | None = None

    def become(self, app: ASGIApp) -> None:
        """Let *app* answer from now on."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if self._app is not None:
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._answer(scope["path"])(scope, receive, send)

    def _answer(self, path: str) -> PlainTextResponse | JSONResponse:
        if path == "/livez":
            return JSONResponse({"status": "live"}, headers=RETRY)
        done, total = self.progress
        counted = f" The demonstration is being made: {done} of {total} steps." if total else ""
        return PlainTextResponse(f"Cairn is starting.{counted} Try again in a moment.\n", UNAVAILABLE, RETRY)
