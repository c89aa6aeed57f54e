"""On which processor this process runs: on one at a time, as long as one has room enough.

Python lets one thread work at a time. When a process's threads are spread over several processors, each change of turns
wakes another processor up, which costs more than the turn: a server with 64 clients issued 1,059 awards a second on two
processors and 1,422 on one of them (26 November 2026; docs/benchmarks.md). The system does not know that, and
spreads them. So a thread looks twice a second which processor others leave most of, and all threads are put there; when
others leave too little of each, the system places them again.

Whoever decides on processors (``taskset``, ``CPUAffinity=``, a container) is obeyed: no processor is used that this
process was not given, and once somebody else has moved it, it stays. Other processes that are started here are not held
to the one processor. ``CAIRN_ONE_PROCESSOR=0`` turns it off. On systems that cannot place threads nothing is done.

Source: proc(5), /proc/stat; sched_setaffinity(2).
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

LOOK_SECONDS: Final = 0.5
MOST_OF_OTHERS: Final = 0.5
"""What others may use of a processor on which all threads are put, as a share of it."""
WORTH_A_MOVE: Final = 0.2
"""How much less others must use of another processor before the threads are moved there."""
_STAT: Final = Path("/proc/stat")
_THREADS: Final = Path("/proc/self/task")
_IDLE: Final = (3, 4)
"""Columns of /proc/stat in which a processor did nothing: idle, and waiting for a disk."""
_COUNTED: Final = 8
"""Columns that add up to all the time there was; what follows is counted in them."""

Use = Mapping[int, tuple[float, float]]
"""Of each processor how long it has worked and how long it has been there, in seconds."""


class Processors:
    """What the system tells of processors, and does with threads of this process."""

    def allowed(self) -> frozenset[int]:
        """The processors that this process may use; empty where the system does not say."""
        if not hasattr(os, "sched_getaffinity"):
            return frozenset()
        return frozenset(os.sched_getaffinity(os.getpid()))

    def own_seconds(self) -> float:
        """How long this process has worked so far."""
        return time.process_time()

    def use(self) -> Use:
        """How much every processor has worked so far.

        Raises:
            OSError, ValueError, IndexError: The system does not tell it in the form of proc(5).
        """
        ticks = os.sysconf("SC_CLK_TCK")
        found = {}
        for line in _STAT.read_text("ascii").splitlines():
            name, *columns = line.split()
            if name.startswith("cpu") and name != "cpu":
                times = [int(column) for column in columns[:_COUNTED]]
                idle = sum(times[place] for place in _IDLE)
                found[int(name.removeprefix("cpu"))] = ((sum(times) - idle) / ticks, sum(times) / ticks)
        return found

    def place(self, processors: frozenset[int]) -> None:
        """Put every thread of this process on some processors, and with them whatever they start."""
        for thread in _THREADS.iterdir():
            with suppress(OSError):  # it has ended
                os.sched_setaffinity(int(thread.name), processors)


_GIVEN: Final = Processors().allowed()
"""Those that this process was started with."""


def let_spread(process: int) -> None:
    """Let another process, which was started by this one, use every processor that this one was given."""
    if _GIVEN:
        with suppress(OSError):  # it has ended
            os.sched_setaffinity(process, _GIVEN)


def choose(present: int | None, used_by_others: Mapping[int, float]) -> int | None:
    """Choose the processor for all threads.

    Args:
        present: Where they are; None when the system places them.
        used_by_others: What others use of each processor, as a share of it.

    Returns:
        The processor; None when the system is to place them.
    """
    if len(used_by_others) < 2:  # noqa: PLR2004  there is nothing to choose between
        return None
    best = min(used_by_others, key=lambda one: used_by_others[one])
    if present is not None and used_by_others.get(present, 1.0) < used_by_others[best] + WORTH_A_MOVE:
        best = present
    return best if used_by_others[best] < MOST_OF_OTHERS else None


class OneProcessor:
    """Keeps all threads of this process on one processor, or lets them go.

    Args:
        given: The processors that may be used.
        processors: What the system tells and does.

    Attributes:
        is_left_alone: Whether the threads stay where they are for good.
    """

    def __init__(self, given: frozenset[int] = _GIVEN, processors: Processors | None = None) -> None:
        self._given = given
        self._processors = processors or Processors()
        self._before: tuple[Use, float] | None = None
        self._present: int | None = None
        self.is_left_alone = len(given) < 2  # noqa: PLR2004  there is nothing to choose between

    def step(self) -> None:
        """Look, and move all threads if that is better."""
        if self.is_left_alone:
            return
        if self._processors.allowed() != self._places():
            self.is_left_alone = True  # somebody else has decided
            return
        try:
            use, own = self._processors.use(), self._processors.own_seconds()
        except (OSError, ValueError, IndexError):  # it is not told here
            self._place(None)
            self.is_left_alone = True
            return
        if self._before is not None:
            self._place(choose(self._present, self._others(*self._before, use, own)))
        self._before = use, own

    def close(self) -> None:
        """Let the system place the threads again."""
        if not self.is_left_alone:
            self._place(None)

    def _others(self, use_before: Use, own_before: float, use: Use, own: float) -> dict[int, float]:
        """What others have used of each processor since the last look."""
        places = self._places()
        share = (own - own_before) / len(places)  # where the system places them it does not tell; evenly, then
        found = {}
        for processor in self._given & use.keys() & use_before.keys():
            worked = use[processor][0] - use_before[processor][0]
            passed = use[processor][1] - use_before[processor][1]
            own_there = share if processor in places else 0.0
            found[processor] = max(0.0, worked - own_there) / passed if passed > 0 else 1.0
        return found

    def _places(self) -> frozenset[int]:
        return self._given if self._present is None else frozenset({self._present})

    def _place(self, processor: int | None) -> None:
        if processor != self._present:
            self._present = processor
            self._processors.place(self._places())
