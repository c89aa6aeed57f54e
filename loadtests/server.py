"""A Cairn server of its own for a measurement: started on a free loopback port, stopped by its process id."""

from __future__ import annotations

import dataclasses
import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtests.port import HOST, free_port
from loadtests.process import megabytes, processor_seconds, with_copies

START_SECONDS = 30.0


@dataclass(frozen=True)
class Server:
    """A running server and an issuer's bearer key for it."""

    port: int
    data: Path
    token: str
    pid: int = 0

    @property
    def url(self) -> str:
        """Base address."""
        return f"http://{HOST}:{self.port}"

    def processes(self) -> tuple[int, ...]:
        """The process, and the one that keeps its views up to date."""
        return with_copies(self.pid)

    def processor_seconds(self) -> float:
        """Seconds of processor time, user and system, that its processes have used so far."""
        return sum(processor_seconds(one) for one in self.processes())

    def peak_megabytes(self) -> float:
        """The most memory that each of its processes has held at once, in all; what two share counts for both."""
        return sum(megabytes(one, "VmHWM") for one in self.processes())


class Client:
    """One keep-alive connection; it sends a bearer key if the server has one. Not for use from several threads."""

    def __init__(self, server: Server) -> None:
        self._connection = http.client.HTTPConnection(HOST, server.port, timeout=120)
        self._token = server.token

    def call(self, method: str, path: str, body: object = None, key: str | None = None) -> tuple[int, Any]:
        """Make one call and return its status and decoded answer."""
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        if key is not None:
            headers["Idempotency-Key"] = key
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        self._connection.request(method, path, data, headers)
        answer = self._connection.getresponse()
        raw = answer.read()
        return answer.status, json.loads(raw) if raw else None

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def cairn(*arguments: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the ``cairn`` command that belongs to this interpreter."""
    program = str(Path(sys.executable).with_name("cairn"))
    return subprocess.run([program, *arguments], check=True, capture_output=True, text=True, env=environment)


@contextmanager
def running_server(
    data: Path, *options: str, settings: Mapping[str, str] | None = None, database: str = ""
) -> Iterator[Server]:
    """Serve *data* until the block ends, with one institution and one micro-credential in it.

    Args:
        data: The data directory.
        options: Further options of ``cairn serve``.
        settings: ``CAIRN_`` variables; without them there are no limits for clients.
        database: Address of a PostgreSQL database that its events are in; empty for a file.
    """
    port = free_port()
    environment = {**os.environ, "CAIRN_RATE_LIMIT_PER_MINUTE": "0", "CAIRN_RATE_LIMIT_BURST": "0"}
    environment.update(settings or {})
    program = str(Path(sys.executable).with_name("cairn"))
    environment["CAIRN_DATABASE"] = database
    environment["CAIRN_BASE_URL"] = f"http://{HOST}:{port}"
    with (data.parent / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [program, "serve", "--data", str(data), "--port", str(port), *options],
            env=environment,
            stdout=log,
            stderr=log,
        )
        try:
            wait_until_ready(port)
            yield dataclasses.replace(_prepare(port, data, environment), pid=process.pid)
        finally:
            process.terminate()
            process.wait(START_SECONDS)


@contextmanager
def running_mirror(ledger: Server, data: Path) -> Iterator[Server]:
    """Follow *ledger* into *data* until the block ends; it has caught up once when the block begins."""
    port = free_port()
    environment = {**os.environ, "CAIRN_RATE_LIMIT_PER_MINUTE": "0", "CAIRN_RATE_LIMIT_BURST": "0"}
    program = str(Path(sys.executable).with_name("cairn"))
    command = [program, "follow", ledger.url, "--quiet", "--data", str(data), "--port", str(port)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until_ready(port, seconds=120)
        yield Server(port, data, "", process.pid)
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def wait_until_ready(port: int, seconds: float = START_SECONDS) -> None:
    """Wait until a server says that it is ready. Raises TimeoutError after *seconds*."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        connection = http.client.HTTPConnection(HOST, port, timeout=2)
        try:
            connection.request("GET", "/readyz")
            with connection.getresponse() as answer:
                if answer.status == http.HTTPStatus.OK:
                    return
        except OSError:
            pass  # it does not listen yet
        finally:
            connection.close()
        time.sleep(0.05)
    message = f"the server on port {port} did not answer within {seconds} s"
    raise TimeoutError(message)


def _prepare(port: int, data: Path, environment: dict[str, str]) -> Server:
    operator = cairn("access", "grant", "--data", str(data), environment=environment).stdout.strip()
    root = Client(Server(port, data, operator))
    institution = {"slug": "bench", "name": "Bench University", "country": "EE", "kind": "university"}
    root.call("POST", "/v1/institutions", institution, "bench-institution")
    _, granted = root.call("POST", "/v1/institutions/bench/access-keys", {"label": "bench", "days": 1}, "bench-key")
    root.close()
    server = Server(port, data, granted["key"])
    issuer = Client(server)
    status, _ = issuer.call("POST", "/v1/achievements", {"code": "B-1", "template": TEMPLATE}, "bench-achievement")
    issuer.close()
    if status != http.HTTPStatus.CREATED:
        message = f"the server refused the bench's micro-credential with {status}"
        raise RuntimeError(message)
    return server


TEMPLATE: dict[str, Any] = {
    "title": "Measuring Things",
    "language": "en",
    "description": "How to measure without fooling oneself.",
    "credits_centi": 300,
    "eqf_level": 6,
    "outcomes": [
        {"text": "States what was measured, on what, and how often."},
        {"text": "Reports a ratio to something measured in the same run."},
    ],
    "assessment": "Practical assignment",
    "participation": "Online",
    "quality_assurance": "Institutional quality assurance",
    "criteria": "Hand in a measurement that another person can repeat.",
}


def award(number: int, learners: int = 1000) -> dict[str, Any]:
    """A claim for made-up learner *number*, one of so many."""
    return {
        "achievement": "B-1",
        "learner": {"name": f"Learner {number}", "reference": f"L-{number % learners}"},
        "awarded_on": "2026-01-31",
        "grade": "passed",
    }
