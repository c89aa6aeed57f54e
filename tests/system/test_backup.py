"""The drill: a backup under load, an erasure after it, the data lost, and the way back."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from anchoring.checkpoint import Checkpoint, parse_checkpoint
from anchoring.checkpoint_store import SqliteCheckpointStore
from anchoring.note import format_note, parse_note
from anchoring.publication import LogKeys
from anchoring.reader import LogReader
from anchoring.storage import DirectoryTileStore, Staged
from anchoring.tile import TILE_WIDTH, TileId
from api.ledger_node import open_ledger, system_clock
from api.log_node import log_keys
from api.setting import Settings
from tests.system.school import SLUG, Caller, evidence, open_school, status
from tests.system.serving import CAIRN, Serving, cairn, environment, quick_cairn

SECRET_NAME = "Ülle Kustutatu-Õnnepäev"


@dataclass(frozen=True)
class Drill:
    """A ledger, a backup of it, and what happened since."""

    serving: Serving
    backup: Path
    before: str
    erased: str
    during: list[str]
    after: str
    revoked: str


def backed_up(serving: Serving, target: Path) -> None:
    done = cairn(serving.home, "backup", "--data", serving.data, "--to", target, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["format"] == "cairn/backup/v1"


@pytest.fixture(scope="module")
def drill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drill]:
    directory = tmp_path_factory.mktemp("drill")
    serving = Serving(directory / "data", directory / "home")
    serving.start()
    school = open_school(serving)
    before = school.issue("Before The Backup")["id"]
    revoked = school.issue("Revoked Afterwards")["id"]
    erased = school.issue(SECRET_NAME)["id"]
    during = under_load(school, lambda: backed_up(serving, directory / "backup"))
    assert len(during) > 3
    done = cairn(serving.home, "erase", "--credential", erased, "--yes", "--data", serving.data)
    assert done.returncode == 0, done.stderr
    after = school.issue("After The Backup")["id"]
    assert school.post(f"/v1/credentials/{revoked}/revocation", {"reason": "other"}).status_code == 200
    for one in (before, revoked, erased, after, *during):
        evidence(serving, one)
    serving.kill()
    yield Drill(serving, directory / "backup", before, erased, during, after, revoked)
    serving.close()


def under_load(school: Caller, work: object) -> list[str]:
    """Issue awards for as long as *work* takes; returns their ids."""
    stop = threading.Event()
    made: list[str] = []

    def issue() -> None:
        own = Caller(school.serving, school.key)
        while not stop.is_set():
            made.append(own.issue(f"Under load {len(made)}")["id"])

    loading = threading.Thread(target=issue)
    loading.start()
    try:
        assert callable(work)
        work()
    finally:
        stop.set()
        loading.join()
    return made


def lose(drill: Drill, tmp_path: Path) -> Path:
    """Copy what survives, the public log, and lose the rest."""
    survived = tmp_path / "survived"
    shutil.copytree(drill.serving.data / "log", survived)
    return survived


def restored(drill: Drill, tmp_path: Path, *arguments: str | Path) -> tuple[int, str, str]:
    shutil.copytree(drill.serving.data.with_name("data.keys"), tmp_path / "data.keys", dirs_exist_ok=True)
    done = cairn(
        drill.serving.home, "restore", "--from", drill.backup, "--data", tmp_path / "data", "--json", *arguments
    )
    return done.returncode, done.stdout, done.stderr


def test_restore_goes_on_where_the_world_saw_the_log_last(drill: Drill, tmp_path: Path) -> None:
    code, out, err = restored(drill, tmp_path, "--log", lose(drill, tmp_path))
    assert code == 0, err
    report = json.loads(out)
    assert report["erasures_applied"] == 1
    assert report["events_recovered"] >= 3
    assert report["awards_without_documents"] >= 1
    # Nothing of the erased learner is in any file, and the backup's copy opens with the same keys no more.
    for file in (tmp_path / "data").rglob("*"):
        if file.is_file():
            assert SECRET_NAME.encode() not in file.read_bytes(), file
    again = Serving(tmp_path / "data", tmp_path / "home", {"CAIRN_BASE_URL": drill.serving.url})
    fsck = quick_cairn(tmp_path / "home", "fsck", "--data", tmp_path / "data", "--json")
    assert fsck.returncode == 0, fsck.stdout
    again.start()
    try:
        for one in (drill.before, drill.erased, drill.after, *drill.during):
            assert status(again, one)["state"] == "active"
            evidence(again, one)
        assert status(again, drill.revoked)["state"] == "revoked"
        operator = cairn(again.home, "access", "grant", "--institution", SLUG, "--data", again.data).stdout.strip()
        school = Caller(again, operator)
        assert school.get(f"/v1/credentials/{drill.before}/bundle").status_code == 200
        for gone in (drill.erased, drill.after):
            assert school.get(f"/v1/credentials/{gone}/bundle").status_code == 410
        evidence(again, school.issue("After the restore")["id"])
        audited = quick_cairn(again.home, "audit", again.url, "--json")
        assert audited.returncode == 0, audited.stdout
        assert again.stop() == 0
    finally:
        again.close()
    fsck = quick_cairn(tmp_path / "home", "fsck", "--data", tmp_path / "data", "--json")
    assert fsck.returncode == 0, fsck.stdout
    # What the world had seen is still there, byte for byte.
    old = (tmp_path / "survived" / "checkpoint").read_bytes().split(b"\n")[1]
    new = (tmp_path / "data" / "log" / "checkpoint").read_bytes().split(b"\n")[1]
    assert int(new) > int(old)


def test_restore_wants_the_log_of_today_or_a_word_that_there_is_none(drill: Drill, tmp_path: Path) -> None:
    code, _, err = restored(drill, tmp_path)
    assert (code, "--log" in err, "--without-log" in err) == (64, True, True)
    assert not (tmp_path / "data").exists()
    code, out, err = restored(drill, tmp_path, "--without-log")
    assert code == 0, err
    assert (json.loads(out)["events_recovered"], json.loads(out)["erasures_applied"]) == (0, 0)


def test_backup_is_whole_when_the_log_had_committed_a_step_and_not_written_its_tiles(tmp_path: Path) -> None:
    serving = Serving(tmp_path / "lived" / "data", tmp_path / "home")
    serving.start()
    try:
        school = open_school(serving)
        for name in ("One", "Two"):
            evidence(serving, school.issue(name)["id"])
    finally:
        serving.kill()
    size = forget_the_last_tiles(serving.data)
    backed_up(serving, tmp_path / "backup")
    shutil.copytree(serving.data.with_name("data.keys"), tmp_path / "data.keys")
    done = cairn(
        tmp_path, "restore", "--from", tmp_path / "backup", "--data", tmp_path / "data", "--without-log", "--json"
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["log_size"] == size
    fsck = quick_cairn(tmp_path, "fsck", "--data", tmp_path / "data", "--json")
    assert fsck.returncode == 0, fsck.stdout


def forget_the_last_tiles(data: Path) -> int:
    """Put a stopped log back to the moment between committing its last step and writing the tiles; returns its size."""
    tiles, store = DirectoryTileStore(data / "log"), SqliteCheckpointStore(data / "log.db")
    published = store.load()
    assert published is not None
    *_, old_size, size = tiles.partials(TileId(0, 0))
    assert size == published.size < TILE_WIDTH
    bundle = TileId(None, 0, size)
    content = tiles.read(bundle.path)
    assert content is not None
    store.stage(Staged(old_size, size, ((bundle, content),)))
    store.close()
    for path in (bundle.path, TileId(0, 0, size).path):
        (data / "log" / path).unlink()
    return size


def test_restore_refuses_the_log_of_another_ledger(
    drill: Drill, serving: Serving, school: Caller, tmp_path: Path
) -> None:
    evidence(serving, school.issue()["id"])
    for other in (serving.data / "log", serving.url):
        code, _, err = restored(drill, tmp_path, "--log", other)
        assert (code, "not this ledger's" in err) == (3, True)
        assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("entries", [1, 2, 10_000], ids=["one", "two", "all"])
def test_restore_refuses_a_shorter_log_of_another_history_and_takes_its_own(
    drill: Drill, entries: int, tmp_path: Path
) -> None:
    """Signed by the same key, no longer than the backup, and not the beginning of it: a fork."""
    tiles = lose(drill, tmp_path)
    backed = parse_checkpoint(
        parse_note(json.loads((drill.backup / "manifest.json").read_text())["checkpoint"].encode()).text
    )
    size = min(entries, backed.size)
    own = LogReader(DirectoryTileStore(tiles).read, backed).root(size)
    signer = signer_of(drill, tmp_path)
    for root, expected in ((bytes(32), 3), (own, 0)):
        text = Checkpoint(backed.origin, size, root).text()
        (tiles / "checkpoint").write_bytes(format_note(text, signer.sign(text)))
        code, _, err = restored(drill, tmp_path, "--log", tiles)
        assert (code, "two histories" in err) == (expected, expected == 3), err
        assert (tmp_path / "data").exists() == (expected == 0)


def signer_of(drill: Drill, tmp_path: Path) -> LogKeys:
    """The log's own keys, from a copy of the ledger."""
    shutil.copytree(drill.serving.data.with_name("data.keys"), tmp_path / "own.keys")
    shutil.copytree(drill.serving.data, tmp_path / "own")
    node = open_ledger(Settings(data_dir=tmp_path / "own"), clock=system_clock)
    try:
        return log_keys(node)
    finally:
        node.close()


