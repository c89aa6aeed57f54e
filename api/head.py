"""Answers HEAD wherever GET is answered, with the same header fields and no body.

The framework's own routes leave it out, though every server must have it.

Source: RFC 9110 section 9.1 (GET and HEAD are mandatory), section 9.3.2.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadMiddleware:
    """Turns HEAD into GET for what it wraps, and keeps the body back.

    Args:
        app: What is wrapped; the innermost layer, so that logs and metrics still see HEAD.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        read = {**scope, "method": "GET"}

        async def keep_body_back(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        try:
            await self._app(read, receive, keep_body_back)
        finally:
            # What the router found out, for the layers around.
            scope.update({name: read[name] for name in ("route", "path_params") if name in read})
