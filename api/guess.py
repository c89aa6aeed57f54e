"""Nobody tries many links: what opens nothing is counted for whoever asked, and above a limit nothing is looked up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from starlette.types import Scope

from api.client_address import client_address
from api.error import RateLimitedError
from api.rate_limit import RateLimiter

GUESSES_PER_MINUTE: Final = 30
"""Links that opened nothing. 256 random bits cannot be guessed at any rate; this keeps the trying cheap."""


class Guesses:
    """Counts links that opened nothing.

    Args:
        clock: Seconds that never run backwards.
        trusted_proxy_count: See :func:`api.client_address.client_address`.
    """

    def __init__(self, clock: Callable[[], float], trusted_proxy_count: int) -> None:
        self._limiter = RateLimiter(per_minute=GUESSES_PER_MINUTE, burst=0, clock=clock)
        self._trusted_proxy_count = trusted_proxy_count

    def check(self, scope: Scope) -> None:
        """Refuse whoever has tried too much. Raises RateLimitedError."""
        client = client_address(scope, self._trusted_proxy_count)
        if self._limiter.exceeded(client):
            seconds = self._limiter.retry_after_seconds(client)
            message = f"Too many links that open nothing came from your network. Wait {seconds} s."
            raise RateLimitedError(message, headers={"Retry-After": str(seconds)})

    def count(self, scope: Scope) -> None:
        """Count one that opened nothing."""
        self._limiter.count(client_address(scope, self._trusted_proxy_count))
