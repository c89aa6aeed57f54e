"""When to ask a time anchor again: a pure policy over what happened so far.

After a success: one interval later. After a failure: a delay that doubles with each further
failure, up to a ceiling. There is no jitter: one log asks its few anchors once in many minutes.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

SLACK: Final = timedelta(minutes=5)
"""How far ahead of now a last try may be before the clock must have been set back: it may be an authority's time."""


@dataclass(frozen=True, slots=True)
class AnchorSchedule:
    """The operator's choice.

    Attributes:
        interval: From one proof to the next of the same anchor.
        first_retry: Delay after the first failure.
        longest_retry: Ceiling of the delay.
    """

    interval: timedelta = timedelta(minutes=10)
    first_retry: timedelta = timedelta(seconds=30)
    longest_retry: timedelta = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class AnchorHistory:
    """What one anchor has done.

    Attributes:
        tried_at: When it was last asked; None if never.
        failures: How many times in a row it has failed since its last proof.
        error: The last failure in words; None after a success.
    """

    tried_at: datetime | None = None
    failures: int = 0
    error: str | None = None

    def succeeded(self, at: datetime) -> "AnchorHistory":
        """Return the history with a proof more."""
        return AnchorHistory(tried_at=at)

    def failed(self, at: datetime, error: str) -> "AnchorHistory":
        """Return the history with a failure more."""
        return replace(self, tried_at=at, failures=self.failures + 1, error=error)


def next_try(schedule: AnchorSchedule, history: AnchorHistory) -> datetime | None:
    """Return when to ask next; None means at once."""
    if history.tried_at is None:
        return None
    if history.failures == 0:
        return history.tried_at + schedule.interval
    doublings = min(history.failures - 1, 32)  # beyond 32 the ceiling holds; avoids overflow
    delay = schedule.longest_retry
    if schedule.first_retry < schedule.longest_retry / (1 << doublings):
        delay = schedule.first_retry * (1 << doublings)
    return history.tried_at + delay


def is_due(schedule: AnchorSchedule, history: AnchorHistory, now: datetime) -> bool:
    """Return whether to ask now: the time has come, or the clock was set back behind the last try."""
    at = next_try(schedule, history)
    was_set_back = history.tried_at is not None and now < history.tried_at - SLACK
    return at is None or now >= at or was_set_back
