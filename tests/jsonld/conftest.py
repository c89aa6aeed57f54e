"""One Node process for all the tests of this directory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.node.processor import Processor


@pytest.fixture(scope="session")
def node() -> Iterator[Processor]:
    """The JavaScript implementations."""
    processor = Processor()
    yield processor
    processor.close()
