"""What auditors compare with the log: every served status by aggregate id; and whose word this server takes.

Nothing here is more than the log itself says: aggregate ids are in every entry, and lead to no award's page.
"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import msgspec
from fastapi import APIRouter, Query, Response

from api.audit.facts import facts_of
from api.error import FieldError, InvalidRequestError
from api.lookup import Lookup
from projections.credential_status import parse_facts
from verifier.policy import Policy, format_policy

JSON = "application/json"
MAX_PAGE = 1_000


def make_router(lookup: Lookup, policy: Policy) -> APIRouter:
    """Make the router over the look-ups; *policy* is what this server itself goes by."""
    router = APIRouter(tags=["audit"])

    @router.get("/v1/audit/statuses")
    def statuses(
        after: Annotated[
            str, Query(description="Aggregate id of the last item of the page before.", max_length=32)
        ] = "",
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
    ) -> Response:
        """Every award's served facts in order of aggregate id, page by page."""
        rows = lookup.views.status_page(_key(after), limit)
        items = [{"aggregate": key.hex(), **facts_of(parse_facts(value))} for key, value in rows]
        following = items[-1]["aggregate"] if len(items) == limit else None
        return Response(msgspec.json.encode({"statuses": items, "next": following}), media_type=JSON)

    @router.get("/log/policy")
    def policy_file() -> Response:
        """A C2SP tlog-policy with this log's key and its anchors'. Check it elsewhere before you trust it."""
        return Response(
            format_policy(policy), headers={"Cache-Control": "no-store"}, media_type="text/plain; charset=utf-8"
        )

    return router


def _key(after: str) -> bytes:
    if not after:
        return b""
    try:
        return UUID(hex=after).bytes
    except ValueError as error:
        message = "after is an aggregate id of 32 hexadecimal digits"
        raise InvalidRequestError(message, errors=(FieldError(message, parameter="after"),)) from error
