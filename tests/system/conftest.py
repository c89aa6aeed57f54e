"""One served ledger for each module of tests, and the choice of long tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.system.school import Caller, open_school
from tests.system.serving import Serving

SOAK = "soak"


def pytest_configure(config: pytest.Config) -> None:
    """Name the mark of tests that run for long."""
    config.addinivalue_line("markers", f"{SOAK}: runs for many minutes; only with -m {SOAK}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long tests out unless the command line asks for them by their mark."""
    if SOAK in str(config.getoption("-m")):
        return
    long = [item for item in items if item.get_closest_marker(SOAK) is not None]
    items[:] = [item for item in items if item.get_closest_marker(SOAK) is None]
    config.hook.pytest_deselected(items=long)


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """Serve an empty ledger for the tests of one module."""
    directory = tmp_path_factory.mktemp("served")
    server = Serving(directory / "data", directory / "home")
    server.start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def school(serving: Serving) -> Caller:
    """The caller that issues for the module's one institution."""
    return open_school(serving)
