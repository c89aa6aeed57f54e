"""``make sizes``: what an award takes of disk and memory, part by part, as a ledger grows.

    python -m loadtests.sizes --awards 100000 1000000

Awards are issued over HTTP, a thousand a request, each to one of 100,000 learners. At every size the server is let come
to rest and stopped, its directory is added up, and it is started again, so that what it needs for that many awards is
told apart from what it needed to take them in. Disk is what the file system has allotted (blocks), not the lengths of
files; inside ``ledger.db`` it is pages, by SQLite's ``dbstat``.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from loadtests.port import HOST
from loadtests.process import megabytes, with_copies
from loadtests.server import Client, Server, award, running_server, wait_until_ready
from loadtests.swarm import post, swarm

BATCH = 1_000
CLIENTS = 2
SLICE = 10_000
"""Awards whose requests are made at a time, so that this program stays small."""
LEARNERS = 100_000
SETTLE_SECONDS = 6.0
ASKED = 2_000
_BLOCK_BYTES = 512
_TABLES = (
    ("event store", ("stored_events", "sqlite_autoindex_stored_events_1")),
    ("vault", ("vault_", "sqlite_autoindex_vault_")),
)
_PLACES = (
    ("log: entry bundles", "log/tile/entries/"),
    ("log: hash tiles", "log/tile/"),
    ("log: sequencer's database", "log.db"),
    ("view: status of awards", "views/credential_status/"),
    ("view: status lists", "views/status_lists/"),
    ("views: all others", "views/"),
)
LEDGER_DATABASE = "ledger.db"


@dataclass(frozen=True)
class Memory:
    """Megabytes that a process holds: of its own, and of files that the system can take back when it needs room."""

    own: float
    files: float
    most: float


@dataclass(frozen=True)
class Size:
    """What a ledger of so many awards takes.

    Attributes:
        awards: How many there are.
        bytes_by_part: Disk, by part.
        files: How many files there are.
        filled: Memory after they were taken in.
        opened: Memory after a restart, and some look-ups.
        opening_seconds: From the start of the process until it said that it was ready, by the clock.
        issued_per_second: Awards since the size before, by the clock.
        issued_per_processor_second: The same, for each second of the server's processor time.
        lookup_p50_us: Status of random awards over one connection, half of them within; microseconds by the clock.
        lookup_p99_us: All but one in a hundred within.
    """

    awards: int
    bytes_by_part: dict[str, int]
    files: int
    filled: Memory
    opened: Memory
    opening_seconds: float
    issued_per_second: float
    issued_per_processor_second: float
    lookup_p50_us: float
    lookup_p99_us: float


def disk_by_part(data: Path) -> tuple[dict[str, int], int]:
    """What a ledger's directory takes of the disk: bytes by part, and the number of files.

    Args:
        data: The directory; a server may be at work in it.
    """
    found: dict[str, int] = {}
    files = 0
    for file in data.rglob("*"):
        try:
            status = file.stat()
        except FileNotFoundError:
            continue  # a partial tile that is not needed any more
        if not file.is_file():
            continue
        files += 1
        path = file.relative_to(data).as_posix()
        if path != LEDGER_DATABASE:
            part = _part_of(path)
            found[part] = found.get(part, 0) + status.st_blocks * _BLOCK_BYTES
    for part, taken in _tables(data / LEDGER_DATABASE).items():
        found[part] = found.get(part, 0) + taken
    return found, files


def _part_of(path: str) -> str:
    if path.startswith(LEDGER_DATABASE):
        return "write-ahead log of the event store and vault"
    return next((part for part, place in _PLACES if path.startswith(place)), "all else")


def _tables(database: Path) -> dict[str, int]:
    """Bytes of pages by part; what is in the write-ahead log and not in the file yet is counted as well."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    found: dict[str, int] = {}
    for name, taken in connection.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name"):
        part = next((part for part, starts in _TABLES if name.startswith(starts)), "all else")
        found[part] = found.get(part, 0) + taken
    connection.close()
    return found


def memory(pid: int) -> Memory:
    """What a server's processes hold at this moment; what two share counts for both."""
    processes = with_copies(pid)
    return Memory(*(sum(megabytes(one, name) for one in processes) for name in ("RssAnon", "RssFile", "VmHWM")))


def _issue(server: Server, first: int, last: int) -> list[str]:
    """Issue awards number *first* up to *last*; gives the id of one of each thousand."""
    kept: list[str] = []
    for begin in range(first, last, SLICE):
        requests = []
        for start in range(begin, min(begin + SLICE, last), BATCH):
            claims = [award(start + number, LEARNERS) for number in range(min(BATCH, last - start))]
            requests.append(post(server, "/v1/credentials", {"credentials": claims}, f"sizes-{start}"))
        kept += swarm(server, CLIENTS, requests, keep=_first_id).kept
    return kept


