"""An HTTP front before a real ledger: it counts what is asked, and can tamper, stall, cut short or redirect."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

import httpx

Mode = Literal["pass", "down", "redirect", "cut", "endless", "stall"]
STALL_SECONDS = 30.0
PIECE = b"x" * 65_536


class Front:
    """A front on a free loopback port.

    Attributes:
        target: Address of the ledger behind it; may be changed while it serves.
        mode: What it does instead of passing the answer on.
        change: Makes another body of a path's body.
        asked: Every path that was asked for.
    """

    def __init__(self, target: str) -> None:
        self.target = target
        self.mode: Mode = "pass"
        self.change: Callable[[str, bytes], bytes] = lambda _, body: body
        self.asked: list[str] = []
        self.released = threading.Event()
        self._http = httpx.Client(timeout=30)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._http.close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        front = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                front.asked.append(self.path)
                front.answer(self)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request by the mode."""
        try:
            self._answer(handler)
        except (ConnectionError, httpx.HTTPError):
            handler.close_connection = True

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        if self.mode == "down":
            self._send(handler, 503, b"down")
        elif self.mode == "redirect":
            self._send(handler, 302, b"", {"Location": f"{self.target}{handler.path}"})
        elif self.mode == "stall":
            self.released.wait(STALL_SECONDS)
            handler.close_connection = True
        elif self.mode == "endless":
            self._endless(handler)
        else:
            self._pass(handler)

    def _pass(self, handler: BaseHTTPRequestHandler) -> None:
        found = self._http.get(self.target + handler.path, headers={"Accept-Encoding": "identity"})
        body = self.change(handler.path, found.content)
        if self.mode == "cut":
            self._send(handler, found.status_code, body[: len(body) // 2], {"Content-Length": str(len(body))})
            handler.close_connection = True
        else:
            self._send(handler, found.status_code, body)

    def _endless(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        for _ in range(1_000):  # 64 MiB at most: far above every limit
            handler.wfile.write(PIECE)

    def _send(
        self, handler: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str] | None = None
    ) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)
