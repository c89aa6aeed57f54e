"""Stacking: what awards come to by a pathway's rules, on trial or for good."""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final

import msgspec
from fastapi import APIRouter, Request, Response

from api import example
from api.error import NotStackedError, UndecidedStackError
from api.node import Node
from api.openapi import body_of
from api.route.award import made_award
from api.schema import AwardToStack, StackingRequest
from api.write import Write, json_answer, submit
from ledger.component_reading import PresentedAward
from ledger.error import ErasedError, InvalidInputError
from ledger.error import NotStackedError as LedgerNotStackedError
from ledger.stacking_up import StackClaim
from projections.credential_status import CredentialStatus
from projections.status_lists import StatusLists
from verifier.bundle import read_bundle
from verifier.error import FormatError

VERIFY: Final = "/verify/"


def make_router(node: Node) -> APIRouter:
    """Make the router over the parts of *node*."""
    router = APIRouter(prefix="/v1/stackings", tags=["stackings"])

    @router.post("", status_code=201, openapi_extra=body_of("StackingRequest", None, example.STACKING))
    async def stack(request: Request) -> Response:
        """Stack awards into one by a published pathway, or say what is missing.

        With `dry_run` nothing is done: the answer (200) says of every rule whether it is met and by which awards, what
        is missing, and the nearest ways to complete it. Otherwise the award is made, and pins the version of the
        pathway, the digest of its rules and the derivation. Awards that do not stack are refused with `not-stacked`;
        when it could not be told in time the problem is `stacking-undecided`, which is no refusal.
        """
        return await submit(node, request, lambda write: _stack(node, write), is_batch=True)

    return router


def _stack(node: Node, write: Write) -> Response:
    wanted = write.body_as(StackingRequest)
    slug = node.slug_for(write.actor, wanted.institution)
    claim = _claim(wanted)
    submission = write.submission  # asked for on trial as well, so that both are the same request
    if wanted.dry_run:
        return json_answer(node.parts.stacking.try_out(slug=slug, claim=claim, actor=write.actor))
    try:
        outcome = node.parts.stacking.stack(slug=slug, claim=claim, actor=write.actor, request=submission)
    except LedgerNotStackedError as error:
        refused = UndecidedStackError if error.undecided else NotStackedError
        raise refused(str(error), extensions={"evaluation": error.evaluation}) from error
    node.wait_until_visible(outcome.position, CredentialStatus.NAME, StatusLists.NAME)
    made = made_award(node, outcome.answer)
    return json_answer({**made, "derivation": _derivation(node, outcome.answer)}, 201, {"Location": made["url"]})


def _derivation(node: Node, public_id: str) -> dict[str, Any] | None:
    try:
        derivation: dict[str, Any] = msgspec.json.decode(node.parts.stacking.derivation(public_id).derivation)
    except ErasedError:  # a repetition, after the learner was erased
        return None
    return derivation


def _claim(wanted: StackingRequest) -> StackClaim:
    members = {name: getattr(wanted, name) for name in StackClaim.__struct_fields__ if name != "awards"}
    awards = tuple(_presented(one, f"/awards/{number}") for number, one in enumerate(wanted.awards))
    return StackClaim(awards=awards, **members)


def _presented(one: AwardToStack, pointer: str) -> PresentedAward:
    document, salt = one.document, _salt(one.salt, f"{pointer}/salt")
    if one.bundle is not None:
        if document is not None or salt is not None:
            message = "a bundle holds document and salt; leave the members beside it out"
            raise InvalidInputError(message, f"{pointer}/bundle")
        try:
            bundle = read_bundle(one.bundle)
        except FormatError as error:
            raise InvalidInputError(error.reason, f"{pointer}/bundle{error.pointer}") from error
        document, salt = bundle.document, bundle.salt
    award = one.award or _id_of(document)
    if award is None:
        message = "name the award by its public id, or hand over its bundle"
        raise InvalidInputError(message, f"{pointer}/award")
    return PresentedAward(award=award, document=document, salt=salt, revalidated_on=one.revalidated_on)


def _id_of(document: dict[str, Any] | None) -> str | None:
    """Public id in a document's own id."""
    identity = "" if document is None else str(document.get("id"))
    return identity.rpartition(VERIFY)[2] if VERIFY in identity else None


def _salt(text: str | None, pointer: str) -> bytes | None:
    try:
        return None if text is None else base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        message = "a salt is 32 bytes in base64"
        raise InvalidInputError(message, pointer) from error
