"""What one batch has fetched from other hosts: each source once, as long as the batch lasts."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from verifier.foreign.source import Answer, Found

MAX_BYTES: Final = 16 * 1024 * 1024
"""Most that one batch remembers; what was used longest ago goes first, and would be fetched again."""
MAX_ANSWERS: Final = 4_096


class BatchMemory:
    """Remembers answers for one batch, failures as well. Not safe for threads: its items are judged one by one.

    Args:
        seconds: How long the batch may wait for other hosts, all in all.
        turn: Held while an item is judged, and let go while another host is waited for.

    Attributes:
        seconds_left: What is left of that.
    """

    def __init__(self, seconds: float, turn: threading.Semaphore) -> None:
        self.seconds_left = seconds
        self._turn = turn
        self._kept: OrderedDict[str, Answer] = OrderedDict()
        self._bytes = 0

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Let other batches have their turn inside."""
        self._turn.release()
        try:
            yield
        finally:
            self._turn.acquire()

    def recall(self, url: str) -> Answer | None:
        """Return what was under an address when the batch asked for it; None when it has not, or it had no room."""
        answer = self._kept.get(url)
        if answer is not None:
            self._kept.move_to_end(url)
        return answer

    def keep(self, url: str, answer: Answer, seconds: float) -> None:
        """Remember an answer, and how long it was waited for."""
        self.seconds_left -= seconds
        self._bytes += _size(answer) - _size(self._kept.pop(url, None))
        self._kept[url] = answer
        while len(self._kept) > MAX_ANSWERS or self._bytes > MAX_BYTES:
            _, dropped = self._kept.popitem(last=False)
            self._bytes -= _size(dropped)


def _size(answer: Answer | None) -> int:
    return len(answer.data) if isinstance(answer, Found) else 0
