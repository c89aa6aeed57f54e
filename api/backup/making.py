"""Making a backup while the ledger serves.

1. Copy `log.db`, or make it of what several processes share in PostgreSQL: what the log has committed to.
2. Copy events, vault and access after it into `ledger.db`, out of that file or out of PostgreSQL, so that every event
   that the log knows is there: the log is never ahead of the events.
3. Copy the tiles of the log's size, whatever has been added since. Where `log.db` was copied between committing a step
   and writing its tiles, they come from the bundles that are staged in it.
4. Write the manifest, last of all. A crash before that leaves a directory that nobody takes for a backup.

Each database is copied as it is at one moment; writers go on beside it. The key-encryption keys stay where they
are: who has the backup alone can open nothing that is personal.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from anchoring.checkpoint import Checkpoint, parse_checkpoint
from anchoring.checkpoint_store import SqliteCheckpointStore
from anchoring.mirror import LogMirror
from anchoring.note import parse_note
from anchoring.recovery import copy_staged
from anchoring.storage import CheckpointStore, DirectoryTileStore, Published, TileStore
from api.backup.error import BackupError
from api.backup.manifest import FORMAT, Manifest, digest_of, sync, write_manifest
from api.database import SQLITE_FILE, copy_file, copy_ledger, ledger_is_there
from api.identity import FILE_NAME, Identity
from api.log_node import LOG_DATABASE
from api.log_place import LOG_DIRECTORY, open_tiles
from api.setting import Settings
from api.sharing import copy_memory
from ledger.document import instant_text
from ledger.key_ring import ID_BYTES

WRAPPED: Final = (("vault_secret", "wrapped"), ("vault_learner", "wrapped"), ("vault_signing_key", "wrapped"))
"""Where wrapped keys are; each begins with the id of the key-encryption key."""

Note = Callable[[str], None]


def make_backup(settings: Settings, target: Path, now: datetime, note: Note) -> Manifest:
    """Copy a ledger into the new directory *target*.

    Args:
        settings: Where the ledger is; it may be served.
        target: Made here; must not exist, or be empty.
        now: The present instant.
        note: Told in words what is being copied.

    Raises:
        BackupError: There is no ledger, *target* is in use, or what is copied contradicts itself.
        IdentityError: The setting of the database contradicts where the ledger is.
        StorageError: PostgreSQL failed; *target* is left without a manifest.
        OSError, sqlite3.Error: A disk failed; *target* is left without a manifest.
    """
    data = settings.data_dir
    if not ledger_is_there(data):
        message = f"there is no ledger in {data}"
        raise BackupError(message)
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    if any(target.iterdir()):
        message = f"{target} is not empty; a backup gets a directory of its own"
        raise BackupError(message)
    # 1. and 2. The databases, the log's first.
    note(LOG_DATABASE)
    if settings.tiles is None:
        copy_file(data / LOG_DATABASE, target / LOG_DATABASE)
    else:
        copy_memory(settings, target / LOG_DATABASE)
    note(SQLITE_FILE)
    copy_ledger(settings, target / SQLITE_FILE)
    sync(target / SQLITE_FILE)
    shutil.copyfile(data / FILE_NAME, target / FILE_NAME)
    # 3. The tiles.
    published = _copy_log(open_tiles(settings), target, note)
    # 4. The manifest.
    note("manifest")
    manifest = _manifest(target, published, now)
    write_manifest(target, manifest)
    return manifest


def _copy_log(source: TileStore, target: Path, note: Note) -> Published | None:
    """Copy the tiles of what the copied log.db commits to; opening it makes a missing one, empty."""
    store = SqliteCheckpointStore(target / LOG_DATABASE)
    try:
        published = store.load()
        if published is not None:
            note(LOG_DIRECTORY)
            _copy_tiles(source, target, parse_checkpoint(parse_note(published.note).text), store)
        return published
    finally:
        store.close()


def _copy_tiles(source: TileStore, target: Path, checkpoint: Checkpoint, store: CheckpointStore) -> None:
    """Copy the tiles of one size, each checked against the root, whatever has been added since."""
    copy = DirectoryTileStore(target / LOG_DIRECTORY)
    staged = store.staged()
    if staged is not None:
        if staged.size == checkpoint.size:
            copy_staged(source.read, copy, staged, checkpoint)
        store.discard_staged(staged.size)  # the copy is a whole one, with nothing to be finished
    for _ in LogMirror(copy, source.read).copy(None, checkpoint):
        pass


def _manifest(target: Path, published: Published | None, now: datetime) -> Manifest:
    files = tuple(
        msgspec.structs.replace(digest_of(path), path=path.relative_to(target).as_posix())
        for path in sorted(target.rglob("*"))
        if path.is_file()
    )
    for file in files:
        sync(target / file.path)
    position, keys = _contents(target / SQLITE_FILE)
    return Manifest(
        format=FORMAT,
        made_at=instant_text(now),
        origin=msgspec.json.decode((target / FILE_NAME).read_bytes(), type=Identity).origin,
        log_size=0 if published is None else published.size,
        checkpoint="" if published is None else published.note.decode(),
        position=position,
        keys=keys,
        files=files,
    )


def _contents(database: Path) -> tuple[int, tuple[str, ...]]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as opened:
        newest = opened.execute("SELECT MAX(position) FROM stored_events").fetchone()[0]
        keys: set[str] = set()
        for table, column in WRAPPED:
            rows = opened.execute(f"SELECT DISTINCT substr({column}, 1, {ID_BYTES}) FROM {table}")  # noqa: S608  names of ours
            keys |= {bytes(row[0]).hex() for row in rows}
    return newest or 0, tuple(sorted(keys))
