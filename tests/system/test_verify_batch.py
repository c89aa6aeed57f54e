"""Batches over real connections: answers while the rest is sent, and clients that go away or do not read."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.system.school import Caller, claim, evidence, open_school
from tests.system.serving import Serving

SECONDS: Final = 20.0
HEAD: Final = (
    b"POST /v1/verify/batch HTTP/1.1\r\nhost: ledger.test\r\ncontent-type: application/x-ndjson\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)
LARGE: Final = b'{"x":"%b"}\n' % (b"x" * 60_000)


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    directory = tmp_path_factory.mktemp("batch")
    settings = {"CAIRN_VERIFY_BATCH_QUIET_SECONDS": "2", "CAIRN_VERIFY_BATCH_BYTES": "20000000"}
    server = Serving(directory / "data", directory / "home", settings)
    server.start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def school(serving: Serving) -> Caller:
    return open_school(serving)


@pytest.fixture(scope="module")
def awards(serving: Serving, school: Caller) -> list[str]:
    made = school.post("/v1/credentials", {"credentials": [claim(f"Learner {n}") for n in range(200)]}).json()
    ids = [one["id"] for one in made["credentials"]]
    evidence(serving, ids[-1])
    return ids


class Batch:
    """One batch over a connection of its own, sent in pieces and read in lines.

    Args:
        serving: The server.
        receive_bytes: Room for what was not read yet; None for what the system gives.
    """

    def __init__(self, serving: Serving, receive_bytes: int | None = None) -> None:
        self.socket = socket.socket()
        if receive_bytes is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.settimeout(SECONDS)
        self.socket.connect(("127.0.0.1", serving.port))
        self.socket.sendall(HEAD)
        self._file = self.socket.makefile("rb")
        self.status = 0

    def send(self, piece: bytes) -> None:
        self.socket.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))

    def end(self) -> None:
        self.socket.sendall(b"0\r\n\r\n")

    def line(self) -> dict[str, Any] | None:
        """Read the next line; None at the end."""
        if not self.status:
            self.status = int(self._file.readline().split()[1])
            while self._file.readline() != b"\r\n":
                pass
        size = int(self._file.readline(), 16)
        body = self._file.read(size + 2)
        found: dict[str, Any] | None = json.loads(body) if size else None
        return found

    def close(self) -> None:
        self._file.close()
        self.socket.close()


def in_flight(serving: Serving) -> int:
    found = re.search(r"^cairn_http_requests_in_flight ([0-9.]+)", serving.http.get("/metrics").text, re.MULTILINE)
    assert found is not None
    return int(float(found[1])) - 1  # the question itself


def wait_until_idle(serving: Serving) -> float:
    begun = time.monotonic()
    while in_flight(serving):
        assert time.monotonic() - begun < SECONDS
        time.sleep(0.05)
    return time.monotonic() - begun


def test_lines_are_answered_while_others_are_sent(serving: Serving, awards: list[str]) -> None:
    batch = Batch(serving)
    for number, award in enumerate(awards[:5], 1):
        batch.send(f'"{award}"\n'.encode())
        told = batch.line()
        assert told is not None
        assert (told["line"], told["report"]["verdict"]) == (number, "valid")
    batch.end()
    assert batch.line() == {"end": "complete", "answered": 5}
    assert batch.line() is None
    batch.close()


def test_batch_ends_soon_when_its_client_has_gone(serving: Serving, awards: list[str]) -> None:
    batch = Batch(serving)
    for _ in range(50):
        batch.send("".join(f'"{award}"\n' for award in awards).encode())
    batch.end()
    assert batch.line() is not None
    assert in_flight(serving) == 1
    batch.close()
    assert wait_until_idle(serving) < 8.0


def test_client_that_does_not_read_is_broken_off(serving: Serving, awards: list[str]) -> None:
    batch = Batch(serving, receive_bytes=4_096)
    lines = "".join(f'"{award}"\n' for award in awards).encode()
    with pytest.raises((ConnectionResetError, BrokenPipeError)):  # noqa: PT012  whichever piece it happens at
        for _ in range(100):
            batch.send(lines)
            batch.send(LARGE * 10)
    assert wait_until_idle(serving) < 8.0
    batch.close()


def test_status_is_answered_while_batches_are_under_way(serving: Serving, awards: list[str]) -> None:
    batches = [Batch(serving), Batch(serving)]
    for batch in batches:
        for _ in range(50):
            batch.send("".join(f'"{award}"\n' for award in awards).encode())
        batch.end()
    waited = []
    for award in awards[:60]:
        begun = time.monotonic()
        assert serving.http.get(f"/v1/credentials/{award}/status").json()["verdict"] == "valid"
        assert serving.http.get("/v1/institutions").is_success  # and what takes a thread
        waited.append(time.monotonic() - begun)
    assert in_flight(serving) == 2
    assert sorted(waited)[len(waited) // 2] < 1.0
    for batch in batches:
        batch.close()
    wait_until_idle(serving)


def test_client_gets_to_know_of_the_limit_though_it_goes_on_sending(serving: Serving, awards: list[str]) -> None:
    batch = Batch(serving)
    batch.send(f'"{awards[0]}"\n'.encode())
    assert batch.line() is not None
    for _ in range(30):
        batch.send(LARGE)
        assert batch.line() is not None
    for _ in range(320):
        batch.send(b"\n" + b"x" * 60_000)  # one line after another that is passed over
    batch.end()
    last: dict[str, Any] = {}
    while (told := batch.line()) is not None:
        last = told
    assert (last["end"], last["problem"]["limit"]) == ("cut-off", "bytes")
    assert last["next_line"] == last["answered"] + 2  # after the empty line
    batch.close()


def test_batch_is_told_where_to_go_on_when_the_server_stops(tmp_path: Path) -> None:
    server = Serving(tmp_path / "data", tmp_path / "home")
    server.start()
    busy, quiet = Batch(server), Batch(server)
    try:
        busy.send(b"nonsense\n" * 10_000)
        quiet.send(b"nonsense\n")
        assert busy.line() is not None
        assert quiet.line() is not None
        begun = time.monotonic()
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        end = quiet.line()
        assert end is not None
        assert (end["end"], end["problem"]["limit"], end["next_line"]) == ("cut-off", "stop", 2)
        quiet.end()
        while (told := busy.line()) is not None:
            end = told
            if "end" in told:
                busy.end()
        assert end["next_line"] == end["answered"] + 1 < 10_001
        for batch in (busy, quiet):
            batch.close()
        stopping.join()
        assert time.monotonic() - begun < 9
        assert "Traceback" not in server.output_file.read_text()
    finally:
        server.close()
