"""Work that spares others a wait later, done at moments when this process has little else to do.

What workers for documents of strangers need takes half a second of a processor to be loaded (`api.cpu_nursery`).
Started while 64 clients issued awards, three that each loaded it made answers wait up to 95 ms which wait 50 otherwise
(27 November 2026, two processors). So they are started one after the other, each when the server has been idle for a
moment; on one that never is, a minute after the one before. Who comes before them starts one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

FIRST_SECONDS: Final = 3.0
"""How long after the start of the server the first step may be taken."""
LOOK_SECONDS: Final = 1.5
"""Over what time it is seen whether the process has work to do; as long passes at least between two steps, in which a
worker comes up."""
BUSY_SHARE: Final = 0.25
"""Of a processor; a process that uses more is not idle."""
LONGEST_SECONDS: Final = 60.0
"""How long a step waits for an idle moment, until it is taken all the same."""


class Warming:
    """Takes steps one after the other, each at an idle moment.

    Concurrency: one thread of its own, from :meth:`start` to :meth:`close`.

    Args:
        steps: What to do; each returns soon.
        own_seconds: How long this process has worked so far.
        pause: Waits so many seconds, or until it is to end; says whether it is to end.
    """

    def __init__(
        self,
        steps: Sequence[Callable[[], None]],
        *,
        own_seconds: Callable[[], float] = time.process_time,
        pause: Callable[[float], bool] | None = None,
    ) -> None:
        self._steps = steps
        self._own_seconds = own_seconds
        self._ending = threading.Event()
        self._pause = pause or self._ending.wait
        self._thread = threading.Thread(target=self.run, name="cairn-warming", daemon=True)

    def start(self) -> None:
        """Begin, in the background."""
        self._thread.start()

    def run(self) -> None:
        """Take all steps; returns when they are taken, or it is to end."""
        if self._pause(FIRST_SECONDS):
            return
        for step in self._steps:
            if not self._wait_until_idle():
                return
            step()

    def close(self) -> None:
        """Take no further step."""
        self._ending.set()
        self._thread.join()

    def _wait_until_idle(self) -> bool:
        """Wait for an idle moment, but not for ever; False when it is to end."""
        for _ in range(round(LONGEST_SECONDS / LOOK_SECONDS)):
            before = self._own_seconds()
            if self._pause(LOOK_SECONDS):
                return False
            if self._own_seconds() - before < BUSY_SHARE * LOOK_SECONDS:
                break
        return True
