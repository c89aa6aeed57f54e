"""``cairn serve``: everything in one process, or one of the roles that a grown ledger is divided into."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Annotated, Final

import typer
import uvicorn
from starlette.types import ASGIApp
from structlog.typing import FilteringBoundLogger

from anchoring.error import ConflictError
from anchoring.lock import SequencerLock
from api.access_log import make_log
from api.app import make_app
from api.certificate import Certificate
from api.cli.connection import ShortcutSlot
from api.cli.demo import show_summary
from api.cli.follow import follow_with
from api.cli.listening import address_of, listen, server_config
from api.cli.option import DEFAULT_DATA, PolicyFile
from api.cli.placing import on_one_processor
from api.cli.terminal import Exit, Terminal
from api.cli.trust import load_policy
from api.demo.closing import read_summary
from api.demo.filling import ORIGIN, fill
from api.garbage import keep_all
from api.health import database_check, disk_check
from api.ledger_node import open_ledger, system_clock
from api.log_node import LOCK_FILE
from api.metric import Reader
from api.node import Node, open_node, open_own_views
from api.problem import ProblemWriter
from api.projecting_process import ProjectingProcess, may_project_apart
from api.role import Role
from api.runtime import Runtime
from api.setting import Settings, load_settings
from api.starting import StartingApp
from api.warming import Warming
from api.worker import ProjectingWorker, SequencingWorker
from api.worker_app import make_worker_app
from projections.prefault import Prefault

STANDBY_PAUSE_SECONDS: Final = 0.2


def serve(
    data: Annotated[Path, typer.Option("--data", help="Data directory; made when it is not there.")] = DEFAULT_DATA,
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65_535)] = 8000,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    demo: Annotated[bool, typer.Option("--demo", help="Fill an empty directory with the demonstration first.")] = False,
    standby: Annotated[
        bool,
        typer.Option("--standby", help="Wait while another process serves this directory; take over when it ends."),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Write warnings and errors alone to standard error.")] = False,
    role: Annotated[
        Role,
        typer.Option("--role", help="What this process of a grown ledger is there for: docs/roles.md."),
    ] = Role.ALL,
    policy: PolicyFile = None,
) -> None:
    """Serve a ledger: pages, API and log. Settings: docs/settings.md."""
    terminal = Terminal()
    settings = _settings(data, host, port, demo=demo, role=role)
    _require_fitting(terminal, settings, role, alone=demo or standby)
    if role is Role.VERIFIER and settings.follow_url is not None:
        follow_with(terminal, settings, settings.follow_url, load_policy(policy), quiet=quiet)
        return
    try:
        listener = listen(host, port)
    except OSError as error:
        terminal.fail(f"cannot listen on {host} port {port}: {error.strerror or error}; choose another with --port")
    with listener:
        log = make_log(sys.stderr, system_clock, is_quiet=quiet)
        if role in {Role.ALL, Role.ISSUER}:
            process = Process(settings, terminal, log, demo=demo, standby=standby, sequences=role is Role.ALL)
        else:
            process = WorkerProcess(settings, terminal, log, role)
        failure = process.run(listener)
    if failure is not None:
        terminal.fail(failure)


class _StoppedError(Exception):
    """The process was asked to stop before it had started."""


class Process:
    """One serving process from the first answer to the last.

    The socket answers from the start; the ledger is opened, and filled if asked for, on a thread beside it.

    Args:
        settings: What the operator decided.
        terminal: Where messages go.
        log: Where requests and background work are recorded.
        demo: Whether to fill an empty directory with the demonstration.
        standby: Whether to wait for a process that serves the directory already.
        certificate: What to serve https with; None: plain http.
        sequences: Whether it continues the log itself.
    """

    def __init__(
        self,
        settings: Settings,
        terminal: Terminal,
        log: FilteringBoundLogger,
        *,
        demo: bool = False,
        standby: bool = False,
        certificate: Certificate | None = None,
        sequences: bool = True,
    ) -> None:
        self._sequences = sequences
        self._settings = settings
        self._terminal = terminal
        self._log = log
        self._demo = demo
        self._standby = standby
        self._starting = StartingApp(settings.base_url, demonstration=settings.demonstration)
        refusal = ProblemWriter(settings.base_url).response
        self._shortcut = ShortcutSlot()
        self._server = uvicorn.Server(server_config(self._starting, refusal, certificate, self._shortcut))
        self._closers: list[Callable[[], None]] = []
        self._failure: str | None = None
        self._projecting: ProjectingProcess | None = None

    def run(self, listener: socket.socket) -> str | None:
        """Serve on *listener* until a signal comes; returns why the start failed, if it did."""
        self._projecting = self._start_projecting(listener)
        self._stop_on_signal()
        preparing = threading.Thread(target=self._prepare, name="cairn-start")
        preparing.start()
        with on_one_processor(self._settings, self._log):
            self._server.run([listener])
        preparing.join()
        for close in reversed(self._closers):
            close()
        if self._projecting is not None:
            self._projecting.close()
        return self._failure

    def _start_projecting(self, listener: socket.socket) -> ProjectingProcess | None:
        """Start the process that keeps the views up to date, before there is anything that it should not have."""
        if not (self._sequences and may_project_apart(self._settings)):
            return None
        return ProjectingProcess.start(self._settings, system_clock, self._log, [listener])

    def _stop_on_signal(self) -> None:
        """Let a signal end the server and nothing else.

        When uvicorn has stopped it raises the signal again, for the handler that stood before its own; Python's would
        end the process there, before anything is closed.
        """

        def stop(_: int, __: FrameType | None) -> None:
            self._server.should_exit = True

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)

    def _prepare(self) -> None:
        try:
            if self._standby:
                self._wait_for_the_other()
            if self._demo and read_summary(self._settings.data_dir) is None:
                self._fill()
            opened = self._open()
            keep_all()
            self._starting.become(opened)
            self._greet()
        except _StoppedError:
            message = "Stopped before it was ready; if the demonstration was being made, the next start makes it anew."
            self._terminal.say(message)
        except ConflictError as error:
            self._failure = f"{error}. With --standby this process would wait and take over"
            self._server.should_exit = True
        except Exception as error:  # noqa: BLE001  whatever it is, the process cannot serve
            self._failure = str(error) or type(error).__name__
            self._server.should_exit = True

    def _wait_for_the_other(self) -> None:
        """Wait until no process sequences the log of this directory. The kernel frees its lock however it ends."""
        lock = SequencerLock(self._settings.data_dir / LOCK_FILE)
        said = False
        while self._settings.data_dir.is_dir():
            try:
                lock.acquire()
            except ConflictError:
                if not said:
                    self._terminal.say(f"Another process serves {self._settings.data_dir}; waiting to take over.")
                said = True
            else:
                lock.release()
                return
            if self._server.should_exit:
                raise _StoppedError
            time.sleep(STANDBY_PAUSE_SECONDS)

    def _open(self) -> ASGIApp:
        node = open_node(self._settings, sequences=self._sequences, helper=self._projecting)
        self._closers.append(node.close)
        warming = Warming(node.cpu.starts())
        warming.start()
        self._closers.append(warming.close)
        if self._settings.shortcut:
            prefault = Prefault(node.views.status)
            prefault.start()
            self._closers.append(prefault.close)
        runtime = Runtime(node, system_clock, self._log)
        app = self._application(node, runtime)
        runtime.start()
        self._closers.append(runtime.close)
        return app

    def _application(self, node: Node, runtime: Runtime) -> ASGIApp:
        """Make what answers; nothing has been started yet."""
        return make_app(node, runtime, system_clock, self._log, offer=self._shortcut.take)

    def _fill(self) -> None:
        self._terminal.say(f"Filling {self._settings.data_dir} with five made-up years, once…")
        with self._terminal.progress("steps", None) as bar:

            def show(done: int, total: int) -> None:
                if self._server.should_exit:
                    raise _StoppedError
                bar.reach(done, total)
                self._starting.progress = (done, total)

            fill(self._settings, system_clock(), show)

    def _greet(self) -> None:
        data, url = self._settings.data_dir, address_of(self._settings.host, self._settings.port)
        if self._demo:
            show_summary(self._terminal, data, url)
            self._terminal.say("")
        for line in _greeting(data, url, callable_name(sys.argv[0])):
            self._terminal.say(line)


class WorkerProcess(Process):
    """A process that sequences or projects, and answers how it is.

    Args:
        settings: What the operator decided.
        terminal: Where messages go.
        log: Where requests and background work are recorded.
        role: Which of the two.
    """

    def __init__(self, settings: Settings, terminal: Terminal, log: FilteringBoundLogger, role: Role) -> None:
        super().__init__(settings, terminal, log, sequences=False)
        self._role = role

    def _open(self) -> ASGIApp:
        parts = open_ledger(self._settings)
        self._closers.append(parts.close)
        worker: SequencingWorker | ProjectingWorker
        if self._role is Role.SEQUENCER:
            worker = SequencingWorker(parts, system_clock, self._log)
        else:
            worker = ProjectingWorker(parts, open_own_views(parts), self._log)
        checks = [
            database_check(parts.ledger.newest),
            disk_check(self._settings.data_dir, self._settings.ready_disk_floor_bytes),
            worker.check(),
        ]
        name = f"cairn_{self._role}_active"
        active = Reader(name, "1 while this process is the one that does the work.", lambda: worker.is_active)
        app = make_worker_app(self._settings, checks, [active], self._log)
        worker.start()
        self._closers.append(worker.close)
        return app

    def _greet(self) -> None:
        where = address_of(self._settings.host, self._settings.port)
        self._terminal.say(f"This is a {self._role} of {self._settings.data_dir}; {where}/readyz says how it is")


def _require_fitting(terminal: Terminal, settings: Settings, role: Role, *, alone: bool) -> None:
    """Refuse a role that lacks what it needs, in words that say what to set."""
    if role is Role.VERIFIER and settings.follow_url is None:
        terminal.fail("a verifier follows a ledger: name its address in CAIRN_FOLLOW_URL", Exit.USAGE)
    if role in {Role.ISSUER, Role.SEQUENCER, Role.PROJECTOR} and None in {settings.database, settings.tiles}:
        terminal.fail(
            f"the role «{role}» shares a database and a store of tiles with others: set CAIRN_DATABASE and CAIRN_TILES",
            Exit.USAGE,
        )
    if alone and (role is not Role.ALL or settings.tiles is not None):
        terminal.fail("--demo and --standby are for a ledger of one process (docs/roles.md)", Exit.USAGE)


def _settings(data: Path, host: str, port: int, *, demo: bool, role: Role) -> Settings:
    chosen = None if os.environ.get("CAIRN_BASE_URL") else address_of(host, port)
    if role not in {Role.ALL, Role.VERIFIER} or os.environ.get("CAIRN_TILES"):
        chosen = None  # of several processes none is the ledger's address
    if demo:
        return load_settings(
            os.environ, data_dir=data, host=host, port=port, base_url=chosen, origin=ORIGIN, demonstration=True
        )
    return load_settings(os.environ, data_dir=data, host=host, port=port, base_url=chosen)


def callable_name(argument: str) -> str:
    """How this command is called from here, so that the lines that are printed work when they are pasted.

    Args:
        argument: The path or name by which it was called, as in ``sys.argv``.
    """
    called = Path(argument)
    if os.sep not in argument or shutil.which(called.name) == argument:
        return called.name
    here = Path.cwd()
    return str(called.relative_to(here)) if called.is_relative_to(here) else argument


def _greeting(data: Path, url: str, program: str) -> list[str]:
    return [
        f"Serving {data} on {url} (Ctrl-C stops it; the data stay)",
        f"  open  {url}/        check an award",
        f"  open  {url}/docs    the API, with examples",
        f"  try   {program} audit {url}    check the whole ledger from outside",
        f"  try   curl {url}/log/checkpoint    the signed head of the log",
    ]
