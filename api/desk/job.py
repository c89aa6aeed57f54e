"""Work that takes longer than a page may: it runs on a thread of its own, and pages ask how far it is."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread
from typing import Any, TypeAlias

from api.problem import kind_of
from api.problem_handler import ErrorLog, describe_error

Told: TypeAlias = Callable[..., None]
"""Hears how much is done, and of how many if that was not known before."""


def is_refusal(error: Exception) -> bool:
    """Whether the ledger refused, and its words may be shown; anything else is a fault here, or of the database."""
    return not kind_of(error).is_internal


class Job:
    """One piece of work. It begins at once.

    Args:
        work: Does it; told how to say how far it is. What it returns or raises is kept.
        total: Of how many; 0 while that is not known.
        log: Told of what was not to be expected, in the words that may stand in a log.
        is_awaited: Whether whoever stops the process waits for it.
    """

    def __init__(self, work: Callable[[Told], Any], total: int, log: ErrorLog, *, is_awaited: bool = True) -> None:
        self.done = 0
        self.total = total
        self.result: Any = None
        self.error: Exception | None = None
        self._ended = Event()
        self._work = work
        self._log = log
        # What writes is waited for: it commits as a whole, or not at all.
        Thread(target=self._run, name="desk-job", daemon=not is_awaited).start()

    @property
    def is_over(self) -> bool:
        """Whether it has ended, well or not."""
        return self._ended.is_set()

    @property
    def has_failed(self) -> bool:
        """Whether it broke off."""
        return self.error is not None

    def wait(self, seconds: float) -> bool:
        """Wait for the end, not for long; whether it has ended."""
        return self._ended.wait(seconds)

    def _run(self) -> None:
        try:
            self.result = self._work(self._tell)
        except Exception as error:  # noqa: BLE001  shown by the page that asks
            self.error = error
            if not is_refusal(error):
                self._log.error("desk_job_failed", **describe_error(error))
        finally:
            self._ended.set()

    def _tell(self, done: int, total: int | None = None) -> None:
        self.done, self.total = done, self.total if total is None else total
