"""Micro-credentials on offer: publish a template, and read what has been published."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api import example
from api.lookup import Lookup
from api.node import Node
from api.openapi import body_of
from api.schema import Publication
from api.write import Write, json_answer, submit

MAX_PAGE = 200


def make_router(node: Node) -> APIRouter:
    """Make the router over the parts of *node*."""
    router = APIRouter(prefix="/v1/achievements", tags=["achievements"])

    @router.post("", status_code=201, openapi_extra=body_of("Publication", None, example.PUBLICATION))
    async def publish(request: Request) -> Response:
        """Publish a micro-credential's template, or its next edition when the code is known.

        A template without one of the mandatory elements of the EU Recommendation is refused, and the problem names it.
        """
        return await submit(node, request, lambda write: _publish(node, write))

    return router


def read_router(lookup: Lookup) -> APIRouter:
    """Make the router of what anyone may ask, of any node that serves."""
    router = APIRouter(prefix="/v1/achievements", tags=["achievements"])

    @router.get("")
    def published(
        institution: Annotated[str | None, Query(description="Slug of an institution.")] = None,
        after: Annotated[str, Query(description="Cursor: «next» of the page before.", max_length=300)] = "",
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
    ) -> Response:
        """List published micro-credentials, page by page."""
        return json_answer(lookup.catalogue_page(institution, after, limit))

    return router


def _publish(node: Node, write: Write) -> Response:
    publication = write.body_as(Publication)
    outcome = node.catalogue.publish(
        slug=node.slug_for(write.actor, publication.institution),
        code=publication.code,
        template=publication.template,
        details=publication.details,
        actor=write.actor,
        request=write.submission,
    )
    node.wait_until_visible(outcome.position)
    return json_answer(outcome.answer, 201)
