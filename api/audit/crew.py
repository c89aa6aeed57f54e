"""Worker processes that scan ranges of a log: how they are started, asked, heard and ended.

A copy of this process (``fork``) is at work at once; a new one has to import what scanning takes, a third of a second
of a processor. But a copy is safe only of a process that does one thing at a time, so where there are other threads (a
bar that moves on a terminal) a new one is started. Both speak the protocol of :mod:`api.audit.worker`.
"""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import traceback
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import IO, Final, NoReturn, Protocol

import msgspec

from api.audit.source import LogPlace, SourceError
from api.audit.stretch import Chunk
from api.audit.worker import LENGTH, REQUEST, Reply, read_exactly, serve

END_SECONDS: Final = 5.0


class _Process(Protocol):
    """A process that serves requests."""

    requests: IO[bytes]
    replies: IO[bytes]

    def end(self) -> None:
        """End it, and wait until it has; its pipes stay open."""


class _Forked:
    """A copy of this process.

    Args:
        place: The log.
        others: Descriptors of this process that the copy must not hold open, or other workers would not see it end.
    """

    def __init__(self, place: LogPlace, others: Iterable[int]) -> None:
        asked, ask = os.pipe()
        hear, heard = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            _work(place, asked, heard, (ask, hear, *others))
        os.close(asked)
        os.close(heard)
        self.requests: IO[bytes] = os.fdopen(ask, "wb")
        self.replies: IO[bytes] = os.fdopen(hear, "rb")

    def end(self) -> None:
        """See the port."""
        os.kill(self._pid, signal.SIGTERM)
        os.waitpid(self._pid, 0)


class _Spawned:
    """A new process of the same interpreter."""

    def __init__(self, place: LogPlace) -> None:
        self._process = subprocess.Popen(  # noqa: S603  our own module, and an address that is one argument
            [sys.executable, "-m", "api.audit.worker", place.address], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdin is not None  # noqa: S101  it was asked for
        assert self._process.stdout is not None  # noqa: S101  it was asked for
        self.requests: IO[bytes] = self._process.stdin
        self.replies: IO[bytes] = self._process.stdout

    def end(self) -> None:
        """See the port."""
        self._process.terminate()
        self._process.wait()


def _work(place: LogPlace, requests: int, replies: int, unused: Iterable[int]) -> NoReturn:
    """Serve, as the copy; it returns to nothing that this process was doing."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is the other one that a person interrupts
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        for descriptor in unused:
            os.close(descriptor)
        with suppress(BrokenPipeError):  # nobody is left to answer
            serve(place, os.fdopen(requests, "rb"), os.fdopen(replies, "wb"))
    except BaseException:  # noqa: BLE001  the copy ends here, whatever it is
        traceback.print_exc()
    finally:
        os._exit(0)


def may_fork() -> bool:
    """Whether this process may be copied: on Linux, and while it does one thing at a time."""
    return sys.platform == "linux" and threading.active_count() == 1


class Worker:
    """One worker process; a thread takes its replies, so that it never waits for this process to read them."""

    def __init__(self, process: _Process) -> None:
        self._process = process
        self._asked: deque[int] = deque()
        self._replies: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._decode = msgspec.msgpack.Decoder(Reply).decode
        self._thread = threading.Thread(target=self._listen, name="audit-worker", daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        """How many ranges it has been asked for and not answered."""
        return len(self._asked)

    def ask(self, number: int, span: tuple[int, int], size: int) -> None:
        """Have range *number* of a log of *size* entries scanned: its first entry, and how many."""
        self._asked.append(number)
        try:
            self._process.requests.write(REQUEST.pack(*span, size))
            self._process.requests.flush()
        except BrokenPipeError:
            pass  # the answer will tell

    def answers(self, *, wait: bool) -> Iterator[tuple[int, Chunk]]:
        """Yield numbers and chunks that are there, or wait for one.

        Raises:
            SourceError: The log could not be read, or the process has ended.
        """
        while self._asked and (wait or not self._replies.empty()):
            wait = False
            body = self._replies.get()
            if body is None:
                message = "a worker process of the audit ended early; run the command again, it goes on where it was"
                raise SourceError(message)
            reply = self._decode(body)
            if reply.chunk is None:
                raise SourceError(reply.error)
            yield self._asked.popleft(), reply.chunk

    def close(self) -> None:
        """End the process."""
        self._process.end()
        self._thread.join(END_SECONDS)
        with suppress(BrokenPipeError):  # a request that nobody will read
            self._process.requests.close()
        self._process.replies.close()

    def _listen(self) -> None:
        body: bytes | None = b""
        while body is not None:
            head = read_exactly(self._process.replies, LENGTH.size)
            body = None if head is None else read_exactly(self._process.replies, LENGTH.unpack(head)[0])
            self._replies.put(body)


@contextmanager
def hired(place: LogPlace, count: int) -> Iterator[list[Worker]]:
    """Start *count* workers, and end them in the end."""
    processes: list[_Process] = []
    if may_fork():  # all of them before the first thread
        for _ in range(count):
            taken = [stream.fileno() for one in processes for stream in (one.requests, one.replies)]
            processes.append(_Forked(place, taken))
    else:
        processes += [_Spawned(place) for _ in range(count)]
    with ExitStack() as stack:
        crew = []
        for process in processes:
            crew.append(Worker(process))
            stack.callback(crew[-1].close)
        yield crew
