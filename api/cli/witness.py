"""``cairn witness``: be a witness of other universities' logs."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, Final

import typer
import uvicorn
from starlette.responses import PlainTextResponse, Response
from starlette.types import Scope

from anchoring.error import ConflictError, MalformedError
from anchoring.tlog_policy import parse_log_key
from anchoring.witness import Witness, origin_digest
from anchoring.witness_store import SEED_BYTES, SqliteWitnessStore, WitnessKeys
from api.access_log import make_log
from api.cli.listening import address_of, listen, server_config
from api.cli.option import AsJson
from api.cli.terminal import EXIT_CODES, Exit, Terminal
from api.ledger_node import system_clock
from api.problem import Problem
from api.witness_app import make_witness_app

DATABASE: Final = "witness.db"
DEFAULT_DATA: Final = Path("var/witness")

witness_app = typer.Typer(no_args_is_help=True, help=f"Be a witness of other universities' logs. {EXIT_CODES}")

Data = Annotated[Path, typer.Option("--data", help="Directory of the witness.", show_default=True)]
VKey = Annotated[str, typer.Argument(help="Key of a log, as it publishes it at /log/vkey.")]


@contextmanager
def opened(data: Path, terminal: Terminal) -> Iterator[tuple[SqliteWitnessStore, WitnessKeys]]:
    """Open the witness in *data*, which has been made with ``cairn witness key``."""
    if not (data / DATABASE).exists():
        terminal.fail(f"there is no witness in {data}; make it with `cairn witness key --name NAME`", Exit.USAGE)
    store = SqliteWitnessStore(data / DATABASE)
    try:
        keys = store.keys()
        if keys is None:
            terminal.fail(f"the witness in {data} has no keys yet; `cairn witness key --name NAME`", Exit.USAGE)
        yield store, keys
    finally:
        store.close()


@witness_app.command("key")
def key(
    name: Annotated[
        str | None, typer.Option(help="Name to make keys under, such as witness.example.edu/w1. It is for ever.")
    ] = None,
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Show the witness's public keys; the first time, with --name, make them."""
    terminal = Terminal(as_json=as_json)
    if name is not None:
        _make_keys(data, name, terminal)
    with opened(data, terminal) as (_, keys):
        vkeys = [cosigner.vkey for cosigner in keys.cosigners()]
        terminal.result({"name": keys.name, "vkeys": vkeys}, "\n".join(vkeys))


def _make_keys(data: Path, name: str, terminal: Terminal) -> None:
    data.mkdir(parents=True, exist_ok=True)
    store = SqliteWitnessStore(data / DATABASE)
    try:
        store.keep_keys(WitnessKeys(name, os.urandom(SEED_BYTES), os.urandom(SEED_BYTES)))
    except MalformedError as error:
        terminal.fail(f"this name cannot be used: {error}", Exit.USAGE)
    except ConflictError:
        terminal.fail(f"the witness in {data} has its keys already; `cairn witness key` shows them", Exit.USAGE)
    finally:
        store.close()


@witness_app.command("trust")
def trust(vkey: VKey, data: Data = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """Cosign a log from now on. Take its key from its operator, not from the log. A serving witness sees it at once."""
    terminal = Terminal(as_json=as_json)
    try:
        log = parse_log_key(vkey.strip())
    except MalformedError as error:
        terminal.fail(f"this is not a key: {error}", Exit.USAGE)
    with opened(data, terminal) as (store, _):
        store.trust(log)
    terminal.result({"origin": log.name, "vkey": log.vkey}, f"cosigns {log.name} from now on")


@witness_app.command("forget")
def forget(vkey: VKey, data: Data = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """Cosign nothing more that this key has signed. What was cosigned stays remembered."""
    terminal = Terminal(as_json=as_json)
    with opened(data, terminal) as (store, _):
        if not store.distrust(vkey.strip()):
            terminal.fail("this key is not known; `cairn witness list` shows those that are")
    terminal.result({"forgotten": vkey.strip()}, "not cosigned any more")


@witness_app.command("list")
def list_logs(data: Data = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """Show the known logs, and what of each was cosigned last."""
    terminal = Terminal(as_json=as_json)
    rows = []
    with opened(data, terminal) as (store, _):
        for log in store.logs():
            seen = store.seen(log.name)
            size, at = (None, None) if seen is None else (seen.checkpoint.size, seen.at)
            row = {"origin": log.name, "vkey": log.vkey, "digest": origin_digest(log.name), "size": size, "at": at}
            rows.append(row)
    lines = [f"{row['origin']}: {_cosigned(row['size'], row['at'])}" for row in rows]
    terminal.result(rows, "\n".join(lines) or "no log is known yet; `cairn witness trust VKEY`")


def _cosigned(size: object, at: object) -> str:
    return "nothing cosigned yet" if size is None else f"{size:,} entries cosigned at {at:%Y-%m-%dT%H:%M:%SZ}"


@witness_app.command("serve")
def serve(
    data: Data = DEFAULT_DATA,
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65_535)] = 8090,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    quiet: Annotated[bool, typer.Option("--quiet", help="Write warnings and errors alone to standard error.")] = False,
) -> None:
    """Cosign the known logs' checkpoints over HTTP. Needs no ledger."""
    terminal = Terminal()
    with opened(data, terminal) as (store, keys):
        try:
            listener = listen(host, port)
        except OSError as error:
            terminal.fail(f"cannot listen on {host} port {port}: {error.strerror or error}; choose another with --port")
        cosigners = keys.cosigners()
        log = make_log(sys.stderr, system_clock, is_quiet=quiet)
        app = make_witness_app(Witness(cosigners, store, system_clock), keys.name, [one.vkey for one in cosigners], log)
        terminal.say(
            f"Witness {keys.name} on {address_of(host, port)}, {len(store.logs())} logs known (Ctrl-C stops it)"
        )
        server = uvicorn.Server(server_config(app, _refuse))

        def stop(_: int, __: FrameType | None) -> None:
            server.should_exit = True

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        with listener:
            server.run([listener])


def _refuse(problem: Problem, scope: Scope) -> Response:
    """Refuse in the plain text of a witness what is no request."""
    del scope
    return PlainTextResponse(f"{problem.detail}\n", problem.kind.status, problem.headers)
