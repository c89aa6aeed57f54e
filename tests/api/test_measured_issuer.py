"""What an outside measurer finds who asks with a key, in a file of its own so that both can be asked at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.api.measuring import FEW, MANY, measure


def test_outside_measurer_finds_nothing_when_it_tries_every_operation_with_a_key(tmp_path: Path) -> None:
    measure(tmp_path, with_key=True, cases=FEW)


@pytest.mark.soak
def test_outside_measurer_finds_nothing_when_it_tries_every_boundary_with_a_key(tmp_path: Path) -> None:
    measure(tmp_path, with_key=True, cases=MANY)
