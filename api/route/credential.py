"""Awards: make them, and what anyone may ask of one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import PlainTextResponse

from api import example
from api.caller import authenticate
from api.gathering import Gathering
from api.instant import parse_instant
from api.lookup import Lookup
from api.media_type import has_bytes
from api.node import Node
from api.openapi import body_of
from api.route.award import known_form, made_awards
from api.schema import Awards, awards
from api.write import Write, json_answer, read_write, without
from ledger.access import Actor
from ledger.application import Outcome, Task
from projections.credential_status import CredentialStatus
from projections.status_lists import StatusLists

PATH = "/v1/credentials"
PUBLIC_CACHE = "public, max-age=1, stale-while-revalidate=5, stale-if-error=60"
"""A cache may keep an answer for a second, give it for five more while it asks again, and for a minute when nobody
answers. So a restart is not seen, and a revocation shows after some six seconds at the latest while the ledger
answers. The body says when it was made (`checked_at`). Source: RFC 9111 section 5.2.2, RFC 5861."""

At = Annotated[str | None, Query(description="Was it valid at this instant (RFC 3339, or a date)?")]
KnownAt = Annotated[str | None, Query(description="By what the log knew at this instant.")]


Issue = Callable[[Request], Awaitable[Response]]


def make_issue(node: Node) -> Issue:
    """Make what answers a request for awards."""
    slugs: dict[UUID, str] = {}
    single = Gathering[Task, Response](lambda tasks: _issue_singles(node, tasks))

    def slug_for(actor: Actor, named: str | None) -> str:
        if actor.institution is None or named is not None:
            return node.slug_for(actor, named)
        slug = slugs.get(actor.institution)
        if slug is None:  # once: an institution keeps its slug for ever
            slug = slugs[actor.institution] = node.slug_for(actor, None)
        return slug

    def task(write: Write, batch: Awards) -> Task:
        slug = slug_for(write.actor, batch.institution)
        return node.issuance.issuing(slug=slug, claims=batch.credentials, actor=write.actor, request=write.submission)

    def issue_many(write: Write) -> Response:
        batch, _ = awards(write.value)
        [outcome] = node.issuance.issue_together([task(write, batch)])
        if isinstance(outcome, Exception):
            raise outcome
        node.wait_until_visible(outcome.position, CredentialStatus.NAME, StatusLists.NAME)
        return json_answer({"credentials": made_awards(node, outcome)}, 201)

    async def issue(request: Request) -> Response:
        """Make one award, or many at once: all of them are committed, or none.

        The answer holds each award's id and bundle: the signed document and the salt that opens its commitment. Hand
        the bundle to the learner. Repeating the request with the same `Idempotency-Key` gives the same awards.
        """
        write = await read_write(node, request, is_batch=True)
        if isinstance(write.value, dict) and "credentials" in write.value:
            return await run_in_threadpool(issue_many, write)
        with without("/credentials/0"):
            batch, _ = awards(write.value)
            return await single.ask(task(write, batch))

    return issue


def make_router(node: Node, issue: Issue) -> APIRouter:
    """Make the router over the parts of *node*."""
    router = APIRouter(prefix=PATH, tags=["credentials"])
    router.post("", status_code=201, openapi_extra=body_of("Awards", "AwardClaim", example.AWARD))(issue)

    @router.get("/{id}/bundle")
    def bundle(request: Request, public_id: Annotated[str, Path(alias="id")]) -> Response:
        """The holder's bundle: document, salt and fresh evidence. For the institution that made the award."""
        actor = authenticate(request, node.access, node.ledger.now())
        credential, _ = node.parts.parts.credential(known_form(public_id), node.ledger.now())
        actor.require_institution(credential.institution)
        return json_answer(node.bundles.bundle(public_id), 200, {"Cache-Control": "private, no-store"})

    return router


def read_router(lookup: Lookup) -> APIRouter:
    """Make the router of what anyone may ask, of any node that serves."""
    router = APIRouter(prefix="/v1/credentials", tags=["credentials"])

    @router.get("/{id}/status", openapi_extra={"x-public": True})
    def status(
        request: Request, public_id: Annotated[str, Path(alias="id")], at: At = None, known_at: KnownAt = None
    ) -> Response:
        """What is true of an award now, or was at an instant. Needs no account and shows nothing personal."""
        headers = {"Cache-Control": PUBLIC_CACHE}
        if at is not None or known_at is not None:
            then, known = parse_instant(at, "at"), parse_instant(known_at, "known_at")
            return json_answer(lookup.statuses.status(public_id, at=then, known_at=known), 200, headers)
        answer, tag = lookup.status_now(public_id)
        if tag is not None:
            headers["ETag"] = tag
            if has_bytes(request.scope, tag):
                return Response(None, 304, headers)
        return json_answer(answer, 200, headers)

    @router.get("/{id}/evidence")
    def evidence(public_id: Annotated[str, Path(alias="id")]) -> Response:
        """One file that proves the award's status offline, as of the newest checkpoint. Shows nothing personal."""
        headers = {
            "Content-Disposition": f'attachment; filename="{public_id}.evidence.json"',
            "Cache-Control": PUBLIC_CACHE,
        }
        return json_answer(lookup.evidences.evidence(public_id), 200, headers)

    @router.get("/{id}/tlog-proof", response_class=PlainTextResponse)
    def receipt(public_id: Annotated[str, Path(alias="id")]) -> Response:
        """That the award's issue event is in the log, as a `c2sp.org/tlog-proof@v1` file with the event in it.

        It proves inclusion, and nothing of what became of the award: for that there is the evidence file.
        """
        headers = {
            "Content-Disposition": f'attachment; filename="{public_id}.tlog-proof"',
            "Cache-Control": PUBLIC_CACHE,
        }
        return PlainTextResponse(lookup.evidences.receipt(public_id), 200, headers)

    return router


def _issue_singles(node: Node, tasks: Sequence[Task]) -> list[Response | Exception]:
    """Make one award for each task, each by itself, with one wait for the disk and one for the views."""
    outcomes = node.issuance.issue_together(tasks)
    newest = max((outcome.position for outcome in outcomes if isinstance(outcome, Outcome)), default=0)
    node.wait_until_visible(newest, CredentialStatus.NAME, StatusLists.NAME)
    return [outcome if isinstance(outcome, Exception) else _single_answer(node, outcome) for outcome in outcomes]


def _single_answer(node: Node, outcome: Outcome) -> Response | Exception:
    try:
        [item] = made_awards(node, outcome)
    except Exception as error:  # noqa: BLE001  of this one alone: a repetition whose documents cannot be read
        return error
    return json_answer(item, 201, {"Location": item["url"]})
