"""Institutions: who may issue, with which keys, on whose word. The public reads; the operator and the institution write."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from api import example
from api.caller import identify, submission_request
from api.json_body import read_json
from api.node import Node
from api.openapi import body_of
from api.schema import AccreditationGrant, Compromise, KeyGrant, Registration, Withdrawal, convert
from ledger.access import Actor
from ledger.application import Outcome
from ledger.application import Request as Submission
from ledger.error import InvalidInputError

JSON = "application/json"
DID_JSON = "application/did+json"
MAX_KEY_DAYS = 1095

_Command = Callable[[Actor, Submission], Outcome]


def make_router(node: Node) -> APIRouter:  # noqa: C901, PLR0915  one closure per route
    """Make the router over the parts of *node*."""
    router = APIRouter(tags=["institutions"])

    async def write(
        request: Request,
        status: int,
        command: Callable[[object], _Command],
        *,
        empty: object = None,
    ) -> Response:
        """Read the body, find out who calls, carry out the command, answer."""
        actor = await identify(request, node.access, node.ledger.now)
        value, raw = await read_json(request, node.settings.max_body_bytes, empty=empty)

        def work() -> Response:
            outcome = command(value)(actor, submission_request(request, actor, raw))
            node.wait_until_visible(outcome.position)
            return Response(msgspec.json.encode(outcome.answer), status, media_type=JSON)

        return await run_in_threadpool(work)

    @router.post(
        "/v1/institutions",
        status_code=201,
        openapi_extra=body_of("Registration", None, example.REGISTRATION),
    )
    async def register(request: Request) -> Response:
        """Register an institution and make its first signing key. Needs an operator key."""

        def command(value: object) -> _Command:
            new = convert(value, Registration)
            return lambda actor, submission: node.registry.register(
                slug=new.slug,
                name=new.name,
                country=new.country,
                kind=new.kind,
                actor=actor,
                request=submission,
            )

        return await write(request, 201, command)

    @router.post(
        "/v1/institutions/{slug}/accreditations",
        status_code=201,
        openapi_extra=body_of("AccreditationGrant", None, example.ACCREDITATION),
    )
    async def grant(request: Request, slug: str) -> Response:
        """Enter an accreditation: by whom, for what, from when to when. Needs an operator key."""

        def command(value: object) -> _Command:
            new = convert(value, AccreditationGrant)
            return lambda actor, submission: node.registry.grant_accreditation(
                slug=slug,
                by=new.by,
                scope=new.scope,
                valid_from=new.valid_from,
                valid_until=new.valid_until,
                actor=actor,
                request=submission,
            )

        return await write(request, 201, command)

    @router.post(
        "/v1/institutions/{slug}/accreditations/{accreditation}/withdrawal",
        openapi_extra=body_of("Withdrawal", None, example.WITHDRAWAL),
    )
    async def withdraw(request: Request, slug: str, accreditation: str) -> Response:
        """Enter that an accreditation was withdrawn. Needs an operator key."""

        def command(value: object) -> _Command:
            end = convert(value, Withdrawal)
            return lambda actor, submission: node.registry.withdraw_accreditation(
                slug=slug,
                accreditation_id=accreditation,
                reason=end.reason,
                effective_at=end.effective_at,
                actor=actor,
                request=submission,
            )

        return await write(request, 200, command)

    @router.post(
        "/v1/institutions/{slug}/keys",
        status_code=201,
        openapi_extra=body_of("Empty", None, {}, required=False),
    )
    async def rotate(request: Request, slug: str) -> Response:
        """Bring a new signing key into force and retire the one before."""

        def command(_: object) -> _Command:
            return lambda actor, submission: node.registry.rotate_key(slug=slug, actor=actor, request=submission)

        return await write(request, 201, command, empty={})

    @router.post(
        "/v1/institutions/{slug}/keys/{key}/revocation",
        openapi_extra=body_of("Withdrawal", None, example.WITHDRAWAL),
    )
    async def revoke(request: Request, slug: str, key: str) -> Response:
        """Revoke a signing key: nothing signed with it afterwards is good."""

        def command(value: object) -> _Command:
            end = convert(value, Withdrawal)
            return lambda actor, submission: node.registry.revoke_key(
                slug=slug,
                key_id=key,
                reason=end.reason,
                effective_at=end.effective_at,
                actor=actor,
                request=submission,
            )

        return await write(request, 200, command)

    @router.post(
        "/v1/institutions/{slug}/keys/{key}/compromise",
        openapi_extra=body_of("Compromise", None, example.COMPROMISE),
    )
    async def compromise(request: Request, slug: str, key: str) -> Response:
        """Declare since when a signing key was in other hands; again to move the date."""

        def command(value: object) -> _Command:
            declared = convert(value, Compromise)
            return lambda actor, submission: node.registry.declare_compromised(
                slug=slug,
                key_id=key,
                compromised_at=declared.compromised_at,
                actor=actor,
                request=submission,
            )

        return await write(request, 200, command)

    @router.post(
        "/v1/institutions/{slug}/access-keys",
        status_code=201,
        openapi_extra=body_of("KeyGrant", None, example.KEY_GRANT),
    )
    async def grant_key(request: Request, slug: str) -> Response:
        """Make a bearer key for an institution. It is shown once. Needs an operator key."""
        actor = await identify(request, node.access, node.ledger.now)
        actor.require_operator()
        value, _ = await read_json(request, node.settings.max_body_bytes)

        def work() -> Response:
            now = node.ledger.now()
            new = convert(value, KeyGrant)
            if not 0 < new.days <= MAX_KEY_DAYS:
                message = f"a key is good for 1 to {MAX_KEY_DAYS} days"
                raise InvalidInputError(message, "/days")
            token = node.access.grant(
                role="issuer",
                institution=node.ledger.institution(slug).id,
                label=new.label,
                expires_at=now + timedelta(days=new.days),
                actor=actor,
                at=now,
            )
            answer = {
                "key": token,
                "institution": slug,
                "expires_at": now + timedelta(days=new.days),
            }
            return Response(msgspec.json.encode(answer), 201, {"Cache-Control": "no-store"}, media_type=JSON)

        return await run_in_threadpool(work)

    @router.get("/v1/institutions")
    def institutions() -> Response:
        """Every institution: keys with their dates, accreditations."""
        return Response(msgspec.json.encode({"institutions": node.institutions()}), media_type=JSON)

    @router.get("/institutions/{slug}")
    def institution(slug: str) -> Response:
        """One institution as the log knows it: keys with their dates, accreditations."""
        return Response(msgspec.json.encode(node.institution_record(slug)), media_type=JSON)

    @router.get("/institutions/{slug}/did.json")
    def did(slug: str) -> Response:
        """The institution's did:web document."""
        return Response(msgspec.json.encode(node.did_document(slug)), media_type=DID_JSON)

    @router.get("/institutions/{slug}/achievements/{code}/{edition}")
    def achievement(slug: str, code: str, edition: int) -> Response:
        """One edition of a micro-credential's template."""
        answer: dict[str, Any] = node.achievement_edition(slug, code, edition)
        return Response(msgspec.json.encode(answer), media_type=JSON)

    return router
