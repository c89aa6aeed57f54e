"""Reviews of awards that have lost what they were made of: appeals, decisions, and the run that keeps the deadlines."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from api import example
from api.node import Node
from api.openapi import body_of
from api.route.award import PublicId, known_form
from api.schema import Appeal, AppealDecision, Empty, ReviewDecision
from api.write import Write, json_answer, submit
from ledger.application import Outcome
from projections.credential_status import CredentialStatus
from projections.status_lists import StatusLists

Slug = Annotated[str, Path(description="Slug of the institution.")]


def make_router(node: Node) -> APIRouter:
    """Make the router over the parts of *node*."""
    router = APIRouter(prefix="/v1/credentials/{id}", tags=["credentials"])

    @router.post("/appeal", openapi_extra=body_of("Appeal", None, example.REVIEW_APPEAL))
    async def appeal(request: Request, public_id: PublicId) -> Response:
        """Record the holder's appeal against the review of an award. Until it is decided no deadline has any effect."""
        return await submit(node, request, lambda write: _appeal(node, known_form(public_id), write))

    @router.post("/appeal/decision", openapi_extra=body_of("AppealDecision", None, example.APPEAL_DECISION))
    async def decide_appeal(request: Request, public_id: PublicId) -> Response:
        """Record what became of an appeal. Upheld, the award stands and the review ends."""
        return await submit(node, request, lambda write: _decide_appeal(node, known_form(public_id), write))

    @router.post("/review/decision", openapi_extra=body_of("ReviewDecision", None, example.REVIEW_DECISION))
    async def decide(request: Request, public_id: PublicId) -> Response:
        """Decide the review of an award: it stands, is suspended, or is revoked."""
        return await submit(node, request, lambda write: _decide(node, known_form(public_id), write))

    return router


def run_router(node: Node) -> APIRouter:
    """Make the router of the run itself. A serving process makes one every few seconds; this is for not waiting."""
    router = APIRouter(prefix="/v1/cascade", tags=["operation"])

    @router.post("/runs", openapi_extra=body_of("Empty", None, {}, required=False))
    async def run(request: Request) -> Response:
        """Do what is due to stacked awards that have lost a component. For the operator."""
        return await submit(node, request, lambda write: _run(node, write), empty={})

    return router


def _appeal(node: Node, public_id: str, write: Write) -> Response:
    wanted = write.body_as(Appeal)
    outcome = node.parts.reviewing.appeal(
        public_id=public_id, statement=wanted.statement, actor=write.actor, request=write.submission
    )
    return _changed(node, public_id, outcome)


def _decide_appeal(node: Node, public_id: str, write: Write) -> Response:
    wanted = write.body_as(AppealDecision)
    outcome = node.parts.reviewing.decide_appeal(
        public_id=public_id, outcome=wanted.outcome, note=wanted.note, actor=write.actor, request=write.submission
    )
    return _changed(node, public_id, outcome)


def _decide(node: Node, public_id: str, write: Write) -> Response:
    wanted = write.body_as(ReviewDecision)
    outcome = node.parts.reviewing.close(
        public_id=public_id, outcome=wanted.outcome, actor=write.actor, request=write.submission
    )
    return _changed(node, public_id, outcome)


def _run(node: Node, write: Write) -> Response:
    write.body_as(Empty)
    done = node.parts.cascade.run(write.actor)
    node.wait_until_visible(node.ledger.newest(), CredentialStatus.NAME, StatusLists.NAME)
    return json_answer(done)


def _changed(node: Node, public_id: str, outcome: Outcome) -> Response:
    with node.showing(outcome.position, CredentialStatus.NAME, StatusLists.NAME):
        return json_answer(node.lookup.statuses.status(public_id, at=None, known_at=None))
