"""A second process that keeps the views of a serving one up to date, so that both have a processor to themselves.

It is a copy of the serving process (``fork``), made before that has opened anything or started a thread: it costs some
milliseconds, where a new one would have to import as much as a server does. The two are joined by a pair of sockets.
The serving process says what is new and what is waited for; the other one says how far each view has come. It ends when
the serving process does, however that ends, since the socket ends then.

When it ends or stands still, the serving process projects again as if there had never been one
(:mod:`projections.projector`). Beside that it writes SQLite's log back into the file, which a commit would have to wait
for. It has no keys, and of the database it reads the events. When one of its projections cannot go on it ends as a
whole, so that the server meets what is wrong itself, and says so.

Source: unix(7), ``SOCK_SEQPACKET``: messages keep their bounds, and their order.
"""

from __future__ import annotations

import os
import signal
import socket
import struct
import threading
from collections.abc import Callable, Collection
from contextlib import suppress
from types import FrameType
from typing import Final, NoReturn

from api.cli.placing import on_one_processor
from api.database import open_factory
from api.garbage import keep_all
from api.runtime import EventLog, Loop
from api.setting import Settings
from api.view_node import open_views, view_names
from ledger.application import Clock, Ledger
from projections.source import LedgerSource

END_SECONDS: Final = 5.0
"""How long it may take to end in order."""
WRITE_BACK_SECONDS: Final = 0.25
"""Between two times that the copy writes back what has been committed, so that no commit of the server has to."""
_MESSAGE: Final = struct.Struct("<BQ")
"""What it is, and a number. From the serving process: one of the three below, and a position or a set of views."""
_BEGIN: Final = 0
_WAKE: Final = 1
_HURRY: Final = 2
"""The set has the bit n for the n-th view."""
_ACTIVE: Final = 255
"""From the other one: it projects; or the number of a view, and the position that it has reached."""


def may_project_apart(settings: Settings) -> bool:
    """Whether a second process can be started here, is of use, and is wanted; another thread would not be copied."""
    can = hasattr(socket, "SOCK_SEQPACKET") and hasattr(os, "sched_getaffinity") and threading.active_count() == 1
    return can and settings.projecting_process and len(os.sched_getaffinity(0)) > 1


class ProjectingProcess:
    """The process, seen from the one that serves. See :class:`projections.projector.Helper`.

    Args:
        pid: Its number.
        connection: This end of the pair.
        log: Where it is recorded that it has ended.
    """

    def __init__(self, pid: int, connection: socket.socket, log: EventLog) -> None:
        self.pid: Final = pid
        self._connection = connection
        self._log = log
        self._names = view_names()
        self._lock = threading.Lock()
        self._is_closing = False
        self._is_there = True
        self.is_active = False
        self._reached: Callable[[str, int], None] = lambda _, __: None
        self._thread = threading.Thread(target=self._listen, name="cairn-projecting-process", daemon=True)

    @classmethod
    def start(
        cls, settings: Settings, clock: Clock, log: EventLog, unwanted: Collection[socket.socket]
    ) -> ProjectingProcess | None:
        """Copy this process. Only where :func:`may_project_apart`; None where the system has no room for another.

        Args:
            settings: What the operator decided.
            clock: Present instant.
            log: Where both record what happens.
            unwanted: Sockets that the copy has no use for.
        """
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # whoever started us may have had it ignored; then nobody is told
        keep_all()  # what no collection writes to stays shared between the two
        try:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            pid = os.fork()
        except OSError as error:
            log.error("no_projecting_process", error=str(error), next="this process projects itself")  # noqa: TRY400  the words say it all
            return None
        if not pid:
            for one in (ours, *unwanted):
                one.close()
            _run(settings, clock, log, theirs)
        theirs.close()
        return cls(pid, ours, log)

    def listen(self, reached: Callable[[str, int], None]) -> None:
        """Tell *reached*, by name and position, how far it has brought each view."""
        self._reached = reached
        self._thread.start()

    def begin(self) -> None:
        """Let it open the events and the views, which are there now, and project."""
        self._say(_BEGIN, 0)

    def wake(self, position: int) -> None:
        """Say that the store has new events up to *position*."""
        self._say(_WAKE, position)

    def hurry(self, position: int, names: Collection[str]) -> None:
        """Say that somebody waits until *names* have reached *position*."""
        self._say(_WAKE, position)
        self._say(_HURRY, sum(1 << number for number, name in enumerate(self._names) if name in names))

    def end(self) -> None:
        """End it at once. What it was writing is undone by the store of the views."""
        self.is_active = False
        with self._lock:
            if self._is_there:
                os.kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """Let it end after the batches at hand, and wait for that; one that does not is ended."""
        self._is_closing = True
        self.is_active = False
        with suppress(OSError):  # it has ended
            self._connection.shutdown(socket.SHUT_WR)
        if self._thread.ident is None:
            self._thread.start()
        self._thread.join(END_SECONDS)
        self.end()
        self._thread.join()
        self._connection.close()

    def _say(self, what: int, number: int) -> None:
        """Never waits: one that does not read, or has ended, looks for itself or not at all."""
        with suppress(OSError):
            self._connection.send(_MESSAGE.pack(what, number), socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)

    def _listen(self) -> None:
        with suppress(OSError):
            while said := self._connection.recv(_MESSAGE.size):
                what, number = _MESSAGE.unpack(said)
                if what == _ACTIVE:
                    self.is_active = not self._is_closing
                else:
                    self._reached(self._names[what], number)
        self.end()  # whatever it was that nothing more is heard of
        with self._lock:
            self._is_there = False
            _, status = os.waitpid(self.pid, 0)
        if not self._is_closing:
            code = os.waitstatus_to_exitcode(status)
            note = self._log.error if code else self._log.info  # a service manager asks both to end
            note("projecting_process_ended", code=code, next="this process projects itself")


