"""The mirror's directory: what it follows, the largest head it ever saw, and the proofs of a log's misbehaviour.

::

    DIR/mirror.json      what is followed, and whose signature counts; written once
    DIR/seen             the largest signed head that was ever shown, as it came
    DIR/log/             the copy: tiles, and the checkpoint that everything up to it was verified under
    DIR/views/           folded from the copy; can be made again
    DIR/documents/       status lists and anchor tokens, as their signers made them
    DIR/forks/N/         both signed notes of a fork, the proof between them, and what it means in words

A crash leaves each file whole, old or new. Source: docs/mirror.md.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from anchoring.checkpoint import Checkpoint
from anchoring.error import ConflictError
from anchoring.head import HeadComparison
from anchoring.lock import SequencerLock
from api.identity import MIRROR_FILE
from api.mirror.error import DirectoryError

IDENTITY_FILE: Final = MIRROR_FILE
SEEN_FILE: Final = "seen"
LOCK_FILE: Final = "mirror.lock"
DOCUMENTS: Final = "documents"
FORKS: Final = "forks"
WORDS_FILE: Final = "README.txt"
LEDGER_FILES: Final = ("ledger.db", "database.json", "log.db", "identity.json")


class MirrorIdentity(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a mirror follows; decided at its first start.

    Attributes:
        version: Of this file, 1.
        origin: Origin of the log.
        vkey: The log's key at the first start.
        pinned: Whether that key was taken from the ledger itself, and not from a policy.
        ledger_url: Address of the ledger, as it stands in its documents.
        demonstration: Whether the ledger says that its content is made up.
    """

    version: int
    origin: str
    vkey: str
    pinned: bool
    ledger_url: str
    demonstration: bool


class MirrorDirectory:
    """Keeps what a mirror must not forget. One process at a time; :meth:`acquire` sees to it.

    Args:
        path: The directory.
    """

    def __init__(self, path: Path) -> None:
        self.path: Final = path
        self._lock = SequencerLock(path / LOCK_FILE)

    def acquire(self) -> None:
        """Make the directory and take it for this process.

        Raises:
            DirectoryError: It belongs to a ledger, or another process follows into it.
        """
        for name in LEDGER_FILES:
            if (self.path / name).exists():
                message = f"{self.path} is the directory of a ledger; follow into one of its own"
                raise DirectoryError(message)
        self.path.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire()
        except ConflictError as error:
            message = f"another process follows into {self.path}; two would get in each other's way"
            raise DirectoryError(message) from error

    def release(self) -> None:
        """Let another process have it."""
        self._lock.release()

    def identity(self) -> MirrorIdentity | None:
        """What is followed, None before the first start. Raises DirectoryError when the file is damaged."""
        stored = self._read(IDENTITY_FILE)
        if stored is None:
            return None
        try:
            return msgspec.json.decode(stored, type=MirrorIdentity)
        except msgspec.MsgspecError as error:
            message = (
                f"{self.path / IDENTITY_FILE} cannot be read ({error}); restore it, or follow into a new directory"
            )
            raise DirectoryError(message) from error

    def settle(self, identity: MirrorIdentity) -> None:
        """Write down what is followed."""
        self._write(self.path / IDENTITY_FILE, msgspec.json.format(msgspec.json.encode(identity)) + b"\n")

    def seen(self) -> bytes | None:
        """The largest signed head that was ever shown."""
        return self._read(SEEN_FILE)

    def remember(self, note: bytes) -> None:
        """Keep the largest signed head; durable when this returns."""
        self._write(self.path / SEEN_FILE, note)

    def document(self, name: str) -> bytes | None:
        """A kept document of the ledger."""
        return self._read(f"{DOCUMENTS}/{name}")

    def keep_document(self, name: str, content: bytes) -> None:
        """Keep a document that was verified."""
        self._write(self.path / DOCUMENTS / name, content)

    def record(self, words: str, notes: Mapping[str, bytes], comparison: HeadComparison | None = None) -> Path:
        """Keep the proof that a log misbehaved: all of it, or after a crash nothing.

        Args:
            words: What was found and what it means.
            notes: Signed notes by file name.
            comparison: The proof between two heads of unequal size.
        """
        number = len(self.forks()) + 1
        place, incoming = self.path / FORKS / str(number), self.path / FORKS / f".{number}"
        for name, note in notes.items():
            self._write(incoming / name, note)
        if comparison is not None and comparison.prefix_root is not None:
            lines = [comparison.prefix_root, *comparison.proof]
            text = "".join(f"{base64.b64encode(line).decode()}\n" for line in lines)
            self._write(incoming / "proof", text.encode())
        self._write(incoming / WORDS_FILE, f"{words}\n".encode())
        incoming.rename(place)
        _sync(place.parent)
        return place

    def forks(self) -> list[str]:
        """The words of every recorded misbehaviour, oldest first."""
        with suppress(FileNotFoundError):
            places = [place for place in (self.path / FORKS).iterdir() if place.name.isdecimal()]
            ordered = sorted(places, key=lambda place: int(place.name))
            return [(place / WORDS_FILE).read_text("utf-8").strip() for place in ordered]
        return []

    def _read(self, name: str) -> bytes | None:
        try:
            return (self.path / name).read_bytes()
        except FileNotFoundError:
            return None

    def _write(self, file: Path, content: bytes) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        incoming = file.with_name(f".{file.name}.incoming")
        with incoming.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        incoming.replace(file)
        _sync(file.parent)


def fork_words(seen: Checkpoint, shown: Checkpoint) -> str:
    """Say what two heads that exclude each other mean."""
    return (
        f"The log {seen.origin} has signed two histories. It once showed {seen.size} entries with root "
        f"{seen.root.hex()}, and later {shown.size} entries with root {shown.root.hex()}; neither is the beginning of "
        "the other. Both notes carry its signature, which nobody else can make: they are the proof. Keep them, show "
        "them to whoever relies on this log, and ask its operator. Nothing was taken from the second history; what was "
        "verified before is served on and grows old."
    )


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
