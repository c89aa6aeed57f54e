"""Within a worker of :mod:`api.cpu_bound`: it answers jobs, each under timers of processor time.

A message is its length, 8 bytes, big-endian, and that many bytes. A job is the limit in milliseconds, 4 bytes, and a
pickled function with its arguments; an answer is what that returned, pickled, or :class:`Raised`.
"""

from __future__ import annotations

import pickle
import signal
import struct
import sys
import threading
from collections.abc import Callable
from typing import IO, Final

from verifier.error import VerifierError, WorkExceededError

QUICK_MS: Final = 80
"""Processor time of a first try: what is left of it makes way for others."""
GRACE_MS: Final = 20
"""What a worker may still use to say that it was stopped, before the kernel ends it."""
MAX_REPLY: Final = 64 * 2**20
LIMIT: Final = struct.Struct(">I")
_LENGTH: Final = struct.Struct(">Q")


class Raised:
    """What a function raised, on its way to the parent."""

    def __init__(self, error: Exception) -> None:
        self.error = error


def framed(message: bytes) -> bytes:
    """A message with its length."""
    return _LENGTH.pack(len(message)) + message


def read_message(read: Callable[[int], bytes]) -> bytes:
    """Read one message.

    Args:
        read: Gives so many bytes, or fewer when the other side has gone.

    Raises:
        EOFError: The other side has gone.
    """
    head = read(_LENGTH.size)
    if len(head) < _LENGTH.size or _LENGTH.unpack(head)[0] > MAX_REPLY:
        raise EOFError
    length: int = _LENGTH.unpack(head)[0]
    message = read(length)
    if len(message) < length:
        raise EOFError
    return message


class _StoppedError(BaseException):
    """Time is up; no `except Exception` on the way may hold it."""


def _stop(_signal: int, _frame: object) -> None:
    raise _StoppedError


def serve(incoming: IO[bytes], outgoing: IO[bytes]) -> None:
    """Answer jobs until no more can come: the whole life of a worker.

    Args:
        incoming: Jobs.
        outgoing: Where the answers go.
    """
    sys.stdout = sys.stderr  # what a job prints is for the operator
    signal.signal(signal.SIGPROF, _stop)
    signal.signal(signal.SIGVTALRM, signal.SIG_DFL)
    while True:
        try:
            message = read_message(incoming.read)
        except EOFError:
            return
        outgoing.write(framed(pickle.dumps(_answer(message))))
        outgoing.flush()


_job = threading.local()


def is_second_try() -> bool:
    """Tell a function in a worker that its first start took too long, so that it leaves out what can be left out."""
    return getattr(_job, "limit_ms", 0) > QUICK_MS


def _answer(message: bytes) -> object:
    _job.limit_ms = LIMIT.unpack_from(message)[0]
    limit = _job.limit_ms / 1000
    try:
        try:
            signal.setitimer(signal.ITIMER_VIRTUAL, limit + GRACE_MS / 1000)
            signal.setitimer(signal.ITIMER_PROF, limit)
            function, args, named = pickle.loads(message[LIMIT.size :])  # noqa: S301  the parent wrote it
            result: object = function(*args, **named)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    except _StoppedError:
        return Raised(WorkExceededError(f"stopped after {limit * 1000:.0f} ms of processor time"))
    except VerifierError as error:
        return Raised(error)
    except (MemoryError, RecursionError) as error:
        return Raised(WorkExceededError(f"stopped: {type(error).__name__}"))
    except Exception as error:  # noqa: BLE001  a fault of ours, which the parent has to hear of and the worker survives
        return Raised(RuntimeError(f"{type(error).__name__}: {error}"))
    return result
