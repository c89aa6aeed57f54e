"""Scanning on every core: ranges of the log go out to worker processes in turn, and their facts come back in order.

At most a few ranges for each worker are out or waiting at a time, so memory does not grow with the log.
"""

from __future__ import annotations

import gc
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from types import TracebackType
from typing import Final, Self

import msgspec

from anchoring.tile import TILE_WIDTH
from api.audit.scan import Scanner
from api.audit.source import LogPlace, SourceError
from api.audit.stretch import Chunk
from api.audit.worker import COLLECT_AFTER, LENGTH, REQUEST, Reply, read_exactly
from ledger.event_catalogue import make_mapper

CHUNK_ENTRIES: Final = 32 * TILE_WIDTH
"""Entries that go out together: some 4 MB of log, 0.4 MB of facts."""
OUT_PER_WORKER: Final = 3
WORTH_A_PROCESS: Final = 40_000
"""Entries from which further processes earn back their start, which takes a fifth of a second each."""
END_SECONDS: Final = 5.0


def cores() -> int:
    """How many processors this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def scanned(place: LogPlace, first: int, size: int, workers: int) -> Iterator[Chunk]:
    """Yield the scanned ranges of a log in order.

    Args:
        place: The log.
        first: Where to begin, a multiple of 256.
        size: Entries of the log.
        workers: Processes; 1 scans in this one.

    Raises:
        SourceError: The place cannot be read, or a worker was killed.
    """
    ranges = [(start, min(CHUNK_ENTRIES, size - start)) for start in range(first, size, CHUNK_ENTRIES)]
    if workers == 1 or size - first < WORTH_A_PROCESS:
        with closing(place.open()) as source, _rare_collection():
            scanner = Scanner(source, make_mapper())
            yield from (scanner.scan(start, count, size) for start, count in ranges)
        return
    with ExitStack() as stack:
        stack.enter_context(_rare_collection())
        crew = [stack.enter_context(_Worker(place)) for _ in range(workers)]
        ahead = workers * OUT_PER_WORKER
        for number in range(-ahead, len(ranges)):
            if number + ahead < len(ranges):
                crew[(number + ahead) % workers].ask(*ranges[number + ahead], size)
            if number >= 0:
                yield crew[number % workers].answer()


@contextmanager
def _rare_collection() -> Iterator[None]:
    """Look for cycles among objects rarely, as the workers do."""
    before = gc.get_threshold()
    gc.set_threshold(COLLECT_AFTER)
    try:
        yield
    finally:
        gc.set_threshold(*before)


class _Worker:
    """One worker process; a thread takes its replies, so that it never waits for this process to read them."""

    def __init__(self, place: LogPlace) -> None:
        self._process = subprocess.Popen(  # noqa: S603  our own module, and an address that is one argument
            [sys.executable, "-m", "api.audit.worker", place.address], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._replies: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._decode = msgspec.msgpack.Decoder(Reply).decode
        self._thread = threading.Thread(target=self._listen, name="audit-worker", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._thread.join(END_SECONDS)
        with self._process:  # closes the pipes and waits
            pass

    def ask(self, first: int, count: int, size: int) -> None:
        """Have a range scanned; see :meth:`Scanner.scan`."""
        assert self._process.stdin is not None  # noqa: S101  it was asked for
        try:
            self._process.stdin.write(REQUEST.pack(first, count, size))
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # the answer will tell

    def answer(self) -> Chunk:
        """Return what came of the oldest range that was asked for; SourceError if nothing did."""
        body = self._replies.get()
        if body is None:
            message = "a worker process of the audit ended early; run the command again, it goes on where it was"
            raise SourceError(message)
        reply = self._decode(body)
        if reply.chunk is None:
            raise SourceError(reply.error)
        return reply.chunk

    def _listen(self) -> None:
        stream = self._process.stdout
        assert stream is not None  # noqa: S101  it was asked for
        body: bytes | None = b""
        while body is not None:
            head = read_exactly(stream, LENGTH.size)
            body = None if head is None else read_exactly(stream, LENGTH.unpack(head)[0])
            self._replies.put(body)
