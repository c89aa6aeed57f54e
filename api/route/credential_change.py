"""What becomes of an award: suspend, reinstate, revoke, replace. For the institution that made it."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from api import example
from api.node import Node
from api.openapi import body_of
from api.route.award import PublicId, known_form, made_award
from api.schema import Change, Reinstatement, Replacement
from api.write import Write, json_answer, submit, within
from ledger.application import Outcome
from ledger.claim import AwardClaim
from projections.credential_status import CredentialStatus
from projections.status_lists import StatusLists


def make_router(node: Node) -> APIRouter:
    """Make the router over the parts of *node*."""
    router = APIRouter(prefix="/v1/credentials/{id}", tags=["credentials"])

    @router.post("/suspension", openapi_extra=body_of("Change", None, example.SUSPENSION))
    async def suspend(request: Request, public_id: PublicId) -> Response:
        """Suspend an award: it does not hold until it is reinstated."""
        return await submit(node, request, lambda write: _suspend(node, known_form(public_id), write))

    @router.delete("/suspension", openapi_extra=body_of("Reinstatement", None, {}, required=False))
    async def reinstate(request: Request, public_id: PublicId) -> Response:
        """End a suspension."""
        return await submit(node, request, lambda write: _reinstate(node, known_form(public_id), write), empty={})

    @router.post("/revocation", openapi_extra=body_of("Change", None, example.REVOCATION))
    async def revoke(request: Request, public_id: PublicId) -> Response:
        """Revoke an award for good. The reason is a code from a closed list; a note goes to the vault."""
        return await submit(node, request, lambda write: _revoke(node, known_form(public_id), write))

    @router.post("/replacement", status_code=201, openapi_extra=body_of("Replacement", None, example.REPLACEMENT))
    async def replace(request: Request, public_id: PublicId) -> Response:
        """Put a corrected award in the place of this one; the old one points to the new."""
        return await submit(node, request, lambda write: _replace(node, known_form(public_id), write))

    return router


def _suspend(node: Node, public_id: str, write: Write) -> Response:
    change = write.body_as(Change)
    outcome = node.lifecycle.suspend(
        public_id=public_id,
        reason=change.reason,
        note=change.note,
        effective_at=change.effective_at,
        actor=write.actor,
        request=write.submission,
    )
    return _changed(node, public_id, outcome)


def _reinstate(node: Node, public_id: str, write: Write) -> Response:
    end = write.body_as(Reinstatement)
    outcome = node.lifecycle.reinstate(
        public_id=public_id, effective_at=end.effective_at, actor=write.actor, request=write.submission
    )
    return _changed(node, public_id, outcome)


def _revoke(node: Node, public_id: str, write: Write) -> Response:
    change = write.body_as(Change)
    outcome = node.lifecycle.revoke(
        public_id=public_id,
        reason=change.reason,
        note=change.note,
        effective_at=change.effective_at,
        actor=write.actor,
        request=write.submission,
    )
    return _changed(node, public_id, outcome)


def _replace(node: Node, public_id: str, write: Write) -> Response:
    replacement = write.body_as(Replacement)
    with within("/credential", AwardClaim):
        outcome = node.issuance.replace(
            public_id=public_id,
            claim=replacement.credential,
            reason=replacement.reason,
            actor=write.actor,
            request=write.submission,
        )
    node.wait_until_visible(outcome.position, CredentialStatus.NAME, StatusLists.NAME)
    made = made_award(node, outcome.answer[0])
    return json_answer({**made, "replaces": public_id}, 201, {"Location": made["url"]})


def _changed(node: Node, public_id: str, outcome: Outcome) -> Response:
    with node.showing(outcome.position, CredentialStatus.NAME, StatusLists.NAME):
        return json_answer(node.lookup.statuses.status(public_id, at=None, known_at=None))
