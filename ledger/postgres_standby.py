"""What becomes of writes when the server asks for a synchronous standby and none is connected.

The server itself lets every commit wait then, for as long as it takes, and says nothing. So whoever writes looks: with
``stop``, writes are refused at once and with a reason until a standby is back, and the few that were under way are told
that nobody knows yet (:mod:`ledger.writer`); with ``degrade``, commits are acknowledged when they are on this server's
disk alone, those that wait included.

Looking takes the right to see other sessions (``GRANT pg_monitor``); without it nothing is known, and that is said.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Literal

from ledger.postgres_connection import PostgresConnections, storage_errors

Policy = Literal["stop", "degrade"]
LOST: Final = "no synchronous standby is connected to the database, and writes stop until one is; what reads goes on"
_LOOK: Final = (
    "SELECT current_setting('synchronous_standby_names') <> '', "
    "pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'), "
    "(SELECT COUNT(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum'))"
)
_LET_GO: Final = (
    "SELECT pg_cancel_backend(pid) FROM pg_stat_activity "
    "WHERE wait_event='SyncRep' AND datname=current_database() AND usename=current_user"
)
"""A commit that waits is on this server's disk; when its wait is cancelled the server acknowledges it."""


class Standby(StrEnum):
    """How the server stands with its standbys."""

    NOT_ASKED_FOR = "not asked for"
    CONNECTED = "connected"
    LOST = "lost"
    UNKNOWN = "unknown"


class StandbyWatch:
    """Looks whether a standby is there, and has writes stop or degrade when it is not. For one thread.

    Args:
        connections: Over which this process writes.
        policy: What to do.

    Attributes:
        found: What the last look found.
    """

    def __init__(self, connections: PostgresConnections, policy: Policy) -> None:
        self._connections = connections
        self._policy = policy
        self.found = Standby.UNKNOWN

    @property
    def is_stopping(self) -> bool:
        """Whether writes are refused at this moment."""
        return self.found is Standby.LOST and self._policy == "stop"

    def words(self) -> str:
        """How it stands, as a sentence."""
        if self.found is Standby.LOST and self._policy == "degrade":
            return "Degraded: no synchronous standby is connected; what is acknowledged is on one machine alone."
        return {
            Standby.NOT_ASKED_FOR: "The database asks for no synchronous standby.",
            Standby.CONNECTED: "A synchronous standby is connected.",
            Standby.LOST: "No synchronous standby is connected: writes stop.",
            Standby.UNKNOWN: "Whether a synchronous standby is connected cannot be seen; GRANT pg_monitor shows it.",
        }[self.found]

    def step(self) -> bool:
        """Look once; return whether something has changed.

        Raises:
            StorageError: The database cannot be asked; what was found before holds on.
        """
        before, self.found = self.found, self._look()
        is_lost = self.found is Standby.LOST
        self._connections.refusal = LOST if is_lost and self._policy == "stop" else None
        self._connections.acknowledge_locally(is_local=is_lost and self._policy == "degrade")
        if is_lost and self._policy == "degrade":
            with storage_errors(), self._connections.reading() as connection:
                connection.execute(_LET_GO)
        return self.found is not before

    def _look(self) -> Standby:
        with storage_errors(), self._connections.reading() as connection:
            row = connection.execute(_LOOK).fetchone()
        asked, may_see, connected = row if row is not None else (False, False, 0)
        if not asked:
            return Standby.NOT_ASKED_FOR
        if not may_see:
            return Standby.UNKNOWN
        return Standby.CONNECTED if connected else Standby.LOST
