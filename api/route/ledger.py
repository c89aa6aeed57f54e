"""Which ledger this is: its address, its log, its key, and whether this node is the ledger or follows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Response

from api.write import json_answer


def make_router(describe: Callable[[], dict[str, Any]]) -> APIRouter:
    """Make the router; *describe* gives the answer."""
    router = APIRouter(tags=["log"])

    @router.get("/v1/ledger")
    def ledger() -> Response:
        """The ledger's address, its log's origin and key, and of a mirror how it follows. Check the key elsewhere."""
        return json_answer(describe(), 200, {"Cache-Control": "no-store"})

    return router


def ledger_members(base_url: str, origin: str, vkey: str, *, demonstration: bool) -> dict[str, Any]:
    """The members of the answer that a ledger and its mirrors share."""
    return {"base_url": base_url, "origin": origin, "log_key": vkey, "demonstration": demonstration, "mirror": None}
