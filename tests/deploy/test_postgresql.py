"""The PostgreSQL sample: a real server takes it, and a commit waits for a standby as it says."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from loadtests.port import free_port
from tests.setup.repository import ROOT

SAMPLE: Final = ROOT / "docs" / "deploy" / "postgresql" / "cairn.conf"
_SETTING: Final = re.compile(r"^(?P<name>[a-z_]+) = (?P<value>.+)$", re.MULTILINE)
SMALL: Final = (
    "shared_buffers = 16MB\nhuge_pages = off\nmin_wal_size = 80MB\nmax_wal_size = 128MB\nwal_keep_size = 16MB\n"
)
"""In the place of what a machine of this size has no room for."""
UNIX_USER: Final = "postgres"
WAIT_SECONDS: Final = 50.0
"""Less than any command may take."""


def program(name: str) -> str:
    """Where a program of PostgreSQL's server is."""
    places = ":".join(str(place) for place in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))
    found = shutil.which(name) or shutil.which(name, path=places)
    assert found is not None, f"{name} is not installed: apt-get install postgresql"
    return found


def run(*words: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a program of PostgreSQL's, which refuses to be run by root."""
    as_user = ["runuser", "-u", UNIX_USER, "--"] if os.geteuid() == 0 else []
    return subprocess.run([*as_user, *words], capture_output=True, text=True, check=check, cwd="/", timeout=60)


def settings() -> dict[str, str]:
    """The sample's settings as they are written."""
    return {found["name"]: found["value"].strip("'") for found in _SETTING.finditer(SAMPLE.read_text("utf-8"))}


@dataclass
class Cluster:
    """A primary with the sample, and one standby."""

    place: Path
    port: int
    standby_port: int

    def sql(self, statement: str, *, check: bool = True) -> subprocess.CompletedProcess[str]:
        words = ["-X", "-A", "-t", "-h", str(self.place), "-p", str(self.port), "-d", "postgres", "-c", statement]
        return run(program("psql"), *words, check=check)

    def start(self, name: str, port: int) -> None:
        options = f"-p {port} -c unix_socket_directories={self.place} -c listen_addresses=''"
        log = self.place / f"{name}.log"
        run(program("pg_ctl"), "-D", self.place / name, "-l", log, "-o", options, "-w", "start")

    def stop(self, name: str) -> None:
        run(program("pg_ctl"), "-D", self.place / name, "-m", "immediate", "-w", "stop", check=False)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    # The path of a Unix socket has 107 bytes at most, and PostgreSQL's own user has to get there.
    place = Path(tempfile.mkdtemp(prefix="cairn-pg-", dir="/tmp"))
    if os.geteuid() == 0:
        user = pwd.getpwnam(UNIX_USER)
        os.chown(place, user.pw_uid, user.pw_gid)
    made = Cluster(place, free_port(), free_port())
    try:
        run(program("initdb"), "-D", place / "primary", "--data-checksums", "-A", "trust", "-N")
        configuration = place / "primary" / "postgresql.conf"
        configuration.write_text(configuration.read_text("utf-8") + SAMPLE.read_text("utf-8") + SMALL, "utf-8")
        made.start("primary", made.port)
        address = ["-h", str(place), "-p", str(made.port)]
        run(program("pg_basebackup"), *address, "-D", place / "standby", "-R", "-c", "fast", "--no-sync")
        automatic = place / "standby" / "postgresql.auto.conf"
        named = automatic.read_text("utf-8").replace(
            "primary_conninfo = '", "primary_conninfo = 'application_name=cairn_standby_1 "
        )
        automatic.write_text(named, "utf-8")
        made.start("standby", made.standby_port)
        yield made
    finally:
        for name in ("standby", "primary"):
            made.stop(name)
        shutil.rmtree(place)
    del tmp_path_factory


def test_sample_is_accepted_when_the_server_reads_it(tmp_path: Path) -> None:
    shutil.copy(SAMPLE, tmp_path / "postgresql.conf")
    for name in settings():
        done = subprocess.run(
            [program("postgres"), "-C", name, "-D", str(tmp_path)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (name, done.stderr)


def test_settings_are_in_force_when_the_server_runs(cluster: Cluster) -> None:
    replaced = {line.split(" = ")[0] for line in SMALL.splitlines()} | {"listen_addresses"}
    for name, value in settings().items():
        if name not in replaced:
            shown = cluster.sql(f"SHOW {name}").stdout.strip()
            assert shown == value, name


def test_commit_waits_for_a_standby_when_it_is_there_and_when_not(cluster: Cluster) -> None:
    wanted = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'quorum' AND state = 'streaming'"
    for _ in range(100):
        if cluster.sql(wanted).stdout.strip() == "1":
            break
    assert cluster.sql(wanted).stdout.strip() == "1"
    cluster.sql("CREATE TABLE entry (position bigint PRIMARY KEY); INSERT INTO entry VALUES (1)")
    cluster.stop("standby")
    with ThreadPoolExecutor(1) as thread:
        asked = thread.submit(cluster.sql, "INSERT INTO entry VALUES (2)", check=False)
        cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        deadline = time.monotonic() + WAIT_SECONDS
        while not asked.done() and cluster.sql(cancel).stdout.strip() != "t":
            assert time.monotonic() < deadline
            time.sleep(0.1)
        hung = asked.result()
    assert "canceling wait for synchronous replication" in hung.stderr, hung  # until then it was not answered as done
    cluster.start("standby", cluster.standby_port)
    cluster.sql("INSERT INTO entry VALUES (3)")
