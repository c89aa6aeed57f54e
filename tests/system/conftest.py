"""One served ledger for each module of tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.system.school import Caller, open_school
from tests.system.serving import Serving
from tests.system.suite_server import SuiteServing


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


@pytest.fixture(scope="package")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SuiteServing]:
    """Serve over https as for the public suites, once for all tests of the VC-API."""
    directory = tmp_path_factory.mktemp("https")
    server = SuiteServing(directory / "data", directory / "home")
    server.start()
    yield server
    server.close()
