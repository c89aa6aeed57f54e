"""Micro-credentials on offer: publish a template, and read what has been published."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api import example
from api.lookup import Lookup
from api.node import Node
from api.openapi import body_of
from api.schema import DueReview, Publication
from api.write import Write, json_answer, submit, within
from ledger.achievement import Template
from ledger.application import Clock, Outcome
from ledger.quality import Headcount, Review

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

    @router.post("/{slug}/{code}/due-reviews", status_code=201, openapi_extra=body_of("DueReview", None, example.DUE))
    async def schedule(request: Request, slug: str, code: str) -> Response:
        """Announce when the next review is due."""
        return await submit(node, request, lambda write: _schedule(node, slug, code, write))

    @router.post("/{slug}/{code}/reviews", status_code=201, openapi_extra=body_of("Review", None, example.REVIEW))
    async def review(request: Request, slug: str, code: str) -> Response:
        """Record a review of the newest edition: by which body, with what outcome, and when the next is due."""
        return await submit(node, request, lambda write: _review(node, slug, code, write))

    @router.post("/{slug}/{code}/figures", status_code=201, openapi_extra=body_of("Headcount", None, example.HEADCOUNT))
    async def figures(request: Request, slug: str, code: str) -> Response:
        """Publish how many enrolled and completed in a period, and how they rated it.

        Send the whole counts: whatever could tell of a person is kept back and stored nowhere.
        """
        return await submit(node, request, lambda write: _figures(node, slug, code, write))

    return router


def read_router(lookup: Lookup, now: Clock) -> APIRouter:
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

    @router.get("/{slug}/{code}")
    def history(slug: str, code: str) -> Response:
        """A micro-credential: what changed in each edition, when it was reviewed and is to be, and its figures."""
        return json_answer(lookup.achievement_history(slug, code, now().date()))

    return router


def _publish(node: Node, write: Write) -> Response:
    publication = write.body_as(Publication)
    with within("/template", Template):
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


def _schedule(node: Node, slug: str, code: str, write: Write) -> Response:
    due = write.body_as(DueReview)
    return _recorded(
        node,
        node.parts.quality.schedule(
            slug=slug, code=code, due_on=due.due_on, actor=write.actor, request=write.submission
        ),
    )


def _review(node: Node, slug: str, code: str, write: Write) -> Response:
    review = write.body_as(Review)
    return _recorded(
        node,
        node.parts.quality.review(slug=slug, code=code, review=review, actor=write.actor, request=write.submission),
    )


def _figures(node: Node, slug: str, code: str, write: Write) -> Response:
    count = write.body_as(Headcount)
    return _recorded(
        node,
        node.parts.quality.publish_figures(
            slug=slug, code=code, count=count, actor=write.actor, request=write.submission
        ),
    )


def _recorded(node: Node, outcome: Outcome) -> Response:
    node.wait_until_visible(outcome.position)
    return json_answer(outcome.answer, 201)
