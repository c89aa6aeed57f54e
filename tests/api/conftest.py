"""One served ledger for each module of tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.served import Served, open_school, serving


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve an empty ledger."""
    with serving(tmp_path_factory.mktemp("served") / "data") as one:
        yield one


@pytest.fixture(scope="module")
def school_key(served: Served) -> str:
    """The bearer key of the module's one institution, which has one micro-credential."""
    return open_school(served)
