"""`cairn serve --demo` as a newcomer meets it: a real process that is started, killed, and started again."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from anchoring.lock import SequencerLock
from api.demo.closing import read_summary
from api.log_node import LOCK_FILE
from loadtests.port import free_port

CAIRN = Path(sys.executable).with_name("cairn")
FIRST_ANSWER_SECONDS = 5.0
PATIENCE_SECONDS = 120.0
# Machines that run several tests at once are slower than a newcomer's.
SLACK = 12.0


class Start:
    """One `cairn serve --demo` process."""

    def __init__(self, data: Path, port: int) -> None:
        self.began = time.monotonic()
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10.0)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CAIRN_")}
        self.process = subprocess.Popen(
            [CAIRN, "serve", "--demo", "--quiet", "--data", data, "--port", str(port)],
            env={**environment, "NO_COLOR": "1", "COLUMNS": "80"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def answer(self, until: Callable[[httpx.Response], bool]) -> tuple[httpx.Response, float]:
        """Ask for readiness until the answer is as wanted; return it and when it came, in seconds since the start."""
        while time.monotonic() - self.began < PATIENCE_SECONDS:
            assert self.process.poll() is None, self.process.communicate()
            try:
                found = self.http.get("/readyz")
            except httpx.TransportError:
                time.sleep(0.02)
                continue
            if until(found):
                return found, time.monotonic() - self.began
            time.sleep(0.05)
        raise AssertionError("the server did not answer as wanted in time")

    def end(self, how: signal.Signals) -> tuple[int, str, str]:
        """End the process; return its exit code and what it wrote to standard output and error."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        output, errors = self.process.communicate(timeout=PATIENCE_SECONDS)
        self.http.close()
        return self.process.returncode, output, errors


@pytest.fixture
def start(tmp_path: Path, free_tcp_port: int) -> Iterator[Callable[[], Start]]:
    started: list[Start] = []

    def begin() -> Start:
        started.append(Start(tmp_path / "demo", free_tcp_port))
        return started[-1]

    yield begin
    for one in started:
        one.end(signal.SIGKILL)


@pytest.fixture
def free_tcp_port() -> int:
    return free_port()


def is_filling(answer: httpx.Response) -> bool:
    return bool(answer.json().get("progress", {}).get("done", 0) > 100)


def is_ready(answer: httpx.Response) -> bool:
    return answer.status_code == httpx.codes.OK


@pytest.mark.slow
def test_demo_server_fills_anew_when_it_was_killed_and_keeps_the_data_when_it_is_started_again(
    tmp_path: Path, start: Callable[[], Start]
) -> None:
    data = tmp_path / "demo"
    killed = start()
    first, seconds = killed.answer(lambda _: True)
    assert first.status_code == httpx.codes.SERVICE_UNAVAILABLE
    assert seconds < FIRST_ANSWER_SECONDS * SLACK
    killed.answer(is_filling)
    killed.end(signal.SIGKILL)
    assert not data.exists()
    assert data.with_name("demo.filling").exists()

    filled = start()
    filled.answer(is_ready)
    code, output, errors = filled.end(signal.SIGTERM)
    awards = read_summary(data)
    assert code == 0
    assert awards
    assert not data.with_name("demo.filling").exists()
    assert all(one.credential in output and one.verdict.upper() in output for one in awards)
    assert output.isascii()  # no box drawing off a terminal
    assert "Serving" in errors

    again = start()
    again.answer(is_ready)
    page = again.http.get(f"/v1/credentials/{awards[0].credential}/status")
    assert page.json()["verdict"] == awards[0].verdict
    assert again.end(signal.SIGTERM)[0] == 0
    assert read_summary(data) == awards


def test_demo_server_stops_at_once_and_leaves_nothing_when_it_is_asked_to_while_filling(
    tmp_path: Path, start: Callable[[], Start]
) -> None:
    process = start()
    process.answer(is_filling)
    code, _, errors = process.end(signal.SIGINT)
    assert code == 0
    assert "the next start makes it anew" in errors
    assert not (tmp_path / "demo").exists()
    assert not (tmp_path / "demo.filling").exists()


def test_demo_server_writes_nothing_when_its_port_is_taken(
    tmp_path: Path, free_tcp_port: int, start: Callable[[], Start]
) -> None:
    with socket.create_server(("127.0.0.1", free_tcp_port)):
        process = start()
        process.process.wait(PATIENCE_SECONDS)
    code, _, errors = process.end(signal.SIGTERM)
    assert code == 3
    assert f"cannot listen on 127.0.0.1 port {free_tcp_port}" in errors
    assert list(tmp_path.iterdir()) == []


def test_demo_server_leaves_the_work_of_another_alone_when_that_is_filling(
    tmp_path: Path, start: Callable[[], Start]
) -> None:
    theirs = tmp_path / "demo.filling"
    theirs.mkdir()
    (theirs / "ledger.db").write_bytes(b"half")
    with SequencerLock(theirs / LOCK_FILE):
        process = start()
        process.process.wait(PATIENCE_SECONDS)
        code, _, errors = process.end(signal.SIGTERM)
        assert code == 3
        assert "another process is filling" in errors
        assert (theirs / "ledger.db").read_bytes() == b"half"
    shutil.rmtree(theirs)
