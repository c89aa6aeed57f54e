"""A whole ledger out of PostgreSQL into a SQLite file, and in again: each of one moment, each in one transaction.

So a backup has one form, whatever database it was taken from, and may be restored into the other.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import psycopg

from ledger.error import StorageError
from ledger.postgres_connection import Connection, storage_errors
from ledger.postgres_dialect import copy_in
from ledger.postgres_schema import PostgresSchema
from ledger.postgres_store import PostgresFactory, PostgresRecorder
from ledger.sqlite_store import SqliteFactory

FETCHED: Final = 2_000
"""Rows that are in memory at once."""


def copy_out(recorder: PostgresRecorder, target: Path, schema: Sequence[str]) -> None:
    """Write everything into the new SQLite file *target*, as it is at one moment; others go on recording.

    Args:
        recorder: The ledger.
        target: Must not exist. A failure leaves a part of it.
        schema: The tables beside the events.

    Raises:
        StorageError: The database failed.
        sqlite3.Error: The file cannot be written.
    """
    made = SqliteFactory(target, schema)
    made.application_recorder().close()
    made.close()
    with recorder.moment() as there, closing(sqlite3.connect(target, isolation_level=None)) as here:
        here.execute("PRAGMA synchronous=OFF")  # whoever made the file syncs it whole
        here.execute("BEGIN")
        for table in recorder.schema.tables:
            columns = list(recorder.schema.columns(there.cursor(), table))
            marks = ",".join("?" * len(columns))
            names = ", ".join(columns)
            with psycopg.RawServerCursor(there, f"copy_{table}") as cursor:
                cursor.itersize = FETCHED
                cursor.execute(f"SELECT {names} FROM {table}")  # noqa: S608  names of ours
                while rows := cursor.fetchmany(FETCHED):
                    here.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)  # noqa: S608  names of ours
        here.execute("COMMIT")
        here.execute("PRAGMA journal_mode=DELETE")


def copy_in_whole(factory: PostgresFactory, source: Path) -> None:
    """Fill a database that no ledger is in with what the SQLite file *source* holds; all of it, or nothing.

    Raises:
        StorageError: A ledger, or something else, is there already; or the database failed.
        sqlite3.Error: The file cannot be read.
    """
    factory.connections.open()
    with storage_errors(), factory.connections.connect() as there, closing(_readable(source)) as here:
        with there.transaction():
            factory.schema.require_free(there)
            factory.schema.settle(there, factory.ledger, may_be_new=True)
            for table in factory.schema.tables:
                _fill(there, here, factory.schema, table)
        there.execute("ANALYZE")
    factory.connections.close()


def _readable(source: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{source}?mode=ro", uri=True)


def _fill(there: Connection, here: sqlite3.Connection, schema: PostgresSchema, table: str) -> None:
    cursor = there.cursor()
    types = schema.columns(cursor, table)
    rows = here.execute(f"SELECT {', '.join(types)} FROM {table}")  # noqa: S608  names of ours
    count = 0
    with cursor.copy(copy_in(table, types)) as copy:
        copy.set_types(list(types.values()))
        while some := rows.fetchmany(FETCHED):
            for row in some:
                copy.write_row(row)
            count += len(some)
    _go_on_counting(there, table)
    written = _only(there, f"SELECT COUNT(*) FROM {table}")  # noqa: S608  names of ours
    if written != count:
        message = f"{written} of {count} rows of {table} arrived"
        raise StorageError(message)


def _go_on_counting(there: Connection, table: str) -> None:
    """Have a column that the database numbers go on after the highest number there."""
    numbered = there.execute(
        "SELECT attname, pg_get_serial_sequence($1, attname) FROM pg_attribute "
        "WHERE attrelid=to_regclass($1) AND attidentity<>''",
        (table,),
    ).fetchall()
    for column, sequence in numbered:
        highest = _only(there, f"SELECT MAX({column}) FROM {table}")  # noqa: S608  names of ours
        if highest is not None:
            there.execute("SELECT setval($1::regclass, $2)", (sequence, highest))


def _only(there: Connection, sql: str) -> Any:  # noqa: ANN401  whatever the one column holds
    row = there.execute(sql.encode()).fetchone()
    assert row is not None  # noqa: S101  an aggregate function gives one row
    return row[0]
