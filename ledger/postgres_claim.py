"""The claim on a log whose events are in PostgreSQL: an advisory lock of a session, and a size in ``cairn_ledger``.

The server gives the lock up when the session ends, however it ends. So it is asked for again whenever the connection
broke; whoever got it meanwhile has grown the log, and the size says so.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Final

import psycopg

from ledger.error import ConflictError
from ledger.postgres_connection import Connection, PostgresConnections, is_lost, storage_errors
from ledger.postgres_schema import PostgresSchema

CLAIM_CLASS: Final = 0x0CA1_0002
ENDING_SECONDS: Final = 2.0
"""How long the server may take to end the session of a process that was killed."""
PAUSE_SECONDS: Final = 0.1
_TAKE: Final = f"SELECT pg_try_advisory_lock({CLAIM_CLASS}, 'stored_events'::regclass::oid::int)"


class PostgresClaim:
    """See :class:`ledger.log_claim.LogClaim`. Not for several threads at once.

    Args:
        connections: To the database.
    """

    def __init__(self, connections: PostgresConnections) -> None:
        self._connections = connections
        self._session: Connection | None = None

    def take(self) -> None:
        """Take the claim now or not at all. Raises ConflictError, StorageError."""
        with storage_errors():
            self.release()
            session = self._connections.connect()
            try:
                with self._connections.attending(session):
                    _take(session)
            except BaseException:
                session.close()
                raise
            self._session = session

    def require(self, size: int) -> None:
        """Check that the claim is held and the log was not longer than *size*. Raises ConflictError, StorageError.

        The events that are about to be logged were read before, and are on the standby afterwards, if the server has
        one to wait for: what a crash has it show too early is not published.
        """
        with storage_errors():
            logged = self._logged()
        if logged > size:
            message = (
                f"the log of this database has {logged} entries, and this directory knows of {size}: it is an older "
                "copy, and going on from it would fork the log; use the newer one"
            )
            raise ConflictError(message)

    def _logged(self) -> int:
        if self._session is not None:
            try:
                return self._read(self._session)
            except psycopg.Error as error:
                if not is_lost(error):
                    raise
                self.release()
        self.take()
        assert self._session is not None  # noqa: S101  just taken
        return self._read(self._session)

    def _read(self, session: Connection) -> int:
        with self._connections.attending(session):
            row = session.execute(f"{PostgresSchema.barrier} RETURNING log_size").fetchone()
        return 0 if row is None else int(row[0])

    def advance(self, size: int) -> None:
        """Note that the log has *size* entries now."""
        with suppress(psycopg.Error):
            if self._session is not None:
                with self._connections.attending(self._session):
                    self._session.execute("UPDATE cairn_ledger SET log_size=$1 WHERE log_size<$1", (size,))

    def release(self) -> None:
        """Give the claim back, by ending the session."""
        if self._session is not None:
            self._session.close()
            self._session = None


def _take(session: Connection) -> None:
    deadline = time.monotonic() + ENDING_SECONDS
    while session.execute(_TAKE).fetchone() != (True,):
        if time.monotonic() > deadline:
            message = "another sequencer works on this database; two would fork the log"
            raise ConflictError(message)
        time.sleep(PAUSE_SECONDS)
