"""The event store on PostgreSQL: the port's adapter over psycopg 3.

**Order.** Whoever records takes the ledger's advisory lock first and keeps it until the commit is visible to all; only
then does it look for the newest position and go on from there. So positions have no gaps, and a reader that follows
them can never be overtaken (a sequence gives numbers before commits have their order). A lock of this kind, and not one
on the table: vacuuming takes such a one too, and each would stop the other.

**Durability.** ``synchronous_commit`` is never off. When the connection breaks while the server commits, the ledger
asks it what has become of the transaction: it waits for the lock, which the transaction holds as long as it lives, and
looks for its events, byte for byte. What is found is acknowledged after a commit of one's own, which waits for the
standby as the one did whose answer was lost.

**Fewer journeys.** What is small is sent in one pipeline, so that a commit is three journeys to the server. Of what is
large, the rows of one table are one COPY in binary form: a batch of 10,000 awards is some twenty journeys. With half a
megabyte or more in a pipeline, a Unix socket hangs for ever (psycopg 3.2 and 3.3), so it is kept far below.

**The library's own recorder** is not under this one: its positions come from a sequence and have gaps, and its tables
switch automatic vacuuming all but off. See ADR 0031.

Longer than other modules because it is one port of many methods, which share their way of asking again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any, Final, NoReturn
from uuid import UUID

import psycopg
from eventsourcing.persistence import (
    ApplicationRecorder,
    InfrastructureFactory,
    IntegrityError,
    ProcessRecorder,
    StoredEvent,
    Subscription,
    TrackingRecorder,
)

from ledger.error import ConflictError, LedgerError, OutcomeUnknownError
from ledger.event_reading import EventReading
from ledger.postgres_claim import PostgresClaim
from ledger.postgres_connection import (
    Connection,
    Cursor,
    PostgresConnections,
    first_line,
    is_lost,
    is_passing,
    refusal,
    storage_errors,
)
from ledger.postgres_dialect import added_rows, copy_in, translate
from ledger.postgres_schema import PostgresSchema
from ledger.store import CONFLICT, Commit, Write, merge, raw

ATTEMPTS: Final = 3
SETTLE_SECONDS: Final = 15.0
"""How long a server that broke off while it committed is asked for the outcome."""
PAUSE_SECONDS: Final = 0.2
COPIED_FROM: Final = 4
"""Rows from which on one COPY is quicker than a statement for each."""
PIPELINE_ROWS: Final = 500
PIPELINE_BYTES: Final = 64 * 1024
"""Of what is in one pipeline: a tenth of what makes it hang."""
_EVENTS: Final = (
    "INSERT INTO stored_events (position, originator_id, originator_version, topic, state) VALUES (?,?,?,?,?)"
)
_BETWEEN: Final = (
    "SELECT position, originator_id, originator_version, topic, state FROM stored_events "
    "WHERE position BETWEEN $1 AND $2 ORDER BY position"
)
_BEGIN: Final = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
_LOGGER: Final = logging.getLogger(__name__)

_Row = tuple[int, bytes, int, str, bytes]


class PostgresRecorder(EventReading, ApplicationRecorder):
    """The port's adapter for PostgreSQL; see :class:`ledger.store.LedgerRecorder`.

    Concurrency: writers queue for an advisory lock, across processes and machines. Retries: twice, when a connection
    broke or two transactions got in each other's way, and it is certain that nothing was recorded.

    Args:
        connections: To the database, opened.
        schema: Its tables, made.
    """

    is_local = False

    def __init__(self, connections: PostgresConnections, schema: PostgresSchema) -> None:
        self.connections = connections
        self.schema = schema
        # Two statements: one that took the lock and looked as well would look at what was there before it waited.
        self._begin = f"{_BEGIN}; {schema.take_lock}; SELECT COALESCE(MAX(position), 0) FROM stored_events"  # noqa: S608  names of ours

    def record(self, commits: Sequence[Commit]) -> list[list[int] | LedgerError]:
        """Record *commits* in one durable transaction; see :meth:`ledger.store.LedgerRecorder.record`."""
        self.require_writable()
        with storage_errors():
            for _ in range(ATTEMPTS - 1):
                try:
                    return self._record(commits)
                except psycopg.Error as error:
                    if not is_passing(error):
                        raise
            return self._record(commits)

    def require_writable(self) -> None:
        """Check that something may be recorded; see :class:`ledger.postgres_standby.StandbyWatch`."""
        self.connections.require_writable()

    def confirm(self) -> None:
        """Wait for the standby, if the server has one to wait for; see :meth:`ledger.store.LedgerRecorder.confirm`."""
        self.require_writable()
        with storage_errors():
            try:
                self._pass_barrier()
            except psycopg.Error as error:
                if not is_passing(error):
                    raise
                self._pass_barrier()

    def _pass_barrier(self) -> None:
        with self.connections.writing() as connection:
            connection.execute(self.schema.barrier)

    def _record(self, commits: Sequence[Commit]) -> list[list[int] | LedgerError]:
        with self.connections.writing() as connection:
            group = _Group(self, connection, self._start(connection))
            try:
                results = group.together(commits)
                if results is None:
                    results = [group.one(commit) for commit in commits]
                self._commit(connection, commits, results)
            except BaseException:
                with suppress(psycopg.Error):
                    connection.rollback()
                raise
        return results

    def _start(self, connection: Connection) -> int:
        """Begin, wait until nobody else records, and return the newest position."""
        cursor = connection.execute(self._begin, prepare=False)
        while cursor.nextset():
            pass
        return int(_only(cursor))

    def _commit(
        self, connection: Connection, commits: Sequence[Commit], results: Sequence[list[int] | LedgerError]
    ) -> None:
        """Commit. A crash of the server or of the network in here leaves it open whether it happened; then ask."""
        try:
            connection.execute("COMMIT")
        except psycopg.Error as error:
            if not is_lost(error):
                raise
            if not self._was_recorded(commits, results, error):
                raise

    def _was_recorded(
        self, commits: Sequence[Commit], results: Sequence[list[int] | LedgerError], lost: psycopg.Error
    ) -> bool:
        """Whether a transaction whose end was not heard of has committed.

        Raises:
            OutcomeUnknownError: That cannot be found out.
        """
        made = [
            _row(position, event)
            for commit, positions in zip(commits, results, strict=True)
            if isinstance(positions, list)
            for position, event in zip(positions, commit.events, strict=True)
        ]
        deadline = time.monotonic() + SETTLE_SECONDS
        while made and time.monotonic() < deadline:
            with suppress(psycopg.Error):
                return self._is_there(made)
            time.sleep(PAUSE_SECONDS)
        message = (
            f"the database broke off while it recorded ({first_line(lost)}); whether it was recorded is not known: "
            "make the same request again, with its idempotency key"
        )
        raise OutcomeUnknownError(message) from lost

    def _is_there(self, made: Sequence[_Row]) -> bool:
        """Whether these very events are at their positions, on a standby too if the server has one to wait for."""
        with self.connections.writing() as connection, connection.transaction():
            connection.execute(self.schema.take_lock)  # whoever recorded is through with it now
            found = connection.execute(_BETWEEN, (made[0][0], made[-1][0])).fetchall()
            is_there = found == made
            if is_there:  # a crash of the server in between has it show what waited for the standby and is not there
                connection.execute(self.schema.barrier)
        return is_there

    def query(self, sql: str, parameters: tuple[Any, ...] = ()) -> list[Any]:
        """Run one reading statement outside any transaction and return its rows.

        Raises:
            StorageError: The database failed, or the statement would have written.
        """
        with storage_errors():
            try:
                return self._rows(sql, parameters)
            except psycopg.Error as error:
                if not is_passing(error):
                    raise
                return self._rows(sql, parameters)

    def _rows(self, sql: str, parameters: tuple[Any, ...]) -> list[Any]:
        with self.connections.reading() as connection:
            return connection.execute(translate(sql), parameters).fetchall()

    @contextmanager
    def moment(self) -> Iterator[Connection]:
        """A connection that reads everything as it was at one moment, whatever is recorded meanwhile.

        Raises:
            StorageError: The database failed.
        """
        connections = self.connections
        with storage_errors(), connections.connect() as connection, connections.attending(connection):
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield connection
            connection.rollback()

    def sweep(self) -> bool:
        """Vacuum the tables from which something is ever deleted.

        What was deleted leaves the tables' rows. The server overwrites neither free space nor its write-ahead log:
        what is left there opens with the key-encryption key of its time alone (docs/operating.md).
        """
        swept = ", ".join(name for name in self.schema.tables if name != "stored_events")
        with storage_errors(), self.connections.writing() as connection:
            connection.execute(f"VACUUM {swept}")
        return True

    def write_back(self) -> None:
        """Nothing to do: the server has a process for it."""

    def log_claim(self) -> PostgresClaim:
        """The claim on continuing the log, for one process of all that reach the database."""
        return PostgresClaim(self.connections)

    def insert_events(self, stored_events: Sequence[StoredEvent], **_: Any) -> Sequence[int] | None:  # noqa: ANN401  the library's signature
        """Record events alone, as the library asks for it."""
        [result] = self.record([Commit(stored_events)])
        if isinstance(result, ConflictError):
            raise IntegrityError(str(result)) from result
        if isinstance(result, LedgerError):
            raise result
        return result

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[ApplicationRecorder]:
        """Not offered; followers read by position."""
        raise NotImplementedError(gt, topics)

    def close(self) -> None:
        """Close the connections."""
        self.connections.close()


class _Group:
    """Records the commits of one transaction, which is open and has the lock."""

    def __init__(self, recorder: PostgresRecorder, connection: Connection, newest: int) -> None:
        self._schema = recorder.schema
        self._connection = connection
        self._cursor: Cursor = psycopg.RawCursor(connection)
        self._newest = newest

    def together(self, commits: Sequence[Commit]) -> list[list[int] | LedgerError] | None:
        """Record commits of which none can be in another's way, statement by statement instead of one by one.

        Returns:
            The positions of each one's events; None when nothing was recorded, because it is not certain that the
            outcome would be the same in turn, or because something kept one of them out.
        """
        merged = merge(commits) if len(commits) > 1 else None
        if merged is None:
            return None
        whole = Commit(
            [event for commit in commits for event in commit.events],
            [Write(sql, rows) for sql, rows in merged.items()],
            list({one for commit in commits for one in commit.unchanged}),
        )
        result = self.one(whole)
        if isinstance(result, LedgerError):
            return None
        positions = iter(result)
        return [list(islice(positions, len(commit.events))) for commit in commits]

    def one(self, commit: Commit) -> list[int] | LedgerError:
        """Record one commit, or nothing of it."""
        first = self._newest + 1
        rows = [_row(position, event) for position, event in enumerate(commit.events, first)]
        writes = [Write(_EVENTS, rows), *commit.writes]
        if not self._is_unchanged(commit.unchanged):
            return ConflictError(CONFLICT)
        try:
            if _fits_a_pipeline(writes):
                self._send_at_once(writes)
            else:
                self._send_in_bulk(writes)
        except Exception as error:
            refused = refusal(error)
            if refused is None:
                raise
            self._cursor.execute("ROLLBACK TO one; RELEASE one", prepare=False)
            return refused
        self._newest += len(rows)
        return list(range(first, first + len(rows)))

    def _send_at_once(self, writes: Sequence[Write]) -> None:
        """One journey: the server is told everything before it is listened to."""
        with self._connection.pipeline():
            self._cursor.execute("SAVEPOINT one")
            for write in writes:
                for row in write.rows:
                    self._cursor.execute(translate(write.sql), row)
            self._cursor.execute("RELEASE one")

    def _send_in_bulk(self, writes: Sequence[Write]) -> None:
        self._cursor.execute("SAVEPOINT one")
        for write in writes:
            self._write(write)
        self._cursor.execute("RELEASE one")

    def _is_unchanged(self, unchanged: Sequence[tuple[UUID, int]]) -> bool:
        if not unchanged:
            return True
        self._cursor.execute(
            "SELECT originator_id, MAX(originator_version) FROM stored_events "
            "WHERE originator_id = ANY($1::bytea[]) GROUP BY originator_id",
            ([raw(originator_id) for originator_id, _ in unchanged],),
        )
        found: dict[bytes, int] = dict(self._cursor.fetchall())
        return all(found.get(raw(originator_id), 0) == version for originator_id, version in unchanged)

    def _write(self, write: Write) -> None:
        added = added_rows(write.sql)
        if len(write.rows) == 1 or (added is not None and len(write.rows) < COPIED_FROM):
            for row in write.rows:
                self._cursor.execute(translate(write.sql), row)
        elif added is not None:
            self._copy(*added, write.rows)
        else:
            for some in portions(write.rows, PIPELINE_ROWS, PIPELINE_BYTES):
                self._cursor.executemany(translate(write.sql), some)

    def _copy(self, table: str, named: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        types = self._schema.columns(self._cursor, table)
        columns = named or tuple(types)
        with self._cursor.copy(copy_in(table, columns)) as copy:
            copy.set_types([types[name] for name in columns])
            for row in rows:
                copy.write_row(row)


class PostgresFactory(InfrastructureFactory[TrackingRecorder]):
    """Opens the recorder over one schema of a PostgreSQL database.

    Args:
        address: A libpq URI; the first schema of its search path holds the ledger.
        schema: The tables beside the events (vault, access, status allocation).
        ledger: Which ledger it has to be, or is going to be: any text, kept in the database.
        may_be_new: Whether an empty database is made into this ledger's.
        joins: Whether a ledger that is there is taken, whatever it is called.

    Attributes:
        ledger: The name of the ledger, once the recorder was opened.
    """

    def __init__(
        self, address: str, schema: Iterable[str], *, ledger: str, may_be_new: bool = True, joins: bool = False
    ) -> None:
        super().__init__(None)
        self.connections = PostgresConnections(address)
        self.schema = PostgresSchema(schema)
        self.ledger = ledger
        self._may_be_new = may_be_new
        self._joins = joins

    def application_recorder(self) -> PostgresRecorder:
        """The recorder, its tables made.

        Raises:
            StorageError: The server cannot be reached or is no good for a ledger, or the database holds another one.
        """
        self.connections.open()
        try:
            with storage_errors(), self.connections.connect() as connection:
                self.ledger = self.schema.settle(
                    connection, self.ledger, may_be_new=self._may_be_new, joins=self._joins
                )
        except BaseException:
            self.connections.close()
            raise
        return PostgresRecorder(self.connections, self.schema)

    def require_free(self) -> None:
        """Check that the server is there, and that the database has none of a ledger's tables.

        Raises:
            StorageError: It is not so.
        """
        self.connections.open()
        try:
            with storage_errors(), self.connections.connect() as connection:
                self.schema.require_free(connection)
        finally:
            self.connections.close()

    def aggregate_recorder(self, purpose: str = "events") -> NoReturn:
        """Not offered: a ledger has one store."""
        raise NotImplementedError(purpose)

    def tracking_recorder(self, tracking_recorder_class: type[TrackingRecorder] | None = None) -> NoReturn:
        """Not offered: views keep their own position."""
        raise NotImplementedError(tracking_recorder_class)

    def process_recorder(self) -> ProcessRecorder:
        """Not offered: views keep their own position."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the connections."""
        self.connections.close()


def _row(position: int, event: StoredEvent) -> _Row:
    return position, raw(event.originator_id), event.originator_version, event.topic, event.state


def portions(rows: Sequence[tuple[Any, ...]], most: int, most_bytes: int) -> Iterator[Sequence[tuple[Any, ...]]]:
    """Split *rows* so that no part has more than *most* of them, nor more than *most_bytes* unless it is one row."""
    begin = size = 0
    for number, row in enumerate(rows):
        own = sum(len(value) for value in row if isinstance(value, (bytes, str)))
        if number > begin and (number - begin == most or size + own > most_bytes):
            yield rows[begin:number]
            begin, size = number, 0
        size += own
    if begin < len(rows):
        yield rows[begin:]


def _fits_a_pipeline(writes: Sequence[Write]) -> bool:
    rows = [row for write in writes for row in write.rows]
    return len(rows) <= PIPELINE_ROWS and len(list(portions(rows, PIPELINE_ROWS, PIPELINE_BYTES))) <= 1


def _only(cursor: Cursor) -> Any:  # noqa: ANN401  whatever the one column holds
    row = cursor.fetchone()
    assert row is not None  # noqa: S101  an aggregate function gives one row
    return row[0]
