"""Fixtures of the ledger's tests, and the mark of the long crash test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ledger.world import World, open_world, settle


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "soak: minutes of kill -9; chosen with -m soak, left out otherwise")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the soak out unless the command line speaks of it."""
    if "soak" in config.getoption("markexpr"):
        return
    left_out = [item for item in items if item.get_closest_marker("soak")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


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