def _first_id(body: bytes) -> str:
    return body.partition(b'{"id":"')[2][:36].decode("ascii")


def _asked(server: Server, ids: list[str]) -> tuple[float, float]:
    """Microseconds in which half, and all but a hundredth, of some look-ups are answered, one after the other."""
    chosen, client, times = random.Random(1), Client(replace(server, token="")), []
    for _ in range(ASKED):
        path = f"/v1/credentials/{chosen.choice(ids)}/status"
        begin = time.perf_counter()
        status, _ = client.call("GET", path)
        times.append(time.perf_counter() - begin)
        assert status == 200
    client.close()
    parts = statistics.quantiles(times, n=100)
    return parts[49] * 1e6, parts[98] * 1e6


def _reopened(server: Server, ids: list[str]) -> tuple[float, Memory, tuple[float, float]]:
    """Start a stopped ledger again on its port: seconds until it is ready, memory, and how it answers."""
    program = str(Path(sys.executable).with_name("cairn"))
    command = [program, "serve", "--quiet", "--data", str(server.data), "--port", str(server.port)]
    environment = {
        **os.environ,
        "CAIRN_RATE_LIMIT_PER_MINUTE": "0",
        "CAIRN_RATE_LIMIT_BURST": "0",
        "CAIRN_BASE_URL": f"http://{HOST}:{server.port}",
    }
    begin = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until_ready(server.port, seconds=600)
        took = time.perf_counter() - begin
        answered = _asked(server, ids)
        return took, memory(process.pid), answered
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def measure(place: Path, marks: list[int]) -> list[Size]:
    """Fill a ledger to each of some sizes and measure it there.

    Args:
        place: Where to make it.
        marks: Numbers of awards, growing.
    """
    sizes: list[Size] = []
    for mark in marks:
        data = place / f"ledger-{mark}"
        with running_server(data, "--quiet") as server:
            used, begin = server.processor_seconds(), time.perf_counter()
            ids = _issue(server, 0, mark)
            took, used = time.perf_counter() - begin, server.processor_seconds() - used
            time.sleep(SETTLE_SECONDS)
            filled = memory(server.pid)
        parts, files = disk_by_part(data)
        seconds, opened, (p50, p99) = _reopened(server, ids)
        size = Size(mark, parts, files, filled, opened, seconds, mark / took, mark / used, p50, p99)
        print(json.dumps(asdict(size)), file=sys.stderr)
        sizes.append(size)
    return sizes


def table(sizes: list[Size]) -> str:
    """The sizes as a Markdown table: bytes an award, by part."""
    head = "| what, for each award | " + " | ".join(f"{size.awards:,} awards" for size in sizes) + " |"
    lines = [head, "|---|" + "---:|" * len(sizes)]
    lines += [
        _line(f"{part}, bytes", [f"{one.bytes_by_part.get(part, 0) / one.awards:,.0f}" for one in sizes])
        for part in sorted({part for size in sizes for part in size.bytes_by_part})
    ]
    lines += [
        _line("disk in all, bytes", [f"{sum(one.bytes_by_part.values()) / one.awards:,.0f}" for one in sizes]),
        _line("files in all", [f"{one.files:,}" for one in sizes]),
        _line("memory of its own after filling, MB", [f"{one.filled.own:,.0f}" for one in sizes]),
        _line("memory of its own after a restart, MB", [f"{one.opened.own:,.0f}" for one in sizes]),
        _line("mapped files in memory after a restart, MB", [f"{one.opened.files:,.0f}" for one in sizes]),
        _line("ready after a start, s", [f"{one.opening_seconds:.1f}" for one in sizes]),
        _line("issued a second, by the clock", [f"{one.issued_per_second:,.0f}" for one in sizes]),
        _line(
            "issued for a second of the server's processor time",
            [f"{one.issued_per_processor_second:,.0f}" for one in sizes],
        ),
        _line(
            "status of a random award, p50 and p99, µs by the clock",
            [f"{one.lookup_p50_us:,.0f}; {one.lookup_p99_us:,.0f}" for one in sizes],
        ),
    ]
    return "\n".join(lines)


def _line(what: str, values: list[str]) -> str:
    return f"| {what} | " + " | ".join(values) + " |"


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--awards", type=int, nargs="+", default=[100_000, 1_000_000], help="sizes to measure at")
    parser.add_argument("--in", dest="place", type=Path, help="where to make the ledgers; removed at the end")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cairn-sizes-", dir=arguments.place) as place:
        print(table(measure(Path(place), sorted(arguments.awards))))


if __name__ == "__main__":
    main()
