"""The issuers' desk: awards are found, and suspended, reinstated or revoked, one or many."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from api.desk.change import ACTS, HELD, Act, Choice, Plan, find, held_choice
from api.desk.class_list import read_day
from api.desk.download import table
from api.desk.gate import Gate, Visit, go
from api.route.desk_list import MAX_CHOICES, PATIENCE_SECONDS, REFRESH
from ledger.error import LedgerError
from ledger.lifecycle import MAX_NOTE_CHARS
from ledger.reason import Reason
from projections.achievement_catalogue import Listing

AWARDS: Final = "/desk/awards"
MAX_TEXT_FORM_BYTES: Final = 131_072
"""500 links of 120 bytes, and room."""
REASONS: Final = tuple(
    one for one in Reason if one not in {Reason.SUPERSEDED, Reason.ORIGIN_WITHDRAWN, Reason.COMPONENT_LOST}
)
"""Reasons that an officer gives; the others are given by what follows from something else."""


def make_router(gate: Gate) -> APIRouter:
    """Make the router of the pages on changes."""
    router = APIRouter(prefix=AWARDS, include_in_schema=False)

    @router.get("")
    def find_page(request: Request) -> Response:
        visit = gate.enter(request)
        return gate.page("awards", visit, path=AWARDS, choices=_choices(gate, visit))

    @router.post("")
    async def search(request: Request) -> Response:
        """Find awards; by a form and not by an address, which others might see."""
        visit = await gate.receive(request, MAX_TEXT_FORM_BYTES)
        return await run_in_threadpool(_find, gate, visit)

    @router.get("/found")
    def found(request: Request) -> Response:
        visit = gate.enter(request)
        return _found_page(gate, visit, held_choice(visit))

    @router.post("/check")
    async def plan(request: Request) -> Response:
        visit = await gate.receive(request, MAX_TEXT_FORM_BYTES)
        return await run_in_threadpool(_plan, gate, visit)

    @router.get("/check")
    def check(request: Request) -> Response:
        return _check_page(gate, gate.enter(request))

    @router.post("/change")
    async def change(request: Request) -> Response:
        visit = await gate.receive(request)
        return await run_in_threadpool(_carry_out, gate, visit)

    @router.get("/changed")
    def changed(request: Request) -> Response:
        return _changed_page(gate, gate.enter(request))

    @router.get("/changed.csv")
    def result(request: Request) -> Response:
        return _changed_table(gate, gate.enter(request))

    return router


def _find(gate: Gate, visit: Visit) -> Response:
    text, day = visit.text("awards"), visit.text("awarded_on")
    asked: dict[str, Any] = {"text": text, "achievement": visit.text("achievement"), "day": day}
    asked["choices"] = _choices(gate, visit)
    if day and read_day(day) is None:
        return gate.page("awards", visit, path=None, status=422, refusal="awards_bad_day", **asked)
    try:
        choice = find(gate.node, visit, text, visit.text("achievement"), read_day(day))
    except LedgerError as error:
        return gate.page("awards", visit, path=None, status=422, detail=str(error), **asked)
    if not choice.awards:
        return gate.page("awards", visit, path=None, status=422, refusal="awards_none", **asked)
    gate.sessions.hold(visit.session, HELD, choice)
    return go(f"{AWARDS}/found", visit.language)


def _choices(gate: Gate, visit: Visit) -> list[Listing]:
    """Micro-credentials of the institution, oldest first."""
    return gate.node.views.catalogue.page(visit.institution.id, limit=MAX_CHOICES)


def _found_page(gate: Gate, visit: Visit, choice: Choice | None, refusal: str = "") -> Response:
    if choice is None:
        return gate.gone(visit)
    return gate.page(
        "found",
        visit,
        path=f"{AWARDS}/found" if not refusal else None,
        status=422 if refusal else 200,
        choice=choice,
        acts=ACTS,
        reasons=REASONS,
        most_note=MAX_NOTE_CHARS,
        refusal=refusal,
        asked=visit,
    )


def _plan(gate: Gate, visit: Visit) -> Response:
    choice = held_choice(visit)
    if choice is None or choice.job is not None:
        return gate.gone(visit)
    if visit.text("leave_out") and choice.plan is not None:
        choice.leave_out_refused()
        choice.try_out(gate.node, visit, choice.plan)
        return go(f"{AWARDS}/check" if choice.awards else AWARDS, visit.language)
    if visit.text("picked"):
        kept = visit.form.all("award")
        if not kept:
            return _found_page(gate, visit, choice, refusal="awards_none_picked")
        choice.keep(kept)
    act: Act | None = next((one for one in ACTS if one == visit.text("act")), None)
    reason = next((one for one in REASONS if one == visit.text("reason")), None)
    if act is None or (reason is None and act != "reinstate"):
        return _found_page(gate, visit, choice, refusal="awards_no_reason" if act else "awards_no_act")
    note = visit.text("note")
    choice.try_out(gate.node, visit, Plan(act, reason, note or None))
    return go(f"{AWARDS}/check", visit.language)


def _check_page(gate: Gate, visit: Visit) -> Response:
    choice = held_choice(visit)
    if choice is None or choice.plan is None:
        return gate.gone(visit)
    return gate.page("check", visit, path=f"{AWARDS}/check", choice=choice, plan=choice.plan)


def _carry_out(gate: Gate, visit: Visit) -> Response:
    choice = held_choice(visit)
    confirmed = visit.text("choice")
    if choice is None or choice.plan is None or choice.id != confirmed:
        return gate.gone(visit)
    job = choice.carry_out(gate.node, visit, confirmed, gate.log)
    if job is None:
        return go(f"{AWARDS}/check", visit.language)
    job.wait(PATIENCE_SECONDS)
    return go(f"{AWARDS}/changed", visit.language)


def _changed_page(gate: Gate, visit: Visit) -> Response:
    choice = held_choice(visit)
    if choice is None or choice.job is None:
        return gate.gone(visit)
    path = f"{AWARDS}/changed"
    if not choice.job.is_over:
        response = gate.page("progress", visit, path=path, job=choice.job, here=AWARDS, title="changing")
        response.headers.update(REFRESH)
        return response
    done = [award for award in choice.awards if award.is_changed]
    left = [award for award in choice.awards if not award.is_changed]
    status = HTTPStatus.CONFLICT if choice.job.has_failed else HTTPStatus.OK
    return gate.page("changed", visit, path=path, status=status, choice=choice, done=done, left=left, plan=choice.plan)


def _changed_table(gate: Gate, visit: Visit) -> Response:
    choice = held_choice(visit)
    if choice is None or choice.job is None or not choice.job.is_over:
        return gate.gone(visit)
    lines: list[list[object]] = [["id", "link", "name", "changed", "refusal"]]
    for one in choice.awards:
        link = gate.node.links(one.public_id)["url"]
        lines.append([one.public_id, link, one.learner, "yes" if one.is_changed else "no", one.refusal])
    return table(lines, "changes", visit.language)
