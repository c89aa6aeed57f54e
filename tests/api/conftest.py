"""Served ledgers: a small one for each module of tests, and the demonstration for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from api.demo.filling import ORIGIN, fill
from api.ledger_node import system_clock
from api.setting import Settings
from tests.api.served import BASE, Served, open_school, serving

DESK_PATIENCE_SECONDS: Final = 60
DESK_ROUTES: Final = ("desk_list", "desk_award", "desk_pathway", "desk_replacement")


@pytest.fixture(autouse=True)
def patient_desk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The desk waits for what it has begun, however busy the machine is, instead of answering that it goes on."""
    for name in DESK_ROUTES:
        monkeypatch.setattr(f"api.route.{name}.PATIENCE_SECONDS", DESK_PATIENCE_SECONDS)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve an empty ledger."""
    with serving(tmp_path_factory.mktemp("served") / "data") as one:
        yield one


@pytest.fixture(scope="module")
def school_key(served: Served) -> str:
    """The bearer key of the module's one institution, which has one micro-credential."""
    return open_school(served)


@pytest.fixture(scope="session")
def demonstration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve the demonstration, whole."""
    data = tmp_path_factory.mktemp("demonstration") / "data"
    settings = Settings(data_dir=data, base_url=BASE, origin=ORIGIN, demonstration=True)
    fill(settings, system_clock(), lambda _done, _of: None)
    with serving(data, origin=ORIGIN, demonstration=True) as one:
        yield one
