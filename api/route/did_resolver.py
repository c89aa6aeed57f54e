"""``GET /1.0/identifiers/{did}``: a DID resolver, as the DID Resolution's binding to HTTP has it.

The answer is a resolution result around the DID document, or the document alone where `Accept` asks for that. Errors
come in the same envelope.

Source: W3C DID Resolution 0.3, sections 4 (metadata), 10 (errors) and 12.1 (HTTPS binding).
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final
from urllib.parse import unquote

import msgspec
from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from api.did_resolution import (
    INVALID,
    METHOD_NOT_SUPPORTED,
    NOT_FOUND,
    REPRESENTATION_NOT_SUPPORTED,
    DidError,
    DidResolution,
)
from api.media_type import header, weighted_values

PATH: Final = "/1.0/identifiers/"
RESULT_CONTEXT: Final = "https://w3id.org/did-resolution/v1"
PROFILE: Final = "https://w3id.org/did-resolution"
LD_RESULT: Final = f'application/ld+json;profile="{PROFILE}"'
RESULT_TYPES: Final = {
    "application/ld+json": LD_RESULT,
    "application/did-resolution": "application/did-resolution",
    "application/json": "application/json",
    "application/*": LD_RESULT,
    "*/*": LD_RESULT,
}
"""What asks for a resolution result, and the media type that it is answered in."""
DOCUMENT_TYPES: Final = ("application/did+ld+json", "application/did+json", "application/did")
"""What asks for the DID document alone."""
STATUSES: Final = {
    INVALID: HTTPStatus.BAD_REQUEST,
    NOT_FOUND: HTTPStatus.NOT_FOUND,
    METHOD_NOT_SUPPORTED: HTTPStatus.NOT_IMPLEMENTED,
    REPRESENTATION_NOT_SUPPORTED: HTTPStatus.NOT_ACCEPTABLE,
}
REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    int(status): {
        "description": f"Not resolved: {code}.",
        "content": {LD_RESULT: {"schema": {"type": "object", "required": ["didDocument", "didResolutionMetadata"]}}},
    }
    for code, status in STATUSES.items()
}
CACHE: Final = {"Cache-Control": "public, max-age=15", "Vary": "Accept"}


def make_router(resolution: DidResolution) -> APIRouter:
    """Make the router over the resolution of DIDs."""
    router = APIRouter(tags=["DIDs"])

    @router.get(PATH + "{did:path}", responses=REFUSALS)
    async def resolve(request: Request, did: str) -> Response:
        """Resolve a did:key, a did:jwk, or a did:web of an institution of this ledger.

        `Accept` chooses between the resolution result, which is the default, and the DID document alone
        (`application/did+json`).
        """
        try:
            kind = chosen_type(header(request.scope, "accept"))
            document = await run_in_threadpool(resolution.document, written_did(request, did))
        except DidError as error:
            return refusal(error)
        if kind in DOCUMENT_TYPES:
            return Response(msgspec.json.encode(document), headers=CACHE, media_type=kind)
        return Response(msgspec.json.encode(result(document)), headers=CACHE, media_type=RESULT_TYPES[kind])

    return router


def written_did(request: Request, did: str) -> str:
    """Return the DID as it was meant: escaped as a whole, or written as it is with the escapes that are its own.

    ``did%3Aweb%3Alocalhost%253A8000`` and ``did:web:localhost%3A8000`` are the same DID.
    """
    raw: bytes = request.scope.get("raw_path", b"")
    written = raw.decode("ascii", "replace").partition(PATH)[2] or did
    return written if ":" in written else unquote(written)


def chosen_type(accept: str | None) -> str:
    """Return the best of the media types that are asked for and to be had.

    Raises:
        DidError: None is to be had.
    """
    if not accept:
        return "*/*"
    asked = weighted_values(accept)
    known = [kind for kind in (*RESULT_TYPES, *DOCUMENT_TYPES) if asked.get(kind, 0.0) > 0.0]
    if not known:
        raise DidError(REPRESENTATION_NOT_SUPPORTED, "the answer is not to be had in any format that Accept names")
    return max(known, key=lambda kind: asked[kind])


def result(document: dict[str, Any] | None, **metadata: str) -> dict[str, Any]:
    """Put a DID document into a resolution result."""
    return {
        "@context": RESULT_CONTEXT,
        "didDocument": document,
        "didDocumentMetadata": {},
        "didResolutionMetadata": metadata or {"contentType": DOCUMENT_TYPES[0]},
    }


def refusal(error: DidError) -> Response:
    """Say in the same envelope why there is no document."""
    body = result(None, error=error.code, message=error.message)
    return Response(msgspec.json.encode(body), STATUSES[error.code], {"Vary": "Accept"}, media_type=LD_RESULT)