def test_restore_refuses_a_damaged_backup_and_names_the_file(drill: Drill, tmp_path: Path) -> None:
    manifest = json.loads((drill.backup / "manifest.json").read_text())
    copy = tmp_path / "copy"
    for name in ("ledger.db", "log.db", "identity.json", "log/tile/entries/"):
        path = next(file["path"] for file in manifest["files"] if file["path"].startswith(name))
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(drill.backup, copy)
        content = bytearray((copy / path).read_bytes())
        content[len(content) // 2] ^= 1
        (copy / path).write_bytes(content)
        done = cairn(tmp_path, "restore", "--from", copy, "--data", tmp_path / "data", "--without-log")
        assert (done.returncode, path in done.stderr) == (3, True)
    (copy / "manifest.json").unlink()
    done = cairn(tmp_path, "restore", "--from", copy, "--data", tmp_path / "data", "--without-log")
    assert (done.returncode, "not a whole backup" in done.stderr) == (3, True)
    assert not (tmp_path / "data").exists()


def test_restore_refuses_when_the_keys_are_elsewhere_or_the_place_is_taken(drill: Drill, tmp_path: Path) -> None:
    done = cairn(tmp_path, "restore", "--from", drill.backup, "--data", tmp_path / "data", "--without-log")
    assert (done.returncode, "key-encryption keys" in done.stderr) == (3, True)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "something").write_text("precious")
    code, _, err = restored(drill, tmp_path, "--without-log")
    assert (code, "not empty" in err) == (3, True)
    assert (tmp_path / "data" / "something").read_text() == "precious"


