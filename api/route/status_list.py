"""Bitstring status lists: what a verifier of any vendor fetches to see whether an award was revoked or suspended."""

from __future__ import annotations

from typing import Protocol

from fastapi import APIRouter, Request, Response

from api.media_type import has_bytes
from api.status_list import SignedList

MEDIA_TYPE = "application/vc"
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
        """A signed `BitstringStatusListCredential`. Even numbers are for revocation, odd ones for suspension."""
        signed = lists.signed(number)
        headers = {"Cache-Control": CACHE, "ETag": signed.etag}
        if has_bytes(request.scope, signed.etag):
            return Response(status_code=304, headers=headers)
        return Response(signed.body, headers=headers, media_type=MEDIA_TYPE)

    return router
