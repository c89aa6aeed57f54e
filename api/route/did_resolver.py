"""``GET /1.0/identifiers/{did}``: a DID resolver, as the DID Resolution's binding to HTTP has it.

The answer is a resolution result around the DID document, or the document alone where `Accept` asks for that. A DID URL
is dereferenced: the answer is what it points at, such as a verification method. Errors come in the same envelope, in
two spellings: as the DID Resolution has them today (an object with a `type`), and, for `application/ld+json`, as
resolvers had them before it (a code such as `invalidDid`).

Source: W3C DID Resolution 0.3, sections 3 (parameters), 4 (metadata), 5 (dereferencing), 10 (errors) and 12.1 (HTTPS
binding).
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final
from urllib.parse import unquote

import msgspec
from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from api.did_resolution import (
    DID_CONTEXT,
    FEATURE_NOT_SUPPORTED,
    INVALID,
    INVALID_KEY_LENGTH,
    INVALID_KEY_TYPE,
    INVALID_OPTIONS,
    INVALID_URL,
    METHOD_NOT_SUPPORTED,
    NOT_FOUND,
    REPRESENTATION_NOT_SUPPORTED,
    UNSUPPORTED_KEY_TYPE,
    DidError,
    DidResolution,
)
from api.did_url import has_more_than_a_did, parse_did_url, part_of
from api.media_type import header, weighted_values
from api.resolution_option import check_options

PATH: Final = "/1.0/identifiers/"
RESULT_CONTEXT: Final = "https://w3id.org/did-resolution/v1"
PROFILE: Final = "https://w3id.org/did-resolution"
RESULT: Final = "application/did-resolution"
LD: Final = "application/ld+json"
JSON: Final = "application/json"
LD_RESULT: Final = f'{LD};profile="{PROFILE}"'
RESULT_TYPES: Final = {
    RESULT: RESULT,
    LD: LD_RESULT,
    JSON: JSON,
    "application/*": RESULT,
    "*/*": RESULT,
}
"""What asks for a resolution result, and the media type that it is answered in."""
ERRORS: Final = "https://www.w3.org/ns/did#"
"""Where the types of errors are. Source: DID Resolution, section 10."""
DOCUMENT_TYPES: Final = ("application/did+ld+json", "application/did+json", "application/did")
"""What asks for the DID document alone, or for what a DID URL points at."""
DEREFERENCED: Final = "application/did-url-dereferencing"
"""What asks for a dereferencing result."""
STATUSES: Final = {
    INVALID_URL: HTTPStatus.BAD_REQUEST,
    INVALID_KEY_TYPE: HTTPStatus.BAD_REQUEST,
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
    INVALID_URL: "INVALID_DID_URL",
    INVALID_KEY_TYPE: "INVALID_OPTIONS",
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
        """Resolve a did:key, a did:jwk, or a did:web of an institution of this ledger; or dereference a DID URL of one.

        `Accept` chooses between the resolution result, which is the default, and the DID document alone
        (`application/did+json`). What a DID URL such as `did:key:z6Mk…#z6Mk…` points at comes alone or, for
        `application/did-url-dereferencing` or any type, in a dereferencing result.
        """
        kind, follows, written = RESULT, False, written_did(request, did)
        try:
            kind = chosen_type(header(request.scope, "accept"))
            follows = kind == DEREFERENCED or (kind != RESULT and has_more_than_a_did(written))
            options = request.query_params.multi_items()
            if follows:
                url = parse_did_url(written)
                check_options(url.did, (*url.options, *options))
                document = await run_in_threadpool(resolution.document, url.did)
                return dereferenced(part_of(document, url), document, kind)
            check_options(written, options)
            document = await run_in_threadpool(resolution.document, written)
        except DidError as error:
            return refusal(error, kind, follows=follows)
        if kind in DOCUMENT_TYPES:
            return Response(msgspec.json.encode(document), headers=CACHE, media_type=kind)
        body = result(document, {"contentType": told_type(kind)})
        return Response(msgspec.json.encode(body), headers=CACHE, media_type=RESULT_TYPES[kind])

    return router


def told_type(kind: str) -> str:
    """Return the type of DID documents that the metadata name in an answer of *kind*."""
    return DOCUMENT_TYPES[0] if kind == LD else DOCUMENT_TYPES[2]


def dereferenced(part: dict[str, Any], document: dict[str, Any], kind: str) -> Response:
    """Answer what a DID URL points at: alone where a plain format is asked for, else in an envelope."""
    if kind in {LD, DOCUMENT_TYPES[0]}:
        # JSON-LD says nothing without its context, which stands in the document around it.
        part = {"@context": document.get("@context", DID_CONTEXT), **part}
    if kind in {*DOCUMENT_TYPES, JSON}:
        return Response(msgspec.json.encode(part), headers=CACHE, media_type=kind)
    body = dereferencing_result(part, {"contentType": told_type(kind)}, kind)
    return Response(msgspec.json.encode(body), headers=CACHE, media_type=envelope_type(kind, follows=True))


def dereferencing_result(part: dict[str, Any] | None, metadata: dict[str, Any], kind: str) -> dict[str, Any]:
    """Put what a DID URL points at into a dereferencing result; for JSON-LD, into the one of older resolvers."""
    if kind == LD:
        older = {"didDocument": part, "didDocumentMetadata": {}, "didDereferencingMetadata": metadata}
        return {"@context": RESULT_CONTEXT, **older}
    return {"contentStream": part, "contentMetadata": {}, "dereferencingMetadata": metadata}


def envelope_type(kind: str, *, follows: bool) -> str:
    """Return the media type of an envelope for what was asked for in *kind*."""
    if follows:
        return LD_RESULT if kind == LD else JSON if kind == JSON else DEREFERENCED
    return RESULT_TYPES.get(kind, RESULT)


def written_did(request: Request, did: str) -> str:
    """Return the DID as it was meant: escaped as a whole, or written as it is with the escapes that are its own.

    ``did%3Aweb%3Alocalhost%253A8000`` and ``did:web:localhost%3A8000`` are the same DID.
    """
    raw: bytes = request.scope.get("raw_path", b"")
    written = raw.decode("ascii", "replace").partition(PATH)[2] or did
    # A number sign is never part of a DID, and never gets here but escaped.
    return written.replace("%23", "#") if ":" in written else unquote(written)


def chosen_type(accept: str | None) -> str:
    """Return the best of the media types that are asked for and to be had.

    Raises:
        DidError: None is to be had.
    """
    if not accept:
        return "*/*"
    asked = weighted_values(accept)
    known = [kind for kind in (*RESULT_TYPES, *DOCUMENT_TYPES, DEREFERENCED) if asked.get(kind, 0.0) > 0.0]
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


def refusal(error: DidError, kind: str, *, follows: bool) -> Response:
    """Say in the same envelope why there is no document, or nothing that the DID URL points at.

    Args:
        error: Why.
        kind: What was asked for; one of the types above.
        follows: Whether a DID URL was to be dereferenced.
    """
    if kind == LD:
        metadata: dict[str, Any] = {"error": error.code, "message": error.message}
    else:
        name = TYPES[error.code]
        title = name.replace("_", " ").capitalize()
        metadata = {"error": {"type": f"{ERRORS}{name}", "title": title, "detail": error.message}}
    envelope = dereferencing_result(None, metadata, kind) if follows else result(None, metadata)
    media_type = envelope_type(kind, follows=follows)
    return Response(msgspec.json.encode(envelope), STATUSES[error.code], {"Vary": "Accept"}, media_type=media_type)
