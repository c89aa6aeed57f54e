"""A client that drives one ASGI app in this process, without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping

import httpx
from starlette.types import ASGIApp

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


async def stream(parts: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Send a body in parts, so that no Content-Length announces its size."""
    for part in parts:
        yield part
