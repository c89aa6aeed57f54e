"""Watching a view that another process keeps up to date, and telling when that one does not.

A process holds its lock for as long as it lives, also when it is paused, hangs, or cannot go on with this very view. So
its word is taken only as long as the view moves when there is something to apply. One that was paused in the middle of
a batch holds the view's write lock as well; nobody projects that view until it goes on or ends.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

STUCK_SECONDS: Final = 2.0
"""How long a view may stand still behind the newest event before nobody is taken to keep it up to date."""
HELPER_SECONDS: Final = 10.0
"""The same of a process that was started for this, which is ended then: longer than a disk hesitates."""
PAUSE_SECONDS: Final = 1.0
"""After so long without a look, this process itself has stood still: looks come ten times a second."""
ASK_SECONDS: Final = 1.0
"""How often the source is asked what is new while the view stands still."""


class Watch:
    """What is seen of one view. For one thread.

    Args:
        newest: Position of the newest event; whatever it raises is passed on.
        monotonic: Seconds of a clock that never goes back.
        patience: Seconds that the view may stand still.
    """

    def __init__(
        self,
        newest: Callable[[], int],
        monotonic: Callable[[], float] = time.monotonic,
        *,
        patience: float = STUCK_SECONDS,
    ) -> None:
        self._patience = patience
        self._ask = newest
        self._monotonic = monotonic
        self._newest = 0
        self._asked = self._fine = self._looked = monotonic()
        self._position = 0

    def is_stuck(self, position: int, told: int) -> bool:
        """Look once; return whether the view has stood still for too long with events that it lacks.

        Args:
            position: How far the view has come.
            told: Position of the newest event that this process knows of by itself.

        Time in which this process itself stood still, or could not ask, does not count.
        """
        now = self._monotonic()
        if now - self._looked >= PAUSE_SECONDS:
            self._fine += now - self._looked
        self._looked = now
        if now - self._asked >= ASK_SECONDS:
            try:
                self._newest, self._asked = self._ask(), now
            except Exception:
                self._fine = now
                raise
        if position != self._position or position >= max(self._newest, told):
            self._position, self._fine = position, now
        return now - self._fine >= self._patience
