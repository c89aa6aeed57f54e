"""One line of JSON per request, on stderr.

A line holds the time, the request's id, the method, the template of the route, the status, the
duration and the bytes sent. It never holds a path, a query, a header field, a body, an address of a
client or an id of anything but the request: what is not written down cannot leak.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from http import HTTPStatus
from typing import Final, TextIO

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

from api.answer_header import put_headers
from api.request_id import assign_request_id
from api.route_template import method_name, route_template

REQUEST_ID_HEADER: Final = "X-Request-Id"
_RAW_REQUEST_ID: Final = REQUEST_ID_HEADER.lower().encode()
_MILLISECONDS: Final = 1_000
_LINE: Final = (
    '{"time": "%s", "request_id": "%s", "method": %s, "route": %s, "status": %d, "duration_ms": %s, '
    '"sent_bytes": %d, "event": "request", "level": "info"}'
)


def make_log(stream: TextIO, now: Callable[[], datetime], *, is_quiet: bool = False) -> FilteringBoundLogger:
    """Return a log that writes JSON lines; nothing is configured for the whole process.

    Args:
        stream: Where lines go, in whole lines, so that those of several threads do not mix. What is written down of the
            requests that an event loop answers in one turn is written at once, when the turn is over, with the time at
            which the first of them was answered.
        now: The clock, aware UTC.
        is_quiet: Whether to leave out what is not a warning or an error, such as every request.
    """

    def stamp(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return {"time": now().isoformat(timespec="milliseconds"), **event}

    level = logging.WARNING if is_quiet else logging.INFO

    waiting: list[str] = []
    told: list[asyncio.AbstractEventLoop] = []
    stamped = ""

    class RequestLog(structlog.make_filtering_bound_logger(level)):  # type: ignore[misc]  # a class that is made
        """Writes the lines of requests, of which there are many, without the processors; they come out the same."""

        def request(self, identity: str, method: str, route: str, status: int, seconds: float, sent_bytes: int) -> None:
            if is_quiet:
                return
            nonlocal stamped
            if not (waiting and told and told[0].is_running()):  # one look at the clock for a turn
                stamped = now().isoformat(timespec="milliseconds")
            duration = round(seconds * _MILLISECONDS, 3)
            waiting.append(_LINE % (stamped, identity, _quoted(method), _quoted(route), status, duration, sent_bytes))
            if told and told[0].is_running() and len(waiting) > 1:
                return  # the turn goes on, and its loop knows
            try:
                told[:] = [asyncio.get_running_loop()]
                told[0].call_soon(self._write_down)
            except RuntimeError:  # no loop has a turn here
                self._write_down()

        def _write_down(self) -> None:
            lines, waiting[:] = waiting[:], []
            if lines:
                self._logger.msg("\n".join(lines))

    log: FilteringBoundLogger = structlog.wrap_logger(
        structlog.WriteLogger(stream),
        processors=[
            structlog.processors.add_log_level,
            stamp,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=RequestLog,
        cache_logger_on_first_use=True,
    )
    return log


RequestLine = Callable[[str, str, str, int, float, int], None]
"""(id of the request, method, template of the route, status, seconds, bytes of the body) -> None."""


def request_line(log: FilteringBoundLogger) -> RequestLine:
    """What writes the line of a request to a log of :func:`make_log`."""
    write: RequestLine = log.bind().request  # type: ignore[attr-defined]  # see make_log
    return write


@lru_cache(maxsize=1_024)
def _quoted(text: str) -> str:
    """As JSON. Methods and routes are of closed sets."""
    return json.dumps(text, ensure_ascii=False)


class AccessLogMiddleware:
    """Gives every request its id, and writes its line when it is answered.

    Args:
        app: What is wrapped.
        log: Where lines go.
        timer: Seconds that never run backwards.
        random_bytes: Source of request ids.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        log: FilteringBoundLogger,
        timer: Callable[[], float],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._app = app
        self._write = request_line(log)
        self._timer = timer
        self._random_bytes = random_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        identity = assign_request_id(scope, self._random_bytes)
        started = self._timer()
        status = int(HTTPStatus.INTERNAL_SERVER_ERROR)
        sent_bytes = 0

        async def watch(message: Message) -> None:
            nonlocal status, sent_bytes
            if message["type"] == "http.response.start":
                status = message["status"]
                put_headers(message, {_RAW_REQUEST_ID: identity.encode()})
            sent_bytes += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            seconds = self._timer() - started
            self._write(identity, method_name(scope), route_template(scope), status, seconds, sent_bytes)
