"""How every serving command listens: the port taken at once, and one way to run the server."""

from __future__ import annotations

import socket
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from api.certificate import Certificate
from api.cli.connection import Refusal, ShortcutSlot, connection_class

KEEP_ALIVE_SECONDS: Final = 65
SHUTDOWN_SECONDS: Final = 10
BACKLOG: Final = 2_048


def address_of(host: str, port: int) -> str:
    """The address to open for a server that listens on *host*."""
    shown = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104  recognised, not bound to
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def listen(host: str, port: int) -> socket.socket:
    """Take the port before anything is written, so that a port in use is said at once.

    Raises:
        OSError: It cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)


def server_config(
    app: ASGIApp,
    refusal: Refusal,
    certificate: Certificate | None = None,
    shortcut: ShortcutSlot | None = None,
) -> uvicorn.Config:
    """How a process of ours answers: quietly, in its own words, with bounded heads and connections.

    Args:
        app: Answers requests.
        refusal: Words what is refused before it is one.
        certificate: What to serve https with; None: plain http.
        shortcut: What a connection tries before it parses; None: nothing.
    """
    return uvicorn.Config(
        app,
        http=connection_class(refusal, shortcut),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        lifespan="off",
        proxy_headers=False,
        ssl_certfile=None if certificate is None else certificate.certificate,
        ssl_keyfile=None if certificate is None else certificate.key,
    )
