"""Awards: make them, and what anyone may ask of one."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import PlainTextResponse

from api import example
from api.caller import authenticate
from api.instant import parse_instant
from api.lookup import Lookup
from api.node import Node
from api.openapi import body_of
from api.route.award import known_form, made_awards
from api.schema import awards
from api.write import Write, json_answer, submit, without
from projections.credential_status import CredentialStatus
from projections.status_lists import StatusLists

PUBLIC_CACHE = "public, max-age=1"

At = Annotated[str | None, Query(description="Was it valid at this instant (RFC 3339, or a date)?")]
KnownAt = Annotated[str | None, Query(description="By what the log knew at this instant.")]


def make_router(node: Node) -> APIRouter:
    """Make the router over the parts of *node*."""
    router = APIRouter(prefix="/v1/credentials", tags=["credentials"])

    @router.post("", status_code=201, openapi_extra=body_of("Awards", "AwardClaim", example.AWARD))
    async def issue(request: Request) -> Response:
        """Make one award, or many at once: all of them are committed, or none.

        The answer holds each award's id and bundle: the signed document and the salt that opens its commitment. Hand
        the bundle to the learner. Repeating the request with the same `Idempotency-Key` gives the same awards.
        """
        return await submit(node, request, lambda write: _issue(node, write), is_batch=True)

    @router.get("/{id}/bundle")
    def bundle(request: Request, public_id: Annotated[str, Path(alias="id")]) -> Response:
        """The holder's bundle: document, salt and fresh evidence. For the institution that made the award."""
        actor = authenticate(request, node.access, node.ledger.now())
        actor.require_institution(node.ledger.credential(known_form(public_id)).institution)
        return json_answer(node.bundles.bundle(public_id), 200, {"Cache-Control": "private, no-store"})

    return router


def read_router(lookup: Lookup) -> APIRouter:
    """Make the router of what anyone may ask, of any node that serves."""
    router = APIRouter(prefix="/v1/credentials", tags=["credentials"])

    @router.get("/{id}/status", openapi_extra={"x-public": True})
    def status(public_id: Annotated[str, Path(alias="id")], at: At = None, known_at: KnownAt = None) -> Response:
        """What is true of an award now, or was at an instant. Needs no account and shows nothing personal."""
        answer = lookup.statuses.status(
            public_id, at=parse_instant(at, "at"), known_at=parse_instant(known_at, "known_at")
        )
        return json_answer(answer, 200, {"Cache-Control": PUBLIC_CACHE})

    @router.get("/{id}/evidence")
    def evidence(public_id: Annotated[str, Path(alias="id")]) -> Response:
        """One file that proves the award's status offline, as of the newest checkpoint. Shows nothing personal."""
        headers = {
            "Content-Disposition": f'attachment; filename="{public_id}.evidence.json"',
            "Cache-Control": PUBLIC_CACHE,
        }
        return json_answer(lookup.evidences.evidence(public_id), 200, headers)

    @router.get("/{id}/tlog-proof", response_class=PlainTextResponse)
    def receipt(public_id: Annotated[str, Path(alias="id")]) -> Response:
        """That the award's issue event is in the log, as a `c2sp.org/tlog-proof@v1` file with the event in it.

        It proves inclusion, and nothing of what became of the award: for that there is the evidence file.
        """
        headers = {
            "Content-Disposition": f'attachment; filename="{public_id}.tlog-proof"',
            "Cache-Control": PUBLIC_CACHE,
        }
        return PlainTextResponse(lookup.evidences.receipt(public_id), 200, headers)

    return router


def _issue(node: Node, write: Write) -> Response:
    batch, is_single = awards(write.value)
    with without("/credentials/0") if is_single else nullcontext():
        outcome = node.issuance.issue(
            slug=node.slug_for(write.actor, batch.institution),
            claims=batch.credentials,
            actor=write.actor,
            request=write.submission,
        )
    node.wait_until_visible(outcome.position, CredentialStatus.NAME, StatusLists.NAME)
    items = made_awards(node, outcome)
    if is_single:
        return json_answer(items[0], 201, {"Location": items[0]["url"]})
    return json_answer({"credentials": items}, 201)
