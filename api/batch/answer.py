"""The answer to a batch, which is written while the batch is read: a line for a line, in order.

1. Take the next line. While one is waited for, or judged, nothing else is done for this batch: so there is at most one
   line being judged, and what is held is that line, what was read ahead (`api.batch.incoming`), and one answer.
2. Wait while the client has used up its limit of requests: every line counts as one.
3. Judge the line on a thread of the batch's own, which ends with it, in its turn. Lines of other batches have theirs in
   between, and nothing of this takes a thread that other requests need.
4. Write the answer. While the client does not read, nothing more is judged, nor read but a little ahead.
5. After the last line, say that it was the last; or, at a limit, which one it was and where to go on. A stream that
   does not end with one of these two was broken off on the way.

A client that goes away is noticed before the next line is judged.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, Final

import msgspec
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from api.batch.incoming import GoneError, Incoming, LimitError
from api.batch.item import ItemJudge
from api.batch.line import Line, LineSplitter
from api.batch.slot import Slots
from api.batch_memory import BatchMemory
from api.connection_end import abort_connection, wait_for_stop
from api.error import BatchCutOffError
from api.problem import ProblemWriter, problem_of
from api.rate_limit import ClientCount
from api.request_id import request_id
from api.setting import Settings
from api.verification import Verification

NDJSON: Final = "application/x-ndjson"
TURNS: Final = 2
"""How many lines are judged at a time, of all batches: the interpreter runs one thread at a time, and each that wants
it makes every other request wait a millisecond longer."""
LINGER_SECONDS: Final = 5.0
"""How long a client may go on sending after its batch was cut off: a connection that is closed before can take the
answer with it. Source: RFC 9112 section 9.6."""
LIMITS: Final = {
    "lines": "A batch has at most {0} lines.",
    "bytes": "A batch has at most {0} bytes.",
    "seconds": "A batch takes at most {0} seconds.",
    "silence": "Nothing came for {0} seconds.",
    "stop": "The server stops.",
}
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Connection": "close",  # what a cut-off batch goes on to send is not read as the next request
    "X-Accel-Buffering": "no",  # nginx would keep answers back until there are more of them
}


class Batches:
    """What all batches of a process share.

    Args:
        verification: The live verification.
        settings: The limits.
        judge: Judges lines.
        clients: Counts lines as requests.
        writer: Writes problems.
        timer: Seconds that never run backwards.
    """

    def __init__(
        self,
        verification: Verification,
        settings: Settings,
        judge: ItemJudge,
        clients: ClientCount,
        writer: ProblemWriter,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self.clients = clients
        self.writer = writer
        self.timer = timer
        self.slots = Slots(settings.verify_batches_per_client, settings.verify_batches)
        self._verification = verification
        self._judge = judge
        self._turn = threading.Semaphore(TURNS)

    def memory(self) -> BatchMemory:
        """What a new batch will have fetched."""
        return BatchMemory(self.settings.verify_batch_fetch_seconds, self._turn)

    async def answer(
        self, line: Line, at: datetime | None, memory: BatchMemory, request: str | None, thread: ThreadPoolExecutor
    ) -> bytes:
        """Judge a line on a batch's *thread*, in its turn; see :meth:`api.batch.item.ItemJudge.answer`."""

        def judged() -> bytes:
            with self._turn, self._verification.one_of(memory):
                return self._judge.answer(line, at, request)

        return await asyncio.get_running_loop().run_in_executor(thread, judged)


