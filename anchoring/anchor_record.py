"""What the log says of its own time anchors: one entry for each proof it was given.

An anchor is taken over a published checkpoint; its digest is then an entry of the log, under the
next checkpoint, which the next anchor covers. So anchors chain, and none can be quietly dropped.

Source: docs/spec/log.md.
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from anchoring.entry import ANCHOR_RECORDED, LOG_ITSELF, Entry
from anchoring.error import MalformedError

FIRST_KINDS: Final = ("rfc3161", "cosignature")
"""Kinds that version 1 of the body knows; any other is written as version 2."""
MAX_NAME_CHARACTERS: Final = 128
MAX_BODY_BYTES: Final = 4096
MAX_SIZE: Final = (1 << 53) - 1  # the integers that every JSON reader keeps exact

_KIND: Final = re.compile(r"[a-z][a-z0-9-]{0,31}", re.ASCII)
_HEX_HASH: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_TIME_FORMAT: Final = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class AnchorRecord:
    """One time anchor, as logged.

    Attributes:
        kind: "rfc3161", "cosignature", or another name of 1..32 lower-case letters, digits and dashes.
        name: The anchor's name in the operator's configuration, 1..128 characters.
        checkpoint_size: Size of the checkpoint it was taken over.
        checkpoint_root: Root of that checkpoint, 32 bytes.
        token_sha256: SHA-256 of the token's bytes, 32 bytes.
        time: What the token says, aware UTC, whole seconds (a fraction is cut off).
    """

    kind: str
    name: str
    checkpoint_size: int
    checkpoint_root: bytes
    token_sha256: bytes
    time: datetime

    def body(self) -> bytes:
        """Return the entry's body: JSON in one fixed order, without spaces."""
        return json.dumps(
            {
                "version": 1 if self.kind in FIRST_KINDS else 2,
                "kind": self.kind,
                "name": self.name,
                "checkpoint_size": self.checkpoint_size,
                "checkpoint_root": self.checkpoint_root.hex(),
                "token_sha256": self.token_sha256.hex(),
                "time": self.time.astimezone(UTC).strftime(_TIME_FORMAT),
            },
            separators=(",", ":"),
            ensure_ascii=False,
        ).encode()

    def entry(self, number: int) -> bytes:
        """Return the framed entry; `number` is the anchor's running number in the log, from 1."""
        return Entry(ANCHOR_RECORDED, LOG_ITSELF, number, self.body()).encode()


def require_anchor_name(name: str) -> None:
    """Raise MalformedError unless an anchor of this name can be recorded."""
    if not 1 <= len(name) <= MAX_NAME_CHARACTERS or not name.isprintable():
        raise MalformedError("an anchor name that is empty, too long or not printable")


def parse_anchor_record(entry: Entry) -> AnchorRecord:
    """Read an anchor record from its parsed entry.

    Raises:
        MalformedError: Another topic or originator, or a body that is not byte for byte what
            `AnchorRecord.body` writes.

    Not checked: the token, which the log does not hold, and that the numbers run on.
    """
    if (entry.topic, entry.originator) != (ANCHOR_RECORDED, LOG_ITSELF):
        raise MalformedError("an entry that is no anchor record")
    try:
        record = _read_members(entry.body)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise MalformedError("an anchor record that is not in its one form") from error
    if record.body() != entry.body:
        raise MalformedError("an anchor record that is not in its one form")
    return record


def _read_members(body: bytes) -> AnchorRecord:
    if len(body) > MAX_BODY_BYTES:
        raise ValueError(len(body))
    members: dict[str, Any] = json.loads(body.decode())
    kind, name, size = members["kind"], members["name"], members["checkpoint_size"]
    if not isinstance(kind, str) or not _KIND.fullmatch(kind) or not isinstance(name, str):
        raise ValueError(kind)
    require_anchor_name(name)
    if type(size) is not int or not 1 <= size <= MAX_SIZE:
        raise ValueError(size)
    return AnchorRecord(
        kind=kind,
        name=name,
        checkpoint_size=size,
        checkpoint_root=_hash(members["checkpoint_root"]),
        token_sha256=_hash(members["token_sha256"]),
        time=datetime.strptime(members["time"], _TIME_FORMAT).replace(tzinfo=UTC),
    )


def _hash(value: object) -> bytes:
    if not isinstance(value, str) or _HEX_HASH.fullmatch(value) is None:
        raise ValueError(value)
    return bytes.fromhex(value)
