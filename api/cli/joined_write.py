"""The head of an answer goes out with the first piece of its body: one packet, and one wake of whoever waits for it.

The server writes the head as soon as it is known, and the system sends it at once. Most bodies follow within the same
turn of the event loop, so the head waits for that, and no longer.
"""

from __future__ import annotations

import asyncio


class JoinedWrites(asyncio.Transport):
    """What the answers on one connection are written to, one after the other.

    Args:
        transport: The connection.
        loop: Its event loop.
    """

    __slots__ = ("_held", "_is_begun", "_loop", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._is_begun = False
        self._held = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write *data*; what comes first of an answer goes out with what comes next, or at the end of this turn."""
        if not self._is_begun:
            self._is_begun, self._held = True, bytes(data)
            self._loop.call_soon(self.flush)
        else:
            held, self._held = self._held, b""
            self._transport.write(b"".join((held, data)) if held else data)

    def flush(self) -> None:
        """Send what waits."""
        if self._held:
            held, self._held = self._held, b""
            if not self._transport.is_closing():
                self._transport.write(held)

    def end(self) -> None:
        """The answer is complete: what is written next is the beginning of another one."""
        self.flush()
        self._is_begun = False

    def is_closing(self) -> bool:
        """Whether the connection is being closed."""
        return self._transport.is_closing()

    def close(self) -> None:
        """Close the connection when everything is sent."""
        self.flush()
        self._transport.close()
