"""The forms of an award's document, for the institution that made it: which there are, each of them, further ones."""

from __future__ import annotations

import base64
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Request, Response

from api import example
from api.caller import authenticate
from api.error import UnknownResourceError
from api.node import Node
from api.openapi import body_of
from api.route.award import PublicId, known_form
from api.schema import Forms
from api.write import Write, json_answer, submit
from ledger.error import InvalidInputError
from ledger.form.image import bake_png, bake_svg
from ledger.form.kind import FORMS, Form, form_named
from ledger.issuance import SealedDocument
from projections.credential_status import CredentialStatus

PRIVATE: Final = {"Cache-Control": "private, no-store"}
PICTURES: Final = {"png": ("image/png", bake_png), "svg": ("image/svg+xml", bake_svg)}
"""Pictures with the Open Badge baked in: media type, and what bakes it."""

FormName = Annotated[str, Path(alias="form", description="A form's name, `png` or `svg`.", pattern="^[a-z0-9-]{3,20}$")]


def make_router(node: Node) -> APIRouter:
    """Make the router over the parts of *node*."""
    router = APIRouter(prefix="/v1/credentials/{id}", tags=["documents"])
    add_body = body_of("Forms", None, example.FORMS)

    @router.get("/documents")
    def documents(request: Request, public_id: PublicId) -> Response:
        """Every form of the award's document that there is, with the salt that opens its commitment."""
        kept = _kept(node, request, public_id)
        return json_answer(_listing(node, public_id, kept), 200, PRIVATE)

    @router.get("/documents/{form}")
    def document(request: Request, public_id: PublicId, form: FormName) -> Response:
        """One form of the award's document, exactly as it was signed, or a picture with the Open Badge in it."""
        kept = _kept(node, request, public_id)
        content, media_type = _content(node, public_id, form, kept)
        return Response(content, 200, PRIVATE, media_type=media_type)

    @router.post("/documents", status_code=201, openapi_extra=add_body)
    async def add(request: Request, public_id: PublicId) -> Response:
        """Sign further forms of an award that its institution offers by now; they are in the log before they leave."""
        return await submit(node, request, lambda write: _add(node, known_form(public_id), write))

    return router


def _kept(node: Node, request: Request, public_id: str) -> SealedDocument:
    actor = authenticate(request, node.access, node.ledger.now())
    actor.require_institution(node.ledger.credential(known_form(public_id)).institution)
    return node.issuance.sealed_document(public_id)


def _content(node: Node, public_id: str, name: str, kept: SealedDocument) -> tuple[bytes, str]:
    picture = PICTURES.get(name)
    if picture is not None:
        media_type, bake = picture
        return bake(node.links(public_id)["url"], kept.document), media_type
    form = _known(name)
    found = kept.form(form.kind)
    if found is None:
        message = "the award has no document of this form; its institution may offer the form and add it"
        raise UnknownResourceError(message)
    return found.form, form.media_type


def _known(name: str) -> Form:
    try:
        return form_named(name)
    except InvalidInputError as error:
        raise UnknownResourceError(error.detail) from error


def _listing(node: Node, public_id: str, kept: SealedDocument) -> dict[str, Any]:
    address = f"{node.parts.identity.base_url}/v1/credentials/{public_id}/documents"
    listed = [
        {
            "form": form.name,
            "kind": form.kind,
            "media_type": form.media_type,
            "salt": base64.b64encode(found.salt).decode("ascii"),
            "url": f"{address}/{form.name}",
        }
        for form in FORMS
        if (found := kept.form(form.kind)) is not None
    ]
    pictures = [
        {"form": name, "media_type": media_type, "url": f"{address}/{name}"}
        for name, (media_type, _) in PICTURES.items()
    ]
    return {"id": public_id, "documents": listed, "pictures": pictures}


def _add(node: Node, public_id: str, write: Write) -> Response:
    wanted = write.body_as(Forms)
    outcome = node.parts.form_adding.add(
        public_id=public_id, forms=wanted.forms, actor=write.actor, request=write.submission
    )
    node.wait_until_visible(outcome.position, CredentialStatus.NAME)
    return json_answer(_listing(node, public_id, node.issuance.sealed_document(public_id)), 201)
