"""The issuers' desk: a corrected award takes the place of another, or many do, by a table."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from api.desk.change import held_choice
from api.desk.class_list import Note
from api.desk.download import table
from api.desk.gate import Gate, Visit, go
from api.desk.job import is_refusal
from api.desk.replacement_list import HELD as HELD_LIST
from api.desk.replacement_list import held_replacements, read_replacements, table_of
from api.desk.replacing import FIELDS, HELD, Replacement, claim_to_correct, corrected, held_replacement, shown
from api.desk.sheet import read_rows
from api.desk.sheet_fault import SheetError
from api.route.desk_award import REASONS
from api.route.desk_list import MAX_LIST_FORM_BYTES, PATIENCE_SECONDS, REFRESH
from ledger.claim import AwardClaim
from ledger.error import LedgerError

REPLACEMENT: Final = "/desk/awards/replacement"
MANY: Final = "/desk/awards/replacements"
SHOWN_ROWS: Final = 100


def make_router(gate: Gate) -> APIRouter:
    """Make the router of the pages on a correction."""
    router = APIRouter(prefix=REPLACEMENT, include_in_schema=False)

    @router.get("")
    def form(request: Request) -> Response:
        visit = gate.enter(request)
        found = claim_to_correct(gate.node, visit)
        return gate.gone(visit) if found is None else _form(gate, visit, found[1])

    @router.post("")
    async def fill(request: Request) -> Response:
        visit = await gate.receive(request)
        return await run_in_threadpool(_fill, gate, visit)

    @router.get("/check")
    def check(request: Request) -> Response:
        visit = gate.enter(request)
        held = held_replacement(visit)
        return gate.gone(visit) if held is None else _check(gate, visit, held)

    @router.post("/confirmed")
    async def confirm(request: Request) -> Response:
        visit = await gate.receive(request)
        return await run_in_threadpool(_confirm, gate, visit)

    return router


def many_router(gate: Gate) -> APIRouter:
    """Make the router of the pages on many corrections at once."""
    router = APIRouter(prefix=MANY, include_in_schema=False)

    @router.get("")
    def upload_page(request: Request) -> Response:
        return _upload_page(gate, gate.enter(request))

    @router.get("/table.csv")
    def to_correct(request: Request) -> Response:
        visit = gate.enter(request)
        choice = held_choice(visit)
        if choice is None:
            return gate.gone(visit)
        return table(table_of(gate.node, visit, choice.awards), "awards-to-correct", visit.language)

    @router.post("")
    async def upload(request: Request) -> Response:
        visit = await gate.receive(request, MAX_LIST_FORM_BYTES)
        return await run_in_threadpool(_upload, gate, visit)

    @router.get("/check")
    def check(request: Request) -> Response:
        visit = gate.enter(request)
        held = held_replacements(visit)
        if held is None:
            return gate.gone(visit)
        return gate.page("replacements_check", visit, path=f"{MANY}/check", held=held, most=SHOWN_ROWS)

    @router.post("/confirmed")
    async def confirm(request: Request) -> Response:
        visit = await gate.receive(request)
        return await run_in_threadpool(_carry_out, gate, visit)

    @router.get("/replaced")
    def replaced(request: Request) -> Response:
        return _replaced_page(gate, gate.enter(request))

    @router.get("/replaced.csv")
    def result(request: Request) -> Response:
        return _replaced_table(gate, gate.enter(request))

    return router


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
        return gate.gone(visit)
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
        return gate.gone(visit)
    try:
        held.carry_out(gate.node, visit)
    except LedgerError as error:
        if not is_refusal(error):
            raise
        return _check(gate, visit, held, str(error))
    return go(f"{REPLACEMENT}/check", visit.language)


# ── many ───────────────────────────────────────────────────────────────────────────────────────────


def _upload_page(gate: Gate, visit: Visit, fault: SheetError | None = None, refusal: str = "") -> Response:
    path, status = (MANY, 200) if fault is None and not refusal else (None, 422)
    return gate.page(
        "replacements",
        visit,
        path=path,
        status=status,
        fault=fault,
        refusal=refusal,
        choice=held_choice(visit),
        held=held_replacements(visit),
        reasons=REASONS,
        reason=visit.text("reason"),
    )


def _upload(gate: Gate, visit: Visit) -> Response:
    reason = next((one for one in REASONS if one == visit.text("reason")), None)
    if reason is None:
        return _upload_page(gate, visit, refusal="awards_no_reason")
    try:
        found = read_replacements(gate.node, visit, read_rows(visit.file("file")), reason)
    except SheetError as error:
        return _upload_page(gate, visit, fault=error)
    if not found.rows:
        return _upload_page(gate, visit, refusal="replace_same")
    gate.sessions.hold(visit.session, HELD_LIST, found)
    return go(f"{MANY}/check", visit.language)


def _carry_out(gate: Gate, visit: Visit) -> Response:
    held = held_replacements(visit)
    if held is None or held.id != visit.text("replacements"):
        return gate.gone(visit)
    job = held.carry_out(gate.node, visit, gate.log)
    if job is None:
        return go(f"{MANY}/check", visit.language)
    job.wait(PATIENCE_SECONDS)
    return go(f"{MANY}/replaced", visit.language)


def _replaced_page(gate: Gate, visit: Visit) -> Response:
    held, path = held_replacements(visit), f"{MANY}/replaced"
    if held is None or held.job is None:
        return gate.gone(visit)
    if not held.job.is_over:
        response = gate.page("progress", visit, path=path, job=held.job, here="/desk/awards", title="changing")
        response.headers.update(REFRESH)
        return response
    left = [one for one in held.rows if not one.successor]
    status = HTTPStatus.CONFLICT if held.job.has_failed else HTTPStatus.OK
    return gate.page("replacements_done", visit, path=path, status=status, held=held, left=left, most=SHOWN_ROWS)


def _replaced_table(gate: Gate, visit: Visit) -> Response:
    held = held_replacements(visit)
    if held is None or held.job is None or not held.job.is_over:
        return gate.gone(visit)
    lines: list[list[object]] = [["replaced", "id", "link", "name", "refusal"]]
    for one in held.rows:
        link = gate.node.links(one.successor)["url"] if one.successor else ""
        lines.append([one.public_id, one.successor, link, one.row.claim.learner.name, one.refusal])
    return table(lines, "replacements", visit.language)
