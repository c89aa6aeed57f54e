"""How soon a verification process of its own serves what the issuer's process has answered.

A mirror follows the ledger over its public files. Awards are issued and revoked one after the other while clients ask
both for the status of others; the time runs from the ledger's answer until the mirror shows the change.
"""

from __future__ import annotations

import itertools
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtests.server import Client, Server, award, running_mirror

CHANGES = 120
READERS = 2
PAUSE_SECONDS = 0.005
PATIENCE_SECONDS = 30.0


@dataclass(frozen=True)
class Freshness:
    """What was found.

    Attributes:
        changes: How many changes were waited for.
        p50_ms: Half of them were served by the mirror within.
        p99_ms: All but one in a hundred within.
        reads_per_second: Look-ups that were answered meanwhile, by both together.
    """

    changes: int
    p50_ms: float
    p99_ms: float
    reads_per_second: float


def measure_freshness(server: Server, place: Path) -> Freshness:
    """Revoke awards of *server* and wait for each on a mirror of it.

    Raises:
        TimeoutError: The mirror did not show a change within :data:`PATIENCE_SECONDS`.
    """
    issuer = Client(server)
    status, made = issuer.call(
        "POST", "/v1/credentials", {"credentials": [award(number) for number in range(CHANGES + 1)]}, "fresh"
    )
    if status != 201:
        message = f"awards were answered with {status}"
        raise RuntimeError(message)
    *ids, other = [one["id"] for one in made["credentials"]]
    with running_mirror(server, place / "mirror") as mirror:
        reader = Client(mirror)
        _wait_for(reader, other, "valid")
        with _readers([server, mirror], other) as counts:
            begin = time.perf_counter()
            took = [_revoked(issuer, reader, one) for one in ids]
            seconds = time.perf_counter() - begin
        reader.close()
    issuer.close()
    cuts = statistics.quantiles(took, n=100, method="inclusive")
    return Freshness(len(took), cuts[49] * 1e3, cuts[98] * 1e3, sum(counts) / seconds)


def _revoked(issuer: Client, reader: Client, public_id: str) -> float:
    """Revoke an award; returns the seconds from the answer until the mirror says so."""
    status, _ = issuer.call("POST", f"/v1/credentials/{public_id}/revocation", {"reason": "other"}, f"r-{public_id}")
    answered = time.perf_counter()
    if status != 200:
        message = f"a revocation was answered with {status}"
        raise RuntimeError(message)
    _wait_for(reader, public_id, "invalid")
    return time.perf_counter() - answered


def _wait_for(reader: Client, public_id: str, verdict: str) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        _, answer = reader.call("GET", f"/v1/credentials/{public_id}/status")
        if answer.get("verdict") == verdict:
            return
        time.sleep(PAUSE_SECONDS)
    message = f"the mirror did not say {verdict} within {PATIENCE_SECONDS:.0f} s"
    raise TimeoutError(message)


@contextmanager
def _readers(servers: list[Server], public_id: str) -> Iterator[list[int]]:
    """Have clients ask each of *servers* on and on; their counts are there when the block has ended."""
    over, counts = threading.Event(), [0] * (READERS * len(servers))

    def read(number: int, server: Server) -> None:
        client = Client(server)
        while not over.is_set():
            client.call("GET", f"/v1/credentials/{public_id}/status")
            counts[number] += 1
        client.close()

    readers: list[Any] = [
        threading.Thread(target=read, args=(number, server))
        for number, server in enumerate(itertools.chain.from_iterable([one] * READERS for one in servers))
    ]
    for reader in readers:
        reader.start()
    try:
        yield counts
    finally:
        over.set()
        for reader in readers:
            reader.join()
