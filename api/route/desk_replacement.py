"""The issuers' desk: a corrected award takes the place of another."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from api.desk.class_list import Note
from api.desk.gate import Gate, Visit, go
from api.desk.replacing import FIELDS, HELD, Replacement, claim_to_correct, corrected, held_replacement, shown
from api.route.desk_award import REASONS
from api.route.desk_list import GONE
from ledger.claim import AwardClaim
from ledger.error import LedgerError

REPLACEMENT: Final = "/desk/awards/replacement"


def make_router(gate: Gate) -> APIRouter:
    """Make the router of the pages on a correction."""
    router = APIRouter(prefix=REPLACEMENT, include_in_schema=False)

    @router.get("")
    def form(request: Request) -> Response:
        visit = gate.enter(request)
        found = claim_to_correct(gate.node, visit)
        return _gone(gate, visit) if found is None else _form(gate, visit, found[1])

    @router.post("")
    async def fill(request: Request) -> Response:
        visit = await gate.receive(request)
        return await run_in_threadpool(_fill, gate, visit)

    @router.get("/check")
    def check(request: Request) -> Response:
        visit = gate.enter(request)
        held = held_replacement(visit)
        return _gone(gate, visit) if held is None else _check(gate, visit, held)

    @router.post("/confirmed")
    async def confirm(request: Request) -> Response:
        visit = await gate.receive(request)
        return await run_in_threadpool(_confirm, gate, visit)

    return router


def _gone(gate: Gate, visit: Visit) -> Response:
    return gate.page("gone", visit, path=None, status=GONE)


def _form(gate: Gate, visit: Visit, old: AwardClaim, refusal: str = "", notes: tuple[Note, ...] = ()) -> Response:
    is_sent = bool(visit.form)
    return gate.page(
        "replacement",
        visit,
        path=None if is_sent else REPLACEMENT,
        status=422 if is_sent else 200,
        values={name: visit.text(name) for name in FIELDS} if is_sent else shown(old),
        fields=FIELDS,
        reasons=REASONS,
        reason=visit.text("reason"),
        refusal=refusal,
        notes={note.column: note for note in notes},
    )


def _fill(gate: Gate, visit: Visit) -> Response:
    found = claim_to_correct(gate.node, visit)
    if found is None:
        return _gone(gate, visit)
    public_id, old = found
    new, notes = corrected(gate.node, visit, old)
    if notes:
        return _form(gate, visit, old, "replace_wrong", tuple(notes))
    reason = next((one for one in REASONS if one == visit.text("reason")), None)
    if reason is None:
        return _form(gate, visit, old, "awards_no_reason")
    replacement = Replacement(public_id, old, new, reason)
    if not replacement.differences:
        return _form(gate, visit, old, "replace_same")
    gate.sessions.hold(visit.session, HELD, replacement)
    return go(f"{REPLACEMENT}/check", visit.language)


def _check(gate: Gate, visit: Visit, held: Replacement, detail: str = "") -> Response:
    path, status = (f"{REPLACEMENT}/check", 200) if not detail else (None, 409)
    return gate.page("replacement_check", visit, path=path, status=status, held=held, detail=detail)


def _confirm(gate: Gate, visit: Visit) -> Response:
    held = held_replacement(visit)
    if held is None or held.id != visit.text("replacement"):
        return _gone(gate, visit)
    try:
        held.carry_out(gate.node, visit)
    except LedgerError as error:
        return _check(gate, visit, held, str(error))
    return go(f"{REPLACEMENT}/check", visit.language)
