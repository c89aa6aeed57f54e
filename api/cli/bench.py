"""``cairn bench``: what this machine makes of a log, of credentials to verify, and of pathways."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.table import Table

from api.cli.option import AsJson
from api.cli.terminal import Terminal
from api.issuing_bench import IssuingFigures, measure_issuing
from api.log_bench import STEP_EVENTS, LogFigures, measure_log
from api.proof_bench import ProofFigures, measure_proofs
from api.stacking_bench import StackingFigures, measure_stacking

MAX_ENTRIES = 10_000_000
MAX_CASES = 100_000
MAX_BATCH = 10_000
CREDENTIALS = 100
SECONDS = 3.0
"""What each suite is measured with."""


def bench(
    entries: Annotated[int, typer.Option(min=STEP_EVENTS, max=MAX_ENTRIES, help="Events to log.")] = 100_000,
    directory: Annotated[
        Path | None,
        typer.Option("--in", help="Where to make the ledger, on the disk to be measured; removed at the end."),
    ] = None,
    proofs: Annotated[
        Path | None,
        typer.Option(
            "--proofs", help="Measure how fast credentials are verified instead, and write them to this file."
        ),
    ] = None,
    stackings: Annotated[
        int | None,
        typer.Option("--stackings", min=6, max=MAX_CASES, help="Measure so many evaluations of pathways instead."),
    ] = None,
    issuing: Annotated[
        int | None,
        typer.Option("--issuing", min=100, max=MAX_BATCH, help="Measure batches of so many awards instead."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure how fast events become durable and provable here, and what a checkpoint and a proof cost by size.

    It works on a ledger of its own, which is removed.
    """
    terminal = Terminal(as_json=as_json)
    if proofs is not None:
        verified = measure_proofs(CREDENTIALS, SECONDS)
        proofs.write_bytes(msgspec.json.encode(verified))
        terminal.result({"suites": msgspec.to_builtins(verified.suites)}, _proof_table(verified))
        return
    if stackings is not None:
        stacked = measure_stacking(stackings)
        terminal.result(msgspec.to_builtins(stacked), _stacking_table(stacked))
        return
    if issuing is not None:
        with tempfile.TemporaryDirectory(prefix="cairn-bench-", dir=directory) as place:
            issued = measure_issuing(Path(place), issuing)
        terminal.result(msgspec.to_builtins(issued), _issuing_table(issued))
        return
    whole = entries // STEP_EVENTS * STEP_EVENTS
    with tempfile.TemporaryDirectory(prefix="cairn-bench-", dir=directory) as place:
        with terminal.progress("logging", whole) as bar:
            figures = measure_log(Path(place), whole, bar.reach)
        terminal.result(msgspec.to_builtins(figures), _table(figures))


def _proof_table(figures: ProofFigures) -> Table:
    table = Table("what", "a second of a core")
    for suite in figures.suites:
        table.add_row(
            f"credentials of {suite.bytes:,} bytes verified, {suite.suite}", f"{suite.verified_per_second:,.0f}"
        )
    return table


def _issuing_table(figures: IssuingFigures) -> Table:
    table = Table(f"{figures.awards:,} awards", "a second of a core", "a second by the clock")
    issued = (figures.issued_per_second, figures.issued_per_second_by_clock)
    least = (figures.least_per_second, figures.least_per_second_by_clock)
    table.add_row("made, until durable", *(f"{rate:,.0f}" for rate in issued))
    table.add_row("signatures, hashes and rows alone", *(f"{rate:,.0f}" for rate in least))
    table.add_row("signatures alone", f"{figures.signed_per_second:,.0f}", "")
    return table


def _stacking_table(figures: StackingFigures) -> Table:
    table = Table("cases", "met", "unmet", "undecided", "median ms", "p99 ms", "most ms")
    for one in figures.kinds:
        counts = (str(count) for count in (one.met, one.unmet, one.undecided))
        times = (f"{took:.1f}" for took in (one.median_ms, one.p99_ms, one.most_ms))
        table.add_row(f"{one.cases} {one.kind}", *counts, *times)
    return table


def _table(figures: LogFigures) -> Table:
    table = Table("what", "figure")
    table.add_row("events recorded", f"{figures.recorded_per_second:,.0f}/s")
    table.add_row("events recorded and provable", f"{figures.provable_per_second:,.0f}/s")
    table.add_row("the same for a second of processor time", f"{figures.provable_per_processor_second:,.0f}/s")
    table.add_row("plain hashing of the same entries into a tree", f"{figures.hashed_per_second:,.0f}/s")
    for at in figures.at:
        table.add_row(f"checkpoint of 100 events at {at.size:,} entries", f"{at.checkpoint_ms:.1f} ms")
        table.add_row(f"inclusion proof at {at.size:,} entries", f"{at.inclusion_us:.0f} µs")
        table.add_row(f"consistency proof at {at.size:,} entries", f"{at.consistency_us:.0f} µs")
    for one in figures.refolded:
        table.add_row(f"{one.name} folded again, a second of a core", f"{one.events_per_second:,.0f} events")
    table.add_row(f"opening the log again at {figures.entries:,} entries", f"{figures.reopened_seconds:.1f} s")
    return table
