"""Audits and fsck: nothing to find in a whole ledger, and every kind of damage found and named in copies of it."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final
from uuid import UUID

import lmdb
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anchoring.note import NoteSigner
from tests.system.school import Json, claim, evidence, open_school
from tests.system.serving import Serving, cairn, quick_cairn

AWARDS: Final = 300
"""More than the 256 entries of one tile, so that there are full and partial tiles."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A served ledger with a history: awards, a revocation, a suspension. Tests leave it running and whole."""
    directory = tmp_path_factory.mktemp("whole")
    server = Serving(directory / "data", directory / "home")
    server.start()
    school = open_school(server)
    answered = school.post("/v1/credentials", {"credentials": [claim(f"Learner {n}") for n in range(AWARDS)]})
    ids = [award["id"] for award in answered.json()["credentials"]]
    assert school.post(
        f"/v1/credentials/{ids[5]}/revocation", {"reason": "incorrect_data", "note": "File 17."}
    ).is_success
    assert school.post(f"/v1/credentials/{ids[6]}/suspension", {"reason": "under_review"}).is_success
    evidence(server, ids[6])
    yield server
    server.close()


@pytest.fixture(scope="module")
def stopped(whole: Serving, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the data directory, made while its server was stopped."""
    assert whole.stop() == 0
    copy = _copy(whole.data, tmp_path_factory.mktemp("copy") / "data")
    whole.start()
    return copy


@pytest.fixture
def copy(stopped: Path, tmp_path: Path) -> Path:
    """A fresh copy to damage."""
    return _copy(stopped, tmp_path / "data")


def _copy(data: Path, to: Path) -> Path:
    shutil.copytree(data, to)
    shutil.copytree(f"{data}.keys", f"{to}.keys")
    return to


@contextmanager
def _served(data: Path) -> Iterator[Serving]:
    server = Serving(data, data.with_name("home"))
    server.start()
    try:
        yield server
    finally:
        server.close()


def _audit(server: Serving, home: Path | None = None) -> tuple[int, Json]:
    done = quick_cairn(home or server.home, "audit", server.url, "--json")
    return done.returncode, json.loads(done.stdout)


def _fsck(data: Path) -> tuple[int, list[Json]]:
    """Check *data*; return exit code and findings."""
    done = quick_cairn(data.with_name("home"), "fsck", "--data", data, "--json")
    findings: list[Json] = json.loads(done.stdout)["findings"]
    return done.returncode, findings


def _flip(file: Path, at: int | None = None) -> None:
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2 if at is None else at] ^= 0x10
    file.write_bytes(raw)


@contextmanager
def _rows(data: Path, view: str) -> Iterator[lmdb.Transaction]:
    """The rows of a stored view, to change behind its back."""
    directory = data / "views" / view
    generation = directory / (directory / "CURRENT").read_text().strip()
    with closing(lmdb.open(str(generation), map_size=64 << 30, max_dbs=2)) as environment:
        rows = environment.open_db(b"rows", create=False)
        with environment.begin(write=True, db=rows) as transaction:
            yield transaction


def _change_row(data: Path, view: str, change: Callable[[bytes, bytes], bytes | None]) -> bytes:
    """Change the first row of a stored view for which *change* gives something else; return its key."""
    with _rows(data, view) as transaction:
        for found, value in transaction.cursor():
            key = bytes(found)
            changed = change(key, bytes(value))
            if changed is not None:
                transaction.put(key, changed)
                return key
    message = f"no row of {view} could be changed"
    raise AssertionError(message)


def _unrevoked(_: bytes, value: bytes) -> bytes | None:
    """The stored facts of a revoked award as if nobody had revoked it."""
    facts = json.loads(value)
    kept = [event for event in facts["events"] if event["kind"] != "revoked"]
    return None if len(kept) == len(facts["events"]) else json.dumps({**facts, "events": kept}).encode()


def _cleared(key: bytes, value: bytes) -> bytes | None:
    return bytes(len(value)) if key[:1] == b"r" and any(value) else None


def test_audit_finds_no_difference_when_the_ledger_is_whole(whole: Serving) -> None:
    done = cairn(whole.home, "audit", whole.url, "--json")
    report: Json = json.loads(done.stdout)
    assert (done.returncode, report["differences"], report["findings"]) == (0, 0, [])
    size = int(whole.http.get("/log/checkpoint").text.splitlines()[1])
    assert report["entries"] == report["size"] == size
    assert sum(report["events"].values()) + report["commitments"] == size
    assert report["events"]["credential.issued.v1"] == report["credentials"] == AWARDS
    assert report["status_lists"] == 3  # two lists and a token of the one block
    again = cairn(whole.home, "audit", whole.url)
    assert again.returncode == 0
    assert f"extends the checkpoint of {size} entries" in again.stdout
    assert f"{size} entries checked, 0 differences" in again.stdout


def test_fsck_finds_nothing_when_the_ledger_is_whole(copy: Path) -> None:
    done = cairn(copy.with_name("home"), "fsck", "--data", copy, "--json")
    report: Json = json.loads(done.stdout)
    assert (done.returncode, report["findings"]) == (0, [])
    assert report["documents"] == AWARDS
    assert report["entries"] > AWARDS
    assert report["rows"] > AWARDS


def test_fsck_names_the_file_when_one_byte_of_any_stored_file_of_the_log_is_flipped(copy: Path) -> None:
    files = [file for file in sorted((copy / "log").rglob("*")) if file.is_file()]
    assert len(files) > 5
    unnamed = []
    for file in files:
        kept = file.read_bytes()
        _flip(file)
        code, findings = _fsck(copy)
        path = file.relative_to(copy / "log").as_posix()
        if code != 1 or not any(path in one["where"] or path in one["what"] for one in findings):
            unnamed.append((path, code, findings))
        file.write_bytes(kept)
    assert unnamed == []
    assert _fsck(copy) == (0, [])


@pytest.mark.parametrize("path", ["tile/0/000", "tile/entries/000"])
def test_audit_names_the_file_when_one_byte_of_it_is_flipped_while_it_is_served(copy: Path, path: str) -> None:
    with _served(copy) as server:
        _flip(copy / "log" / path)
        code, report = _audit(server)
        printed = quick_cairn(server.home, "audit", server.url)
    assert code == 1
    assert [one["code"] for one in report["findings"]] == ["log-damaged"], report["findings"]
    assert path in report["findings"][0]["what"]
    assert path in printed.stdout


@pytest.mark.parametrize("path", ["tile/0/000", "tile/entries/000"])
def test_server_refuses_to_start_when_a_file_of_the_log_is_damaged(copy: Path, path: str) -> None:
    _flip(copy / "log" / path)
    server = Serving(copy, copy.with_name("home"))
    try:
        with pytest.raises(AssertionError, match=path):
            server.start()
        assert server.ended() == 3
    finally:
        server.close()


def test_audit_and_fsck_name_the_award_when_its_stored_status_is_flipped(copy: Path) -> None:
    aggregate = _change_row(copy, "credential_status", _unrevoked).hex()
    code, findings = _fsck(copy)
    assert (code, [one["code"] for one in findings]) == (1, ["view-differs"])
    assert aggregate in findings[0]["where"]
    with _served(copy) as server:
        code, report = _audit(server)
    assert code == 1
    assert [(one["code"], one["where"]) for one in report["findings"]] == [("award-differs", aggregate)]


def test_audit_and_fsck_name_the_list_when_a_bit_of_it_is_flipped(copy: Path) -> None:
    key = _change_row(copy, "status_lists", _cleared).hex()
    code, findings = _fsck(copy)
    assert (code, [one["code"] for one in findings]) == (1, ["view-differs"])
    assert key in findings[0]["where"]
    with _served(copy) as server:
        code, report = _audit(server)
    assert code == 1
    found = {(one["code"], one["where"]) for one in report["findings"]}
    assert found == {("status-list-differs", "/status-lists/0"), ("status-list-differs", "/status-tokens/0")}


def test_fsck_names_the_row_when_a_view_holds_one_too_many(copy: Path) -> None:
    added = b"\xff" * 16
    with _rows(copy, "credential_status") as transaction:
        _, value = next(iter(transaction.cursor()))
        transaction.put(added, bytes(value))
    code, findings = _fsck(copy)
    assert code == 1
    assert any(added.hex() in one["where"] for one in findings)


def test_fsck_names_the_event_when_its_stored_row_is_changed(copy: Path) -> None:
    with closing(sqlite3.connect(copy / "ledger.db")) as database, database:
        position, state = database.execute(
            "SELECT position, state FROM stored_events WHERE topic='credential.revoked.v1'"
        ).fetchone()
        changed = bytes(state).replace(b"incorrect_data", b"under_review")
        assert changed != bytes(state)
        database.execute("UPDATE stored_events SET state=? WHERE position=?", (changed, position))
    code, findings = _fsck(copy)
    assert code == 1
    assert ("event-differs", f"event {position}") in [(one["code"], one["where"]) for one in findings]


@pytest.mark.parametrize(
    "table, column, code",
    [
        ("vault_signing_key", "wrapped", "key-unreadable"),
        ("vault_item", "sealed", "sealed-unreadable"),
        ("vault_item", "sealed", "document-unreadable"),
        ("vault_answer", "sealed", "answer-unreadable"),
    ],
)
def test_fsck_names_the_row_when_a_sealed_one_is_changed(copy: Path, table: str, column: str, code: str) -> None:
    with closing(sqlite3.connect(copy / "ledger.db")) as database, database:
        database.create_function("flipped", 1, lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]))
        changed = database.execute(f"UPDATE {table} SET {column}=flipped({column})")  # noqa: S608  names of our own
        assert changed.rowcount > 0
    exit_code, findings = _fsck(copy)
    assert exit_code == 1
    assert code in {one["code"] for one in findings}


def test_fsck_names_the_spending_when_nothing_was_made_with_it(copy: Path) -> None:
    with closing(sqlite3.connect(copy / "ledger.db")) as database, database:
        award, learner = database.execute("SELECT aggregate_id, learner FROM vault_item LIMIT 1").fetchone()
        row = (award, 1, learner, bytes(16), "stack", "ects", 1, 1, 0)
        database.execute("INSERT INTO vault_spending VALUES (?,?,?,?,?,?,?,?,?)", row)
    code, findings = _fsck(copy)
    assert (code, [one["code"] for one in findings]) == (1, ["spending-unfounded"])
    assert str(UUID(bytes=award)) in findings[0]["where"]


def test_fsck_names_the_event_when_its_stored_row_is_gone(copy: Path) -> None:
    with closing(sqlite3.connect(copy / "ledger.db")) as database, database:
        (position,) = database.execute("SELECT max(position) FROM stored_events").fetchone()
        database.execute("DELETE FROM stored_events WHERE position=?", (position,))
    code, findings = _fsck(copy)
    assert code == 1
    assert any(one["code"] == "event-missing" and str(position) in one["where"] for one in findings)


def test_fsck_names_the_award_when_its_sealed_document_is_changed(copy: Path) -> None:
    with closing(sqlite3.connect(copy / "ledger.db")) as database, database:
        kept, aggregate = database.execute("SELECT sealed, aggregate_id FROM vault_item LIMIT 1").fetchone()
        changed = bytes([*kept[:-1], kept[-1] ^ 1])
        database.execute("UPDATE vault_item SET sealed=? WHERE aggregate_id=?", (changed, aggregate))
    code, findings = _fsck(copy)
    assert (code, [one["code"] for one in findings]) == (1, ["document-unreadable"])
    assert bytes(aggregate).hex() in findings[0]["where"].replace("-", "")


def test_audit_finds_the_rollback_when_an_older_backup_is_served(stopped: Path, tmp_path: Path) -> None:
    data, auditor = _copy(stopped, tmp_path / "data"), tmp_path / "auditor"
    with _served(data) as server:
        school = open_school(server, "new-school")
        evidence(server, school.issue()["id"])
        assert _audit(server, auditor)[0] == 0
        size = _audit(server, auditor)[1]["previous_size"]
    older = _copy(stopped, tmp_path / "older")
    with _served(older) as server:
        code, report = _audit(server, auditor)
        assert code == 1
        assert "log-shrank" in [one["code"] for one in report["findings"]]
        # The old backup lives on and outgrows what was seen: then it is another history.
        school = open_school(server, "other-school")
        while report["size"] <= size:
            evidence(server, school.issue()["id"])
            code, report = _audit(server, auditor)
        assert code == 1
        assert "log-forked" in [one["code"] for one in report["findings"]]


def test_audit_says_whose_keys_differ_when_another_log_of_that_name_is_trusted(whole: Serving, tmp_path: Path) -> None:
    origin = whole.http.get("/log/vkey").text.partition("+")[0]
    other = NoteSigner(origin, Ed25519PrivateKey.from_private_bytes(b"7" * 32)).vkey
    assert quick_cairn(tmp_path, "trust", "add", other).returncode == 0
    done = quick_cairn(tmp_path, "audit", whole.url)
    assert done.returncode == 2
    assert f"cairn trust remove {other}" in done.stderr.replace("\n", "")
