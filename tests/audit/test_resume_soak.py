"""An audit of a million entries that is killed again and again comes to the same report: ``make soak``."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import msgspec
import pytest

from api.audit.report import AuditReport
from api.audit.sample import SampleHistory, framed, write_log
from tests.system.serving import CAIRN, environment

ENTRIES: Final = 1_000_000
KILLED_AT: Final = (150_000, 500_000, 900_000)
MOST_MEGABYTES: Final = 250
"""Far below what the log itself takes, which is some 500 MB."""


OBSERVER: Final = """
import json, resource, subprocess, sys
status = subprocess.call(sys.argv[1:])
used = resource.getrusage(resource.RUSAGE_CHILDREN)
json.dump([status, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024], sys.stderr)
"""
"""Stands between, being small: a process counts the memory of the one that it was forked from as its own."""


def _run(home: Path, command: list[str | Path]) -> tuple[int, bytes, str, float]:
    """Run a command; its status, output, a line about what it took, and its peak memory in megabytes."""
    begin = time.perf_counter()
    observed: list[str | Path] = [sys.executable, "-S", "-c", OBSERVER, *command]
    done = subprocess.run(observed, env=environment(home), capture_output=True, check=True)
    status, seconds, megabytes = json.loads(done.stderr.splitlines()[-1])
    took = f"{time.perf_counter() - begin:.1f} s, {seconds:.1f} s of a processor, {megabytes:.0f} MB"
    return status, done.stdout, took, megabytes


@pytest.mark.soak
def test_audit_of_a_million_entries_comes_to_the_same_report_when_it_is_killed_thrice(tmp_path: Path) -> None:
    log = tmp_path / "log"
    key = write_log(log, framed(iter(SampleHistory(5))), ENTRIES)
    audit: list[str | Path] = [CAIRN, "audit", log, "--log-key", key, "--json"]
    status, output, took, most = _run(tmp_path / "whole", [*audit, "--jobs", "1"])
    assert status == 0
    due = msgspec.json.decode(output, type=AuditReport)
    sys.stdout.write(f"\nwhole, one process: {took}\n")
    home = tmp_path / "killed"
    for at in KILLED_AT:
        dying: list[str | Path] = [sys.executable, "-m", "tests.audit.keep_often", log, key, "--at", str(at)]
        status, _, took, megabytes = _run(home, dying)
        assert status == -signal.SIGKILL
        [kept] = (home / "state" / "cairn" / "audits").glob("*.state")
        sys.stdout.write(f"killed at {at:,} or after: {took}; {kept.stat().st_size / 1e6:.0f} MB kept\n")
        most = max(most, megabytes)
    status, output, took, megabytes = _run(home, [*audit, "--jobs", "2"])
    assert status == 0
    sys.stdout.write(f"the rest, two processes: {took}\n")
    resumed = msgspec.json.decode(output, type=AuditReport)
    untimed = {"seconds": 0.0, "processor_seconds": 0.0}
    assert msgspec.structs.replace(resumed, **untimed) == msgspec.structs.replace(due, **untimed)
    assert (due.differences, due.entries) == (0, due.size)
    assert due.entries > ENTRIES
    assert max(most, megabytes) < MOST_MEGABYTES
    assert not list(home.rglob("*.state"))
