"""A real local chain: anvil, as npm installs it."""

import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final

import pytest

from anchoring.evm import Rpc
from loadtests.port import free_port

PROGRAMS: Final = Path(__file__).parents[1] / "anvil" / "node_modules" / "@foundry-rs"
ACCOUNT: Final = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"
"""The first account of every fresh anvil; it signs for it."""
CHAIN_ID: Final = 31_337
START_SECONDS: Final = 30.0


def rpc_to(port: int) -> Rpc:
    """Return the way to a node on a loopback port."""

    def call(method: str, arguments: Sequence[Any]) -> Any:  # noqa: ANN401  what JSON can hold
        connection = HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(arguments)}
            connection.request("POST", "/", json.dumps(body), {"Content-Type": "application/json"})
            answer = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["result"]

    return call


@contextmanager
def local_chain() -> Iterator[int]:
    """Run a chain of its own and yield its port."""
    found = [path for path in PROGRAMS.glob("anvil-*/bin/anvil*") if path.is_file()]
    if not found:
        pytest.fail("anvil is missing; install it with «make test-setup»")
    port = free_port()
    process = subprocess.Popen([found[0], "--port", str(port), "--silent"], stdin=subprocess.DEVNULL)
    try:
        _wait(port)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def _wait(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            rpc_to(port)("eth_chainId", [])
        except OSError:
            assert time.monotonic() < deadline, "anvil does not answer"
            time.sleep(0.05)
        else:
            return
