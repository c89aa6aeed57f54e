"""``cairn demo``: a ledger full of made-up content, five years of it, made in seconds."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer
from rich.table import Table

from anchoring.anchor_schedule import AnchorSchedule
from anchoring.anchorer import Anchorer
from api.anchor_setup import demonstration_witness
from api.cli.option import AsJson
from api.cli.terminal import Exit, Terminal
from api.demo.driver import Driver, SimulatedClock
from api.demo.plan import Plan, make_plan
from api.demo.showcase import Showcase
from api.ledger_node import LedgerNode, open_ledger, system_clock
from api.log_node import LogNode, open_log
from api.setting import Settings, load_settings

SEED: Final = 2026
ORIGIN: Final = "cairn.example/demonstration"
SUMMARY: Final = "demonstration.json"

Progress = Callable[[int, int], None]


def demo(
    data: Annotated[Path, typer.Option("--data", help="Directory to fill; it must not hold another ledger.")] = Path(
        "var/demo"
    ),
    base_url: Annotated[str, typer.Option(help="Address that the documents will name.")] = "http://127.0.0.1:8000",
    as_json: AsJson = False,
) -> None:
    """Fill a ledger with made-up institutions, learners and awards; say what there is to see. Keeps what is there."""
    terminal = Terminal(as_json=as_json)
    settings = load_settings(os.environ, data_dir=data, base_url=base_url, origin=ORIGIN, demonstration=True)
    summary = read_summary(data)
    if summary is None:
        if (data / "ledger.db").exists():
            terminal.fail(
                f"{data} holds another ledger, or a demonstration that was interrupted; remove it or choose another",
                Exit.USAGE,
            )
        terminal.say(f"Filling {data} with five made-up years…")
        with terminal.progress("steps", None) as bar:
            summary = fill(settings, bar.reach)
    else:
        terminal.say(f"{data} is filled already; nothing was changed.")
    terminal.result(summary, table(summary, base_url))


def fill(settings: Settings, progress: Progress) -> list[dict[str, Any]]:
    """Make the demonstration in an empty directory and return its closing table."""
    plan = make_plan(seed=SEED, end=system_clock().astimezone(UTC).replace(microsecond=0))
    clock = SimulatedClock(plan.start)
    node = open_ledger(settings, clock=clock)
    try:
        log = open_log(node, clock)
        try:
            rows = _fill(settings, plan, clock, node, log, progress)
        finally:
            log.close()
    finally:
        node.close()
    write_summary(settings.data_dir, rows)
    return rows


def _fill(
    settings: Settings, plan: Plan, clock: SimulatedClock, node: LedgerNode, log: LogNode, progress: Progress
) -> list[dict[str, Any]]:
    witness = demonstration_witness(node, log, clock)
    anchorer = Anchorer([witness], log.store, clock, AnchorSchedule())

    def publish() -> None:
        log.publish_all()
        anchorer.run_once()

    driver = Driver(node, clock, publish)
    driver.carry_out(plan.steps, lambda done: progress(done, len(plan.steps)))
    clock.set(datetime.now(UTC))
    log.publish_all()
    return [_row(settings, driver, showcase) for showcase in plan.showcases]


def _row(settings: Settings, driver: Driver, showcase: Showcase) -> dict[str, Any]:
    public_id = driver.credentials[showcase.award]
    row = {
        "credential": public_id,
        "state": showcase.state,
        "verdict": showcase.expected,
        "sentence": showcase.sentence,
        "command": f"curl -s {settings.base_url}/v1/credentials/{public_id}/status",
    }
    forged = driver.forged.get(showcase.award)
    if forged is not None:
        file = examples_directory(settings.data_dir) / "forged.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(msgspec.json.format(msgspec.json.encode(forged)) + b"\n")
        row["command"] = f"curl -s {settings.base_url}/v1/verify -H 'Content-Type: application/json' -d @{file}"
    return row


def examples_directory(data: Path) -> Path:
    """Where example documents are put: beside the data, since they show made-up names in the clear."""
    return data.with_name(f"{data.name}.examples")


def write_summary(data: Path, rows: list[dict[str, Any]]) -> None:
    """Keep the closing table; its being there says that the demonstration is complete."""
    temporary = data / f"{SUMMARY}.new"
    temporary.write_bytes(msgspec.json.encode(rows))
    temporary.replace(data / SUMMARY)


def read_summary(data: Path) -> list[dict[str, Any]] | None:
    """The closing table of a complete demonstration, or None."""
    try:
        return msgspec.json.decode((data / SUMMARY).read_bytes(), type=list[dict[str, Any]])
    except FileNotFoundError:
        return None


def table(rows: list[dict[str, Any]], base_url: str) -> Table:
    """The closing table."""
    drawn = Table(title=f"What there is to see once it is served (open {base_url}/verify/ID)", title_justify="left")
    for heading in ("id", "what it is", "verification says", "command to see it"):
        drawn.add_column(heading, overflow="fold")
    for row in rows:
        drawn.add_row(row["credential"], row["sentence"], row["verdict"], row["command"])
    return drawn
