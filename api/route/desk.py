"""The issuers' desk: signing in and out, and its first page."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool

from api.desk.gate import DeskRefusedError, Gate, go
from api.form_body import read_form
from api.page.language import choose_language
from ledger.error import AuthenticationError

MAX_KEY_FORM_BYTES: Final = 4_096
SIGN_IN_ACT: Final = "desk.sign_in"


def install_refusal(app: FastAPI, gate: Gate) -> None:
    """Answer with the page where one signs in whenever the desk lets nobody in."""

    def refused(request: Request, error: Exception) -> Response:
        if not isinstance(error, DeskRefusedError):
            raise error
        return gate.door(request, error.refusal)

    app.add_exception_handler(DeskRefusedError, refused)


def make_router(gate: Gate) -> APIRouter:
    """Make the router of the desk's door."""
    router = APIRouter(prefix="/desk", include_in_schema=False)

    @router.get("")
    def desk(request: Request) -> Response:
        try:
            visit = gate.enter(request)
        except DeskRefusedError:
            return gate.door(request)
        return gate.page("home", visit, path="/desk")

    @router.post("/sign-in")
    async def sign_in(request: Request) -> Response:
        """Take a bearer key and give a session for it. A refused key is counted as everywhere (`api.rate_limit`)."""
        gate.require_own_page(request)
        key = (await read_form(request, MAX_KEY_FORM_BYTES)).one("key")
        identity = await run_in_threadpool(_begin, gate, key)
        response = go("/desk", choose_language(request.scope))
        gate.admit(response, identity)
        return response

    @router.post("/sign-out")
    async def sign_out(request: Request) -> Response:
        visit = await gate.receive(request)
        gate.sessions.end(request.cookies.get(gate.cookie, ""))
        response = go("/desk", visit.language)
        gate.dismiss(response)
        return response

    return router


def _begin(gate: Gate, key: str) -> str:
    """Begin a session for the holder of *key*.

    Raises:
        DeskRefusedError: There is no key, it is not good, or it acts for every institution.
    """
    if not key:
        raise DeskRefusedError("no_key")
    access, now = gate.node.access, gate.node.ledger.now()
    try:
        actor = access.authenticate(key, now)
    except AuthenticationError as error:
        raise DeskRefusedError("wrong_key") from error
    if actor.institution is None:
        raise DeskRefusedError("operator_key")
    access.note(actor, SIGN_IN_ACT, now)
    return gate.sessions.begin(actor, actor.institution)
