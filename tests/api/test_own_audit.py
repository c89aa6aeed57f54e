"""A server that audits itself when somebody asks: one audit at a time, bounded, and the report kept with its time."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
import uvicorn
from fastapi import FastAPI

from anchoring.note import NoteSigner
from api.audit.finding import Finding
from api.audit.report import AuditReport, not_checked
from api.own_audit import REPORT, KeptReport, OwnAudits, Standing
from api.page.language import LANGUAGES, read_messages
from api.page.render import PageRenderer
from api.route import own_audit
from loadtests.port import free_port
from tests.api.served import Http, Served, open_school, serving
from tests.api.test_page import Page
from tests.verifier.small_log import private_key

NOON: Final = datetime(2026, 3, 2, 12, tzinfo=UTC)
PATIENCE_SECONDS: Final = 300.0
"""An audit gets what other work on the machine leaves of it."""
HOSTILE: Final = "</td><script>window.hit = 1</script>"
SAME_SITE: Final = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A ledger that its own audit can reach: over a socket."""
    port = free_port()
    directory = Path(tmp_path_factory.mktemp("own-audit"))
    with serving(directory / "data", base_url=f"http://127.0.0.1:{port}") as served:
        served.wait_until_published(served.issue(open_school(served))["id"])
        server = uvicorn.Server(uvicorn.Config(served.app, port=port, log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        wait_for(lambda: server.started)
        try:
            yield served
        finally:
            server.should_exit = True
            thread.join(PATIENCE_SECONDS)


def wait_for(come: Callable[[], bool]) -> None:
    """Wait until something has come about."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not come():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


def made(directory: Path, url: str = "http://127.0.0.1:9", **times: timedelta) -> OwnAudits:
    """Audits of a server that is not there, with a clock that stands still."""
    key = NoteSigner("ledger.test/log", private_key("log")).vkey
    given = {"longest": timedelta(seconds=PATIENCE_SECONDS), "pause": timedelta(minutes=10), **times}
    return OwnAudits(directory, url, lambda: key, lambda: NOON, **given)


def standing(audits: OwnAudits) -> Standing:
    """How things stand once nothing is under way."""
    wait_for(lambda: audits.standing().running is None)
    return audits.standing()


def report(**members: object) -> AuditReport:
    """A report as an audit makes it."""
    numbers = {name: 0 for name, kind in AuditReport.__annotations__.items() if kind in {"int", "float"}}
    plain: dict[str, object] = {
        "url": "http://ledger.test", "origin": "ledger.test/log", "root": "ab" * 32, "events": {},
        "previous_size": None, "anchored_size": None, "disclosed": None, "trust": "x", "findings": [], "notices": [],
        "not_checked": not_checked(disclosed=False),
    }  # fmt: skip
    return msgspec.convert({**numbers, **plain, **members}, AuditReport)


def keep(served: Served, kept: AuditReport) -> None:
    """Let a report be the newest."""
    file = served.node.settings.data_dir / "audits" / REPORT
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(msgspec.json.encode(KeptReport(NOON, NOON + timedelta(seconds=3), kept)))


def test_anybody_has_the_server_audit_itself_and_reads_the_report(school: Served) -> None:
    before = school.http.get("/explore/audit?lang=en").text
    assert read_messages("en")["audit"]["none"] in before
    assert "cairn audit http://127.0.0.1:" in before
    assert "proves nothing" in before
    asked = school.http.post("/explore/audit?lang=en", headers=SAME_SITE)
    assert (asked.status_code, asked.headers["location"]) == (303, "/explore/audit?lang=en")
    wait_for(lambda: "refresh" not in school.http.get("/explore/audit").headers)
    after = school.http.get("/explore/audit?lang=en").text
    assert read_messages("en")["audit"]["clean"] in after
    assert "<form" not in after  # the next one has to wait
    kept = school.http.get("/explore/audit/report.json").json()
    assert kept["began_at"] < kept["ended_at"]
    assert kept["report"]["differences"] == 0
    assert kept["report"]["credentials"] == kept["report"]["awards"] == 1
    assert kept["report"]["not_checked"] == not_checked(disclosed=False)  # the page has a sentence for each
    assert kept["report"]["root"] in after


def test_report_stays_when_the_server_starts_anew(tmp_path: Path) -> None:
    file = tmp_path / REPORT
    file.write_bytes(msgspec.json.encode(KeptReport(NOON, NOON, report(differences=2))))
    kept = made(tmp_path).standing().kept
    assert kept is not None
    assert kept.report.differences == 2
    file.write_bytes(file.read_bytes()[:-9])
    assert made(tmp_path).standing().kept is None


def test_only_one_audit_is_under_way_and_the_next_waits(tmp_path: Path) -> None:
    audits = made(tmp_path)
    began = [audits.ask() for _ in range(8)]
    assert began == [True, *[False] * 7]
    ended = standing(audits)
    assert ended.failure is not None
    assert "checkpoint could not be fetched" in ended.failure.error
    assert ended.next_at == NOON + timedelta(minutes=10)
    assert not audits.ask()
    patient = made(tmp_path, pause=timedelta(0))
    assert [patient.ask(), standing(patient).next_at, patient.ask()] == [True, None, True]
    standing(patient)


def test_audit_that_takes_too_long_is_ended_with_its_process(tmp_path: Path) -> None:
    """The server audited here accepts a connection and never says a word."""
    with silent_server() as url:
        audits = made(tmp_path, url, longest=timedelta(seconds=1.5))
        assert audits.ask()
        ended = standing(audits)
        assert ended.failure is not None
        assert "it goes on from there" in ended.failure.error
        assert children() == set()


def test_audit_that_is_ended_before_it_hears_its_order_is_said_to_be_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = subprocess.Popen

    def ended(*command: Any, **options: Any) -> subprocess.Popen[bytes]:  # noqa: ANN401  passed through as given
        process: subprocess.Popen[bytes] = begin(*command, **options)
        process.kill()
        process.wait()
        return process

    monkeypatch.setattr(subprocess, "Popen", ended)
    with silent_server() as url:
        audits = made(tmp_path, url, longest=timedelta(seconds=30))
        assert audits.ask()
        ended_at_once = standing(audits)
    assert ended_at_once.failure is not None
    assert "it was ended before it was through" in ended_at_once.failure.error


def test_audit_ends_with_the_server(tmp_path: Path) -> None:
    with silent_server() as url:
        audits = made(tmp_path, url)
        assert audits.ask()
        wait_for(lambda: bool(children()))
        audits.close()
        ended = standing(audits)
        assert ended.failure is not None
        assert ended.failure.error == "the server was stopped"
        assert children() == set()
        assert not audits.ask()


def test_server_that_offers_no_audits_says_so_and_makes_none(tmp_path: Path) -> None:
    with serving(tmp_path / "data", own_audit_seconds=0) as served:
        served.wait_until_published(served.issue(open_school(served))["id"])
        assert served.http.post("/explore/audit", headers=SAME_SITE).status_code == 303
        html = served.http.get("/explore/audit?lang=en").text
        assert read_messages("en")["audit"]["off"] in html
        assert "cairn audit http://ledger.test" in html
        assert served.http.get("/explore/audit/report.json").status_code == 404
        assert children() == set()


def test_page_of_another_site_cannot_begin_an_audit(school: Served) -> None:
    answered = school.http.post("/explore/audit", headers={"Sec-Fetch-Site": "cross-site"})
    assert answered.status_code == 403


@pytest.mark.parametrize("language", LANGUAGES)
def test_mirror_says_how_to_audit_and_makes_none(school: Served, language: str) -> None:
    renderer = PageRenderer("https://mirror.example.edu", demonstration=False, has_desk=False)
    app = FastAPI()
    app.include_router(own_audit.make_router(renderer, school.node.published, None, "https://mirror.example.edu"))
    html = Http(app).get("/explore/audit", params={"lang": language}).text
    said = read_messages("ru" if language == "ru" else "en")["audit"]
    assert said["off"] in html
    assert "cairn audit https://mirror.example.edu" in html
    assert "<form" not in html
    assert Http(app).post("/explore/audit", headers=SAME_SITE).status_code == 303
    assert children() == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_page_shows_differences_first_and_everything_as_text(school: Served, language: str) -> None:
    found = [Finding(code="award-differs", where="ab" * 16, what=HOSTILE, entry=7)] * 60
    objection = Finding(code="issuer-not-accredited", where="entry 3", what="x", entry=3, objection=True)
    keep(school, report(differences=60, objections=1, findings=[*found, objection], size=1, seconds=12.34))
    html = school.http.get("/explore/audit", params={"lang": language}).text
    said = read_messages("ru" if language == "ru" else "en")["audit"]
    assert said["differences"].format(count=60) in html
    assert said["clean"] not in html
    assert said["more"].format(count=10) in html
    assert ("12,3 с" if language == "ru" else "12.3 s") in html
    assert html.count("issuer-not-accredited") == 1
    page = Page(html)
    assert page.named("script") == [{"type": "module", "src": "/static/page.mjs"}]
    assert "window.hit" in html
    assert "/explore/entries/7?lang=" in html


@contextmanager
def silent_server() -> Iterator[str]:
    """A server that accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def children() -> set[int]:
    """Processes of ours that audit."""
    found = set()
    for place in Path("/proc").glob("[0-9]*"):
        try:
            command = (place / "cmdline").read_bytes()
            parent = int((place / "stat").read_text("utf-8").rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        if b"api.audit.child" in command and parent == os.getpid():
            found.add(int(place.name))
    return found
