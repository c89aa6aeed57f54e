"""Connections to a PostgreSQL server: what they are set to, what their errors mean, how they heal.

A connection that the server has dropped is noticed when it is used, and all are replaced then. What only reads is asked
again on a new one; a transaction is begun anew as long as it is certain that nothing of it was recorded. When no
connection is to be had within :data:`WAIT_SECONDS`, that is a StorageError. From then on each call knocks once before
it waits again, so that nothing hangs while the server is gone, and everything goes on by itself when it is back. When
all connections are in use and the server answers, it is merely busy. One that hangs is broken off
(:mod:`ledger.postgres_loan`).

The address may hold a password. It goes to the driver and nowhere else: no message, no ``repr``, no log has it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg import errors
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout, TooManyRequests

from ledger.error import ConflictError, InvalidInputError, LedgerError, NoStandbyError, StorageError, UnreachableError
from ledger.postgres_loan import Loans
from ledger.store import CONFLICT

MINIMUM_VERSION: Final = 15
LOCK_SECONDS: Final = 30
WAIT_SECONDS: Final = 5.0
CONNECT_SECONDS: Final = 4
IDLE_SECONDS: Final = 600.0
WRITERS: Final = 4
"""Connections for writing. They queue for one lock, so more would only wait at the server instead of here."""
READERS: Final = 12
DEFAULTS: Final = {
    "connect_timeout": str(CONNECT_SECONDS),
    "application_name": "cairn",
    "keepalives_idle": "15",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
"""What holds when the address does not say otherwise: a server that has gone silent is given up after 30 seconds."""
SESSION: Final = (
    "SET tcp_keepalives_idle=15; SET tcp_keepalives_interval=5; SET tcp_keepalives_count=3; "
    "SET lock_timeout='30s'; SET idle_in_transaction_session_timeout='60s'; SET client_encoding='UTF8'; "
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit')='off'; "
    "SET default_transaction_read_only="
)
"""A commit has reached the disk before it is acknowledged, whatever the server's default; whether it has reached
standbys is the operator's to say. A process whose machine has died holds up the others for a minute at most."""
_MIXED: Final = (errors.DatatypeMismatch, errors.CannotCoerce)
_NOTHING_RECORDED: Final = (errors.DeadlockDetected, errors.SerializationFailure)
_NO_CONNECTION: Final = (PoolTimeout, PoolClosed, TooManyRequests)
_LOST: Final = ("08", "57P01", "57P02", "57P03", "57P05", "25P03")
"""SQLSTATEs, or their beginnings, after which a connection is of no more use and another one may be."""

Connection = psycopg.Connection[tuple[Any, ...]]
Cursor = psycopg.Cursor[tuple[Any, ...]]
_Pools = dict[str, ConnectionPool[Connection]]

logging.getLogger("psycopg").addHandler(logging.NullHandler())  # what it would print is raised as well


