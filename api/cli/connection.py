"""One connection of a client: what is refused before it is a request, in the same words as everything after.

The server's own answers to bytes that are no HTTP, and to one client too many, are plain text; and it takes a head of
any length, which the parser puts together in a time that grows with the square. Both are put right here.

A connection also offers what comes to a short-cut, which may answer it at once. It is offered whole pieces alone, and
only between two messages: the parser has seen the end of the last, its answer is written, nothing is queued, and the
client reads. A piece that the short-cut answers never reaches the parser, which is then where it was before.

And a client that does not read what it is answered is broken off. The server would keep its connection for as long as
the client likes, closed or not, and connections are counted.

Source: RFC 9110 section 15.5.1, RFC 6585 section 5 (431), RFC 9457.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Final, TypeAlias

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from api.cli.joined_write import JoinedWrites
from api.connection_end import extension
from api.problem import Problem, kind_of_status

MAX_HEAD_BYTES: Final = 65_536
"""Request line and header fields of one request. Our own choice: the limit of the server's other parser; browsers send
1 or 2 KiB, and a bearer key takes 60 bytes."""
HEAD_SECONDS: Final = 30.0
"""How long a client may take for the head of a request, the first one counted from when it connected."""
BODY_SECONDS: Final = 60.0
"""How long a body may stop coming while the server wants more of it."""
UNREAD_SECONDS: Final = 120.0
"""How long a client may leave what it is answered unread. The system takes some hundred KiB at a time off the server,
for which a slow client needs half a minute."""
LOOKS: Final = 4
"""How often within that it is looked for."""
MAX_CONNECTIONS: Final = 4_096
"""Connections, and requests being answered, at one time."""
RETRY_SECONDS: Final = 5
_NO_REQUEST: Final[Scope] = {"type": "http", "headers": []}

Refusal: TypeAlias = Callable[[Problem, Scope], Response]
"""Writes a problem, as `api.problem.ProblemWriter.response` does."""

Shortcut: TypeAlias = Callable[[bytes, tuple[str, int] | None, list[tuple[bytes, bytes]], float], bytes | None]
"""(what came, the other end, the server's own header fields, the event loop's time) -> the whole answer, or None to go
the ordinary way."""


def no_shortcut(
    _data: bytes, _peer: tuple[str, int] | None, _common: list[tuple[bytes, bytes]], _moment: float
) -> None:
    """Have everything go the ordinary way."""


class ShortcutSlot:
    """Where a connection finds the short-cut: there is none before the application is there."""

    def __init__(self) -> None:
        self.answer: Shortcut = no_shortcut

    def take(self, shortcut: Shortcut) -> None:
        """Have connections try *shortcut* from now on."""
        self.answer = shortcut


class Unread:
    """Breaks connections off whose other end does not read. One look for all of them costs a request nothing."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None

    def watch(self, loop: asyncio.AbstractEventLoop, connections: set[Any]) -> None:
        """Begin to look at a server's *connections*, unless that goes on already."""
        if self._loop is not loop:
            self._loop = loop
            self._wait(loop, connections)

    def _wait(self, loop: asyncio.AbstractEventLoop, connections: set[Any]) -> None:
        loop.call_later(UNREAD_SECONDS / LOOKS, self._look, loop, connections)

    def _look(self, loop: asyncio.AbstractEventLoop, connections: set[Any]) -> None:
        for connection in list(connections):
            connection.abort_if_unread(loop.time())
        if connections:
            self._wait(loop, connections)
        else:
            self._loop = None


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


def connection_class(refusal: Refusal, shortcut: ShortcutSlot | None = None) -> type[asyncio.Protocol]:
    """Return the protocol class for `uvicorn.Config`, whose refusals *refusal* writes and that tries *shortcut*."""
    slot = shortcut or ShortcutSlot()

    class RefusingConnection(Connection):
        write_refusal = staticmethod(refusal)
        shortcut = slot
        unread = Unread()

    return RefusingConnection


