"""A ledger on a loopback port, with awards in the states that pages show; served inside this process."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import uvicorn

from loadtests.port import free_port
from tests.api.diploma import award as award_diploma
from tests.api.diploma import publish_programme, unpack
from tests.api.served import SLUG, TEMPLATE, Served, open_school, serving
from tests.api.test_recognition import PART, open_lake, recognise, shown

START_SECONDS: Final = 30.0
ORIGIN: Final = "mikrozertifikate.hochschulverbund.example/verzeichnis"
"""Longer than a narrow window is wide: every page has to break it."""
LEARNER: Final = {"name": "Mari Maasikas", "reference": "S-1"}
TITLES: Final = {
    "CERT-DATA": ("Certificate in Data Work", "en"),
    "MSC-DATA": ("Магистр наук о данных", "ru"),
}
HOSTILE: Final = "</h2><script>window.hit = 1</script><img src=x onerror='window.hit = 1'>{{7*7}}"


@dataclass(frozen=True)
class World:
    """A served ledger and public ids of awards on it.

    Attributes:
        url: Where it is served.
        served: The ledger itself, for what is done beside the browser.
        valid: An award to which nothing has happened.
        revoked: One that was revoked.
        ended: One that was good for a while, some years ago.
        stack: A Master's, stacked from a certificate, which was stacked from a module.
        parts: The certificate, then the module.
        part: A part of an unpacked diploma.
        recognition: A decision of another institution about an award, with a reason.
        hostile: One whose title would like to be markup.
    """

    url: str
    served: Served
    valid: str
    revoked: str
    ended: str
    stack: str
    parts: tuple[str, str]
    part: str
    recognition: str
    hostile: str

    def bundle(self, public_id: str) -> bytes:
        """The holder's bundle of an award."""
        return self.get(f"/v1/credentials/{public_id}/bundle", Authorization=f"Bearer {self.served.key(SLUG)}").content

    def evidence(self, public_id: str) -> bytes:
        """The evidence file of an award."""
        return self.get(f"/v1/credentials/{public_id}/evidence").content

    def get(self, path: str, **headers: str) -> httpx.Response:
        """Ask over the socket, as the browser does: playwright keeps the loop of this thread for itself."""
        answered = httpx.get(self.url + path, headers=headers, timeout=60)
        assert answered.status_code == 200, answered.text
        return answered


@contextmanager
def open_world(directory: Path, port: int = 0, **settings: Any) -> Iterator[World]:  # noqa: ANN401  settings by names
    """Serve a filled ledger until the block ends."""
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    with serving(directory / "data", **{"base_url": url, "origin": ORIGIN, **settings}) as served:
        server = uvicorn.Server(uvicorn.Config(served.app, port=port, log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        deadline = time.monotonic() + START_SECONDS
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.02)
        assert server.started
        try:
            yield fill(served, url)
        finally:
            server.should_exit = True
            thread.join(START_SECONDS)


def fill(served: Served, url: str) -> World:
    """Make the awards."""
    key = open_school(served)
    publish_programme(served, key, SLUG, modules=2)
    for code, (title, language) in TITLES.items():
        template = {**TEMPLATE, "title": title, "language": language, "credits_centi": 600}
        _made(served.write("POST", "/v1/achievements", {"code": code, "template": template}, key))
    for code in TITLES:
        rules = {
            "format": "cairn/pathway/v1",
            "unit": {"kind": "ects"},
            "rule": {"rule": "minimum", "id": "total", "credits": 600},
            "cascade": {"on_loss": "review", "deadline_days": 30, "appeal_days": 14},
        }
        body = {"code": f"P-{code}", "achievement": code, "rules": rules}
        _made(served.write("POST", f"/v1/institutions/{SLUG}/pathways", body, key))
    module = served.issue(key, achievement="MOD-1", learner=LEARNER)["id"]
    certificate = _stacked(served, key, "CERT-DATA", module)
    template = {**TEMPLATE, "title": HOSTILE}
    _made(served.write("POST", "/v1/achievements", {"code": "HOSTILE", "template": template}, key))
    revoked = served.issue(key)["id"]
    change = {"reason": "academic_misconduct"}
    _made(served.write("POST", f"/v1/credentials/{revoked}/revocation", change, key))
    diploma = award_diploma(served, key, learner={"name": "Mari Maasikas", "reference": "S-2"})
    made = World(
        url=url,
        served=served,
        valid=served.issue(key)["id"],
        revoked=revoked,
        ended=served.issue(key, awarded_on="2024-01-31", valid_until="2025-01-31T00:00:00Z")["id"],
        stack=_stacked(served, key, "MSC-DATA", certificate),
        parts=(certificate, module),
        part=_made(unpack(served, key, diploma, 1, 2))["parts"][0]["id"],
        recognition=_recognised(served, key),
        hostile=served.issue(key, achievement="HOSTILE")["id"],
    )
    served.wait_until_published(made.hostile)
    return made


def _recognised(served: Served, key: str) -> str:
    lake_key = open_lake(served)
    issued = served.issue(key, learner=LEARNER)
    served.wait_until_published(issued["id"])
    identity: str = recognise(served, lake_key, shown(issued), decision=PART)["recognition"]
    return identity


def _stacked(served: Served, key: str, code: str, award: str) -> str:
    body = {"pathway": f"P-{code}", "learner": LEARNER, "awards": [{"award": award}]}
    identity: str = _made(served.write("POST", "/v1/stackings", body, key))["id"]
    return identity


def _made(answered: Any) -> dict[str, Any]:  # noqa: ANN401  an answer of httpx
    assert answered.status_code in {200, 201}, answered.text
    made: dict[str, Any] = answered.json()
    return made
