"""Pathways: publish the rules by which awards stack, and read every version of them with what has changed."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from api import example
from api.error import UnknownResourceError
from api.lookup import Lookup
from api.node import Node
from api.openapi import body_of
from api.pathway_answer import pathway_answer
from api.schema import Empty, PathwayPublication
from api.write import Write, json_answer, submit, within
from ledger.application import pathway_id
from projections.pathway_catalogue import PathwayCatalogue

Slug = Annotated[str, Path(description="Slug of the institution.")]
Code = Annotated[str, Path(description="What the institution calls the pathway.")]


def make_router(node: Node) -> APIRouter:
    """Make the router over the parts of *node*."""
    router = APIRouter(prefix="/v1/institutions/{slug}/pathways", tags=["pathways"])

    @router.post("", status_code=201, openapi_extra=body_of("PathwayPublication", None, example.PATHWAY))
    async def publish(request: Request, slug: Slug) -> Response:
        """Publish a pathway, or its next version when the code is known.

        A version never changes: what was stacked under an earlier one stays judged by that. With a further version
        come `changes`: sentences that say what is other than before.
        """
        return await submit(node, request, lambda write: _publish(node, slug, write))

    @router.post("/{code}/retirement", openapi_extra=body_of("Empty", None, {}, required=False))
    async def retire(request: Request, slug: Slug, code: Code) -> Response:
        """Let nothing be stacked by a pathway any more; what was stacked stands."""
        return await submit(node, request, lambda write: _retire(node, slug, code, write), empty={})

    return router


def read_router(lookup: Lookup) -> APIRouter:
    """Make the router of what anyone may ask, of any node that serves."""
    router = APIRouter(prefix="/v1/pathways", tags=["pathways"])

    @router.get("/{slug}/{code}")
    def newest(slug: Slug, code: Code) -> Response:
        """The newest version of a pathway, and what has changed from version to version."""
        return json_answer(_read(lookup, slug, code, None))

    @router.get("/{slug}/{code}/{version}")
    def one(slug: Slug, code: Code, version: Annotated[int, Path(ge=1, description="Which version.")]) -> Response:
        """One version of a pathway, as it was published and as it stays."""
        return json_answer(_read(lookup, slug, code, version))

    return router


def _publish(node: Node, slug: str, write: Write) -> Response:
    publication = write.body_as(PathwayPublication)
    with within("", PathwayPublication):
        outcome = node.parts.pathways.publish(
            slug=slug,
            code=publication.code,
            achievement=publication.achievement,
            rules=publication.rules,
            edition=publication.edition,
            changes=publication.changes,
            actor=write.actor,
            request=write.submission,
        )
    node.wait_until_visible(outcome.position, PathwayCatalogue.NAME)
    base = node.parts.identity.base_url
    answer = outcome.answer
    location = f"{base}/v1/pathways/{slug}/{answer['code']}/{answer['version']}"
    return json_answer({**answer, "url": location}, 201, {"Location": location})


def _retire(node: Node, slug: str, code: str, write: Write) -> Response:
    write.body_as(Empty)
    outcome = node.parts.pathways.retire(slug=slug, code=code, actor=write.actor, request=write.submission)
    node.wait_until_visible(outcome.position, PathwayCatalogue.NAME)
    return json_answer(outcome.answer)


def _read(lookup: Lookup, slug: str, code: str, version: int | None) -> dict[str, Any]:
    record = lookup.views.record_of(slug)
    identity = pathway_id(record.institution, code)
    reader = lookup.views.pathways
    listing, versions = reader.listing(identity), reader.versions(identity)
    wanted = len(versions) if version is None else version
    if listing is None or not 0 < wanted <= len(versions):
        message = "there is no such pathway, or not in this version"
        raise UnknownResourceError(message)
    answer = pathway_answer(identity, listing, versions, wanted)
    return {"institution": slug, "url": f"{lookup.base_url}/v1/pathways/{slug}/{code}/{wanted}", **answer}
