"""Time anchors: who outside has stamped which checkpoint when, what no anchor covers yet, and stamping at once."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from anchoring.anchorer import AnchorAttempt
from anchoring.storage import StoredAnchor
from api.caller import identify
from api.lookup import Lookup
from api.node import Node
from api.write import json_answer

MAX_PAGE = 1_000
PUBLIC_CACHE = "public, max-age=5"


class AnchorStanding(msgspec.Struct, frozen=True):
    """How one configured anchor stands. Why it fails is for the operator's log: the words may name inner addresses.

    Attributes:
        name: Its name.
        kind: Its kind.
        anchored_size: Size of the newest checkpoint that it has stamped; 0 if none.
        tried_at: When it was last asked, RFC 3339; None if never.
        failures: How often it has failed in a row.
        next_try: When it is asked next at the latest, if there is anything new; None: at once.
    """

    name: str
    kind: str
    anchored_size: int
    tried_at: str | None
    failures: int
    next_try: str | None


def read_router(lookup: Lookup, standing: Callable[[], Sequence[AnchorStanding]] = tuple) -> APIRouter:
    """Make the router of what anyone may ask; *standing* says how the anchors that are configured here stand."""
    router = APIRouter(tags=["audit"])

    @router.get("/v1/anchors")
    def anchors(
        after: Annotated[int, Query(ge=0, description="`next` of the page before.")] = 0,
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = MAX_PAGE,
    ) -> Response:
        """Time anchors, oldest first: who stamped which checkpoint when, and the token that shows it.

        `log_index` is where the log records the anchor; null until a checkpoint that is served covers that record.
        `unanchored` says which entries no anchor covers yet: those from `from` on. The checkpoint of the entries before
        them was first stamped at `since`.
        """
        found = lookup.published.anchors()
        size = lookup.published.snapshot().checkpoint.size
        page = [anchor for anchor in found if anchor.serial > after][:limit]
        # A checkpoint may be stamped a moment before it is served.
        anchored = max((anchor.size for anchor in found if anchor.size <= size), default=0)
        since = min((anchor.proof.at for anchor in found if anchor.size == anchored), default=None)
        body = {
            "anchors": [_shown(anchor, size) for anchor in page],
            "next": page[-1].serial if page and page[-1] is not found[-1] else None,
            "standing": standing(),
            "log_size": size,
            "anchored_size": anchored or None,
            "unanchored_entries": max(size - anchored, 0),
            "unanchored": {"from": anchored, "to": size, "since": since},
        }
        return json_answer(body, 200, {"Cache-Control": PUBLIC_CACHE})

    return router


def make_router(node: Node, stamp: Callable[[], Sequence[AnchorAttempt]]) -> APIRouter:
    """Make the router of stamping at once; *stamp* asks every anchor that has something new to cover."""
    router = APIRouter(tags=["audit"])

    @router.post("/v1/anchors", openapi_extra={"security": [{"bearer": []}]})
    async def anchor(request: Request) -> Response:
        """Have the newest checkpoint stamped now by every time anchor. Needs an operator key.

        The answer says what each gave. An anchor that covers everything already is not asked. Asking again is harmless.
        """
        actor = await identify(request, node.access, node.ledger.now)
        actor.require_operator()
        attempts = await run_in_threadpool(stamp)
        return json_answer({"attempts": [_attempted(one) for one in attempts]})

    return router


def _shown(anchor: StoredAnchor, size: int) -> dict[str, Any]:
    """What anyone is told of an anchor, where the log as it is served has *size* entries.

    An index is kept before the checkpoint that covers it can be fetched, and is not said before that either.
    """
    is_served = anchor.log_index is not None and anchor.log_index < size
    return {
        "kind": anchor.proof.kind,
        "name": anchor.proof.name,
        "time": anchor.proof.at,
        "size": anchor.size,
        "checkpoint": anchor.checkpoint.decode(),
        "token": base64.b64encode(anchor.proof.token).decode("ascii"),
        "token_sha256": anchor.proof.digest.hex(),
        "log_index": anchor.log_index if is_served else None,
    }


def _attempted(attempt: AnchorAttempt) -> dict[str, Any]:
    at = None if attempt.proof is None else attempt.proof.at
    return {"anchor": attempt.name, "size": attempt.size, "time": at, "error": attempt.error}
