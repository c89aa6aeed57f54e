"""Commands that look after the stored bytes: check them, rebuild what can be rebuilt, anchor the log."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Annotated

import typer

from anchoring.anchor_schedule import AnchorSchedule
from anchoring.anchorer import Anchorer
from anchoring.error import AnchoringError
from api.anchor_setup import time_anchors
from api.cli.option import DEFAULT_DATA, AsJson, Data
from api.cli.terminal import Exit, ProgressBar, Terminal
from api.database import ledger_is_there
from api.feed_check import NAME as LOG_FEED
from api.feed_check import FeedComparison, compare_feed
from api.fsck import Fsck
from api.ledger_node import LedgerNode, open_ledger, system_clock
from api.log_node import open_log
from api.log_place import open_tiles
from api.setting import load_settings
from api.view_node import VIEWS_DIRECTORY, projections
from projections.rebuild import Progress, Rebuilt
from projections.rebuild import rebuild as rebuild_view
from projections.source import LedgerSource
from projections.view import View


def fsck(data: Data = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """Derive everything again from stored bytes and name what is damaged, beside a server that runs or without one.

    Beside a server, log.db is left out: only a stopped ledger or a copy of one is checked whole.
    """
    terminal = Terminal(as_json=as_json)
    if not ledger_is_there(data):
        terminal.fail(f"there is no ledger in {data}", Exit.USAGE)
    node = open_ledger(load_settings(os.environ, data_dir=data))
    try:
        with terminal.progress("checking", None) as bar:
            report = Fsck(node, lambda _, done, total: bar.reach(done, total)).run()
    finally:
        node.close()
    if report.served:
        terminal.say("A server runs over this ledger: log.db was left out. A check of the stopped ledger takes it in.")
    terminal.result(report, report.text())
    raise typer.Exit(Exit.INVALID if report.differences else Exit.VALID)


def rebuild(
    name: Annotated[str | None, typer.Argument(help="Name of a projection; without it, all of them.")] = None,
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Fold a projection again from the first event, beside the one that serves, and swap it in.

    The log feed keeps nothing of its own: it is made again and compared with the published log.
    """
    terminal = Terminal(as_json=as_json)
    if not ledger_is_there(data):
        terminal.fail(f"there is no ledger in {data}", Exit.USAGE)
    node = open_ledger(load_settings(os.environ, data_dir=data))
    try:
        folds = {fold.NAME: fold for fold in projections(node.ledger.event_mapper)}
        if name not in {None, *folds, LOG_FEED}:
            terminal.fail(f"there is no projection {name!r}; there are {', '.join([*folds, LOG_FEED])}", Exit.USAGE)
        done: list[Rebuilt] = []
        for fold in [fold for fold in folds.values() if name in {None, fold.NAME}]:
            view = View(data / VIEWS_DIRECTORY, fold.NAME, fold.VERSION, writable=True)
            with terminal.progress(fold.NAME, None) as bar:
                done.append(rebuild_view(view, fold, LedgerSource(node.ledger), progress=_shown(bar)))
        feed = _feed_again(terminal, node) if name in {None, LOG_FEED} else None
    except AnchoringError as error:
        terminal.fail(f"the published log is damaged: {error}. Run «cairn fsck»", Exit.INVALID)
    finally:
        node.close()
    lines = [f"{one.name}: generation {one.generation}, position {one.position:,}" for one in done]
    results = [*done, *([] if feed is None else [feed])]
    terminal.result(results, "\n".join([*lines, *([] if feed is None else [feed.text()])]))
    if feed is not None and feed.differences:
        raise typer.Exit(Exit.INVALID)


def _feed_again(terminal: Terminal, node: LedgerNode) -> FeedComparison:
    """The feed stores nothing that could be swapped: what it makes is compared with the published log."""
    with terminal.progress(LOG_FEED, None) as bar:
        log = open_tiles(node.settings)
        return compare_feed(LedgerSource(node.ledger), log, lambda entries: bar.reach(entries, None))


def anchor(data: Data = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """Have the newest checkpoint stamped by every configured time anchor now. Stop the server first."""
    terminal = Terminal(as_json=as_json)
    if not ledger_is_there(data):
        terminal.fail(f"there is no ledger in {data}", Exit.USAGE)
    node = open_ledger(load_settings(os.environ, data_dir=data))
    try:
        log = open_log(node, system_clock)
        try:
            log.publish_all()
            anchors = time_anchors(node, log, system_clock)
            attempts = Anchorer(anchors, log.store, system_clock, AnchorSchedule()).run_once(at_once=True)
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
