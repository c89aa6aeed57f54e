r"""Entries: four lines that say what follows, then the event's stored bytes, verbatim.

    cairn-entry/v1\n
    credential.revoked.v1\n
    0190a3c1d2e38f4aa6f1c0ffee123456\n
    2\n
    {"reason":"incorrect_data", ...}

The lines are the frame's version, the topic, the originator's UUID as 32 lower-case hex digits,
and the event's version of that originator in decimal. The body is never parsed nor written
again: what the event store holds is what the log commits to.

Source: docs/spec/entry.md.
"""

import re
from binascii import unhexlify
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from anchoring.error import EntryTooLargeError, MalformedError
from anchoring.tile import MAX_ENTRY_BYTES

FRAME: Final = "cairn-entry/v1"
LOG_ITSELF: Final = UUID(int=0)
STATE_COMMITTED: Final = "log.state_committed.v1"
ANCHOR_RECORDED: Final = "log.anchor_recorded.v1"
ID_BYTES: Final = 16
MAX_VERSION: Final = (1 << 63) - 1  # what every event store keeps a version in

_TOPIC: Final = re.compile(r"[a-z0-9_.]{1,64}", re.ASCII)
_HEADER: Final = re.compile(rb"cairn-entry/v1\n([a-z0-9_.]{1,64})\n([0-9a-f]{32})\n([1-9][0-9]{0,18})\n")


@dataclass(frozen=True, slots=True)
class Entry:
    """One log entry.

    Attributes:
        topic: 1 to 64 of a-z, 0-9, underscore and full stop.
        originator: The aggregate; LOG_ITSELF for what the log adds.
        version: The event's version of its originator, 1 .. 2**63 - 1.
        body: The event's stored bytes.
    """

    topic: str
    originator: UUID
    version: int
    body: bytes

    def encode(self) -> bytes:
        """Return the entry's bytes.

        Raises:
            MalformedError: The topic or the version is out of its range.
            EntryTooLargeError: The whole would exceed 65,535 bytes.
        """
        return frame_entry(self.topic, self.originator.bytes, self.version, self.body)


def frame_entry(topic: str, originator: bytes, version: int, body: bytes) -> bytes:
    """Return the bytes of an entry from its parts; see `Entry`.

    Args:
        topic: 1 to 64 of a-z, 0-9, underscore and full stop.
        originator: The aggregate's id, 16 bytes.
        version: 1 .. 2**63 - 1.
        body: The event's stored bytes.

    Raises:
        MalformedError: A part is out of its range.
        EntryTooLargeError: The whole would exceed 65,535 bytes.
    """
    if _TOPIC.fullmatch(topic) is None or len(originator) != ID_BYTES or not 1 <= version <= MAX_VERSION:
        msg = f"no entry can be framed for {topic!r} version {version}"
        raise MalformedError(msg)
    entry = f"{FRAME}\n{topic}\n{originator.hex()}\n{version}\n".encode() + body
    if len(entry) > MAX_ENTRY_BYTES:
        msg = f"an entry of {len(entry)} bytes; the limit is {MAX_ENTRY_BYTES}"
        raise EntryTooLargeError(msg)
    return entry


def parse_entry(entry: bytes) -> Entry:
    """Read an entry; the frame must be exactly what `Entry.encode` writes.

    Raises:
        MalformedError: Any other frame.
        EntryTooLargeError: More than 65,535 bytes.

    Not checked: the body.
    """
    topic, originator, version, body = split_entry(entry)
    return Entry(topic, UUID(bytes=originator), version, body)


def split_entry(entry: bytes) -> tuple[str, bytes, int, bytes]:
    """Read an entry into the arguments of `frame_entry`; errors as `parse_entry`, at half of its cost."""
    if len(entry) > MAX_ENTRY_BYTES:
        msg = f"an entry of {len(entry)} bytes; the limit is {MAX_ENTRY_BYTES}"
        raise EntryTooLargeError(msg)
    header = _HEADER.match(entry)
    if header is None or (version := int(header[3])) > MAX_VERSION:
        msg = "bytes that do not start with an entry frame"
        raise MalformedError(msg)
    return header[1].decode(), unhexlify(header[2]), version, entry[header.end() :]
