"""Breaking a connection off, where half an answer is out and its client does not read the rest.

Closing is not enough: what was written would have to be read first, by a client that may be waiting itself until its
request is read. The server offers it as an extension of the request's scope; under any other server nothing happens.

Source: ASGI 3.0, Extensions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from starlette.types import Scope

EXTENSION: Final = "cairn.abort"


def extension(abort: Callable[[], None]) -> dict[str, Any]:
    """Return what a server adds to the extensions of a request whose connection *abort* breaks off."""
    return {EXTENSION: {"abort": abort}}


async def abort_connection(scope: Scope) -> None:
    """Break the connection of a request off, if its server offers that, and let the server notice."""
    offered = scope.get("extensions", {}).get(EXTENSION)
    if offered is not None:
        offered["abort"]()
        await asyncio.sleep(0)
