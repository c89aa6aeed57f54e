"""What a data directory is once and for all: its public address, its log's origin, whether it is a demonstration.

These stand in every signed document and checkpoint, so they are decided when the directory is made, kept in
``identity.json`` there, and not taken from the settings of whoever starts a server later.
"""

from __future__ import annotations

import os
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from api.setting import Settings

FILE_NAME = "identity.json"
MIRROR_FILE = "mirror.json"
"""In the directory of a mirror, where no ledger belongs."""


class IdentityError(ValueError):
    """The settings contradict what the data directory has been since it was made."""


class Identity(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Identity of a ledger."""

    base_url: str
    origin: str
    demonstration: bool

    @property
    def did_host(self) -> str:
        """Host and port that the institutions' did:web identifiers name.

        did:web forbids IP addresses; a ledger on the loopback address names itself ``localhost``.
        """
        parts = urlsplit(self.base_url)
        host = parts.hostname or "localhost"
        with suppress(ValueError):  # a name, not an address
            host = "localhost" if ip_address(host).is_loopback else host
        return host if parts.port is None else f"{host}:{parts.port}"


def settle_identity(settings: Settings) -> Identity:
    """Read the identity of ``settings.data_dir``, or settle it from *settings* when the directory is new.

    Raises:
        IdentityError: The file is not readable, or an explicit setting contradicts it.
    """
    file = settings.data_dir / FILE_NAME
    chosen = Identity(base_url=settings.base_url, origin=settings.log_origin, demonstration=settings.demonstration)
    try:
        kept = msgspec.json.decode(file.read_bytes(), type=Identity)
    except FileNotFoundError:
        write_durably(file, msgspec.json.format(msgspec.json.encode(chosen)) + b"\n")
        return chosen
    except msgspec.MsgspecError as error:
        message = f"{file} cannot be read ({error}); restore it from a backup"
        raise IdentityError(message) from error
    if settings.origin is not None and settings.origin != kept.origin:
        message = f"the log in {settings.data_dir} is {kept.origin!r} and cannot become {settings.origin!r}"
        raise IdentityError(message)
    return kept


def write_durably(file: Path, content: bytes) -> None:
    """Write a small file whole or not at all; it is on the disk when this returns."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_suffix(".new")
    with temporary.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(file)
