"""Fixtures of the ledger's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ledger.world import World, open_world, settle


@pytest.fixture
def empty_world(tmp_path: Path) -> Iterator[World]:
    """A ledger in which nothing has happened."""
    world = open_world(tmp_path)
    yield world
    world.close()


@pytest.fixture
def world(empty_world: World) -> World:
    """A ledger with one institution and one achievement."""
    return settle(empty_world)
