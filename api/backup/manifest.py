"""What a backup says of itself: which files, which bytes, and how far log and events had come.

Source: docs/spec/backup.md.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from api.backup.error import BackupError

FORMAT: Final = "cairn/backup/v1"
MANIFEST: Final = "manifest.json"
CHUNK: Final = 1 << 20
Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
_PATH = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]+[a-z0-9./-]*\Z", max_length=200)]


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file: its path below the backup, its size in bytes, its SHA-256."""

    path: _PATH
    size: int
    sha256: Digest


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything about a backup.

    Attributes:
        format: `cairn/backup/v1`.
        made_at: When it was begun, RFC 3339.
        origin: Origin line of the log.
        log_size: Entries of the log that it holds; 0 if nothing was published.
        checkpoint: That checkpoint, signed by the log alone; empty if there was none.
        position: Position of the newest event in it.
        keys: Ids of the key-encryption keys that open it; the keys themselves are not in it.
        files: Every file, but the manifest.
    """

    format: Literal["cairn/backup/v1"]
    made_at: str
    origin: str
    log_size: int
    checkpoint: str
    position: int
    keys: tuple[str, ...]
    files: tuple[File, ...]


def digest_of(path: Path) -> File:
    """Return size and digest of a file, under its own name."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return File(path.name, size, digest.hexdigest())


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Write the manifest, last of all: a directory without one is no backup."""
    unfinished = directory / f"{MANIFEST}.new"
    with unfinished.open("wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(manifest)))
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(directory / MANIFEST)
    sync(directory)


def read_manifest(directory: Path) -> Manifest:
    """Read a backup's manifest.

    Raises:
        BackupError: There is none, or it is not in its form.
    """
    try:
        raw = (directory / MANIFEST).read_bytes()
    except FileNotFoundError as error:
        message = f"{directory} is not a whole backup: it has no {MANIFEST}"
        raise BackupError(message) from error
    try:
        manifest = msgspec.json.decode(raw, type=Manifest)
    except msgspec.MsgspecError as error:
        message = f"{MANIFEST} cannot be read: {error}"
        raise BackupError(message) from error
    if any(".." in file.path.split("/") for file in manifest.files):
        message = f"{MANIFEST} names a path outside the backup"
        raise BackupError(message)
    return manifest


def require_files(directory: Path, manifest: Manifest) -> None:
    """Compare every file with the manifest.

    Raises:
        BackupError: One is missing or has other bytes; the message names it.
    """
    for file in manifest.files:
        try:
            found = digest_of(directory / file.path)
        except FileNotFoundError as error:
            message = f"{file.path} is missing from the backup"
            raise BackupError(message) from error
        if (found.size, found.sha256) != (file.size, file.sha256):
            message = f"{file.path} is not what was backed up: the backup is damaged"
            raise BackupError(message)


def sync(path: Path) -> None:
    """Bring a file or a directory to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
