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

import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from eventsourcing.persistence import Notification, PersistenceError, StoredEvent
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
from ledger.read_connection import ReadConnections

LOCK_TIMEOUT_SECONDS = 30
SWEEP_WAIT_MILLISECONDS = 200
KNOWN_AT_ONCE = 500
PRAGMAS = (
    "PRAGMA synchronous=FULL",
    "PRAGMA secure_delete=ON",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA foreign_keys=ON",
    "PRAGMA wal_autocheckpoint=4000",
    # A batch of 1,000 awards changes some 6 MiB of pages; with the library's 2 MiB they went to the log in the middle
    # of the transaction and came back.
    "PRAGMA cache_size=-32768",
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

_ADDS = re.compile(r"INSERT INTO [a-z_]+ (\([a-z_, ]+\) )?VALUES \([?,]+\)")
"""A statement that adds rows and does nothing else."""
_CONFLICT = "the same thing was changed by another request first; try again"
_UNSTORABLE = (sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.DataError, ValueError, OverflowError)
"""What sqlite3 raises for a value it cannot bind (UnicodeEncodeError is a ValueError)."""


class Write(msgspec.Struct, frozen=True):
    """One SQL statement with ``?`` placeholders and the rows to run it with."""

    sql: str
    rows: Sequence[tuple[Any, ...]]


class Commit(msgspec.Struct, frozen=True):
    """What one command commits: all of it, or nothing.

    ``unchanged`` names aggregates that the command has read and not written, with the versions it has seen (0: none):
    when one of them has moved on, the commit conflicts.
    """

    events: Sequence[StoredEvent]
    writes: Sequence[Write] = ()
    unchanged: Sequence[tuple[UUID, int]] = ()


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


class LedgerRecorder(SQLiteApplicationRecorder):
    """Records commits in groups and reads events back in order.

    Durability: what :meth:`record` returned positions for survives ``kill -9`` and power loss. Consistency: a commit is
    atomic; positions grow without gaps within a process's group. Concurrency: any number of readers, writers queue on
    SQLite's lock across processes. Retries: none here; a conflict fails its own commit only.
    """

    def __init__(self, datastore: SQLiteDatastore, path: Path, schema: Iterable[str] = ()) -> None:
        self._schema = tuple(schema)
        self._reading = ReadConnections(path)
        super().__init__(datastore)
        self.insert_events_statement = (
            "INSERT INTO stored_events (originator_id, originator_version, topic, state) VALUES (?,?,?,?)"
        )
        self.select_events_statement = (
            "SELECT originator_id, originator_version, topic, state FROM stored_events WHERE originator_id=? "
        )
        self.select_max_notification_id_statement = "SELECT MAX(position) FROM stored_events"

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
        merged = _merged(commits) if len(commits) > 1 else None
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
                "SELECT MAX(originator_version) FROM stored_events WHERE originator_id=?", (_raw(originator_id),)
            )
            if (cursor.fetchone()[0] or 0) != version:
                raise ConflictError(_CONFLICT)

    def _insert(self, cursor: SQLiteCursor, events: Sequence[StoredEvent]) -> list[int]:
        if not events:
            return []
        cursor.executemany(
            self.insert_events_statement,
            [(_raw(event.originator_id), event.originator_version, event.topic, event.state) for event in events],
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

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """Events of one aggregate by version."""
        statement = self.select_events_statement
        parameters: list[Any] = [_raw(originator_id)]
        for comparison, bound in ((">", gt), ("<=", lte)):
            if bound is not None:
                statement += f"AND originator_version{comparison}? "
                parameters.append(bound)
        statement += f"ORDER BY originator_version {'DESC' if desc else 'ASC'} "
        if limit is not None:
            statement += "LIMIT ? "
            parameters.append(limit)
        return [
            StoredEvent(UUID(bytes=row[0]), row[1], row[2], row[3]) for row in self.query(statement, tuple(parameters))
        ]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """Events of the whole ledger by position."""
        first = 0 if start is None else start + (not inclusive_of_start)
        statement = (
            "SELECT position, originator_id, originator_version, topic, state FROM stored_events WHERE position>=? "
        )
        parameters: list[Any] = [first]
        if stop is not None:
            statement += "AND position<=? "
            parameters.append(stop)
        if topics:
            statement += f"AND topic IN ({','.join('?' * len(topics))}) "
            parameters.extend(topics)
        rows = self.query(statement + "ORDER BY position LIMIT ?", (*parameters, limit))
        return [Notification(UUID(bytes=raw), version, topic, state, id=n) for n, raw, version, topic, state in rows]

    def known(self, originators: Iterable[UUID]) -> set[UUID]:
        """Which of some aggregates have events."""
        found: set[UUID] = set()
        waiting = iter(originators)
        while some := [one.bytes for one in islice(waiting, KNOWN_AT_ONCE)]:
            marks = ",".join("?" * len(some))
            sql = f"SELECT originator_id FROM stored_events WHERE originator_version=1 AND originator_id IN ({marks})"  # noqa: S608  question marks
            found |= {UUID(bytes=row[0]) for row in self.query(sql, tuple(some))}
        return found

    def select_rows(self, after: int, limit: int) -> list[tuple[int, bytes, int, str, bytes]]:
        """At most *limit* events with a position above *after*, as stored: position, id, version, topic, state."""
        return self.query(
            "SELECT position, originator_id, originator_version, topic, state FROM stored_events "
            "WHERE position>? ORDER BY position LIMIT ?",
            (after, limit),
        )

    def query(self, sql: str, parameters: tuple[Any, ...] = ()) -> list[Any]:
        """Run one reading statement and return its rows.

        Raises:
            StorageError: The database failed.
        """
        with _storage_errors():
            return self._reading.rows(sql, parameters)

    def close(self) -> None:
        """Close the connections for reading."""
        self._reading.close()

    def empty_write_ahead_log(self) -> bool:
        """Move everything into the database file and truncate the write-ahead log.

        While it waits for readers no one can write, so it waits for :data:`SWEEP_WAIT_MILLISECONDS` and no longer.

        Returns:
            Whether the log is empty now; False when a reader still needed it.

        Raises:
            StorageError: The database failed.
        """
        with _storage_errors(), self.datastore.get_connection(commit=True) as connection:
            cursor = connection.cursor()
            cursor.execute(f"PRAGMA busy_timeout={SWEEP_WAIT_MILLISECONDS}")
            try:
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                busy: int = cursor.fetchone()[0]
            finally:
                cursor.execute(f"PRAGMA busy_timeout={LOCK_TIMEOUT_SECONDS * 1000}")
                cursor.sqlite_cursor.close()
        return busy == 0


class LedgerFactory(SQLiteFactory):
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

    def application_recorder(self) -> LedgerRecorder:
        """The recorder, its tables made and the write-ahead log of a run before this one emptied.

        A crash between an erasure and its sweep leaves what was erased in that log; opening the ledger makes up for it.
        """
        recorder = LedgerRecorder(self.datastore, self._path, self._schema)
        recorder.create_table()
        recorder.empty_write_ahead_log()
        return recorder


def _merged(commits: Sequence[Commit]) -> dict[str, list[tuple[Any, ...]]] | None:
    """The rows of all *commits* by their statement, in an order of statements that keeps each commit's own.

    Rows that are only ever added get in nobody's way but by a key that exists or one that is missing, and then the
    database refuses them whatever the order.

    Returns:
        None when a statement does anything but add rows, when a commit rests on an aggregate that another one changes,
        or when there is no such order.
    """
    changed = {_raw(event.originator_id) for commit in commits for event in commit.events}
    if any(_raw(originator) in changed for commit in commits for originator, _ in commit.unchanged):
        return None
    merged: dict[str, list[tuple[Any, ...]]] = {}
    order: dict[str, int] = {}
    for commit in commits:
        last = -1
        for write in commit.writes:
            place = order.setdefault(write.sql, len(order))
            if place < last or not _ADDS.fullmatch(write.sql):
                return None
            last = place
            merged.setdefault(write.sql, []).extend(write.rows)
    return merged


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
    refusal: LedgerError = ConflictError(_CONFLICT)
    if not isinstance(error, sqlite3.IntegrityError):
        refusal = InvalidInputError(f"this cannot be stored: {error}")
    refusal.__cause__ = error
    return refusal


def _raw(originator_id: UUID | str) -> bytes:
    return originator_id.bytes if isinstance(originator_id, UUID) else UUID(originator_id).bytes
