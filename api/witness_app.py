"""A witness over HTTP: `add-checkpoint`, and the newest checkpoint of each log it has cosigned.

The statuses are the protocol's own and its answers plain text, so nothing here passes through the problem table of the
ledger's interface. Anyone may ask: nothing is believed but the signature of a known log.

Source: C2SP tlog-witness.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.typing import FilteringBoundLogger

from anchoring.add_checkpoint import MAX_REQUEST_BYTES, SIZE_TYPE, Outcome
from anchoring.error import CorruptionError
from anchoring.witness import Witness, WitnessAnswer

TEXT: Final = "text/plain; charset=utf-8"
NO_STORE: Final = "no-store"
BODY_SECONDS: Final = 10.0
"""How long a body may take; it is at most 128 KiB."""
RETRY_SECONDS: Final = "5"

STATUSES: Final = {
    Outcome.COSIGNED: HTTPStatus.OK,
    Outcome.MALFORMED: HTTPStatus.BAD_REQUEST,
    Outcome.UNTRUSTED: HTTPStatus.FORBIDDEN,
    Outcome.UNKNOWN_LOG: HTTPStatus.NOT_FOUND,
    Outcome.CONFLICT: HTTPStatus.CONFLICT,
    Outcome.INCONSISTENT: HTTPStatus.UNPROCESSABLE_ENTITY,
    Outcome.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""The status of each answer. Source: C2SP tlog-witness."""


def make_witness_app(witness: Witness, name: str, vkeys: Sequence[str], log: FilteringBoundLogger) -> ASGIApp:
    """Make the application.

    Args:
        witness: Judges the requests.
        name: The witness's name, for people who look.
        vkeys: Its public keys.
        log: Where answers are recorded: outcome and milliseconds, never bodies, origins or addresses.
    """
    greeting = _greeting(name, vkeys)

    async def add_checkpoint(request: Request) -> Response:
        started = time.perf_counter()
        answer = await _answer(witness, request, log)
        took = round((time.perf_counter() - started) * 1000, 1)
        log.info("add_checkpoint", outcome=answer.outcome.name.lower(), milliseconds=took)
        return _response(answer)

    async def checkpoint(request: Request) -> Response:
        try:
            note = await run_in_threadpool(witness.latest, request.path_params["digest"])
        except (OSError, sqlite3.Error, CorruptionError) as error:
            log.error("store_failed", error=f"{type(error).__name__}: {error}")  # noqa: TRY400  the same as below
            return _response(WitnessAnswer(Outcome.UNAVAILABLE, "this witness's store failed; ask again later\n"))
        if note is None:
            return _text("this witness has cosigned nothing of such a log\n", HTTPStatus.NOT_FOUND)
        return Response(note, headers={"Cache-Control": NO_STORE, "Access-Control-Allow-Origin": "*"}, media_type=TEXT)

    async def live(_: Request) -> Response:
        return _text("live\n", HTTPStatus.OK)

    async def root(_: Request) -> Response:
        return _text(greeting, HTTPStatus.OK)

    app = Starlette(
        routes=[
            Route("/add-checkpoint", add_checkpoint, methods=["POST"]),
            Route("/{digest}/checkpoint", checkpoint),
            Route("/livez", live),
            Route("/", root),
        ],
    )
    app.router.redirect_slashes = False
    return _NoSniff(app)


async def _answer(witness: Witness, request: Request, log: FilteringBoundLogger) -> WitnessAnswer:
    try:
        body = await asyncio.wait_for(_read(request), BODY_SECONDS)
    except (TimeoutError, ClientDisconnect):
        return WitnessAnswer(Outcome.MALFORMED, f"the body did not come within {BODY_SECONDS:g} seconds\n")
    if body is None:
        return WitnessAnswer(Outcome.MALFORMED, f"a request of more than {MAX_REQUEST_BYTES} bytes\n")
    try:
        return await run_in_threadpool(witness.add_checkpoint, body)
    except (OSError, sqlite3.Error, CorruptionError) as error:
        # Whether the state was kept or not, no cosignature has left; the next request is judged by what is stored.
        log.error("store_failed", error=f"{type(error).__name__}: {error}")  # noqa: TRY400  no traceback: the words say it all
        return WitnessAnswer(Outcome.UNAVAILABLE, "this witness's store failed; ask again later\n")


async def _read(request: Request) -> bytes | None:
    """Read the body; None when it is longer than any request may be."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_REQUEST_BYTES:
            return None
    return bytes(body)


def _response(answer: WitnessAnswer) -> Response:
    status = STATUSES[answer.outcome]
    response = _text(answer.text, status)
    if answer.outcome is Outcome.CONFLICT:
        response.headers["Content-Type"] = SIZE_TYPE
    if answer.outcome is Outcome.UNAVAILABLE:
        response.headers["Retry-After"] = RETRY_SECONDS
    return response


def _text(text: str, status: HTTPStatus) -> Response:
    return Response(text.encode(), status, {"Cache-Control": NO_STORE, "Content-Type": TEXT})


def _greeting(name: str, vkeys: Sequence[str]) -> str:
    keys = "".join(f"  {vkey}\n" for vkey in vkeys)
    return (
        f"{name} is a witness of transparency logs (C2SP tlog-witness).\n\n"
        f"Its keys, Ed25519 and ML-DSA-44:\n{keys}\n"
        "  POST add-checkpoint                             have a known log's checkpoint cosigned\n"
        "  GET  <SHA-256 of the origin, hex>/checkpoint    the newest one it has cosigned\n"
    )


class _NoSniff:
    """Says on every answer that its type is meant."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (b"x-content-type-options", b"nosniff")]
            await send(message)

        await self._app(scope, receive, send_marked)
