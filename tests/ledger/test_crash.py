"""kill -9: what was acknowledged is there afterwards, whole; what was not is there wholly or not at all.

``CAIRN_CRASH_CYCLES`` and ``CAIRN_CRASH_SEED`` choose how often and how; the seed is printed, and repeats the moments
of the kills as far as the machine allows. ``pytest -m soak tests/ledger`` runs 200 cycles.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ledger.crash import run_cycles
from tests.ledger.storage import Database, PostgresDatabase
from tests.postgres import PostgresServer

SOAK_CYCLES = 200
TURNS = 5
"""How often the cycles are played, with another seed each time, if writers were hardly ever killed at work."""


def crash(directory: Path, cycles: int, database: Callable[[], Database] | None = None) -> None:
    seed = int(os.environ.get("CAIRN_CRASH_SEED") or random.SystemRandom().randrange(10**6))
    print(f"CAIRN_CRASH_SEED={seed} CAIRN_CRASH_CYCLES={cycles}")  # noqa: T201  shown when the test fails
    for turn in range(TURNS):
        awards, busy = run_cycles(directory / str(turn), cycles, seed + turn, database=database)
        print(f"{awards} acknowledged awards in {busy} of {cycles} cycles")  # noqa: T201  shown with -s
        if busy >= cycles // 4:
            return
    pytest.fail("writers must have been killed at work, or nothing was tested")


@pytest.mark.slow
def test_ledger_loses_no_acknowledged_award_when_killed(tmp_path: Path) -> None:
    crash(tmp_path, int(os.environ.get("CAIRN_CRASH_CYCLES", "10")))


@pytest.mark.slow
def test_ledger_loses_no_acknowledged_award_when_killed_beside_postgresql(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    def database() -> PostgresDatabase:
        return PostgresDatabase(postgres_server.fresh_schema(), postgres_server)

    crash(tmp_path, int(os.environ.get("CAIRN_CRASH_CYCLES", "6")), database)


@pytest.mark.soak
def test_ledger_loses_no_acknowledged_award_when_killed_two_hundred_times(tmp_path: Path) -> None:
    crash(tmp_path, SOAK_CYCLES)
