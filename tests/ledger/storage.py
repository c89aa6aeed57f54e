"""The databases that the storage contract is tested on."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import psycopg
import pytest

from ledger.postgres_dialect import translate
from ledger.postgres_store import PostgresFactory
from ledger.sqlite_store import SqliteFactory
from ledger.store import LedgerFactory, LedgerRecorder
from tests.postgres import PostgresServer


class Database(Protocol):
    """One place for the data of one ledger, empty at first."""

    def factory(self, schema: Sequence[str]) -> LedgerFactory:
        """What opens it."""
        ...

    def alter(self, sql: str, parameters: tuple[Any, ...] = ()) -> None:
        """Change stored rows behind the ledger's back."""
        ...

    def word(self) -> str:
        """It in one word, for another process; see :func:`named`."""
        ...

    def stored(self) -> bytes:
        """The bytes of every file that it is kept in."""
        ...


class SqliteDatabase:
    """A file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def factory(self, schema: Sequence[str]) -> SqliteFactory:
        return SqliteFactory(self.path, schema)

    def alter(self, sql: str, parameters: tuple[Any, ...] = ()) -> None:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            connection.execute(sql, parameters)

    def word(self) -> str:
        return str(self.path)

    def stored(self) -> bytes:
        return b"".join(file.read_bytes() for file in sorted(self.path.parent.glob(f"{self.path.name}*")))


class PostgresDatabase:
    """A schema of a server."""

    def __init__(self, address: str, server: PostgresServer | None = None) -> None:
        self.address = address
        self.server = server
        self.ledger = "the ledger of a test"

    def factory(self, schema: Sequence[str]) -> PostgresFactory:
        return PostgresFactory(self.address, schema, ledger=self.ledger)

    def alter(self, sql: str, parameters: tuple[Any, ...] = ()) -> None:
        with psycopg.connect(self.address, autocommit=True, cursor_factory=psycopg.RawCursor) as connection:
            connection.execute(translate(sql), parameters)

    def word(self) -> str:
        return self.address

    def stored(self) -> bytes:
        assert self.server is not None
        self.server.execute("CHECKPOINT")
        files = [file for file in (self.server.directory / "data").rglob("*") if file.is_file()]
        return b"".join(file.read_bytes() for file in files)


def named(word: str) -> Database:
    """The database that another process has named."""
    return PostgresDatabase(word) if word.startswith("postgresql://") else SqliteDatabase(Path(word))


class Opened:
    """Recorders that a test opens on one database, and that are closed with it.

    Args:
        database: Where the data is.
        schema: Its tables.
    """

    def __init__(self, database: Database, schema: Sequence[str]) -> None:
        self.database = database
        self.schema = schema
        self._open: list[tuple[LedgerFactory, LedgerRecorder]] = []

    def open(self) -> LedgerRecorder:
        """Open the database once more, beside those that are open."""
        factory = self.database.factory(self.schema)
        self._open.append((factory, factory.application_recorder()))
        return self._open[-1][1]

    def close(self) -> None:
        """Close all that are open."""
        while self._open:
            factory, recorder = self._open.pop()
            recorder.close()
            factory.close()


@pytest.fixture(name="database", params=["sqlite", "postgresql"])
def both_databases(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """A fresh database, one of each kind. A module that imports it runs its tests on both."""
    if request.param == "sqlite":
        (tmp_path / "data").mkdir(exist_ok=True)
        return SqliteDatabase(tmp_path / "data" / "ledger.db")
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return PostgresDatabase(server.fresh_schema(), server)
