"""``POST /v1/verify`` and ``…/batch``: anyone may send what they were shown, and gets a report. Nothing is kept."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from api.batch.answer import NDJSON, BatchAnswer, Batches
from api.instant import parse_instant
from api.json_body import parse_large
from api.media_type import header, media_type
from api.openapi import BATCH_BODY, VERIFY_BODY
from api.strict_body import check_content_type, check_length, read_body
from api.strict_json import DEFAULT_LIMITS
from api.verification import Verification
from verifier.foreign.baked import MAX_IMAGE_BYTES
from verifier.foreign.format import JSON_TYPES, MEDIA_TYPES, PNG_TYPE, SVG_TYPE

JSON = "application/json"
MAX_EVIDENCE_BODY_BYTES = 1_500_000
"""A holder's bundle: a document of at most 256 KiB, and evidence of at most 1 MiB; and any token."""
IMAGES = frozenset({PNG_TYPE, SVG_TYPE})
LINES = frozenset({NDJSON, "text/plain"})
"""What a batch may be called."""

At = Annotated[str | None, Query(description="Judge as of this instant (RFC 3339), or day.")]


def make_router(verification: Verification) -> APIRouter:
    """Make the router over the live verification."""
    router = APIRouter(tags=["verify"])

    @router.post("/v1/verify", openapi_extra=VERIFY_BODY)
    async def verify(request: Request, at: At = None) -> Response:
        """Judge a credential of the field in any form, a presentation, a holder's bundle or an evidence file.

        JSON, a token (VC-JWT, SD-JWT), or a PNG or SVG with a badge in it; from this ledger or from anywhere. The
        report names every check: `passed`, `failed`, `unknown` or `skipped`. The verdict follows from them alone.
        """
        check_content_type(request.scope, MEDIA_TYPES)
        kind, _ = media_type(header(request.scope, "content-type") or "")
        raw = await read_body(request, max_bytes=MAX_IMAGE_BYTES if kind in IMAGES else MAX_EVIDENCE_BODY_BYTES)
        if kind in JSON_TYPES:
            await parse_large(raw, DEFAULT_LIMITS)  # says where it is not strict JSON
        report = await run_in_threadpool(verification.verify, raw, parse_instant(at, "at"), kind)
        return Response(msgspec.json.encode(report.to_json()), headers={"Cache-Control": "no-store"}, media_type=JSON)

    return router


def batch_router(verification: Verification, batches: Batches) -> APIRouter:
    """Make the router over the live verification, and what batches share."""
    router = APIRouter(tags=["verify"])

    @router.post("/v1/verify/batch", openapi_extra=BATCH_BODY)
    async def verify_batch(request: Request, at: At = None) -> Response:
        """Judge many things, a line each: lines are answered in order, as they come, while others are still sent.

        Each answer has the number of its line and a `report`, or a `problem` of that line alone. The last line says
        `complete`, or at which limit the batch was cut off and from which line on to send the rest.
        """
        check_content_type(request.scope, LINES)
        check_length(request.scope, batches.settings.verify_batch_bytes)
        instant = parse_instant(at, "at")
        verification.require_past(instant)
        return BatchAnswer(batches, instant)

    return router
