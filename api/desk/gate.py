"""The way into the desk: who asks, and whether a page of this site asked.

1. A form comes from a page of this site (`api.own_page`).
2. The cookie leads to a session, and the session's key is still good.
3. The form carries the session's token.

The first and the third each suffice against forged requests; a cookie with `SameSite=Strict` is the third hedge.

Source: OWASP Cross-Site Request Forgery Prevention Cheat Sheet; RFC 6265bis section 4.1.3.
"""

from __future__ import annotations

import hmac
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, Literal

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from api.desk.account import ACCOUNT, ATTEMPT_SECONDS, Accounts, Failure
from api.desk.session import Session, Sessions
from api.form_body import Form, read_form
from api.node import Node
from api.own_page import FORM_HEADERS, require_own_page
from api.page.language import Language, choose_language
from api.page.render import PageRenderer
from api.problem_handler import ErrorLog
from ledger.access import Actor
from ledger.error import AuthenticationError, ForbiddenError, NotFoundError
from ledger.institution import Institution

COOKIE: Final = "cairn-desk"
HOST_PREFIX: Final = "__Host-"
HEADERS: Final = {
    "Cache-Control": "no-store",
    **FORM_HEADERS,
    "Cross-Origin-Resource-Policy": "same-origin",
}
MAX_FORM_BYTES: Final = 16_384
"""Largest form without a file."""
BEARER: Final = {"WWW-Authenticate": 'Bearer realm="cairn"'}

Refusal = Literal["signed_out", "forged", "wrong_key", "operator_key", "no_key"] | Failure
_STATUS: Final[dict[Refusal, int]] = {
    "signed_out": 401,
    "wrong_key": 401,
    "no_key": 422,
    "operator_key": 403,
    "forged": 403,
    "account_failed": 401,
    "account_denied": 403,
    "account_not_entitled": 403,
    "account_unreachable": 503,
}


class DeskRefusedError(Exception):
    """The desk lets nobody in, or does not do what was asked; answered with its first page.

    Args:
        refusal: Why; a sentence of the pages has this name.
    """

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal)
        self.refusal: Refusal = refusal


@dataclass(frozen=True, slots=True)
class Visit:
    """A request of somebody who has signed in.

    Attributes:
        session: The session.
        actor: Who acts: the session's key.
        institution: For whom.
        language: In which language the answer is.
        form: The form; without fields for a plain page.
    """

    session: Session
    actor: Actor
    institution: Institution
    language: Language
    form: Form = field(default_factory=Form)

    def text(self, name: str) -> str:
        """The first field of that name, as text without the spaces around it; empty when there is none."""
        return self.form.one(name)

    def file(self, name: str) -> bytes:
        """The first field of that name, as bytes."""
        return self.form.file(name)


