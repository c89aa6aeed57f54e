"""The VC-API: signing, verifying and changing the status of credentials, in the shapes of the public suites.

Verifying needs no account. Signing and changing a status are writes, and need a bearer key of the institution, or of an
operator, unless the process was started to be tested from its own machine.

Source: VC-API 1.0, sections 3.2.1, 3.2.2, 3.3.1 and 3.3.2.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from http import HTTPStatus
from typing import Any, Final, TypeAlias

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from api import example
from api.caller import identify, submission_request
from api.error import MalformedBodyError, RefusedDocumentError
from api.json_body import read_json
from api.node import Node
from api.strict_json import JsonValue
from api.vc_api.issuing import Issuing
from api.vc_api.judgement import Judgement
from api.vc_api.judging import Judging
from api.vc_api.request import VerifyRequest, read_issue_request, read_status_request, read_verify_request
from api.vc_api.status_change import StatusChange
from api.write import json_answer
from ledger.access import Actor
from ledger.application import Request as Submission
from verifier.data_model import DataProblem
from verifier.data_model.problem import PARSING

PREFIX: Final = "/vc-api"
NOT_VERIFIED: Final[dict[int | str, dict[str, Any]]] = {
    400: {
        "description": "Not verified; every reason is named.",
        "content": {
            "application/json": {
                "schema": {"type": "object", "required": ["verified", "problemDetails"]},
                "example": example.NOT_VERIFIED,
            }
        },
    }
}
NO_STORE: Final = {"Cache-Control": "no-store"}


Scope: TypeAlias = Callable[[], AbstractContextManager[None]]
"""Gives what is done inside one deadline for everything that is fetched."""


def verify_router(judging: Judging, max_bytes: int, one_request: Scope) -> APIRouter:
    """Make the router of what anyone may ask.

    Args:
        judging: Judges documents.
        max_bytes: Longest body.
        one_request: Bounds what is fetched for one request.
    """

    def credential(asked: VerifyRequest) -> Judgement:
        with one_request():
            return judging.credential(asked)

    def presentation(asked: VerifyRequest) -> Judgement:
        with one_request():
            return judging.presentation(asked)

    router = APIRouter(prefix=PREFIX, tags=["VC-API"])

    @router.post(
        "/credentials/verify", responses=NOT_VERIFIED, openapi_extra=_body(example.VC_API_VERIFY, is_public=True)
    )
    async def verify_credential(request: Request) -> Response:
        """Verify a credential of the VC Data Model 2.0 or 1.1 with Data Integrity proofs, of whatever issuer.

        200 says that it is verified, and nothing else does. Unknown options are ignored.
        """
        return await _judge(request, max_bytes, "verifiableCredential", credential)

    @router.post(
        "/presentations/verify",
        responses=NOT_VERIFIED,
        openapi_extra=_body(example.VC_API_VERIFY_PRESENTATION, is_public=True),
    )
    async def verify_presentation(request: Request) -> Response:
        """Verify a presentation and every credential in it; `options` may hold `challenge` and `domain`."""
        return await _judge(request, max_bytes, "verifiablePresentation", presentation)

    return router


def write_router(node: Node, issuing: Issuing, change: StatusChange, stand_in: Actor | None = None) -> APIRouter:
    """Make the router of what institutions do.

    Args:
        node: The process's parts.
        issuing: Signs credentials.
        change: Changes their status.
        stand_in: Who calls, where no bearer key is asked for; None: whoever has one.
    """
    router = APIRouter(prefix=PREFIX, tags=["VC-API"])

    async def caller(request: Request) -> Actor:
        return stand_in or await identify(request, node.access, node.ledger.now)

    @router.post("/credentials/issue", status_code=201, openapi_extra=_body(example.VC_API_ISSUE, is_public=False))
    async def issue(request: Request) -> Response:
        """Sign a credential for an institution of this ledger, and log it before it leaves.

        The ledger adds `credentialStatus`, the proof, and an id if there is none. `options.cryptosuite` chooses the
        suite; unknown options are ignored. An `Idempotency-Key` may be sent.
        """
        actor = await caller(request)
        value, raw = await read_json(request, node.settings.max_body_bytes)
        return await run_in_threadpool(_issue, node, issuing, value, actor, _submission(request, actor, raw))

    @router.post("/credentials/status", openapi_extra=_body(example.VC_API_STATUS, is_public=False))
    async def set_status(request: Request) -> Response:
        """Revoke, suspend or reinstate a credential that was signed here, by its id. 404: there is none of that id."""
        actor = await caller(request)
        value, _ = await read_json(request, node.settings.max_body_bytes)
        asked = read_status_request(value)
        position = await run_in_threadpool(change.carry_out, asked, actor)
        await run_in_threadpool(node.wait_until_visible, position)
        return json_answer({"credentialId": asked.name, "statusPurpose": asked.purpose, "status": asked.is_set})

    return router


def _issue(node: Node, issuing: Issuing, value: JsonValue, actor: Actor, submission: Submission | None) -> Response:
    signed, position = issuing.issue(read_issue_request(value), actor, submission)
    # So that whoever verifies it in the next moment finds its status list.
    node.wait_until_visible(position)
    return json_answer({"verifiableCredential": signed}, HTTPStatus.CREATED)


def _submission(request: Request, actor: Actor, raw: bytes) -> Submission | None:
    """What recognises a repetition, if the caller wants one to be recognised: VC-API clients do not."""
    return submission_request(request, actor, raw) if "idempotency-key" in request.headers else None


async def _judge(
    request: Request, max_bytes: int, member: str, judge: Callable[[VerifyRequest], Judgement]
) -> Response:
    try:
        value, _ = await read_json(request, max_bytes)
        asked = read_verify_request(value, member)
    except MalformedBodyError as error:
        judged = Judgement((DataProblem(PARSING, error.detail),))
    except RefusedDocumentError as error:
        refused = {"verified": False, "problemDetails": error.extensions["problemDetails"]}
        return json_answer(refused, HTTPStatus.BAD_REQUEST, NO_STORE)
    else:
        judged = await run_in_threadpool(judge, asked)
    status = HTTPStatus.OK if judged.verified else HTTPStatus.BAD_REQUEST
    return json_answer(judged.to_json(), status, NO_STORE)


def _body(shown: dict[str, Any], *, is_public: bool) -> dict[str, Any]:
    """Describe a request body by its example; the members that have to be there are those of the example."""
    needed = [name for name in shown if name not in {"options", "status"}]
    properties: dict[str, Any] = {name: {"type": "object"} for name in shown if isinstance(shown[name], dict)}
    if "options" in properties:
        properties["options"] = {"type": ["object", "null"]}
    schema = {"type": "object", "required": needed, "properties": properties}
    content = {"application/json": {"schema": schema, "example": shown}}
    described: dict[str, Any] = {"requestBody": {"required": True, "content": content}}
    return described if is_public else {**described, "security": [{"bearer": []}]}
