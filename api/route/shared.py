"""What a learner shares: some awards, for a while, for whoever has the link.

The page shows what was chosen and nothing else: neither what else there is, nor who else has a link. A link that is
unknown, has expired or was ended is answered alike, after the same one look-up.
"""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path, Request, Response
from starlette.responses import HTMLResponse

from api.error import UnknownResourceError
from api.guess import Guesses
from api.holding import BUNDLE, Holding, Holdings
from api.node import Node
from api.page.language import choose_language
from api.page.render import PageRenderer
from api.route.mine import AwardId, FormName
from api.route.own_file import OWN_HEADERS, as_file
from ledger.error import ErasedError, NotFoundError
from ledger.learner_link import LearnerLink, Shared

Secret = Annotated[str, Path(max_length=128)]
LOST: Final = "shared_lost.html"


def make_router(node: Node, renderer: PageRenderer, guesses: Guesses) -> APIRouter:
    """Make the router; arguments as for :func:`api.route.mine.make_router`."""
    router = APIRouter(include_in_schema=False)
    holdings = Holdings(node)

    def opened(request: Request, secret: str) -> tuple[LearnerLink, Shared] | None:
        guesses.check(request.scope)
        try:
            link = node.parts.links.open(secret, "share", node.ledger.now())
            return link, node.parts.links.shared(link)
        except (NotFoundError, ErasedError):
            guesses.count(request.scope)
            return None

    def lost(request: Request) -> Response:
        page = renderer.render_own(LOST, choose_language(request.scope), None)
        return HTMLResponse(page, 404, headers=OWN_HEADERS)

    @router.get("/shared/{secret}")
    def shared(request: Request, secret: Secret) -> Response:
        found = opened(request, secret)
        if found is None:
            return lost(request)
        link, shown = found
        by_id = {one.credential: one for one in holdings.of(link.learner)}
        awards = [by_id[award] for award in shown.awards if award in by_id]
        page = renderer.render_own(
            "shared.html",
            choose_language(request.scope),
            f"/shared/{secret}",
            link=link,
            awards=[(one, shared_forms(one) if shown.documents else ()) for one in awards],
            secret=secret,
            documents=shown.documents,
            now=node.ledger.now(),
        )
        return HTMLResponse(page, headers=OWN_HEADERS)

    @router.get("/shared/{secret}/{award}/{form}")
    def document(request: Request, secret: Secret, award: AwardId, form: FormName) -> Response:
        found = opened(request, secret)
        if found is None:
            return lost(request)
        link, shown = found
        held = {one.credential: one for one in holdings.of(link.learner)} if shown.documents else {}
        chosen = held.get(award) if award in shown.awards else None
        if chosen is None or form not in shared_forms(chosen):
            message = "this was not shared"
            raise UnknownResourceError(message)
        return as_file(holdings, award, form)

    return router


def shared_forms(award: Holding) -> tuple[str, ...]:
    """What can be downloaded of an award that is shared; the bundle of a stack would show what it was made of."""
    return tuple(form for form in award.forms if form != BUNDLE or not award.components)