class Connection(HttpToolsProtocol):
    """uvicorn's protocol over httptools with a limit on heads, and refusals that *write_refusal* words.

    Attributes:
        write_refusal: Makes the answer of a problem.
        shortcut: What is tried first.
        unread: Looks after clients that do not read.
    """

    write_refusal: Refusal
    shortcut: ShortcutSlot
    unread: Unread

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
        self._has_begun = False
        self._head_bytes = 0
        self._told_bytes = 0
        self._is_head_too_large = False
        self._is_between = True
        self._answered_at = 0.0
        self._stopping = asyncio.Event()
        self._came_at = 0.0
        self._patience: asyncio.TimerHandle | None = None
        self._is_body_awaited = False
        self._is_whole = True
        self._unread_bytes = 0
        self._unread_since: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as the library does
        """Begin; a client that connects and says nothing is not waited for."""
        super().connection_made(transport)
        self._writes = JoinedWrites(transport, self.loop)
        self._be_patient(HEAD_SECONDS, transport.close)
        self.unread.watch(self.loop, self.connections)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._forget_patience()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Let an answer that is under way end soon, and close."""
        self._stopping.set()
        super().shutdown()

    def data_received(self, data: bytes) -> None:
        """Try the short-cut; else feed the parser, and stop when a head has no end."""
        cycle: RequestResponseCycle | None = self.cycle
        if (
            self._is_between
            and (cycle is None or (cycle.response_complete and not self.pipeline))
            and not self.flow.write_paused
            and not self.transport.is_closing()
        ):  # no request is under way, and the other end reads what it is sent
            moment = self.loop.time()
            answer = self.shortcut.answer(data, self.client, self.server_state.default_headers, moment)
            if answer is not None:
                self.transport.write(answer)
                if self._patience is not None:
                    self._forget_patience()
                self.server_state.total_requests += 1
                self._answered_at = moment
                if self.timeout_keep_alive_task is None:
                    self._wait(self.timeout_keep_alive)
                return
        was_in_head, self._has_begun = self._in_head, False
        super().data_received(data)
        # A header field is told of only when it is whole, so what has come of it is counted here. What stands before
        # the last empty line of a piece in which a head begins is of messages before it.
        if was_in_head and self._in_head and not self.transport.is_closing():
            end = data.rfind(b"\r\n\r\n") if self._has_begun else -1
            self._head_bytes += len(data) - (end + 4 if end >= 0 else 0)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._is_head_too_large = True
                self.send_400_response("")
        if not self._is_whole:
            self._wait_for_the_rest()
        elif self._is_idle_without_a_timer():
            self._be_patient(HEAD_SECONDS, self.transport.close)

    def resume_writing(self) -> None:
        """Go on: the other end reads."""
        self._unread_since = None
        super().resume_writing()

    def abort_if_unread(self, now: float) -> None:
        """Break off when there has been something to be read for too long, and nothing of it was."""
        left = self.transport.get_write_buffer_size()
        if left == 0:
            self._unread_since = None
        elif self._unread_since is None or left < self._unread_bytes:
            self._unread_bytes, self._unread_since = left, now
        elif now - self._unread_since >= UNREAD_SECONDS:
            self.transport.abort()

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that asks nothing more; the time runs from the last answer, quick ones included."""
        left = self._answered_at + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._wait(left)
        else:
            super().timeout_keep_alive_handler()

    def _wait(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def on_message_begin(self) -> None:
        """Begin to count."""
        self._is_between, self._has_begun = False, True
        super().on_message_begin()
        self._is_whole, self._in_head, self._head_bytes, self._told_bytes = False, True, 0, 0

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
        self._in_head, self._came_at = False, self.loop.time()
        is_busy = max(len(self.connections), len(self.tasks)) > MAX_CONNECTIONS
        self.app = self._refuse_busy if is_busy else self._served
        self.scope["extensions"] = extension(self.transport.abort, self._stopping)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._came_at = self.loop.time()
        super().on_body(body)

    def on_response_complete(self) -> None:
        """Send what is left of an answer, and go on."""
        self._writes.end()
        super().on_response_complete()

    def on_message_complete(self) -> None:
        """Note that the parser has seen the end of a message."""
        self._is_whole = True
        if self._patience is not None:
            self._forget_patience()
        self._is_between = not self.parser.should_upgrade()
        super().on_message_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Callable[..., Awaitable[None]]) -> None:
        """Have a request answered, in as few writes as it takes."""
        cycle.transport = self._writes
        super()._start_asgi_task(cycle, app)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no request, and close; *msg* is the server's word for it and is not used."""
        del msg
        answer = self.write_refusal(HEAD_TOO_LARGE if self._is_head_too_large else MALFORMED, dict(_NO_REQUEST))
        head = [b"HTTP/1.1 %d %s" % (answer.status_code, HTTPStatus(answer.status_code).phrase.encode())]
        head += [name + b": " + value for name, value in (*answer.raw_headers, (b"connection", b"close"))]
        self.transport.write(b"\r\n".join([*head, b"", bytes(answer.body)]))
        self.transport.close()

    def _is_idle_without_a_timer(self) -> bool:
        """Whether what came began no message: empty lines, which the parser passes over, have ended the waiting."""
        cycle: RequestResponseCycle | None = self.cycle
        return (
            self._patience is None
            and self.timeout_keep_alive_task is None
            and not self.transport.is_closing()
            and (cycle is None or cycle.response_complete)
        )

    def _wait_for_the_rest(self) -> None:
        """Give a message of which something is missing its time; most come in one piece, and cost no timer."""
        if self._in_head:
            if self._patience is None:
                self._be_patient(HEAD_SECONDS, self.transport.close)
        elif not self._is_body_awaited:
            self._be_patient(BODY_SECONDS, self._look_at_body)
            self._is_body_awaited = True

    def _be_patient(self, seconds: float, then: Callable[[], object]) -> None:
        self._forget_patience()
        self._patience = self.loop.call_later(seconds, then)

    def _forget_patience(self) -> None:
        self._is_body_awaited = False
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _look_at_body(self) -> None:
        """Break off when nothing has come for too long; not while the server itself does not read."""
        left = self._came_at + BODY_SECONDS - self.loop.time()
        if self.flow.read_paused or left > 0:
            self._be_patient(max(left, 1.0), self._look_at_body)
            self._is_body_awaited = True
        else:
            self.transport.abort()

    def _count(self, told: int) -> None:
        self._told_bytes += told
        if self._told_bytes > MAX_HEAD_BYTES:
            self._is_head_too_large = True
            raise _HeadTooLargeError

    async def _refuse_busy(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.write_refusal(BUSY, scope)(scope, receive, send)
