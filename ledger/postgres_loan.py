"""Connections that are in use: how many there are, and which of them will never be answered.

A server whose machine is gone is given up by the operating system (keepalives, ``tcp_user_timeout``). One whose machine
goes on and whose processes hang, because a disk or a controller has stopped answering, acknowledges every packet and
never says anything; no timeout of libpq's or of the server's own ends that. So when somebody has waited on a connection
for :data:`PATIENT_SECONDS`, its server is asked for another one. If it takes up none, twice, the connection is broken
off from here, which is an error like any other break: what reads is asked again, and a commit of which nobody knows
whether it happened is looked for. A server that answers may take as long as it likes, over a large statement or over a
commit that waits for its standby.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg
from psycopg import errors

PATIENT_SECONDS: Final = 15.0
LOOK_SECONDS: Final = 2.0
KNOCKS: Final = 2
"""How many new connections in a row a server fails to take up before it counts as hanging, each within the time that
the address gives it (``connect_timeout``)."""

_Server = tuple[str, str, int]


@dataclass(slots=True, eq=False)
class _Loan:
    """A connection in use, of which pool, and since when."""

    connection: psycopg.Connection[Any]
    pool: object | None
    since: float = field(default_factory=time.monotonic)

    def server(self) -> _Server | None:
        """Where its server is; None when it has broken off by itself."""
        with suppress(psycopg.Error):
            info = self.connection.info
            return info.host, info.hostaddr, info.port
        return None

    def break_off(self) -> None:
        """Have whoever waits on it hear at once that it is broken."""
        with suppress(psycopg.Error, OSError), socket.socket(fileno=os.dup(self.connection.fileno())) as there:
            there.shutdown(socket.SHUT_RDWR)


class Loans:
    """Keeps a list of the connections in use, and breaks off those whose server hangs. Safe from any thread.

    Args:
        address: A libpq connection string, which says how a server is connected to.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._lock = threading.Lock()
        self._open: set[_Loan] = set()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cairn-database", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def close(self) -> None:
        """Look no more."""
        self._closing.set()

    @contextmanager
    def noting(self, connection: psycopg.Connection[Any], pool: object | None = None) -> Iterator[None]:
        """Note that *connection* is in use inside."""
        loan = _Loan(connection, pool)
        with self._lock:
            self._open.add(loan)
        try:
            yield
        finally:
            with self._lock:
                self._open.discard(loan)

    def count(self, pool: object) -> int:
        """How many connections of *pool* are in use."""
        with self._lock:
            return sum(loan.pool is pool for loan in self._open)

    def _run(self) -> None:
        while not self._closing.wait(LOOK_SECONDS):
            self._look()

    def _look(self) -> None:
        before = time.monotonic() - PATIENT_SECONDS
        with self._lock:
            late = [(loan, loan.server()) for loan in self._open if loan.since < before]
        for server in {server for _, server in late if server is not None}:
            if all(self._hangs(server) for _ in range(KNOCKS)):
                self._break_off([loan for loan, whose in late if whose == server])

    def _break_off(self, loans: list[_Loan]) -> None:
        with self._lock:  # nobody gives one of them back meanwhile
            for loan in loans:
                if loan in self._open:
                    loan.break_off()

    def _hangs(self, server: _Server) -> bool:
        """Whether a server neither takes up a connection nor refuses it; whoever refuses one is none that hangs."""
        host, hostaddr, port = server
        place = psycopg.conninfo.make_conninfo(
            self._address, host=host, hostaddr=hostaddr or None, port=port, target_session_attrs="any"
        )
        try:
            psycopg.connect(place).close()
        except errors.ConnectionTimeout:
            return True
        except psycopg.Error:
            return False
        return False