class PostgresConnections:
    """Two pools to one database: for reading, and for writing.

    Args:
        address: A libpq URI.

    Attributes:
        refusal: Why nothing may be recorded at this moment; None if it may.
    """

    def __init__(self, address: str) -> None:
        self._address = psycopg.conninfo.make_conninfo(address, **self._defaults(address))
        self._lock = threading.Lock()
        self.refusal: str | None = None
        self._is_local = False
        self._loans = Loans(self._address)
        self._pools = self._make_pools()
        self._gone: _Pools | None = None
        self._is_closed = False

    def _defaults(self, address: str) -> dict[str, str]:
        try:
            given = psycopg.conninfo.conninfo_to_dict(address)
        except psycopg.Error:  # its words quote the address
            message = "the database's address cannot be read; it looks like postgresql://user@host:5432/name"
            raise StorageError(message) from None
        return {name: value for name, value in DEFAULTS.items() if name not in given}

    def _make_pools(self) -> _Pools:
        return {
            "read": self._pool("cairn-read", READERS, read_only=True),
            "write": self._pool("cairn-write", WRITERS, read_only=False),
        }

    def _pool(self, name: str, size: int, *, read_only: bool) -> ConnectionPool[Connection]:
        session = SESSION + ("on" if read_only else "off")
        if self._is_local:
            session += "; SET synchronous_commit=local"

        def configure(connection: Connection) -> None:
            connection.execute(session)

        return ConnectionPool(
            self._address,
            kwargs={"autocommit": True, "cursor_factory": psycopg.RawCursor},
            min_size=0,
            max_size=size,
            open=False,
            configure=configure,
            name=name,
            timeout=WAIT_SECONDS,
            max_idle=IDLE_SECONDS,
            reconnect_timeout=WAIT_SECONDS,
            num_workers=2,
        )

    def open(self) -> None:
        """Connect, and check that the server is one that a ledger can stand on.

        Raises:
            StorageError: It cannot be reached, is too old, keeps text in another encoding than UTF-8, or only reads.
        """
        try:
            with psycopg.connect(self._address, autocommit=True) as connection:
                self._require(connection)
        except psycopg.OperationalError as error:
            message = f"the database cannot be reached: {first_line(error)}"
            raise UnreachableError(message) from error
        for pool in self._pools.values():
            pool.open()
        self._loans.start()

    def _require(self, connection: Connection) -> None:
        version = connection.info.server_version // 10_000
        if version < MINIMUM_VERSION:
            message = f"the database is PostgreSQL {version}; a ledger needs {MINIMUM_VERSION} or newer"
            raise StorageError(message)
        row = connection.execute(
            "SELECT current_setting('server_encoding'), pg_is_in_recovery(), current_schema()"
        ).fetchone()
        encoding, is_standby, schema = row if row is not None else ("", False, None)
        if encoding != "UTF8":
            message = f"the database keeps text as {encoding}; make it with ENCODING 'UTF8' TEMPLATE template0"
            raise StorageError(message)
        if is_standby:
            message = "this PostgreSQL server is a standby and only reads; name the primary (target_session_attrs)"
            raise StorageError(message)
        if schema is None:
            message = "the database has no schema that the search path names; create it, or name another"
            raise StorageError(message)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that only reads, given back on leaving."""
        with self._lend("read") as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A connection that may write, given back on leaving; what is open on it then is rolled back."""
        with self._lend("write") as connection:
            yield connection

    @contextmanager
    def _lend(self, use: str) -> Iterator[Connection]:
        pools = self._pools
        if self._gone is pools:
            self._knock()
            self._renew(pools)
            pools = self._pools
        try:
            with pools[use].connection() as connection, self._loans.noting(connection, pools[use]):
                yield connection
        except PoolTimeout:
            if not self._is_busy(pools[use]):
                self._gone = pools
            raise
        except PoolClosed as error:
            if self._is_closed:
                raise
            message = "the connections were replaced at this moment"
            raise psycopg.OperationalError(message) from error
        except psycopg.OperationalError as error:
            if is_lost(error):
                self._renew(pools)
            raise

    def _knock(self) -> None:
        psycopg.connect(self._address).close()

    def _is_busy(self, pool: ConnectionPool[Connection]) -> bool:
        """Whether all connections of a pool are in use, and the server is there."""
        if self._loans.count(pool) < pool.max_size:
            return False
        try:
            self._knock()
        except psycopg.Error:
            return False
        return True

    def _renew(self, broken: _Pools) -> None:
        """Replace connections of which one has turned out to be broken, unless another thread has done so.

        The pool would replace them one by one, with growing pauses.
        """
        with self._lock:
            if self._pools is not broken or self._is_closed:
                return
            self._replace()
        _close(broken)

    def acknowledge_locally(self, *, is_local: bool) -> None:
        """Have commits acknowledged when they are on this server's disk, or again only when a standby has them too."""
        with self._lock:
            if self._is_local == is_local or self._is_closed:
                return
            self._is_local = is_local
            before = self._pools
            self._replace()
        _close(before)

    def _replace(self) -> None:
        """Have new pools; under the lock."""
        self._pools = self._make_pools()
        for pool in self._pools.values():
            pool.open()
        self._gone = None

    def require_writable(self) -> None:
        """Check that something may be recorded. Raises NoStandbyError."""
        if self.refusal is not None:
            raise NoStandbyError(self.refusal)

    def connect(self) -> Connection:
        """A connection of one's own, for what takes long."""
        connection = psycopg.connect(self._address, autocommit=True, cursor_factory=psycopg.RawCursor)
        connection.execute(SESSION + "off")
        return connection

    @contextmanager
    def attending(self, connection: Connection) -> Iterator[None]:
        """Break a connection of one's own off, as those that are lent are, when its server hangs inside."""
        with self._loans.noting(connection):
            yield

    def close(self) -> None:
        """Close every connection."""
        self._loans.close()
        with self._lock:
            self._is_closed = True
            for pool in self._pools.values():
                pool.close()


def _close(pools: _Pools) -> None:
    for pool in pools.values():
        pool.close(timeout=0)


@contextmanager
def storage_errors() -> Iterator[None]:
    """Turn the driver's errors into StorageError, UnreachableError when it is the connection."""
    try:
        yield
    except psycopg.Error as error:
        message = f"the database failed, and nothing was recorded: {first_line(error)}"
        is_gone = isinstance(error, _NO_CONNECTION) or is_lost(error)
        raise (UnreachableError if is_gone else StorageError)(message) from error


def is_passing(error: psycopg.Error) -> bool:
    """Whether the same may well succeed on another connection, or a moment later."""
    return isinstance(error, _NOTHING_RECORDED) or is_lost(error)


def is_lost(error: psycopg.Error) -> bool:
    """Whether the connection broke."""
    if error.sqlstate is None:
        return isinstance(error, psycopg.OperationalError) and not isinstance(error, _NO_CONNECTION)
    return error.sqlstate.startswith(_LOST)


def refusal(error: Exception) -> LedgerError | None:
    """What a commit is answered with that cannot be recorded because of what it is; None when it is not its fault."""
    found: LedgerError | None = None
    if isinstance(error, errors.IntegrityError):
        found = ConflictError(CONFLICT)
    elif _is_unstorable(error):
        found = InvalidInputError(f"this cannot be stored: {first_line(error)}")
    if found is not None:
        found.__cause__ = error
    return found


def _is_unstorable(error: Exception) -> bool:
    """Whether a value is none that its column can hold; the driver finds some of them, the server the others."""
    if isinstance(error, psycopg.ProgrammingError) and error.sqlstate is None:
        return True
    return isinstance(error, (psycopg.DataError, *_MIXED, ValueError, OverflowError, TypeError))


def first_line(error: Exception) -> str:
    """An error's first line; those below it may quote rows."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
