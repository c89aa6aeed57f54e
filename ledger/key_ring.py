"""Key-encryption keys: what opens the vault, and is kept where the data's backups are not.

A key ring is a directory of files ``kek-<id>.key``, each 32 random bytes in hexadecimal, readable by the owner alone.
New data is wrapped under the newest key; older ones stay until what they wrap has been re-wrapped. Whoever has a copy
of the data directory but not of this directory can open nothing.

Wrapped form: ``id (4) || nonce (12) || AES-256-GCM ciphertext and tag``, the context as associated data.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
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
    """

    def __init__(self, keys: Mapping[str, bytes], random: RandomBytes) -> None:
        if not keys:
            message = "a key ring holds at least one key-encryption key"
            raise KeyEncryptionError(message)
        self._ciphers = {bytes.fromhex(key_id): AESGCM(key) for key_id, key in keys.items()}
        self._current = bytes.fromhex(list(keys)[-1])
        self._random = random

    def wrap(self, secret: bytes, context: bytes) -> bytes:
        """Wrap *secret* under the newest key, bound to *context*."""
        nonce = self._random(NONCE_BYTES)
        return self._current + nonce + self._ciphers[self._current].encrypt(nonce, secret, context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Open what :meth:`wrap` made with the same *context*.

        Raises:
            KeyEncryptionError: The key is not on the ring, or the bytes or the context are not the ones wrapped.
        """
        key_id, rest = wrapped[:ID_BYTES], wrapped[ID_BYTES:]
        cipher = self._ciphers.get(key_id)
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


def open_key_ring(directory: Path, random: RandomBytes) -> KeyRing:
    """Open the key ring in *directory*, making it with one key when there is none.

    Raises:
        KeyEncryptionError: A key file is not 32 bytes in hexadecimal.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    files = sorted(directory.glob("kek-*.key"), key=lambda file: (file.stat().st_mtime_ns, file.name))
    if not files:
        files = [_make_key_file(directory, random)]
    keys: dict[str, bytes] = {}
    for file in files:
        try:
            key_id = file.stem.removeprefix("kek-")
            keys[bytes.fromhex(key_id).hex()] = _read_key(file)
        except ValueError as error:
            message = f"{file.name} is not a key-encryption key: its name ends in 8, its text is 64 hexadecimal digits"
            raise KeyEncryptionError(message) from error
    return KeyRing(keys, random)


def _read_key(file: Path) -> bytes:
    key = bytes.fromhex(file.read_text("ascii").strip())
    if len(key) != KEY_BYTES:
        raise ValueError(file.name)
    return key


def _make_key_file(directory: Path, random: RandomBytes) -> Path:
    """Write a key durably under another name first: a crash leaves no file that looks like a key and is none."""
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
    return file


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
