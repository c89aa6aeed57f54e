"""Where the workers of :mod:`api.cpu_bound` come from: a process that has loaded what they need, and forks them.

To load it takes half a second of a processor and 60 MB: once, instead of for each worker. And one that was ended is
replaced within some milliseconds, so that whoever sends documents on which workers are ended makes the machine work for
the documents alone. The process that forks reads no document, has one thread, and does nothing else.

It is told what to do over a socket, its standard input, in messages of 17 bytes: what is to be done, the number of a
worker in the order in which they were made, and that of its process. A message to fork brings two descriptors with it;
the answer is such a message with both numbers, or with zeros.

It and its workers are a process group, and end together: with the server, however that ends; when the server says so;
and when the one that forks was ended by others, as soon as the server wants anything of it.
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
import traceback
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import IO, Final, Literal

from api.cpu_worker import serve
from api.one_processor import let_spread

LOAD_SECONDS: Final = 60.0
"""How long a caller waits until the process has loaded everything, on a machine that is busy."""
FORK_SECONDS: Final = 5.0
"""How long to fork may take after that; one that takes longer is ended, and another one started."""
ATTEMPTS: Final = 2
"""The first may find that the process has ended."""
_MESSAGE: Final = struct.Struct(">cQQ")
_FORK: Final = b"f"
_KILL: Final = b"k"
_DESCRIPTORS: Final = 2


class NurseryError(Exception):
    """No worker could be made."""


@dataclass(frozen=True, slots=True)
class Child:
    """A worker.

    Attributes:
        number: Its number among those of one nursery.
        pid: Number of its process.
        control: The nursery that made it, for as long as that is there.
        jobs: Where it reads; unbuffered, and never waited for.
        answers: Where it writes; the same.
    """

    number: int
    pid: int
    control: socket.socket
    jobs: IO[bytes]
    answers: IO[bytes]


class Nursery:
    """The process, as its parent sees it. It is started with the first worker, and again when it has ended.

    Concurrency: may be called from any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        """Held for a moment, so that nothing is sent to a descriptor that is another's by now."""
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._is_closed = False

    def fork(self) -> Child:
        """Make a worker.

        Raises:
            NurseryError: It cannot be made.
        """
        found: Exception | None = None
        with self._lock:
            for _ in range(ATTEMPTS):
                try:
                    return self._forked()
                except (ConnectionError, TimeoutError, EOFError) as error:  # it has ended, or does not answer
                    self._end()
                    found = error
                except OSError as error:  # no more files, or no more processes
                    found = error
                    break
        message = f"no worker could be started: {found}"
        raise NurseryError(message) from found

    def end(self, child: Child) -> None:
        """End a worker, whatever it does, if it has not ended by itself. Its streams are the caller's to close."""
        try:
            with self._sending:
                child.control.sendall(_MESSAGE.pack(_KILL, child.number, child.pid))
        except OSError:  # the one that forked it has ended or was ended, so the worker is to end, too
            with self._lock:
                if self._control is child.control:
                    self._end()

    def close(self) -> None:
        """End the process and its workers."""
        self._is_closed = True
        control = self._control
        if control is not None:
            with self._sending, suppress(OSError):
                control.shutdown(socket.SHUT_RDWR)  # whoever waits for an answer waits no longer
        with self._lock:
            self._end()

    def _forked(self) -> Child:
        with ExitStack() as ours, ExitStack() as theirs:
            control = self._started()
            incoming, jobs = _pipe(theirs, ours, "wb")
            outgoing, answers = _pipe(theirs, ours, "rb")
            socket.send_fds(control, [_MESSAGE.pack(_FORK, 0, 0)], [incoming, outgoing])
            answer = control.recv(_MESSAGE.size)
            if len(answer) < _MESSAGE.size:
                message = "it has ended"
                raise EOFError(message)
            control.settimeout(FORK_SECONDS)
            _, number, pid = _MESSAGE.unpack(answer)
            if number == 0:
                message = "there is no room for one more process"
                raise OSError(message)
            ours.pop_all()
            return Child(number, pid, control, jobs, answers)

    def _started(self) -> socket.socket:
        if self._control is None and not self._is_closed:
            control, its = socket.socketpair()
            with its, ExitStack() as opened:
                opened.enter_context(control)
                self._process = subprocess.Popen(
                    [sys.executable, "-c", "from api.cpu_nursery import run; run()"],
                    stdin=its.fileno(),
                    stdout=subprocess.DEVNULL,
                    start_new_session=True,  # a process group of its own
                )
                opened.pop_all()
            control.settimeout(LOAD_SECONDS)
            let_spread(self._process.pid)
            self._control = control
        if self._control is None or self._is_closed:  # it may have been closed meanwhile
            self._end()
            message = "the workers were ended"
            raise NurseryError(message)
        return self._control

    def _end(self) -> None:
        control, self._control = self._control, None
        process, self._process = self._process, None
        if control is not None:
            with self._sending:
                control.close()
        if process is not None:
            # Its number is its own, and its group's, until it is waited for, which nobody has done yet.
            with suppress(ProcessLookupError, PermissionError):  # where a group whose leader has ended is no group
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _pipe(theirs: ExitStack, ours: ExitStack, mode: Literal["rb", "wb"]) -> tuple[int, IO[bytes]]:
    """Make a pipe of which we have the end that *mode* says; the other end's descriptor, and ours."""
    reading, writing = os.pipe()
    its, own = (reading, writing) if mode == "wb" else (writing, reading)
    theirs.callback(os.close, its)
    os.set_blocking(own, False)
    return its, ours.enter_context(os.fdopen(own, mode, buffering=0))


