"""Diplomas unpacked into the micro-credentials that they are made of."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from api import example
from api.node import Node
from api.openapi import body_of
from api.route.award import made_award
from api.schema import UnpackingRequest
from api.write import Write, json_answer, submit
from ledger.separating import Separation
from projections.credential_status import CredentialStatus
from projections.status_lists import StatusLists


def make_router(node: Node) -> APIRouter:
    """Make the router over the parts of *node*."""
    router = APIRouter(prefix="/v1/unpackings", tags=["unpackings"])

    @router.post("", status_code=201, openapi_extra=body_of("UnpackingRequest", None, example.UNPACKING))
    async def unpack(request: Request) -> Response:
        """Turn a diploma into an award for each module that was completed; all of them are made, or none.

        The log gets one event that names neither the diploma nor a part. The answer holds each part's id and bundle:
        hand the bundles to the learner, who may show any of them alone. The diploma's credits are spent then.
        """
        return await submit(node, request, lambda write: _unpack(node, write))

    return router


def _unpack(node: Node, write: Write) -> Response:
    asked = write.body_as(UnpackingRequest)
    outcome = node.separating.unpack(
        slug=node.slug_for(write.actor, asked.institution),
        asked=Separation(
            diploma=asked.diploma, programme=asked.programme, completed=asked.completed, edition=asked.edition
        ),
        actor=write.actor,
        request=write.submission,
    )
    node.wait_until_visible(outcome.position, CredentialStatus.NAME, StatusLists.NAME)
    parts = [{**made_award(node, part["id"]), "module": part["module"]} for part in outcome.answer["parts"]]
    return json_answer({"unpacking": outcome.answer["unpacking"], "parts": parts}, 201)
