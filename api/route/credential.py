"""Awards: issue, suspend, reinstate, revoke, replace; and what anyone may ask of one."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from api import example
from api.caller import authenticate, identify, submission_request
from api.instant import parse_instant
from api.json_body import read_json
from api.node import Node
from api.openapi import body_of
from api.schema import Change, Reinstatement, Replacement, awards, convert
from ledger.access import Actor
from ledger.application import Outcome
from ledger.error import ErasedError

JSON = "application/json"
PUBLIC_CACHE = "public, max-age=1"


def make_router(node: Node) -> APIRouter:  # noqa: C901, PLR0915  one closure per route
    """Make the router over the parts of *node*."""
    router = APIRouter(prefix="/v1/credentials", tags=["credentials"])

    @router.post("", status_code=201, openapi_extra=body_of("Awards", "AwardClaim", example.AWARD))
    async def issue(request: Request) -> Response:
        """Make one award, or many at once: all of them are committed, or none.

        The answer holds each award's id and bundle: the signed document and the salt that opens its commitment. Hand the
        bundle to the learner. Repeating the request with the same `Idempotency-Key` gives the same awards.
        """
        actor = await identify(request, node.access, node.ledger.now)
        value, raw = await read_json(request, node.settings.max_batch_body_bytes, batch=True)
        return await run_in_threadpool(_issue, request, actor, value, raw)

    def _issue(request: Request, actor: Actor, value: object, raw: bytes) -> Response:
        batch, single = awards(value)
        slug = node.slug_for(actor, batch.institution)
        outcome = node.issuance.issue(
            slug=slug,
            claims=batch.credentials,
            actor=actor,
            request=submission_request(request, actor, raw),
        )
        node.wait_until_visible(outcome.position)
        items = [_issued(public_id) for public_id in outcome.answer]
        if not single:
            return _json({"credentials": items}, 201)
        return _json(items[0], 201, {"Location": items[0]["url"]})

    def _issued(public_id: str) -> dict[str, Any]:
        links = node.links(public_id)
        try:
            return {
                "id": public_id,
                **links,
                "bundle": node.evidences.bundle_without_evidence(public_id),
            }
        except ErasedError:
            return {"id": public_id, **links, "bundle": None, "erased": True}

    @router.get("/{id}/status", openapi_extra={"x-public": True})
    def status(
        id: str,
        at: Annotated[str | None, Query(description="Was it valid at this instant (RFC 3339, or a date)?")] = None,
        known_at: Annotated[str | None, Query(description="By what the log knew at this instant.")] = None,
    ) -> Response:
        """What is true of an award now, or was at an instant. Needs no account and shows nothing personal."""
        answer = node.statuses.status(id, at=parse_instant(at, "at"), known_at=parse_instant(known_at, "known_at"))
        return _json(answer, 200, {"Cache-Control": PUBLIC_CACHE})

    @router.get("/{id}/evidence")
    def evidence(id: str) -> Response:
        """One file that proves the award's status offline, as of the newest checkpoint. Shows nothing personal."""
        headers = {
            "Content-Disposition": f'attachment; filename="{id}.evidence.json"',
            "Cache-Control": PUBLIC_CACHE,
        }
        return _json(node.evidences.evidence(id), 200, headers)

    @router.get("/{id}/bundle")
    def bundle(request: Request, id: str) -> Response:
        """The holder's bundle: document, salt and fresh evidence. For the institution that made the award."""
        actor = authenticate(request, node.access, node.ledger.now())
        actor.require_institution(node.ledger.credential(id).institution)
        return _json(node.evidences.bundle(id), 200, {"Cache-Control": "private, no-store"})

    @router.post("/{id}/suspension", openapi_extra=body_of("Change", None, example.SUSPENSION))
    async def suspend(request: Request, id: str) -> Response:
        """Suspend an award: it does not hold until it is reinstated."""
        actor = await identify(request, node.access, node.ledger.now)
        value, raw = await read_json(request, node.settings.max_body_bytes)
        return await run_in_threadpool(_suspend, request, actor, id, value, raw)

    def _suspend(request: Request, actor: Actor, id: str, value: object, raw: bytes) -> Response:
        change = convert(value, Change)
        outcome = node.lifecycle.suspend(
            public_id=id,
            reason=change.reason,
            note=change.note,
            effective_at=change.effective_at,
            actor=actor,
            request=submission_request(request, actor, raw),
        )
        return _changed(id, outcome)

    @router.delete("/{id}/suspension", openapi_extra=body_of("Reinstatement", None, {}, required=False))
    async def reinstate(request: Request, id: str) -> Response:
        """End a suspension."""
        actor = await identify(request, node.access, node.ledger.now)
        value, raw = await read_json(request, node.settings.max_body_bytes, empty={})
        return await run_in_threadpool(_reinstate, request, actor, id, value, raw)

    def _reinstate(request: Request, actor: Actor, id: str, value: object, raw: bytes) -> Response:
        end = convert(value, Reinstatement)
        outcome = node.lifecycle.reinstate(
            public_id=id,
            effective_at=end.effective_at,
            actor=actor,
            request=submission_request(request, actor, raw),
        )
        return _changed(id, outcome)

    @router.post("/{id}/revocation", openapi_extra=body_of("Change", None, example.REVOCATION))
    async def revoke(request: Request, id: str) -> Response:
        """Revoke an award for good. The reason is a code from a closed list; a note goes to the vault."""
        actor = await identify(request, node.access, node.ledger.now)
        value, raw = await read_json(request, node.settings.max_body_bytes)
        return await run_in_threadpool(_revoke, request, actor, id, value, raw)

    def _revoke(request: Request, actor: Actor, id: str, value: object, raw: bytes) -> Response:
        change = convert(value, Change)
        outcome = node.lifecycle.revoke(
            public_id=id,
            reason=change.reason,
            note=change.note,
            effective_at=change.effective_at,
            actor=actor,
            request=submission_request(request, actor, raw),
        )
        return _changed(id, outcome)

    @router.post(
        "/{id}/replacement",
        status_code=201,
        openapi_extra=body_of("Replacement", None, example.REPLACEMENT),
    )
    async def replace(request: Request, id: str) -> Response:
        """Put a corrected award in the place of this one; the old one points to the new."""
        actor = await identify(request, node.access, node.ledger.now)
        value, raw = await read_json(request, node.settings.max_body_bytes)
        return await run_in_threadpool(_replace, request, actor, id, value, raw)

    def _replace(request: Request, actor: Actor, id: str, value: object, raw: bytes) -> Response:
        replacement = convert(value, Replacement)
        outcome = node.issuance.replace(
            public_id=id,
            claim=replacement.credential,
            reason=replacement.reason,
            actor=actor,
            request=submission_request(request, actor, raw),
        )
        node.wait_until_visible(outcome.position)
        item = _issued(outcome.answer[0])
        return _json({**item, "replaces": id}, 201, {"Location": item["url"]})

    def _changed(id: str, outcome: Outcome) -> Response:
        node.wait_until_visible(outcome.position)
        return _json(node.statuses.status(id, at=None, known_at=None), 200)

    return router


def _json(value: object, status: int, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(value), status, headers, media_type=JSON)
