"""Work on documents of strangers, in processes that are stopped when it takes too long.

A document of a thousand bytes can be made to cost a minute of RDF. What is not known to be cheap is done in a worker
process, and the limit is on processor time, so a busy machine refuses no honest document. Three things stop it:

1. the counted steps of RDFC-1.0 (`verifier.jsonld.rdfc`), in the document's own terms;
2. a timer of the worker's processor time, which raises within Python;
3. a second timer that Python has no say in: the kernel ends the process. So does the parent, by the clock on the
   wall, should a worker neither work nor answer.

Work starts in the quick lane. What has not ended after `QUICK_MS` starts anew in the slow lane, with the rest of its
allowance: an honest document waits behind others' quick starts alone, never behind their whole allowance.

A worker that was ended is replaced at once, in the background (`api.cpu_nursery`); its caller has its answer by then.
Nothing of a document stays in a worker but what `verifier.jsonld.shape` learns of its shape.

Source: `setitimer(2)` (ITIMER_PROF counts processor time); W3C RDFC-1.0 section 7.1 (dataset poisoning).
"""

from __future__ import annotations

import os
import pickle
import queue
import select
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import IO, Final, ParamSpec, TypeVar, cast

from api.cpu_nursery import Child, Nursery, NurseryError
from api.cpu_worker import LIMIT, QUICK_MS, Raised, framed, read_message
from verifier.error import WorkExceededError

LIMIT_MS: Final = 250
"""Processor time that one document may cost."""
WALL_SECONDS: Final = 20.0
"""How long the parent waits for a worker to say anything: processor time passes slowly on a busy machine."""
PIPE_BYTES: Final = 65_536
"""What is read at a time: what a pipe holds."""
WAIT_SECONDS: Final = 10.0
"""How long a caller waits for its turn."""
_Result = TypeVar("_Result")
_Params = ParamSpec("_Params")


class BusyError(WorkExceededError):
    """No worker had time; nothing was found out."""


class CpuBound:
    """Runs functions on untrusted input under a limit of processor time.

    Concurrency: `run` may be called from any thread, and blocks it. Durability: none.
    """

    def __init__(self, *, quick: int = 2, slow: int = 1) -> None:
        self._nursery = Nursery()
        self._quick = _Lane(self._nursery, quick)
        self._slow = _Lane(self._nursery, slow)

    def run(self, function: Callable[_Params, _Result], *args: _Params.args, **named: _Params.kwargs) -> _Result:
        """Call a function in a worker.

        Args:
            function: A function of a module, so that it can be named to another process; it keeps nothing.
            args: Its arguments, which can be pickled.
            named: Its named arguments.

        Raises:
            WorkExceededError: It did not end within `LIMIT_MS` of processor time.
            BusyError: It had no turn.

        What the function raises comes through, if it is a `VerifierError`.
        """
        job = pickle.dumps((function, args, named))
        found = self._quick.ask(job, QUICK_MS)
        if isinstance(found, Raised) and type(found.error) is WorkExceededError:
            found = self._slow.ask(job, LIMIT_MS - QUICK_MS)
        if isinstance(found, Raised):
            raise found.error
        return cast("_Result", found)  # what the function returned came back over the pipe

    def starts(self) -> list[Callable[[], None]]:
        """For each worker what starts it, in the background, rather than when it is first needed."""
        return [worker.start for worker in (*self._quick.workers, *self._slow.workers)]

    def close(self) -> None:
        """End the workers."""
        self._nursery.close()
        self._quick.close()
        self._slow.close()


class _Lane:
    """Workers that take turns."""

    def __init__(self, nursery: Nursery, size: int) -> None:
        self._idle: queue.LifoQueue[_Worker] = queue.LifoQueue()
        self.workers = [_Worker(nursery) for _ in range(size)]
        for worker in reversed(self.workers):
            self._idle.put(worker)  # the first is the first to be asked, and to be started

    def ask(self, job: bytes, limit_ms: int) -> object:
        try:
            worker = self._idle.get(timeout=WAIT_SECONDS)
        except queue.Empty as error:
            raise BusyError("no worker had time") from error
        try:
            return worker.ask(job, limit_ms)
        finally:
            self._idle.put(worker)

    def close(self) -> None:
        for worker in self.workers:
            worker.close()


class _Worker:
    """One process, made when it is first needed and again after it was ended."""

    def __init__(self, nursery: Nursery) -> None:
        self._nursery = nursery
        self._child: Child | None = None
        self._starting = threading.Lock()
        self._asking = threading.Lock()
        self._is_closed = False

    def ask(self, job: bytes, limit_ms: int) -> object:
        with self._asking:
            child = self._started()
            until = time.monotonic() + WALL_SECONDS
            try:
                _send(child.jobs, framed(LIMIT.pack(limit_ms) + job), until)
                answer: object = pickle.loads(read_message(partial(_receive, child.answers, until)))  # noqa: S301  our own process wrote it
            except (OSError, EOFError) as error:  # the worker was ended, or says nothing
                self._end()
                self.start()
                return Raised(WorkExceededError(f"ended after more than {limit_ms} ms of processor time: {error}"))
            return answer

    def _started(self) -> Child:
        with self._starting:
            if self._is_closed:
                raise BusyError("the workers were ended")
            if self._child is None:
                try:
                    self._child = self._nursery.fork()
                except NurseryError as error:
                    raise BusyError(str(error)) from error
            return self._child

    def start(self) -> None:
        threading.Thread(target=self._start, daemon=True).start()

    def _start(self) -> None:
        with suppress(BusyError):  # it was closed meanwhile
            self._started()

    def _end(self) -> None:
        with self._starting:
            child, self._child = self._child, None
        if child is not None:
            self._nursery.end(child)
            child.jobs.close()
            child.answers.close()

    def close(self) -> None:
        """Let go of it, after the nursery was closed: whoever still asks it is told at once that it has gone."""
        with self._starting:
            self._is_closed = True
        with self._asking:
            self._end()


def _send(stream: IO[bytes], message: bytes, until: float) -> None:
    """Write all of a message.

    Raises:
        OSError: The other side has gone.
        TimeoutError: It does not read.
    """
    left = memoryview(message)
    while left:
        _wait(stream, select.POLLOUT, until)
        with suppress(BlockingIOError):  # it was full again
            left = left[os.write(stream.fileno(), left) :]


def _receive(stream: IO[bytes], until: float, size: int) -> bytes:
    """Read so many bytes, or fewer when the other side has gone.

    Raises:
        TimeoutError: It does not write.
    """
    pieces: list[bytes] = []
    while size:
        _wait(stream, select.POLLIN, until)
        piece = os.read(stream.fileno(), min(size, PIPE_BYTES))
        if not piece:
            break
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def _wait(stream: IO[bytes], event: int, until: float) -> None:
    """Wait until something can be done with a stream, or the other side has gone.

    Not by `select(2)`, which takes no descriptor above 1,023: a server with so many connections has higher ones.

    Raises:
        TimeoutError: It takes too long.
    """
    waiting = select.poll()
    waiting.register(stream, event)
    if not waiting.poll(max(until - time.monotonic(), 0) * 1_000):
        message = f"a worker does nothing for {WALL_SECONDS:.0f} s"
        raise TimeoutError(message)
