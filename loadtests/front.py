"""nginx with the sample of docs/deploy in front of servers of a measurement or a test, on a loopback port.

What runs is the very file that an operator copies; only ports, directories and, where a single machine makes all the
traffic, the limits for each client are put in their place. Each of these replacements has to be found in it.
"""

from __future__ import annotations

import http.client
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from loadtests.port import HOST, free_port

SAMPLE = Path(__file__).parent.parent / "docs" / "deploy" / "nginx" / "cairn.conf"
START_SECONDS = 10.0
LEDGER_PLACE = f"{HOST}:8000"
MIRROR_PLACES = (f"{HOST}:8001", f"{HOST}:8002")
_AROUND = """
{user}daemon off; worker_processes {workers}; pid {place}/nginx.pid; error_log {place}/error.log;
events {{ worker_connections 8192; }}
http {{
  access_log off; keepalive_requests 100000000;
  client_body_temp_path {place}/body; proxy_temp_path {place}/proxy; fastcgi_temp_path {place}/fastcgi;
  uwsgi_temp_path {place}/uwsgi; scgi_temp_path {place}/scgi;
  include {place}/cairn.conf;
}}
"""


@dataclass(frozen=True)
class Front:
    """A running nginx.

    Attributes:
        port: Where it listens.
        pid: Its master process.
        workers: Its worker processes.
    """

    port: int
    pid: int
    workers: tuple[int, ...]


def configured(
    place: Path,
    *,
    port: int,
    ledger: int,
    mirrors: Sequence[int],
    root: Path,
    is_limited: bool = True,
    workers: int = 1,
) -> Path:
    """Write nginx's configuration with the sample in it.

    Args:
        place: Gets all that nginx writes.
        port: Where to listen.
        ledger: Port of the ledger.
        mirrors: Ports of one or two mirrors; none: nothing answers in the ledger's place.
        root: The directory whose ``log`` holds the tiles.
        is_limited: Whether each client has its limits, as in the sample.
        workers: Worker processes.

    Returns:
        The main configuration file.

    Raises:
        LookupError: The sample lacks something that is to be replaced.
    """
    text = SAMPLE.read_text("utf-8")
    replaced = [
        ("listen 80 ", f"listen {HOST}:{port} "),
        (LEDGER_PLACE, f"{HOST}:{ledger}"),
        ("/var/cache/nginx/cairn", f"{place}/cache"),
        ("root /srv/cairn;", f"root {root};"),
    ]
    ports = [*mirrors, *[None] * len(MIRROR_PLACES)]
    for old, mirror in zip(MIRROR_PLACES, ports, strict=False):
        replaced.append((old, f"{HOST}:{mirror}") if mirror is not None else (f"server {old}", f"# server {old}"))
    if not is_limited:
        replaced += [("rate=200r/s", "rate=1000000r/s"), ("rate=50r/s", "rate=1000000r/s")]
        replaced += [("limit_conn cairn_clients 100;", "limit_conn cairn_clients 65535;")]
    for old, new in replaced:
        if old not in text:
            message = f"{SAMPLE.name} has no {old!r}"
            raise LookupError(message)
        text = text.replace(old, new)
    place.mkdir(parents=True, exist_ok=True)
    (place / "cairn.conf").write_text(text, "utf-8")
    # Started as root it would serve as somebody who may not read these directories.
    user = "user root; " if os.geteuid() == 0 else ""
    main = place / "nginx.conf"
    main.write_text(_AROUND.format(user=user, workers=workers, place=place), "utf-8")
    return main


def nginx_program() -> str:
    """Where nginx is. Raises RuntimeError with the command that installs it."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        message = "nginx is not installed: apt-get install nginx"
        raise RuntimeError(message)
    return program


@contextmanager
def running_front(
    place: Path, *, ledger: int, mirrors: Sequence[int] = (), root: Path, is_limited: bool = True, workers: int = 1
) -> Iterator[Front]:
    """Run nginx with the sample until the block ends; see :func:`configured`."""
    port = free_port()
    main = configured(
        place, port=port, ledger=ledger, mirrors=mirrors, root=root, is_limited=is_limited, workers=workers
    )
    process = subprocess.Popen([nginx_program(), "-c", str(main)], stderr=subprocess.DEVNULL)
    try:
        _wait_until_it_listens(port, process, place)
        yield Front(port, process.pid, _workers(process.pid))
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def _workers(master: int) -> tuple[int, ...]:
    """Children of nginx's master that serve; those that look after the cache are no workers."""
    found = []
    for directory in Path("/proc").iterdir():
        if not directory.name.isdigit():
            continue
        try:
            parent = int((directory / "stat").read_text("ascii").rpartition(")")[2].split()[1])
            words = (directory / "cmdline").read_bytes()
        except OSError:
            continue  # it has ended
        if parent == master and words.startswith(b"nginx: worker"):
            found.append(int(directory.name))
    return tuple(found)


def _wait_until_it_listens(port: int, process: subprocess.Popen[bytes], place: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        connection = http.client.HTTPConnection(HOST, port, timeout=2)
        try:
            connection.request("GET", "/log/nothing")
            connection.getresponse().read()
        except OSError:
            time.sleep(0.05)
        else:
            return
        finally:
            connection.close()
    message = f"nginx did not start: {(place / 'error.log').read_text('utf-8')}"
    raise RuntimeError(message)
