"""The event store: eventsourcing's SQLite recorder with Cairn's table, durability and row writes.

One database file holds events, vault and access, and one command's rows commit in one transaction, so an event can
never lose its salt to a power cut between two files.

Durability: the library switches to write-ahead logging but leaves ``synchronous`` at whatever SQLite was built with.
Here it is FULL, so that a commit has reached the disk before it is acknowledged (see ADR 0003). ``secure_delete``
overwrites what an erasure deletes; nothing is ever spilled to temporary files.

Positions: ``position`` is an explicit AUTOINCREMENT key. The library's implicit rowid may be renumbered by ``VACUUM``
and re-used after a deletion.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

from eventsourcing.persistence import PersistenceError, StoredEvent
from eventsourcing.sqlite import (
    SQLiteApplicationRecorder,
    SQLiteConnection,
    SQLiteConnectionPool,
    SQLiteCursor,
    SQLiteDatastore,
    SQLiteFactory,
)
from eventsourcing.utils import Environment

from ledger.error import ConflictError, InvalidInputError, LedgerError, StorageError
from ledger.event_reading import EventReading
from ledger.log_claim import OwnDirectory
from ledger.read_connection import ReadConnections
from ledger.store import CONFLICT, Commit, merge, raw

LOCK_TIMEOUT_SECONDS = 30
SWEEP_WAIT_MILLISECONDS = 200
SWEEP_ATTEMPTS = 3
PRAGMAS = (
    "PRAGMA synchronous=FULL",
    "PRAGMA secure_delete=ON",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA foreign_keys=ON",
    # 64 MiB: it stops a commit for as long as that takes to write, and pages of indexes that every batch changes are
    # written once instead of four times. Where there is a process for it (write_back), little is left by then.
    "PRAGMA wal_autocheckpoint=16000",
    # Of what is only read 32 MiB stay. A batch of 1,000 awards changes some 6 MiB of pages, and one of 10,000 some
    # 56 MiB; up to 128 MiB stay until the commit: what went to the log in the middle of the transaction would come back
    # to be changed again. The number of pages is taken for a yes or no as well, by its last eight bits: not 32,768.
    "PRAGMA cache_size=-32768",
    "PRAGMA cache_spill=32767",
)
EVENT_SCHEMA = (
    (
        "CREATE TABLE IF NOT EXISTS stored_events ("
        "position INTEGER PRIMARY KEY AUTOINCREMENT, "
        "originator_id BLOB NOT NULL, "
        "originator_version INTEGER NOT NULL, "
        "topic TEXT NOT NULL, "
        "state BLOB NOT NULL, "
        "UNIQUE (originator_id, originator_version))"
    ),
)

_UNSTORABLE = (sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.DataError, ValueError, OverflowError)
"""What sqlite3 raises for a value it cannot bind (UnicodeEncodeError is a ValueError)."""


class DurablePool(SQLiteConnectionPool):
    """Connections on which a commit has reached the disk when it returns."""

    def _create_connection(self) -> SQLiteConnection:
        connection = super()._create_connection()
        cursor = connection.cursor()
        for pragma in PRAGMAS:
            cursor.execute(pragma)
        return connection


class DurableDatastore(SQLiteDatastore):
    """The library's datastore over :class:`DurablePool`."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), lock_timeout=LOCK_TIMEOUT_SECONDS)
        self.pool.close()
        self.pool = DurablePool(db_name=str(path), lock_timeout=LOCK_TIMEOUT_SECONDS, pool_size=8)


