"""The command that does what is due to stacked awards that have lost a component."""

from __future__ import annotations

from api.cli.operator import opened, operator
from api.cli.option import DEFAULT_DATA, AsJson, Data
from api.cli.terminal import Terminal


def cascade(data: Data = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """Open reviews of stacked awards that have lost a component, and keep their deadlines. May be repeated.

    A serving process does so by itself every few seconds.
    """
    terminal = Terminal(as_json=as_json)
    with opened(data) as node:
        run = node.cascade.run(operator())
    said = ", ".join(f"{count:,} {kind}" for kind, count in sorted(run.done.items())) or "nothing is due"
    terminal.result(run, f"{run.looked_at:,} stacked awards looked at: {said}")
