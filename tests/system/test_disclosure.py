"""What an operator shows an accreditor: everything opens, and whatever was changed, left out or cut off is noticed."""

from __future__ import annotations

import json
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from tests.system.school import SLUG, Caller, Json, claim, evidence
from tests.system.serving import Serving, cairn, quick_cairn

AWARDS: Final = 12


@pytest.fixture(scope="module")
def disclosed(serving: Serving, school: Caller, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The disclosures of a served ledger in which one award of thirteen was erased."""
    answered = school.post("/v1/credentials", {"credentials": [claim(f"Learner {n}") for n in range(AWARDS)]})
    ids = [award["id"] for award in answered.json()["credentials"]]
    gone = school.issue("Somebody Gone")["id"]
    assert school.post(f"/v1/credentials/{ids[3]}/revocation", {"reason": "incorrect_data"}).is_success
    assert quick_cairn(serving.home, "erase", "--credential", gone, "--yes", "--data", serving.data).returncode == 0
    evidence(serving, ids[3])
    file = tmp_path_factory.mktemp("disclosed") / "awards.ndjson"
    done = cairn(serving.home, "disclose", "--data", serving.data, "--institution", SLUG, "--to", file)
    assert done.returncode == 0, done.stderr
    assert "personal data" in done.stderr
    return file


def _audit(serving: Serving, file: Path) -> tuple[int, Json]:
    done = quick_cairn(serving.home, "audit", serving.url, "--disclosures", file, "--json")
    return done.returncode, json.loads(done.stdout) if done.stdout else {}


def test_disclosures_open_every_commitment_when_nothing_was_changed(serving: Serving, disclosed: Path) -> None:
    code, report = _audit(serving, disclosed)
    assert (code, report["findings"]) == (0, [])
    assert (report["disclosed"]["opened"], report["disclosed"]["not_disclosed"]) == (AWARDS, 1)
    assert "personal data" in json.loads(disclosed.read_text().splitlines()[0])["warning"]


def test_disclosures_are_for_their_owner_alone_and_leave_an_audit_row(serving: Serving, disclosed: Path) -> None:
    assert stat.S_IMODE(disclosed.stat().st_mode) == 0o600
    with closing(sqlite3.connect(serving.data / "ledger.db")) as database:
        rows = database.execute("SELECT actor, items FROM access_audit WHERE act='disclosure.export'").fetchall()
    assert rows == [("command-line", AWARDS)]


def test_disclosures_are_not_written_over_a_file_that_is_there(serving: Serving, disclosed: Path) -> None:
    before = disclosed.read_bytes()
    assert quick_cairn(serving.home, "disclose", "--data", serving.data, "--to", disclosed).returncode != 0
    assert disclosed.read_bytes() == before


def _renamed(line: Json) -> None:
    line["document"]["urn:cairn:vocabulary:euMicrocredential"]["@value"]["learner"] = "Somebody Else"


def _other_salt(line: Json) -> None:
    line["salt"] = "A" * 43 + "="


def _other_award(line: Json) -> None:
    line["aggregate"] = "0" * 32


@pytest.mark.parametrize(
    "change, code",
    [
        (_renamed, "disclosure-differs"),
        (_other_salt, "disclosure-differs"),
        (_other_award, "disclosure-unlogged"),
    ],
)
def test_audit_names_the_award_when_what_was_disclosed_is_not_what_was_committed_to(
    serving: Serving, disclosed: Path, tmp_path: Path, change: Callable[[Json], None], code: str
) -> None:
    lines = disclosed.read_text().splitlines()
    line = json.loads(lines[4])
    change(line)
    lines[4] = json.dumps(line)
    file = tmp_path / "changed.ndjson"
    file.write_text("\n".join(lines) + "\n")
    status, report = _audit(serving, file)
    assert (status, [one["code"] for one in report["findings"]]) == (1, [code])
    assert report["disclosed"]["opened"] == AWARDS - 1


def test_disclosures_are_refused_when_they_are_cut_off_or_something_else(
    serving: Serving, disclosed: Path, tmp_path: Path
) -> None:
    lines = disclosed.read_bytes().splitlines(keepends=True)
    for content in (
        b"",
        b"{}\n",
        b"".join(lines[:-1]),
        b"".join([*lines[:3], *lines[4:]]),
        b"".join([*lines, lines[-1]]),
    ):
        file = tmp_path / "bad.ndjson"
        file.write_bytes(content)
        assert _audit(serving, file)[0] == 64, content[:40]


def test_report_is_written_as_a_page_when_it_is_asked_for(serving: Serving, disclosed: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    done = quick_cairn(serving.home, "audit", serving.url, "--disclosures", disclosed, "--html", page)
    assert done.returncode == 0
    assert f"{AWARDS} commitments opened" in page.read_text()
