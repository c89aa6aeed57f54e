"""What holds for every test: no network but loopback, and Hypothesis without a stop-watch.

A test that reaches for another machine fails on the spot, with the address in the message.
"""

import ipaddress
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

import api.evidence
import api.node
import api.status_prefix
from tests.postgres import PostgresServer

_LOCAL_NAMES = {"", "localhost"}
_PATIENT_SECONDS = 30.0
_LONGEST = ("test_many_machines.py", "system", "browser", "deploy", "loadtests", "demo", "audit")
"""Files and directories of tests that run for minutes, the longest first."""


def _is_local(host: object) -> bool:
    if host is None:
        return True
    name = host.decode() if isinstance(host, bytes) else str(host)
    if name in _LOCAL_NAMES:
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _refuse_other_machines(event: str, arguments: tuple[object, ...]) -> None:
    if event in {"socket.connect", "socket.sendto"}:
        address = arguments[1]
        # A Unix socket's address is a path, not a tuple.
        if isinstance(address, tuple) and not _is_local(address[0]):
            message = f"a test reached for {address!r}; tests use loopback alone"
            raise RuntimeError(message)
    elif event == "socket.getaddrinfo" and not _is_local(arguments[0]):
        message = f"a test looked up {arguments[0]!r}; tests use loopback alone"
        raise RuntimeError(message)


def _turn(path: Path) -> int:
    return next((turn for turn, name in enumerate(_LONGEST) if name in {path.name, path.parent.name}), len(_LONGEST))


def pytest_configure() -> None:
    """Put both in force before the first test is collected."""
    sys.addaudithook(_refuse_other_machines)
    # Time limits per example fail on a busy machine and say nothing about the code.
    settings.register_profile("desk", deadline=None)
    settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
    settings.load_profile("ci" if os.environ.get("CI") else "desk")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the tests of many minutes out unless the command line asks for them by their mark; begin with the longest.

    Workers take whole files in this order (``--no-loadscope-reorder``), so none is left with a long one at the end.
    """
    items.sort(key=lambda item: _turn(item.path))
    if "soak" in str(config.getoption("-m")):
        return
    left_out = [item for item in items if item.get_closest_marker("soak") is not None]
    if left_out:
        items[:] = [item for item in items if item.get_closest_marker("soak") is None]
        config.hook.pytest_deselected(items=left_out)


@pytest.fixture(scope="session", autouse=True)
def _patience() -> Iterator[None]:
    """Have a ledger in this process wait longer for its views and its log, on a machine that stands still at times.

    What a server does that has waited long enough is promised, and would be another answer than the one that is tested.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api.node, "VISIBLE_SECONDS", _PATIENT_SECONDS)
        for module in (api.evidence, api.node, api.status_prefix):
            patch.setattr(module, "WAIT_SECONDS", _PATIENT_SECONDS)
        yield


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server for the tests of this process, started when the first of them asks for it."""
    server = PostgresServer()
    server.start()
    yield server
    server.close()
