"""Statuses by prefix: for whoever wants to know how an award stands and not to say which. No account."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path, Request, Response

from api.media_type import has_bytes
from api.rate_limit import ClientCount
from api.route.credential import PUBLIC_CACHE
from api.status_prefix import StatusByPrefix
from api.write import JSON, json_answer

COUNTED: Final = 20
"""As how many requests one counts: it looks at some two thousand awards. Source: docs/adr/0030-status-by-prefix.md."""
UNCHANGED: Final = f"{PUBLIC_CACHE}, no-transform"
"""Whoever compresses an answer shows how much of it is filling."""

Prefix = Annotated[str, Path(description="The first bits of a look-up hash, as 0 and 1; or «all».")]


def make_router(statuses: StatusByPrefix, clients: ClientCount) -> APIRouter:
    """Make the router over what answers, and what counts clients."""
    router = APIRouter(prefix="/v1/status-prefixes", tags=["credentials"])

    @router.get("")
    def lengths() -> Response:
        """How many bits of a look-up hash to name: so few that enough awards share them."""
        return json_answer(statuses.lengths(), 200, {"Cache-Control": PUBLIC_CACHE})

    @router.get("/{prefix}")
    def under(request: Request, prefix: Prefix) -> Response:
        """How every award stands whose look-up hash begins with these bits: verdict, state, and since when.

        The look-up hash is made from the award's id and tells nothing of it (docs/spec/identifiers.md). The award is
        found by whoever has its id; the ledger learns no more than that it is one of those in the answer.
        """
        clients.count(request.scope, COUNTED - 1)
        body, tag = statuses.under(prefix)
        headers = {"Cache-Control": UNCHANGED}
        if tag is not None:
            headers["ETag"] = tag
            if has_bytes(request.scope, tag):
                return Response(None, 304, headers)
        return Response(body, headers=headers, media_type=JSON)

    return router
