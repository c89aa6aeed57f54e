"""Look-ups of an award's status as a ledger grows: out of so many stored answers, beside nginx with such a file.

    python -m loadtests.stored --awards 10000 100000 1000000 10000000

Awards are recorded as events, without the documents that the vault would have, and then projected and logged by the
server as ever: a look-up reads nothing else. At each size awards are drawn at random and asked for in turn, again and
again: a thousand, a hundred thousand, and most of those that a server keeps answers of. Where there are enough, others
are asked for once: of these no answer can be kept. There nginx serves as many files besides, each once.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from loadtests.lookup import SETTLED_SECONDS, Looked, asked_for, fetched, serving_file
from loadtests.port import HOST
from loadtests.server import Server, running_server, wait_until_ready

ASKED = (1_000, 100_000, 400_000)
"""How many awards are asked for in turn."""
ROUNDS = 3
ONCE = 200_000
"""How many others are asked for once in a round, or as many of them as can be in :data:`ONCE_SECONDS`."""
ONCE_SECONDS = 2
KEPT = max(ASKED) + ROUNDS * ONCE
"""How many ids are kept to ask for."""
START_SECONDS = 3_600
IDLE_SECONDS = 3.0


@dataclass(frozen=True)
class Stored:
    """What was measured at one size.

    Attributes:
        awards: How many there were.
        asked: By how many of them were asked for in turn.
        once: Others, asked for once; and nginx with a file for each of as many.
        file: nginx with one file.
        recorded_per_second: Awards recorded.
        ready_seconds: How long it took until all were projected and logged.
    """

    awards: int
    asked: dict[int, Looked]
    once: tuple[Looked, Looked] | None
    file: Looked
    recorded_per_second: float
    ready_seconds: float


def measure(place: Path, marks: list[int]) -> Iterator[Stored]:
    """Record awards up to each of some numbers, and look them up there.

    Args:
        place: Where the ledger is made.
        marks: Numbers of awards, growing.
    """
    with running_server(place / "ledger", "--quiet") as server:
        pass  # it has its institution and its micro-credential now
    time.sleep(SETTLED_SECONDS)
    have, chosen = 0, random.Random(1)
    known: list[str] = []
    for mark in marks:
        begin = time.perf_counter()
        known = _mixed(known, have, _record(server, mark - have), mark - have, chosen)
        recorded = time.perf_counter() - begin
        begin = time.perf_counter()
        with _serving(server) as pid:
            _wait_until_idle(server)
            ready = time.perf_counter() - begin
            paths = [f"/v1/credentials/{public_id}/status" for public_id in known]
            chosen.shuffle(paths)
            size = len(fetched(server, paths[0]))
            os.sched_setaffinity(pid, {0})
            script = place / "ask.lua"
            with serving_file(place / f"file-{mark}", size) as (port, worker):
                counts = sorted({min(count, mark) for count in ASKED})
                once = [paths[first : first + ONCE] for first in range(max(ASKED), len(paths) - ONCE + 1, ONCE)]
                rounds = [
                    (
                        asked_for(port, (worker,), script, ["/answer.json"]),
                        *(asked_for(server.port, (pid,), script, paths[:count]) for count in counts),
                    )
                    for _ in range(ROUNDS)
                ]
                files = _files(place / f"file-{mark}" / "www", known[:ONCE], size) if once else []
                each_once = [
                    (
                        asked_for(server.port, (pid,), script, some, seconds=ONCE_SECONDS),
                        asked_for(port, (worker,), script, chosen.sample(files, len(files)), seconds=ONCE_SECONDS),
                    )
                    for some in once
                ]
        file, *asked = (_best(one) for one in zip(*rounds, strict=True))
        ours, theirs = zip(*each_once, strict=True) if each_once else ((), ())
        best_once = (_best(ours), _best(theirs)) if each_once else None
        yield Stored(mark, dict(zip(counts, asked, strict=True)), best_once, file, (mark - have) / recorded, ready)
        have = mark


def _best(rounds: Sequence[Looked]) -> Looked:
    return max(rounds, key=lambda looked: looked.per_second)


def _files(directory: Path, ids: Sequence[str], size: int) -> list[str]:
    """Make a file of *size* bytes for each award, some thousand in a directory; gives their addresses."""
    paths = [f"/stored/{public_id[-2:]}/{public_id}" for public_id in ids]
    for path in paths:
        file = directory / path[1:]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x" * size)
    return paths


def _record(server: Server, count: int) -> list[str]:
    """Record so many awards; gives ids of some of them, each as likely as every other."""
    command = [
        sys.executable,
        "-m",
        "api.stored_sample",
        str(server.data),
        "--base-url",
        f"http://{HOST}:{server.port}",
    ]
    command += ["--institution", "bench", "--achievement", "B-1", "--awards", str(count), "--kept", str(KEPT)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


def _mixed(old: list[str], before: int, new: list[str], count: int, chosen: random.Random) -> list[str]:
    """Draw from both, as many as are asked for, so that every award is as likely as every other."""
    wanted = min(KEPT, before + count)
    share = round(wanted * count / (before + count))
    return chosen.sample(new, min(share, len(new))) + chosen.sample(old, min(wanted - share, len(old)))


@contextmanager
def _serving(server: Server) -> Iterator[int]:
    """Serve the ledger again until the block ends; gives the process id."""
    program = str(Path(sys.executable).with_name("cairn"))
    command = [program, "serve", "--quiet", "--data", str(server.data), "--port", str(server.port)]
    limits = {"CAIRN_RATE_LIMIT_PER_MINUTE": "0", "CAIRN_RATE_LIMIT_BURST": "0"}
    environment = {**os.environ, **limits, "CAIRN_BASE_URL": f"http://{HOST}:{server.port}"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until_ready(server.port, START_SECONDS)
        yield process.pid
    finally:
        process.terminate()
        process.wait(120)


def _wait_until_idle(server: Server) -> None:
    """Wait until every view has every event, and every event is under a published checkpoint."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with urllib.request.urlopen(f"http://{HOST}:{server.port}/metrics", timeout=60) as answer:
            lines = answer.read().decode().splitlines()
        behind = [line for line in lines if line.startswith(("cairn_projection_lag_events", "cairn_unpublished_age"))]
        if behind and all(float(line.rpartition(" ")[2]) == 0 for line in behind):
            time.sleep(IDLE_SECONDS)
            return
        time.sleep(1)
    message = f"the ledger was not at rest within {START_SECONDS} s"
    raise TimeoutError(message)


