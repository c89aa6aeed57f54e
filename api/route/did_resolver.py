"""``GET /1.0/identifiers/{did}``: a DID resolver, as the DID Resolution's binding to HTTP has it.

The answer is a resolution result around the DID document, or the document alone where `Accept` asks for that. Errors
come in the same envelope, in two spellings: as the DID Resolution has them today (an object with a `type`), and, for
`application/ld+json`, as resolvers had them before it (a code such as `invalidDid`).

Source: W3C DID Resolution 0.3, sections 3 (parameters), 4 (metadata), 10 (errors) and 12.1 (HTTPS binding).
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final
from urllib.parse import unquote

import msgspec
from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from api.did_resolution import (
    FEATURE_NOT_SUPPORTED,
    INVALID,
    INVALID_KEY_LENGTH,
    INVALID_OPTIONS,
    METHOD_NOT_SUPPORTED,
    NOT_FOUND,
    REPRESENTATION_NOT_SUPPORTED,
    UNSUPPORTED_KEY_TYPE,
    DidError,
    DidResolution,
)
from api.media_type import header, weighted_values
from api.resolution_option import check_options

PATH: Final = "/1.0/identifiers/"
RESULT_CONTEXT: Final = "https://w3id.org/did-resolution/v1"
PROFILE: Final = "https://w3id.org/did-resolution"
RESULT: Final = "application/did-resolution"
LD: Final = "application/ld+json"
LD_RESULT: Final = f'{LD};profile="{PROFILE}"'
RESULT_TYPES: Final = {
    RESULT: RESULT,
    LD: LD_RESULT,
    "application/json": "application/json",
    "application/*": RESULT,
    "*/*": RESULT,
}
"""What asks for a resolution result, and the media type that it is answered in."""
ERRORS: Final = "https://www.w3.org/ns/did#"
"""Where the types of errors are. Source: DID Resolution, section 10."""
DOCUMENT_TYPES: Final = ("application/did+ld+json", "application/did+json", "application/did")
"""What asks for the DID document alone."""
STATUSES: Final = {
    INVALID: HTTPStatus.BAD_REQUEST,
    NOT_FOUND: HTTPStatus.NOT_FOUND,
    METHOD_NOT_SUPPORTED: HTTPStatus.NOT_IMPLEMENTED,
    REPRESENTATION_NOT_SUPPORTED: HTTPStatus.NOT_ACCEPTABLE,
    INVALID_OPTIONS: HTTPStatus.BAD_REQUEST,
    FEATURE_NOT_SUPPORTED: HTTPStatus.NOT_IMPLEMENTED,
    INVALID_KEY_LENGTH: HTTPStatus.BAD_REQUEST,
    UNSUPPORTED_KEY_TYPE: HTTPStatus.BAD_REQUEST,
}
TYPES: Final = {
    INVALID: "INVALID_DID",
    NOT_FOUND: "NOT_FOUND",
    METHOD_NOT_SUPPORTED: "METHOD_NOT_SUPPORTED",
    REPRESENTATION_NOT_SUPPORTED: "REPRESENTATION_NOT_SUPPORTED",
    INVALID_OPTIONS: "INVALID_OPTIONS",
    FEATURE_NOT_SUPPORTED: "FEATURE_NOT_SUPPORTED",
    INVALID_KEY_LENGTH: "INVALID_DID",
    UNSUPPORTED_KEY_TYPE: "INVALID_OPTIONS",
}
"""The same errors, by the name that ends their type."""
REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    int(status): {
        "description": f"Not resolved: {code}.",
        "content": {RESULT: {"schema": {"type": "object", "required": ["didDocument", "didResolutionMetadata"]}}},
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
        kind = RESULT
        try:
            kind = chosen_type(header(request.scope, "accept"))
            written = written_did(request, did)
            check_options(written, request.query_params.multi_items())
            document = await run_in_threadpool(resolution.document, written)
        except DidError as error:
            return refusal(error, kind)
        if kind in DOCUMENT_TYPES:
            return Response(msgspec.json.encode(document), headers=CACHE, media_type=kind)
        told = DOCUMENT_TYPES[0] if kind == LD else DOCUMENT_TYPES[2]
        body = result(document, {"contentType": told})
        return Response(msgspec.json.encode(body), headers=CACHE, media_type=RESULT_TYPES[kind])

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


def result(document: dict[str, Any] | None, metadata: dict[str, Any]) -> dict[str, Any]:
    """Put a DID document into a resolution result."""
    return {
        "@context": RESULT_CONTEXT,
        "didDocument": document,
        "didDocumentMetadata": {},
        "didResolutionMetadata": metadata,
    }


def refusal(error: DidError, kind: str) -> Response:
    """Say in the same envelope why there is no document.

    Args:
        error: Why.
        kind: What was asked for; one of the types above.
    """
    if kind == LD:
        metadata: dict[str, Any] = {"error": error.code, "message": error.message}
    else:
        name = TYPES[error.code]
        title = name.replace("_", " ").capitalize()
        metadata = {"error": {"type": f"{ERRORS}{name}", "title": title, "detail": error.message}}
    body = msgspec.json.encode(result(None, metadata))
    return Response(body, STATUSES[error.code], {"Vary": "Accept"}, media_type=RESULT_TYPES.get(kind, RESULT))
