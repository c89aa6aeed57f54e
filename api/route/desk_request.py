"""The issuers' desk: what learners have asked for, and the institution's answers. An erasure asks twice.

A request of another institution's learner, one that never was and one that went with an erasure look the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse

from api.desk.gate import HEADERS, Gate, Visit
from api.desk.job import is_refusal
from api.holding import Holding, Holdings
from ledger.error import ConflictError, InvalidInputError, LedgerError
from ledger.learner_request import MAX_NOTE_CHARS, LearnerRequest, RequestOutcome
from projections.credential_status import CredentialStatus

REQUESTS: Final = "/desk/requests"
MAX_WAITING: Final = 100
"""Requests that wait and are shown at once; the oldest come first, so that nobody's is passed over for ever."""
MAX_DECIDED: Final = 50
MAX_ANSWER_FORM_BYTES: Final = 32_768
"""An answer of 4,000 characters, each of up to four bytes, and room."""
NOT_FOUND: Final = 404
OUTCOMES: Final[dict[str, RequestOutcome]] = {"done": "done", "declined": "declined"}
DONE: Final = frozenset({"done", "declined", "erased"})
RequestId = Annotated[str, Path(alias="request", max_length=64)]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as the desk shows it.

    Attributes:
        request: What was asked for.
        held: Every award that the institution keeps of the learner.
    """

    request: LearnerRequest
    held: list[Holding]

    @property
    def learner(self) -> tuple[str, str]:
        """Name and reference of the learner, as they stand with the newest award that names them."""
        claims = [one.learner for one in self.held if one.learner is not None]
        return (claims[0].name, claims[0].reference or "") if claims else ("", "")

    @property
    def about(self) -> Holding | None:
        """The award that it is about, if it is about one that is still kept."""
        return next((one for one in self.held if one.credential == self.request.asked.award), None)


def make_router(gate: Gate) -> APIRouter:
    """Make the router of the pages on learners' requests."""
    router = APIRouter(prefix=REQUESTS, include_in_schema=False)

    @router.get("")
    def listed(request: Request, done: Annotated[str, Query(max_length=16)] = "") -> Response:
        return _listed(gate, gate.enter(request), done if done in DONE else "")

    @router.get("/{request}")
    def one(request: Request, identity: RequestId) -> Response:
        visit = gate.enter(request)
        return _shown(gate, visit, identity)

    @router.post("/{request}")
    async def decide(request: Request, identity: RequestId) -> Response:
        visit = await gate.receive(request, MAX_ANSWER_FORM_BYTES)
        return await run_in_threadpool(_decide, gate, visit, identity)

    return router


def _listed(gate: Gate, visit: Visit, done: str) -> Response:
    found = gate.node.parts.requests.to(visit.institution.id)
    waiting = [one for one in found if one.outcome is None]
    decided = [one for one in reversed(found) if one.outcome is not None]
    holdings = Holdings(gate.node)
    return gate.page(
        "requests",
        visit,
        path=REQUESTS,
        waiting=[Asked(one, holdings.of(one.learner)) for one in waiting[:MAX_WAITING]],
        count=len(waiting),
        decided=decided[:MAX_DECIDED],
        done=done,
    )


def _find(gate: Gate, visit: Visit, identity: str) -> LearnerRequest | None:
    """A request to the visitor's own institution; of others not even that they exist."""
    try:
        known = UUID(identity)
    except ValueError:
        return None
    return next((one for one in gate.node.parts.requests.to(visit.institution.id) if one.id == known), None)


def _shown(gate: Gate, visit: Visit, identity: str, refusal: str = "", detail: str = "", status: int = 200) -> Response:
    found = _find(gate, visit, identity)
    if found is None:
        return gate.page("request_gone", visit, path=None, status=NOT_FOUND)
    return gate.page(
        "request",
        visit,
        path=None if refusal else f"{REQUESTS}/{found.id}",
        status=status,
        asked=Asked(found, Holdings(gate.node).of(found.learner)),
        most=MAX_NOTE_CHARS,
        refusal=refusal,
        detail=detail,
        typed=visit.text("answer"),
    )


def _decide(gate: Gate, visit: Visit, identity: str) -> Response:
    found = _find(gate, visit, identity)
    outcome = OUTCOMES.get(visit.text("outcome"))
    refusal = "" if found is None else _refusal(visit, found, outcome)
    if found is None or outcome is None or refusal:
        return _shown(gate, visit, identity, refusal, status=422)
    is_erasure = found.kind == "erasure" and outcome == "done"
    answer = visit.text("answer").replace("\r\n", "\n")
    try:
        gate.node.parts.requests.decide(found.id, outcome=outcome, answer=answer or None, actor=visit.actor)
    except InvalidInputError as error:
        return _shown(gate, visit, identity, "too_long", str(error), 422)
    except LedgerError as error:
        if not is_refusal(error):
            raise
        if is_erasure and isinstance(error, ConflictError) and _find(gate, visit, identity) is None:
            # Erased, but copies may be left in the database's own log until it has been swept.
            return gate.page("request_gone", visit, path=None, status=409, detail=str(error))
        return _shown(gate, visit, identity, "not_decided", str(error), 409)
    gate.node.wait_until_visible(gate.node.ledger.newest(), CredentialStatus.NAME)
    done = "erased" if is_erasure else outcome
    return RedirectResponse(f"{REQUESTS}?lang={visit.language}&done={done}", 303, headers=HEADERS)


def _refusal(visit: Visit, found: LearnerRequest, outcome: RequestOutcome | None) -> str:
    """What is missing in a form before it decides anything; empty for nothing."""
    if outcome is None:
        return "no_outcome"
    if outcome == "declined":
        return "" if visit.text("answer") else "no_answer"
    return "not_sure" if found.kind == "erasure" and visit.text("sure") != "yes" else ""
