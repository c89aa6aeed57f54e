"""Micro-credentials on offer: publish a template, and read what has been published."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from api import example
from api.caller import identify, submission_request
from api.json_body import read_json
from api.node import Node
from api.openapi import body_of
from api.schema import Publication, convert
from ledger.access import Actor

JSON = "application/json"
MAX_PAGE = 200


def make_router(node: Node) -> APIRouter:
    """Make the router over the parts of *node*."""
    router = APIRouter(prefix="/v1/achievements", tags=["achievements"])

    @router.post("", status_code=201, openapi_extra=body_of("Publication", None, example.PUBLICATION))
    async def publish(request: Request) -> Response:
        """Publish a micro-credential's template, or its next edition when the code is known.

        A template without one of the mandatory elements of the EU Recommendation is refused, and the problem names it.
        """
        actor = await identify(request, node.access, node.ledger.now)
        value, raw = await read_json(request, node.settings.max_body_bytes)
        return await run_in_threadpool(_publish, request, actor, value, raw)

    def _publish(request: Request, actor: Actor, value: object, raw: bytes) -> Response:
        publication = convert(value, Publication)
        outcome = node.catalogue.publish(
            slug=node.slug_for(actor, publication.institution),
            code=publication.code,
            template=publication.template,
            actor=actor,
            request=submission_request(request, actor, raw),
        )
        node.wait_until_visible(outcome.position)
        return Response(msgspec.json.encode(outcome.answer), 201, media_type=JSON)

    @router.get("")
    def published(
        institution: Annotated[str | None, Query(description="Slug of an institution.")] = None,
        after: Annotated[str, Query(description="Cursor: «next» of the page before.", max_length=300)] = "",
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
    ) -> Response:
        """List published micro-credentials, page by page."""
        page = node.catalogue_page(institution, after, limit)
        return Response(msgspec.json.encode(page), media_type=JSON)

    return router
