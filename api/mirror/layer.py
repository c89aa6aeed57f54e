"""What lies around every answer of a mirror: nothing before the first verified head, and always how old it is.

Header fields: ``Age`` (seconds since the log's head was the newest; RFC 9111 section 5.1), ``Cairn-Log-Size`` and
``Cairn-Log-Time`` (the checkpoint that the answer rests on), ``Cairn-Following`` (``going``, ``waiting``, ``stopped``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.answer_header import encoded, put_headers
from api.error import NotReadyError
from api.mirror.head import ServedHead
from api.page.asset import ASSET_PATHS
from api.problem import ProblemWriter

ALWAYS: Final = frozenset({"/livez", "/readyz", "/metrics", "/v1/ledger"}) | ASSET_PATHS
AGELESS_PREFIX: Final = "/log/tile/"
"""Tiles never change, so they have no age."""
RETRY: Final = {"Retry-After": "5", "Cache-Control": "no-store"}


class FreshnessMiddleware:
    """Says how old answers are, and gives none before there is a verified head.

    Args:
        app: What is wrapped.
        served: The head.
        progress: Entries copied, and of how many.
        writer: Writes problems.
    """

    def __init__(
        self, app: ASGIApp, *, served: ServedHead, progress: Callable[[], tuple[int, int]], writer: ProblemWriter
    ) -> None:
        self._app = app
        self._served = served
        self._progress = progress
        self._writer = writer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"].startswith(AGELESS_PREFIX):
            await self._app(scope, receive, send)
            return
        freshness = self._served.hold_freshness()
        if self._served.head is None and scope["path"] not in ALWAYS and not scope["path"].startswith("/problems/"):
            await self._writer.response_to(self._not_yet(), scope)(scope, receive, send)
            return
        fields = encoded(age_fields(freshness))

        async def adorn(message: Message) -> None:
            if message["type"] == "http.response.start":
                put_headers(message, fields)
            await send(message)

        await self._app(scope, receive, adorn)

    def _not_yet(self) -> NotReadyError:
        done, total = self._progress()
        counted = f"{done} of {total} entries are copied" if total else "nothing is copied yet"
        trouble = self._served.freshness()["detail"]
        message = f"This mirror has not verified its first checkpoint; {counted}." + (f" {trouble}" if trouble else "")
        return NotReadyError(message, headers=RETRY, extensions={"progress": {"done": done, "total": total}})


def age_fields(freshness: Mapping[str, Any]) -> dict[str, str]:
    """Header fields that say how old an answer is, out of :meth:`api.mirror.head.ServedHead.freshness`."""
    named = {
        "Age": freshness["age_seconds"],
        "Cairn-Log-Size": freshness["checkpoint_size"],
        "Cairn-Log-Time": freshness["as_of"],
        "Cairn-Following": freshness["following"],
    }
    return {name: str(value) for name, value in named.items() if value is not None}
