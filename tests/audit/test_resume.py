"""An audit that is interrupted anywhere goes on, and comes to the report that it would have come to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import msgspec
import pytest

from api.audit.auditor import Auditor
from api.audit.page import html_page
from api.audit.progress_file import ProgressFile, restored
from api.audit.replay import Replay
from api.audit.report import AuditReport
from api.audit.sample import SampleHistory, framed, write_log
from tests.audit.made_log import MAPPER, LogMaker, made_log, order, sample_events
from tests.system.serving import CAIRN, environment

ENTRIES: Final = 50_000
"""Enough for several ranges and for worker processes."""


class Interrupted(Exception):  # noqa: N818  it stands for a kill, not for a failure
    """The audit was cut short."""


def _without_time(report: AuditReport) -> AuditReport:
    return msgspec.structs.replace(report, seconds=0.0, processor_seconds=0.0)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A log that takes several ranges, and its key."""
    log = tmp_path_factory.mktemp("large") / "log"
    return log, write_log(log, framed(iter(SampleHistory(3))), ENTRIES)


def _audit(home: Path, large: tuple[Path, str], *options: str) -> AuditReport:
    command: list[str | Path] = [CAIRN, "audit", large[0], "--log-key", large[1], "--json", *options]
    done = subprocess.run(command, env=environment(home), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return msgspec.json.decode(done.stdout, type=AuditReport)


def _kill_when_it_has_kept_something(home: Path, large: tuple[Path, str]) -> bool:
    """Start an audit that keeps its progress at every range, and kill it; returns whether it left something."""
    command: list[str | Path] = [sys.executable, "-m", "tests.audit.keep_often", large[0], large[1]]
    states = home / "state" / "cairn" / "audits"
    process = subprocess.Popen(command, env=environment(home), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while process.poll() is None and not list(states.glob("*.state")):
            time.sleep(0.005)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    return bool(list(states.glob("*.state")))


def test_audit_comes_to_the_same_report_when_it_was_killed_and_resumed(large: tuple[Path, str], tmp_path: Path) -> None:
    due = _audit(tmp_path / "first", large, "--jobs", "1")
    assert _kill_when_it_has_kept_something(tmp_path / "second", large)
    resumed = _audit(tmp_path / "second", large, "--jobs", "2")
    assert _without_time(resumed) == _without_time(due)
    assert (due.differences, due.entries) == (0, due.size)
    assert not list((tmp_path / "second").rglob("*.state"))


def test_audit_comes_to_the_same_report_when_it_is_interrupted_at_every_range(
    large: tuple[Path, str], tmp_path: Path
) -> None:
    log, key = large
    whole = _audit(tmp_path / "home", large, "--jobs", "1")
    kept, home = 0, tmp_path / "home"
    while True:
        command: list[str | Path] = [sys.executable, "-m", "tests.audit.keep_often", log, key, "--one"]
        done = subprocess.run(command, env=environment(home), capture_output=True, check=False)
        if done.returncode == 0:
            break
        kept += 1
        assert kept < ENTRIES, done.stderr.decode()
    assert kept > 3
    again = msgspec.json.decode(done.stdout, type=AuditReport)
    assert _without_time(again) == msgspec.structs.replace(_without_time(whole), previous_size=again.previous_size)


def test_replay_is_the_same_when_it_was_kept_and_restored(tmp_path: Path) -> None:
    file = ProgressFile(tmp_path / "kept" / "a.state")
    made = LogMaker()
    made.events(sample_events(600))
    replay: Replay = made._replay
    file.keep("key", 10**6, b"r" * 32, replay)
    kept = file.load("key")
    assert kept is not None
    again = restored(kept, MAPPER)
    file.keep("key", 10**6, b"r" * 32, again)
    assert file.load("key") == kept
    assert file.load("another key") is None


def test_progress_file_is_not_used_when_any_part_of_it_is_damaged(tmp_path: Path) -> None:
    made = LogMaker()
    made.events(sample_events(50))
    path = tmp_path / "a.state"
    file = ProgressFile(path)
    file.keep("key", 100, b"r" * 32, made._replay)
    whole = path.read_bytes()
    for at in range(0, len(whole), 997):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert file.load("key") is None
    for cut in (0, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        assert file.load("key") is None


def test_audit_begins_anew_when_the_kept_one_is_of_another_history(tmp_path: Path) -> None:
    log = made_log(tmp_path / "log")
    request = order(log, tmp_path / "a.state")
    other = LogMaker()
    other.events(sample_events(300))
    request.progress_file.keep(request.log.verifier.vkey, 300, b"x" * 32, other._replay)
    report = Auditor(request, lambda *_: None).run()
    assert (report.differences, report.entries) == (0, report.size)


def test_page_needs_nothing_else_and_escapes_when_a_server_is_hostile(tmp_path: Path) -> None:
    report = Auditor(order(made_log(tmp_path / "log"), tmp_path / "state"), lambda *_: None).run()
    hostile = "<script>alert(1)</script>"
    page = html_page(msgspec.structs.replace(report, url=hostile, origin=hostile, trust=hostile))
    assert hostile not in page
    assert "&lt;script&gt;" in page
    assert not any(word in page for word in ("src=", "href=", "url(", "@import", "http://", "<script"))
    assert json.loads(msgspec.json.encode(report))["entries"] == report.entries
