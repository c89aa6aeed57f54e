"""What an institution does for its learners' own pages: make and revoke links, and answer what learners ask for."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response

from api import example
from api.caller import authenticate
from api.error import UnknownResourceError
from api.holding import Holdings
from api.ledger_node import learner_address
from api.node import Node
from api.openapi import body_of
from api.schema import Empty, LearnerLinkRequest, RequestDecision
from api.write import Write, json_answer, submit
from ledger.institution import Institution
from ledger.learner_link import LearnerLink
from ledger.learner_request import LearnerRequest
from projections.credential_status import CredentialStatus

PRIVATE = {"Cache-Control": "private, no-store"}
Link = Annotated[str, Path(description="The first 16 characters of a link's secret part.", max_length=64)]
RequestId = Annotated[str, Path(alias="request", description="Id of a request.", max_length=64)]
Named = Annotated[str | None, Query(description="Slug of the institution; an operator has to name one.")]


def make_router(node: Node) -> APIRouter:
    """Make the router over the parts of *node*."""
    router = APIRouter(tags=["learners"])
    new_link = body_of("LearnerLinkRequest", None, example.LEARNER_LINK, is_repeatable=False)

    @router.post("/v1/learner-links", status_code=201, openapi_extra=new_link)
    async def make(request: Request) -> Response:
        """Make a link to a learner's own page. It is shown this once: hand it to the learner, and keep no copy."""
        return await submit(node, request, lambda write: _make(node, write))

    @router.get("/v1/learner-links")
    def links(request: Request, institution: Named = None) -> Response:
        """Every link to a learner's page, without its secret."""
        slug, owner = _whose(node, request, institution)
        return json_answer({"links": [_shown(slug, one) for one in node.parts.links.pages(owner)]}, 200, PRIVATE)

    end = body_of("Empty", None, {}, required=False, is_repeatable=False)

    @router.post("/v1/learner-links/{link}/revocation", openapi_extra=end)
    async def revoke(request: Request, link: Link) -> Response:
        """Revoke a link: whoever looks at the page is shown out at once. What was shared stays shared."""
        return await submit(node, request, lambda write: _revoke(node, link, write), empty={})

    @router.get("/v1/learner-requests")
    def requests(request: Request, institution: Named = None) -> Response:
        """What learners have asked for, oldest first, and how many wait for an answer."""
        slug, owner = _whose(node, request, institution)
        found = node.parts.requests.to(owner)
        waiting = sum(one.outcome is None for one in found)
        asked = [_asked(node, slug, one) for one in found]
        return json_answer({"waiting": waiting, "requests": asked}, 200, PRIVATE)

    decision = body_of("RequestDecision", None, example.REQUEST_DECISION, is_repeatable=False)

    @router.post("/v1/learner-requests/{request}/decision", openapi_extra=decision)
    async def decide(request: Request, identity: RequestId) -> Response:
        """Decide what a learner asked for. An erasure that is done erases the learner now, and cannot be undone."""
        return await submit(node, request, lambda write: _decide(node, identity, write))

    return router


def _make(node: Node, write: Write) -> Response:
    wanted = write.body_as(LearnerLinkRequest)
    slug = node.slug_for(write.actor, wanted.institution)
    made = node.parts.links.make(
        slug=slug, reference=wanted.reference, credential=wanted.credential, days=wanted.days, actor=write.actor
    )
    shown = {**_shown(slug, made.link), "link": learner_address(node.parts, made)}
    return json_answer(shown, 201, {"Cache-Control": "no-store"})


def _revoke(node: Node, prefix: str, write: Write) -> Response:
    write.body_as(Empty)
    revoked = node.parts.links.revoke(prefix, actor=write.actor)
    slug = node.ledger.load(Institution, revoked.institution, "such institution").slug
    return json_answer(_shown(slug, revoked))


def _decide(node: Node, identity: str, write: Write) -> Response:
    wanted = write.body_as(RequestDecision)
    try:
        known = UUID(identity)
    except ValueError as error:
        message = "there is no such request"
        raise UnknownResourceError(message) from error
    decided = node.parts.requests.decide(known, outcome=wanted.outcome, answer=wanted.answer, actor=write.actor)
    node.wait_until_visible(node.ledger.newest(), CredentialStatus.NAME)
    slug = node.ledger.load(Institution, decided.institution, "such institution").slug
    return json_answer(_asked(node, slug, decided))


def _whose(node: Node, request: Request, named: str | None) -> tuple[str, UUID]:
    """Slug and id of the institution that a question is about."""
    actor = authenticate(request, node.access, node.ledger.now())
    slug = node.slug_for(actor, named)
    institution = node.ledger.institution(slug)
    actor.require_institution(institution.id)
    return slug, institution.id


def _shown(slug: str, link: LearnerLink) -> dict[str, Any]:
    return {
        "prefix": link.prefix,
        "institution": slug,
        "created_at": link.created_at,
        "expires_at": link.expires_at,
        "revoked_at": link.revoked_at,
    }


def _asked(node: Node, slug: str, request: LearnerRequest) -> dict[str, Any]:
    return {
        "request": str(request.id),
        "institution": slug,
        "kind": request.kind,
        "made_at": request.made_at,
        "credential": request.asked.award,
        "note": request.asked.note or None,
        "credentials": Holdings(node).ids(request.learner) if request.outcome is None else [],
        "outcome": request.outcome,
        "decided_at": request.decided_at,
        "answer": request.answer or None,
    }
