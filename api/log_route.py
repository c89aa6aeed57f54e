"""Serves the public log as static files: checkpoint, tiles, entry bundles and the verifier key.

Tiles never change, so they may be kept for a week anywhere; the checkpoint must not be kept at all.
What is not there is a plain 404 that nothing may remember, since the tile may exist a moment later.

Source: C2SP tlog-tiles (paths, types); the header fields are those that Sunlight's read path sends.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from hashlib import sha256
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from anchoring.error import MalformedError
from anchoring.tile import parse_path
from api.error import UnknownResourceError
from api.media_type import accepts_gzip, has_bytes

TILE_CACHE: Final = "public, max-age=604800, immutable"
NO_STORE: Final = "no-store"
OCTETS: Final = "application/octet-stream"
TEXT: Final = "text/plain; charset=utf-8"
CHECKPOINT_PATH: Final = "checkpoint"
ENTRIES_PREFIX: Final = "tile/entries/"
# Entries are JSON texts much like each other: most is won at this level, at 5 ms for a full bundle.
GZIP_LEVEL: Final = 6
# The longest canonical path, of a partial bundle with a 64-bit index, has 53 characters.
MAX_PATH_CHARS: Final = 64
ANY_ORIGIN: Final = {"Access-Control-Allow-Origin": "*"}


def log_router(read: Callable[[str], bytes | None], vkey: Callable[[], str]) -> APIRouter:
    """Return the routes of the static log.

    Args:
        read: Returns the bytes at a log path such as ``checkpoint`` or ``tile/0/000``, or None.
            Only canonical tile paths and ``checkpoint`` are asked for, from any thread.
        vkey: Returns the log's verifier key as a C2SP vkey.
    """
    router = APIRouter(prefix="/log", tags=["log"])

    def checkpoint(request: Request) -> Response:
        body = _found(read(CHECKPOINT_PATH))
        return _answer(request.scope, body, {"Content-Type": TEXT, "Cache-Control": NO_STORE})

    def tile(request: Request, path: str) -> Response:
        name = f"tile/{path}"
        _check_spelling(request.scope, name)
        return _tile_answer(request.scope, name, _found(read(name)))

    def verifier_key(request: Request) -> Response:
        headers = {"Content-Type": TEXT, "Cache-Control": NO_STORE}
        return _answer(request.scope, f"{vkey()}\n".encode(), headers)

    _add(router, "/checkpoint", checkpoint, "Newest signed checkpoint")
    _add(router, "/tile/{path:path}", tile, "Tile of hashes, or bundle of entries")
    _add(router, "/vkey", verifier_key, "Verifier key of the log")
    return router


def _add(router: APIRouter, path: str, endpoint: Callable[..., Response], summary: str) -> None:
    """Serve a path for GET and HEAD alike.

    The first route answers both; the second is never reached and stands for it in the reference,
    where a route of two methods would appear twice under one name.
    """
    router.add_api_route(path, endpoint, methods=["GET", "HEAD"], response_model=None, include_in_schema=False)
    router.add_api_route(path, endpoint, methods=["GET"], response_model=None, summary=summary)


def _found(body: bytes | None) -> bytes:
    if body is None:
        raise UnknownResourceError("The log has nothing at this address.", headers=ANY_ORIGIN)
    return body


def _check_spelling(scope: Scope, name: str) -> None:
    """Refuse every path but the canonical one: no dots, no escapes, no zero-width tiles."""
    unknown = UnknownResourceError("No tile has this address.", headers=ANY_ORIGIN)
    raw = scope.get("raw_path")
    is_escaped = isinstance(raw, bytes) and b"%" in raw
    if is_escaped or len(name) > MAX_PATH_CHARS:
        raise unknown
    try:
        parse_path(name)
    except MalformedError as error:
        raise unknown from error


def _tile_answer(scope: Scope, name: str, body: bytes) -> Response:
    headers = {"Content-Type": OCTETS, "Cache-Control": TILE_CACHE}
    etag = sha256(body).hexdigest()[:32]
    if name.startswith(ENTRIES_PREFIX):
        headers["Vary"] = "Accept-Encoding"
        if accepts_gzip(scope):
            headers["Content-Encoding"] = "gzip"
            etag += "-gzip"
    headers["ETag"] = f'"{etag}"'
    if has_bytes(scope, f'"{etag}"'):
        kept = {name: headers[name] for name in ("Cache-Control", "ETag")}
        kept |= {"Vary": headers["Vary"]} if "Vary" in headers else {}
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={**ANY_ORIGIN, **kept})
    if "Content-Encoding" in headers:
        body = gzip.compress(body, GZIP_LEVEL, mtime=0)
    return _answer(scope, body, headers)


def _answer(scope: Scope, body: bytes, headers: dict[str, str]) -> Response:
    sized = {**ANY_ORIGIN, **headers, "Content-Length": str(len(body))}
    return Response(b"" if scope["method"] == "HEAD" else body, headers=sized)
