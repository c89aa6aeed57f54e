"""Work on documents of strangers, in processes that are stopped when it takes too long.

A document of a thousand bytes can be made to cost a minute of RDF. What is not known to be cheap is done in a worker
process, and the limit is on processor time, so a busy machine refuses no honest document. Three things stop it:

1. the counted steps of RDFC-1.0 (`verifier.jsonld.rdfc`), in the document's own terms;
2. a timer of the worker's processor time, which raises within Python;
3. a second timer that Python has no say in: the kernel ends the process. So does the parent, by the clock on the
   wall, should a worker neither work nor answer.

Work starts in the quick lane. What has not ended after `QUICK_MS` starts anew in the slow lane, with the rest of its
allowance: an honest document waits behind others' quick starts alone, never behind their whole allowance.

A worker that was ended is started anew at once, in the background; its caller has its answer by then. Nothing of a
document stays in a worker but what `verifier.jsonld.shape` learns of its shape.

Source: `setitimer(2)` (ITIMER_PROF counts processor time); W3C RDFC-1.0 section 7.1 (dataset poisoning).
"""

from __future__ import annotations

import importlib
import pickle
import queue
import select
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Final, ParamSpec, TypeVar, cast

from api.one_processor import let_spread
from verifier.error import VerifierError, WorkExceededError

LIMIT_MS: Final = 250
"""Processor time that one document may cost."""
QUICK_MS: Final = 80
"""Of which so much before it has to make way for others."""
GRACE_MS: Final = 20
"""What a worker may still use to say that it was stopped, before the kernel ends it."""
WALL_SECONDS: Final = 20.0
"""How long the parent waits for a worker to say anything: processor time passes slowly on a busy machine."""
WAIT_SECONDS: Final = 10.0
"""How long a caller waits for its turn."""
MAX_REPLY: Final = 64 * 2**20
_LENGTH: Final = struct.Struct(">Q")
_LIMIT: Final = struct.Struct(">I")

_Result = TypeVar("_Result")
_Params = ParamSpec("_Params")


class BusyError(WorkExceededError):
    """No worker had time; nothing was found out."""


class CpuBound:
    """Runs functions on untrusted input under a limit of processor time.

    Concurrency: `run` may be called from any thread, and blocks it. Durability: none.
    """

    def __init__(self, *, quick: int = 2, slow: int = 1) -> None:
        self._quick = _Lane(quick)
        self._slow = _Lane(slow)

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
        if isinstance(found, _Raised) and type(found.error) is WorkExceededError:
            found = self._slow.ask(job, LIMIT_MS - QUICK_MS)
        if isinstance(found, _Raised):
            raise found.error
        return cast("_Result", found)  # what the function returned came back over the pipe

    def starts(self) -> list[Callable[[], None]]:
        """For each worker what starts it, in the background, rather than when it is first needed."""
        return [worker.start for worker in (*self._quick.workers, *self._slow.workers)]

    def close(self) -> None:
        """End the workers."""
        self._quick.close()
        self._slow.close()


