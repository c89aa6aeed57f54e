"""Whoever scans, and however many: the same chunks come back in the order of the log, and nobody outlives the audit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from api.audit import crew, engine
from api.audit.source import LogPlace, SourceError
from api.audit.stretch import Chunk
from loadtests.process import children
from tests.audit.made_log import made_log

COUNT = 1_500
PARENT = """
import sys
from api.audit import engine
from api.audit.source import LogPlace
engine.CHUNK_ENTRIES, engine.WORTH_A_PROCESS = 256, 0
chunks = engine.scanned(LogPlace(sys.argv[1]), 0, int(sys.argv[2]), 3)
next(chunks)
print("begun", flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> LogPlace:
    """A log of several ranges."""
    return LogPlace(str(made_log(tmp_path_factory.mktemp("crew") / "log", count=COUNT)))


@pytest.fixture(params=["forked", "spawned"])
def small_ranges(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have workers scan ranges of one tile, as copies or as new processes."""
    monkeypatch.setattr(engine, "CHUNK_ENTRIES", 256)
    monkeypatch.setattr(engine, "WORTH_A_PROCESS", 0)
    monkeypatch.setattr(crew, "may_fork", lambda: request.param == "forked")


def _scanned(log: LogPlace, workers: int) -> Iterator[Chunk]:
    return engine.scanned(log, 0, COUNT + 2, workers)


@pytest.mark.usefixtures("small_ranges")
@pytest.mark.parametrize("workers", [2, 4])
def test_chunks_come_in_order_and_the_same_when_several_scan(log: LogPlace, workers: int) -> None:
    alone = list(_scanned(log, 1))
    assert [chunk.first for chunk in alone] == list(range(0, COUNT + 2, 256))
    assert list(_scanned(log, workers)) == alone


@pytest.mark.usefixtures("small_ranges")
def test_no_worker_is_left_when_an_audit_is_given_up(log: LogPlace) -> None:
    before = _children(os.getpid())
    chunks = _scanned(log, 3)
    assert len(list(islice(chunks, 2))) == 2
    assert len(_children(os.getpid()) - before) == 2
    chunks.close()  # type: ignore[attr-defined]  # it is a generator
    assert _children(os.getpid()) == before


@pytest.mark.usefixtures("small_ranges")
def test_worker_says_so_when_it_was_killed(log: LogPlace) -> None:
    before = _children(os.getpid())
    with crew.hired(log, 1) as [worker]:
        [process] = _children(os.getpid()) - before
        os.kill(process, signal.SIGKILL)
        worker.ask(0, (0, 256), COUNT + 2)
        with pytest.raises(SourceError, match="ended early"):
            list(worker.answers(wait=True))


def test_error_of_a_copy_comes_back_when_the_log_cannot_be_read(log: LogPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "CHUNK_ENTRIES", 256)
    monkeypatch.setattr(engine, "WORTH_A_PROCESS", 0)
    monkeypatch.setattr(crew, "may_fork", lambda: True)
    broken = Path(log.address) / "tile" / "entries" / "001"
    content = broken.read_bytes()
    broken.unlink()
    broken.mkdir()
    try:
        with pytest.raises(SourceError, match="tile/entries/001"):
            list(_scanned(log, 2))
    finally:
        broken.rmdir()
        broken.write_bytes(content)


def test_copies_end_when_the_process_that_made_them_is_killed(log: LogPlace) -> None:
    command = [sys.executable, "-c", PARENT, log.address, str(COUNT + 2)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"begun\n"
        copies = _children(parent.pid)
        assert len(copies) == 2
        parent.kill()
        parent.wait()
    until = time.monotonic() + 20
    while any(Path(f"/proc/{copy}").exists() and not _is_zombie(copy) for copy in copies):
        assert time.monotonic() < until
        time.sleep(0.02)


def _children(parent: int) -> set[int]:
    return {child for child in children(parent) if not _is_zombie(child)}


def _is_zombie(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True