class Gate:
    """Lets in who has signed in.

    Args:
        node: The process's parts.
        renderer: Writes the pages.
        sessions: Who has signed in.
        accounts: Signs in with accounts of institutions.
        log: Told of what goes wrong behind a page.
    """

    def __init__(
        self, node: Node, renderer: PageRenderer, sessions: Sessions, accounts: Accounts, log: ErrorLog
    ) -> None:
        self.node = node
        self.log = log
        self.sessions = sessions
        self.accounts = accounts
        self._renderer = renderer
        self._base_url = node.parts.identity.base_url
        self._is_https = self._base_url.startswith("https:")
        self.cookie = f"{HOST_PREFIX}{COOKIE}" if self._is_https else COOKIE
        self.attempt_cookie = f"{self.cookie}-attempt"

    def enter(self, request: Request) -> Visit:
        """Find out who asks for a page. On a thread: it looks into the database.

        Raises:
            DeskRefusedError: Nobody who has signed in, or the key is good no longer; then the session has ended.
        """
        identity = request.cookies.get(self.cookie, "")
        session = self.sessions.find(identity) if identity else None
        if session is None:
            raise DeskRefusedError("signed_out")
        try:
            actor = self._actor(session)
        except AuthenticationError as error:
            self.sessions.end(identity)
            raise DeskRefusedError("signed_out") from error
        institution = self.node.ledger.load(Institution, session.institution, "such institution")
        return Visit(session, actor, institution, choose_language(request.scope))

    def _actor(self, session: Session) -> Actor:
        """Who acts: of an officer with an account as it was at the sign-in; of a key, if it is still good."""
        if session.actor.name.startswith(ACCOUNT):
            return session.actor
        return self.node.access.holder(session.actor.name, self.node.ledger.now())

    async def receive(self, request: Request, max_bytes: int = MAX_FORM_BYTES) -> Visit:
        """Read a form of somebody who has signed in.

        Who asks is found out before a byte of it is read, and again afterwards: whoever sends slowly may have been
        signed out, or have lost the key, in between.

        Raises:
            DeskRefusedError: See :meth:`enter`; or it was not sent by a page of this session.
            BodyTooLargeError, MediaTypeError, MalformedBodyError: See :func:`api.form_body.read_form`.
        """
        self.require_own_page(request)
        await run_in_threadpool(self.enter, request)
        form = await read_form(request, max_bytes)
        visit = await run_in_threadpool(self.enter, request)
        given = form.one("token").encode()
        if not hmac.compare_digest(given, visit.session.token.encode()):
            raise DeskRefusedError("forged")
        return Visit(visit.session, visit.actor, visit.institution, visit.language, form)

    def require_own_page(self, request: Request) -> None:
        """Refuse a form that no page of this site has sent.

        Raises:
            DeskRefusedError: The browser names another site, or says nothing at all.
        """
        try:
            require_own_page(request, self._base_url)
        except ForbiddenError as error:
            raise DeskRefusedError("forged") from error

    def page(self, name: str, visit: Visit, *, path: str | None, status: int = 200, **values: Any) -> Response:  # noqa: ANN401  whatever the template shows
        """Answer with a page of the desk."""
        desk = {
            "institution": visit.institution.name,
            "slug": visit.institution.slug,
            "key": visit.actor.name.removeprefix(ACCOUNT),
            "is_account": visit.actor.name.startswith(ACCOUNT),
            "token": visit.session.token,
        }
        text = self._renderer.render_desk(name, visit.language, path=path, desk=desk, **values)
        return HTMLResponse(text, status, headers=HEADERS)

    def gone(self, visit: Visit) -> Response:
        """Answer that what was uploaded or begun is not there any more."""
        return self.page("gone", visit, path=None, status=HTTPStatus.GONE)

    def door(self, request: Request, refusal: Refusal | None = None) -> Response:
        """Answer with the page where one signs in."""
        language = choose_language(request.scope)
        # Where a provider has sent somebody is no address to come back to.
        path = None if refusal is not None and refusal.startswith("account_") else "/desk"
        text = self._renderer.render_desk(
            "sign_in", language, path=path, desk=None, refusal=refusal, institutions=self._with_accounts()
        )
        status = 200 if refusal is None else _STATUS[refusal]
        return HTMLResponse(text, status, headers=HEADERS | (BEARER if status == _STATUS["signed_out"] else {}))

    def admit(self, response: Response, identity: str) -> None:
        """Have the browser keep a session's id until it is closed."""
        response.set_cookie(self.cookie, identity, path="/", httponly=True, samesite="strict", secure=self._is_https)

    def send_away(self, location: str, attempt: str) -> Response:
        """Send the browser to a provider; the cookie comes back with it from there, which `Strict` would not."""
        response = RedirectResponse(location, 303, headers=HEADERS | {"Referrer-Policy": "no-referrer"})
        response.set_cookie(
            self.attempt_cookie, attempt, max_age=ATTEMPT_SECONDS, path="/", httponly=True, samesite="lax",
            secure=self._is_https,
        )  # fmt: skip
        return response

    def come_back(self, officer: str, language: Language) -> Response:
        """Say who has signed in, and go on from here: sent by others, a browser does not bring the session's cookie."""
        onward = f"/desk?lang={language}"
        text = self._renderer.render_desk("welcome", language, path=None, desk=None, officer=officer, onward=onward)
        headers = HEADERS | {"Referrer-Policy": "no-referrer", "Refresh": f"0; url={onward}"}
        response = HTMLResponse(text, headers=headers)
        response.delete_cookie(self.attempt_cookie, path="/", httponly=True, samesite="lax", secure=self._is_https)
        return response

    def _with_accounts(self) -> list[tuple[str, str]]:
        """Slug and name of the institutions whose officers sign in with their account, by name."""
        found = []
        for slug in self.accounts.institutions:
            with suppress(NotFoundError):  # not registered yet
                found.append((slug, self.node.ledger.institution(slug).name))
        return sorted(found, key=lambda one: one[1])

    def dismiss(self, response: Response) -> None:
        """Have the browser forget it."""
        response.delete_cookie(self.cookie, path="/", httponly=True, samesite="strict", secure=self._is_https)


def go(path: str, language: Language) -> Response:
    """Send the browser to a page of the desk, by a request that can be repeated."""
    return RedirectResponse(f"{path}?lang={language}", 303, headers=HEADERS)
