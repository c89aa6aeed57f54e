"""How many batches are under way at a time: of one client, and of all. Who comes beyond is told to come again."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from api.error import NotReadyError, RateLimitedError

RETRY_SECONDS: Final = 5
RETRY: Final = {"Retry-After": str(RETRY_SECONDS)}


class Slots:
    """Counts what is under way. Safe for threads; what it holds is bounded by the number of slots.

    Args:
        per_client: Most of one client.
        in_all: Most of all.
    """

    def __init__(self, per_client: int, in_all: int) -> None:
        self._per_client = per_client
        self._in_all = in_all
        self._lock = threading.Lock()
        self._taken: Counter[str] = Counter()

    @contextmanager
    def one(self, client: str) -> Iterator[None]:
        """Hold a slot.

        Raises:
            RateLimitedError: The client has as many under way as it may have.
            NotReadyError: All are taken.
        """
        with self._lock:
            if self._taken[client] >= self._per_client:
                message = f"{self._per_client} batches from your network are under way; wait until one has ended."
                raise RateLimitedError(message, headers=RETRY)
            if self._taken.total() >= self._in_all:
                message = "as many batches are under way as are taken at a time; try again in a while"
                raise NotReadyError(message, headers=RETRY)
            self._taken[client] += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken[client] -= 1
                self._taken += Counter()  # forget whoever has none
