"""Lines out of a stream of bytes, of which no more is held than one line may have.

Source: NDJSON (lines end in a line feed; a carriage return before it is white space, and empty lines are nothing).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_WHITE: Final = b" \t\r"


@dataclass(frozen=True, slots=True)
class Line:
    """One line that holds something.

    Attributes:
        number: Which it is, from 1; empty lines count.
        data: Its bytes; None when it was too long.
    """

    number: int
    data: bytes | None


class LineSplitter:
    """Cuts what it is fed into lines. Not safe for threads.

    A line that is too long is dropped as it comes, to its end: it takes no room, and the next one is found.

    Args:
        max_bytes: Longest line, without its end.

    Attributes:
        number: How many lines have ended, or were given out.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._held = bytearray()
        self._searched = 0
        self._is_dropping = False
        self.number = 0

    @property
    def held_bytes(self) -> int:
        """How many bytes wait to be cut."""
        return len(self._held)

    def feed(self, data: bytes) -> None:
        """Add what has come."""
        self._held += data

    def next_line(self, until: int) -> Line | None:
        """Return the next line that holds something, or None when it has not come whole.

        Args:
            until: Number of the last line that is looked at, so that nobody keeps us busy with empty ones.
        """
        while self.number < until:
            end = self._held.find(b"\n", self._searched)
            if end < 0:
                self._wait_for_the_end()
                return None
            line = self._cut(end, 1)
            if line is not None:
                return line
        return None

    def drop_blanks(self) -> bool:
        """Drop empty lines that are held; return whether that is all."""
        if self._is_dropping or self._held.strip(_WHITE + b"\n"):
            return False
        self._held.clear()
        self._searched = 0
        return True

    def rest(self) -> Line | None:
        """Return what stands behind the last end of a line, when nothing more comes."""
        return self._cut(len(self._held), 0) if self._held or self._is_dropping else None

    def _wait_for_the_end(self) -> None:
        if len(self._held) > self._max_bytes:
            self._is_dropping = True
            self._held.clear()
        self._searched = len(self._held)

    def _cut(self, end: int, mark: int) -> Line | None:
        self.number += 1
        is_too_long = self._is_dropping or end > self._max_bytes
        data = None if is_too_long else bytes(self._held[:end]).strip(_WHITE)
        del self._held[: end + mark]
        self._searched, self._is_dropping = 0, False
        return None if data == b"" else Line(self.number, data)
