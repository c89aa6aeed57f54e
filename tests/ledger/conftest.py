"""Fixtures of the ledger's tests.

``database`` is a fresh SQLite file. A module that belongs to the storage contract imports
:func:`tests.ledger.storage.both_databases` in its place, and each of its tests then runs on PostgreSQL too.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ledger.storage import Database, SqliteDatabase
from tests.ledger.world import World, open_world, settle


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """Where the ledger of a test is kept."""
    (tmp_path / "data").mkdir(exist_ok=True)
    return SqliteDatabase(tmp_path / "data" / "ledger.db")


@pytest.fixture
def empty_world(tmp_path: Path, database: Database) -> Iterator[World]:
    """A ledger in which nothing has happened."""
    world = open_world(tmp_path, database=database)
    yield world
    world.close()


@pytest.fixture
def world(empty_world: World) -> World:
    """A ledger with one institution and one achievement."""
    return settle(empty_world)
