"""Commands that look after the stored bytes: check them, rebuild what can be rebuilt, anchor the log."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Annotated

import typer

from anchoring.anchor_schedule import AnchorSchedule
from anchoring.anchorer import Anchorer
from api.anchor_setup import time_anchors
from api.cli.option import DEFAULT_DATA, AsJson, Data
from api.cli.terminal import Exit, ProgressBar, Terminal
from api.fsck import Fsck, data_is_there
from api.ledger_node import open_ledger, system_clock
from api.log_node import open_log
from api.setting import load_settings
from api.view_node import VIEWS_DIRECTORY, projections
from projections.rebuild import Progress
from projections.rebuild import rebuild as rebuild_view
from projections.source import LedgerSource
from projections.view import View


def fsck(data: Data = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """Derive everything again from stored bytes and name what is damaged. Stop the server first, or check a copy."""
    terminal = Terminal(as_json=as_json)
    if not data_is_there(data):
        terminal.fail(f"there is no ledger in {data}", Exit.USAGE)
    node = open_ledger(load_settings(os.environ, data_dir=data))
    try:
        with terminal.progress("checking", None) as bar:
            report = Fsck(node, lambda _, done, total: bar.reach(done, total)).run()
    finally:
        node.close()
    terminal.result(report, report.text())
    raise typer.Exit(Exit.INVALID if report.differences else Exit.VALID)


def rebuild(
    name: Annotated[str | None, typer.Argument(help="Name of a projection; without it, all of them.")] = None,
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Fold a projection again from the first event, beside the one that serves, and swap it in."""
    terminal = Terminal(as_json=as_json)
    if not data_is_there(data):
        terminal.fail(f"there is no ledger in {data}", Exit.USAGE)
    node = open_ledger(load_settings(os.environ, data_dir=data))
    try:
        folds = {fold.NAME: fold for fold in projections(node.ledger.event_mapper)}
        if name is not None and name not in folds:
            terminal.fail(f"there is no projection {name!r}; there are {', '.join(folds)}", Exit.USAGE)
        done = []
        for fold in folds.values() if name is None else (folds[name],):
            view = View(data / VIEWS_DIRECTORY, fold.NAME, fold.VERSION, writable=True)
            with terminal.progress(fold.NAME, None) as bar:
                done.append(rebuild_view(view, fold, LedgerSource(node.ledger), progress=_shown(bar)))
    finally:
        node.close()
    text = "\n".join(f"{one.name}: generation {one.generation}, position {one.position:,}" for one in done)
    terminal.result(done, text)


def anchor(data: Data = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """Have the newest checkpoint stamped by every configured time anchor now. Stop the server first."""
    terminal = Terminal(as_json=as_json)
    node = open_ledger(load_settings(os.environ, data_dir=data))
    try:
        log = open_log(node, system_clock)
        try:
            log.publish_all()
            anchors = time_anchors(node, log, system_clock)
            attempts = Anchorer(anchors, log.store, system_clock, AnchorSchedule()).run_once()
            log.publish_all()
        finally:
            log.close()
    finally:
        node.close()
    lines = [f"{one.name}: {'stamped' if one.error is None else one.error}" for one in attempts]
    result = [{"anchor": one.name, "size": one.size, "error": one.error} for one in attempts]
    terminal.result(result, "\n".join(lines) or "no anchor is configured, or nothing is new; see docs/settings.md")
    if any(one.error is not None for one in attempts):
        raise typer.Exit(Exit.FAILURE)


def _shown(bar: ProgressBar) -> Callable[[Progress], None]:
    def show(progress: Progress) -> None:
        bar.reach(progress.position, progress.newest)

    return show
