"""Key-encryption keys: what opens the vault, and is kept where the data's backups are not.

A key ring is a directory of files ``kek-<id>.key``, each 32 random bytes in hexadecimal, readable by the owner alone.
New data is wrapped under the newest key; older ones stay until what they wrap has been re-wrapped. Whoever has a copy
of the data directory but not of this directory can open nothing.

A key that wraps nothing any more still opens old backups. It is retired with a date (``kek-<id>.retired`` beside it)
and destroyed after it, which makes those backups worthless. A ring that is open in a serving process notices new keys.

Wrapped form: ``id (4) || nonce (12) || AES-256-GCM ciphertext and tag``, the context as associated data.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.error import KeyEncryptionError

KEY_BYTES = 32
NONCE_BYTES = 12
ID_BYTES = 4

RandomBytes = Callable[[int], bytes]


class KeyRing:
    """Wraps small secrets under key-encryption keys.

    Args:
        keys: Keys by id (8 hexadecimal digits), in order of age.
        random: Source of randomness.
        directory: Where they are; None: they are never read again.
    """

    def __init__(self, keys: Mapping[str, bytes], random: RandomBytes, directory: Path | None = None) -> None:
        self._directory = directory
        self._seen = _stamp(directory)
        self._random = random
        self._take(keys)

    @property
    def directory(self) -> Path:
        """Where the keys are. Raises KeyEncryptionError when they are in no directory."""
        if self._directory is None:
            message = "these key-encryption keys are in no directory"
            raise KeyEncryptionError(message)
        return self._directory

    @property
    def current(self) -> bytes:
        """Id of the newest key, 4 bytes, as it stands before what it wraps."""
        self._follow()
        return self._ring[0]

    @property
    def ids(self) -> list[str]:
        """Ids of every key, oldest first."""
        self._follow()
        return [key_id.hex() for key_id in self._ring[1]]

    def wrap(self, secret: bytes, context: bytes) -> bytes:
        """Wrap *secret* under the newest key, bound to *context*."""
        return self.wrapper()(secret, context)

    def wrapper(self) -> Callable[[bytes, bytes], bytes]:
        """What wraps as :meth:`wrap` does, under the key that is the newest now: for many secrets of one command."""
        self._follow()
        current, ciphers = self._ring
        cipher = ciphers[current]

        def wrap(secret: bytes, context: bytes) -> bytes:
            nonce = self._random(NONCE_BYTES)
            return current + nonce + cipher.encrypt(nonce, secret, context)

        return wrap

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Open what :meth:`wrap` made with the same *context*.

        Raises:
            KeyEncryptionError: The key is not on the ring, or the bytes or the context are not the ones wrapped.
        """
        key_id, rest = wrapped[:ID_BYTES], wrapped[ID_BYTES:]
        if key_id not in self._ring[1]:
            self._follow()
        cipher = self._ring[1].get(key_id)
        if cipher is None:
            message = (
                f"key-encryption key {key_id.hex()} is not on the key ring; restore its file kek-{key_id.hex()}.key"
            )
            raise KeyEncryptionError(message)
        try:
            return cipher.decrypt(rest[:NONCE_BYTES], rest[NONCE_BYTES:], context)
        except (InvalidTag, ValueError) as error:
            message = "a wrapped secret does not open: it was altered, or belongs to another place"
            raise KeyEncryptionError(message) from error

    def _take(self, keys: Mapping[str, bytes]) -> None:
        if not keys:
            message = "a key ring holds at least one key-encryption key"
            raise KeyEncryptionError(message)
        ciphers = {bytes.fromhex(key_id): AESGCM(key) for key_id, key in keys.items()}
        self._ring = (bytes.fromhex(list(keys)[-1]), ciphers)  # one assignment: safe for other threads

    def _follow(self) -> None:
        """Read the directory again if it has changed: another process may have added or destroyed a key."""
        stamp = _stamp(self._directory)
        if self._directory is not None and stamp is not None and stamp != self._seen:
            self._take(_read_keys(self._directory))
            self._seen = stamp


def _stamp(directory: Path | None) -> int | None:
    try:
        return None if directory is None else directory.stat().st_mtime_ns
    except OSError:
        return None  # it has gone; what was read is what there is


