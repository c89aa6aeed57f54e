"""Ports to listen on, each given to one asker."""

from __future__ import annotations

import fcntl
import os
import secrets
import socket
import tempfile
from pathlib import Path
from typing import Final

HOST: Final = "127.0.0.1"
FIRST: Final = 10_000
LAST: Final = 31_999
"""Below the ports that systems hand to whoever connects or lets one be chosen, so that nobody takes one meanwhile."""


def _open_book() -> int:
    """A bare descriptor: to close it, however often it was opened, is to let go of every port."""
    return os.open(Path(tempfile.gettempdir()) / f"cairn-ports-{os.getuid()}", os.O_CREAT | os.O_RDWR, 0o600)


class Ports:
    """Gives ports out, and each only once while this process lives: whoever gets one may listen much later.

    A port is held by a lock on the byte of that number in a file that all processes of this user share. The system lets
    go of it when the process ends, however that ends.
    """

    def __init__(self) -> None:
        self._book: int | None = None
        self._given: set[int] = set()

    def free(self) -> int:
        """A loopback port on which nobody listens and that no process that looks for one here has been given."""
        if self._book is None:
            self._book = _open_book()
        while True:
            port = FIRST + secrets.randbelow(LAST - FIRST + 1)
            if port not in self._given and _held(self._book, port) and _is_free(port):
                self._given.add(port)
                return port


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
