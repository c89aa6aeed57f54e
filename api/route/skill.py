"""Skills: for whoever looks for a micro-credential, and for whoever reads several. No account, nothing is kept."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from api import example
from api.conversion import convert
from api.json_body import read_json
from api.openapi import public_body_of
from api.route.verify import MAX_EVIDENCE_BODY_BYTES
from api.schema import SkillCoverage, SkillProfile
from api.skill import MAX_CREDENTIALS, MAX_SKILLS, Skills
from api.write import json_answer
from ledger.error import InvalidInputError

MAX_PAGE = 200
NOT_KEPT = {"Cache-Control": "no-store"}

After = Annotated[int, Query(ge=-1, le=1_000_000_000, description="Cursor: «next» of the page before.")]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]


def make_router(skills: Skills) -> APIRouter:
    """Make the router over what answers."""
    router = APIRouter(tags=["skills"])

    @router.get("/v1/skills")
    def page(after: After = -1, limit: Limit = 50) -> Response:
        """List the skills that micro-credentials certify, page by page."""
        return json_answer(skills.page(after, limit))

    @router.get("/v1/skills/{uri:path}")
    def skill(uri: str, after: After = -1, limit: Limit = 50) -> Response:
        """A skill by its percent-encoded URI, and the micro-credentials that certify it or did."""
        return json_answer(skills.skill(uri, after, limit))

    @router.post("/v1/skill-profiles", openapi_extra=public_body_of("SkillProfile", example.SKILL_PROFILE))
    async def profile(request: Request) -> Response:
        """What skills some credentials show: documents, tokens, bundles or ids of awards. Nothing is kept.

        A credential that is not valid counts for nothing; the answer says why.
        """
        value, _ = await read_json(request, MAX_EVIDENCE_BODY_BYTES)
        asked = convert(value, SkillProfile)
        _require_few(asked.credentials)
        return json_answer(await run_in_threadpool(skills.profile, asked.credentials), 200, NOT_KEPT)

    @router.post("/v1/skill-coverage", openapi_extra=public_body_of("SkillCoverage", example.SKILL_COVERAGE))
    async def coverage(request: Request) -> Response:
        """How far credentials cover a vacancy's skills, and the fewest micro-credentials that close the gap."""
        value, _ = await read_json(request, MAX_EVIDENCE_BODY_BYTES)
        asked = convert(value, SkillCoverage)
        _require_few(asked.credentials)
        if not 0 < len(asked.skills) <= MAX_SKILLS:
            message = f"a list has 1 to {MAX_SKILLS} skills"
            raise InvalidInputError(message, "/skills")
        answer = await run_in_threadpool(skills.coverage, asked.skills, asked.credentials)
        return json_answer(answer, 200, NOT_KEPT)

    return router


def _require_few(credentials: list[object]) -> None:
    if len(credentials) > MAX_CREDENTIALS:
        message = f"at most {MAX_CREDENTIALS} credentials at a time"
        raise InvalidInputError(message, "/credentials")