# ── within the process ────────────────────────────────────────────────────────────────────────────────
def run() -> None:
    """Fork workers until the other end of the socket is closed: the whole life of the process."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, as it may have been inherited, children could not be told
    # What every document needs is not any document's to pay for.
    importlib.import_module("api.document_work").warm_up()
    importlib.import_module("api.foreign_work").warm_up()
    gc.collect()
    gc.freeze()  # pages that nobody writes to are shared by all workers
    control = socket.socket(fileno=sys.stdin.fileno())
    try:
        _obey(control)
    except Exception:  # noqa: BLE001  nobody else can say it
        traceback.print_exc()
    finally:
        os.killpg(0, signal.SIGKILL)  # the workers, and itself


def _obey(control: socket.socket) -> None:
    """Do what is asked for until nothing more can come."""
    children: dict[int, int] = {}
    made = 0
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, _MESSAGE.size, _DESCRIPTORS)
        if len(message) < _MESSAGE.size:
            return
        for number in [number for number, pid in children.items() if os.waitpid(pid, os.WNOHANG)[0]]:
            del children[number]
        what, number, _ = _MESSAGE.unpack(message)
        if what == _FORK:
            pid = _fork(control, descriptors)
            for descriptor in descriptors:
                os.close(descriptor)
            if pid:
                made += 1
                children[made] = pid
            control.sendall(_MESSAGE.pack(_FORK, made if pid else 0, pid))
        elif pid := children.pop(number, 0):  # until it is waited for, here, its number is its own
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _fork(control: socket.socket, descriptors: list[int]) -> int:
    """Make a worker; number of its process, or 0 if it cannot be made."""
    if len(descriptors) < _DESCRIPTORS:  # this process can open no more
        return 0
    try:
        pid = os.fork()
    except OSError:
        return 0
    if pid == 0:
        _live(control, *descriptors)
    return pid


def _live(control: socket.socket, incoming: int, outgoing: int) -> None:
    """Be a worker, and never return."""
    try:
        control.close()
        with os.fdopen(incoming, "rb") as jobs, os.fdopen(outgoing, "wb") as answers:
            serve(jobs, answers)
    except BrokenPipeError:
        pass  # nobody wants the answer
    except BaseException:  # noqa: BLE001  nobody else can say it
        traceback.print_exc()
    finally:
        os._exit(0)
