"""A server that changes under the auditor: it publishes on and on, forks between two questions, or packs a bomb."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from api.audit.auditor import MAX_ROUNDS, Auditor
from api.audit.report import AuditReport
from api.audit.source import MAX_BODY_BYTES, LogPlace, SourceError
from tests.audit.made_log import LogMaker, order, sample_events

Answer = Callable[[str], "tuple[bytes | None, str]"]
FIRST = 300


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    """Serve ``/log/PATH`` as *answer* says: a body or None, and its coding."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body, coding = answer(self.path.removeprefix("/log/"))
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"")))
            self.send_header("Content-Encoding", coding)
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the library's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Moving:
    """Serves one directory after the other: the next one with every question for the checkpoint."""

    def __init__(self, *states: Path) -> None:
        self.states = states
        self.asked = 0

    def __call__(self, path: str) -> tuple[bytes | None, str]:
        self.asked += path == "checkpoint"
        file = self.states[min(max(self.asked, 1), len(self.states)) - 1] / path
        return (file.read_bytes() if file.is_file() else None), "identity"


def audited(answer: Answer, state: Path, answers: Callable[[str], bytes | None] | None = None) -> AuditReport:
    with serving(answer) as url:
        made = replace(order(state, state / "kept"), place=LogPlace(url), answers=answers)
        return Auditor(made, lambda *_: None).run()


def grown(directory: Path, sizes: list[int], seed: int = 7) -> list[Path]:
    """Directories of one log at several sizes."""
    events, maker, made, done = sample_events(max(sizes), seed), LogMaker(), list[Path](), 0
    for size in sizes:
        maker.events(events[done:size])
        maker.commit()
        done = size
        made.append(maker.write(directory / f"{seed}-{size}"))
    return made


def test_audit_counts_what_differs_when_the_server_publishes_during_every_comparison(tmp_path: Path) -> None:
    states = grown(tmp_path, [FIRST + number for number in range(MAX_ROUNDS + 3)])
    report = audited(Moving(*states), tmp_path, lambda _: None)
    codes = {one.code for one in report.findings}
    assert codes >= {"institution-differs", "status-list-unreadable", "award-missing", "statuses-unreadable"}
    assert [one.code for one in report.notices if one.code == "published-meanwhile"] == ["published-meanwhile"]
    assert report.differences


def test_audit_waits_for_the_log_when_a_server_answers_what_it_has_not_published_yet(tmp_path: Path) -> None:
    states = grown(tmp_path, [FIRST, FIRST + 50])
    late = Moving(*[states[0]] * 5, states[1])
    with serving(late) as url:
        made = order(tmp_path, tmp_path / "kept")
        made = replace(made, place=LogPlace(url), answers=lambda _: None, patience_seconds=60.0)
        report = Auditor(made, lambda *_: None).run()
    assert report.size > FIRST + 50  # commitments included: it went on to what was published meanwhile
    assert "published-meanwhile" not in [one.code for one in report.notices]  # and that stayed as it was


def test_audit_finds_nothing_when_the_log_only_grew_while_it_was_read(tmp_path: Path) -> None:
    report = audited(Moving(*grown(tmp_path, [FIRST, FIRST + 50])), tmp_path)
    assert (report.differences, report.notices) == (0, [one for one in report.notices if one.code != "log-forked"])


@pytest.mark.parametrize("shown", [FIRST - 50, FIRST, FIRST + 50], ids=["smaller", "same size", "larger"])
def test_audit_finds_the_fork_when_it_is_shown_after_the_log_was_read(shown: int, tmp_path: Path) -> None:
    [read] = grown(tmp_path, [FIRST])
    [other] = grown(tmp_path, [shown], seed=8)
    report = audited(Moving(read, other), tmp_path)
    assert "log-forked" in [one.code for one in report.findings]


def test_audit_takes_an_older_checkpoint_of_the_same_history_for_a_cached_one(tmp_path: Path) -> None:
    older, read = grown(tmp_path, [FIRST - 50, FIRST])
    moving = Moving(read, older)
    report = audited(
        lambda path: Moving.__call__(moving, path) if path == "checkpoint" else Moving(read)(path), tmp_path
    )
    assert report.differences == 0
    assert moving.asked > 1


def test_source_unpacks_no_further_than_a_file_of_a_log_can_go(tmp_path: Path) -> None:
    bomb = gzip.compress(bytes(MAX_BODY_BYTES + 1))
    [log] = grown(tmp_path, [FIRST])
    plain = (log / "checkpoint").read_bytes()
    bodies = {"checkpoint": gzip.compress(plain), "bomb": bomb, "cut": gzip.compress(plain)[:-4]}
    with serving(lambda path: (bodies[path], "gzip")) as url:
        source = LogPlace(url).open()
        assert source("checkpoint") == plain
        with pytest.raises(SourceError, match="unpacks to more"):
            source("bomb")
        with pytest.raises(SourceError, match="was cut short"):
            source("cut")
        source.close()
