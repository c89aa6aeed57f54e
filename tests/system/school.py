"""One institution on one served ledger: what an issuer's system does over HTTP, and what a holder keeps."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

import httpx

from api.node import VISIBLE_SECONDS
from tests.system.serving import Serving, cairn

Json = dict[str, Any]

COVERED_SECONDS: Final = 60.0
SEEN_SECONDS: Final = VISIBLE_SECONDS * 0.9
"""What is written within so many seconds is seen when it is answered; what takes longer may be answered first."""
SLUG: Final = "riverside-university"
CODE: Final = "DATA-101"
TEMPLATE: Final[Json] = {
    "title": "Working with Data: First Steps",
    "language": "en",
    "description": "Reading, cleaning and showing data.",
    "credits_centi": 300,
    "workload_minutes": 4_680,
    "eqf_level": 5,
    "outcomes": [{"text": "Cleans a table of measurements and says what was changed and why."}],
    "assessment": "Practical assignment",
    "participation": "Blended",
    "quality_assurance": "Institutional quality assurance",
    "criteria": "At least 60 % of the points.",
}


def operator_key(serving: Serving) -> str:
    """Make an operator's bearer key with the command, on the machine itself."""
    granted = cairn(serving.home, "access", "grant", "--data", serving.data, settings=serving.settings)
    assert granted.returncode == 0, granted.stderr
    return granted.stdout.strip()


@dataclass(frozen=True)
class Caller:
    """Someone with a bearer key."""

    serving: Serving
    key: str

    def send(self, method: str, path: str, body: object = None, *, idempotency: str | None = None) -> httpx.Response:
        """Send one request; a write gets a fresh idempotency key unless one is given."""
        headers = {"Authorization": f"Bearer {self.key}"}
        if method != "GET":
            headers["Idempotency-Key"] = idempotency or uuid4().hex
        begun = time.monotonic()
        answered = self.serving.http.request(method, path, json=body, headers=headers)
        if answered.is_success and method != "GET" and time.monotonic() - begun > SEEN_SECONDS:
            while not self.serving.has_caught_up() and time.monotonic() < begun + COVERED_SECONDS:
                time.sleep(0.05)
        return answered

    def post(self, path: str, body: object, *, idempotency: str | None = None) -> httpx.Response:
        """Send one POST."""
        return self.send("POST", path, body, idempotency=idempotency)

    def get(self, path: str) -> httpx.Response:
        """Send one GET with the bearer key."""
        return self.send("GET", path)

    def issue(self, name: str = "Mari Maasikas", **members: object) -> Json:
        """Make one award and return the answer."""
        answered = self.post("/v1/credentials", claim(name, **members))
        assert answered.status_code == httpx.codes.CREATED, answered.text
        return loaded(answered)

    def bundle(self, public_id: str) -> bytes:
        """Fetch the holder's bundle as it is saved to a file."""
        answered = once_covered(lambda: self.get(f"/v1/credentials/{public_id}/bundle"))
        assert answered.status_code == httpx.codes.OK, answered.text
        return answered.content


def claim(name: str = "Mari Maasikas", **members: object) -> Json:
    """Return one award's claim."""
    return {"achievement": CODE, "learner": {"name": name}, "awarded_on": "2026-01-31", **members}


def found_institution(operator: Caller, slug: str = SLUG) -> Caller:
    """Register an institution and return the caller that holds its key. Nothing is published yet."""
    registered = operator.post(
        "/v1/institutions", {"slug": slug, "name": f"The {slug}", "country": "EE", "kind": "university"}
    )
    assert registered.status_code == httpx.codes.CREATED, registered.text
    granted = operator.post(f"/v1/institutions/{slug}/access-keys", {"label": "registry", "days": 30})
    assert granted.status_code == httpx.codes.CREATED, granted.text
    return Caller(operator.serving, loaded(granted)["key"])


def open_school(serving: Serving, slug: str = SLUG, *, operator: str | None = None) -> Caller:
    """Register an institution, make its key, publish its micro-credential; return who may issue."""
    issuer = found_institution(Caller(serving, operator or operator_key(serving)), slug)
    published = issuer.post("/v1/achievements", {"code": CODE, "template": TEMPLATE})
    assert published.status_code == httpx.codes.CREATED, published.text
    return issuer


def evidence(serving: Serving, public_id: str) -> bytes:
    """Fetch the award's evidence file."""
    answered = once_covered(lambda: serving.http.get(f"/v1/credentials/{public_id}/evidence"))
    assert answered.status_code == httpx.codes.OK, answered.text
    return answered.content


def once_covered(ask: Callable[[], httpx.Response]) -> httpx.Response:
    """Ask again, as the answer says, while no checkpoint covers the award yet, or no view shows it."""
    deadline = time.monotonic() + COVERED_SECONDS
    while (answered := ask()).status_code == httpx.codes.SERVICE_UNAVAILABLE and time.monotonic() < deadline:
        assert loaded(answered)["type"].endswith("/problems/not-ready"), answered.text
        time.sleep(float(answered.headers["retry-after"]))
    return answered


def status(serving: Serving, public_id: str, **query: str) -> Json:
    """Ask for the award's status."""
    answered = once_covered(lambda: serving.http.get(f"/v1/credentials/{public_id}/status", params=query))
    assert answered.status_code == httpx.codes.OK, answered.text
    return loaded(answered)


def verified(serving: Serving, content: bytes) -> Json:
    """Send a file to be verified and return the report."""
    answered = serving.http.post("/v1/verify", content=content, headers={"Content-Type": "application/json"})
    assert answered.status_code == httpx.codes.OK, answered.text
    return loaded(answered)


def loaded(answered: httpx.Response) -> Json:
    """Return the JSON object of an answer."""
    value: Json = json.loads(answered.content)
    return value