def _run(settings: Settings, clock: Clock, log: EventLog, connection: socket.socket) -> NoReturn:
    """What the copy does, until it is told to end; nothing of what the other one began is ended by it."""
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches both; the other one says when to end

        def end(_: int, __: FrameType | None) -> None:
            _hear_no_more(connection)

        signal.signal(signal.SIGTERM, end)
        if _heard(connection) is not None:
            with on_one_processor(settings, log):
                _project(settings, clock, log, connection)
        code = 0
    except Exception as error:  # noqa: BLE001  it ends, and the other one goes on by itself
        log.error("projecting_process_failed", error=f"{type(error).__name__}: {error}")  # noqa: TRY400  the words say it all
    finally:
        os._exit(code)


def _project(settings: Settings, clock: Clock, log: EventLog, connection: socket.socket) -> None:
    numbers = {name: number for number, name in enumerate(view_names())}
    speaking = threading.Lock()

    def say(what: int, number: int) -> None:
        with speaking, suppress(OSError):  # the other one has ended, which is heard below
            connection.sendall(_MESSAGE.pack(what, number))

    ledger = Ledger(open_factory(settings), clock=clock, random=os.urandom, on_commit=lambda _: None)
    writing_back = Loop("writing back", ledger.store.write_back, WRITE_BACK_SECONDS, log)
    try:
        views = open_views(
            settings.data_dir,
            LedgerSource(ledger),
            ledger.event_mapper,
            on_move=lambda name, position: say(numbers[name], position),
            on_stop=lambda _: _hear_no_more(connection),
        )
        try:
            views.projector.start()
            writing_back.start()
            say(_ACTIVE, 0)
            while said := _heard(connection):
                what, number = said
                if what == _WAKE:
                    views.projector.wake(number)
                elif what == _HURRY:
                    views.projector.hurry([name for name, bit in numbers.items() if number >> bit & 1])
        finally:
            writing_back.close()
            views.close()
    finally:
        ledger.close()


def _heard(connection: socket.socket) -> tuple[int, int] | None:
    """The next message; None when there will be no more, because the other end was closed or has died."""
    try:
        said = connection.recv(_MESSAGE.size)
    except ConnectionResetError:
        return None
    return _MESSAGE.unpack(said) if said else None


def _hear_no_more(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RD)
