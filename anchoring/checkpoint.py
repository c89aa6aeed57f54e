"""Checkpoints: the three lines that name one state of a log.

    demo.cairn.example/log                          <- origin
    70000                                           <- tree size, decimal
    fEQWqGsfxhwrN0KqSW9E3X8H9ZsTV2hVsnEPBx3FcXU=    <- root hash, base64

Extension lines are legal in the format and refused here: witnesses reject them, and newer
signature types do not cover them.

Source: C2SP tlog-checkpoint.
"""

import base64
import re
from dataclasses import dataclass
from typing import Final

from anchoring.error import MalformedError
from anchoring.note import Note, SignatureVerifier, decode_base64, require_note_text, verify_note
from anchoring.tile import MAX_TREE_SIZE
from anchoring.tree import EMPTY_ROOT, HASH_BYTES

_DECIMAL: Final = re.compile(r"0|[1-9][0-9]*", re.ASCII)
_LINES: Final = 3
_MAX_DECIMAL_DIGITS: Final = 19


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One state of a log: its origin, its size in entries, its root (32 bytes)."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """Return the note text, three lines each ending in a newline."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def parse_checkpoint(text: str) -> Checkpoint:
    """Read a checkpoint's text; it must be exactly what `Checkpoint.text` writes.

    Raises:
        MalformedError: As `unverified_checkpoint`, or an empty tree whose root is not SHA-256("").

    Source: C2SP tlog-checkpoint.
    """
    checkpoint = unverified_checkpoint(text)
    if checkpoint.size == 0 and checkpoint.root != EMPTY_ROOT:
        msg = "an empty tree with the root of another"
        raise MalformedError(msg)
    return checkpoint


def unverified_checkpoint(text: str) -> Checkpoint:
    """Read the three lines of a checkpoint's text.

    Raises:
        MalformedError: Not three lines, an empty origin, a size that is not canonical decimal or
            exceeds 2**63 - 1, or a root that is not 32 bytes of canonical base64.

    Not checked: that a tree of size 0 has the root of the empty tree, for which a witness has an
    answer of its own.

    Source: C2SP tlog-checkpoint.
    """
    require_note_text(text)
    lines = text[:-1].split("\n")
    if len(lines) != _LINES or not lines[0]:
        msg = "a checkpoint that is not origin, size, root"
        raise MalformedError(msg)
    root = decode_base64(lines[2])
    if len(root) != HASH_BYTES:
        msg = f"a root of {len(root)} bytes"
        raise MalformedError(msg)
    return Checkpoint(lines[0], parse_size(lines[1]), root)


def parse_size(text: str) -> int:
    """Read a tree size in canonical decimal, at most 2**63 - 1; MalformedError if it is not."""
    if _DECIMAL.fullmatch(text) is None or len(text) > _MAX_DECIMAL_DIGITS:
        msg = "a tree size that is not canonical decimal"
        raise MalformedError(msg)
    size = int(text)
    if size > MAX_TREE_SIZE:
        msg = f"a tree size above {MAX_TREE_SIZE}"
        raise MalformedError(msg)
    return size


def verify_checkpoint(note: Note, log: SignatureVerifier) -> Checkpoint:
    """Check the log's signature on a note and read the checkpoint in it.

    Args:
        note: The signed note (see `note.parse_note`).
        log: The log's key; its name is the origin it may sign for.

    Raises:
        SignatureError: The log did not sign it, or signed it wrongly.
        MalformedError: The text is not a checkpoint, or is of another origin.

    Not checked: cosignatures, freshness, consistency with any earlier checkpoint.

    Source: C2SP tlog-checkpoint.
    """
    verify_note(note, [log])
    checkpoint = parse_checkpoint(note.text)
    if checkpoint.origin != log.name:
        msg = f"a checkpoint of another origin than the key's, {log.name}"
        raise MalformedError(msg)
    return checkpoint
