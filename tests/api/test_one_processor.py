"""All threads of a served process on one processor: which one, when none, and who is obeyed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from api.one_processor import OneProcessor, Processors, Use, choose, let_spread
from loadtests.port import free_port
from loadtests.process import children, with_copies
from tests.system.serving import environment

GIVEN = frozenset({0, 1})
WORKERS = 3
"""That a served process starts for documents of strangers."""


class Machine(Processors):
    """Two processors, used as told."""

    def __init__(self) -> None:
        self.mask: frozenset[int] = GIVEN
        self.worked = {0: 0.0, 1: 0.0}
        self.now = self.own = 0.0
        self.is_silent = False

    def allowed(self) -> frozenset[int]:
        return self.mask

    def own_seconds(self) -> float:
        return self.own

    def use(self) -> Use:
        if self.is_silent:
            raise OSError
        return {one: (self.worked[one], self.now) for one in self.worked}

    def place(self, processors: frozenset[int]) -> None:
        self.mask = processors

    def pass_time(self, others: tuple[float, float], own: float) -> None:
        """Let a second pass in which others use so much of each processor, and this process so much of its own."""
        self.now += 1
        self.own += own
        for one in self.worked:
            self.worked[one] += others[one] + (own / len(self.mask) if one in self.mask else 0)


@pytest.mark.parametrize(
    "present, others, chosen",
    [
        (None, {0: 0.3, 1: 0.1}, 1),
        (0, {0: 0.2, 1: 0.1}, 0),  # not worth a move
        (0, {0: 0.4, 1: 0.1}, 1),
        (0, {0: 0.9, 1: 0.8}, None),
        (1, {0: 0.9, 1: 0.49}, 1),
        (2, {0: 0.1, 1: 0.0}, 1),  # it is not there any more
        (None, {0: 0.0}, None),
        (None, {}, None),
    ],
)
def test_processor_is_chosen_of_which_others_leave_most(
    present: int | None, others: dict[int, float], chosen: int | None
) -> None:
    assert choose(present, others) == chosen


def test_threads_are_moved_when_others_come_and_let_go_when_nothing_is_free() -> None:
    machine = Machine()
    placed = OneProcessor(GIVEN, machine)
    placed.step()
    assert machine.mask == GIVEN
    masks = []
    for others, own in (((0.1, 0.0), 0.9), ((0.0, 0.0), 1.0), ((0.0, 0.6), 0.4), ((0.9, 0.9), 0.1), ((0.9, 0.1), 0.5)):
        machine.pass_time(others, own)
        placed.step()
        masks.append(machine.mask)
    assert masks == [{1}, {1}, {0}, GIVEN, {1}]  # what it uses itself is not taken for others' use
    placed.close()
    assert machine.mask == GIVEN


def test_threads_stay_when_somebody_else_has_placed_them() -> None:
    machine = Machine()
    placed = OneProcessor(GIVEN, machine)
    for _ in range(2):
        machine.pass_time((0.1, 0.0), 0.5)
        placed.step()
    assert machine.mask == {1}
    machine.mask = frozenset({0})
    for _ in range(3):
        machine.pass_time((0.9, 0.0), 0.1)
        placed.step()
    assert placed.is_left_alone
    placed.close()
    assert machine.mask == {0}


def test_threads_are_let_go_when_the_system_no_longer_tells() -> None:
    machine = Machine()
    placed = OneProcessor(GIVEN, machine)
    for _ in range(2):
        machine.pass_time((0.1, 0.0), 0.5)
        placed.step()
    machine.is_silent = True
    placed.step()
    assert (machine.mask, placed.is_left_alone) == (GIVEN, True)


@pytest.mark.parametrize("given", [frozenset(), frozenset({0})])
def test_nothing_is_done_where_there_is_nothing_to_choose(given: frozenset[int]) -> None:
    machine = Machine()
    placed = OneProcessor(given, machine)
    for _ in range(3):
        machine.pass_time((0.5, 0.0), 0.5)
        placed.step()
    assert machine.mask == GIVEN


def test_system_tells_what_every_processor_has_done_and_places_every_thread() -> None:
    """In a process of its own: this one is not to be moved."""
    program = (
        "import os, threading, time\n"
        "from api.one_processor import Processors, let_spread\n"
        "system, stop = Processors(), threading.Event()\n"
        "threading.Thread(target=stop.wait).start()\n"
        "given = system.allowed()\n"
        "assert given <= system.use().keys()\n"
        "assert all(0 <= worked <= there for worked, there in system.use().values())\n"
        "one = max(given)\n"
        "system.place(frozenset({one}))\n"
        "masks = [os.sched_getaffinity(int(thread)) for thread in os.listdir('/proc/self/task')]\n"
        "assert len(masks) > 1 and all(mask == {one} for mask in masks), masks\n"
        "let_spread(os.getpid())\n"
        "assert system.allowed() == given\n"
        "stop.set()\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


SERVE = (
    "import sys\n"
    "from api import one_processor\n"
    "one_processor.MOST_OF_OTHERS = 2.0  # there is room on whatever processor, also beside other tests\n"
    "from api.cli.entry import main\n"
    "main()\n"
)


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one processor leaves nothing to choose between")
@pytest.mark.parametrize("wanted", [True, False])
def test_served_process_is_on_one_processor_and_its_workers_are_not(tmp_path: Path, *, wanted: bool) -> None:
    given, port = os.sched_getaffinity(0), free_port()
    command = [sys.executable, "-c", SERVE, "serve", "--quiet", "--data", str(tmp_path / "data"), "--port", str(port)]
    settings = {"CAIRN_ONE_PROCESSOR": str(int(wanted))}
    with subprocess.Popen(command, env=environment(tmp_path, settings), stderr=subprocess.PIPE) as process:
        try:
            deadline, seen = time.monotonic() + (60 if wanted else 3), set()
            while time.monotonic() < deadline and 1 not in seen:
                seen.add(len(os.sched_getaffinity(process.pid)))
                time.sleep(0.05)
            assert (1 in seen) == wanted
            while places(workers(process.pid)) != [given] * (1 + WORKERS):
                assert time.monotonic() < deadline + 60
                time.sleep(0.05)
        finally:
            process.terminate()


def workers(pid: int) -> list[int]:
    """What a server has started, but for the copy of itself, which keeps to one too: who forks workers, and those."""
    started = [child for child in children(pid) if child not in with_copies(pid)]
    with suppress(FileNotFoundError):  # it has ended meanwhile
        return [*started, *(worker for one in started for worker in children(one))]
    return started


def places(processes: list[int]) -> list[set[int]]:
    """Where each of some processes may run; one that has ended meanwhile runs nowhere."""
    found = list[set[int]]()
    for process in processes:
        with suppress(ProcessLookupError):
            found.append(os.sched_getaffinity(process))
    return found


def test_process_that_has_ended_is_passed_over() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with pytest.raises(ProcessLookupError):
        os.sched_getaffinity(ended.pid)
    let_spread(ended.pid)
