"""The issuers' desk: signing in with an institution's own account, there and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import APIRouter, Path, Request, Response
from fastapi.concurrency import run_in_threadpool
from structlog.typing import FilteringBoundLogger

from api.desk.account import ACCOUNT, AccountError, Attempt, Entitled
from api.desk.gate import DeskRefusedError, Gate
from api.page.language import Language, choose_language
from api.route.desk import SIGN_IN_ACT
from ledger.access import Actor
from ledger.error import NotFoundError

DONE: Final = "/desk/account/done"
"""Where providers send the browser back to, with the institution's slug behind it; each is told so by hand."""
MAX_VALUE_CHARS: Final = 4_096
Slug = Annotated[str, Path(max_length=64, pattern=r"^[a-z0-9-]+$")]


def make_router(gate: Gate, log: FilteringBoundLogger) -> APIRouter:
    """Make the router; what went wrong is told in the log, since the browser is told little."""
    router = APIRouter(prefix="/desk/account", include_in_schema=False)

    @router.get("/done/{slug}")
    async def done(request: Request, slug: Slug) -> Response:
        cookie = request.cookies.get(gate.attempt_cookie, "")
        answer = {name: value for name, value in request.query_params.items() if len(value) <= MAX_VALUE_CHARS}
        entitled, identity = await run_in_threadpool(_begin, gate, log, slug, cookie, answer)
        response = gate.come_back(entitled.officer.removeprefix(ACCOUNT), entitled.language)
        gate.admit(response, identity)
        return response

    @router.get("/{slug}")
    async def start(request: Request, slug: Slug) -> Response:
        """Send the browser to the institution's provider. A link, for a form may not lead away from this site."""
        attempt = await run_in_threadpool(_attempt, gate, log, slug, choose_language(request.scope))
        return gate.send_away(attempt.location, attempt.cookie)

    return router


def _attempt(gate: Gate, log: FilteringBoundLogger, slug: str, language: Language) -> Attempt:
    """Raises DeskRefusedError."""
    try:
        return gate.accounts.begin(slug, language)
    except AccountError as error:
        raise _refused(log, error) from error


def _begin(
    gate: Gate, log: FilteringBoundLogger, came_to: str, cookie: str, answer: Mapping[str, str]
) -> tuple[Entitled, str]:
    """Begin a session for whoever a provider has sent back. Raises DeskRefusedError."""
    try:
        entitled = gate.accounts.finish(came_to, cookie, answer)
        institution = gate.node.ledger.institution(entitled.institution)
    except AccountError as error:
        raise _refused(log, error) from error
    except NotFoundError as error:
        raise _refused(log, AccountError("account_not_entitled", str(error))) from error
    actor = Actor(name=entitled.officer, role="issuer", institution=institution.id)
    gate.node.access.note(actor, SIGN_IN_ACT, gate.node.ledger.now())
    return entitled, gate.sessions.begin(actor, institution.id, entitled.seconds)


def _refused(log: FilteringBoundLogger, error: AccountError) -> DeskRefusedError:
    log.warning("desk_account_refused", failure=error.failure, detail=error.detail)
    return DeskRefusedError(error.failure)
