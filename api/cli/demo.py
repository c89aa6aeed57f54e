"""``cairn demo``: a ledger full of made-up content, five years of it, made in seconds."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from api.cli.option import AsJson
from api.cli.terminal import Exit, Terminal
from api.demo.closing import closing_text, read_summary, show_command
from api.demo.filling import ORIGIN, FillingError, fill
from api.ledger_node import system_clock
from api.setting import load_settings

PLAIN_COLUMNS: Final = 80
WIDEST_COLUMNS: Final = 100


def demo(
    data: Annotated[Path, typer.Option("--data", help="Directory to fill; it must be empty or not there yet.")] = Path(
        "var/demo"
    ),
    base_url: Annotated[str, typer.Option(help="Address that the documents will name.")] = "http://127.0.0.1:8000",
    as_json: AsJson = False,
) -> None:
    """Fill a ledger with made-up institutions, learners and awards; say what there is to see. Keeps what is there."""
    terminal = Terminal(as_json=as_json)
    settings = load_settings(os.environ, data_dir=data, base_url=base_url, origin=ORIGIN, demonstration=True)
    if read_summary(data) is None:
        terminal.say(f"Filling {data} with five made-up years…")
        try:
            with terminal.progress("steps", None) as bar:
                fill(settings, system_clock(), bar.reach)
        except FillingError as error:
            terminal.fail(str(error), Exit.USAGE)
    else:
        terminal.say(f"{data} is filled already; nothing was changed.")
    show_summary(terminal, data, base_url)


def show_summary(terminal: Terminal, data: Path, base_url: str) -> None:
    """Print the closing list of the demonstration in *data*, as reached at *base_url*."""
    awards = read_summary(data) or []
    rows = [{**msgspec.to_builtins(one), "command": show_command(one, data, base_url)} for one in awards]
    columns = min(shutil.get_terminal_size((PLAIN_COLUMNS, 24)).columns, WIDEST_COLUMNS)
    terminal.result(rows, closing_text(awards, data, base_url, columns=columns))
