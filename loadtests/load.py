"""``make load``: what a ledger does on a normal day, on graduation day, when a credential goes viral, and under abuse.

A server is started on a scratch directory and a loopback port, with the default limits for each client, and filled.
Then each scenario of ``loadtests/scenario`` is let loose on it by locust, in a process of its own, for as long as it is
told. What comes of it is written to one page with plots (``report.html``), the same as JSON (``report.json``), and a
table of verdicts. Ends with 1 when something that is wanted was not met.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import json
import math
import os
import platform
import random
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

from loadtests.front import running_front
from loadtests.process import megabytes, processor_seconds, with_copies
from loadtests.report import all_met, as_json, as_page, verdict_text
from loadtests.server import Client, Server, award, running_server
from loadtests.timeline import Run, Sample, read_record, summarise

ROOT = Path(__file__).parent.parent
SCENARIOS = ("day", "graduation", "viral", "crawler", "slow")
BATCH = 1_000
SAMPLE_SECONDS = 0.5
DOZE_SECONDS = 0.005
END_SECONDS = 120.0
"""How much longer than it should a scenario may take to start and to end."""
SETTINGS = {
    "CAIRN_RATE_LIMIT_PER_MINUTE": "12000",
    "CAIRN_RATE_LIMIT_BURST": "1000",
}
"""The limits that are the default. How many proxies stand in front is added."""


@dataclass(frozen=True)
class Plan:
    """What is to be run.

    Attributes:
        scenarios: Which.
        seconds: How long each goes on.
        awards: How many are there before.
        attackers: Connections of the attack by slow clients.
        front: Whether all of it goes through nginx with the sample of docs/deploy, without its limits for each address:
            here all traffic comes from one.
    """

    scenarios: tuple[str, ...]
    seconds: float
    awards: int
    attackers: int
    front: bool = False


class Sampler:
    """Looks at a process while a block runs, and at how late the machine is.

    Args:
        pid: The process.
        begun: What its times count from (``time.time()``).
    """

    def __init__(self, pid: int, begun: float) -> None:
        self._pid = pid
        self._begun = begun
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._run, self._doze)]
        self.samples: list[Sample] = []
        self.late_ms: list[float] = []

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._look()

    def _doze(self) -> None:
        """Sleep, and note how much later than asked for one is woken."""
        while not self._stop.is_set():
            begun = time.perf_counter()
            time.sleep(DOZE_SECONDS)
            self.late_ms.append((time.perf_counter() - begun - DOZE_SECONDS) * 1_000)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._look()
            self._stop.wait(SAMPLE_SECONDS)

    def _look(self) -> None:
        processes = with_copies(self._pid)
        held, used = sum(megabytes(one, "VmRSS") for one in processes), sum(map(processor_seconds, processes))
        files = sum(1 for _ in Path(f"/proc/{self._pid}/fd").iterdir())
        self.samples.append(Sample(time.time() - self._begun, used, held, files))


def filled(server: Server, awards: int) -> list[str]:
    """Issue awards that scenarios look up; gives their ids, in a random order that is always the same."""
    client, ids = Client(server), []
    for start in range(0, awards, BATCH):
        claims = [award(start + number, 100_000) for number in range(min(BATCH, awards - start))]
        status, made = client.call("POST", "/v1/credentials", {"credentials": claims}, f"filled-{start}")
        if status != 201:
            message = f"the server refused awards with {status}: {made}"
            raise RuntimeError(message)
        ids += [one["id"] for one in made["credentials"]]
    status, _ = client.call("GET", f"/v1/credentials/{ids[-1]}/evidence")  # waits until it is published
    client.close()
    random.Random(3).shuffle(ids)
    return ids


def run_scenario(name: str, server: Server, ids: list[str], plan: Plan, place: Path) -> Run:
    """Let one scenario loose on the server.

    Raises:
        RuntimeError: locust failed.
    """
    record, world = place / f"{name}.tsv", place / f"{name}.json"
    told = {
        "ids": ids,
        "token": server.token,
        "seconds": plan.seconds,
        "attackers": plan.attackers,
        "record": str(record),
    }
    world.write_text(json.dumps(told), "utf-8")
    file = ROOT / "loadtests" / "scenario" / f"{name}.py"
    users = str(10_000)  # more than any scenario has: each class says how many it wants
    command = [sys.executable, "-m", "locust", "-f", str(file), "--host", server.url, "--headless", "--only-summary"]
    command += [
        "--users",
        users,
        "--spawn-rate",
        users,
        "--run-time",
        f"{math.ceil(plan.seconds)}s",
        "--stop-timeout",
        "1",
    ]
    command += ["--loglevel", "WARNING", "--exit-code-on-error", "0"]
    environment = {**os.environ, "CAIRN_LOAD_WORLD": str(world), "PYTHONPATH": str(ROOT)}
    begun = time.time()
    with Sampler(server.pid, begun) as sampler:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=plan.seconds + END_SECONDS,
        )
    if done.returncode:
        message = f"locust ended with {done.returncode}: {done.stderr[-2_000:]}"
        raise RuntimeError(message)
    ended = read_record(record, begun)
    first = ended[0].at if ended else 0.0  # locust's own start is no part of the scenario
    shifted = read_record(record, begun + first)
    samples = [Sample(one.at - first, one.processor_seconds, one.megabytes, one.open_files) for one in sampler.samples]
    samples = [one for one in samples if one.at >= -SAMPLE_SECONDS]
    return summarise(name, _what(file), plan.seconds, shifted, samples, sampler.late_ms)


def _what(file: Path) -> str:
    """The first paragraph of a scenario's own description."""
    return " ".join(file.read_text("utf-8").split('"""')[1].split("\n\n")[0].split())


