"""What a log asks of a witness, and what the witness may answer: `add-checkpoint`.

    old 20852014                                          <- size the witness cosigned last
    PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=          <- consistency proof, at most 63 hashes
    jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
                                                          <- an empty line
    example.com/behind-the-sofa                           <- the signed checkpoint, whole
    20852163
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

    — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/...

Source: C2SP tlog-witness, add-checkpoint.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from anchoring.checkpoint import Checkpoint, parse_size, unverified_checkpoint
from anchoring.error import MalformedError
from anchoring.note import Note, decode_base64, parse_note
from anchoring.tree import HASH_BYTES

MAX_PROOF_LINES: Final = 63  # C2SP tlog-witness; a proof between trees below 2**63 is no longer
MAX_REQUEST_BYTES: Final = 131_072
"""Largest body: 63 proof lines and a note of some 35 ML-DSA-44 signatures; 16 have to be accepted."""
SIZE_TYPE: Final = "text/x.tlog.size"
_OLD: Final = "old "


class Outcome(Enum):
    """What a witness may answer. The HTTP status of each: C2SP tlog-witness."""

    COSIGNED = auto()  # 200
    MALFORMED = auto()  # 400: the body, or an old size above the checkpoint's
    UNTRUSTED = auto()  # 403: no signature by a trusted key, or a wrong one
    UNKNOWN_LOG = auto()  # 404
    CONFLICT = auto()  # 409: the old size is not what was cosigned last; the body says what was
    INCONSISTENT = auto()  # 422: the proof fails, or an equal size has another root
    UNAVAILABLE = auto()  # any other status: the witness cannot answer now


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """A request, read and not verified.

    Attributes:
        old_size: Size of the checkpoint that the proof starts from; 0 for none.
        proof: Hashes of the consistency proof, 32 bytes each.
        note: The signed checkpoint.
        checkpoint: What the note says.
    """

    old_size: int
    proof: tuple[bytes, ...]
    note: Note
    checkpoint: Checkpoint


def format_add_checkpoint(old_size: int, proof: Sequence[bytes], note: bytes) -> bytes:
    """Return the body of a request.

    Args:
        old_size: Size that the witness is believed to have cosigned last.
        proof: Consistency proof from it, hashes of 32 bytes; empty from 0.
        note: The checkpoint, signed by the log.
    """
    lines = [f"{_OLD}{old_size}\n", *(f"{base64.b64encode(one).decode()}\n" for one in proof), "\n"]
    return "".join(lines).encode() + note


def parse_add_checkpoint(body: bytes) -> AddCheckpoint:
    """Read the body of a request.

    Raises:
        MalformedError: More than 131,072 bytes, no `old` line in canonical form, a proof line that is
            not 32 bytes of canonical base64, more than 63 of them, or no signed checkpoint of three
            lines behind the empty line.

    Not checked: every signature, the proof, and whether an empty tree has the right root.

    Source: C2SP tlog-witness.
    """
    if len(body) > MAX_REQUEST_BYTES:
        raise MalformedError(f"a request of {len(body)} bytes; the limit is {MAX_REQUEST_BYTES}")
    head, empty, rest = body.partition(b"\n\n")
    try:
        first, *proof = head.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise MalformedError("a request whose first lines are not ASCII") from error
    if not empty or not first.startswith(_OLD):
        raise MalformedError("a request that does not begin with an old size, a proof and an empty line")
    if len(proof) > MAX_PROOF_LINES:
        raise MalformedError(f"a proof of {len(proof)} lines; the limit is {MAX_PROOF_LINES}")
    note = parse_note(rest)
    checkpoint = unverified_checkpoint(note.text)
    return AddCheckpoint(parse_size(first.removeprefix(_OLD)), tuple(map(_read_hash, proof)), note, checkpoint)


def parse_conflict(body: bytes) -> int:
    """Read the size in the body of a 409; MalformedError unless it is canonical decimal and a newline."""
    try:
        text = body.decode("ascii")
    except UnicodeDecodeError as error:
        raise MalformedError("a size that is not ASCII") from error
    if not text.endswith("\n"):
        raise MalformedError("a size without its newline")
    return parse_size(text[:-1])


def _read_hash(line: str) -> bytes:
    raw = decode_base64(line)
    if len(raw) != HASH_BYTES:
        raise MalformedError(f"a proof line of {len(raw)} bytes")
    return raw
