"""Diplomas unpacked on a served ledger: what an auditor, a mirror, fsck and a restore make of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.system.mirroring import Mirror
from tests.system.school import SLUG, TEMPLATE, Caller, Json, evidence, loaded, open_school, status, verified
from tests.system.serving import Serving, cairn, quick_cairn

MODULES: Final = (1, 2, 3)


@dataclass(frozen=True)
class Unpacked:
    """A ledger on which two diplomas were unpacked: parts of each, and what the holder of the first has."""

    serving: Serving
    school: Caller
    parts: list[str]
    withdrawn: list[str]
    bundles: list[bytes]


def publish(school: Caller, code: str, credits_centi: int) -> None:
    template = {**TEMPLATE, "title": f"Title of {code}", "credits_centi": credits_centi}
    answered = school.post("/v1/achievements", {"code": code, "template": template})
    assert answered.status_code == httpx.codes.CREATED, answered.text


def publish_programme(school: Caller) -> None:
    for number in MODULES:
        publish(school, f"MOD-{number}", 600)
    publish(school, "BSC", 1800)
    programme: Json = {
        "title": "Bachelor of Data Work",
        "language": "en",
        "achievement": "BSC",
        "credits_centi": 1800,
        "withdrawal": "revoke",
        "modules": [{"code": f"M{n}", "achievement": f"MOD-{n}", "semester": n} for n in MODULES],
    }
    for title in ("Bachelor of Data Work", "BSc Data Work"):
        body = {"code": "BSC-DATA", "programme": {**programme, "title": title}}
        answered = school.post(f"/v1/institutions/{SLUG}/programmes", body)
        assert answered.status_code == httpx.codes.CREATED, answered.text


def unpack(school: Caller, name: str) -> tuple[str, list[str]]:
    """Award a diploma and unpack it; returns its id and those of the parts."""
    diploma = school.issue(name, achievement="BSC")["id"]
    completed = [{"module": f"M{n}", "completed_on": f"2025-0{n}-15", "grade": "B"} for n in MODULES]
    answered = school.post("/v1/unpackings", {"diploma": diploma, "programme": "BSC-DATA", "completed": completed})
    assert answered.status_code == httpx.codes.CREATED, answered.text
    return diploma, [part["id"] for part in loaded(answered)["parts"]]


@pytest.fixture(scope="module")
def unpacked(serving: Serving, school: Caller) -> Unpacked:
    publish_programme(school)
    _, parts = unpack(school, "Mari Maasikas")
    diploma, withdrawn = unpack(school, "Jaan Tamm")
    bundles = [school.bundle(part) for part in parts]
    assert school.post(f"/v1/credentials/{parts[1]}/revocation", {"reason": "other"}).is_success
    assert school.post(f"/v1/credentials/{parts[2]}/suspension", {"reason": "other"}).is_success
    assert school.send("DELETE", f"/v1/credentials/{parts[2]}/suspension", {}).is_success
    assert school.post(f"/v1/credentials/{diploma}/suspension", {"reason": "under_review"}).is_success
    assert school.post(f"/v1/credentials/{diploma}/revocation", {"reason": "academic_misconduct"}).is_success
    for part in (*parts, *withdrawn):
        evidence(serving, part)
    return Unpacked(serving, school, parts, withdrawn, bundles)


def test_audit_finds_nothing_when_diplomas_were_unpacked_and_withdrawn(unpacked: Unpacked) -> None:
    done = quick_cairn(unpacked.serving.home, "audit", unpacked.serving.url, "--json")
    report = json.loads(done.stdout)
    assert (done.returncode, report["findings"], report["differences"]) == (0, [], 0)
    for topic, count in (("unpacking.made.v1", 2), ("credential.parted.v1", 2), ("programme.revised.v1", 1)):
        assert report["events"][topic] == count
    assert not report.get("not_replayed")


@pytest.fixture(scope="module")
def disclosed(unpacked: Unpacked, tmp_path_factory: pytest.TempPathFactory) -> list[Json]:
    """The lines of the disclosures of everything."""
    file = tmp_path_factory.mktemp("disclosed") / "awards.ndjson"
    done = cairn(unpacked.serving.home, "disclose", "--data", unpacked.serving.data, "--to", file)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def audited(unpacked: Unpacked, lines: list[Json], tmp_path: Path) -> Json:
    file = tmp_path / "awards.ndjson"
    file.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), "utf-8")
    done = quick_cairn(unpacked.serving.home, "audit", unpacked.serving.url, "--disclosures", file, "--json")
    report: Json = json.loads(done.stdout)
    assert done.returncode == (1 if report["differences"] else 0)
    return report


def test_disclosures_open_every_part_and_credits_are_conserved(
    unpacked: Unpacked, disclosed: list[Json], tmp_path: Path
) -> None:
    report = audited(unpacked, disclosed, tmp_path)
    assert (report["findings"], report["disclosed"]["parts"], report["disclosed"]["not_disclosed"]) == ([], 6, 0)


def _part_lines(lines: list[Json]) -> list[Json]:
    found = [line for line in lines if "part" in line]
    # The part that has no history in the log, so that only its disclosure speaks of it.
    return sorted(found, key=lambda line: line["part"]["unpacking"])


def _of_another_diploma(lines: list[Json]) -> None:
    parts = _part_lines(lines)
    parts[0]["part"]["whole"] = parts[-1]["part"]["whole"]


def _under_another_unpacking(lines: list[Json]) -> None:
    parts = _part_lines(lines)
    parts[0]["part"]["unpacking"] = parts[-1]["part"]["unpacking"]


def _with_a_sibling_s_leaf(lines: list[Json]) -> None:
    parts = _part_lines(lines)
    parts[0]["part"]["leaf"] = parts[1]["part"]["leaf"]


def _renamed(lines: list[Json]) -> None:
    _part_lines(lines)[0]["document"]["name"] = "Something Else"


def _under_nothing(lines: list[Json]) -> None:
    _part_lines(lines)[0]["part"]["unpacking"] = "0" * 32


@pytest.mark.parametrize(
    "change",
    [_of_another_diploma, _under_another_unpacking, _with_a_sibling_s_leaf, _renamed, _under_nothing],
    ids=lambda change: change.__name__.strip("_"),
)
def test_audit_finds_a_part_that_was_changed_in_the_disclosures(
    unpacked: Unpacked, disclosed: list[Json], tmp_path: Path, change: Callable[[list[Json]], None]
) -> None:
    lines: list[Json] = json.loads(json.dumps(disclosed))
    change(lines)
    codes = {finding["code"] for finding in audited(unpacked, lines, tmp_path)["findings"]}
    assert codes & {"disclosure-differs", "disclosure-unlogged"}


def test_fsck_finds_nothing_when_parts_are_kept(unpacked: Unpacked) -> None:
    done = cairn(unpacked.serving.home, "fsck", "--data", unpacked.serving.data, "--json")
    assert done.returncode == 0, done.stdout + done.stderr


def test_bundle_of_a_part_verifies_offline_with_the_command(unpacked: Unpacked, tmp_path: Path) -> None:
    home = tmp_path / "home"
    key = unpacked.serving.http.get("/log/vkey").text.strip()
    assert quick_cairn(home, "trust", "add", key).returncode == 0
    file = tmp_path / "part.bundle.json"
    for part, due in zip(unpacked.parts, ("valid", "invalid", "valid"), strict=True):
        file.write_bytes(unpacked.school.bundle(part))
        done = cairn(home, "verify", file, "--json")
        assert json.loads(done.stdout)["verdict"] == due, done.stdout
    file.write_bytes(unpacked.school.bundle(unpacked.withdrawn[0]))
    report = json.loads(cairn(home, "verify", file, "--json").stdout)
    assert (report["verdict"], report["reason"]) == ("invalid", "revoked")


def test_mirror_judges_a_part_when_it_is_shown_and_does_not_know_it_else(unpacked: Unpacked, tmp_path: Path) -> None:
    mirror = Mirror(tmp_path / "mirror", tmp_path / "home", unpacked.serving.url)
    mirror.start()
    try:
        told = [verified(mirror, content) for content in unpacked.bundles]
        assert [one["verdict"] for one in told] == ["valid", "invalid", "valid"]
        assert mirror.http.get(f"/v1/credentials/{unpacked.parts[0]}/status").status_code == httpx.codes.NOT_FOUND
        bare = json.dumps(json.loads(unpacked.bundles[0])["document"]).encode()
        assert verified(mirror, bare)["verdict"] == "unknown"
        programme = mirror.http.get(f"/v1/programmes/{SLUG}/BSC-DATA")
        assert loaded(programme)["edition"] == 2
    finally:
        mirror.close()


def test_parts_are_there_when_a_ledger_was_restored(tmp_path: Path) -> None:
    serving = Serving(tmp_path / "data", tmp_path / "home")
    serving.start()
    try:
        school = open_school(serving)
        publish_programme(school)
        diploma, parts = unpack(school, "Before The Backup")
        backup = tmp_path / "backup"
        assert cairn(serving.home, "backup", "--data", serving.data, "--to", backup).returncode == 0
        assert school.post(f"/v1/credentials/{parts[0]}/revocation", {"reason": "other"}).is_success
        _, lost = unpack(school, "After The Backup")
        held = school.bundle(lost[0])
        for part in (*parts, *lost):
            evidence(serving, part)
    finally:
        serving.close()
    survived = shutil.copytree(serving.data / "log", tmp_path / "survived")
    place = tmp_path / "again"
    shutil.copytree(serving.data.with_name("data.keys"), place / "data.keys")
    restored = cairn(serving.home, "restore", "--from", backup, "--data", place / "data", "--log", survived)
    assert restored.returncode == 0, restored.stderr
    again = Serving(place / "data", serving.home)
    again.start()
    try:
        assert [status(again, part)["state"] for part in parts] == ["revoked", "active", "active"]
        # Unpacked after the backup: the ledger has lost what opens it; whoever was handed a bundle has not.
        assert again.http.get(f"/v1/credentials/{lost[0]}/status").status_code == httpx.codes.NOT_FOUND
        assert verified(again, held)["verdict"] == "valid"
        school = Caller(again, school.key)
        refused = school.post(
            "/v1/unpackings",
            {
                "diploma": diploma,
                "programme": "BSC-DATA",
                "completed": [{"module": "M1", "completed_on": "2025-01-15"}],
            },
        )
        assert refused.status_code == httpx.codes.CONFLICT
        _, fresh = unpack(school, "After The Restore")
        assert status(again, fresh[0])["verdict"] == "valid"
    finally:
        again.close()
