"""Pages about the log, for auditors and everybody else: its growth, who vouches for it, each entry with its proof.

The files of the log itself are below /log, byte for byte as other tools expect them; nothing here stands in their way.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from api.error import UnknownResourceError
from api.lookup import Lookup
from api.page.language import choose_language
from api.page.log_view import InstitutionsShown, entries_view, entry_view, explore_view, sample_growth
from api.page.render import PageRenderer
from api.published_log import LogSnapshot

MAX_INSTITUTIONS = 50
"""Institutions on one page."""
MAX_INDEX_CHARS = 20
MAX_NUMBER = 2**31
REMEMBERED = timedelta(minutes=1)
SHORT_CACHE = {"Cache-Control": "no-store"}


class Growth:
    """Remembers for a minute when the log had how many entries, since finding out reads entries all over it.

    Args:
        now: Present instant.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._known: tuple[datetime, list[tuple[datetime, int]]] | None = None

    def of(self, snapshot: LogSnapshot) -> list[tuple[datetime, int]]:
        """Points of the growth of a log, oldest first."""
        with self._lock:
            now = self._now()
            if self._known is None or now - self._known[0] > REMEMBERED:
                self._known = (now, sample_growth(snapshot.reader))
            return self._known[1]


def make_router(renderer: PageRenderer, lookup: Lookup, vkey: Callable[[], str]) -> APIRouter:
    """Make the router of the pages about the log.

    Args:
        renderer: Writes the pages.
        lookup: What is public.
        vkey: The log's verifier key.
    """
    router = APIRouter(prefix="/explore", include_in_schema=False)
    growth = Growth(lookup.now)

    @router.get("")
    def explore(request: Request, institutions: Annotated[int, Query(ge=0, le=MAX_NUMBER)] = 0) -> Response:
        """The log as a whole; *institutions* is the number of the first one that is shown."""
        snapshot = lookup.published.snapshot()
        found = lookup.views.directory.page(after=institutions - 1, limit=MAX_INSTITUTIONS + 1)
        shown = InstitutionsShown(found[:MAX_INSTITUTIONS], institutions, len(found) > MAX_INSTITUTIONS)
        view = explore_view(
            snapshot,
            lookup.published.anchors(),
            shown,
            growth.of(snapshot),
            vkey(),
            lookup.now(),
        )
        return HTMLResponse(renderer.render_explore(view, choose_language(request.scope)), headers=SHORT_CACHE)

    @router.get("/entries")
    def entries(
        request: Request, start: Annotated[str, Query(alias="from", max_length=MAX_INDEX_CHARS)] = ""
    ) -> Response:
        reader = lookup.published.snapshot().reader
        is_index = start.isascii() and start.isdigit() and int(start) < reader.checkpoint.size
        first = int(start) if is_index else 0
        view = entries_view(reader, first, is_refused=bool(start) and not is_index)
        return HTMLResponse(renderer.render_entries(view, choose_language(request.scope)), headers=SHORT_CACHE)

    @router.get("/entry")
    def find(request: Request, index: Annotated[str, Query(max_length=MAX_INDEX_CHARS)] = "") -> Response:
        """Go to the page of whatever index was typed; to the list when it is none."""
        language = choose_language(request.scope)
        size = lookup.published.snapshot().checkpoint.size
        is_index = index.isascii() and index.isdigit() and int(index) < size
        target = (
            f"/explore/entries/{int(index)}?lang={language}" if is_index else f"/explore/entries?lang={language}&from=x"
        )
        return RedirectResponse(target, 303)

    @router.get("/entries/{index}")
    def entry(request: Request, index: Annotated[int, Path(ge=0)]) -> Response:
        reader = lookup.published.snapshot().reader
        if index >= reader.checkpoint.size:
            raise UnknownResourceError("the log has no such entry yet")
        view = entry_view(reader, index)
        return HTMLResponse(renderer.render_entry(view, choose_language(request.scope)), headers=SHORT_CACHE)

    log = APIRouter(include_in_schema=False)

    @log.get("/log")
    @log.get("/log/")
    def go(request: Request) -> Response:
        """The page about the log, for who types the address of its files; nothing of theirs is in the way."""
        return RedirectResponse(f"/explore?lang={choose_language(request.scope)}", 303)

    log.include_router(router)
    return log
