"""Pages for people: the home page, the page of one award, what somebody sent, the reference.

They work without JavaScript.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse

from api.cpu_bound import CpuBound
from api.error import UnknownResourceError
from api.form_body import Form, read_form
from api.instant import parse_instant
from api.media_type import accepts_gzip
from api.page.asset import ASSETS, asset, offline_policy, packed
from api.page.language import LANGUAGES, Language, choose_language
from api.page.render import PageRenderer
from api.page.view import HomeView, Refusal, Sample, VerifyView
from api.qr_photo import is_photo, read_codes
from api.verification import Verification
from verifier.error import InputError, VerifierError
from verifier.report import Report

PUBLIC_ID = re.compile(r"[0-9a-v]{36}")
RECOGNITION = re.compile(r"/recognitions/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:$|[/?#\s])")
MAX_INSTANT_CHARS = 64
MAX_FORM_BYTES = 4_718_592
"""Largest form: an image of 4 MiB, or a few bundles, and what a browser writes around them."""
MAX_FILES = 8
"""Files of one form: a stack and what it was made of."""
MAX_LINK_CHARS = 2_000
NO_STORE = {"Cache-Control": "no-store"}
VERIFIER_HEADERS = {
    **NO_STORE,
    "Content-Disposition": 'attachment; filename="cairn-verifier.html"',
}
ASSET_CACHE = {"Cache-Control": "public, max-age=3600", "Vary": "Accept-Encoding"}
PACKED = {"Content-Encoding": "gzip"}
GZIP_LEVEL = 6


def make_router(
    renderer: PageRenderer,
    verification: Verification,
    samples: Callable[[], tuple[Sample, ...]],
    now: Callable[[], datetime],
    vkey: Callable[[], str],
    cpu: CpuBound,
) -> APIRouter:
    """Make the router of the pages.

    Args:
        renderer: Writes the pages.
        verification: Judges ids and what somebody sends.
        samples: Awards to try on the home page.
        now: Present instant.
        vkey: The log's verifier key.
        cpu: Where pictures that somebody sends are opened.
    """
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    def home(request: Request) -> Response:
        view = HomeView(samples=samples(), language=choose_language(request.scope))
        return HTMLResponse(renderer.render_home(view), headers=NO_STORE)

    @router.get("/verify")
    def find(request: Request, q: Annotated[str, Query(max_length=MAX_LINK_CHARS)] = "") -> Response:
        """Go to the page of whatever was pasted: the link or the id of an award, or the link of a recognition."""
        path = _pasted_path(q)
        if path is not None:
            return RedirectResponse(f"{path}{_kept_language(request)}", 303)
        language = choose_language(request.scope)
        view = HomeView(samples=samples(), refusal="not_found" if q else None, language=language)
        return HTMLResponse(renderer.render_home(view), headers=NO_STORE)

    @router.get("/verify/{id}")
    def verify(
        request: Request,
        public_id: Annotated[str, Path(alias="id")],
        at: Annotated[str | None, Query(max_length=MAX_INSTANT_CHARS)] = None,
    ) -> Response:
        report = verification.credential(public_id, parse_instant(at or None, "at"))
        view = VerifyView(
            report=report,
            credential=public_id,
            checked_at=now(),
            asked_at=at or None,
            language=choose_language(request.scope),
            vkey=vkey(),
        )
        return _sent(request, renderer.render_verify(view), NO_STORE)

    @router.get("/docs")
    def reference(request: Request) -> Response:
        openapi = request.app.openapi()
        return HTMLResponse(renderer.render_reference(openapi, choose_language(request.scope)))

    @router.get("/verifier.html")
    def verifier(request: Request) -> Response:
        """The verifier as one file, to be kept and opened from a disk."""
        page = renderer.render_verifier(vkey(), choose_language(request.scope))
        return _sent(request, page, {**VERIFIER_HEADERS, "Content-Security-Policy": offline_policy()})

    @router.get("/static/{name}")
    def static(request: Request, name: str) -> Response:
        if name not in ASSETS:
            raise UnknownResourceError("there is no such file")
        if accepts_gzip(request.scope):
            return Response(packed(name), headers=ASSET_CACHE | PACKED, media_type=ASSETS[name])
        return Response(asset(name), headers=ASSET_CACHE, media_type=ASSETS[name])

    form = SentForm(renderer, verification, samples, now, cpu)
    router.add_api_route("/verify", form.judge, methods=["POST"], response_model=None)
    return router


def _sent(request: Request, page: str, headers: dict[str, str]) -> Response:
    """A page that many load over slow lines, packed if the browser takes it so. It holds nobody's secret."""
    body, headers = page.encode(), headers | {"Vary": "Accept-Encoding"}
    if accepts_gzip(request.scope):
        return HTMLResponse(gzip.compress(body, GZIP_LEVEL, mtime=0), headers=headers | PACKED)
    return HTMLResponse(body, headers=headers)