def rows(found: Stored) -> Iterator[str]:
    """The lines of a table for one size."""
    asked = [(f"{count:,}", looked, found.file) for count, looked in found.asked.items()]
    if found.once is not None:
        ours, theirs = found.once
        asked += [("each once", ours, found.file), ("each once, beside as many files", ours, theirs)]
    for name, looked, file in asked:
        ratio = looked.per_second / file.per_second
        yield (
            f"| {found.awards:,} | {name} | {looked.per_second:,.0f} | {file.per_second:,.0f} | {ratio:.3f} "
            f"| {looked.p99_ms:.1f} | {file.p99_ms:.1f} |"
        )


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--awards", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument(
        "--place", type=Path, help="a directory on the disk to measure on; it is emptied of what is made"
    )
    arguments = parser.parse_args()
    print("| awards | asked for | a second of one core | nginx, a file of that size | ratio | p99 ms | nginx's |")
    print("|---:|---|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory(prefix="cairn-stored-", dir=arguments.place) as directory:
        for found in measure(Path(directory), sorted(arguments.awards)):
            print(*rows(found), sep="\n", flush=True)
            said = f"recorded {found.recorded_per_second:,.0f} a second, at rest {found.ready_seconds:,.0f} s later"
            print(f"{found.awards:,}: {said}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
