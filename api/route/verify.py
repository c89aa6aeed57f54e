"""``POST /v1/verify``: anyone may send what they were shown, and gets a report. No account, nothing is kept."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from api.instant import parse_instant
from api.json_body import read_json
from api.openapi import PUBLIC_BODY
from api.verification import Verification

JSON = "application/json"
MAX_EVIDENCE_BODY_BYTES = 1_500_000
"""A holder's bundle: a document of at most 256 KiB, and evidence of at most 1 MiB."""


def make_router(verification: Verification) -> APIRouter:
    """Make the router over the live verification."""
    router = APIRouter(tags=["verify"])

    @router.post("/v1/verify", openapi_extra=PUBLIC_BODY)
    async def verify(
        request: Request,
        at: Annotated[str | None, Query(description="Judge as of this instant (RFC 3339), or day.")] = None,
    ) -> Response:
        """Judge a signed document, a holder's bundle or an evidence file.

        The report names every check: `passed`, `failed`, `unknown` or `skipped`. The verdict follows from them alone.
        """
        value, raw = await read_json(request, MAX_EVIDENCE_BODY_BYTES)
        report = await run_in_threadpool(verification.verify, value, raw, parse_instant(at, "at"))
        return Response(msgspec.json.encode(report.to_json()), headers={"Cache-Control": "no-store"}, media_type=JSON)

    return router