def open_key_ring(directory: Path, random: RandomBytes) -> KeyRing:
    """Open the key ring in *directory*, making it with one key when there is none.

    Raises:
        KeyEncryptionError: A key file is not 32 bytes in hexadecimal.
    """
    _make_first_key(directory, random)
    return KeyRing(_read_keys(directory), random, directory)


@contextmanager
def tried_key_ring(directory: Path, random: RandomBytes) -> Iterator[KeyRing]:
    """Open a key ring as :func:`open_key_ring` does, and take the key that was made for it away if it opens nothing.

    Two machines may begin one ledger at the same moment, each with a key of its own, and one of them is the ledger's.
    The other must not stay: beside the right keys, when they are copied with their times, it would be the newest.

    Raises:
        KeyEncryptionError: A key file is none, or no key opens what is done with the ring inside.
    """
    made = _make_first_key(directory, random)
    try:
        yield KeyRing(_read_keys(directory), random, directory)
    except KeyEncryptionError as error:
        # Beside a key of another process over this directory it stays: that one may have wrapped something under it.
        if made is None or [file.name for file in directory.glob("kek-*.key")] != [f"kek-{made}.key"]:
            raise
        destroy_key(directory, made, random)
        message = f"this ledger was begun elsewhere at the same moment; copy its key files (kek-*.key) into {directory}"
        raise KeyEncryptionError(message) from error


def holds_keys(directory: Path) -> bool:
    """Whether any key is in *directory*, which need not be there."""
    return any(directory.glob("kek-*.key"))


def _make_first_key(directory: Path, random: RandomBytes) -> str | None:
    """Make the directory, and a key when it has none; return the id of a key that was made."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return None if holds_keys(directory) else add_key(directory, random)


def _read_keys(directory: Path) -> dict[str, bytes]:
    keys: dict[str, bytes] = {}
    for file in sorted(directory.glob("kek-*.key"), key=lambda file: (file.stat().st_mtime_ns, file.name)):
        try:
            key_id = file.stem.removeprefix("kek-")
            keys[bytes.fromhex(key_id).hex()] = _read_key(file)
        except ValueError as error:
            message = f"{file.name} is not a key-encryption key: its name ends in 8, its text is 64 hexadecimal digits"
            raise KeyEncryptionError(message) from error
    return keys


def retire_key(directory: Path, key_id: str, destroy_after: datetime) -> None:
    """Say that a key opens old backups alone, and until when.

    Args:
        directory: The ring.
        key_id: 8 hexadecimal digits.
        destroy_after: From when it may be destroyed, aware.
    """
    marker = directory / f"kek-{key_id}.retired"
    unfinished = marker.with_suffix(".new")
    unfinished.write_text(f"{destroy_after.astimezone(UTC).isoformat()}\n", "ascii")
    unfinished.replace(marker)
    _sync_directory(directory)


def retired_keys(directory: Path) -> dict[str, datetime]:
    """Ids of retired keys, and from when each may be destroyed."""
    return {
        marker.stem.removeprefix("kek-"): datetime.fromisoformat(marker.read_text("ascii").strip())
        for marker in sorted(directory.glob("kek-*.retired"))
    }


def destroy_key(directory: Path, key_id: str, random: RandomBytes) -> None:
    """Overwrite and remove a key: what it alone wraps cannot be opened again, in any copy.

    A disk that moves blocks about may keep the old ones; there the disk's own encryption has to help.
    """
    file = directory / f"kek-{key_id}.key"
    if file.exists():
        with file.open("r+b") as stream:
            stream.write(random(2 * KEY_BYTES).hex()[: file.stat().st_size].encode())
            stream.flush()
            os.fsync(stream.fileno())
        file.unlink()
    (directory / f"kek-{key_id}.retired").unlink(missing_ok=True)
    _sync_directory(directory)


def _read_key(file: Path) -> bytes:
    key = bytes.fromhex(file.read_text("ascii").strip())
    if len(key) != KEY_BYTES:
        raise ValueError(file.name)
    return key


def add_key(directory: Path, random: RandomBytes) -> str:
    """Make a key, from now on the newest, and return its id.

    It is written durably under another name first: a crash leaves no file that looks like a key and is none.
    """
    name = f"kek-{random(ID_BYTES).hex()}"
    unfinished, file = directory / f"{name}.new", directory / f"{name}.key"
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write(random(KEY_BYTES).hex() + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    unfinished.rename(file)
    _sync_directory(directory)
    _sync_directory(directory.parent)
    return name.removeprefix("kek-")


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
