"""Connections for reading, one for each thread.

The library's pool hands connections between threads behind two locks, which costs more than a look-up itself when many
threads ask at once. Here a thread keeps its own; it is closed with the thread, or with the ledger.
"""

from __future__ import annotations

import sqlite3
import threading
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

BUSY_SECONDS: Final = 30
PRAGMAS: Final = ("PRAGMA query_only=ON", "PRAGMA temp_store=MEMORY")


class ReadConnections:
    """Runs reading statements, each on the calling thread's own connection.

    Args:
        path: The database file, in write-ahead mode.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._own = threading.local()
        self._open: weakref.WeakSet[_Connection] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._closed = False

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Run one statement outside any transaction and return all its rows.

        Raises:
            sqlite3.Error: The database failed, or the connections were closed.
        """
        connection: _Connection | None = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = self._connect()
        return connection.execute(sql, parameters).fetchall()

    def close(self) -> None:
        """Close every connection; a statement that comes later raises."""
        with self._lock:
            self._closed = True
            connections = list(self._open)
        for connection in connections:
            connection.close()

    def _connect(self) -> _Connection:
        connection = sqlite3.connect(
            self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, factory=_Connection
        )
        for pragma in PRAGMAS:
            connection.execute(pragma)
        with self._lock:
            if self._closed:
                connection.close()
            self._open.add(connection)
        return connection


class _Connection(sqlite3.Connection):
    """A connection that a weak set can hold, and that is closed when its thread has ended."""

    def __del__(self) -> None:
        self.close()
