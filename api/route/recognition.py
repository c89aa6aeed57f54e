"""Recognitions: an institution's decisions about others' awards, appeals, withdrawals. The log's part is public."""

from __future__ import annotations

import base64
from datetime import date
from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import APIRouter, Path, Query, Request, Response

from api import example
from api.caller import authenticate
from api.instant import parse_day
from api.lookup import Lookup
from api.node import Node
from api.openapi import body_of
from api.schema import AppealOutcome, AppealRequest, Change, RecognitionRequest
from api.write import Write, json_answer, submit
from ledger.application import Outcome
from ledger.component_reading import RECOGNITION
from ledger.recognition import Recognition
from ledger.recognition_book import KeptDetails
from ledger.recognition_credit import credit_on
from projections.recognition_register import RecognitionRegister

PRIVATE = {"Cache-Control": "private, no-store"}
OCTETS = "application/octet-stream"


def make_router(node: Node) -> APIRouter:
    """Make the router over the parts of *node*."""
    router = APIRouter(prefix="/v1/recognitions", tags=["recognitions"])

    @router.post("", status_code=201, openapi_extra=body_of("RecognitionRequest", None, example.RECOGNITION))
    async def decide(request: Request) -> Response:
        """Decide about another institution's award: in full, in part, or not at all; what is refused names reasons.

        Without a decision an agreement decides: an award within its scope and dates is recognised in full. The answer
        holds the details and the salt that opens the log's commitment to them. Hand both to the learner.
        """
        return await submit(node, request, lambda write: _decide(node, write), is_batch=True)

    @router.post(
        "/{recognition}/appeals", status_code=201, openapi_extra=body_of("AppealRequest", None, example.APPEAL)
    )
    async def appeal(request: Request, recognition: UUID) -> Response:
        """Enter a learner's appeal, and by when it will be decided."""
        return await submit(node, request, lambda write: _appeal(node, recognition, write))

    @router.post("/{recognition}/appeals/outcome", openapi_extra=body_of("AppealOutcome", None, example.APPEAL_OUTCOME))
    async def outcome(request: Request, recognition: UUID) -> Response:
        """Enter the outcome of the open appeal: the decision is upheld, or changed to another one."""
        return await submit(node, request, lambda write: _outcome(node, recognition, write))

    @router.post("/{recognition}/withdrawal", openapi_extra=body_of("Change", None, example.RECOGNITION_WITHDRAWAL))
    async def withdraw(request: Request, recognition: UUID) -> Response:
        """Take a decision back: from then on nothing is recognised."""
        return await submit(node, request, lambda write: _withdraw(node, recognition, write))

    @router.get("/{recognition}/details")
    def details(
        request: Request,
        recognition: UUID,
        on: Annotated[str | None, Query(description="Its worth on this day (UTC); today, if not said.")] = None,
    ) -> Response:
        """The decisions in full, with the salts that open the log's commitments. For the institution that decided."""
        known = _own(node, recognition, request)
        day = node.ledger.now().date() if on is None else parse_day(on, "on")
        return json_answer(_in_full(node, known, day), 200, PRIVATE)

    @router.get("/{recognition}/files/{number}")
    def file(request: Request, recognition: UUID, number: Annotated[int, Path(ge=0, le=99)]) -> Response:
        """The exact bytes of a document or scan that was entered. For the institution that decided."""
        known = _own(node, recognition, request)
        return Response(node.parts.recognising.book.file(known.id, number), 200, PRIVATE, media_type=OCTETS)

    return router


def read_router(lookup: Lookup) -> APIRouter:
    """Make the router of what anyone may ask, of any node that serves."""
    router = APIRouter(prefix="/v1/recognitions", tags=["recognitions"])

    @router.get("/{recognition}")
    def shown(recognition: UUID) -> Response:
        """What the log says of a recognition: who decided what, why, from when; appeals. Nothing about the award."""
        return json_answer(lookup.recognition(recognition))

    return router


def _decide(node: Node, write: Write) -> Response:
    new = write.body_as(RecognitionRequest)
    outcome = node.parts.recognising.decide(
        slug=node.slug_for(write.actor, new.institution),
        shown=new.award,
        decision=new.decision,
        learner=new.learner,
        effective_at=new.effective_at,
        appeal_until=new.appeal_until,
        actor=write.actor,
        request=write.submission,
    )
    node.wait_until_visible(outcome.position, RecognitionRegister.NAME)
    identity = UUID(outcome.answer["recognition"])
    book = node.parts.recognising.book
    kept = book.kept(book.recognition(identity), 1)
    url = f"{node.parts.identity.base_url}/v1/recognitions/{identity}"
    answer = {**outcome.answer, "url": url, "stack_as": f"{RECOGNITION}{identity.hex}", **_opened(kept)}
    return json_answer(answer, 201, {"Location": url})


def _appeal(node: Node, identity: UUID, write: Write) -> Response:
    new = write.body_as(AppealRequest)
    outcome = node.parts.recognising.appeal(
        recognition=identity,
        filed_at=new.filed_at,
        decide_by=new.decide_by,
        statement=new.statement,
        actor=write.actor,
        request=write.submission,
    )
    return _changed(node, outcome, identity, 201)


def _outcome(node: Node, identity: UUID, write: Write) -> Response:
    new = write.body_as(AppealOutcome)
    outcome = node.parts.recognising.decide_appeal(
        recognition=identity,
        result=new.result,
        decision=new.decision,
        effective_at=new.effective_at,
        appeal_until=new.appeal_until,
        statement=new.statement,
        actor=write.actor,
        request=write.submission,
    )
    return _changed(node, outcome, identity)


def _withdraw(node: Node, identity: UUID, write: Write) -> Response:
    end = write.body_as(Change)
    outcome = node.parts.recognising.withdraw(
        recognition=identity,
        reason=end.reason,
        effective_at=end.effective_at,
        note=end.note,
        actor=write.actor,
        request=write.submission,
    )
    return _changed(node, outcome, identity)


def _changed(node: Node, outcome: Outcome, identity: UUID, status: int = 200) -> Response:
    with node.showing(outcome.position, RecognitionRegister.NAME):
        return json_answer(node.lookup.recognition(identity), status)


def _own(node: Node, identity: UUID, request: Request) -> Recognition:
    """A recognition that the caller's institution decided."""
    actor = authenticate(request, node.access, node.ledger.now())
    known = node.parts.recognising.book.recognition(identity)
    actor.require_institution(known.institution)
    return known


def _in_full(node: Node, known: Recognition, day: date) -> dict[str, Any]:
    book = node.parts.recognising.book
    kept = {ruling.version: book.kept(known, ruling.version) for ruling in known.rulings}
    opened = book.details(known)
    named = {one.agreement for one in opened.values() if one.agreement is not None}
    agreement = node.parts.agreeing.agreement(named.pop()) if named else None
    credit = credit_on(known, opened, agreement, day)
    return {
        "recognition": str(known.id),
        "on": day.isoformat(),
        "credit": msgspec.to_builtins(credit),
        "decisions": [{"version": version, **_opened(one)} for version, one in kept.items()],
    }


def _opened(kept: KeptDetails) -> dict[str, Any]:
    return {"details": msgspec.Raw(kept.form), "salt": base64.b64encode(kept.salt).decode("ascii")}
