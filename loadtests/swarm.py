"""Many clients on one thread: each has a connection of its own and sends its next request when it has its answer.

Threads would take turns at the interpreter and measure themselves: 64 of them cost more processor time a request than
the server does. Here the whole of a request is two system calls and some slicing.
"""

from __future__ import annotations

import json
import selectors
import socket
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any

from loadtests.port import HOST
from loadtests.server import Server

CREATED = 201
_HEAD_END = b"\r\n\r\n"
_READ_BYTES = 65_536


@dataclass(frozen=True)
class Pace:
    """What came of it.

    Attributes:
        per_second: Requests answered.
        p50_ms: Half of them within.
        p99_ms: All but one in a hundred within.
        kept: What was to be kept of each answer, in the order in which they came.
    """

    per_second: float
    p50_ms: float
    p99_ms: float
    kept: list[str]


class _Connection:
    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection((HOST, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.begun = 0.0
        self.received = bytearray()
        self.whole = 0  # bytes of the whole answer, once its head is there

    def send(self, request: bytes) -> None:
        self.begun, self.received, self.whole = time.perf_counter(), bytearray(), 0
        self.socket.sendall(request)

    def answer(self) -> tuple[int, bytes] | None:
        """Read what is there; status and body when the answer is complete."""
        read = self.socket.recv(_READ_BYTES)
        if not read:
            message = "the server closed a connection in the middle of an answer"
            raise ConnectionError(message)
        self.received += read
        if not self.whole:
            end = self.received.find(_HEAD_END)
            if end < 0:
                return None
            head = bytes(self.received[:end]).lower()
            length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
            self.whole = end + len(_HEAD_END) + length
        if len(self.received) < self.whole:
            return None
        status = int(self.received[9:12])
        return status, bytes(self.received[self.received.find(_HEAD_END) + len(_HEAD_END) :])


def post(server: Server, path: str, body: Any, key: str) -> bytes:  # noqa: ANN401  any JSON value
    """A whole request with an ``Idempotency-Key``."""
    content = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {HOST}:{server.port}\r\nAuthorization: Bearer {server.token}\r\n"
        f"Content-Type: application/json\r\nIdempotency-Key: {key}\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


def swarm(server: Server, clients: int, requests: list[bytes], *, keep: Callable[[bytes], str] | None = None) -> Pace:
    """Send *requests* over as many connections as there are *clients*; each must be answered with 201."""
    selector = selectors.DefaultSelector()
    waiting = iter(requests)
    times: list[float] = []
    kept: list[str] = []
    begin = time.perf_counter()
    for request in islice(waiting, clients):
        connection = _Connection(server.port)
        selector.register(connection.socket, selectors.EVENT_READ, connection)
        connection.send(request)
    while len(times) < len(requests):
        for chosen, _ in selector.select():
            connection = chosen.data
            answer = connection.answer()
            if answer is None:
                continue
            times.append(time.perf_counter() - connection.begun)
            status, body = answer
            if status != CREATED:
                message = f"the server answered {status} where {CREATED} was due: {body[:300]!r}"
                raise RuntimeError(message)
            if keep is not None:
                kept.append(keep(body))
            following = next(waiting, None)
            if following is not None:
                connection.send(following)
    took = time.perf_counter() - begin
    for chosen in list(selector.get_map().values()):
        chosen.data.socket.close()
    parts = statistics.quantiles(times, n=100) if len(times) > 1 else times * 99
    return Pace(len(requests) / took, parts[49] * 1000, parts[98] * 1000, kept)
