"""A learner's own page, by a link: awards, stacks, progress, what is shared, what is asked for.

The link's secret part stands behind `#`, which browsers send to nobody. The page at `/mine/enter` hands it over in the
body of a form (by script at once, or pasted by hand), and gets a cookie for it; from then on it is needed no more.

Every answer is for the one who asked: it is kept by no cache, listed by no robot, and readable by no other site.

Longer than other modules because all pages of a visit are found, refused and shown in the same way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse

from api.error import UnknownResourceError
from api.form_body import Form, read_form
from api.guess import Guesses
from api.holding import Holding, Holdings, Stone, learner_of, own, stones
from api.learner_session import LearnerSessions
from api.node import Node
from api.own_page import FORM_HEADERS, require_own_page
from api.page.cairn import Cairn, draw
from api.page.language import LANGUAGES, Language, choose_language
from api.page.render import PageRenderer
from api.progress import ProgressReading, skill_rows
from api.route.own_file import OWN_HEADERS, as_file, own_file
from ledger.access import Actor
from ledger.application import Request as Submission
from ledger.commitment import DOCUMENT_KIND
from ledger.error import ConflictError, InvalidInputError, NotFoundError, RuleError
from ledger.form.learner_record import Association
from ledger.learner_link import LINK, LearnerLink
from ledger.learner_request import AskedFor
from ledger.record_keeping import MAX_CREDENTIALS
from ledger.renaming import called
from projections.credential_status import CredentialStatus
from projections.status_lists import StatusLists

ENTER: Final = "/mine/enter"
PAGE_HEADERS: Final = OWN_HEADERS | FORM_HEADERS
LIVES: Final = (1, 7, 30, 90, 180, 365)
"""Days that a share may last, as the page offers them."""
DONE: Final = frozenset({"correction", "appeal", "erasure", "ended"})
"""What a page may say has just been done."""
AwardId = Annotated[str, Path(max_length=64)]
FormName = Annotated[str, Path(max_length=32)]
Done = Annotated[str, Query(max_length=16)]


def make_router(pages: OwnPages) -> APIRouter:
    """Make the router over the pages."""
    router = APIRouter(include_in_schema=False)
    for path, show in (
        ("/mine", pages.awards),
        (ENTER, pages.door),
        ("/mine/progress", pages.progress),
        ("/mine/shares", pages.shares),
        ("/mine/requests", pages.requests),
        ("/mine/erasure", pages.erasure),
        ("/mine/awards/{award}/{form}", pages.download),
    ):
        router.add_api_route(path, show, methods=["GET"], response_model=None)
    for path, take in ((ENTER, pages.enter), ("/mine/leave", pages.leave)):
        router.add_api_route(path, own_form(take, pages.base_url), methods=["POST"], response_model=None)
    for path, act in (
        ("/mine/record", pages.record),
        ("/mine/shares", pages.share),
        ("/mine/shares/end", pages.end_share),
        ("/mine/corrections", pages.correct),
        ("/mine/appeals", pages.appeal),
        ("/mine/erasure", pages.erase),
    ):
        router.add_api_route(path, own_form(pages.held_by(act), pages.base_url), methods=["POST"], response_model=None)
    return router


def own_form(take: Callable[[Request, Form], Response], base_url: str) -> Callable[[Request], Any]:
    """Read the form on the event loop, and answer it on a thread."""

    async def answer(request: Request) -> Response:
        require_own_page(request, base_url)
        return await run_in_threadpool(take, request, await read_form(request))

    return answer


class OwnPages:
    """The pages.

    Args:
        node: The process's parts.
        renderer: Writes the pages.
        sessions: Who looks at the page.
        guesses: Counts links that open nothing.
    """

    def __init__(self, node: Node, renderer: PageRenderer, sessions: LearnerSessions, guesses: Guesses) -> None:
        self.base_url: Final = node.parts.identity.base_url
        self._node = node
        self._renderer = renderer
        self._sessions = sessions
        self._guesses = guesses
        self._holdings = Holdings(node)
        self._progress = ProgressReading(node)

    def held_by(self, act: Callable[[Request, LearnerLink, Form], Response]) -> Callable[[Request, Form], Response]:
        """Have *act* done for whoever holds a link, and show anybody else out."""

        def take(request: Request, form: Form) -> Response:
            link = self._sessions.find(request)
            return self.shown_out(request, form) if link is None else act(request, link, form)

        return take

    # ── coming and going ──────────────────────────────────────────────────────────────────────────────────

    def door(self, request: Request) -> Response:
        """The page that takes a link."""
        return self._door(choose_language(request.scope), 200, refused=False)

    def enter(self, request: Request, form: Form) -> Response:
        """Exchange a link for a cookie; any that opens nothing is answered alike."""
        self._guesses.check(request.scope)
        language = language_of(request, form)
        pasted = form.one("link")
        found = LINK.search(pasted[-200:])
        try:
            link = self._node.parts.links.open(found[0] if found else "", "page", self._node.ledger.now())
        except NotFoundError:
            self._guesses.count(request.scope)
            return self._door(language, 404, refused=True)
        response = _go("/mine", language)
        self._sessions.begin(response, link)
        return response

    def leave(self, request: Request, form: Form) -> Response:
        """Take the cookie back."""
        response = _go(ENTER, language_of(request, form))
        self._sessions.end(response)
        return response

    def _door(self, language: Language, status: int, *, refused: bool) -> Response:
        page = self._renderer.render_own("mine_enter.html", language, ENTER, refused=refused)
        return HTMLResponse(page, status, headers=PAGE_HEADERS)

    # ── what there is ─────────────────────────────────────────────────────────────────────────────────────

    def awards(self, request: Request) -> Response:
        """All awards, newest first, and how they are stacked."""
        link = self._sessions.find(request)
        if link is None:
            return self.shown_out(request)
        held = self._holdings.of(link.learner)
        stacks = [(stone, _drawn(stone)) for stone in stones(held)]
        return self.page(request, link, "mine.html", "/mine", held=held, years=_years(held), stacks=stacks)

    def progress(self, request: Request) -> Response:
        """Pathways with what is missing, and skills."""
        link = self._sessions.find(request)
        if link is None:
            return self.shown_out(request)
        held = self._holdings.of(link.learner)
        pathways = self._progress.pathways(link, held)
        skills = skill_rows(held)
        return self.page(
            request, link, "mine_progress.html", "/mine/progress", held=held, pathways=pathways, skills=skills
        )

    def download(self, request: Request, award: AwardId, form: FormName) -> Response:
        """One award in one form, as a file."""
        link = self._sessions.find(request)
        if link is None:
            return self.shown_out(request)
        if award not in self._holdings.ids(link.learner):
            message = "there is no such award among yours"
            raise UnknownResourceError(message)
        return as_file(self._holdings, award, form)

    def record(self, _request: Request, link: LearnerLink, _form: Form) -> Response:
        """A learner record (CLR 2.0) of everything that holds; asked for again on the same day, the same one."""
        held = self._holdings.of(link.learner)
        reference = self._reference(link, held)
        chosen = [one.credential for one in held if one.state == "active" and one.whole is None][:MAX_CREDENTIALS]
        if reference is None or not chosen:
            message = "there is nothing that a record could be made of"
            raise UnknownResourceError(message)
        body = "\n".join([self._node.ledger.now().date().isoformat(), *sorted(chosen)]).encode()
        key = hashlib.sha256(body).hexdigest()
        no_associations: tuple[Association, ...] = ()
        outcome = self._node.parts.records.make_record(
            slug=self._slug(link),
            reference=reference,
            credentials=chosen,
            associations=no_associations,
            actor=actor_of(link),
            request=Submission(scope=f"learner record {link.learner.hex()}", key=key, body=body),
        )
        self._node.wait_until_visible(outcome.position, CredentialStatus.NAME, StatusLists.NAME)
        document = self._node.parts.records.document(outcome.answer).forms[DOCUMENT_KIND]
        return own_file(document, "application/vc", f"learner-record-{outcome.answer[:8]}.json")

    # ── what is shared ────────────────────────────────────────────────────────────────────────────────────

    def shares(self, request: Request, done: Done = "") -> Response:
        """Choose what to share, and see what is shared."""
        link = self._sessions.find(request)
        return self.shown_out(request) if link is None else self._shares(request, link, done=done)

    def share(self, request: Request, link: LearnerLink, form: Form) -> Response:
        """Make a link that shows what was chosen. It is shown on this one answer, and kept nowhere."""
        held = {one.credential for one in self._holdings.of(link.learner)}
        chosen = form.all("award")
        if not chosen:
            return self._shares(request, link, form, refusal="choose")
        if any(one not in held for one in chosen):
            message = "one of these is not among your awards"
            raise UnknownResourceError(message)
        try:
            made = self._node.parts.links.share(
                link,
                awards=chosen,
                documents=form.one("documents") == "yes",
                label=form.one("label"),
                days=form.number("days"),
                actor=actor_of(link),
            )
        except (InvalidInputError, RuleError) as error:
            refusals = {"/days": "days", "/label": "label"}
            pointer = error.pointer if isinstance(error, InvalidInputError) else ""
            return self._shares(request, link, form, refusal=refusals.get(pointer, "too_many"))
        address = f"{self._node.parts.identity.base_url}/shared/{made.secret}"
        return self._shares(request, link, form, made=address, made_until=made.link.expires_at)

    def end_share(self, request: Request, link: LearnerLink, form: Form) -> Response:
        """End a share."""
        self._node.parts.links.end_share(link, form.one("prefix"), actor=actor_of(link))
        return _go("/mine/shares", language_of(request, form), "ended")

    def _shares(self, request: Request, link: LearnerLink, form: Form | None = None, **shown: Any) -> Response:  # noqa: ANN401  whatever the template shows
        held = self._holdings.of(link.learner)
        titles = {one.credential: one for one in held}
        links = self._node.parts.links
        now = self._node.ledger.now()
        listed = [
            (one, shared, [titles[award] for award in shared.awards if award in titles])
            for one in reversed(links.shares(link.learner))
            if one.is_open(now)
            for shared in [links.shared(one)]
        ]
        values = {"made": None, "made_until": None, "refusal": None, **shown}
        chosen = [] if form is None or values["made"] else form.all("award")
        status = 422 if values["refusal"] else 200
        return self.page(
            request, link, "mine_shares.html", "/mine/shares", form, status,
            held=held, listed=listed, lives=LIVES, chosen=chosen, **values,
        )  # fmt: skip

    # ── what is asked for ─────────────────────────────────────────────────────────────────────────────────

    def requests(self, request: Request, done: Done = "") -> Response:
        """Ask for a correction, appeal, see what was asked for."""
        link = self._sessions.find(request)
        return self.shown_out(request) if link is None else self._requests(request, link, done=done)

    def correct(self, request: Request, link: LearnerLink, form: Form) -> Response:
        """Enter a note to the institution."""
        award = form.one("award") or None
        if award is not None and award not in self._holdings.ids(link.learner):
            message = "there is no such award among yours"
            raise UnknownResourceError(message)
        try:
            self._node.parts.requests.enter(link, "correction", AskedFor(form.one("note"), award), actor=actor_of(link))
        except (InvalidInputError, RuleError) as error:
            refusal = "note" if isinstance(error, InvalidInputError) else "waiting"
            return self._requests(request, link, form, refusal=refusal)
        return _go("/mine/requests", language_of(request, form), "correction")

    def appeal(self, request: Request, link: LearnerLink, form: Form) -> Response:
        """Enter an appeal in an open review."""
        award = own(self._holdings.of(link.learner), form.one("award"))
        try:
            outcome = self._node.parts.reviewing.appeal(
                public_id=award.credential, statement=form.one("statement") or None, actor=actor_of(link)
            )
        except (InvalidInputError, RuleError) as error:
            refusal = "statement" if isinstance(error, InvalidInputError) else "appeal"
            return self._requests(request, link, form, refusal=refusal)
        self._node.wait_until_visible(outcome.position, CredentialStatus.NAME)
        return _go("/mine/requests", language_of(request, form), "appeal")

    def _requests(
        self,
        request: Request,
        link: LearnerLink,
        form: Form | None = None,
        *,
        refusal: str | None = None,
        done: str = "",
    ) -> Response:
        held = self._holdings.of(link.learner)
        typed = {name: "" if form is None else form.one(name) for name in ("note", "statement", "award")}
        return self.page(
            request, link, "mine_requests.html", "/mine/requests", form, 422 if refusal else 200,
            held=held, titles={one.credential: one for one in held}, asked=self._node.parts.requests.of(link.learner),
            refusal=refusal, typed=typed, done=done,
        )  # fmt: skip

    def erasure(self, request: Request) -> Response:
        """Say what an erasure takes and what it leaves, and ask whether that is wanted."""
        link = self._sessions.find(request)
        return self.shown_out(request) if link is None else self._erasure(request, link)

    def erase(self, request: Request, link: LearnerLink, form: Form) -> Response:
        """Erase, or hand the request to the institution, as the settings say; never without a yes."""
        if form.one("sure") != "yes":
            return self._erasure(request, link, form, refusal="sure")
        language = language_of(request, form)
        if not self._node.settings.learner_erases:
            try:
                self._node.parts.requests.enter(link, "erasure", AskedFor(form.one("note")), actor=actor_of(link))
            except (InvalidInputError, RuleError):
                return self._erasure(request, link, form, refusal="asked")
            return _go("/mine/requests", language, "erasure")
        try:
            self._node.parts.erasing.erase_known(
                learner=link.learner, institution=link.institution, actor=actor_of(link)
            )
        except ConflictError:
            if self._sessions.find(request) is not None:  # not erased: another write was faster, again and again
                raise
        page = self._renderer.render_own("mine_erased.html", language, None)
        response = HTMLResponse(page, headers=PAGE_HEADERS)
        self._sessions.end(response)
        return response

    def _erasure(
        self, request: Request, link: LearnerLink, form: Form | None = None, refusal: str | None = None
    ) -> Response:
        held = self._holdings.of(link.learner)
        status, at_once = 422 if refusal else 200, self._node.settings.learner_erases
        return self.page(
            request, link, "mine_erasure.html", "/mine/erasure", form, status,
            held=held, at_once=at_once, refusal=refusal,
        )  # fmt: skip

    # ── what all of them share ────────────────────────────────────────────────────────────────────────────

    def awards_of(self, link: LearnerLink) -> list[Holding]:
        """Every award of whoever holds *link*, newest first."""
        return self._holdings.of(link.learner)

    def holder(self, request: Request) -> LearnerLink | None:
        """The link of whoever asks; None: nobody who may see anything."""
        return self._sessions.find(request)

    def page(
        self,
        request: Request,
        link: LearnerLink,
        template: str,
        path: str,
        form: Form | None = None,
        status: int = 200,
        *,
        held: list[Holding],
        done: str = "",
        **shown: Any,  # noqa: ANN401  whatever the template shows
    ) -> Response:
        """A page of whoever holds *link*, in the language of the form or of the browser."""
        language = language_of(request, form)
        page = self._renderer.render_own(
            template,
            language,
            path,
            institution=self._node.views.record(link.institution).name,
            learner=learner_of(held),
            link=link,
            held=held,
            done=done if done in DONE else "",
            **shown,
        )
        return HTMLResponse(page, status, headers=PAGE_HEADERS)

    def shown_out(self, request: Request, form: Form | None = None) -> Response:
        """Send whoever has no session to the door."""
        return _go(ENTER, language_of(request, form))

    def _slug(self, link: LearnerLink) -> str:
        return self._node.views.record(link.institution).slug

    def _reference(self, link: LearnerLink, held: list[Holding]) -> str | None:
        """What the institution calls the learner; None when it never called them anything."""
        claims = [one.learner for one in held if one.learner is not None]
        names = [name for name in map(called, claims) if name is not None]
        known = self._node.parts.vault.find_learners(link.institution, names)
        return next((name for name in names if known.get(name) == link.learner), None)


def actor_of(link: LearnerLink) -> Actor:
    """Whoever holds a link acts for the institution that gave it, in the few ways that the page has."""
    return Actor(name=f"link {link.prefix}", role="issuer", institution=link.institution)


def language_of(request: Request, form: Form | None) -> Language:
    """The language that a form says it was in, else what the browser wants."""
    asked = "" if form is None else form.one("lang")
    return next((one for one in LANGUAGES if one == asked), None) or choose_language(request.scope)


def _go(path: str, language: Language, done: str = "") -> RedirectResponse:
    said = f"&done={done}" if done else ""
    return RedirectResponse(f"{path}?lang={language}{said}", 303, headers=PAGE_HEADERS)


def _years(held: list[Holding]) -> list[tuple[int, list[Holding]]]:
    """Awards by the year in which they begin, newest first."""
    years: dict[int, list[Holding]] = {}
    for one in held:
        years.setdefault(one.valid_from.year, []).append(one)
    return list(years.items())


def _drawn(stone: Stone) -> Cairn:
    return draw(stone.credits_centi, [one.credits_centi for one in stone.below])
