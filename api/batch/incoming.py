"""The lines of a batch as they come from its client, with limits on bytes and on silence; and whether that is there.

One message of the server is waited for ahead, at any time: so a client that goes away is noticed while what it sent is
being judged. So that it is noticed also when much is waiting to be judged, a little is read ahead; past that the
server stops reading, and the client has to wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from starlette.types import Message, Receive

from api.batch.line import Line, LineSplitter

AHEAD_BYTES: Final = 512 * 1024
"""How much is read ahead of what is judged: ten thousand ids of awards."""


class GoneError(Exception):
    """The client has gone away; there is nobody to answer."""


class LimitError(Exception):
    """The batch came to a limit.

    Attributes:
        limit: Its name.
    """

    def __init__(self, limit: str) -> None:
        super().__init__(limit)
        self.limit = limit


class Incoming:
    """Reads lines. For one task.

    Args:
        receive: Gives what the client sends.
        splitter: Cuts lines.
        max_lines: How many are read.
        max_bytes: How many bytes are read.
        quiet_seconds: How long a client may send nothing.
        timer: Seconds that never run backwards.
    """

    def __init__(
        self,
        receive: Receive,
        splitter: LineSplitter,
        *,
        max_lines: int,
        max_bytes: int,
        quiet_seconds: float,
        timer: Callable[[], float],
    ) -> None:
        self._receive = receive
        self._splitter = splitter
        self._max_lines = max_lines
        self._left = max_bytes
        self._quiet_seconds = quiet_seconds
        self._timer = timer
        self._ahead: asyncio.Future[Message] | None = None
        self._is_whole = False
        self._is_over = False

    @property
    def is_whole(self) -> bool:
        """Whether all has come that the client sends."""
        return self._is_whole

    async def next_line(self, until: float) -> Line | None:
        """Return the next line, None after the last.

        Args:
            until: When it is waited for no longer, by the timer.

        Raises:
            GoneError: The client has gone away.
            LimitError: There are more lines or bytes than are read, or nothing came in time.
        """
        self.look()
        while (line := self._splitter.next_line(self._max_lines)) is None:
            is_full = self._splitter.number >= self._max_lines
            if is_full and not self._splitter.drop_blanks():
                raise LimitError("lines")
            if self._is_over:
                raise LimitError("bytes")
            if self._is_whole:
                return None if is_full else self._splitter.rest()
            await self._wait(until)
        return line

    def look(self) -> None:
        """Take what has come meanwhile, without waiting. Raises GoneError."""
        task = self._waiting()
        if task.done() and (self._splitter.held_bytes < AHEAD_BYTES or task.result()["type"] == "http.disconnect"):
            self._take()

    async def discard(self, seconds: float) -> None:
        """Let the client end, for a while, what nobody will read: it may not look for an answer before."""
        try:
            async with asyncio.timeout(seconds):
                while not self._is_whole:
                    await asyncio.wait({self._waiting()})
                    self._take()
        except (TimeoutError, GoneError):
            return

    def close(self) -> None:
        """Wait for nothing more."""
        if self._ahead is not None:
            self._ahead.cancel()

    async def _wait(self, until: float) -> None:
        left = until - self._timer()
        done, _ = await asyncio.wait({self._waiting()}, timeout=max(0.0, min(left, self._quiet_seconds)))
        if left <= 0 or not done:
            raise LimitError("seconds" if left < self._quiet_seconds else "silence")
        self._take()

    def _waiting(self) -> asyncio.Future[Message]:
        if self._ahead is None:
            self._ahead = asyncio.ensure_future(self._receive())
        return self._ahead

    def _take(self) -> None:
        """Take the message that has come, and wait for the next one: after the last, for the client to go."""
        message, self._ahead = self._waiting().result(), None
        if message["type"] == "http.disconnect":
            raise GoneError
        body = message.get("body", b"")
        if len(body) > self._left:
            self._is_over = True
        self._splitter.feed(body[: self._left])
        self._left -= min(len(body), self._left)
        self._is_whole = not message.get("more_body", False)
        self._ahead = asyncio.ensure_future(self._receive())
