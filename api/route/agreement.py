"""Agreements between institutions, by which recognition is automatic. All of them are public."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from api import example
from api.lookup import Lookup
from api.node import Node
from api.openapi import body_of
from api.schema import AgreementAcceptance, AgreementEnd, AgreementProposal
from api.write import Write, json_answer, submit
from ledger.agreement import Terms
from ledger.application import Outcome
from projections.agreement_register import AgreementRegister

MAX_PAGE = 200


def make_router(node: Node) -> APIRouter:
    """Make the router over the parts of *node*."""
    router = APIRouter(prefix="/v1/agreements", tags=["agreements"])

    @router.post("", status_code=201, openapi_extra=body_of("AgreementProposal", None, example.AGREEMENT))
    async def propose(request: Request) -> Response:
        """Propose an agreement to another institution: whose awards, of what scope, how much of them, from when."""
        return await submit(node, request, lambda write: _propose(node, write))

    @router.post("/{agreement}/acceptance", openapi_extra=body_of("AgreementAcceptance", None, {}))
    async def accept(request: Request, agreement: UUID) -> Response:
        """Accept a proposal, as the institution that it was made to. Only then does anything follow from it."""
        return await submit(node, request, lambda write: _accept(node, agreement, write))

    @router.post("/{agreement}/end", openapi_extra=body_of("AgreementEnd", None, {}))
    async def end(request: Request, agreement: UUID) -> Response:
        """End an agreement, or decline a proposal, as one of its two institutions. What was recognised stands."""
        return await submit(node, request, lambda write: _end(node, agreement, write))

    return router


def read_router(lookup: Lookup) -> APIRouter:
    """Make the router of what anyone may ask, of any node that serves."""
    router = APIRouter(prefix="/v1/agreements", tags=["agreements"])

    @router.get("")
    def agreements(
        institution: Annotated[str | None, Query(description="Slug of an institution.")] = None,
        after: Annotated[str, Query(description="Cursor: «next» of the page before.", max_length=20)] = "",
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
    ) -> Response:
        """List agreements in the order in which they were proposed, page by page."""
        return json_answer(lookup.agreements(institution, after, limit))

    return router


def _propose(node: Node, write: Write) -> Response:
    new = write.body_as(AgreementProposal)
    terms = Terms(
        awards_of=new.awards_of,
        achievements=new.achievements,
        limits=new.limits,
        share_percent=new.share_percent,
        cap_centi=new.cap_centi,
    )
    outcome = node.parts.agreeing.propose(
        slug=node.slug_for(write.actor, new.institution),
        partner=new.partner,
        terms=terms,
        valid_from=new.valid_from,
        valid_until=new.valid_until,
        actor=write.actor,
        request=write.submission,
    )
    return _answered(node, outcome, 201)


def _accept(node: Node, identity: UUID, write: Write) -> Response:
    new = write.body_as(AgreementAcceptance)
    slug = node.slug_for(write.actor, new.institution)
    agreeing = node.parts.agreeing
    outcome = agreeing.accept(agreement=identity, slug=slug, actor=write.actor, request=write.submission)
    return _answered(node, outcome)


def _end(node: Node, identity: UUID, write: Write) -> Response:
    new = write.body_as(AgreementEnd)
    outcome = node.parts.agreeing.end(
        agreement=identity,
        slug=node.slug_for(write.actor, new.institution),
        effective_at=new.effective_at,
        actor=write.actor,
        request=write.submission,
    )
    return _answered(node, outcome)


def _answered(node: Node, outcome: Outcome, status: int = 200) -> Response:
    with node.showing(outcome.position, AgreementRegister.NAME):
        return json_answer(node.lookup.agreement(UUID(outcome.answer["agreement"])), status)