def test_backup_holds_no_key_and_goes_into_an_empty_place_only(drill: Drill, tmp_path: Path) -> None:
    keys = [path.read_text().strip() for path in drill.serving.data.with_name("data.keys").glob("*.key")]
    files = [path for path in drill.backup.rglob("*") if path.is_file()]
    assert keys
    assert files
    for key in keys:
        assert not any(key.encode() in path.read_bytes() or bytes.fromhex(key) in path.read_bytes() for path in files)
    assert not any(SECRET_NAME.encode() in path.read_bytes() for path in files)
    done = cairn(tmp_path, "backup", "--data", drill.serving.data, "--to", drill.backup)
    assert (done.returncode, "not empty" in done.stderr) == (3, True)
    done = cairn(tmp_path, "backup", "--data", tmp_path / "nowhere", "--to", tmp_path / "new")
    assert (done.returncode, "no ledger" in done.stderr) == (3, True)


def test_old_store_under_a_newer_log_is_refused_and_says_how_to_go_on(drill: Drill, tmp_path: Path) -> None:
    """Copying the files of a backup back by hand would fork the log."""
    shutil.copytree(drill.serving.data.with_name("data.keys"), tmp_path / "data.keys")
    for name, log_db in (("events", drill.serving.data), ("both", drill.backup)):
        data = tmp_path / name
        shutil.copytree(drill.serving.data, data)
        for old in data.glob("ledger.db*"):
            old.unlink()
        for old in data.glob("log.db*"):
            old.unlink()
        shutil.copy(drill.backup / "ledger.db", data)
        for file in log_db.glob("log.db*"):
            shutil.copy(file, data)
        settings = {"CAIRN_BASE_URL": drill.serving.url, "CAIRN_KEK_DIR": str(tmp_path / "data.keys")}
        server = Serving(data, tmp_path / "home", settings)
        with pytest.raises(AssertionError):
            server.start()
        said = server.output_file.read_text()
        assert "cairn restore" in said, said
        server.close()


