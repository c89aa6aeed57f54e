"""Keys of institutions: those they sign with, and the bearer keys their systems call with."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import msgspec
from fastapi import APIRouter, Request, Response

from api import example
from api.node import Node
from api.openapi import body_of
from api.reissue import Reissues
from api.schema import Compromise, KeyGrant, Reissue, Rotation, Withdrawal
from api.write import Write, json_answer, submit
from ledger.error import InvalidInputError

MAX_KEY_DAYS: Final = 1095


def make_router(node: Node) -> APIRouter:
    """Make the router over the parts of *node*."""
    router = APIRouter(prefix="/v1/institutions/{slug}", tags=["institutions"])

    @router.post("/keys", status_code=201, openapi_extra=body_of("Rotation", None, {}, required=False))
    async def rotate(request: Request, slug: str) -> Response:
        """Bring a new signing key into force and retire the one of its kind before."""
        return await submit(node, request, lambda write: _rotate(node, slug, write), empty={})

    @router.post("/keys/{key}/revocation", openapi_extra=body_of("Withdrawal", None, example.WITHDRAWAL))
    async def revoke(request: Request, slug: str, key: str) -> Response:
        """Revoke a signing key: nothing signed with it afterwards is good."""
        return await submit(node, request, lambda write: _revoke(node, slug, key, write))

    @router.post("/keys/{key}/compromise", openapi_extra=body_of("Compromise", None, example.COMPROMISE))
    async def compromise(request: Request, slug: str, key: str) -> Response:
        """Declare since when a signing key was in other hands; again to move the date."""
        return await submit(node, request, lambda write: _compromise(node, slug, key, write))

    reissue_body = body_of("Reissue", None, example.REISSUE, required=False)

    @router.post("/keys/{key}/reissue", openapi_extra=reissue_body)
    async def reissue(request: Request, slug: str, key: str) -> Response:
        """Sign anew what a stolen key signed and nobody outside had seen before: at most 1,000 awards a request."""
        return await submit(node, request, lambda write: _reissue(node, slug, key, write), empty={})

    grant_body = body_of("KeyGrant", None, example.KEY_GRANT, is_repeatable=False)

    @router.post("/access-keys", status_code=201, openapi_extra=grant_body)
    async def grant_key(request: Request, slug: str) -> Response:
        """Make a bearer key for an institution; another one each time. It is shown once. Needs an operator key."""
        return await submit(node, request, lambda write: _grant_key(node, slug, write))

    return router


def _rotate(node: Node, slug: str, write: Write) -> Response:
    wanted = write.body_as(Rotation)
    outcome = node.registry.rotate_key(
        slug=slug, algorithm=wanted.algorithm, actor=write.actor, request=write.submission
    )
    node.wait_until_visible(outcome.position)
    return json_answer(outcome.answer, 201)


def _revoke(node: Node, slug: str, key: str, write: Write) -> Response:
    end = write.body_as(Withdrawal)
    outcome = node.registry.revoke_key(
        slug=slug,
        key_id=key,
        reason=end.reason,
        effective_at=end.effective_at,
        actor=write.actor,
        request=write.submission,
    )
    node.wait_until_visible(outcome.position)
    return json_answer(outcome.answer)


def _compromise(node: Node, slug: str, key: str, write: Write) -> Response:
    declared = write.body_as(Compromise)
    outcome = node.registry.declare_compromised(
        slug=slug,
        key_id=key,
        compromised_at=declared.compromised_at,
        actor=write.actor,
        request=write.submission,
    )
    node.wait_until_visible(outcome.position)
    return json_answer(outcome.answer)


def _reissue(node: Node, slug: str, key: str, write: Write) -> Response:
    wanted, submission = write.body_as(Reissue), write.submission
    write.actor.require_institution(node.ledger.institution(slug).id)
    reissues = Reissues(node.reissuance, node.log.store)
    if wanted.dry_run:
        found = reissues.list_affected(slug, key, lambda _: None)
        return json_answer({**msgspec.to_builtins(found), "more": False})
    outcome = reissues.reissue_some(slug, key, write.actor, submission)
    node.wait_until_visible(outcome.position)
    return json_answer({"institution": slug, "key": key, **outcome.answer})


def _grant_key(node: Node, slug: str, write: Write) -> Response:
    write.actor.require_operator()
    new = write.body_as(KeyGrant)
    if not 0 < new.days <= MAX_KEY_DAYS:
        message = f"a key is good for 1 to {MAX_KEY_DAYS} days"
        raise InvalidInputError(message, "/days")
    now = node.ledger.now()
    expires_at = now + timedelta(days=new.days)
    token = node.access.grant(
        role="issuer",
        institution=node.ledger.institution(slug).id,
        label=new.label,
        expires_at=expires_at,
        actor=write.actor,
        at=now,
    )
    answer = {"key": token, "institution": slug, "expires_at": expires_at}
    return json_answer(answer, 201, {"Cache-Control": "no-store"})
