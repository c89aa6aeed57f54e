"""Two servers on one ledger, a disk that is full, a disk that cannot be written: clear words, and nothing lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.files import copy_if_there
from tests.system.school import Caller, claim, evidence, open_school, status
from tests.system.serving import CAIRN, Serving, environment, quick_cairn

TAKEOVER_SECONDS: Final = 20.0
DISK_BYTES: Final = 48 * 1024 * 1024
CHUNK: Final = 64 * 1024
PROBLEM: Final = "application/problem+json"


def wait_for(what: Callable[[], bool], seconds: float = TAKEOVER_SECONDS) -> None:
    """Wait until something holds; say so when it does not come."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.05)


# ── two servers ──────────────────────────────────────────────────────────────────────────────────


class Standby(Serving):
    """A second server on the directory of a first one."""

    def command(self) -> list[str | Path]:
        return [*super().command(), "--standby"]

    def start_waiting(self) -> None:
        """Start without waiting for readiness: it has to wait itself."""
        self.home.mkdir(parents=True, exist_ok=True)
        with self.output_file.open("ab") as output:
            self._process = subprocess.Popen(
                self.command(), env=environment(self.home, self.settings), stdout=output, stderr=output
            )

    def is_ready(self) -> bool:
        try:
            return self.http.get("/readyz").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False


def test_standby_waits_and_takes_over_when_the_first_server_is_killed(tmp_path: Path) -> None:
    first = Serving(tmp_path / "data", tmp_path / "home")
    first.start()
    second = Standby(tmp_path / "data", tmp_path / "home2", {"CAIRN_BASE_URL": first.url})
    try:
        award = open_school(first).issue()
        second.start_waiting()
        wait_for(lambda: second.output_file.exists() and b"waiting to take over" in second.output_file.read_bytes())
        assert second.http.get("/livez").status_code == 200
        waiting = second.http.get("/readyz")
        assert (waiting.status_code, waiting.headers["content-type"]) == (503, PROBLEM)
        first.kill()
        wait_for(second.is_ready)
        assert status(second, award["id"])["verdict"] == "valid"
        again = open_school(second, "second-school").issue()
        evidence(second, again["id"])
        audited = quick_cairn(tmp_path / "home2", "audit", second.url, "--json")
        assert audited.returncode == 0, audited.stdout
        assert second.stop() == 0
    finally:
        first.close()
        second.close()
    assert quick_cairn(tmp_path / "home2", "fsck", "--data", tmp_path / "data").returncode == 0


def test_second_server_says_who_is_in_the_way_when_it_is_not_told_to_wait(serving: Serving, tmp_path: Path) -> None:
    again = Serving(serving.data, tmp_path / "home", {"CAIRN_BASE_URL": serving.url})
    done = subprocess.run(
        again.command(), env=environment(tmp_path, again.settings), capture_output=True, timeout=60, check=False
    )
    again.close()
    assert done.returncode == 3
    assert b"another sequencer holds sequencer.lock" in done.stderr
    assert b"--standby" in done.stderr


# ── disks ────────────────────────────────────────────────────────────────────────────────────────


class SmallDisk(Serving):
    """A server whose data directory is a small file system of its own, in a mount namespace of its own.

    What is outside the namespace sees it through the process's root.
    """

    def command(self) -> list[str | Path]:
        mount = f"mount -t tmpfs -o size={DISK_BYTES} none {self.data.parent}"
        return unshared(f'{mount} && exec "$@"', *super().command())

    def within(self, path: Path) -> Path:
        """The place of *path* as the process sees it."""
        return Path(f"/proc/{self.pid}/root{path}")


def unshared(script: str, *arguments: str | Path) -> list[str | Path]:
    """Run a shell script in mount and user namespaces of its own: it needs no privilege."""
    if shutil.which("unshare") is None:
        pytest.fail("these tests need unshare; install it with «apt-get install util-linux»")
    return ["unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh", *arguments]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    (tmp_path / "disk").mkdir()
    settings = {"CAIRN_KEK_DIR": str(tmp_path / "keys"), "CAIRN_READY_DISK_FLOOR_BYTES": str(8 * 1024 * 1024)}
    server = SmallDisk(tmp_path / "disk" / "data", tmp_path / "home", settings)
    server.start()
    yield server
    server.close()


