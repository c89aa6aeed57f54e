"""What wallets ask: OpenID for Verifiable Credential Issuance 1.0, pre-authorized code.

No account and no cookie: what opens something is the code that a learner's page has shown, and the token for it.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from http import HTTPStatus
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Path, Request, Response
from fastapi.concurrency import run_in_threadpool

from api.error import ApiError, UnknownResourceError
from api.form_body import PLAIN_FORM_TYPE, read_form
from api.guess import Guesses
from api.json_body import read_json
from api.node import Node
from api.public_write import WALLET_CREDENTIAL, WALLET_NONCE, WALLET_OFFERS, WALLET_TOKEN
from api.wallet.fault import NO_STORE, WalletFault
from api.wallet.issuing import WalletIssuing
from api.wallet.metadata import issuer_metadata, offer_members, server_metadata, wallet_forms
from api.wallet.offer import Offers

ISSUER_METADATA: Final = "/.well-known/openid-credential-issuer/institutions/{slug}"
"""The well-known string stands between host and path of the identifier. Source: OpenID4VCI 1.0 section 12.2.2."""
SERVER_METADATA: Final = "/.well-known/oauth-authorization-server"
METADATA_CACHE: Final = {"Cache-Control": "public, max-age=300"}
MAX_REQUEST_BYTES: Final = 65_536
"""Largest credential request. Source: a key proof has at most 16,384 (openvc); our own choice of room."""
BEARER: Final = re.compile(r"Bearer +([A-Za-z0-9._~+/-]{1,128}=*) *", re.IGNORECASE)
CHALLENGE: Final = {"WWW-Authenticate": "Bearer", **NO_STORE}

Slug = Annotated[str, Path(max_length=63)]
Reference = Annotated[str, Path(max_length=64)]


def make_router(node: Node, offers: Offers, issuing: WalletIssuing, guesses: Guesses) -> APIRouter:
    """Make the router.

    Args:
        node: The process's parts.
        offers: What learners have offered to wallets.
        issuing: Answers wallets.
        guesses: Counts what opens nothing.
    """
    router = APIRouter(include_in_schema=False)
    base_url = node.parts.identity.base_url

    @router.get(ISSUER_METADATA)
    def issuer(slug: Slug) -> Response:
        institution = node.ledger.institution(slug)
        if not wallet_forms(institution):
            message = "this institution offers no form that wallets can be given"
            raise UnknownResourceError(message)
        return _json(issuer_metadata(institution, base_url), METADATA_CACHE)

    @router.get(SERVER_METADATA)
    def server() -> Response:
        return _json(server_metadata(base_url), METADATA_CACHE)

    @router.get(f"{WALLET_OFFERS}/{{reference}}")
    def offer(request: Request, reference: Reference) -> Response:
        guesses.check(request.scope)
        found = offers.referred(reference)
        if found is None:
            guesses.count(request.scope)
            message = "this offer is unknown, taken or over; make a new one on the page of your awards"
            raise UnknownResourceError(message)
        return _json(offer_members(found), NO_STORE)

    router.add_api_route(WALLET_TOKEN, _refusing(partial(_token, issuing)), methods=["POST"])
    router.add_api_route(WALLET_NONCE, lambda: _json(issuing.nonce(), NO_STORE), methods=["POST"])
    router.add_api_route(WALLET_CREDENTIAL, _refusing(partial(_credential, issuing)), methods=["POST"])
    return router


def _refusing(answer: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """Have refusals said as the specification says them."""

    async def answered(request: Request) -> Response:
        try:
            return await answer(request)
        except WalletFault as fault:
            return fault.response()

    return answered


async def _token(issuing: WalletIssuing, request: Request) -> Response:
    try:
        form = await read_form(request, kinds=frozenset({PLAIN_FORM_TYPE}))
    except ApiError as error:
        raise WalletFault("invalid_request", "the body is no form, or too large") from error
    return _json(await run_in_threadpool(issuing.token, request.scope, form), NO_STORE)


async def _credential(issuing: WalletIssuing, request: Request) -> Response:
    """Answer a credential request; who asks is found out before the body is read, and still has to hold afterwards."""
    shown = BEARER.fullmatch(request.headers.get("authorization", ""))
    if shown is None:
        return Response(None, HTTPStatus.UNAUTHORIZED, CHALLENGE)
    offer = await run_in_threadpool(issuing.bearer, request.scope, shown[1])
    try:
        body, _ = await read_json(request, MAX_REQUEST_BYTES)
    except ApiError as error:
        raise WalletFault("invalid_credential_request", "the body is no strict JSON, or too large") from error
    return _json(await run_in_threadpool(issuing.credential, offer, shown[1], body), NO_STORE)


def _json(members: Mapping[str, object], headers: Mapping[str, str]) -> Response:
    return Response(msgspec.json.encode(members), headers=dict(headers), media_type="application/json")
