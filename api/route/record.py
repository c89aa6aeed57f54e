"""Documents of an institution's own making about awards: learner records (CLR 2.0), endorsements; and its forms."""

from __future__ import annotations

import base64

import msgspec
from fastapi import APIRouter, Request, Response

from api import example
from api.node import Node
from api.openapi import body_of
from api.schema import EndorsementRequest, Forms, RecordRequest
from api.write import Write, json_answer, submit
from ledger.application import Outcome
from ledger.commitment import DOCUMENT_KIND
from projections.credential_status import CredentialStatus
from projections.status_lists import StatusLists


def make_router(node: Node) -> APIRouter:
    """Make the router over the parts of *node*."""
    router = APIRouter(tags=["documents"])
    forms_body = body_of("Forms", None, example.FORMS)

    @router.post("/v1/institutions/{slug}/forms", openapi_extra=forms_body)
    async def choose(request: Request, slug: str) -> Response:
        """Choose in which forms awards are signed from now on; the Open Badge is always among them."""
        return await submit(node, request, lambda write: _choose(node, slug, write))

    @router.post("/v1/clr", status_code=201, openapi_extra=body_of("RecordRequest", None, example.RECORD))
    async def record(request: Request) -> Response:
        """Make a Comprehensive Learner Record of all that a learner holds here: signed, logged, with its own status."""
        return await submit(node, request, lambda write: _record(node, write))

    endorsement_body = body_of("EndorsementRequest", None, example.ENDORSEMENT)

    @router.post("/v1/endorsements", status_code=201, openapi_extra=endorsement_body)
    async def endorse(request: Request) -> Response:
        """Endorse another institution, an achievement or an award; the endorsement can be handed on and embedded."""
        return await submit(node, request, lambda write: _endorse(node, write))

    return router


def _choose(node: Node, slug: str, write: Write) -> Response:
    wanted = write.body_as(Forms)
    outcome = node.registry.choose_forms(slug=slug, forms=wanted.forms, actor=write.actor, request=write.submission)
    node.wait_until_visible(outcome.position)
    return json_answer(outcome.answer)


def _record(node: Node, write: Write) -> Response:
    wanted = write.body_as(RecordRequest)
    outcome = node.parts.records.make_record(
        slug=node.slug_for(write.actor, wanted.institution),
        reference=wanted.reference,
        credentials=wanted.credentials,
        associations=wanted.associations,
        actor=write.actor,
        request=write.submission,
    )
    return _made(node, outcome)


def _endorse(node: Node, write: Write) -> Response:
    wanted = write.body_as(EndorsementRequest)
    outcome = node.parts.records.endorse(
        slug=node.slug_for(write.actor, wanted.institution),
        subject=wanted.subject,
        comment=wanted.comment,
        actor=write.actor,
        request=write.submission,
    )
    return _made(node, outcome)


def _made(node: Node, outcome: Outcome) -> Response:
    node.wait_until_visible(outcome.position, CredentialStatus.NAME, StatusLists.NAME)
    public_id = outcome.answer
    kept = node.parts.records.document(public_id)
    answer = {
        "id": public_id,
        "url": node.links(public_id)["url"],
        "status_url": node.links(public_id)["status_url"],
        "document": msgspec.Raw(kept.forms[DOCUMENT_KIND]),
        "salt": base64.b64encode(kept.salt).decode("ascii"),
    }
    return json_answer(answer, 201, {"Location": answer["url"]})
