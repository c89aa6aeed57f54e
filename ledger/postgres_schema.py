"""A ledger's tables in one schema of a PostgreSQL database, and whose they are.

The table ``cairn_ledger`` has one row: the format of the tables, which ledger's they are, and how far its log has come.
It is written in the transaction that makes the tables. So a database that is somebody else's is never written to, nor
one that has taken the place of another.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ledger.error import StorageError
from ledger.postgres_connection import Connection, Cursor
from ledger.postgres_dialect import made_names, translate_table

FORMAT: Final = 1
LOCK_CLASS: Final = 0x0CA1_0001
"""The first half of the advisory lock under which is recorded; the second is the table's own number."""
MAKING_LOCK: Final = 0x0CA1_0000
_OWN: Final = (
    (
        "CREATE TABLE IF NOT EXISTS cairn_ledger ("
        "only_row BOOLEAN PRIMARY KEY CHECK (only_row), format BIGINT NOT NULL, ledger TEXT NOT NULL, "
        "log_size BIGINT NOT NULL)"
    ),
    (
        "CREATE TABLE IF NOT EXISTS stored_events ("
        "position BIGINT PRIMARY KEY, originator_id BYTEA NOT NULL, originator_version BIGINT NOT NULL, "
        'topic TEXT COLLATE "C" NOT NULL, state BYTEA NOT NULL, UNIQUE (originator_id, originator_version))'
    ),
)


class PostgresSchema:
    """The tables.

    Args:
        further: What makes the tables beside the events, in SQLite's words.
    """

    barrier: Final = "UPDATE cairn_ledger SET log_size=log_size"
    """Changes nothing, and its commit waits for the standby: for all that was committed before it as well."""
    take_lock: Final = f"SELECT pg_advisory_xact_lock({LOCK_CLASS}, 'stored_events'::regclass::oid::int)"

    def __init__(self, further: Iterable[str]) -> None:
        self._statements = (*_OWN, *map(translate_table, further))
        self._made = made_names(self._statements)
        self.tables = tuple(name for name, kind in self._made.items() if kind == "TABLE" and name != "cairn_ledger")
        self._columns: dict[str, dict[str, int]] = {}

    def settle(self, connection: Connection, ledger: str, *, may_be_new: bool, joins: bool = False) -> str:
        """Make what is missing, and see to it that the database is *ledger*'s.

        Args:
            connection: To the database.
            ledger: Name of the ledger that it has to be, or is going to be.
            may_be_new: Whether an empty database is made into this ledger's.
            joins: Whether the ledger that is there is taken, whatever it is called.

        Returns:
            The name of the ledger in the database.

        Raises:
            StorageError: It is another ledger's, or another program's, or of a newer format, or empty and must not be.
        """
        with connection.transaction():
            connection.execute(f"SELECT pg_advisory_xact_lock({MAKING_LOCK})")  # CREATE IF NOT EXISTS is no lock
            missing = self._missing(connection)
            if "cairn_ledger" in missing:
                self.require_free(connection)
                self._require_may_be_new(may_be_new=may_be_new)
            else:
                ledger = self._require_same(connection, None if joins else ledger)
            for statement in self._statements if missing else ():
                connection.execute(statement)
            if "cairn_ledger" in missing:
                connection.execute("INSERT INTO cairn_ledger VALUES (true, $1, $2, 0)", (FORMAT, ledger))
        return ledger

    def require_free(self, connection: Connection) -> None:
        """Check that none of the tables is there.

        Raises:
            StorageError: Some are.
        """
        there = set(self._made) - self._missing(connection)
        if there:
            message = (
                f"the database is not empty ({', '.join(sorted(there))}); give the ledger one of its own, "
                "or a schema of its own in it"
            )
            raise StorageError(message)

    def columns(self, cursor: Cursor, table: str) -> dict[str, int]:
        """The types of a table's columns by name, in their order, as the server numbers them."""
        if table not in self._columns:
            found = cursor.execute(
                "SELECT attname, atttypid FROM pg_attribute "
                "WHERE attrelid=to_regclass($1) AND attnum>0 AND NOT attisdropped ORDER BY attnum",
                (table,),
            ).fetchall()
            if not found:
                message = f"the database has no such table: {table}"
                raise StorageError(message)
            self._columns[table] = dict(found)
        return self._columns[table]

    def _missing(self, connection: Connection) -> set[str]:
        rows = connection.execute(
            "SELECT name FROM unnest($1::text[]) AS name WHERE to_regclass(name) IS NULL", (list(self._made),)
        ).fetchall()
        return {name for (name,) in rows}

    def _require_may_be_new(self, *, may_be_new: bool) -> None:
        if not may_be_new:
            message = (
                "the database is empty, and the ledger of this directory has begun: name the one that it is in, "
                "or restore a backup"
            )
            raise StorageError(message)

    def _require_same(self, connection: Connection, ledger: str | None) -> str:
        row = connection.execute("SELECT format, ledger FROM cairn_ledger").fetchone()
        kind, whose = (0, "") if row is None else (row[0], str(row[1]))
        if kind != FORMAT:
            message = f"the database's tables have format {kind}; this version knows format {FORMAT}"
            raise StorageError(message)
        if ledger is not None and whose != ledger:
            message = "the database holds another ledger than the one of this directory; name the right one"
            raise StorageError(message)
        return whose
