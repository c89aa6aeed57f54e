"""An attack by slow clients: many that send a head, or a body, a byte a second, or do not read what they asked for.

After a quarter of the time they come, all at once, and stay. A connection that the server ends is made again.
"""

from __future__ import annotations

import socket
import time
from urllib.parse import urlsplit

from locust import User, task

from loadtests.scenario.record import ATTACK
from loadtests.scenario.world import RECORD, WORLD, Issuer, Visitor, has_begun

EACH = max(1, WORLD.attackers // 3)
LOOK_SECONDS = 0.2
PACE_SECONDS = 1.0
READ_BUFFER_BYTES = 2_304
"""The smallest that Linux gives."""
ASKED_AT_ONCE = 20
_HEAD = "{first} HTTP/1.1\r\nHost: ledger.example\r\n"


class SlowClient(User):
    """One connection of the attack."""

    abstract = True
    kind = ""

    def begin(self) -> bytes:
        """What is sent at once."""
        raise NotImplementedError

    def go_on(self, connection: socket.socket) -> None:
        """Do one more little thing."""
        raise NotImplementedError

    def wait_time(self) -> float:
        """Look whether it is time to begin."""
        return LOOK_SECONDS

    @task
    def attack(self) -> None:
        """Hold a connection for as long as the server lets it be."""
        if not has_begun():
            return
        place = urlsplit(self.host or "")
        begun = time.perf_counter()
        try:
            with socket.socket() as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, READ_BUFFER_BYTES)
                connection.settimeout(PACE_SECONDS)
                connection.connect((place.hostname, place.port))
                connection.sendall(self.begin())
                RECORD.add(f"{ATTACK}{self.kind}, connected", (time.perf_counter() - begun) * 1_000)
                while True:
                    self.go_on(connection)
                    time.sleep(PACE_SECONDS)
        except OSError:
            RECORD.add(f"{ATTACK}{self.kind}, ended by the server", (time.perf_counter() - begun) * 1_000)


class SlowHead(SlowClient):
    """Never comes to the end of its header fields."""

    fixed_count = EACH
    kind = "slow head"

    def begin(self) -> bytes:
        """Request line and the beginning of a field."""
        return (_HEAD.format(first="GET /v1/institutions") + "X-Slow: ").encode()

    def go_on(self, connection: socket.socket) -> None:
        """Send one byte more of it."""
        connection.sendall(b"a")


class SlowBody(SlowClient):
    """Never comes to the end of its body."""

    fixed_count = EACH
    kind = "slow body"

    def begin(self) -> bytes:
        """A whole head."""
        fields = "Content-Type: application/json\r\nContent-Length: 200000\r\n\r\n"
        return (_HEAD.format(first="POST /v1/verify") + fields + '{"a":"').encode()

    def go_on(self, connection: socket.socket) -> None:
        """Send one byte more."""
        connection.sendall(b"a")


class SlowReader(SlowClient):
    """Asks for much and reads a byte a second."""

    fixed_count = EACH
    kind = "slow reader"

    def begin(self) -> bytes:
        """Requests for 2 MB of the log, one behind the other."""
        return (_HEAD.format(first="GET /log/tile/entries/000") + "\r\n").encode() * ASKED_AT_ONCE

    def go_on(self, connection: socket.socket) -> None:
        """Read one byte, if one has come."""
        try:
            if not connection.recv(1):
                raise ConnectionResetError
        except TimeoutError:
            pass  # the server is at others; the connection stands


class Person(Visitor):
    """Somebody else."""

    fixed_count = 40


class Office(Issuer):
    """Goes on issuing."""

    fixed_count = 1
