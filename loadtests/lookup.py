"""Look-ups of an award's status beside nginx, which serves a file of the same size, for a second of processor time.

And the same look-ups through nginx with the sample of docs/deploy, which keeps each answer for a second: there it is
nginx's processor time that counts, and the server's is added to it.

Both serve on one core, and ``wrk`` asks from another over 64 connections that stay open. nginx has Debian's settings
with one worker and no access log; ``sendfile`` is on. What is compared is processor time: a busy machine does not
decide.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from loadtests.front import running_front
from loadtests.port import HOST, free_port
from loadtests.process import processor_seconds
from loadtests.server import Client, Server, award, running_mirror

CONNECTIONS = 64
SECONDS = 5
ROUNDS = 3
AWARDS = 1_000
BATCH = 1_000
MANY = 50_000
"""Each of them is made anew in the first round, and kept in those after it."""
ISSUED_PER_SECOND = 28
"""A hundred thousand awards in an hour."""
SETTLED_SECONDS = 2.5
"""Within the second in which an award was recorded it is answered the ordinary way."""
_REQUESTS = re.compile(r"(\d+) requests in")
_TAIL = re.compile(r"99%\s+([0-9.]+)(us|ms|s)")
_SCALE = {"us": 0.001, "ms": 1.0, "s": 1_000.0}
_CONFIGURATION = """
{user}daemon off; worker_processes 1; pid {place}/nginx.pid; error_log {place}/nginx.log;
events {{ worker_connections 768; }}
http {{
  sendfile on; tcp_nopush on; types_hash_max_size 2048; access_log {log}; gzip on; keepalive_requests 100000000;
  default_type application/json; client_body_temp_path {place}/body; proxy_temp_path {place}/proxy;
  fastcgi_temp_path {place}/fastcgi; uwsgi_temp_path {place}/uwsgi; scgi_temp_path {place}/scgi;
  server {{ listen {host}:{port}; root {place}/www; }}
}}
"""


@dataclass(frozen=True)
class Looked:
    """What one program did: requests for a second of its processor time, and the slowest hundredth in milliseconds."""

    per_second: float
    p99_ms: float


@dataclass(frozen=True)
class Compared:
    """What was measured in turn.

    Attributes:
        ours: The server by itself.
        many: The same, each of many more awards in turn.
        issuing: The same, while others are issued one by one; their processor time is in it.
        unchanged: The server, asked whether an answer has changed; it has not.
        mirror: A mirror of it.
        kept: The server behind nginx, the same awards: each is asked for anew every second or two.
        viral: The same, one award alone.
        file: nginx with a file of that size.
    """

    ours: Looked
    many: Looked
    issuing: Looked
    unchanged: Looked
    mirror: Looked
    kept: Looked
    viral: Looked
    file: Looked


def looked_up(server: Server, place: Path) -> Compared:
    """Measure the server, the server behind nginx, and nginx by itself, in turn; the best of some rounds of each.

    Raises:
        RuntimeError: ``nginx`` or ``wrk`` is not installed.
    """
    for program in ("nginx", "wrk"):
        if shutil.which(program) is None:
            message = f"{program} is not installed: apt-get install {program}"
            raise RuntimeError(message)
    many = _awards(server, MANY)
    paths = many[:AWARDS]
    size = len(fetched(server, paths[0]))
    os.sched_setaffinity(server.pid, {0})
    script = place / "ask.lua"
    before = running_front(place / "front", ledger=server.port, root=server.data, is_limited=False)
    following = running_mirror(server, place / "mirror")
    with serving_file(place, size) as (port, worker), before as front, following as mirror:
        for one in (*front.workers, mirror.pid):
            os.sched_setaffinity(one, {0})
        both = (*front.workers, server.pid)
        tags = _tags(server, paths)
        rounds = [
            (
                asked_for(server.port, (server.pid,), script, paths),
                asked_for(server.port, (server.pid,), script, many),
                _while_issuing(server, script, many),
                asked_for(server.port, (server.pid,), script, paths, tags),
                asked_for(mirror.port, (mirror.pid,), script, paths),
                asked_for(front.port, both, script, paths),
                asked_for(front.port, both, script, paths[:1]),
                asked_for(port, (worker,), script, ["/answer.json"]),
            )
            for _ in range(ROUNDS)
        ]
    return Compared(*(max(one, key=_rate) for one in zip(*rounds, strict=True)))


def logged_look_ups(server: Server, place: Path) -> tuple[Looked, Looked]:
    """Measure a server that writes a line for every request, and nginx with its access log on; the best of each."""
    paths = _awards(server)
    os.sched_setaffinity(server.pid, {0})
    script = place / "ask.lua"
    with serving_file(place, len(fetched(server, paths[0])), is_logging=True) as (port, worker):
        rounds = [
            (
                asked_for(server.port, (server.pid,), script, paths),
                asked_for(port, (worker,), script, ["/answer.json"]),
            )
            for _ in range(ROUNDS)
        ]
    ours, file = (max(one, key=_rate) for one in zip(*rounds, strict=True))
    return ours, file


def _while_issuing(server: Server, script: Path, paths: list[str]) -> Looked:
    """Ask while :data:`ISSUED_PER_SECOND` awards are issued.

    Raises:
        RuntimeError: One of them was not.
    """
    done = threading.Event()
    with ThreadPoolExecutor(1) as threads:
        issuing = threads.submit(_issue_until, done, server)
        try:
            looked = asked_for(server.port, (server.pid,), script, paths)
        finally:
            done.set()
        issuing.result()
    return looked


def _issue_until(done: threading.Event, server: Server) -> None:
    client = Client(server)
    while not done.wait(1 / ISSUED_PER_SECOND):
        status, _ = client.call("POST", "/v1/credentials", award(0), f"meanwhile-{time.time_ns()}")
        if status != 201:
            message = f"an award was answered with {status}"
            raise RuntimeError(message)
    client.close()


def _rate(looked: Looked) -> float:
    return looked.per_second


def _awards(server: Server, count: int = AWARDS) -> list[str]:
    """Addresses of awards to which nothing has happened."""
    time.sleep(SETTLED_SECONDS)
    client, paths = Client(server), []
    for first in range(0, count, BATCH):
        claims = [award(number) for number in range(first, min(first + BATCH, count))]
        status, made = client.call("POST", "/v1/credentials", {"credentials": claims}, f"looked-up-{time.time_ns()}")
        if status != 201:
            message = f"awards were answered with {status}"
            raise RuntimeError(message)
        paths += [f"/v1/credentials/{one['id']}/status" for one in made["credentials"]]
    client.close()
    time.sleep(SETTLED_SECONDS)
    return paths


def fetched(server: Server, path: str) -> bytes:
    """The body of an answer, as compact JSON."""
    client = Client(server)
    _, answer = client.call("GET", path)
    client.close()
    return json.dumps(answer, separators=(",", ":"), ensure_ascii=False).encode()


def _tags(server: Server, paths: list[str]) -> list[str]:
    """The entity tags of some answers."""
    found = []
    connection = http.client.HTTPConnection(HOST, server.port)
    for path in paths:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        found.append(answer.headers["ETag"])
    connection.close()
    return found


def _script(paths: list[str], tags: list[str]) -> str:
    """What wrk runs: it asks for one address after the other; with *tags*, whether the answers have changed."""
    listed = ",".join(f'"{path}"' for path in paths)
    named = ",".join(f"'{tag}'" for tag in tags)
    return (
        f"paths={{{listed}}} tags={{{named}}} asked={{}} n=0\n"
        'function init() for i,path in ipairs(paths) do asked[i]=wrk.format("GET",path,{["If-None-Match"]=tags[i]}) '
        "end end\n"
        "function request() n=n%#asked+1 return asked[n] end\n"
    )


@contextmanager
def serving_file(place: Path, size: int, *, is_logging: bool = False) -> Iterator[tuple[int, int]]:
    """Serve a file of *size* bytes on the first core; gives the port and the worker's process id."""
    port, www = free_port(), place / "www"
    www.mkdir(parents=True)
    (www / "answer.json").write_bytes(b"x" * size)
    configuration = place / "nginx.conf"
    # Started as root it would serve as somebody who may not read this directory.
    user = "user root; " if os.geteuid() == 0 else ""
    log = f"{place}/access.log" if is_logging else "off"
    configuration.write_text(_CONFIGURATION.format(user=user, place=place, host=HOST, port=port, log=log), "utf-8")
    process = subprocess.Popen(["nginx", "-c", str(configuration)], stderr=subprocess.DEVNULL)
    os.sched_setaffinity(process.pid, {0})
    try:
        time.sleep(1)
        worker = int(subprocess.run(["pgrep", "-P", str(process.pid)], check=True, capture_output=True).stdout)
        os.sched_setaffinity(worker, {0})
        yield port, worker
    finally:
        process.terminate()
        process.wait(SECONDS)


def asked_for(
    port: int,
    processes: tuple[int, ...],
    script: Path,
    paths: list[str],
    tags: Sequence[str] = (),
    *,
    seconds: int = SECONDS,
) -> Looked:
    """Ask for some addresses in turn, again and again, and see what processor time some processes used for it.

    Args:
        port: Where to ask.
        processes: Whose time counts.
        script: Gets what wrk runs.
        paths: The addresses.
        tags: Of the answers that the asker has already, in the same order; none: it has none.
        seconds: For how long.
    """
    script.write_text(_script(paths, list(tags)), "ascii")
    before = sum(processor_seconds(one) for one in processes)
    command = ["taskset", "-c", "1", "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}", "--latency", "-s", str(script)]
    shown = subprocess.run([*command, f"http://{HOST}:{port}"], check=True, capture_output=True, text=True).stdout
    used = sum(processor_seconds(one) for one in processes) - before
    requests, tail = _REQUESTS.search(shown), _TAIL.search(shown)
    if requests is None or tail is None or "Non-2xx" in shown:
        message = f"wrk says: {shown}"
        raise RuntimeError(message)
    return Looked(int(requests[1]) / used, float(tail[1]) * _SCALE[tail[2]])