def test_backup_can_be_made_of_a_ledger_without_a_log(tmp_path: Path) -> None:
    granted = cairn(tmp_path, "access", "grant", "--data", tmp_path / "data")
    assert granted.returncode == 0
    done = cairn(tmp_path, "backup", "--data", tmp_path / "data", "--to", tmp_path / "backup", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["log_size"] == 0
    shutil.copytree(tmp_path / "data.keys", tmp_path / "new.keys")
    done = cairn(tmp_path, "restore", "--from", tmp_path / "backup", "--data", tmp_path / "new", "--without-log")
    assert done.returncode == 0, done.stderr


def test_old_backup_opens_until_its_key_is_destroyed(tmp_path: Path) -> None:
    serving = Serving(tmp_path / "data", tmp_path / "home")
    serving.start()
    try:
        school = open_school(serving)
        award = school.issue()["id"]
        backed_up(serving, tmp_path / "backup")
        vault = partial(kept_for, serving, "0")
        [old] = [one["id"] for one in vault("keys")]
        rotated = vault("rotate")  # while it serves
        assert [(one["id"] == old, one["is_current"], one["rows"] > 0) for one in rotated] == [
            (True, False, False),
            (False, True, True),
        ]
        assert school.get(f"/v1/credentials/{award}/bundle").status_code == 200
        school.issue("After the rotation")
        words: list[str | Path] = ["restore", "--from", tmp_path / "backup", "--without-log", "--data"]
        assert with_keys(serving, *words, tmp_path / "one").returncode == 0
        assert vault("destroy-retired") == {"destroyed": [old]}
        done = with_keys(serving, *words, tmp_path / "two")
        assert (done.returncode, f"kek-{old}.key" in done.stderr) == (3, True)
        school.issue("After the destruction")
        assert serving.stop() == 0
    finally:
        serving.close()
    assert quick_cairn(serving.home, "fsck", "--data", serving.data).returncode == 0


def kept_for(serving: Serving, days: str, *words: str) -> Any:  # noqa: ANN401  any JSON
    done = with_keys(serving, "vault", *words, "--data", serving.data, "--json", CAIRN_BACKUP_RETENTION_DAYS=days)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def with_keys(serving: Serving, *words: str | Path, **settings: str) -> subprocess.CompletedProcess[str]:
    own = {"CAIRN_KEK_DIR": str(serving.data.with_name("data.keys")), **settings}
    return subprocess.run(
        [CAIRN, *words], env=environment(serving.home, own), capture_output=True, text=True, timeout=60, check=False
    )
