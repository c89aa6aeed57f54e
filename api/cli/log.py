"""Commands on the log's own keys: list them, bring new ones into use, take the old out of use, declare them stolen."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from anchoring.error import ConflictError
from anchoring.lock import SequencerLock
from api.cli.operator import operator
from api.cli.option import DEFAULT_DATA, AsJson, Data
from api.cli.terminal import EXIT_CODES, Exit, Terminal
from api.database import ledger_is_there
from api.instant import in_utc
from api.ledger_node import LedgerNode, open_ledger, system_clock
from api.log_node import LOCK_FILE, open_log
from api.setting import load_settings
from api.sharing import share_log
from ledger.log_key import KeyGeneration
from verifier.wire import format_instant

log_app = typer.Typer(no_args_is_help=True, help=f"The public log. {EXIT_CODES}")
log_keys_app = typer.Typer(no_args_is_help=True, help=f"Keys that the log itself signs with. {EXIT_CODES}")
log_app.add_typer(log_keys_app, name="key")


@log_keys_app.command("list")
def list_log_keys(data: Data = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """List the log's keys, past and present, as lines for a trust policy."""
    terminal = Terminal(as_json=as_json)
    node = _open(terminal, data)
    try:
        generations = node.log_keeping.keys().generations
    finally:
        node.close()
    terminal.result(msgspec.to_builtins(generations), "\n".join(line for one in generations for line in _lines(one)))


@log_keys_app.command("rotate")
def rotate(data: Data = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """Make new keys and sign with them beside the old ones, so that nobody is cut off. Stop the server first."""
    _change(data, lambda node: node.log_keeping.rotate(actor=operator()).answer, "now signs as well", as_json=as_json)


@log_keys_app.command("retire")
def retire(data: Data = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """Take the old keys out of use and destroy them, once everybody has the new. Stop the server first."""
    _change(data, lambda node: node.log_keeping.retire(actor=operator()).answer, "signs alone", as_json=as_json)


@log_keys_app.command("compromised")
def declare_compromised(
    since: Annotated[datetime, typer.Option(help="Since when they were in other hands, UTC.")],
    generation: Annotated[int | None, typer.Option(help="Which, as listed; without it, the newest.")] = None,
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Declare since when keys of the log were in other hands; again to move the date. Stop the server first.

    Keys in use are replaced by new ones and destroyed in the same step.
    """

    def declare(node: LedgerNode) -> dict[str, Any]:
        at = in_utc(since)
        outcome = node.log_keeping.declare_compromised(generation=generation, compromised_at=at, actor=operator())
        answer: dict[str, Any] = outcome.answer
        return answer

    _change(data, declare, "signs alone", as_json=as_json)


@log_app.command("share")
def share(data: Data = DEFAULT_DATA) -> None:
    """Take a log to where CAIRN_TILES says, so that several processes share it. Stop the server first."""
    terminal = Terminal()
    if not ledger_is_there(data):
        terminal.fail(f"there is no ledger in {data}", Exit.USAGE)
    with terminal.progress("tiles", None) as bar:
        size = share_log(load_settings(os.environ, data_dir=data), bar.reach)
    terminal.say(f"The log, {size} entries, is shared now; start processes with CAIRN_TILES and --role (docs/roles.md)")


def _change(data: Path, change: Callable[[LedgerNode], dict[str, Any]], words: str, *, as_json: bool) -> None:
    """Change the keys while nobody sequences, then publish under them."""
    terminal = Terminal(as_json=as_json)
    node = _open(terminal, data)
    try:
        with _alone(terminal, data):
            answer = change(node)
        log = open_log(node, system_clock)
        log.publish_all()
        log.close()
        newest = node.log_keeping.keys().newest
    finally:
        node.close()
    terminal.result({**answer, "vkeys": newest.vkeys}, newest.vkeys["log"])
    terminal.say(
        f"generation {newest.number} of the log's keys {words}; publish it, and see docs/keys.md for what is next"
    )


@contextmanager
def _alone(terminal: Terminal, data: Path) -> Iterator[None]:
    """Be the one that may sequence; a server that runs would go on with the old keys."""
    lock = SequencerLock(data / LOCK_FILE)
    try:
        lock.acquire()
    except ConflictError:
        terminal.fail("a server runs over this ledger, and would go on with the old keys; stop it first")
    try:
        yield
    finally:
        lock.release()


def _open(terminal: Terminal, data: Data) -> LedgerNode:
    if not ledger_is_there(data):
        terminal.fail(f"there is no ledger in {data}", Exit.USAGE)
    return open_ledger(load_settings(os.environ, data_dir=data))


def _lines(one: KeyGeneration) -> list[str]:
    """The generation as lines of a trust policy."""
    lines = [f"# generation {one.number}"]
    lines += [f"log {vkey}" for role, vkey in one.vkeys.items() if role != "operator"]
    if one.ended_at is not None:
        lines += [f"retired {vkey} {format_instant(one.ended_at)}" for vkey in one.vkeys.values()]
    return lines
