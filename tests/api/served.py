"""A whole ledger served inside this process: real parts, real background, no socket."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest
from starlette.types import ASGIApp

from api.access_log import make_log
from api.app import make_app
from api.ledger_node import system_clock
from api.node import Node, open_node
from api.runtime import Runtime
from api.setting import Settings
from ledger.access import Actor

BASE: Final = "http://ledger.test"
OPERATOR: Final = Actor(name="test", role="operator")
UNLIMITED: Final = {"rate_limit_per_minute": 0, "rate_limit_burst": 0}
CAUGHT_UP_SECONDS: Final = 60.0
SLUG: Final = "riverside-university"
CODE: Final = "DATA-101"
TEMPLATE: Final[dict[str, Any]] = {
    "title": "Working with Data: First Steps",
    "language": "en",
    "description": "Reading, cleaning and showing data.",
    "credits_centi": 250,
    "workload_minutes": 4_680,
    "eqf_level": 5,
    "outcomes": [
        {
            "text": "Cleans a table of measurements and says what was changed and why.",
            "skill_uri": "http://data.europa.eu/esco/skill/0b071b04-bf77-4b2c-b7e6-9ce5ffeb8e8a",
            "skill_name": "cleanse data",
        }
    ],
    "assessment": "Practical assignment",
    "participation": "Blended",
    "quality_assurance": "Institutional quality assurance",
    "criteria": "At least 60 % of the points.",
}


class Http:
    """A client of one application in this process. Redirects are not followed."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def request(self, method: str, path: str, **parts: Any) -> httpx.Response:  # noqa: ANN401  as httpx takes them
        """Send one request; an error that escapes the application is raised."""

        async def go() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(self._app), base_url=BASE) as session:
                return await session.request(method, path, **parts)

        return asyncio.run(go())

    def get(self, path: str, **parts: Any) -> httpx.Response:  # noqa: ANN401  as httpx takes them
        """Send one GET."""
        return self.request("GET", path, **parts)

    def post(self, path: str, **parts: Any) -> httpx.Response:  # noqa: ANN401  as httpx takes them
        """Send one POST."""
        return self.request("POST", path, **parts)


@dataclass(frozen=True)
class Served:
    """A served ledger and what it wrote to its log."""

    node: Node
    app: ASGIApp
    http: Http
    log: io.StringIO

    def key(self, slug: str | None = None) -> str:
        """Make a bearer key: of the institution with *slug*, or of an operator."""
        now = self.node.ledger.now()
        owner = None if slug is None else self.node.ledger.institution(slug).id
        return self.node.access.grant(
            role="operator" if slug is None else "issuer",
            institution=owner,
            label="test",
            expires_at=now + timedelta(days=1),
            actor=OPERATOR,
            at=now,
        )

    def write(self, method: str, path: str, body: object, key: str) -> httpx.Response:
        """Send one write under a fresh idempotency key."""
        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": uuid4().hex}
        return self.http.request(method, path, json=body, headers=headers)

    def verify(self, content: bytes, **query: str) -> httpx.Response:
        """Have a file verified."""
        headers = {"Content-Type": "application/json"}
        return self.http.post("/v1/verify", content=content, headers=headers, params=query)

    def issue(self, key: str, **members: object) -> dict[str, Any]:
        """Make one award."""
        body = {"achievement": CODE, "learner": {"name": "Mari Maasikas"}, "awarded_on": "2026-01-31", **members}
        answered = self.write("POST", "/v1/credentials", body, key)
        assert answered.status_code == httpx.codes.CREATED, answered.text
        issued: dict[str, Any] = answered.json()
        return issued

    def wait_until_published(self, public_id: str) -> None:
        """Wait until a checkpoint covers an award, however slow this machine is at the moment."""
        deadline = time.monotonic() + CAUGHT_UP_SECONDS
        while self.http.get(f"/v1/credentials/{public_id}/evidence").status_code != httpx.codes.OK:
            assert time.monotonic() < deadline, "the log does not publish"


@contextmanager
def serving(data: Path, **settings: Any) -> Iterator[Served]:  # noqa: ANN401  settings by their names
    """Serve the ledger in *data*, which is made when it is not there.

    What is due on stacks that lost a component is done when a test asks for it, and not now and then between two steps.
    """
    chosen = Settings(data_dir=data, **{"base_url": BASE, **UNLIMITED, **settings})
    node = open_node(chosen)
    stream = io.StringIO()
    log = make_log(stream, system_clock)
    with pytest.MonkeyPatch.context() as seldom:
        seldom.setattr("api.runtime.CASCADE_SECONDS", 3_600.0)
        runtime = Runtime(node, system_clock, log)
    app = make_app(node, runtime, system_clock, log)
    runtime.start()
    node.views.projector.wait_for(node.ledger.newest(), CAUGHT_UP_SECONDS)
    try:
        yield Served(node, app, Http(app), stream)
    finally:
        runtime.close()
        node.close()


def open_school(served: Served) -> str:
    """Register an institution that has published one micro-credential; return its bearer key."""
    registration = {"slug": SLUG, "name": "Riverside University", "country": "EE", "kind": "university"}
    assert served.write("POST", "/v1/institutions", registration, served.key()).status_code == httpx.codes.CREATED
    key = served.key(SLUG)
    published = served.write("POST", "/v1/achievements", {"code": CODE, "template": TEMPLATE}, key)
    assert published.status_code == httpx.codes.CREATED, published.text
    return key
