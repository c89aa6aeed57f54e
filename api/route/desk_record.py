"""The issuers' desk: what happened when and by whom, and the keys that awards are signed with."""

from __future__ import annotations

import secrets
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from api.desk.gate import Gate, Visit, go
from api.desk.job import is_refusal
from api.desk.record_reading import entries
from ledger.application import Request as Submission
from ledger.error import LedgerError

PAGE: Final = 50
"""Acts on one page."""
MAX_NUMBER: Final = 2**63 - 1


def make_router(gate: Gate) -> APIRouter:
    """Make the router of these pages."""
    router = APIRouter(prefix="/desk", include_in_schema=False)

    @router.get("/record")
    def record(request: Request, before: Annotated[int | None, Query(ge=1, le=MAX_NUMBER)] = None) -> Response:
        visit = gate.enter(request)
        access = gate.node.access
        acts = access.acts(visit.institution.id, before, PAGE + 1)
        older = acts[PAGE - 1].number if len(acts) > PAGE else None
        return gate.page(
            "record",
            visit,
            path="/desk/record",
            entries=entries(access, visit.institution.id, acts[:PAGE]),
            older=older,
            is_first=before is None,
        )

    @router.get("/signing-keys")
    def keys(request: Request) -> Response:
        visit = gate.enter(request)
        newest_first = list(reversed(visit.institution.keys))
        is_did_key = visit.institution.did.startswith("did:key:")
        return gate.page("keys", visit, path="/desk/signing-keys", signing_keys=newest_first, is_did_key=is_did_key)

    @router.get("/signing-keys/change")
    def ask(request: Request) -> Response:
        """Say what a change means, and ask. The form's number makes a second press the same request."""
        visit = gate.enter(request)
        return gate.page("key_change", visit, path="/desk/signing-keys/change", once=secrets.token_hex(16))

    @router.post("/signing-keys/change")
    async def change(request: Request) -> Response:
        visit = await gate.receive(request)
        return await run_in_threadpool(_change, gate, visit)

    return router


def _change(gate: Gate, visit: Visit) -> Response:
    once = visit.text("once")
    scope = f"{visit.institution.id.hex} desk key-change"
    try:
        outcome = gate.node.registry.rotate_key(
            slug=visit.institution.slug, actor=visit.actor, request=Submission(scope, once, b"") if once else None
        )
    except LedgerError as error:
        if not is_refusal(error):
            raise  # it may have been carried out: the same form once more is the same request
        again = secrets.token_hex(16)
        return gate.page("key_change", visit, path=None, status=409, once=again, refusal=str(error))
    gate.node.wait_until_visible(outcome.position)
    return go("/desk/signing-keys", visit.language)
