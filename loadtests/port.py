"""Ports to listen on."""

from __future__ import annotations

import secrets
import socket

HOST = "127.0.0.1"
FIRST, LAST = 10_000, 31_999
"""Below the ports that systems hand to whoever connects or lets one be chosen, so that nobody takes one meanwhile."""


def free_port() -> int:
    """A loopback port on which nobody listens; drawn at random, so that whoever else looks for one finds another."""
    while True:
        port = FIRST + secrets.randbelow(LAST - FIRST + 1)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do; a listener is in the way still
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
        return port
