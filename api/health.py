"""Whether a process lives, and whether it can serve.

`/livez` answers as long as the process does: when it fails, restart. `/readyz` runs every check:
when it fails, send requests elsewhere. Checks are callables that the composition root supplies.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from api.error import NotReadyError

NO_STORE: Final = {"Cache-Control": "no-store"}
# How far the clock may be behind the newest recorded instant before it is said to be wrong.
CLOCK_TOLERANCE: Final = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Health:
    """What a check found.

    Args:
        ok: Whether the part can serve.
        detail: A plain sentence with the number that was compared; public, so nothing personal.
    """

    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class ReadyCheck:
    """A named look at one part.

    Args:
        name: Stable name, such as `disk`.
        look: Returns the finding; an exception counts as failed. Runs in a thread of its own kind
            and should answer within a second.
    """

    name: str
    look: Callable[[], Health]

    def result(self) -> dict[str, object]:
        """Run the check and return it as JSON members."""
        try:
            found = self.look()
        except Exception as error:  # noqa: BLE001 - whatever breaks, this part cannot serve
            found = Health(ok=False, detail=f"The check itself failed: {type(error).__name__}.")
        return {"name": self.name, "ok": found.ok, "detail": found.detail}


def database_check(ask: Callable[[], object]) -> ReadyCheck:
    """Check that the database answers a query; *ask* raises when it does not."""

    def look() -> Health:
        ask()
        return Health(ok=True, detail="The database answers.")

    return ReadyCheck("database", look)


def disk_check(directory: Path, floor_bytes: int) -> ReadyCheck:
    """Check that the file system of *directory* has at least *floor_bytes* free."""

    def look() -> Health:
        free = shutil.disk_usage(directory).free
        return Health(ok=free >= floor_bytes, detail=f"{free} bytes free, at least {floor_bytes}.")

    return ReadyCheck("disk", look)


def limit_check(name: str, read: Callable[[], float], limit: float, unit: str) -> ReadyCheck:
    """Check that a number is not above its limit: projection lag, age of unpublished events."""

    def look() -> Health:
        found = read()
        return Health(ok=found <= limit, detail=f"{found:g} {unit}, at most {limit:g}.")

    return ReadyCheck(name, look)


def clock_check(now: Callable[[], datetime], newest_recorded: Callable[[], datetime | None]) -> ReadyCheck:
    """Check that the clock is not behind what the ledger recorded last."""

    def look() -> Health:
        newest = newest_recorded()
        behind = timedelta(0) if newest is None else max(newest - now(), timedelta(0))
        detail = f"{behind.total_seconds():g} seconds behind the newest record."
        return Health(ok=behind <= CLOCK_TOLERANCE, detail=detail)

    return ReadyCheck("clock", look)


class StandbyStanding(Protocol):
    """How the database stands with its standby; :class:`ledger.postgres_standby.StandbyWatch` is one."""

    @property
    def is_stopping(self) -> bool:
        """Whether writes are refused."""

    def words(self) -> str:
        """How it stands, as a sentence."""


def standby_check(standby: StandbyStanding) -> ReadyCheck:
    """Say how the database stands with its synchronous standby; it fails while writes are refused for want of one."""

    def look() -> Health:
        return Health(ok=not standby.is_stopping, detail=standby.words())

    return ReadyCheck("standby", look)


def health_router(checks: Sequence[ReadyCheck]) -> APIRouter:
    """Return the two probes."""
    router = APIRouter(tags=["operation"])

    @router.get("/livez", summary="Does the process live?", response_model=None)
    async def live() -> Response:
        return JSONResponse({"status": "live"}, headers=NO_STORE)

    @router.get("/readyz", summary="Can the process serve?", response_model=None)
    def ready() -> Response:
        results = [check.result() for check in checks]
        failed = [str(result["name"]) for result in results if not result["ok"]]
        if failed:
            detail = f"Not ready: {', '.join(failed)}."
            raise NotReadyError(detail, headers=NO_STORE, extensions={"checks": results})
        return JSONResponse({"status": "ready", "checks": results}, headers=NO_STORE)

    return router
