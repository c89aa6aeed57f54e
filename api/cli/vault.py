"""``cairn vault``: the key-encryption keys that open the vault."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.table import Table

from api.cli.option import DEFAULT_DATA, AsJson, Data
from api.cli.terminal import EXIT_CODES, Exit, Terminal
from api.database import ledger_is_there
from api.key_retention import KeyStanding, destroy_retired, finish_rotation, key_standings, rotate_key
from api.ledger_node import LedgerNode, open_ledger, system_clock
from api.setting import Settings, load_settings

vault_app = typer.Typer(
    no_args_is_help=True, help=f"Key-encryption keys: what opens the vault, and old backups. {EXIT_CODES}"
)


@vault_app.command("keys")
def keys(data: Data = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """List the key-encryption keys, oldest first."""
    terminal = Terminal(as_json=as_json)
    node, _ = _open(terminal, data)
    try:
        _show(terminal, key_standings(node))
    finally:
        node.close()


@vault_app.command("rotate")
def rotate(
    data: Data = DEFAULT_DATA,
    finish: Annotated[bool, typer.Option("--finish", help="Go on with a rotation that was interrupted.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a new key-encryption key and move everything under it, while the ledger serves.

    The old keys open old backups until CAIRN_BACKUP_RETENTION_DAYS are over; then they are destroyed.
    """
    terminal = Terminal(as_json=as_json)
    node, settings = _open(terminal, data)
    keep = timedelta(days=settings.backup_retention_days)
    try:
        with terminal.progress("moving keys", None) as bar:
            if finish:
                standings = finish_rotation(node, system_clock(), keep, bar.reach)
            else:
                standings = rotate_key(node, system_clock(), keep, os.urandom, bar.reach)
        _show(terminal, standings)
    finally:
        node.close()


@vault_app.command("destroy-retired")
def destroy(data: Data = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """Destroy retired keys whose time is over. A serving process does so by itself, every hour."""
    terminal = Terminal(as_json=as_json)
    node, _ = _open(terminal, data)
    try:
        gone = destroy_retired(node, system_clock(), os.urandom)
    finally:
        node.close()
    terminal.result({"destroyed": gone}, f"destroyed: {', '.join(gone) or 'none'}")


def _open(terminal: Terminal, data: Path) -> tuple[LedgerNode, Settings]:
    if not ledger_is_there(data):
        terminal.fail(f"there is no ledger in {data}", Exit.USAGE)
    settings = load_settings(os.environ, data_dir=data)
    return open_ledger(settings), settings


def _show(terminal: Terminal, standings: list[KeyStanding]) -> None:
    table = Table("key", "wraps", "is", "may be destroyed after")
    for one in standings:
        word = "current" if one.is_current else "retired" if one.destroy_after else "old"
        table.add_row(one.id, f"{one.rows:,}", word, "" if one.destroy_after is None else one.destroy_after.isoformat())
    terminal.result(msgspec.to_builtins(standings), table)
