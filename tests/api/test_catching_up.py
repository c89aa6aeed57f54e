"""A server whose views lack what is recorded answers nothing from them: an award that was revoked is never valid."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from projections.projector import Projector
from tests.api import served as served_module
from tests.api.served import CODE, SLUG, Served, open_school, serving
from tests.api.test_shortcut import ask, shortcut_of, wait_a_second

PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Restored:
    """A ledger without its views, in which one award is revoked and another is not; nothing projects yet."""

    served: Served
    key: str
    revoked: str
    active: str
    projector: Projector

    def status(self, public_id: str) -> httpx.Response:
        return self.served.http.get(f"/v1/credentials/{public_id}/status")


@contextmanager
def restored(data: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Restored]:
    with serving(data) as before:
        key = open_school(before)
        wait_a_second(before)  # on the very second at which something begins there is no quick answer
        revoked, active = (before.issue(key)["id"] for _ in range(2))
        done = before.write("POST", f"/v1/credentials/{revoked}/revocation", {"reason": "other"}, key)
        assert done.status_code == httpx.codes.OK, done.text
    shutil.rmtree(data / "views")
    held: list[Projector] = []
    monkeypatch.setattr(Projector, "start", lambda self: held.append(self))  # noqa: PLW0108  a method
    monkeypatch.setattr(served_module, "CAUGHT_UP_SECONDS", 0.0)
    with serving(data) as served:
        monkeypatch.undo()
        monkeypatch.setattr("api.node.WAIT_SECONDS", 0.1)
        yield Restored(served, key, revoked, active, held[0])


def test_award_is_not_spoken_of_before_all_that_was_recorded_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with restored(tmp_path / "data", monkeypatch) as ledger:
        asked = [ledger.status(ledger.revoked), ledger.served.http.get(f"/v1/institutions/{SLUG}")]
        asked.append(ledger.served.http.get("/v1/achievements"))
        for answered in asked:
            assert answered.status_code == httpx.codes.SERVICE_UNAVAILABLE, answered.text
            assert answered.json()["type"].endswith("/problems/not-ready")
            assert "bringing up to date" in answered.json()["detail"]
            assert answered.headers["Retry-After"] == "1"
        page = ledger.served.http.get(f"/verify/{ledger.revoked}", headers={"Accept": "text/html"})
        assert page.status_code == httpx.codes.SERVICE_UNAVAILABLE
        ready = ledger.served.http.get("/readyz")
        assert ready.status_code == httpx.codes.SERVICE_UNAVAILABLE
        failing = [check["name"] for check in ready.json()["checks"] if not check["ok"]]
        assert failing == ["views"]

        # Half of the way is not enough: the award is there, and what became of it is not.
        track = next(one for one in ledger.projector._tracks if one.view is ledger.served.node.views.status)
        events = ledger.projector._source.read(0, 1_000)
        issued = next(number for number, event in enumerate(events) if "revoked" in event.topic)
        track.view.apply(events[:issued], track.projection.apply, after=0)
        assert ledger.status(ledger.revoked).status_code == httpx.codes.SERVICE_UNAVAILABLE
        shortcut = shortcut_of(ledger.served)
        wait_a_second(ledger.served)
        assert ask(shortcut, ledger.revoked) is None

        ledger.projector.start()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (answered := ledger.status(ledger.revoked)).status_code != httpx.codes.OK:
            assert time.monotonic() < deadline, answered.text
        assert (answered.json()["state"], answered.json()["verdict"]) == ("revoked", "invalid")
        while (ready := ledger.served.http.get("/readyz")).status_code != httpx.codes.OK:
            assert time.monotonic() < deadline, ready.text
        assert ledger.status(ledger.active).json()["verdict"] == "valid"
        assert ask(shortcut, ledger.active) is not None


def test_writes_and_batches_say_that_they_are_to_be_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with restored(tmp_path / "data", monkeypatch) as ledger:
        body = json.dumps(ledger.active).encode() + b"\n"
        told = ledger.served.http.post(
            "/v1/verify/batch", content=body, headers={"Content-Type": "application/x-ndjson"}
        )
        line = json.loads(told.text.splitlines()[0])
        assert line["problem"]["type"].endswith("/problems/not-ready"), line
        ledger.projector.start()
        made = ledger.served.write(
            "POST",
            "/v1/credentials",
            {"achievement": CODE, "learner": {"name": "Anu"}, "awarded_on": "2026-01-31"},
            ledger.key,
        )
        assert made.status_code == httpx.codes.CREATED, made.text