class SqliteRecorder(EventReading, SQLiteApplicationRecorder):  # type: ignore[misc]  # the library annotates less exactly
    """The port's adapter for one SQLite file; see :class:`ledger.store.LedgerRecorder`.

    Concurrency: writers queue on SQLite's lock, across processes. Retries: none here.
    """

    is_local = True

    def __init__(self, datastore: SQLiteDatastore, path: Path, schema: Iterable[str] = ()) -> None:
        self._schema = tuple(schema)
        self._reading = ReadConnections(path)
        super().__init__(datastore)
        self.insert_events_statement = (
            "INSERT INTO stored_events (originator_id, originator_version, topic, state) VALUES (?,?,?,?)"
        )

    def construct_create_table_statements(self) -> list[str]:
        """The statements that make every table of the file."""
        return [*EVENT_SCHEMA, *self._schema]

    def record(self, commits: Sequence[Commit]) -> list[list[int] | LedgerError]:
        """Record *commits* in one durable transaction.

        Returns:
            For each commit the positions of its events, or what kept it out: a ConflictError when another was first,
            an InvalidInputError when its rows cannot be stored at all.

        Raises:
            StorageError: The database failed, and none of *commits* was recorded.
        """
        results: list[list[int] | LedgerError] = []
        connection: SQLiteConnection
        with _storage_errors(), self.datastore.get_connection(commit=True) as connection:
            cursor = connection.cursor()
            cursor.execute("BEGIN IMMEDIATE")
            try:
                together = self._record_together(cursor, commits)
                if together is None:
                    results.extend(self._record_one(cursor, commit) for commit in commits)
                else:
                    results.extend(together)
                connection.commit()
            except BaseException:
                connection.rollback()
                raise
            finally:
                cursor.sqlite_cursor.close()
        return results

    def _record_together(self, cursor: SQLiteCursor, commits: Sequence[Commit]) -> list[list[int]] | None:
        """Record commits of which none can be in another's way, statement by statement instead of one by one.

        Returns:
            The positions of each one's events; None when nothing was recorded, because it is not certain that the
            outcome would be the same in turn, or because something kept one of them out.
        """
        merged = merge(commits) if len(commits) > 1 else None
        if merged is None:
            return None
        cursor.execute("SAVEPOINT together")
        try:
            self._require_unchanged(cursor, list({one for commit in commits for one in commit.unchanged}))
            positions = iter(self._insert(cursor, [event for commit in commits for event in commit.events]))
            for sql, rows in merged.items():
                cursor.executemany(sql, rows)
        except (ConflictError, sqlite3.IntegrityError, *_UNSTORABLE):
            cursor.execute("ROLLBACK TO together")
            cursor.execute("RELEASE together")
            return None
        cursor.execute("RELEASE together")
        return [list(islice(positions, len(commit.events))) for commit in commits]

    def _record_one(self, cursor: SQLiteCursor, commit: Commit) -> list[int] | LedgerError:
        cursor.execute("SAVEPOINT one")
        try:
            self._require_unchanged(cursor, commit.unchanged)
            positions = self._insert(cursor, commit.events)
            for write in commit.writes:
                cursor.executemany(write.sql, write.rows)
        except (ConflictError, sqlite3.IntegrityError, *_UNSTORABLE) as error:
            cursor.execute("ROLLBACK TO one")
            cursor.execute("RELEASE one")
            return _refusal(error)
        cursor.execute("RELEASE one")
        return positions

    def _require_unchanged(self, cursor: SQLiteCursor, unchanged: Sequence[tuple[UUID, int]]) -> None:
        for originator_id, version in unchanged:
            cursor.execute(
                "SELECT MAX(originator_version) FROM stored_events WHERE originator_id=?", (raw(originator_id),)
            )
            if (cursor.fetchone()[0] or 0) != version:
                raise ConflictError(CONFLICT)

    def _insert(self, cursor: SQLiteCursor, events: Sequence[StoredEvent]) -> list[int]:
        if not events:
            return []
        cursor.executemany(
            self.insert_events_statement,
            [(raw(event.originator_id), event.originator_version, event.topic, event.state) for event in events],
        )
        cursor.execute("SELECT last_insert_rowid()")
        last: int = cursor.fetchone()[0]
        return list(range(last - len(events) + 1, last + 1))

    def _insert_events(
        self,
        c: SQLiteCursor,
        stored_events: Sequence[StoredEvent],
        **_: Any,  # noqa: ANN401  the library's signature
    ) -> Sequence[int]:
        return self._insert(c, stored_events)

    def query(self, sql: str, parameters: tuple[Any, ...] = ()) -> list[Any]:
        """Run one reading statement and return its rows.

        Raises:
            StorageError: The database failed.
        """
        with _storage_errors():
            return self._reading.rows(sql, parameters)

    def confirm(self) -> None:
        """Nothing to wait for: what can be read has reached the disk."""

    def require_writable(self) -> None:
        """A file is written to, or fails then."""

    def log_claim(self) -> OwnDirectory:
        """The claim on continuing the log, which is in the directory of the file."""
        return OwnDirectory()

    def close(self) -> None:
        """Close the connections for reading."""
        self._reading.close()

    def sweep(self) -> bool:
        """Move everything into the database file and truncate the write-ahead log.

        While it waits for readers no one can write, so it waits for :data:`SWEEP_WAIT_MILLISECONDS` and no longer. For
        another process that is writing back at that moment it waits a few times as long, which keeps nobody from
        writing.

        Returns:
            Whether the log is empty now; False when a reader still needed it.

        Raises:
            StorageError: The database failed.
        """
        with _storage_errors(), self.datastore.get_connection(commit=True) as connection:
            cursor = connection.cursor()
            cursor.execute(f"PRAGMA busy_timeout={SWEEP_WAIT_MILLISECONDS}")
            try:
                is_busy, pages = self._checkpoint(cursor, "TRUNCATE")
                for _ in range(SWEEP_ATTEMPTS - 1):
                    if pages < 0:
                        is_busy, pages = self._checkpoint(cursor, "TRUNCATE")
                return not is_busy
            finally:
                cursor.execute(f"PRAGMA busy_timeout={LOCK_TIMEOUT_SECONDS * 1000}")
                cursor.sqlite_cursor.close()

    def write_back(self) -> None:
        """Move what is in the write-ahead log into the database file, as far as no reader needs it there."""
        with _storage_errors(), self.datastore.get_connection(commit=True) as connection:
            cursor = connection.cursor()
            try:
                self._checkpoint(cursor, "PASSIVE")
            finally:
                cursor.sqlite_cursor.close()

    def _checkpoint(self, cursor: SQLiteCursor, mode: str) -> tuple[bool, int]:
        """Write the log back; gives whether somebody was in the way, and how many pages the log has.

        Of the log nothing is known, and -1 pages are told, when somebody else was writing it back.

        Source: SQLite, PRAGMA wal_checkpoint; sqlite3_wal_checkpoint_v2().
        """
        cursor.execute(f"PRAGMA wal_checkpoint({mode})")
        busy, pages, _ = cursor.fetchone()
        return bool(busy), int(pages)


