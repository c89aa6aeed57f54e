"""Service times of a ledger for the simulation of docs/scale.md: processor time, request by request.

    python -m loadtests.service_times > loadtests/service_times.json

One connection asks at a time, and after every answer the kernel is asked for how many nanoseconds the serving processes
have run. So what others do on the machine is left out, nearly, and what the server does beside answering is in it.
Waiting for the disk is left out as well. What an entry costs the sequencer comes from ``cairn bench``.

A server that is asked by one client alone wakes up for every request. Where look-ups are counted by the ten thousand,
what one takes on a busy core is measured as well, as ``make bench`` does it (``busy_us``), and is the mean that counts.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from loadtests.front import running_front
from loadtests.load import filled
from loadtests.lookup import looked_up
from loadtests.server import Client, Server, award, cairn, running_mirror, running_server
from loadtests.swarm import post, swarm

AWARDS = 20_000
LOOK_UPS = 5_000
FILES = 500
SINGLES = 1_000
GROUPED = 3_200
BATCHES = 24
BATCH = 1_000
WAITS = 60
SELDOM = 60
SELDOM_SECONDS = 0.4


def run_seconds(processes: Iterable[int]) -> float:
    """Seconds for which all threads of some processes have run so far, to the nanosecond.

    Source: Linux, Documentation/scheduler/sched-stats.rst, /proc/<pid>/schedstat.
    """
    whole = 0
    for process in processes:
        for thread in Path(f"/proc/{process}/task").iterdir():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
                whole += int((thread / "schedstat").read_text("ascii").split()[0])
    return whole / 1e9


def measured(processes: tuple[int, ...], count: int, call: Callable[[int], None]) -> dict[str, Any]:
    """Carry out *call* so many times, one after the other.

    Returns:
        ``mean_us`` of processor time, ``clock_us`` on the clock, and the shape: 99 hundredths of the processor time as
        multiples of the mean.
    """
    times, clock = [], 0.0
    before = run_seconds(processes)
    for number in range(count):
        begin = time.perf_counter()
        call(number)
        clock += time.perf_counter() - begin
        after = run_seconds(processes)
        times.append(after - before)
        before = after
    mean = statistics.fmean(times)
    shape = [round(part / mean, 4) for part in statistics.quantiles(times, n=100, method="inclusive")]
    return {"count": count, "mean_us": round(mean * 1e6, 1), "clock_us": round(clock / count * 1e6, 1), "shape": shape}


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
    bench = place / "bench"
    bench.mkdir()
    compared = looked_up(server, bench)
    found["status"]["busy_us"] = round(1e6 / compared.ours.per_second, 1)
    found["status_kept"]["busy_us"] = round(1e6 / compared.viral.per_second, 1)
    found["status_mirror"] = {"busy_us": round(1e6 / compared.mirror.per_second, 1)}
    return found


def _mirrored(server: Server, ids: list[str], place: Path) -> dict[str, Any]:
    """Look-ups at a mirror, which says with every answer how old it is."""
    with running_mirror(server, place / "mirror") as mirror:
        client = Client(mirror)
        found = measured(
            (mirror.pid,), FILES, lambda number: _get(client, f"/v1/credentials/{ids[number % len(ids)]}/status")
        )
        client.close()
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

    found = {"award": measured(server.processes(), SINGLES, one), "batch": measured(server.processes(), BATCHES, many)}
    client.close()
    for clients in (16, 64):
        requests = [post(server, "/v1/credentials", award(n), f"group-{clients}-{n}") for n in range(GROUPED)]
        used = server.processor_seconds()
        pace = swarm(server, clients, requests)
        used = (server.processor_seconds() - used) / GROUPED * 1e6
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


def _checkpoint(server: Server, award_us: float) -> dict[str, float]:
    """What a checkpoint takes by itself, and each entry of it, in milliseconds of processor time.

    Awards come so seldom that each has a checkpoint of its own, and between each two is as long a time in which nothing
    comes: what the server does then, and what an award takes by itself, is taken off.

    Raises:
        RuntimeError: The server had other work, so that a checkpoint would cost less than nothing.
    """
    processes = server.processes()
    client, used = Client(server), []
    for number in range(SELDOM):
        begin, before = time.perf_counter(), run_seconds(processes)
        status, _ = client.call("POST", "/v1/credentials", award(number), f"seldom-{number}")
        assert status == 201
        time.sleep(SELDOM_SECONDS)
        took, between = time.perf_counter() - begin, run_seconds(processes)
        time.sleep(took)
        used.append(2 * between - before - run_seconds(processes))
    client.close()
    said = json.loads(cairn("bench", "--entries", "100000", "--json").stdout)
    entry = 1_000 / said["provable_per_processor_second"]
    fixed = statistics.median(used) * 1_000 - award_us / 1_000 - entry
    if fixed <= 0:
        message = f"a checkpoint would cost {fixed:.3f} ms: the server was not at rest before; measure again"
        raise RuntimeError(message)
    return {"fixed_ms": round(fixed, 3), "entry_ms": round(entry, 5)}


def main() -> None:
    """Measure and print JSON."""
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="cairn-times-") as directory:
        place = Path(directory)
        with running_server(place / "ledger", "--quiet") as server:  # nginx writes no log either
            ids = filled(server, AWARDS)
            looked, issued, waits = _looked_up(server, ids, place), _issued(server), _published(server)
            looked["status_mirror"] |= _mirrored(server, ids, place)
            checkpoint = _checkpoint(server, issued["award"]["mean_us"])
    result = {
        "when": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "machine": f"{os.cpu_count()} processors, load {load:.1f} at the start",
        "times": {**looked, **issued},
        "checkpoint": checkpoint,
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
