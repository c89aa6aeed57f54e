"""The issuers' desk: a class list is uploaded, previewed, issued, and its links are taken away."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from api.desk.class_list import ClassList, ForAll, read_class
from api.desk.column import COLUMNS, template_headers
from api.desk.download import table
from api.desk.gate import Gate, Visit, go
from api.desk.job import is_refusal
from api.desk.preview import HELD, Preview, held_preview
from api.desk.sheet import MAX_FILE_BYTES, read_rows
from api.desk.sheet_fault import SheetError
from api.page.language import read_messages
from ledger.achievement import Achievement
from ledger.award_finding import AwardFinding
from ledger.claim import AwardClaim
from ledger.error import InvalidInputError, LedgerError
from projections.achievement_catalogue import Listing

MAX_LIST_FORM_BYTES: Final = MAX_FILE_BYTES + 8_192
PATIENCE_SECONDS: Final = 1.5
"""So long the answer to the button waits for a short list to be issued."""
REFRESH: Final = {"Refresh": "1"}
SHOWN_ROWS: Final = 10
SHOWN_NOTES: Final = 200
SHOWN_LINKS: Final = 100
MAX_CHOICES: Final = 500
LIST: Final = "/desk/list"
PREVIEW: Final = "/desk/list/preview"
ISSUED: Final = "/desk/list/issued"


def make_router(gate: Gate) -> APIRouter:
    """Make the router of the pages on class lists."""
    router = APIRouter(prefix=LIST, include_in_schema=False)

    @router.get("")
    def upload_page(request: Request) -> Response:
        return _upload_page(gate, gate.enter(request))

    @router.get("/template.csv")
    def template(request: Request) -> Response:
        visit = gate.enter(request)
        return table([template_headers(visit.language)], "class-list", visit.language)

    @router.post("")
    async def upload(request: Request) -> Response:
        visit = await gate.receive(request, MAX_LIST_FORM_BYTES)
        return await run_in_threadpool(_upload, gate, visit)

    @router.get("/preview")
    def preview(request: Request) -> Response:
        return _preview_page(gate, gate.enter(request))

    @router.get("/problems.csv")
    def problems(request: Request) -> Response:
        visit = gate.enter(request)
        held = held_preview(visit)
        return (
            gate.gone(visit) if held is None else table(_notes_table(held.content, visit), "problems", visit.language)
        )

    @router.post("/issue")
    async def issue(request: Request) -> Response:
        visit = await gate.receive(request)
        return await run_in_threadpool(_issue, gate, visit)

    @router.get("/issued")
    def issued(request: Request) -> Response:
        return _issued_page(gate, gate.enter(request))

    @router.get("/issued.csv")
    def links(request: Request) -> Response:
        visit = gate.enter(request)
        held = held_preview(visit)
        if held is None or held.job is None or held.job.result is None:
            return gate.gone(visit)
        return table(_links_table(gate, held), "awards", visit.language)

    return router


# ── upload ─────────────────────────────────────────────────────────────────────────────────────────


def _upload_page(gate: Gate, visit: Visit, fault: SheetError | None = None, detail: str = "") -> Response:
    path, status = (LIST, 200) if fault is None and not detail else (None, 422)
    return gate.page(
        "list",
        visit,
        path=path,
        status=status,
        choices=_choices(gate, visit),
        columns=COLUMNS,
        today=gate.node.ledger.now().date().isoformat(),
        fault=fault,
        detail=detail,
        chosen=ForAll(visit.text("achievement"), visit.text("awarded_on")),
        held=held_preview(visit),
    )


def _choices(gate: Gate, visit: Visit) -> list[Listing]:
    """Micro-credentials of the institution, oldest first."""
    return gate.node.views.catalogue.page(visit.institution.id, limit=MAX_CHOICES)


def _upload(gate: Gate, visit: Visit) -> Response:
    for_all = ForAll(visit.text("achievement"), visit.text("awarded_on"))
    try:
        content = read_class(
            read_rows(visit.file("file")),
            for_all,
            lambda claims: _refusals(gate, visit, claims),
            lambda learners: _holders(gate, visit, learners),
        )
    except SheetError as error:
        return _upload_page(gate, visit, fault=error)
    except LedgerError as error:
        return _upload_page(gate, visit, detail=str(error))
    gate.sessions.hold(visit.session, HELD, Preview(content))
    return go(PREVIEW, visit.language)


def _refusals(gate: Gate, visit: Visit, claims: Sequence[AwardClaim]) -> list[tuple[int, InvalidInputError]]:
    return gate.node.issuance.refusals(slug=visit.institution.slug, claims=claims, actor=visit.actor)


def _holders(gate: Gate, visit: Visit, learners: set[str]) -> dict[str, dict[str, date]]:
    """What learners hold of the institution, and since when: what was revoked or replaced does not count."""
    finding = AwardFinding(gate.node.ledger, gate.node.parts.vault)
    codes: dict[object, str] = {}
    found: dict[str, dict[str, date]] = {}
    for learner, credentials in finding.held(visit.institution.id, learners).items():
        for one in credentials:
            if one.achievement is None or one.state in {"revoked", "replaced"}:
                continue
            if one.achievement not in codes:
                codes[one.achievement] = gate.node.ledger.load(Achievement, one.achievement, "such achievement").code
            found.setdefault(learner, {})[codes[one.achievement]] = one.valid_from.date()
    return found


# ── preview ────────────────────────────────────────────────────────────────────────────────────────


def _preview_page(gate: Gate, visit: Visit) -> Response:
    held = held_preview(visit)
    if held is None:
        return gate.gone(visit)
    content = held.content
    return gate.page(
        "preview",
        visit,
        path=PREVIEW,
        preview=held,
        content=content,
        wrong=content.wrong,
        doubtful=content.doubtful,
        first=content.rows[:SHOWN_ROWS],
        most=SHOWN_NOTES,
        used=[one for one in COLUMNS if any(row.fields.get(one) for row in content.rows) or one in _ALWAYS],
        is_issued=held.job is not None and not held.job.has_failed,
    )


_ALWAYS: Final = ("name", "achievement", "awarded_on")


def _notes_table(content: ClassList, visit: Visit) -> list[list[object]]:
    say = read_messages(visit.language)
    head: list[object] = [say["desk"]["row"], say["desk"]["column"], say["desk"]["kind"], say["desk"]["note"]]
    lines = [head]
    for row in content.rows:
        for kind, notes in (("problem", row.problems), ("warning", row.warnings)):
            for note in notes:
                sentence = say["desk_note"][note.code].format(other=note.other, detail=note.detail)
                lines.append([row.number, say["desk_column"].get(note.column, ""), say["desk"][kind], sentence])
    return lines


# ── issue ──────────────────────────────────────────────────────────────────────────────────────────


def _issue(gate: Gate, visit: Visit) -> Response:
    held = held_preview(visit)
    if held is None or held.id != visit.text("preview"):
        return gate.gone(visit)
    if held.content.wrong:
        return go(PREVIEW, visit.language)
    held.issue(gate.node, visit, gate.log).wait(PATIENCE_SECONDS)
    return go(ISSUED, visit.language)


def _issued_page(gate: Gate, visit: Visit) -> Response:
    held = held_preview(visit)
    if held is None or held.job is None:
        return gate.gone(visit)
    job = held.job
    if not job.is_over:
        response = gate.page("progress", visit, path=ISSUED, job=job, here=LIST, title="issuing")
        response.headers.update(REFRESH)
        return response
    if job.error is not None:
        detail = str(job.error) if is_refusal(job.error) else ""
        return gate.page("failed", visit, path=ISSUED, status=409, detail=detail, is_sure=is_refusal(job.error))
    rows = list(zip(held.content.rows, job.result, strict=True))
    return gate.page("issued", visit, path=ISSUED, rows=rows, first=rows[:SHOWN_LINKS], links=gate.node.links)


def _links_table(gate: Gate, held: Preview) -> list[list[object]]:
    assert held.job is not None  # noqa: S101  looked at by the caller
    head: list[object] = ["row", "name", "reference", "email", "achievement", "awarded_on", "grade", "id", "link"]
    lines = [head]
    for row, public_id in zip(held.content.rows, held.job.result, strict=True):
        claim, learner = row.claim, row.claim.learner
        person = [row.number, learner.name, learner.reference or "", learner.email or ""]
        award = [claim.achievement, claim.awarded_on.isoformat(), claim.grade or ""]
        lines.append([*person, *award, public_id, gate.node.links(public_id)["url"]])
    return lines
