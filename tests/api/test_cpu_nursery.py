"""Workers are forked by one process, and none is left when it, or whoever asked for them, has ended."""

from __future__ import annotations

import os
import pickle
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from api import cpu_bound, cpu_nursery
from api.cpu_bound import BusyError, CpuBound
from api.cpu_nursery import Child, Nursery, NurseryError
from api.cpu_worker import Raised
from tests.api.burn import add
from verifier.error import WorkExceededError

PATIENCE_SECONDS = 20.0
_ASKS_AND_WAITS = """
import time
from api.cpu_nursery import Nursery
nursery = Nursery()
children = [nursery.fork() for _ in range(2)]
print(*(child.pid for child in children), nursery._process.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def nursery() -> Iterator[Nursery]:
    made = Nursery()
    yield made
    made.close()


def state(pid: int) -> str:
    """The state of a process: one letter, of which ``Z`` has ended; empty if there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii").rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def is_there(pid: int) -> bool:
    """Whether a process is there and has not ended."""
    return state(pid) not in {"", "Z", "X"}


def stop(pid: int) -> None:
    """Stop a process in the middle of whatever it does; return when it has stopped."""
    os.kill(pid, signal.SIGSTOP)
    while state(pid) != "T":
        time.sleep(0.001)


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
    for stream in (child.jobs, child.answers):
        stream.close()
    return is_gone(child.pid)


def let_go(*children: Child) -> None:
    """Close the streams of workers that have ended."""
    for child in children:
        child.jobs.close()
        child.answers.close()


def test_worker_is_a_child_of_the_one_process_and_ends_when_it_is_told(nursery: Nursery) -> None:
    children = [nursery.fork() for _ in range(3)]
    assert [child.number for child in children] == [1, 2, 3]
    for child in children:
        parent = Path(f"/proc/{child.pid}/stat").read_text("ascii").rsplit(")", 1)[1].split()[1]
        assert int(parent) == process(nursery)
    assert ended(nursery, children[1])
    assert [is_there(child.pid) for child in children] == [True, False, True]
    nursery.end(children[1])  # whose number may be another's by now
    assert [ended(nursery, children[0]), ended(nursery, children[2])] == [True, True]


def test_worker_ends_when_nothing_more_can_come(nursery: Nursery) -> None:
    child, other = nursery.fork(), nursery.fork()
    let_go(child)
    assert is_gone(child.pid)
    assert ended(nursery, other)


def test_worker_is_ended_although_it_is_stopped(nursery: Nursery) -> None:
    child = nursery.fork()
    stop(child.pid)
    assert ended(nursery, child)


@pytest.mark.parametrize("stopped", ["worker", "nursery"])
def test_every_worker_ends_with_the_nursery_at_once(nursery: Nursery, stopped: str) -> None:
    children = [nursery.fork() for _ in range(2)]
    forking = process(nursery)
    stop({"worker": children[0].pid, "nursery": forking}[stopped])
    nursery.close()
    assert [is_gone(pid) for pid in (forking, *(child.pid for child in children))] == [True] * 3
    with pytest.raises(NurseryError, match="were ended"):
        nursery.fork()
    for child in children:
        assert ended(nursery, child)


def test_nursery_that_hangs_is_replaced_and_its_workers_end(nursery: Nursery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu_nursery, "FORK_SECONDS", 0.2)
    child = nursery.fork()
    hanging = process(nursery)
    stop(hanging)
    other = nursery.fork()
    assert process(nursery) != hanging
    assert [is_gone(hanging), is_gone(child.pid), is_there(other.pid)] == [True, True, True]
    assert ended(nursery, child)
    assert is_there(other.pid), "which has the number that the other had"
    assert ended(nursery, other)


def test_closing_waits_for_nobody_who_asks_a_nursery_that_hangs(nursery: Nursery) -> None:
    let_go(nursery.fork())
    stop(process(nursery))
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(nursery.fork)
        while not nursery._lock.locked():
            time.sleep(0.001)
        nursery.close()
        with pytest.raises(NurseryError):
            asked.result()


def test_worker_ends_although_the_nursery_ended_before_and_the_worker_hangs(nursery: Nursery) -> None:
    child, sibling = nursery.fork(), nursery.fork()
    forking = process(nursery)
    for one in (child, sibling):
        while Path(f"/proc/{one.pid}/fd/0").exists():  # the socket, which a worker closes first of all
            time.sleep(0.001)
    stop(child.pid)
    os.kill(forking, signal.SIGKILL)
    assert is_gone(forking)
    assert ended(nursery, child)
    assert is_gone(sibling.pid), "it has nobody who could end it any more"
    let_go(sibling)


def test_nursery_goes_on_when_the_end_of_children_is_ignored_by_whoever_started_it() -> None:
    program = """
import signal
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
from api.cpu_nursery import Nursery
nursery = Nursery()
for _ in range(3):
    child = nursery.fork()
    number = nursery._process.pid
    nursery.end(child)
print(number == nursery._process.pid and nursery.fork().number)
nursery.close()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "4\n"


def test_nursery_goes_on_when_a_worker_cannot_be_made(nursery: Nursery) -> None:
    child = nursery.fork()
    forking = process(nursery)
    files = resource.prlimit(forking, resource.RLIMIT_NOFILE)
    resource.prlimit(forking, resource.RLIMIT_NOFILE, (4, files[1]))
    with pytest.raises(NurseryError, match="no room"):
        nursery.fork()
    resource.prlimit(forking, resource.RLIMIT_NOFILE, files)
    other = nursery.fork()
    assert (process(nursery), is_there(child.pid)) == (forking, True)
    assert [ended(nursery, child), ended(nursery, other)] == [True, True]


def test_closed_nursery_forks_nothing() -> None:
    nursery = Nursery()
    nursery.close()
    with pytest.raises(NurseryError):
        nursery.fork()


def test_nursery_that_is_closed_while_it_loads_ends() -> None:
    loading = Nursery()
    with loading._lock:
        loading._started()
    pid = process(loading)
    loading.close()
    assert is_gone(pid)


def test_worker_that_does_not_read_is_ended_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = CpuBound(quick=1, slow=1)
    try:
        assert cpu.run(add, 1, other=2) == 3
        [worker] = cpu._quick.workers
        assert worker._child is not None
        pid = worker._child.pid
        stop(pid)
        with monkeypatch.context() as patch:
            patch.setattr(cpu_bound, "WALL_SECONDS", 0.2)
            answer = worker.ask(pickle.dumps((len, (b"x" * 1_000_000,), {})), 1_000)
            assert isinstance(answer, Raised), "the pipe is full"
        assert is_gone(pid)
        assert cpu.run(len, b"x" * 1_000_000) == 1_000_000
    finally:
        cpu.close()


def test_who_waits_for_a_worker_hears_when_all_is_closed() -> None:
    cpu = CpuBound(quick=1, slow=1)
    assert cpu.run(add, 1, other=2) == 3
    [worker] = cpu._quick.workers
    assert worker._child is not None
    stop(worker._child.pid)
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(cpu.run, add, 1, other=2)
        while not worker._asking.locked():
            time.sleep(0.001)
        cpu.close()
        with pytest.raises(WorkExceededError):
            asked.result()


def test_workers_end_when_the_server_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", _ASKS_AND_WAITS], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        try:
            processes = [int(pid) for pid in server.stdout.readline().split()]
            assert all(map(is_there, processes))
        finally:
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
