"""A server whose views lack what is recorded answers nothing from them: an award that was revoked is never valid."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from projections.credential_status import CredentialStatus
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


def remove_views(data: Path) -> None:
    """As a restore does, which brings none."""
    shutil.rmtree(data / "views")


def name_another_version(data: Path) -> None:
    """As after an update, by which a view has to be made anew."""
    (data / "views" / CredentialStatus.NAME / "CURRENT").write_text("v1-000001\n", "ascii")


@contextmanager
def restored(
    data: Path, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Path], None] = remove_views
) -> Iterator[Restored]:
    with serving(data) as before:
        key = open_school(before)
        wait_a_second(before)  # on the very second at which something begins there is no quick answer
        revoked, active = (before.issue(key)["id"] for _ in range(2))
        done = before.write("POST", f"/v1/credentials/{revoked}/revocation", {"reason": "other"}, key)
        assert done.status_code == httpx.codes.OK, done.text
    spoil(data)
    with unprojected(data, monkeypatch) as (served, projector):
        yield Restored(served, key, revoked, active, projector)


@contextmanager
def unprojected(data: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Served, Projector]]:
    """Serve, with a projector that is still to be started."""
    held: list[Projector] = []
    monkeypatch.setattr(Projector, "start", lambda self: held.append(self))  # noqa: PLW0108  a method
    monkeypatch.setattr(served_module, "CAUGHT_UP_SECONDS", 0.0)
    with serving(data) as served:
        monkeypatch.undo()
        monkeypatch.setattr("api.node.VISIBLE_SECONDS", 0.1)
        yield served, held[0]


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
        wait_for_answer(ledger, ledger.revoked)
        answered = ledger.status(ledger.revoked)
        assert (answered.json()["state"], answered.json()["verdict"]) == ("revoked", "invalid")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (ready := ledger.served.http.get("/readyz")).status_code != httpx.codes.OK:
            assert time.monotonic() < deadline, ready.text
        assert ledger.status(ledger.active).json()["verdict"] == "valid"
        assert ask(shortcut, ledger.active) is not None


def test_award_is_not_spoken_of_while_its_view_is_made_anew_for_another_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with restored(tmp_path / "data", monkeypatch, name_another_version) as ledger:
        answered = ledger.status(ledger.revoked)
        assert (answered.status_code, answered.headers["Retry-After"]) == (503, "1"), answered.text
        assert answered.json()["type"].endswith("/problems/not-ready")
        ledger.projector.start()
        wait_for_answer(ledger, ledger.revoked)
        assert ledger.status(ledger.revoked).json()["state"] == "revoked"


def test_award_is_not_spoken_of_from_what_a_lost_history_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The views saw events that the database lost: they are further than it is, and lack what it has recorded since."""
    data, views = tmp_path / "data", tmp_path / "views"
    kept: list[str] = []

    def lose(data: Path) -> None:
        # One history issues on; the other, from the same beginning, revokes.
        shutil.copytree(data, tmp_path / "beginning")
        with serving(data) as lost:
            key = lost.key(SLUG)
            for _ in range(5):
                lost.issue(key)
        shutil.copytree(data / "views", views)
        shutil.rmtree(data)
        shutil.copytree(tmp_path / "beginning", data)
        with serving(data) as other:
            key = other.key(SLUG)
            done = other.write("POST", f"/v1/credentials/{kept[0]}/revocation", {"reason": "other"}, key)
            assert done.status_code == httpx.codes.OK, done.text
        shutil.rmtree(data / "views")
        shutil.copytree(views, data / "views")

    with serving(data) as before:
        key = open_school(before)
        kept.append(before.issue(key)["id"])
    lose(data)
    with unprojected(data, monkeypatch) as (served, projector):
        ledger = Restored(served, served.key(SLUG), kept[0], kept[0], projector)
        assert ledger.status(kept[0]).status_code == httpx.codes.SERVICE_UNAVAILABLE
        projector.start()
        wait_for_answer(ledger, kept[0])
        assert ledger.status(kept[0]).json()["state"] == "revoked"


def wait_for_answer(ledger: Restored, public_id: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (answered := ledger.status(public_id)).status_code != httpx.codes.OK:
        assert time.monotonic() < deadline, answered.text


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
        path, headers = f"/v1/credentials/{ledger.active}/revocation", {"Authorization": f"Bearer {ledger.key}"}
        headers["Idempotency-Key"] = "while-views-are-missing"
        done = ledger.served.http.post(path, json={"reason": "other"}, headers=headers)
        assert (done.status_code, done.headers["Retry-After"]) == (503, "1"), done.text
        assert "it is recorded" in done.json()["detail"]
        ledger.projector.start()
        made = ledger.served.write(
            "POST",
            "/v1/credentials",
            {"achievement": CODE, "learner": {"name": "Anu"}, "awarded_on": "2026-01-31"},
            ledger.key,
        )
        assert made.status_code == httpx.codes.CREATED, made.text
        wait_for_answer(ledger, ledger.active)
        again = ledger.served.http.post(path, json={"reason": "other"}, headers=headers)
        assert (again.status_code, again.json()["state"]) == (200, "revoked"), again.text
        assert len(again.json()["events"]) == 2
