"""The random id of one request: what ties an answer to a line of the log without naming anybody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from starlette.types import Scope

REQUEST_ID_BYTES: Final = 16
DRAWN_TOGETHER: Final = 256 * REQUEST_ID_BYTES
_KEY: Final = "cairn.request_id"


def assign_request_id(scope: Scope, random_bytes: Callable[[int], bytes]) -> str:
    """Give a request its id, unless it has one, and return it as 32 hexadecimal digits.

    An id that the client proposes is not taken over: it would let strangers write into our log.
    """
    known = request_id(scope)
    if known is None:
        known = random_bytes(REQUEST_ID_BYTES).hex()
        scope[_KEY] = known
    return known


def drawn_together(random_bytes: Callable[[int], bytes]) -> Callable[[int], bytes]:
    """Draw random bytes for many ids at once: to ask the system costs more than all else about an id.

    Args:
        random_bytes: The system's source.

    Returns:
        What gives the next so many bytes that nobody else is given, for use in one thread.
    """
    drawn, place = b"", 0

    def draw(count: int) -> bytes:
        nonlocal drawn, place
        if place + count > len(drawn):
            drawn, place = random_bytes(max(DRAWN_TOGETHER, count)), 0
        place += count
        return drawn[place - count : place]

    return draw


def request_id(scope: Scope) -> str | None:
    """Return the id of a request, or None when none was assigned."""
    value = scope.get(_KEY)
    return value if isinstance(value, str) else None
