"""nginx with docs/deploy/nginx/roles.conf in front of the processes of a grown ledger."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Final

import httpx

from loadtests.front import nginx_program
from loadtests.port import free_port

SAMPLE: Final = Path(__file__).parents[2] / "docs" / "deploy" / "nginx" / "roles.conf"
_AROUND: Final = """
{user}daemon off; worker_processes 1; pid {place}/nginx.pid; error_log {place}/error.log;
events {{ worker_connections 2048; }}
http {{
  access_log off;
  client_body_temp_path {place}/body; proxy_temp_path {place}/proxy; fastcgi_temp_path {place}/fastcgi;
  uwsgi_temp_path {place}/uwsgi; scgi_temp_path {place}/scgi;
  include {place}/roles.conf;
}}
"""


def configured_roles(place: Path, port: int, issuers: list[int], verifiers: list[int], followed: int) -> Path:
    """Write nginx's configuration with the sample in it; returns the main file.

    Args:
        place: Gets all that nginx writes.
        port: Where to listen.
        issuers: Ports of two issuers.
        verifiers: Ports of two verification nodes.
        followed: Where to listen for these.
    """
    place.mkdir(parents=True)
    text = SAMPLE.read_text("utf-8")
    ports = zip((8000, 8001, 8010, 8011, 8020), (*issuers, *verifiers, followed), strict=True)
    for old, new in [(f"127.0.0.1:{old}", f"127.0.0.1:{new}") for old, new in ports] + [
        ("listen 80 ", f"listen 127.0.0.1:{port} ")
    ]:
        assert old in text, f"{SAMPLE.name} has no {old!r}"
        text = text.replace(old, new)
    (place / "roles.conf").write_text(text, "utf-8")
    # Started as root it would serve as somebody who may not read these directories.
    user = "user root; " if os.geteuid() == 0 else ""
    main = place / "nginx.conf"
    main.write_text(_AROUND.format(user=user, place=place), "utf-8")
    return main


class RolesFront:
    """nginx on free ports: one for the world, and one that the verification nodes follow.

    Args:
        place: Gets all that it writes.
        issuers: Ports of two issuers.
        verifiers: Ports of two verification nodes.
    """

    def __init__(self, place: Path, issuers: list[int], verifiers: list[int]) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        followed = free_port()
        self.followed_url = f"http://127.0.0.1:{followed}"
        main = configured_roles(place, self.port, issuers, verifiers, followed)
        self._process = subprocess.Popen(
            [nginx_program(), "-p", str(place), "-c", str(main)], stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 10
        while True:
            try:
                httpx.get(f"{self.url}/livez", timeout=5)
            except httpx.TransportError:
                assert time.monotonic() < deadline, (place / "error.log").read_text()
                time.sleep(0.05)
            else:
                return

    def close(self) -> None:
        """Stop."""
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(30)
