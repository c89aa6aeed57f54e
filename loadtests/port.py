"""Ports to listen on, each given to one asker."""

from __future__ import annotations

import fcntl
import os
import secrets
import socket
import tempfile
from pathlib import Path
from typing import ClassVar, Final

HOST: Final = "127.0.0.1"
FIRST: Final = 10_000
LAST: Final = 31_999
"""Below the ports that systems hand to whoever connects or lets one be chosen, so that nobody takes one meanwhile."""
TRIES: Final = 10_000


def _open_book() -> int:
    """A bare descriptor: to close it, however often it was opened, is to let go of every port."""
    return os.open(Path(tempfile.gettempdir()) / f"cairn-ports-{os.getuid()}", os.O_CREAT | os.O_RDWR, 0o600)


class Ports:
    """Gives ports out, and each only once while this process lives: whoever gets one may listen much later.

    A port is held by a lock on the byte of that number in a file that all processes of this user share, which nobody
    else in this process opens. The system lets go of it when the process ends, however that ends.
    """

    _given: ClassVar[set[int]] = set()
    _book: ClassVar[int | None] = None

    def free(self) -> int:
        """A loopback port on which nobody listens and that no process that looks for one here has been given.

        Raises:
            RuntimeError: There seems to be none.
        """
        if Ports._book is None:
            Ports._book = _open_book()
        for _ in range(TRIES):
            port = FIRST + secrets.randbelow(LAST - FIRST + 1)
            if port not in self._given and _held(Ports._book, port):
                self._given.add(port)
                if _is_free(port):
                    return port
        message = f"no port from {FIRST} to {LAST} is free, or none can be held"
        raise RuntimeError(message)


def _held(book: int, port: int) -> bool:
    try:
        fcntl.lockf(book, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do; a listener is in the way still
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


free_port: Final = Ports().free
"""A loopback port for the caller alone."""