class _Lane:
    """Workers that take turns."""

    def __init__(self, size: int) -> None:
        self._idle: queue.LifoQueue[_Worker] = queue.LifoQueue()
        self.workers = [_Worker() for _ in range(size)]
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
    """One process, started when it is first needed and again after it was ended."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._starting = threading.Lock()
        self._is_closed = False

    def ask(self, job: bytes, limit_ms: int) -> object:
        process = self._started()
        assert process.stdin is not None  # noqa: S101  Popen was given pipes
        assert process.stdout is not None  # noqa: S101  Popen was given pipes
        try:
            _write(process.stdin, _LIMIT.pack(limit_ms) + job)
            is_ready = _says_something(process.stdout, WALL_SECONDS)
            answer: object = pickle.loads(_read(process.stdout) if is_ready else b"")  # noqa: S301  our own process wrote it
        except (OSError, EOFError) as error:  # the worker was ended, or says nothing
            self._end()
            self.start()
            return _Raised(WorkExceededError(f"ended after more than {limit_ms} ms of processor time: {error}"))
        return answer

    def _started(self) -> subprocess.Popen[bytes]:
        with self._starting:
            if self._is_closed:
                raise BusyError("the workers were ended")
            if self._process is None:
                self._process = subprocess.Popen(
                    [sys.executable, "-c", "from api.cpu_bound import serve; serve()"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                )
                let_spread(self._process.pid)
            return self._process

    def start(self) -> None:
        threading.Thread(target=self._start, daemon=True).start()

    def _start(self) -> None:
        with suppress(BusyError):  # it was closed meanwhile
            self._started()

    def _end(self) -> None:
        with self._starting:
            process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def close(self) -> None:
        with self._starting:
            self._is_closed = True
        self._end()


class _Raised:
    """What a function raised, on its way to the parent."""

    def __init__(self, error: Exception) -> None:
        self.error = error


def _says_something(stream: IO[bytes], seconds: float) -> bool:
    """Whether there is something to be read, or the other side has gone, within a time.

    Not by `select(2)`, which takes no descriptor above 1,023: a server with so many connections has higher ones.
    """
    waiting = select.poll()
    waiting.register(stream, select.POLLIN)
    return bool(waiting.poll(seconds * 1_000))


def _write(stream: IO[bytes], message: bytes) -> None:
    stream.write(_LENGTH.pack(len(message)) + message)
    stream.flush()


def _read(stream: IO[bytes]) -> bytes:
    """Read one message.

    Raises:
        EOFError: The other side has gone.
    """
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size or _LENGTH.unpack(head)[0] > MAX_REPLY:
        raise EOFError
    length: int = _LENGTH.unpack(head)[0]
    message = stream.read(length)
    if len(message) < length:
        raise EOFError
    return message


# ── within the worker ─────────────────────────────────────────────────────────────────────────────────
class _StoppedError(BaseException):
    """Time is up; no `except Exception` on the way may hold it."""


def _stop(_signal: int, _frame: object) -> None:
    raise _StoppedError


def serve() -> None:
    """Answer jobs on standard input until it ends: the whole life of a worker."""
    # What every document needs is not any document's to pay for.
    importlib.import_module("api.document_work").warm_up()
    importlib.import_module("api.foreign_work").warm_up()
    incoming, outgoing = sys.stdin.buffer, sys.stdout.buffer
    # What a job prints must not get between the answers; a stop from the terminal is for the parent.
    sys.stdout = sys.stderr
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGPROF, _stop)
    signal.signal(signal.SIGVTALRM, signal.SIG_DFL)
    while True:
        try:
            message = _read(incoming)
        except EOFError:
            return
        _write(outgoing, pickle.dumps(_answer(message)))


_job = threading.local()


def is_second_try() -> bool:
    """Tell a function in a worker that its first start took too long, so that it leaves out what can be left out."""
    return getattr(_job, "limit_ms", 0) > QUICK_MS


def _answer(message: bytes) -> object:
    _job.limit_ms = _LIMIT.unpack_from(message)[0]
    limit = _job.limit_ms / 1000
    try:
        try:
            signal.setitimer(signal.ITIMER_VIRTUAL, limit + GRACE_MS / 1000)
            signal.setitimer(signal.ITIMER_PROF, limit)
            function, args, named = pickle.loads(message[_LIMIT.size :])  # noqa: S301  the parent wrote it
            result: object = function(*args, **named)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    except _StoppedError:
        return _Raised(WorkExceededError(f"stopped after {limit * 1000:.0f} ms of processor time"))
    except VerifierError as error:
        return _Raised(error)
    except (MemoryError, RecursionError) as error:
        return _Raised(WorkExceededError(f"stopped: {type(error).__name__}"))
    except Exception as error:  # noqa: BLE001  a fault of ours, which the parent has to hear of and the worker survives
        return _Raised(RuntimeError(f"{type(error).__name__}: {error}"))
    return result
