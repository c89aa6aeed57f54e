"""How the connection of a long answer ends before the answer does: broken off, or because the server stops.

Half an answer that its client does not read cannot just be closed: what was written would have to be read first, by a
client that may be waiting itself until its request is read. And a server that stops waits only so long, so who writes
for minutes has to hear of it. The server offers both as an extension of the request's scope; under any other server
neither ever happens.

Source: ASGI 3.0, Extensions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from starlette.types import Scope

EXTENSION: Final = "cairn.connection"


def extension(abort: Callable[[], None], stopping: asyncio.Event) -> dict[str, Any]:
    """Return what a server adds to the extensions of a request.

    Args:
        abort: Breaks the connection off.
        stopping: Set when the server stops.
    """
    return {EXTENSION: {"abort": abort, "stopping": stopping}}


async def abort_connection(scope: Scope) -> None:
    """Break the connection of a request off, and let the server notice."""
    offered = scope.get("extensions", {}).get(EXTENSION)
    if offered is not None:
        offered["abort"]()
        await asyncio.sleep(0)


async def wait_for_stop(scope: Scope) -> None:
    """Return when the server stops."""
    offered = scope.get("extensions", {}).get(EXTENSION)
    stopping = asyncio.Event() if offered is None else offered["stopping"]
    await stopping.wait()
