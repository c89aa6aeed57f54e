"""One connection of a client: what is refused before it is a request, in the same words as everything after.

The server's own answers to bytes that are no HTTP, and to one client too many, are plain text; and it takes a head of
any length, which the parser puts together in a time that grows with the square. Both are put right here.

Source: RFC 9110 section 15.5.1, RFC 6585 section 5 (431), RFC 9457.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final, TypeAlias

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from api.problem import Problem, kind_of_status

MAX_HEAD_BYTES: Final = 65_536
"""Request line and header fields of one request. Our own choice: the limit of the server's other parser; browsers send
1 or 2 KiB, and a bearer key takes 60 bytes."""
MAX_CONNECTIONS: Final = 4_096
"""Connections, and requests being answered, at one time."""
RETRY_SECONDS: Final = 5
_NO_REQUEST: Final[Scope] = {"type": "http", "headers": []}

Refusal: TypeAlias = Callable[[Problem, Scope], Response]
"""Writes a problem, as `api.problem.ProblemWriter.response` does."""

MALFORMED: Final = Problem(kind_of_status(400), "What was sent is not an HTTP/1.1 request.")
HEAD_TOO_LARGE: Final = Problem(
    kind_of_status(431),
    f"The request line and the header fields have more than the {MAX_HEAD_BYTES} bytes that are taken.",
    extensions={"limit_bytes": MAX_HEAD_BYTES},
)
BUSY: Final = Problem(
    kind_of_status(503),
    f"More clients are connected than are served at one time. Ask again in {RETRY_SECONDS} s.",
    headers={"Retry-After": str(RETRY_SECONDS), "Connection": "close"},
)


class _HeadTooLargeError(Exception):
    """The head of a request is longer than any that is taken; stops the parser."""


def connection_class(refusal: Refusal) -> type[asyncio.Protocol]:
    """Return the protocol class for `uvicorn.Config`, whose refusals *refusal* writes."""

    class RefusingConnection(Connection):
        write_refusal = staticmethod(refusal)

    return RefusingConnection


class Connection(HttpToolsProtocol):
    """uvicorn's protocol over httptools with a limit on heads, and refusals that *write_refusal* words.

    Attributes:
        write_refusal: Makes the answer of a problem.
    """

    write_refusal: Refusal

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._served = self.app
        self._in_head = True
        self._head_bytes = 0
        self._told_bytes = 0
        self._is_head_too_large = False

    def data_received(self, data: bytes) -> None:
        """Feed the parser, and stop when a head has no end."""
        was_in_head = self._in_head
        super().data_received(data)
        # A header field is told of only when it is whole, so what has come of it is counted here.
        if was_in_head and self._in_head and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._is_head_too_large = True
                self.send_400_response("")

    def on_message_begin(self) -> None:
        """Begin to count."""
        super().on_message_begin()
        self._in_head, self._head_bytes, self._told_bytes = True, 0, 0

    def on_url(self, url: bytes) -> None:
        """Take a piece of the address."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one header field."""
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Have the request answered, or refused when too many are."""
        self._in_head = False
        is_busy = max(len(self.connections), len(self.tasks)) > MAX_CONNECTIONS
        self.app = self._refuse_busy if is_busy else self._served
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no request, and close; *msg* is the server's word for it and is not used."""
        del msg
        answer = self.write_refusal(HEAD_TOO_LARGE if self._is_head_too_large else MALFORMED, dict(_NO_REQUEST))
        head = [b"HTTP/1.1 %d %s" % (answer.status_code, HTTPStatus(answer.status_code).phrase.encode())]
        head += [name + b": " + value for name, value in (*answer.raw_headers, (b"connection", b"close"))]
        self.transport.write(b"\r\n".join([*head, b"", bytes(answer.body)]))
        self.transport.close()

    def _count(self, told: int) -> None:
        self._told_bytes += told
        if self._told_bytes > MAX_HEAD_BYTES:
            self._is_head_too_large = True
            raise _HeadTooLargeError

    async def _refuse_busy(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.write_refusal(BUSY, scope)(scope, receive, send)
