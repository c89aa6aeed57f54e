"""Reading the published log again, slowly and for ever, so that damage is found before somebody needs the bytes.

A start checks the right edge, and small logs whole; a disk can rot anywhere. Each step reads a few bundles and their
hash tiles and compares them with the signed root. One flipped bit in stored leaves has ended a log before.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from anchoring.error import CorruptionError
from anchoring.reader import LogReader
from anchoring.tile import TILE_WIDTH

BUNDLES_A_STEP: Final = 4
REST: Final = timedelta(hours=1)  # between the end of one pass and the next


class Scrub:
    """Reads a log whole, in steps. Used by one thread.

    Args:
        open_reader: Makes a reader of the published log; None while nothing is published.
        clock: The aware current time.
        rest: How long to rest after a whole pass.
    """

    def __init__(
        self, open_reader: Callable[[], LogReader | None], clock: Callable[[], datetime], rest: timedelta = REST
    ) -> None:
        """Begin with a pass at the first step."""
        self._open_reader, self._clock, self._rest = open_reader, clock, rest
        self._reader: LogReader | None = None
        self._next = 0
        self._resting_until: datetime | None = None

    def step(self) -> int:
        """Check the next entries.

        Returns:
            How many entries were checked; 0 while resting, or when there is no log.

        Raises:
            CorruptionError: Stored bytes differ from what was signed; the message names the place. The next step
                begins at the same place.
            OSError: The storage failed.
        """
        now = self._clock()
        if self._resting_until is not None and now < self._resting_until:
            return 0
        if self._reader is None:
            self._reader, self._next, self._resting_until = self._open_reader(), 0, None
        if self._reader is None:
            return 0
        size = self._reader.checkpoint.size
        end = min(self._next + BUNDLES_A_STEP * TILE_WIDTH, size)
        checked = sum(1 for _ in self._reader.entries(self._next, end))
        if checked != end - self._next:
            raise CorruptionError(f"the log lacks entries between {self._next} and {end}")
        self._next = end
        if end == size:
            self._reader, self._resting_until = None, now + self._rest
        return checked
