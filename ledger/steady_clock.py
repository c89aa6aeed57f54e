"""Instants for what is recorded: never before what was recorded already.

The log promises when the ledger learned a thing. A clock that was set back a little is waited for by standing still;
one that jumped back further would give facts that lie before their causes, so nothing is recorded until it is set
right.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from ledger.error import ClockError

TOLERANCE: Final = timedelta(seconds=5)
"""A step of a clock that is kept in time by NTP is smaller than this."""


class SteadyClock:
    """Reads a clock for commands. Safe from any thread.

    Args:
        now: The present instant, aware, UTC, whole milliseconds.
        newest: When the newest event was recorded, None when there is none. Asked once, at the first use.
    """

    def __init__(self, now: Callable[[], datetime], newest: Callable[[], datetime | None]) -> None:
        self._now = now
        self._newest = newest
        self._lock = threading.Lock()
        self._floor: datetime | None = None

    def __call__(self) -> datetime:
        """Return the instant for the next record.

        Raises:
            ClockError: The clock is more than :data:`TOLERANCE` behind what was recorded.
        """
        now = self._now()
        with self._lock:
            floor = self._floor = self._floor or self._newest()
        if floor is None or floor <= now:
            return now
        if floor - now > TOLERANCE:
            behind = round((floor - now).total_seconds())
            message = f"the clock is {behind} s behind the newest record; nothing is recorded until it is set right"
            raise ClockError(message)
        return floor

    def recorded(self, at: datetime) -> None:
        """Note that something was recorded with the instant *at*."""
        with self._lock:
            if self._floor is None or at > self._floor:
                self._floor = at