class SqliteFactory(SQLiteFactory):
    """Builds the recorder over one database file.

    Args:
        path: The database file.
        schema: Further tables of the same file (vault, access, status allocation).
    """

    def __init__(self, path: Path, schema: Iterable[str]) -> None:
        super().__init__(Environment("Ledger", {"SQLITE_DBNAME": str(path)}))
        self.datastore.close()
        self.datastore = DurableDatastore(path)
        self._path = path
        self._schema = tuple(schema)

    def application_recorder(self) -> SqliteRecorder:
        """The recorder, its tables made and the write-ahead log of a run before this one emptied.

        A crash between an erasure and its sweep leaves what was erased in that log; opening the ledger makes up for it.
        """
        recorder = SqliteRecorder(self.datastore, self._path, self._schema)
        recorder.create_table()
        recorder.sweep()
        return recorder


@contextmanager
def _storage_errors() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, PersistenceError) as error:
        message = f"the database failed, and nothing was recorded: {error}"
        raise StorageError(message) from error


def _refusal(error: Exception) -> LedgerError:
    """What a commit that could not be recorded is answered with; the others of its group are not touched by it."""
    if isinstance(error, ConflictError):
        return error
    refusal: LedgerError = ConflictError(CONFLICT)
    if not isinstance(error, sqlite3.IntegrityError):
        refusal = InvalidInputError(f"this cannot be stored: {error}")
    refusal.__cause__ = error
    return refusal
