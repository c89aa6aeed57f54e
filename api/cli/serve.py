"""``cairn serve``: everything in one process."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Annotated, Final

import typer
import uvicorn
from starlette.types import ASGIApp

from api.access_log import make_log
from api.app import make_app
from api.cli.demo import ORIGIN, fill, read_summary, table
from api.cli.option import DEFAULT_DATA
from api.cli.terminal import Exit, Terminal
from api.ledger_node import DATABASE, system_clock
from api.node import open_node
from api.runtime import Runtime
from api.setting import Settings, load_settings
from api.starting import StartingApp

KEEP_ALIVE_SECONDS: Final = 65
SHUTDOWN_SECONDS: Final = 10
MAX_CONNECTIONS: Final = 4_096


def serve(  # noqa: PLR0913  one option per choice
    data: Annotated[Path, typer.Option("--data", help="Data directory; made when it is not there.")] = DEFAULT_DATA,
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65_535)] = 8000,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    demo: Annotated[bool, typer.Option("--demo", help="Fill an empty directory with the demonstration first.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Do not write request lines to standard error.")] = False,
) -> None:
    """Serve a ledger: pages, API and log. Settings: docs/settings.md."""
    terminal = Terminal()
    settings = _settings(data, host, port, demo=demo)
    log = make_log(_Sink(sys.stderr, quiet=quiet), system_clock)
    starting = StartingApp()
    closers = []

    def prepare() -> None:
        if demo and read_summary(data) is None:
            _fill(settings, terminal, starting)
        node = open_node(settings)
        runtime = Runtime(node, system_clock, log)
        app: ASGIApp = make_app(node, runtime, system_clock, log)
        runtime.start()
        closers.extend((node.close, runtime.close))
        starting.become(app)
        _greet(terminal, settings, demo=demo)

    server = uvicorn.Server(_config(starting, host, port))
    preparing = threading.Thread(target=_guarded, args=(prepare, starting, server, terminal), name="cairn-start")
    _stop_on_signal(server)
    preparing.start()
    server.run()
    preparing.join()
    for close in reversed(closers):
        close()
    if starting.failure is not None:
        raise typer.Exit(Exit.FAILURE)


def _stop_on_signal(server: uvicorn.Server) -> None:
    """Let a signal end the server and nothing else.

    When uvicorn has stopped it raises the signal again, for the handler that stood before its own; Python's would end
    the process there, before anything is closed.
    """

    def stop(_: int, __: FrameType | None) -> None:
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)


def _settings(data: Path, host: str, port: int, *, demo: bool) -> Settings:
    chosen = None if os.environ.get("CAIRN_BASE_URL") else f"http://{_shown_host(host)}:{port}"
    if demo:
        return load_settings(
            os.environ, data_dir=data, host=host, port=port, base_url=chosen, origin=ORIGIN, demonstration=True
        )
    return load_settings(os.environ, data_dir=data, host=host, port=port, base_url=chosen)


def _shown_host(host: str) -> str:
    return "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104  recognised, not bound to


def _config(app: ASGIApp, host: str, port: int) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        limit_concurrency=MAX_CONNECTIONS,
        lifespan="off",
        proxy_headers=False,
    )


def _guarded(prepare, starting: StartingApp, server: uvicorn.Server, terminal: Terminal) -> None:  # noqa: ANN001
    try:
        prepare()
    except Exception as error:  # noqa: BLE001  whatever it is, the process cannot serve
        starting.failure = str(error)
        terminal.say(f"error: {error}")
        server.should_exit = True


def _fill(settings: Settings, terminal: Terminal, starting: StartingApp) -> None:
    if (settings.data_dir / DATABASE).exists():
        message = f"{settings.data_dir} holds another ledger, or a demonstration that was interrupted; remove it or choose another"
        raise RuntimeError(message)
    terminal.say(f"Filling {settings.data_dir} with five made-up years…")
    with terminal.progress("steps", None) as bar:

        def show(done: int, total: int | None = None) -> None:
            bar.reach(done, total)
            starting.progress = (done, total or 0)

        fill(settings, show)


def _greet(terminal: Terminal, settings: Settings, *, demo: bool) -> None:
    url = f"http://{_shown_host(settings.host)}:{settings.port}"
    if demo:
        rows = read_summary(settings.data_dir) or []
        terminal.result(rows, table(rows, url))
    terminal.say(f"Serving {settings.data_dir} on {url}")
    terminal.say(f"  open   {url}/              what is here")
    terminal.say(f"  open   {url}/docs          the API")
    terminal.say(f"  try    cairn audit {url}   check the whole ledger from outside")
    terminal.say(f"  try    curl -s {url}/log/checkpoint")


class _Sink:
    """Standard error, or nothing for request lines when asked to be quiet."""

    def __init__(self, stream, *, quiet: bool) -> None:  # noqa: ANN001
        self._stream = stream
        self._quiet = quiet

    def write(self, text: str) -> int:
        """Write one line, unless it is an unremarkable one and quiet was asked for."""
        if self._quiet and '"level": "info"' in text:
            return len(text)
        return int(self._stream.write(text))

    def flush(self) -> None:
        """Flush."""
        self._stream.flush()