def small_school(server: SmallDisk) -> Caller:
    """Open a school; the operator's key is made where the process sees its data."""
    inside: list[str | Path] = ["nsenter", "--preserve-credentials", "--user", "--mount", "--target", str(server.pid)]
    granted = subprocess.run(
        [*inside, CAIRN, "access", "grant", "--data", server.data],
        env=environment(server.home, server.settings),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert granted.returncode == 0, granted.stderr
    return open_school(server, operator=granted.stdout.decode().strip())


def test_full_disk_refuses_in_words_and_goes_on_when_there_is_room(small_disk: SmallDisk, tmp_path: Path) -> None:
    school = small_school(small_disk)
    known = [school.issue()["id"] for _ in range(3)]
    before = len(known)
    wait_for(lambda: all(is_active(small_disk, one) for one in known))
    filler = small_disk.within(small_disk.data.parent / "filler")
    fill(filler)
    refused = issue_until_refused(school, known)
    assert refused.status_code == 503, refused.text
    assert refused.headers["content-type"] == PROBLEM
    assert refused.json()["type"].endswith("/problems/storage-unavailable")
    assert int(refused.headers["retry-after"]) > 0
    assert small_disk.http.get("/readyz").status_code == 503
    assert all(status(small_disk, one)["state"] == "active" for one in known[:before])  # reading goes on
    assert all(is_active_or_awaited(small_disk, one) for one in known[before:])
    filler.unlink()
    wait_for(lambda: small_disk.http.get("/readyz").status_code == 200, 60)
    known.append(school.issue()["id"])
    assert all(status(small_disk, one)["state"] == "active" for one in known)
    for one in known:
        evidence(small_disk, one)
    audited = quick_cairn(tmp_path / "home", "audit", small_disk.url, "--json")
    assert audited.returncode == 0, audited.stdout
    assert f'"credential.issued.v1": {len(known)}' in audited.stdout


def is_active(server: Serving, public_id: str) -> bool:
    """Whether the server shows the award yet."""
    answered = server.http.get(f"/v1/credentials/{public_id}/status")
    return bool(answered.status_code == httpx.codes.OK and answered.json()["state"] == "active")


def is_active_or_awaited(server: Serving, public_id: str) -> bool:
    """Whether an award that the last room of the disk took is shown, or said to be recorded and not shown yet.

    There may have been room to record it and none to publish it; unknown it must never be called.
    """
    answered = server.http.get(f"/v1/credentials/{public_id}/status")
    if answered.status_code == httpx.codes.OK:
        return bool(answered.json()["state"] == "active")
    assert answered.status_code == httpx.codes.SERVICE_UNAVAILABLE, answered.text
    assert int(answered.headers["retry-after"]) > 0
    return str(answered.json()["type"]).endswith("/problems/not-ready")


def fill(filler: Path) -> None:
    """Take every byte that is left."""
    with filler.open("wb", buffering=0) as file:
        for size in (CHUNK, 512, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue


def issue_until_refused(school: Caller, known: list[str]) -> httpx.Response:
    """Issue until the disk is full: what was written ahead may still have room for a few."""
    for _ in range(200):
        answered = school.post("/v1/credentials", claim())
        if answered.status_code != httpx.codes.CREATED:
            return answered
        known.append(answered.json()["id"])
    pytest.fail("a full disk took two hundred awards")


def test_read_only_disk_stops_the_start_in_words(serving: Serving, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(serving.data, copy, copy_function=copy_if_there)
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    script = f'mount --bind {copy} {copy} && mount -o remount,bind,ro {copy} && exec "$@"'
    own = {"CAIRN_BASE_URL": serving.url, "CAIRN_KEK_DIR": str(serving.data.with_name("data.keys"))}
    done = subprocess.run(
        unshared(script, CAIRN, "serve", "--data", copy, "--port", str(Serving(copy, tmp_path).port)),
        env=environment(tmp_path, own),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert b"cannot be written" in done.stderr
    assert b"Traceback" not in done.stderr
    assert {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()} == before
    assert os.access(copy, os.W_OK)
