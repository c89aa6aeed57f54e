"""Workers are forked by one process, and none is left when it, or whoever asked for them, has ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from api.cpu_bound import BusyError, CpuBound
from api.cpu_nursery import Child, Nursery, NurseryError
from tests.api.burn import add
from verifier.error import WorkExceededError

PATIENCE_SECONDS = 20.0
_ASKS_AND_WAITS = """
import time
from api.cpu_nursery import Nursery
nursery = Nursery()
print(nursery.fork().pid, nursery.fork().pid, nursery._process.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def nursery() -> Iterator[Nursery]:
    made = Nursery()
    yield made
    made.close()


def is_there(pid: int) -> bool:
    """Whether a process is there and has not ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text("ascii").rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def is_gone(pid: int) -> bool:
    """Whether a process ends within a time."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while is_there(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not is_there(pid)


def process(nursery: Nursery) -> int:
    """Number of the process that forks."""
    assert nursery._process is not None
    return nursery._process.pid


def ended(nursery: Nursery, child: Child) -> bool:
    """End a worker; whether it ends."""
    nursery.end(child)
    return is_gone(child.pid)


def test_worker_is_a_child_of_the_one_process_and_ends_when_it_is_told(nursery: Nursery) -> None:
    children = [nursery.fork() for _ in range(3)]
    for child in children:
        parent = Path(f"/proc/{child.pid}/stat").read_text("ascii").rsplit(")", 1)[1].split()[1]
        assert int(parent) == process(nursery)
    assert ended(nursery, children[1])
    assert [is_there(child.pid) for child in children] == [True, False, True]
    nursery.end(children[1])  # whose number may be another's by now
    assert [ended(nursery, children[0]), ended(nursery, children[2])] == [True, True]


def test_worker_ends_when_nothing_more_can_come(nursery: Nursery) -> None:
    child, other = nursery.fork(), nursery.fork()
    child.jobs.close()
    assert is_gone(child.pid)
    child.answers.close()
    assert ended(nursery, other)


def test_worker_is_ended_although_it_is_stopped(nursery: Nursery) -> None:
    child = nursery.fork()
    os.kill(child.pid, signal.SIGSTOP)
    assert ended(nursery, child)


def test_every_worker_ends_with_the_nursery(nursery: Nursery) -> None:
    children = [nursery.fork() for _ in range(2)]
    os.kill(children[0].pid, signal.SIGSTOP)
    forking = process(nursery)
    nursery.close()
    assert not any(is_there(pid) for pid in (forking, *(child.pid for child in children)))
    with pytest.raises(NurseryError, match="were ended"):
        nursery.fork()
    for child in children:
        nursery.end(child)


def test_nursery_that_is_closed_while_it_loads_ends_at_once() -> None:
    nursery = Nursery()
    nursery.close()
    with pytest.raises(NurseryError):
        nursery.fork()
    loading = Nursery()
    with loading._lock:
        loading._started()
    began = time.monotonic()
    loading.close()
    assert time.monotonic() - began < PATIENCE_SECONDS


def test_workers_end_when_the_server_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", _ASKS_AND_WAITS], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        processes = [int(pid) for pid in server.stdout.readline().split()]
        assert all(map(is_there, processes))
        server.kill()
    assert [is_gone(pid) for pid in processes] == [True] * 3


def test_nursery_is_started_again_when_it_was_ended() -> None:
    cpu = CpuBound(quick=1, slow=1)
    try:
        assert cpu.run(add, 1, other=2) == 3
        first = process(cpu._nursery)
        os.kill(first, signal.SIGKILL)
        assert is_gone(first)
        [worker] = cpu._quick.workers
        assert cpu.run(add, 2, other=2) == 4, "the worker goes on"
        assert worker._child is not None
        os.kill(worker._child.pid, signal.SIGKILL)
        with suppress(WorkExceededError):  # it was asked before it had ended
            cpu.run(add, 1, other=2)
        assert cpu.run(add, 3, other=2) == 5
        assert process(cpu._nursery) != first
    finally:
        cpu.close()


def test_document_is_refused_for_now_when_no_worker_can_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = CpuBound(quick=1, slow=1)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "executable", "/nowhere/python")
            with pytest.raises(BusyError, match="no worker could be started"):
                cpu.run(add, 1, other=2)
        assert cpu.run(add, 1, other=2) == 3
    finally:
        cpu.close()
