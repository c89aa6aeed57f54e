"""A client that drives one ASGI app in this process, without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from urllib.parse import unquote

import httpx
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BASE_URL = "http://ledger.test"
CLIENT = ("192.0.2.7", 40_000)


def send(
    app: ASGIApp,
    method: str,
    path: str,
    *,
    headers: Mapping[str, str] | None = None,
    content: bytes | AsyncIterator[bytes] | None = None,
    client: tuple[str, int] = CLIENT,
) -> httpx.Response:
    """Send one request and return the whole answer; an error that escapes the app is raised."""

    async def go() -> httpx.Response:
        transport = httpx.ASGITransport(app, client=client)
        async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as session:
            return await session.request(method, path, headers=headers, content=content)

    return asyncio.run(go())


def send_raw(app: ASGIApp, path: str, *, method: str = "GET") -> httpx.Response:
    """Send a request whose path no client library has tidied up: dots and escapes stay."""
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"ledger.test")],
        "client": CLIENT,
        "server": ("ledger.test", 80),
    }
    messages: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def collect(message: Message) -> None:
        messages.append(message)

    asyncio.run(_run(app, scope, receive, collect))
    body = b"".join(message.get("body", b"") for message in messages[1:])
    return httpx.Response(messages[0]["status"], headers=messages[0]["headers"], content=body)


async def _run(app: ASGIApp, scope: Scope, receive: Receive, send_message: Send) -> None:
    await app(scope, receive, send_message)


async def stream(parts: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Send a body in parts, so that no Content-Length announces its size."""
    for part in parts:
        yield part
