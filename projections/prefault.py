"""Short rows brought into this process's memory before anybody asks for them.

A page of a view that this process has not touched costs the first look-up that needs it a page fault, and a read from
the disk when no process has touched it lately. On the event loop everybody waits for that. Of ten million awards, some
hundred thousand pages, that is the first half minute after a start, and after a rebuild. So a thread walks over the
short rows once, and again when there are many more of them or the view was built anew; what is recorded meanwhile
is touched by look-ups, or with the next walk.

It walks in small steps, works half of the time at most, and holds no commit for longer than a step. What does not fit
into half of the machine's memory is left where it is: there every page that came would send another one away.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import lmdb

from projections.error import ViewError
from projections.short_row import SHORT
from projections.view import View

LOOK_SECONDS: Final = 10.0
"""Between two looks whether there is more to walk over."""
AGAIN_SECONDS: Final = 1.0
"""The same where the view could not be read."""
GROWN: Final = 1.25
"""How many times as many rows there must be as at the last walk."""
FEW_ROWS: Final = 20_000
"""So many more are not worth a walk."""
STEP_ROWS: Final = 500
"""A tenth of a millisecond in memory; from a disk some twenty pages, after each of which others may come first."""
AWARD_BYTES: Final = 250
"""What the short row of an award takes, with the room that pages leave: 150 to 200 bytes."""
_GROUP_LIMIT: Final = Path("/sys/fs/cgroup/memory.max")
"""What a container may use, in bytes, or ``max``."""


def memory_bytes() -> int:
    """How much memory the machine has, or the container that this process is in."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(OSError, ValueError):
        return min(machine, int(_GROUP_LIMIT.read_text("ascii")))
    return machine


class Prefault:
    """Walks over the short rows of a view of awards.

    Concurrency: one thread of its own, from :meth:`start` to :meth:`close`.

    Args:
        view: The view.
        memory: How many bytes of memory there are.
        pause: Waits so many seconds, or until it is to end; says whether it is to end.
        monotonic: Seconds of a clock that never goes back.
    """

    def __init__(
        self,
        view: View,
        *,
        memory: Callable[[], int] = memory_bytes,
        pause: Callable[[float], bool] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._view = view
        self._memory = memory
        self._ending = threading.Event()
        self._pause = pause or self._ending.wait
        self._monotonic = monotonic
        self._walked = "", 0
        self._thread = threading.Thread(target=self._run, name="cairn-prefault", daemon=True)

    def start(self) -> None:
        """Begin, in the background."""
        self._thread.start()

    def close(self) -> None:
        """End after the step at hand, if it has begun."""
        self._ending.set()
        if self._thread.ident is not None:
            self._thread.join()

    def look(self) -> int:
        """Walk if there is much to walk over that was not; return how many short rows that were.

        Raises:
            ViewError: The view cannot be read at present.
        """
        generation, rows = self._view.generation, self._view.rows()
        before, walked = self._walked
        if generation == before and rows < walked * GROWN + FEW_ROWS:
            return 0
        self._walked = generation, rows
        if rows // 2 * AWARD_BYTES > self._memory() // 2:
            return 0
        return self._walk()

    def _walk(self) -> int:
        total, last = 0, SHORT
        while True:
            began = self._monotonic()
            with self._view.snapshot() as snapshot:
                rows, last = snapshot.pass_over(last, STEP_ROWS)
            total += rows
            if rows < STEP_ROWS or self._pause(self._monotonic() - began):
                return total

    def _run(self) -> None:
        is_ending = False
        while not is_ending:
            seconds = LOOK_SECONDS
            try:
                self.look()
            except (ViewError, lmdb.Error, OSError):
                # It is being built, brought up to date or closed, or nothing more can be opened: tried again.
                self._walked, seconds = ("", 0), AGAIN_SECONDS
            is_ending = self._pause(seconds)