class SentForm:
    """Answers the form of the home page: files or a text. Nothing of what it brings is kept.

    Args:
        renderer: Writes the pages.
        verification: Judges what was sent.
        samples: Awards to try on the home page.
        now: Present instant.
        cpu: Where pictures are opened.
    """

    def __init__(
        self,
        renderer: PageRenderer,
        verification: Verification,
        samples: Callable[[], tuple[Sample, ...]],
        now: Callable[[], datetime],
        cpu: CpuBound,
    ) -> None:
        self._renderer = renderer
        self._verification = verification
        self._samples = samples
        self._now = now
        self._cpu = cpu

    async def judge(self, request: Request) -> Response:
        """Judge what the form brings."""
        form = await read_form(request, MAX_FORM_BYTES)
        return await run_in_threadpool(self._answer, form, _form_language(form) or choose_language(request.scope))

    def _answer(self, form: Form, language: Language) -> Response:
        sent = [data for data in form.files("file", "text") if data.strip()][:MAX_FILES]
        if not sent:
            return self._refuse("empty", language)
        public_id = pasted_id(sent[0].decode("utf-8", "replace")) if len(sent[0]) <= MAX_LINK_CHARS else None
        if public_id is not None:
            return RedirectResponse(f"/verify/{public_id}?lang={language}", 303)
        try:
            report, others = _judge_all(self._verification, sent)
        except InputError as error:
            if len(sent) == 1 and is_photo(sent[0]):
                return self._follow_photo(sent[0], language)
            return self._refuse("unreadable", language, str(error))
        known = report.credential if report.credential and self._verification.knows(report.credential) else None
        view = VerifyView(report, known, self._now(), language=language, is_sent=True, others=others)
        return HTMLResponse(self._renderer.render_verify(view), headers=NO_STORE)

    def _follow_photo(self, data: bytes, language: Language) -> Response:
        """Go where a QR code in a picture leads, as the scanner does: to an award, on this site, and nowhere else."""
        try:
            codes = self._cpu.run(read_codes, data)
        except VerifierError as error:
            return self._refuse("no_code", language, str(error))
        public_id = next((found for code in codes if (found := pasted_id(code)) is not None), None)
        if public_id is None:
            return self._refuse("other_code" if codes else "no_code", language)
        return RedirectResponse(f"/verify/{public_id}?lang={language}", 303)

    def _refuse(self, refusal: Refusal, language: Language, detail: str = "") -> Response:
        view = HomeView(samples=self._samples(), refusal=refusal, detail=detail, language=language)
        return HTMLResponse(self._renderer.render_home(view), 422, headers=NO_STORE)


def _judge_all(verification: Verification, sent: list[bytes]) -> tuple[Report, dict[str, Report]]:
    """Judge each file; the first that no other was made into comes first, the rest by their ids.

    Raises:
        InputError: One of them is nothing that can be judged.
    """
    reports = [verification.verify(data, None) for data in sent]
    named = {award for report in reports for award in _components(report)}
    first = next((report for report in reports if report.credential not in named), reports[0])
    others = {one.credential: one for one in reports if one is not first and one.credential is not None}
    return first, others


def _components(report: Report) -> set[str]:
    """Public ids of what a report shows an award to be made of."""
    shown: Any = report.facts.get("components", [])
    return {component["award"] for component in shown}


def _form_language(form: Form) -> Language | None:
    return next((language for language in LANGUAGES if language.encode() == form.file("lang")), None)


def _kept_language(request: Request) -> str:
    """The query that keeps the language asked for; nothing when none was, or none that there is."""
    asked = request.query_params.get("lang")
    return f"?lang={asked}" if asked in LANGUAGES else ""


def _pasted_path(text: str) -> str | None:
    """The page of what was pasted; None for nothing that has one."""
    public_id, recognition = pasted_id(text), RECOGNITION.search(text)
    if public_id is not None:
        return f"/verify/{public_id}"
    return None if recognition is None else f"/recognitions/{recognition[1]}"


def pasted_id(text: str) -> str | None:
    """The id in a pasted link or id, or None: what stands between slashes, before any query or fragment."""
    path = re.split(r"[?#]", text.strip(), maxsplit=1)[0]
    found = [part for part in path.split("/") if PUBLIC_ID.fullmatch(part)]
    return found[-1] if found else None
