"""The desk: who of a team holds what, and what is missing for a role, on shares that the learners gave.

Nothing of it is kept but in the session, and in a sealed file that the officer may take away. Every page looks at the
shares anew. What is entered is sent by forms and never stands in an address.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from api.desk.cohort import By, CohortReading, Standing, Table, tabulate
from api.desk.download import table
from api.desk.gate import HEADERS, MAX_FORM_BYTES, Gate, Visit, go
from api.desk.roster import (
    HELD,
    MAX_FILE_BYTES,
    MAX_LINKS,
    SECRET_NAME,
    Cohort,
    CohortFiles,
    PathwayRole,
    SkillRole,
    add_lines,
)
from api.page.language import LANGUAGES, Messages, read_messages
from api.skill import MAX_SKILLS, Skills
from ledger.claim import MAX_URI_CHARS
from ledger.error import InvalidInputError
from ledger.learner_link import LearnerLink

PATH: Final = "/desk/cohort"
MAX_LINKS_FORM_BYTES: Final = 131_072
"""200 lines of a name and an address take 60,000 bytes."""
MAX_FILE_FORM_BYTES: Final = MAX_FILE_BYTES + 16_384

ByName = Annotated[str, Query(alias="by", max_length=16)]


def make_router(gate: Gate, skills: Skills) -> APIRouter:
    """Make the router of the pages on cohorts."""
    pages = CohortPages(gate, skills)
    router = APIRouter(prefix=PATH, include_in_schema=False)

    @router.get("")
    def cohort(request: Request, by: ByName = "") -> Response:
        return pages.show(gate.enter(request), by)

    @router.get("/file")
    def file(request: Request) -> Response:
        return pages.file(gate.enter(request))

    @router.get("/table.csv")
    def csv(request: Request, by: ByName = "") -> Response:
        return pages.csv(gate.enter(request), by)

    for path, take, most in (
        ("/links", pages.add, MAX_LINKS_FORM_BYTES),
        ("/opened", pages.open, MAX_FILE_FORM_BYTES),
        ("/role", pages.choose_role, MAX_LINKS_FORM_BYTES),
        ("/leave-out", pages.leave_out, MAX_FORM_BYTES),
        ("/close", pages.close, MAX_FORM_BYTES),
    ):
        router.add_api_route(path, _received(gate, take, most), methods=["POST"], response_model=None)
    return router


def _received(
    gate: Gate, take: Callable[[Visit], Response], max_bytes: int
) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    """Read a form on the event loop, and answer it on a thread."""

    async def answer(request: Request) -> Response:
        visit = await gate.receive(request, max_bytes)
        return await run_in_threadpool(take, visit)

    return answer


class CohortPages:
    """The pages.

    Args:
        gate: Lets in who has signed in.
        skills: Answers about skills.
    """

    def __init__(self, gate: Gate, skills: Skills) -> None:
        self._gate = gate
        self._node = gate.node
        self._reading = CohortReading(gate.node, skills)
        self._files = CohortFiles(gate.node.parts.vault.secret(SECRET_NAME))
        self._base_url = gate.node.parts.identity.base_url
        self._said: Final = {language: read_messages(language) for language in LANGUAGES}

    def show(self, visit: Visit, by: str = "", refusal: str = "", typed: str = "") -> Response:
        """The cohort, or where one is begun."""
        cohort = _held(visit)
        shown: By = "skills" if by == "skills" else "awards"
        people = self._reading.look(cohort)
        table = tabulate(people, shown)
        standings = self._reading.standings(cohort, people, visit.actor, visit.institution.slug)
        notes, gone = cohort.notes, cohort.gone
        cohort.notes = cohort.gone = ()  # they are said once
        return self._gate.page(
            "cohort", visit, path=None if refusal else PATH, status=422 if refusal else 200,
            cohort=cohort, people=people, table=table, by=shown, standings=standings, notes=notes, gone=gone,
            pathways=self._reading.progress.choices(visit.institution.id), most=MAX_LINKS, refusal=refusal, typed=typed,
            wanted="\n".join(cohort.role.skills) if isinstance(cohort.role, SkillRole) else "",
            chosen=cohort.role.pathway if isinstance(cohort.role, PathwayRole) else "",
        )  # fmt: skip

    def add(self, visit: Visit) -> Response:
        """Take pasted links; the text is not kept, and what was wrong with it is told by the line."""
        cohort = _held(visit)
        text = visit.text("links")
        if not text:
            return self.show(visit, refusal="links_none")
        add_lines(cohort, text, self._base_url, self._open)
        self._hold(visit, cohort)
        return go(PATH, visit.language)

    def open(self, visit: Visit) -> Response:
        """Go on with a cohort that was taken away as a file."""
        try:
            opened = self._files.open(visit.file("file"), visit.institution.id, self._node.ledger.now())
        except InvalidInputError:
            return self.show(visit, refusal="file_wrong")
        self._hold(visit, opened)
        return go(PATH, visit.language)

    def choose_role(self, visit: Visit) -> Response:
        """Hold the cohort against a list of skills, or a pathway; neither takes the role away."""
        cohort = _held(visit)
        pathway = visit.text("pathway")
        skills = list(dict.fromkeys(visit.text("skills").split()))
        if pathway and skills:
            return self.show(visit, refusal="role_two", typed=visit.text("skills"))
        if len(skills) > MAX_SKILLS or any(not _is_uri(one) for one in skills):
            return self.show(visit, refusal="role_wrong", typed=visit.text("skills"))
        known = {code for code, _ in self._reading.progress.choices(visit.institution.id)}
        if pathway and pathway not in known:
            return self.show(visit, refusal="role_gone")
        cohort.role = PathwayRole(pathway) if pathway else SkillRole(tuple(skills)) if skills else None
        self._hold(visit, cohort)
        return go(PATH, visit.language)

    def leave_out(self, visit: Visit) -> Response:
        """Take somebody out of the cohort."""
        cohort = _held(visit)
        wanted = visit.text("person")
        cohort.entries = {prefix: name for prefix, name in cohort.entries.items() if name != wanted}
        self._hold(visit, cohort)
        return go(PATH, visit.language)

    def close(self, visit: Visit) -> Response:
        """Forget the cohort."""
        visit.session.held.pop(HELD, None)
        return go(PATH, visit.language)

    def file(self, visit: Visit) -> Response:
        """The cohort as a sealed file; shares that have ended are not in it."""
        cohort = _held(visit)
        self._reading.look(cohort)
        sealed = self._files.seal(cohort, visit.institution.id, self._node.ledger.now())
        headers = {**HEADERS, "Content-Disposition": 'attachment; filename="team.cohort"'}
        return Response(sealed, headers=headers, media_type="application/octet-stream")

    def csv(self, visit: Visit, by: str) -> Response:
        """Who has what, and what each lacks, as a table to take away."""
        cohort = _held(visit)
        people = self._reading.look(cohort)
        whole = tabulate(people, "skills" if by == "skills" else "awards", None)
        standings = self._reading.standings(cohort, people, visit.actor, visit.institution.slug)
        return table(_lines(whole, standings, self._said[visit.language]), "cohort", visit.language)

    def _open(self, secret: str) -> LearnerLink:
        return self._node.parts.links.open(secret, "share", self._node.ledger.now())

    def _hold(self, visit: Visit, cohort: Cohort) -> None:
        self._gate.sessions.hold(visit.session, HELD, cohort)


def _held(visit: Visit) -> Cohort:
    found = visit.session.held.get(HELD)
    return found if isinstance(found, Cohort) else Cohort()


def _is_uri(text: str) -> bool:
    return text.isprintable() and len(text) <= MAX_URI_CHARS and text.startswith(("http://", "https://", "urn:"))


def _lines(whole: Table, standings: list[Standing], say: Messages) -> list[list[object]]:
    """The table as lines; the header first."""
    lacks = {one.person.name: _lacks(one) for one in standings}
    words = say["desk_cohort"]
    heads = [f"{one.title} ({one.about})" for one in whole.columns]
    lines: list[list[object]] = [[words["person"], *heads, *([words["lacks"]] if standings else [])]]
    for person, cells in whole.rows:
        told = [say["verdict"][cell] if cell else "" for cell in cells]
        lines.append([person.name, *told, *([lacks[person.name]] if standings else [])])
    return lines


def _lacks(standing: Standing) -> str:
    if standing.skills is not None:
        return "; ".join(label for label, _ in standing.skills.missing)
    if standing.pathway is None:
        return ""
    named = [one.title for row in standing.pathway.rows if row.state == "unmet" for one in row.missing]
    return "; ".join(dict.fromkeys(named))
