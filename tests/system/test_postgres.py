"""A whole server on PostgreSQL: issuing, stacking, verifying, auditing, backups there and back, and an outage."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.files import contents, copy_if_there
from tests.postgres import PASSWORD, PostgresServer
from tests.system.school import CODE, SLUG, Caller, Json, evidence, loaded, open_school, status
from tests.system.serving import Serving, cairn, environment, quick_cairn

RULES: Final[Json] = {
    "format": "cairn/pathway/v1",
    "unit": {"kind": "ects"},
    "rule": {"rule": "minimum", "id": "total", "credits": 600},
    "cascade": {"on_loss": "revoke", "deadline_days": 0, "appeal_days": 0},
    "repeatable": [{"institution": SLUG, "code": CODE}],
}
LEARNER: Final[Json] = {"name": "Mari Maasikas", "reference": "S-1"}


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server of this module's own, which may be stopped."""
    server = PostgresServer()
    server.start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def serving(server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    directory = tmp_path_factory.mktemp("postgres")
    serving = Serving(directory / "data", directory / "home", {"CAIRN_DATABASE": server.fresh_schema()})
    serving.start()
    yield serving
    serving.close()


@pytest.fixture(scope="module")
def school(serving: Serving) -> Caller:
    return open_school(serving)


def run(serving: Serving, *arguments: str | Path) -> Json:
    """Run a command on the ledger and return what it says; it must find nothing wrong."""
    done = quick_cairn(serving.home, *arguments, "--json", settings=serving.settings)
    assert done.returncode == 0, done.stdout + done.stderr
    said: Json = json.loads(done.stdout)
    return said


def require_clean(serving: Serving) -> None:
    assert run(serving, "fsck", "--data", serving.data)["findings"] == []
    vkey = serving.http.get("/log/vkey").text.strip()
    assert quick_cairn(serving.home, "trust", "add", vkey).returncode == 0
    assert run(serving, "audit", serving.url)["findings"] == []


def test_server_issues_stacks_revokes_and_is_verified_and_audited(
    serving: Serving, school: Caller, tmp_path: Path
) -> None:
    published = school.post(f"/v1/institutions/{SLUG}/pathways", {"code": "P-1", "achievement": CODE, "rules": RULES})
    assert published.status_code == 201, published.text
    used = [school.issue(learner=LEARNER)["id"] for _ in range(2)]
    awards = [{"award": one} for one in used]
    stack = loaded(school.post("/v1/stackings", {"pathway": "P-1", "learner": LEARNER, "awards": awards}))["id"]
    again = school.post("/v1/stackings", {"pathway": "P-1", "learner": LEARNER, "awards": awards})
    assert again.status_code == 409, "no credit is spent twice"
    batch = school.post("/v1/credentials", {"credentials": [claim(number) for number in range(200)]})
    assert batch.status_code == 201, batch.text
    revoked = school.issue("Revoked Soon")["id"]
    assert school.post(f"/v1/credentials/{revoked}/revocation", {"reason": "other"}).status_code == 200
    erased = school.issue("Somebody Forgotten", learner={"name": "Somebody Forgotten", "reference": "S-9"})["id"]
    run(serving, "erase", "--credential", erased, "--yes", "--data", serving.data)
    for one in (*used, stack, revoked, erased):
        evidence(serving, one)
    require_clean(serving)
    assert status(serving, stack)["state"] == "active"
    assert status(serving, revoked)["state"] == "revoked"
    for one, wanted in ((stack, 0), (revoked, 1)):
        file = tmp_path / f"{one}.json"
        file.write_bytes(school.bundle(one))
        assert quick_cairn(serving.home, "verify", file).returncode == wanted
    assert not (serving.data / "ledger.db").exists()


def claim(number: int) -> Json:
    return {"achievement": CODE, "learner": {"name": f"Learner {number}"}, "awarded_on": "2026-01-31"}


def test_stopped_ledger_is_clean_as_well_and_its_keys_can_be_rotated(serving: Serving, school: Caller) -> None:
    school.issue("Before The Rotation")
    run(serving, "vault", "rotate", "--data", serving.data)
    assert serving.stop() == 0
    report = run(serving, "fsck", "--data", serving.data)
    assert (report["served"], report["findings"]) == (False, [])
    serving.start()
    school.issue("After The Rotation")


def test_password_is_in_no_file_and_no_output(serving: Serving, school: Caller) -> None:
    school.issue("Somebody")
    for file, kept in (*contents(serving.data), (serving.output_file, serving.output_file.read_bytes())):
        assert PASSWORD.encode() not in kept, file
    wrong = {"CAIRN_DATABASE": serving.settings["CAIRN_DATABASE"].replace(f":{PASSWORD}@", f":{PASSWORD}-@")}
    done = cairn(serving.home, "vault", "keys", "--data", serving.data, settings=wrong)
    assert done.returncode != 0
    assert "password authentication failed" in done.stderr
    assert PASSWORD not in done.stderr


@pytest.fixture(scope="module")
def backup(serving: Serving, school: Caller, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """A backup made while the ledger serves, an award before it, and one after it."""
    directory = tmp_path_factory.mktemp("backup")
    before = school.issue("Before The Backup")["id"]
    evidence(serving, before)
    assert run(serving, "backup", "--data", serving.data, "--to", directory / "made")["format"] == "cairn/backup/v1"
    after = school.issue("After The Backup")["id"]
    evidence(serving, after)
    return directory / "made", before, after


def restored(serving: Serving, backup: Path, directory: Path, settings: dict[str, str]) -> Serving:
    """Restore *backup* and check what has come of it; it is not started."""
    shutil.copytree(serving.data.with_name("data.keys"), directory / "data.keys")
    other = Serving(directory / "data", directory / "home", settings)
    other.home.mkdir()
    report = run(other, "restore", "--from", backup, "--data", other.data, "--log", serving.data / "log")
    assert report["events_recovered"] >= 1
    assert run(other, "fsck", "--data", other.data)["findings"] == []
    return other


def test_backup_made_while_serving_is_restored_into_a_file(
    serving: Serving, backup: tuple[Path, str, str], tmp_path: Path
) -> None:
    other = restored(serving, backup[0], tmp_path, {})
    assert (other.data / "ledger.db").exists()
    other.close()


def test_backup_made_while_serving_is_restored_into_another_database(
    serving: Serving, school: Caller, server: PostgresServer, backup: tuple[Path, str, str], tmp_path: Path
) -> None:
    other = restored(serving, backup[0], tmp_path, {"CAIRN_DATABASE": server.fresh_schema()})
    assert not (other.data / "ledger.db").exists()
    other.start()
    try:
        assert status(other, backup[2])["state"] == "active"
        with_key = Caller(other, school.key)
        assert with_key.issue("In The Restored One")["id"]
        assert with_key.bundle(backup[1])
    finally:
        other.close()
    arguments = ("restore", "--from", backup[0], "--data", tmp_path / "again", "--without-log")
    assert "not empty" in quick_cairn(other.home, *arguments, settings=other.settings).stderr
    assert not (tmp_path / "again").exists()


def test_second_process_is_refused_and_one_on_standby_takes_over(serving: Serving, school: Caller) -> None:
    school.issue("Before The Change")
    second = Serving(serving.data, serving.home / "second", serving.settings)
    second.home.mkdir()
    done = subprocess.run(
        second.command(), env=environment(second.home, second.settings), capture_output=True, timeout=60, check=False
    )
    assert done.returncode != 0
    assert b"another sequencer" in done.stderr
    with second.output_file.open("ab") as output:
        second._process = subprocess.Popen(
            [*second.command(), "--standby"], env=environment(second.home, second.settings), stderr=output
        )
    serving.kill()
    try:
        second._wait_until_ready()
        assert Caller(second, school.key).issue("After The Change")["id"]
        assert second.stop() == 0
    finally:
        second.close()
        serving.start()


def test_copy_of_the_directory_on_the_same_database_is_refused(
    serving: Serving, school: Caller, tmp_path: Path
) -> None:
    left_out = shutil.ignore_patterns("*.lock")
    shutil.copytree(serving.data, tmp_path / "data", ignore=left_out, copy_function=copy_if_there)
    shutil.copytree(serving.data.with_name("data.keys"), tmp_path / "data.keys")
    evidence(serving, school.issue("After The Copy")["id"])
    copy = Serving(tmp_path / "data", tmp_path / "home", serving.settings)
    copy.home.mkdir()

    done = subprocess.run(
        copy.command(), env=environment(copy.home, copy.settings), capture_output=True, timeout=60, check=False
    )
    assert done.returncode != 0
    assert b"another sequencer works on this database" in done.stderr


def test_outage_of_the_database_is_answered_and_heals_by_itself(
    serving: Serving, school: Caller, server: PostgresServer
) -> None:
    made = [school.issue("Before The Outage")["id"]]
    server.stop(signal.SIGQUIT)
    body = claim(1)
    lost = school.post("/v1/credentials", body, idempotency="outage-1")
    assert lost.status_code == 503, lost.text
    assert lost.json()["type"].endswith("/problems/storage-unavailable")
    assert PASSWORD not in lost.text
    assert serving.http.get(f"/v1/credentials/{made[0]}/status").status_code == 200, "look-ups need no database"
    assert serving.http.get("/readyz").status_code == 503
    server.start()
    answered = school.post("/v1/credentials", body, idempotency="outage-1")
    assert answered.status_code == 201, answered.text
    made.append(answered.json()["id"])
    assert school.post("/v1/credentials", body, idempotency="outage-1").json()["id"] == made[-1]
    for one in made:
        evidence(serving, one)
    require_clean(serving)


def test_public_is_answered_while_the_database_hangs_and_strangers_send_keys(
    serving: Serving, school: Caller, server: PostgresServer
) -> None:
    made = school.issue("Before The Silence")["id"]
    evidence(serving, made)

    def ask() -> int:
        headers = {"Authorization": f"Bearer cairn_00000000_{'a' * 43}", "Idempotency-Key": "silence"}
        return httpx.post(f"{serving.url}/v1/credentials", json=claim(1), headers=headers, timeout=60).status_code

    with ThreadPoolExecutor(40) as strangers:
        with server.hanging():
            asked = [strangers.submit(ask) for _ in range(40)]
            time.sleep(0.5)
            assert httpx.get(f"{serving.url}/livez", timeout=5).status_code == 200
            for _ in range(3):
                told = httpx.get(f"{serving.url}/v1/credentials/{made}/status?at=2026-02-01", timeout=5)
                assert told.status_code == 200
        assert {one.result() for one in asked} <= {401, 503}
    assert school.issue("After The Silence")["id"]


def test_directory_says_where_its_ledger_is_when_the_setting_is_forgotten_or_wrong(
    serving: Serving, server: PostgresServer, tmp_path: Path
) -> None:
    def refused(data: Path, settings: dict[str, str]) -> str:
        done = quick_cairn(serving.home, "vault", "keys", "--data", data, settings=settings)
        assert done.returncode != 0
        return done.stderr

    assert "CAIRN_DATABASE" in refused(serving.data, {})
    assert not (serving.data / "ledger.db").exists()
    assert "is empty" in refused(serving.data, {"CAIRN_DATABASE": server.fresh_schema()})
    other = {"CAIRN_DATABASE": server.fresh_schema()}
    for data, settings in ((tmp_path / "file", {}), (tmp_path / "other", other)):
        done = quick_cairn(
            serving.home,
            *("institution", "add", SLUG, "--name", "X", "--country", "EE", "--data", data),
            settings=settings,
        )
        assert done.returncode == 0, done.stderr
    assert "in ledger.db" in refused(tmp_path / "file", other)
    assert "another ledger" in refused(serving.data, other)
    demo = quick_cairn(serving.home, "demo", "--data", tmp_path / "demo", settings=other)
    assert "CAIRN_DATABASE" in demo.stderr
