"""The issuers' desk: a pathway's rules are given, read out, tried on the awards that there are, and published."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from api.desk.gate import Gate, Visit, go
from api.desk.job import is_refusal
from api.desk.pathway_draft import FIELDS, HELD, PathwayDraft, held_pathway, known_pathway, read_draft, shown
from api.desk.publishing import MADE_FROM, Fault
from api.desk.rule_reading import Line, RuleReading
from api.error import UnknownResourceError
from api.page.language import Speech
from api.route.desk_achievement import Code
from api.route.desk_list import MAX_CHOICES, PATIENCE_SECONDS, REFRESH
from ledger.error import LedgerError, NotFoundError, OutdatedError
from ledger.pathway_trial import TrialResult
from ledger.small_cell import THRESHOLD, Told, tell
from ledger.stacking.component import AchievementRef

PATHWAYS: Final = "/desk/pathways"
MAX_PATHWAY_FORM_BYTES: Final = 262_144
"""A rule text of 65,535 bytes is the largest that fits into an event; given with white space, it may be longer."""
SHOWN_MISSING: Final = 20


@dataclass(frozen=True, slots=True)
class Figures:
    """What a trial came to, as it may be shown: too few people are not counted.

    Attributes:
        result: The counts themselves.
        holders, begun, met, not_met: As they may be told; *met* and *not_met* of those who could be decided on.
        unmet: Of each rule that is not met, how often.
        missing: Of each micro-credential that is lacking, how often.
    """

    result: TrialResult
    holders: Told
    begun: Told
    met: Told
    not_met: Told
    unmet: list[tuple[Line, Told]]
    missing: list[tuple[str, Told]]


def make_router(gate: Gate) -> APIRouter:
    """Make the router of the pages on pathways."""
    router = APIRouter(prefix=PATHWAYS, include_in_schema=False)

    @router.get("")
    def pathways(request: Request) -> Response:
        visit = gate.enter(request)
        found = sorted((one for _, one in gate.node.views.pathways_of(visit.institution.id)), key=lambda one: one.code)
        return gate.page("pathways", visit, path=PATHWAYS, pathways=found)

    @router.get("/edit")
    def form(request: Request, code: Code = "") -> Response:
        """The form of a first version, or of the next one of what is called *code*."""
        visit = gate.enter(request)
        held = held_pathway(visit)
        if held is not None and not held.version and request.query_params.get("again"):
            return _form(gate, visit, held.shown, is_new=held.before is None)
        known = known_pathway(gate.node, visit, code) if code else None
        if code and known is None:
            raise UnknownResourceError("Your institution has published no pathway under this code.")
        values = {**dict.fromkeys(FIELDS, ""), MADE_FROM: "0"} if known is None else shown(known)
        return _form(gate, visit, values, is_new=known is None)

    @router.post("/edit")
    async def fill(request: Request) -> Response:
        visit = await gate.receive(request, MAX_PATHWAY_FORM_BYTES)
        return await run_in_threadpool(_fill, gate, visit)

    @router.get("/check")
    def check(request: Request) -> Response:
        visit = gate.enter(request)
        held = held_pathway(visit)
        return gate.gone(visit) if held is None else _check(gate, visit, held)

    @router.post("/trial")
    async def try_out(request: Request) -> Response:
        visit = await gate.receive(request)
        return await run_in_threadpool(_try_out, gate, visit)

    @router.get("/trial")
    def tried(request: Request) -> Response:
        return _tried(gate, gate.enter(request))

    @router.post("/publish")
    async def publish(request: Request) -> Response:
        visit = await gate.receive(request)
        return await run_in_threadpool(_publish, gate, visit)

    return router


# ── the form ───────────────────────────────────────────────────────────────────────────────────────


def _form(
    gate: Gate, visit: Visit, values: dict[str, str], faults: tuple[Fault, ...] = (), *, is_new: bool
) -> Response:
    return gate.page(
        "pathway",
        visit,
        path=None if faults else f"{PATHWAYS}/edit",
        status=422 if faults else 200,
        values=values,
        faults={fault.field: fault for fault in reversed(faults)},
        is_new=is_new,
        choices=gate.node.views.catalogue.page(visit.institution.id, limit=MAX_CHOICES),
    )


def _fill(gate: Gate, visit: Visit) -> Response:
    draft, faults, given = read_draft(gate.node, visit)
    if draft is None:
        known = known_pathway(gate.node, visit, visit.text("code"))
        # Whoever was told that there is a newer version goes on from that one.
        made_from = "0" if known is None else str(len(known.versions))
        values = {**{name: visit.text(name) for name in FIELDS}, "rules": given, MADE_FROM: made_from}
        return _form(gate, visit, values, tuple(faults), is_new=known is None)
    gate.sessions.hold(visit.session, HELD, draft)
    return go(f"{PATHWAYS}/check", visit.language)


# ── reading out ────────────────────────────────────────────────────────────────────────────────────


class Titles:
    """What micro-credentials are called: their title and what rules call them, or that alone when there is none.

    Args:
        gate: The way to the ledger.
    """

    def __init__(self, gate: Gate) -> None:
        self._ledger = gate.node.ledger
        self.unknown: list[str] = []
        """Those that this ledger does not have: a misspelt code hinders nobody, and helps none."""

    def __call__(self, ref: AchievementRef) -> str:
        """The title of one."""
        name = f"{ref.institution}/{ref.code}"
        try:
            institution = self._ledger.institution(ref.institution)
            editions = self._ledger.achievement(institution.id, ref.code).editions
        except NotFoundError:
            self.unknown += [] if name in self.unknown else [name]
            return name
        return f"«{editions[-1].title}» ({name})"


def _check(
    gate: Gate,
    visit: Visit,
    held: PathwayDraft,
    detail: str = "",
    *,
    is_busy: bool = False,
    is_outdated: bool = False,
) -> Response:
    is_refused = bool(detail) or is_outdated
    path, status = (None, HTTPStatus.CONFLICT) if is_refused else (f"{PATHWAYS}/check", HTTPStatus.OK)
    if is_busy:
        path, status = None, HTTPStatus.SERVICE_UNAVAILABLE
    titles = Titles(gate)
    reading = RuleReading(held.rules, Speech(visit.language), titles)
    return gate.page(
        "pathway_check",
        visit,
        path=path,
        status=status,
        held=held,
        detail=detail,
        is_busy=is_busy,
        is_outdated=is_outdated,
        target=titles(AchievementRef(institution=visit.institution.slug, code=held.achievement)),
        tree=reading.tree(),
        admissions=reading.admissions(),
        overlap=reading.overlap(),
        rest=reading.rest(),
        unknown=titles.unknown,
    )


# ── the trial ──────────────────────────────────────────────────────────────────────────────────────


def _try_out(gate: Gate, visit: Visit) -> Response:
    held = held_pathway(visit)
    if held is None or held.id != visit.text("draft"):
        return gate.gone(visit)
    job = held.try_out(gate.node, visit, gate.log)
    if job is None:
        return _check(gate, visit, held, is_busy=True)
    job.wait(PATIENCE_SECONDS)
    return go(f"{PATHWAYS}/trial", visit.language)


def _tried(gate: Gate, visit: Visit) -> Response:
    held = held_pathway(visit)
    if held is None or held.trial is None:
        return gate.gone(visit)
    job, path = held.trial, f"{PATHWAYS}/trial"
    if not job.is_over:
        response = gate.page("progress", visit, path=path, job=job, here=PATHWAYS, title="trying")
        response.headers.update(REFRESH)
        return response
    if job.error is not None:
        return _check(gate, visit, held, str(job.error) if is_refusal(job.error) else "the trial failed")
    figures = _figures(gate, visit, held, job.result)
    return gate.page("pathway_trial", visit, path=path, held=held, figures=figures, fewest=THRESHOLD)


def _figures(gate: Gate, visit: Visit, held: PathwayDraft, result: TrialResult) -> Figures:
    titles, begun = Titles(gate), result.begun
    lines = RuleReading(held.rules, Speech(visit.language), titles).named()
    decided = begun - result.undecided
    return Figures(
        result=result,
        holders=tell(result.holders, result.learners),
        begun=begun if begun >= THRESHOLD else "few",
        met=tell(result.met, decided),
        not_met=tell(result.not_met, decided),
        unmet=[(lines[rule], tell(count, begun)) for rule, count in result.unmet],
        missing=[(titles(ref), tell(count, begun)) for ref, count in result.missing[:SHOWN_MISSING]],
    )


def _publish(gate: Gate, visit: Visit) -> Response:
    held = held_pathway(visit)
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
    return go(f"{PATHWAYS}/check", visit.language)
