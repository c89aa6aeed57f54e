"""The systemd samples: systemd itself reads and rates them, and what they start is started."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from api.setting import load_settings
from tests.deploy.unit import SAMPLES, UNITS, WRITES_NO_CODE, command, installed, settings, unit
from tests.postgres import PostgresServer
from tests.system.mirroring import Mirror
from tests.system.school import evidence, open_school
from tests.system.serving import Serving, cairn, environment

EXPOSURE_TENTHS: Final = 15
"""systemd rates from 0 (best) to 100; a unit without any hardening has 96."""


def systemd_analyze(*words: str | Path) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    assert program is not None, "systemd-analyze is not installed: apt-get install systemd"
    return subprocess.run([program, *words], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", UNITS)
def test_unit_is_accepted_when_systemd_reads_it(name: str, tmp_path: Path) -> None:
    done = systemd_analyze("verify", installed(name, tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("name", UNITS)
def test_unit_is_closed_when_systemd_rates_it(name: str, tmp_path: Path) -> None:
    threshold = f"--threshold={EXPOSURE_TENTHS}"
    done = systemd_analyze("security", "--offline=true", "--no-pager", threshold, installed(name, tmp_path))
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", UNITS)
def test_unit_keeps_its_state_to_itself_when_it_runs(name: str) -> None:
    found = unit(name)
    assert found["StateDirectoryMode"] == ["0700"]
    states = [f"/var/lib/{state}/" for state in found["StateDirectory"][0].split()]
    words = found["ExecStart"][0].split()
    assert words[words.index("--data") + 1].startswith(tuple(states))


@pytest.mark.parametrize("name", ["ledger.env", "mirror.env", "roles.env", "role-verifier.env"])
def test_settings_are_known_when_a_unit_gives_them(name: str, tmp_path: Path) -> None:
    given = settings(name)
    assert given
    load_settings(given, data_dir=tmp_path)  # refuses a variable that it does not know
    for kek in {given.get("CAIRN_KEK_DIR")} - {None}:
        states = unit("cairn-role@.service" if name == "roles.env" else "cairn.service")["StateDirectory"][0].split()
        assert str(kek).split("/")[3] in states


def test_sample_node_follows_the_address_at_which_nginx_has_issuers_alone() -> None:
    address = settings("role-verifier.env")["CAIRN_FOLLOW_URL"].removeprefix("http://")
    _, _, server = (SAMPLES.parent / "nginx" / "roles.conf").read_text("utf-8").partition(f"listen {address};")
    assert re.findall("proxy_pass (.+);", server) == ["http://cairn_issuers"]


def test_nginx_reads_the_log_alone_when_the_drop_in_is_used() -> None:
    (bound,) = unit("nginx-log.conf")["BindReadOnlyPaths"]
    source, target = bound.removeprefix("-").split(":")
    words = unit("cairn.service")["ExecStart"][0].split()
    assert source == words[words.index("--data") + 1] + "/log"
    served = (SAMPLES.parent / "nginx" / "cairn.conf").read_text("utf-8")
    assert f"root {target.removesuffix('/log')};" in served


class Unit(Serving):
    """A unit's command, in memory that is never writable and executable, with its environment file."""

    words: list[str]

    def command(self) -> list[str | Path]:
        """Return what is run."""
        return [sys.executable, "-c", WRITES_NO_CODE, *self.words]


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Unit]:
    place = tmp_path_factory.mktemp("unit")
    given = {**settings("ledger.env"), "CAIRN_KEK_DIR": str(place / "keys")}
    made = Unit(place / "ledger", place / "home", given)
    made.words = command("cairn.service", {"/var/lib/cairn/ledger": str(made.data), "8000": str(made.port)})
    made.start()
    yield made
    made.close()


def test_ledger_serves_when_its_unit_is_started(ledger: Unit) -> None:
    assert ledger.http.get("/readyz").status_code == 200
    assert ledger.http.get("/log/vkey").text.startswith(settings("ledger.env")["CAIRN_ORIGIN"] + "+")
    assert (ledger.home.parent / "keys").is_dir()


def test_mirror_follows_when_its_unit_is_started(ledger: Unit, tmp_path: Path) -> None:
    policy = tmp_path / "policy"
    policy.write_text(f"log {ledger.http.get('/log/vkey').text.strip()}\n", "utf-8")
    mirror = Mirror(tmp_path / "copy", tmp_path / "home", ledger.url, settings("mirror.env"))
    replaced = {
        "https://ledger.example.edu": ledger.url,
        "/etc/cairn/policy": str(policy),
        "/var/lib/cairn-mirror/copy": str(mirror.data),
        "8001": str(mirror.port),
    }
    words = command("cairn-mirror.service", replaced)
    mirror.command = lambda: [*words]  # type: ignore[method-assign]  # the unit's and not its own
    issued = open_school(ledger).issue()
    evidence(ledger, issued["id"])  # so that there is something to follow
    mirror.begin()
    try:
        assert mirror.catch_up(ledger) > 0
        assert mirror.stop() == 0
    finally:
        mirror.close()


@pytest.mark.parametrize("role", ["issuer", "sequencer", "projector"])
def test_role_is_ready_when_its_unit_is_started(role: str, tmp_path: Path, postgres_server: PostgresServer) -> None:
    own = {
        "CAIRN_DATABASE": postgres_server.fresh_schema(),
        "CAIRN_KEK_DIR": str(tmp_path / "keys"),
        "CAIRN_TILES": str(tmp_path / "tiles"),
    }
    process = Unit(tmp_path / "data", tmp_path / "home", settings("roles.env") | own)
    place = {"/var/lib/cairn-%i/data": str(process.data), "${CAIRN_PORT}": str(process.port), "%i": role}
    process.words = command("cairn-role@.service", place)
    process.start()
    try:
        said = process.http.get("/readyz").json()
        assert {check["name"] for check in said["checks"]} >= {"database", "disk"}
        assert process.stop() == 0
    finally:
        process.close()


def test_witness_answers_when_its_unit_is_started(tmp_path: Path) -> None:
    state = tmp_path / "state"
    made = cairn(tmp_path, "witness", "key", "--name", "witness.example.edu/w1", "--data", state)
    assert made.returncode == 0, made.stderr
    witness = Unit(state, tmp_path / "home")
    witness.words = command(
        "cairn-witness.service", {"/var/lib/cairn-witness/state": str(state), "8090": str(witness.port)}
    )
    process = subprocess.Popen(witness.command(), env=environment(tmp_path), stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            try:
                answered = witness.http.post("/add-checkpoint", content=b"no checkpoint")
            except httpx.TransportError:
                process.poll()
                assert process.returncode is None
                time.sleep(0.05)
                continue
            assert answered.status_code == 400
            break
        else:
            pytest.fail("the witness did not answer")
    finally:
        process.terminate()
        assert process.wait(30) == 0
        witness.close()


def test_ledger_ends_cleanly_when_systemd_stops_it(ledger: Unit) -> None:
    """The last of the module: it ends what the others use."""
    assert ledger.stop() == 0
