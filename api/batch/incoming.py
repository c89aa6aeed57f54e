"""The lines of a batch as they come from its client, with limits on bytes and on silence; and whether that is there.

A task of its own reads a little ahead, whatever is done with the lines meanwhile: so a client that goes away is noticed
while what it sent is being judged, and one that reads no answer before it has sent everything gets so far as that
allows. Past that nothing more is read, and the client has to wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final

from starlette.types import Receive

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
    """Reads lines. For one task, from :meth:`begin` to :meth:`close`.

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
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._is_whole = False
        self._is_over = False
        self._is_gone = False
        self._is_stopping = False
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self, stop: Coroutine[Any, Any, None]) -> None:
        """Begin to read, until *stop* returns."""
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._stop_after(stop))]

    async def close(self) -> None:
        """Read no more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def next_line(self, until: float) -> Line | None:
        """Return the next line, None after the last.

        Args:
            until: When it is waited for no longer, by the timer.

        Raises:
            GoneError: The client has gone away.
            LimitError: There are more lines or bytes than are read, nothing came in time, or the server stops.
        """
        while True:
            self.require_client()
            if self._is_stopping:
                raise LimitError("stop")
            self._news.clear()
            line = self._splitter.next_line(self._max_lines)
            if line is None or self._splitter.held_bytes < AHEAD_BYTES:
                self._room.set()
            if line is not None:
                return line
            is_full = self._splitter.number >= self._max_lines
            if is_full and not self._splitter.drop_blanks():
                raise LimitError("lines")
            if self._is_over:
                raise LimitError("bytes")
            if self._is_whole:
                return None if is_full else self._splitter.rest()
            await self._wait(until)

    def require_client(self) -> None:
        """Raise GoneError when the client has gone away."""
        if self._is_gone:
            raise GoneError

    async def discard(self, seconds: float) -> None:
        """Let the client end, for a while, what nobody will read: it may not look for an answer before."""
        self._left = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not (self._is_whole or self._is_gone):
                    self._news.clear()
                    self._room.set()
                    await self._news.wait()

    async def _wait(self, until: float) -> None:
        left = until - self._timer()
        try:
            async with asyncio.timeout(max(0.0, min(left, self._quiet_seconds))):
                await self._news.wait()
        except TimeoutError as error:
            raise LimitError("seconds" if left < self._quiet_seconds else "silence") from error
        if left <= 0:
            raise LimitError("seconds")

    async def _read(self) -> None:
        """Read ahead; after the end of the body, wait for the client to go."""
        try:
            while (message := await self._receive())["type"] != "http.disconnect":
                self._take(message.get("body", b""))
                self._is_whole = not message.get("more_body", False)
                self._news.set()
                self._room.clear()
                if self._splitter.held_bytes >= AHEAD_BYTES:
                    await self._room.wait()
        finally:
            self._is_gone = True
            self._news.set()

    async def _stop_after(self, stop: Coroutine[Any, Any, None]) -> None:
        await stop
        self._is_stopping = True
        self._news.set()

    def _take(self, body: bytes) -> None:
        if len(body) > self._left:
            self._is_over = True
        self._splitter.feed(body[: self._left])
        self._left -= min(len(body), self._left)
