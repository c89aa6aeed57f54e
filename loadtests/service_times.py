"""Service times of a ledger for the simulation of docs/scale.md: shapes by the clock, means by processor time.

    python -m loadtests.service_times > loadtests/service_times.json

One connection asks at a time, so that nobody waits for anybody: what is left is the time of the service, of the client,
and of whatever else the machine did. Therefore the shape alone is taken from the clock (hundredths, as multiples of
their mean), and the mean from the processor time that the serving processes used. What the sequencer takes is read from
the server's own log: one line for each checkpoint.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from loadtests.front import running_front
from loadtests.load import filled
from loadtests.server import Client, Server, award, processor_seconds, running_server
from loadtests.swarm import post, swarm

AWARDS = 20_000
LOOK_UPS = 20_000
FILES = 500
SINGLES = 400
GROUPED = 3_200
BATCHES = 24
BATCH = 1_000
WAITS = 60


def measured(processes: tuple[int, ...], count: int, call: Callable[[int], None]) -> dict[str, Any]:
    """Carry out *call* so many times, one after the other.

    Returns:
        ``mean_us`` of processor time, ``clock_us`` on the clock, and the shape: 99 hundredths as multiples of the mean.
    """
    times = []
    used = sum(processor_seconds(one) for one in processes)
    for number in range(count):
        begin = time.perf_counter()
        call(number)
        times.append(time.perf_counter() - begin)
    used = sum(processor_seconds(one) for one in processes) - used
    mean = statistics.fmean(times)
    shape = [round(part / mean, 4) for part in statistics.quantiles(times, n=100, method="inclusive")]
    return {"count": count, "mean_us": round(used / count * 1e6, 1), "clock_us": round(mean * 1e6, 1), "shape": shape}


def _get(client: Client, path: str) -> None:
    status, _ = client.call("GET", path)
    assert status == 200, (path, status)


def _looked_up(server: Server, ids: list[str], place: Path) -> dict[str, Any]:
    """Look-ups: straight, from nginx's cache, and evidence files."""
    direct = Client(replace(server, token=""))
    found = {
        "status": measured(
            (server.pid,), LOOK_UPS, lambda number: _get(direct, f"/v1/credentials/{ids[number % len(ids)]}/status")
        ),
        "evidence": measured(
            (server.pid,), FILES, lambda number: _get(direct, f"/v1/credentials/{ids[number % len(ids)]}/evidence")
        ),
    }
    with running_front(place / "front", ledger=server.port, root=server.data, is_limited=False) as front:
        through = Client(replace(server, token="", port=front.port))
        found["status_kept"] = measured(
            front.workers, LOOK_UPS, lambda _: _get(through, f"/v1/credentials/{ids[0]}/status")
        )
        found["status_not_kept"] = measured(
            (*front.workers, server.pid), FILES, lambda n: _get(through, f"/v1/credentials/{ids[-1 - n]}/status")
        )
        through.close()
    direct.close()
    return found


def _issued(server: Server) -> dict[str, Any]:
    """Awards one by one, many at once, and in batches."""
    client = Client(server)

    def one(number: int) -> None:
        status, _ = client.call("POST", "/v1/credentials", award(number), f"one-{number}")
        assert status == 201

    def many(number: int) -> None:
        body = {"credentials": [award(number * BATCH + place, 100_000) for place in range(BATCH)]}
        status, _ = client.call("POST", "/v1/credentials", body, f"many-{number}")
        assert status == 201

    found = {"award": measured((server.pid,), SINGLES, one), "batch": measured((server.pid,), BATCHES, many)}
    client.close()
    for clients in (16, 64):
        requests = [post(server, "/v1/credentials", award(n), f"group-{clients}-{n}") for n in range(GROUPED)]
        used = processor_seconds(server.pid)
        pace = swarm(server, clients, requests)
        used = (processor_seconds(server.pid) - used) / GROUPED * 1e6
        found[f"award_{clients}_clients"] = {
            "count": GROUPED,
            "mean_us": round(used, 1),
            "clock_us": round(1e6 / pace.per_second, 1),
            "shape": [],
        }
    return found


def _published(server: Server) -> list[float]:
    """Milliseconds from the answer to an award until there is evidence, one award at a time; in order."""
    client, waits = Client(server), []
    for number in range(WAITS):
        status, made = client.call("POST", "/v1/credentials", award(number), f"waited-{number}")
        assert status == 201
        begin = time.perf_counter()
        _get(client, f"/v1/credentials/{made['id']}/evidence")
        waits.append((time.perf_counter() - begin) * 1_000)
        time.sleep(0.037)  # so that the sequencer is met at every moment of its pause
    client.close()
    return sorted(waits)


def checkpoints(log: Path) -> list[tuple[int, float]]:
    """Entries and milliseconds of each checkpoint, from a server's log."""
    found, size = [], 0
    for line in log.read_text("utf-8").splitlines():
        if '"event": "checkpoint"' in line or '"event":"checkpoint"' in line:
            said = json.loads(line)
            found.append((said["size"] - size, said["milliseconds"]))
            size = said["size"]
    return found


def line(points: list[tuple[int, float]]) -> tuple[float, float]:
    """What a checkpoint costs by itself and for each entry, in milliseconds: medians of small and of large ones."""
    small = [took for entries, took in points if entries <= 20]
    large = [(entries, took) for entries, took in points if entries >= 500]
    fixed = statistics.median(small)
    return fixed, statistics.median(max(took - fixed, 0.0) / entries for entries, took in large)


def main() -> None:
    """Measure and print JSON."""
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="cairn-times-") as directory:
        place = Path(directory)
        with running_server(place / "ledger") as server:
            ids = filled(server, AWARDS)
            issued, waits = _issued(server), _published(server)
        fixed, each = line(checkpoints(place / "server.log"))
        quiet = place / "quiet"
        quiet.mkdir()
        with running_server(quiet / "ledger", "--quiet") as server:  # nginx writes no log either
            ids = filled(server, AWARDS)
            looked = _looked_up(server, ids, quiet)
    result = {
        "when": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "machine": f"{os.cpu_count()} processors, load {load:.1f} at the start",
        "times": {**looked, **issued},
        "checkpoint": {"fixed_ms": round(fixed, 3), "entry_ms": round(each, 5)},
        "merge_delay_ms": {
            "p50": round(waits[len(waits) // 2], 1),
            "p99": round(waits[-1], 1),
            "count": len(waits),
        },
    }
    json.dump(result, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
