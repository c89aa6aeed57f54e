"""Status lists: what a verifier of any vendor fetches to see whether an award was revoked or suspended.

The same bits in two forms: Bitstring Status Lists, one for each purpose, and a status list token for both.
"""

from __future__ import annotations

from typing import Protocol

from fastapi import APIRouter, Request, Response

from api.media_type import has_bytes, header, preferred_type
from api.signed_list import SignedList
from ledger.document import STATUS_TOKENS_PATH

MEDIA_TYPES = ("application/vc", "application/ld+json", "application/json")
"""What a list is answered as, the best first. Clients that know JSON by its media type alone ask for the others.

Source: VC Data Model 2.0, section 6.2 (media types)."""
TOKEN_MEDIA_TYPE = "application/statuslist+jwt"  # noqa: S105  (a media type)
CACHE = "public, max-age=15"


class SignedLists(Protocol):
    """Gives signed status lists; :class:`api.status_list.StatusLists` signs them."""

    def signed(self, number: int) -> SignedList:
        """The list with *number*. Raises UnknownResourceError, NotReadyError."""


def make_router(lists: SignedLists) -> APIRouter:
    """Make the router over the signed status lists."""
    router = APIRouter(tags=["status lists"])

    @router.get("/status-lists/{number}")
    def status_list(request: Request, number: int) -> Response:
        """A signed `BitstringStatusListCredential`. Even numbers are for revocation, odd ones for suspension.

        The same bytes come as `application/vc`, or as `application/ld+json` or `application/json` where `Accept` names
        those.
        """
        kind = preferred_type(header(request.scope, "accept"), MEDIA_TYPES)
        return _answer(request, lists.signed(number), kind, {"Vary": "Accept"})

    return router


def token_router(tokens: SignedLists) -> APIRouter:
    """Make the router over the signed status list tokens."""
    router = APIRouter(tags=["status lists"])

    @router.get(STATUS_TOKENS_PATH + "{block}")
    def status_token(request: Request, block: int) -> Response:
        """A signed status list token (IETF Token Status List) of a block: 1 is revoked, 2 suspended."""
        return _answer(request, tokens.signed(block), TOKEN_MEDIA_TYPE, {})

    return router


def _answer(request: Request, signed: SignedList, kind: str, headers: dict[str, str]) -> Response:
    headers = {"Cache-Control": CACHE, "ETag": signed.etag, **headers}
    if has_bytes(request.scope, signed.etag):
        return Response(status_code=304, headers=headers)
    return Response(signed.body, headers=headers, media_type=kind)
