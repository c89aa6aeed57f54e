"""The issuers' desk: micro-credentials are described, looked at, and published, edition by edition."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from api.desk.achievement_draft import (
    CYCLES,
    FIELDS,
    HELD,
    AchievementDraft,
    empty,
    held_achievement,
    known_achievement,
    read_draft,
    shown,
)
from api.desk.gate import Gate, Visit, go
from api.desk.job import is_refusal
from api.desk.publishing import MADE_FROM, Fault
from api.error import UnknownResourceError
from api.route.desk_list import MAX_CHOICES
from ledger.achievement import MAX_EQF, MIN_EQF
from ledger.detail import ACHIEVEMENT_TYPES
from ledger.error import LedgerError, OutdatedError

ACHIEVEMENTS: Final = "/desk/achievements"
MAX_DRAFT_FORM_BYTES: Final = 262_144
"""A dozen texts of 4,000 characters, and room."""
Code = Annotated[str, Query(max_length=64, pattern=r"^[A-Za-z0-9._-]*$")]


def make_router(gate: Gate) -> APIRouter:
    """Make the router of the pages on micro-credentials."""
    router = APIRouter(prefix=ACHIEVEMENTS, include_in_schema=False)

    @router.get("")
    def achievements(request: Request) -> Response:
        visit = gate.enter(request)
        found = gate.node.views.catalogue.page(visit.institution.id, limit=MAX_CHOICES)
        return gate.page("achievements", visit, path=ACHIEVEMENTS, achievements=found)

    @router.get("/edit")
    def form(request: Request, code: Code = "") -> Response:
        """The form of a first edition, or of the next one of what is called *code*."""
        visit = gate.enter(request)
        held = held_achievement(visit)
        if held is not None and not held.edition and request.query_params.get("again"):
            values = {"code": held.code, MADE_FROM: str(held.made_from), **shown(held.template, held.details)}
            return _form(gate, visit, values, is_new=not held.before)
        known = known_achievement(gate.node, visit, code) if code else None
        if code and known is None:
            raise UnknownResourceError("Your institution has published no micro-credential under this code.")
        values = empty(visit.language) if known is None else shown(known.editions[-1], known.details[-1])
        made_from = "0" if known is None else str(len(known.editions))
        return _form(gate, visit, {"code": code, MADE_FROM: made_from, **values}, is_new=known is None)

    @router.post("/edit")
    async def fill(request: Request) -> Response:
        visit = await gate.receive(request, MAX_DRAFT_FORM_BYTES)
        return await run_in_threadpool(_fill, gate, visit)

    @router.get("/check")
    def check(request: Request) -> Response:
        visit = gate.enter(request)
        held = held_achievement(visit)
        return gate.gone(visit) if held is None else _check(gate, visit, held)

    @router.post("/publish")
    async def publish(request: Request) -> Response:
        visit = await gate.receive(request)
        return await run_in_threadpool(_publish, gate, visit)

    return router


def _form(
    gate: Gate, visit: Visit, values: dict[str, str], faults: tuple[Fault, ...] = (), *, is_new: bool
) -> Response:
    return gate.page(
        "achievement",
        visit,
        path=None if faults else f"{ACHIEVEMENTS}/edit",
        status=422 if faults else 200,
        values=values,
        faults={fault.field: fault for fault in reversed(faults)},
        is_new=is_new,
        types=sorted(ACHIEVEMENT_TYPES),
        levels=range(MIN_EQF, MAX_EQF + 1),
        cycles=CYCLES,
    )


def _fill(gate: Gate, visit: Visit) -> Response:
    draft, faults = read_draft(gate.node, visit)
    if faults:
        # Whoever was told that there is a newer edition goes on from that one.
        values = {name: visit.text(name) for name in ("code", *FIELDS)} | {MADE_FROM: str(draft.made_from)}
        return _form(gate, visit, values, tuple(faults), is_new=not draft.before)
    gate.sessions.hold(visit.session, HELD, draft)
    return go(f"{ACHIEVEMENTS}/check", visit.language)


def _check(
    gate: Gate, visit: Visit, held: AchievementDraft, detail: str = "", *, is_outdated: bool = False
) -> Response:
    path, status = (f"{ACHIEVEMENTS}/check", 200) if not detail and not is_outdated else (None, 409)
    return gate.page(
        "achievement_check", visit, path=path, status=status, held=held, detail=detail, is_outdated=is_outdated
    )


def _publish(gate: Gate, visit: Visit) -> Response:
    held = held_achievement(visit)
    if held is None or held.id != visit.text("draft"):
        return gate.gone(visit)
    try:
        held.publish(gate.node, visit)
    except OutdatedError:
        return _check(gate, visit, held, is_outdated=True)
    except LedgerError as error:
        if not is_refusal(error):
            raise
        return _check(gate, visit, held, str(error))
    return go(f"{ACHIEVEMENTS}/check", visit.language)
