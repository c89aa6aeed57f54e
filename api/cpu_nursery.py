"""Where the workers of :mod:`api.cpu_bound` come from: a process that has loaded what they need, and forks them.

To load it takes half a second of a processor and 60 MB: once, instead of for each worker. And one that was ended is
replaced within some milliseconds, so that whoever sends documents on which workers are ended makes the machine work for
the documents alone. The process that forks reads no document, has one thread, and does nothing else.

It is told what to do over a socket, its standard input, in messages of 9 bytes: what is to be done, and a number of a
process. A message to fork brings two descriptors with it. The answer is such a message with the number of the worker.
"""

from __future__ import annotations

import gc
import importlib
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import IO, Final, Literal

from api.cpu_worker import serve
from api.one_processor import let_spread

START_SECONDS: Final = 60.0
"""How long a caller waits until the process has loaded everything, on a machine that is busy."""
END_SECONDS: Final = 5.0
"""How long it may take to end its workers."""
_MESSAGE: Final = struct.Struct(">cQ")
_FORK: Final = b"f"
_KILL: Final = b"k"
_WORDS: Final = "no worker could be started: {}"


class NurseryError(Exception):
    """No worker could be made."""


@dataclass(frozen=True, slots=True)
class Child:
    """A worker.

    Attributes:
        pid: Number of its process.
        jobs: Where it reads.
        answers: Where it writes.
    """

    pid: int
    jobs: IO[bytes]
    answers: IO[bytes]


class Nursery:
    """The process, as its parent sees it. It is started with the first worker, and again when it has ended.

    Concurrency: may be called from any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._has_forked = False
        self._is_closed = False

    def fork(self) -> Child:
        """Make a worker.

        Raises:
            NurseryError: It cannot be made.
        """
        with self._lock, ExitStack() as ours, ExitStack() as theirs:
            try:
                control = self._started()
                incoming, jobs = _pipe(theirs, ours, "wb")
                outgoing, answers = _pipe(theirs, ours, "rb")
            except OSError as error:  # no more files, or no more processes
                raise NurseryError(_WORDS.format(error)) from error
            try:
                socket.send_fds(control, [_MESSAGE.pack(_FORK, 0)], [incoming, outgoing])
                _, pid = _MESSAGE.unpack(control.recv(_MESSAGE.size))
            except (OSError, struct.error) as error:  # it has ended, or does not answer
                self._end()
                raise NurseryError(_WORDS.format(error)) from error
            self._has_forked = True
            ours.pop_all()
            return Child(pid, jobs, answers)

    def end(self, child: Child) -> None:
        """End a worker, whatever it does, if it has not ended by itself."""
        with self._lock:
            if self._control is not None:
                with suppress(OSError):  # it has ended, and the workers with it or soon after
                    self._control.sendall(_MESSAGE.pack(_KILL, child.pid))
        for stream in (child.jobs, child.answers):
            with suppress(OSError):  # what was not written yet is of no use to anybody
                stream.close()

    def close(self) -> None:
        """End the process and its workers."""
        self._is_closed = True
        process = self._process
        if process is not None and not self._has_forked:  # it may be loading still, for somebody who holds the lock
            process.kill()
        with self._lock:
            self._end()

    def _started(self) -> socket.socket:
        if self._is_closed:
            message = "the workers were ended"
            raise NurseryError(message)
        if self._process is not None and self._process.poll() is not None:
            self._end()
        if self._control is None:
            control, its = socket.socketpair()
            with its, ExitStack() as opened:
                opened.enter_context(control)
                self._process = subprocess.Popen(
                    [sys.executable, "-c", "from api.cpu_nursery import run; run()"],
                    stdin=its.fileno(),
                    stdout=subprocess.DEVNULL,
                )
                opened.pop_all()
            self._control = control
            self._control.settimeout(START_SECONDS)
            let_spread(self._process.pid)
        return self._control

    def _end(self) -> None:
        control, self._control = self._control, None
        process, self._process = self._process, None
        self._has_forked = False
        if control is not None:
            control.close()  # it ends its workers, and then itself
        if process is not None:
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _pipe(theirs: ExitStack, ours: ExitStack, mode: Literal["rb", "wb"]) -> tuple[int, IO[bytes]]:
    """Make a pipe of which we have the end that *mode* says; the other end's descriptor, and ours."""
    reading, writing = os.pipe()
    its, own = (reading, writing) if mode == "wb" else (writing, reading)
    theirs.callback(os.close, its)
    return its, ours.enter_context(os.fdopen(own, mode))


# ── within the process ────────────────────────────────────────────────────────────────────────────────
def run() -> None:
    """Fork workers until the other end of the socket is closed: the whole life of the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a stop from the terminal is for the parent
    # What every document needs is not any document's to pay for.
    importlib.import_module("api.document_work").warm_up()
    importlib.import_module("api.foreign_work").warm_up()
    gc.collect()
    gc.freeze()  # pages that nobody writes to are shared by all workers
    children: set[int] = set()
    with socket.socket(fileno=sys.stdin.fileno()) as control:
        while _obey(control, children):
            pass
    for child in children:
        _kill(child)


def _obey(control: socket.socket, children: set[int]) -> bool:
    """Do one thing; False when nothing more can come."""
    message, descriptors, _, _ = socket.recv_fds(control, _MESSAGE.size, 2)
    if len(message) < _MESSAGE.size:
        return False
    children -= {child for child in children if os.waitpid(child, os.WNOHANG)[0]}
    what, number = _MESSAGE.unpack(message)
    if what == _FORK:
        child = os.fork()
        if child == 0:
            _live(control, *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        children.add(child)
        control.sendall(_MESSAGE.pack(_FORK, child))
    elif number in children:  # nobody but this process takes note of its end, so the number is its own till then
        children.remove(number)
        _kill(number)
    return True


def _live(control: socket.socket, incoming: int, outgoing: int) -> None:
    """Be a worker."""
    try:
        control.close()
        with os.fdopen(incoming, "rb") as jobs, os.fdopen(outgoing, "wb") as answers:
            serve(jobs, answers)
    finally:
        os._exit(0)


def _kill(child: int) -> None:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
