"""Fills a directory with the demonstration. It is there whole, under its name, or it is not there.

1. What an interrupted filling left in ``DATA.filling`` is removed, if nobody is at work there.
2. The five years are carried out in ``DATA.filling``; the lock of its log says that somebody is at work.
3. Both databases are closed and the closing list is written, which marks the demonstration as complete.
4. ``DATA.filling`` becomes ``DATA`` in one rename, the lock still held, so that no other process takes it for leavings.

A crash before step 4 leaves ``DATA.filling``, which the next filling removes. The key-encryption keys are made in their
final place, ``DATA.keys``, from the start: keys that wrap nothing do no harm, and the next filling uses them. Nothing
in the directory names its own path, so identity, databases and tiles move with it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from anchoring.anchor_schedule import AnchorSchedule
from anchoring.anchorer import Anchorer
from anchoring.error import ConflictError
from anchoring.lock import SequencerLock
from api.anchor_setup import demonstration_witness
from api.demo.closing import ShownAward, example_directory, read_summary, write_refusals, write_summary
from api.demo.driver import Driver, SimulatedClock
from api.demo.judging import Judge
from api.demo.plan import Plan, make_plan
from api.demo.showcase import Showcase, Verdict
from api.demo.story import SHOWN, Story, StoryTeller
from api.ledger_node import LedgerNode, open_ledger
from api.log_node import LOCK_FILE, LogNode, open_log
from api.setting import Settings

SEED: Final = 2026
ORIGIN: Final = "cairn.example/demonstration"
FORGED_FILE: Final = "forged.json"

Progress = Callable[[int, int], None]


class FillingError(Exception):
    """The directory cannot become a demonstration; the message says why and what to do."""


def fill(settings: Settings, now: datetime, progress: Progress) -> list[ShownAward]:
    """Make the demonstration in ``settings.data_dir``, which must not be there or be empty.

    Args:
        settings: Of the ledger to be.
        now: The present, aware; the five years end here.
        progress: Told how many steps are done, and of how many. What it raises ends the filling and leaves nothing.

    Returns:
        The closing list.

    Raises:
        FillingError: The directory holds something else, or another process is filling it at this moment.
    """
    data = settings.data_dir
    if settings.database is not None:
        message = "a demonstration keeps to its own directory; unset CAIRN_DATABASE"
        raise FillingError(message)
    _require_free(data)
    unfinished = data.with_name(f"{data.name}.filling")
    _clear(unfinished)  # 1
    try:
        return _fill(settings, unfinished, now, progress)
    except ConflictError as error:
        raise FillingError(_occupied(data)) from error
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def _require_free(data: Path) -> None:
    if read_summary(data) is not None:
        message = f"{data} is filled already"
        raise FillingError(message)
    if data.exists() and (not data.is_dir() or any(data.iterdir())):
        message = f"{data} holds something else than a demonstration; choose another directory with --data"
        raise FillingError(message)


def _clear(unfinished: Path) -> None:
    """Step 1."""
    if not unfinished.exists():
        return
    lock = SequencerLock(unfinished / LOCK_FILE)
    try:
        with suppress(FileNotFoundError), lock:  # not found: it got its final name a moment ago
            shutil.rmtree(unfinished)
    except ConflictError as error:
        raise FillingError(_occupied(unfinished)) from error


def _occupied(directory: Path) -> str:
    return (
        f"another process is filling {directory} at this moment; wait for it, or choose another directory with --data"
    )


def _fill(settings: Settings, unfinished: Path, now: datetime, progress: Progress) -> list[ShownAward]:
    """Steps 2 to 4."""
    plan = make_plan(seed=SEED, end=now.astimezone(UTC).replace(microsecond=0))
    clock = SimulatedClock(plan.start)
    chosen = settings.model_copy(update={"data_dir": unfinished, "kek_dir": settings.key_dir})
    with ExitStack() as last, ExitStack() as first:
        node = open_ledger(chosen, clock=clock)
        first.callback(node.close)
        log = open_log(node, clock)
        last.callback(log.hold.release)
        first.callback(log.store.close)
        driver, story = _carry_out(node, log, plan, clock, progress)  # 2
        judge = Judge(node, log)
        verdicts = [judge.verdict(driver, showcase) for showcase in plan.showcases]
        told_verdicts = [judge.award(story.awards[showcase.award]) for showcase in SHOWN]
        first.close()  # 3
        awards = [
            _shown(settings.data_dir, driver, showcase, verdict)
            for showcase, verdict in zip(plan.showcases, verdicts, strict=True)
        ]
        awards += [_told(story, *told) for told in zip(SHOWN, told_verdicts, strict=True)]
        write_refusals(settings.data_dir, story.refusals)
        write_summary(unfinished, awards)
        unfinished.rename(settings.data_dir)  # 4
    return awards


def _carry_out(
    node: LedgerNode, log: LogNode, plan: Plan, clock: SimulatedClock, progress: Progress
) -> tuple[Driver, Story]:
    witness = demonstration_witness(node, log, clock)
    anchorer = Anchorer([witness], log.store, clock, AnchorSchedule())

    def publish() -> None:
        log.publish_all()
        anchorer.run_once()

    driver = Driver(node, clock, publish)
    driver.carry_out(plan.steps, lambda done: progress(done, len(plan.steps)))
    story = StoryTeller(node, clock, plan.end).tell()
    clock.set(plan.end)
    log.publish_all()
    return driver, story


def _told(story: Story, showcase: Showcase, verdict: Verdict) -> ShownAward:
    return ShownAward(
        credential=story.awards[showcase.award], state=showcase.state, verdict=verdict, sentence=showcase.sentence
    )


def _shown(data: Path, driver: Driver, showcase: Showcase, verdict: Verdict) -> ShownAward:
    forged = driver.forged.get(showcase.award)
    if forged is not None:
        directory = example_directory(data)
        directory.mkdir(parents=True, exist_ok=True)
        (directory / FORGED_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(forged)) + b"\n")
    return ShownAward(
        credential=driver.credentials[showcase.award],
        state=showcase.state,
        verdict=verdict,
        sentence=showcase.sentence,
        document=None if forged is None else FORGED_FILE,
    )