class BatchAnswer(Response):
    """Reads a batch and answers it.

    Args:
        batches: What all batches share.
        at: Judge as of this instant; None for now.
    """

    media_type = NDJSON

    def __init__(self, batches: Batches, at: datetime | None) -> None:
        super().__init__(None, headers=HEADERS)
        del self.headers["content-length"]
        self._batches = batches
        self._at = at

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request.

        Raises:
            RateLimitedError, NotReadyError: Too many batches are under way (:class:`api.batch.slot.Slots`).
        """
        limits = self._batches.settings
        incoming = Incoming(
            receive,
            LineSplitter(limits.verify_batch_line_bytes),
            max_lines=limits.verify_batch_lines,
            max_bytes=limits.verify_batch_bytes,
            quiet_seconds=limits.verify_batch_quiet_seconds,
            timer=self._batches.timer,
        )
        run = _Run(self._batches, self._at, scope, incoming, _Outgoing(send, self.raw_headers, limits))
        with self._batches.slots.one(self._batches.clients.client(scope)):
            incoming.begin(wait_for_stop(scope))
            try:
                await run.run()
            except UnreadError:
                await abort_connection(scope)
            except GoneError:
                return
            finally:
                await incoming.close()


class UnreadError(Exception):
    """The client does not read what it is answered. It may be waiting itself until its request is read."""


class _Outgoing:
    """What is written to the client, who has to read it."""

    def __init__(self, send: Send, headers: list[tuple[bytes, bytes]], limits: Settings) -> None:
        self._send = send
        self._start: Message | None = {"type": "http.response.start", "status": 200, "headers": headers}
        self._quiet_seconds = limits.verify_batch_quiet_seconds

    async def write(self, body: bytes, *, is_last: bool = False) -> None:
        """Write part of the answer, and wait while what was written before is not read.

        Raises:
            UnreadError: Nothing was read for too long.
        """
        start, self._start = self._start, None
        try:
            async with asyncio.timeout(self._quiet_seconds):
                if start is not None:
                    await self._send(start)
                await self._send({"type": "http.response.body", "body": body, "more_body": not is_last})
        except TimeoutError as error:
            raise UnreadError from error


class _Run:
    """One batch under way."""

    def __init__(
        self, batches: Batches, at: datetime | None, scope: Scope, incoming: Incoming, outgoing: _Outgoing
    ) -> None:
        self._batches = batches
        self._at = at
        self._scope = scope
        self._incoming = incoming
        self._outgoing = outgoing
        self._until = batches.timer() + batches.settings.verify_batch_seconds
        self._answered = 0
        self._last = 0

    async def run(self) -> None:
        name, thread = request_id(self._scope), ThreadPoolExecutor(1, thread_name_prefix="batch")
        try:
            await self._judge(name, thread)
        finally:
            thread.shutdown(wait=False)

    async def _judge(self, name: str | None, thread: ThreadPoolExecutor) -> None:
        memory = self._batches.memory()
        try:
            while (line := await self._next()) is not None:
                await self._wait_for_room()
                await self._outgoing.write(await self._batches.answer(line, self._at, memory, name, thread))
                self._answered, self._last = self._answered + 1, line.number
        except LimitError as error:
            await self._outgoing.write(self._cut_off(error.limit, name))
            await self._incoming.discard(LINGER_SECONDS)
            await self._outgoing.write(b"", is_last=True)
        else:
            await self._outgoing.write(_line({"end": "complete", "answered": self._answered}), is_last=True)

    async def _next(self) -> Line | None:
        if self._batches.timer() >= self._until:
            raise LimitError("seconds")
        return await self._incoming.next_line(self._until)

    async def _wait_for_room(self) -> None:
        """Wait while the client has asked as often as it may; then count a line."""
        clients = self._batches.clients
        while seconds := clients.wait_seconds(self._scope):
            self._incoming.require_client()
            if self._batches.timer() + seconds > self._until:
                raise LimitError("seconds")
            await asyncio.sleep(min(seconds, 1))
        clients.count(self._scope, 1)

    def _cut_off(self, limit: str, name: str | None) -> bytes:
        """Say at which limit the batch ended, and where to go on."""
        settings, following = self._batches.settings, self._last + 1
        most = {
            "lines": settings.verify_batch_lines,
            "bytes": settings.verify_batch_bytes,
            "seconds": settings.verify_batch_seconds,
            "silence": settings.verify_batch_quiet_seconds,
        }.get(limit)
        detail = f"{LIMITS[limit].format(most)} Send line {following} and what follows in another batch."
        error = BatchCutOffError(detail, extensions={"limit": limit, "next_line": following})
        problem = self._batches.writer.members(problem_of(error), name)
        return _line({"end": "cut-off", "answered": self._answered, "next_line": following, "problem": problem})


def _line(members: dict[str, Any]) -> bytes:
    return msgspec.json.encode(members) + b"\n"