def run(plan: Plan, place: Path) -> tuple[list[Run], dict[str, Any]]:
    """Start a server, fill it, and run the scenarios; gives what came of each, and what the machine was."""
    runs = []
    load = os.getloadavg()[0]
    proxies = "2" if plan.front else "1"  # nginx appends its own client, behind the one that a scenario made up
    settings = {**SETTINGS, "CAIRN_TRUSTED_PROXY_COUNT": proxies}
    with contextlib.ExitStack() as running:
        server = running.enter_context(running_server(place / "ledger", "--quiet", settings=settings))
        ids, asked = filled(server, plan.awards), server
        if plan.front:
            before = running_front(place / "front", ledger=server.port, root=server.data, is_limited=False)
            asked = replace(server, port=running.enter_context(before).port)
        for name in plan.scenarios:
            print(f"{name}, {plan.seconds:g} s", file=sys.stderr)
            runs.append(run_scenario(name, asked, ids, plan, place))
    facts = {
        "when": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "machine": f"{os.cpu_count()} processors shared by server and clients, load {load:.1f} at the start",
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "locust": importlib.metadata.version("locust"),
        "plan": ", ".join(f"{name}: {value}" for name, value in asdict(plan).items()),
        "limits for each client": "12,000 a minute, 1,000 a second; every client has an address of its own",
    }
    return runs, facts


def main() -> None:
    """Run the scenarios and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long each scenario goes on")
    parser.add_argument("--awards", type=int, default=20_000, help="awards that are there before")
    parser.add_argument("--attackers", type=int, default=900, help="connections of the attack by slow clients")
    parser.add_argument("--front", action="store_true", help="put nginx in front, as in docs/deploy")
    parser.add_argument("--scenarios", nargs="+", choices=SCENARIOS, default=SCENARIOS, help="which to run")
    parser.add_argument("--out", type=Path, default=ROOT / "var" / "load", help="where to write the page")
    arguments = parser.parse_args()
    scenarios, front = tuple(arguments.scenarios), arguments.front
    plan = Plan(scenarios, arguments.seconds, arguments.awards, arguments.attackers, front)
    with tempfile.TemporaryDirectory(prefix="cairn-load-") as place:
        runs, facts = run(plan, Path(place))
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "report.json").write_text(as_json(runs, facts), "utf-8")
    (arguments.out / "report.html").write_text(as_page(runs, facts), "utf-8")
    print(verdict_text(runs))
    print(f"\n{arguments.out / 'report.html'}")
    sys.exit(0 if all_met(runs) else 1)


if __name__ == "__main__":
    main()
