"""How the command speaks: results, messages, progress, exit codes.

Source: clig.dev (output, errors, exit codes); BSD sysexits.h for 64.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Any, Final, NoReturn

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table


class Exit(IntEnum):
    """What an exit code means."""

    VALID = 0
    INVALID = 1
    UNKNOWN = 2
    FAILURE = 3
    USAGE = 64


# What moves a cursor, changes colours or turns the direction of writing: the controls C0 and C1 but line feed, and
# the marks of UAX #9. A file that is judged, or a server that is audited, must not write its own verdict here.
_CONTROL: Final = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


UNLIMITED_WIDTH: Final = 4_000
"""Columns of a table that goes to a file or another program."""
EXIT_CODES = "Exit codes: 0 valid or done, 1 invalid or damaged, 2 could not tell, 3 failure, 64 wrong usage."


def printable(text: str) -> str:
    """Write control characters as their code points, so that a terminal shows them and obeys none; lines stay."""
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def one_line(text: str) -> str:
    """Write line ends as code points too: for text that others made, within a line of ours."""
    return printable(text).replace("\n", "\\u000a").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


class Terminal:
    """Where results and messages go. Colours and progress bars appear on a terminal alone.

    Args:
        as_json: Whether results are for machines.
    """

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        # Without `emoji=False` the middle of did:key:… is printed as a picture.
        width = None if sys.stdout.isatty() else UNLIMITED_WIDTH
        self._out = Console(highlight=False, soft_wrap=True, emoji=False, width=width)
        self._err = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)

    def result(self, value: Any, text: str | Table | None = None) -> None:  # noqa: ANN401  any JSON value
        """Print a result: *value* as JSON when asked for, else *text*."""
        if self.as_json:
            sys.stdout.write(msgspec.json.format(msgspec.json.encode(value)).decode() + "\n")
        elif isinstance(text, Table):
            for column in text.columns:
                column.overflow = "fold"  # a key or an id that is cut short is of no use
            self._out.print(text)
        else:
            self._out.print(escape(printable(str(value if text is None else text))))

    def say(self, message: str) -> None:
        """Print a message on standard error."""
        self._err.print(escape(printable(message)))

    def fail(self, message: str, code: Exit = Exit.FAILURE) -> NoReturn:
        """Say what went wrong and end the command."""
        self._err.print(f"[bold red]error:[/] {escape(printable(message))}")
        raise typer.Exit(code)

    @contextmanager
    def progress(self, what: str, total: int | None) -> Iterator[ProgressBar]:
        """Show progress while the block runs; nothing is drawn off a terminal."""
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self._err, transient=True, disable=not self._err.is_terminal) as drawn:
            yield ProgressBar(drawn, what, total)


class ProgressBar:
    """One bar; :meth:`reach` moves it."""

    def __init__(self, drawn: Progress, what: str, total: int | None) -> None:
        self._drawn = drawn
        self._task = drawn.add_task(what, total=total)

    def reach(self, done: int, total: int | None = None, what: str | None = None) -> None:
        """Say how much is done, and of how much if that is known now, and of what if that has changed."""
        self._drawn.update(self._task, completed=done, total=total, description=what)
