"""Institutions: who may issue, and on whose word. The public reads, the operator writes."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response

from api import example
from api.lookup import Lookup
from api.node import Node
from api.openapi import body_of
from api.schema import AccreditationGrant, Registration, Withdrawal
from api.write import Write, json_answer, submit

DID_JSON = "application/did+json"
JWK_JSON = "application/jwk+json"


def make_router(node: Node) -> APIRouter:
    """Make the router over the parts of *node*."""
    router = APIRouter(tags=["institutions"])
    grant_body = body_of("AccreditationGrant", None, example.ACCREDITATION)

    @router.post("/v1/institutions", status_code=201, openapi_extra=body_of("Registration", None, example.REGISTRATION))
    async def register(request: Request) -> Response:
        """Register an institution and make its first signing key. Needs an operator key."""
        return await submit(node, request, lambda write: _register(node, write))

    @router.post("/v1/institutions/{slug}/accreditations", status_code=201, openapi_extra=grant_body)
    async def grant(request: Request, slug: str) -> Response:
        """Enter an accreditation: by whom, for what, from when to when. Needs an operator key."""
        return await submit(node, request, lambda write: _grant(node, slug, write))

    @router.post(
        "/v1/institutions/{slug}/accreditations/{accreditation}/withdrawal",
        openapi_extra=body_of("Withdrawal", None, example.WITHDRAWAL),
    )
    async def withdraw(request: Request, slug: str, accreditation: str) -> Response:
        """Enter that an accreditation was withdrawn. Needs an operator key."""
        return await submit(node, request, lambda write: _withdraw(node, slug, accreditation, write))

    return router


def read_router(lookup: Lookup) -> APIRouter:
    """Make the router of what anyone may ask, of any node that serves."""
    router = APIRouter(tags=["institutions"])

    @router.get("/v1/institutions")
    def institutions() -> Response:
        """Every institution: keys with their dates, accreditations."""
        return json_answer({"institutions": lookup.institutions()})

    @router.get("/v1/institutions/{slug}")
    def record(slug: str) -> Response:
        """One institution as the log knows it: keys with their dates, accreditations and what they extend to."""
        return json_answer(lookup.institution_record(slug))

    @router.get("/institutions/{slug}")
    def institution(slug: str) -> Response:
        """One institution as the log knows it: keys with their dates, accreditations."""
        return json_answer(lookup.institution_record(slug))

    @router.get("/institutions/{slug}/did.json")
    def did(slug: str) -> Response:
        """The institution's did:web document."""
        return Response(msgspec.json.encode(lookup.did_document(slug)), media_type=DID_JSON)

    @router.get("/institutions/{slug}/keys/{key}")
    def institution_key(slug: str, key: str) -> Response:
        """A public key of the institution as a JWK: where `kid` of a VC-JWT with RS256 leads."""
        return Response(msgspec.json.encode(lookup.institution_key(slug, key)), media_type=JWK_JSON)

    @router.get("/institutions/{slug}/achievements/{code}/{edition}")
    def achievement(slug: str, code: str, edition: int) -> Response:
        """One edition of a micro-credential's template."""
        answer: dict[str, Any] = lookup.achievement_edition(slug, code, edition)
        return json_answer(answer)

    return router


def _register(node: Node, write: Write) -> Response:
    new = write.body_as(Registration)
    outcome = node.registry.register(
        slug=new.slug,
        name=new.name,
        country=new.country,
        kind=new.kind,
        did_key=new.did_key,
        actor=write.actor,
        request=write.submission,
    )
    node.wait_until_visible(outcome.position)
    return json_answer(outcome.answer, 201)


def _grant(node: Node, slug: str, write: Write) -> Response:
    new = write.body_as(AccreditationGrant)
    outcome = node.registry.grant_accreditation(
        slug=slug,
        by=new.by,
        scope=new.scope,
        limits=new.limits,
        valid_from=new.valid_from,
        valid_until=new.valid_until,
        actor=write.actor,
        request=write.submission,
    )
    node.wait_until_visible(outcome.position)
    return json_answer(outcome.answer, 201)


def _withdraw(node: Node, slug: str, accreditation: str, write: Write) -> Response:
    end = write.body_as(Withdrawal)
    outcome = node.registry.withdraw_accreditation(
        slug=slug,
        accreditation_id=accreditation,
        reason=end.reason,
        effective_at=end.effective_at,
        actor=write.actor,
        request=write.submission,
    )
    node.wait_until_visible(outcome.position)
    return json_answer(outcome.answer)
