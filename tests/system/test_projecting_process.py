"""The second process of a server, which keeps its views up to date: that it is there, and what either does alone."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from loadtests.process import with_copies
from tests.processes import send_if_there
from tests.system.cluster import until
from tests.system.school import Caller, open_school, status
from tests.system.serving import Serving, quick_cairn

pytestmark = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="of one processor both would have half")


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    home = tmp_path_factory.mktemp("projecting")
    started = Serving(home / "data", home)
    started.start()
    yield started
    started.close()


@pytest.fixture(scope="module")
def school(serving: Serving) -> Caller:
    return open_school(serving)


def copies(serving: Serving) -> list[int]:
    """Processes that a server has started and that are copies of it."""
    return list(with_copies(serving.pid)[1:])


def the_copy(serving: Serving) -> int:
    """The one copy, once nothing else looks like it: what is being started does, for an instant."""
    until(lambda: len(copies(serving)) == 1, partial(said, serving))
    return copies(serving)[0]


def started_anew(serving: Serving) -> int:
    """Stop the server and start it; gives its copy."""
    serving.stop()
    serving.start()
    return the_copy(serving)


def has_ended(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def said(serving: Serving) -> str:
    return serving.output_file.read_text()


def issue_and_see(serving: Serving, school: Caller, name: str) -> str:
    """Issue an award; it is seen when it is answered, and what becomes of it too."""
    made = school.issue(name)
    public_id: str = made["id"]
    assert status(serving, public_id)["state"] == "active"
    revoked = school.post(f"/v1/credentials/{public_id}/revocation", {"reason": "issued_in_error"})
    assert revoked.status_code == httpx.codes.OK, revoked.text
    assert status(serving, public_id)["state"] == "revoked"
    return public_id


def processor_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_views_are_kept_by_a_copy_of_the_server_and_are_seen_when_a_write_is_answered(
    serving: Serving, school: Caller
) -> None:
    copy = the_copy(serving)
    before = processor_ticks(copy)
    for number in range(40):
        issue_and_see(serving, school, f"Learner {number}")
    assert processor_ticks(copy) > before
    checks = {one["name"]: one for one in serving.http.get("/readyz").json()["checks"]}
    assert all(one["ok"] for one in checks.values())
    links = [link_of(path) for path in Path(f"/proc/{copy}/fd").iterdir()]
    assert len([link for link in links if link.startswith("socket:")]) == 1, "it listens nowhere"
    assert not [link for link in links if link.endswith((".key", ".lock"))]


def link_of(path: Path) -> str:
    try:
        return str(path.readlink())
    except FileNotFoundError:
        return ""


def test_write_is_seen_when_it_is_answered_also_while_views_are_rebuilt(serving: Serving, school: Caller) -> None:
    stop, rebuilt = threading.Event(), list[int]()

    def rebuild() -> None:
        while not stop.is_set():
            rebuilt.append(quick_cairn(serving.home, "rebuild", "--data", serving.data).returncode)

    rebuilding = threading.Thread(target=rebuild)
    rebuilding.start()
    try:
        until(lambda: bool(rebuilt), partial(said, serving))
        for number in range(60):
            issue_and_see(serving, school, f"Rebuilt {number}")
    finally:
        stop.set()
        rebuilding.join()
    assert len(rebuilt) > 1
    assert set(rebuilt) == {0}


def test_server_goes_on_when_the_other_process_is_killed(serving: Serving, school: Caller) -> None:
    copy = started_anew(serving)
    os.kill(copy, signal.SIGKILL)
    until(lambda: "projecting_process_ended" in said(serving), partial(said, serving))
    for number in range(5):
        issue_and_see(serving, school, f"Alone {number}")
    until(lambda: copies(serving) == [], partial(said, serving))
    assert serving.http.get("/readyz").status_code == httpx.codes.OK


def test_server_ends_the_other_process_when_that_stands_still_and_goes_on(serving: Serving, school: Caller) -> None:
    copy = started_anew(serving)
    issue_and_see(serving, school, "Before")
    os.kill(copy, signal.SIGSTOP)
    try:
        made = school.issue("Meanwhile")
        until(lambda: serving.http.get(f"/v1/credentials/{made['id']}/status").is_success, partial(said, serving))
        until(lambda: copies(serving) == [], partial(said, serving))
    finally:
        send_if_there(copy, signal.SIGCONT)
    issue_and_see(serving, school, "After")


def test_other_process_ends_with_the_server_however_that_ends(serving: Serving, school: Caller) -> None:
    serving.stop()
    for end in (serving.stop, serving.kill):
        serving.start()
        copy = the_copy(serving)
        school.issue("Last")
        end()
        until(partial(has_ended, copy), partial(said, serving))
    serving.start()
    issue_and_see(serving, school, "Again")


def test_other_process_ends_in_order_when_it_is_asked_to(serving: Serving, school: Caller) -> None:
    copy = started_anew(serving)
    os.kill(copy, signal.SIGTERM)
    until(lambda: copies(serving) == [], partial(said, serving))
    issue_and_see(serving, school, "Alone")
    assert serving.stop() == 0


def test_server_stops_although_the_other_process_is_frozen(serving: Serving, school: Caller) -> None:
    serving.start()
    copy = the_copy(serving)
    issue_and_see(serving, school, "Before")
    os.kill(copy, signal.SIGSTOP)
    try:
        assert serving.stop() == 0
        assert has_ended(copy)
    finally:
        send_if_there(copy, signal.SIGCONT)


def test_there_is_one_process_when_settings_say_so(tmp_path: Path) -> None:
    alone = Serving(tmp_path / "data", tmp_path, {"CAIRN_PROJECTING_PROCESS": "0"})
    alone.start()
    try:
        school = open_school(alone)
        issue_and_see(alone, school, "Alone")
        until(lambda: copies(alone) == [], partial(said, alone))
    finally:
        alone.close()
