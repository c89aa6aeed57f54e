"""Programmes: publish a diploma as modules, and read what has been published."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from api import example
from api.lookup import Lookup
from api.node import Node
from api.openapi import body_of
from api.schema import ProgrammePublication
from api.write import Write, json_answer, submit, within
from ledger.prospectus import ProgrammeDraft
from projections.programme_catalogue import ProgrammeCatalogue

Slug = Annotated[str, Path(description="Slug of an institution.")]
Code = Annotated[str, Path(description="The institution's code of the programme.")]
MAX_EDITION = (1 << 32) - 1


def make_router(node: Node) -> APIRouter:
    """Make the router over the parts of *node*."""
    router = APIRouter(prefix="/v1/institutions/{slug}/programmes", tags=["programmes"])

    @router.post("", status_code=201, openapi_extra=body_of("ProgrammePublication", None, example.PROGRAMME))
    async def publish(request: Request, slug: Slug) -> Response:
        """Publish a diploma as modules, or its next edition when the code is known.

        Each module is an edition of an achievement that the institution has published. What became other than in the
        edition before is recorded with it.
        """
        return await submit(node, request, lambda write: _publish(node, slug, write))

    return router


def read_router(lookup: Lookup) -> APIRouter:
    """Make the router of what anyone may ask, of any node that serves."""
    router = APIRouter(prefix="/v1/programmes/{slug}", tags=["programmes"])

    @router.get("")
    def published(slug: Slug) -> Response:
        """List the programmes of an institution, each by its newest edition."""
        return json_answer(lookup.programmes(slug))

    @router.get("/{code}")
    def newest(slug: Slug, code: Code) -> Response:
        """The newest edition of a programme, its modules described as their achievements are."""
        return json_answer(lookup.programme_edition(slug, code, None))

    @router.get("/{code}/{edition}")
    def one(slug: Slug, code: Code, edition: Annotated[int, Path(ge=1, le=MAX_EDITION)]) -> Response:
        """One edition of a programme, as it was published and as it stays."""
        return json_answer(lookup.programme_edition(slug, code, edition))

    return router


def _publish(node: Node, slug: str, write: Write) -> Response:
    publication = write.body_as(ProgrammePublication)
    with within("/programme", ProgrammeDraft):
        outcome = node.prospectus.publish(
            slug=slug,
            code=publication.code,
            draft=publication.programme,
            actor=write.actor,
            request=write.submission,
        )
    node.wait_until_visible(outcome.position, ProgrammeCatalogue.NAME)
    location = f"{node.parts.identity.base_url}/v1/programmes/{slug}/{publication.code}/{outcome.answer['edition']}"
    return json_answer(outcome.answer, 201, {"Location": location})
