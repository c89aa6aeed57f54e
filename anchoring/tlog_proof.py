"""Inclusion proofs as files that any C2SP client reads.

    c2sp.org/tlog-proof@v1
    extra <base64 of bytes that the proof does not cover>
    index <decimal>
    <base64 of 32 bytes>
    ...

    <the checkpoint, a signed note, verbatim>

The `extra` line may be absent. In Cairn's files it holds the entry itself, whose leaf hash the proof is about; so it is
authenticated after all, by whoever hashes it.

Source: C2SP tlog-proof.
"""

import base64
from dataclasses import dataclass
from typing import Final

from anchoring.checkpoint import Checkpoint, parse_checkpoint
from anchoring.error import MalformedError
from anchoring.note import decode_base64, parse_note
from anchoring.tree import HASH_BYTES, leaf_hash, verify_inclusion

MAGIC: Final = "c2sp.org/tlog-proof@v1"
MAX_HASHES: Final = 63  # trees stay below 2**63 entries
MAX_EXTRA_BYTES: Final = 65_535  # an entry at most; C2SP tlog-tiles
MAX_FILE_BYTES: Final = 256 * 1024
_MAX_INDEX: Final = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class TlogProof:
    """That an entry stands in a log.

    Attributes:
        index: The entry's index.
        hashes: Inclusion proof, leaf side first, 32 bytes each.
        note: The signed checkpoint that it leads to.
        extra: Bytes that travel along; None if there are none.
    """

    index: int
    hashes: tuple[bytes, ...]
    note: bytes
    extra: bytes | None = None

    def encode(self) -> bytes:
        """Write the file."""
        lines = [MAGIC]
        if self.extra is not None:
            lines.append(f"extra {base64.b64encode(self.extra).decode()}")
        lines.append(f"index {self.index}")
        lines += [base64.b64encode(one).decode() for one in self.hashes]
        return "\n".join([*lines, "", ""]).encode() + self.note

    def checkpoint(self) -> Checkpoint:
        """Read the checkpoint; its signatures are not verified here. Raises MalformedError."""
        return parse_checkpoint(parse_note(self.note).text)

    def verify_entry(self, entry: bytes) -> None:
        """Check that an entry stands at the index under the checkpoint.

        Raises:
            ProofError: It does not.
            MalformedError: The checkpoint is none.

        Not checked: who signed the checkpoint.
        """
        checkpoint = self.checkpoint()
        verify_inclusion(
            leaf=leaf_hash(entry), index=self.index, size=checkpoint.size, proof=self.hashes, root=checkpoint.root
        )


def parse_tlog_proof(content: bytes) -> TlogProof:
    """Read a file, all or nothing.

    Raises:
        MalformedError: It is none, is too long, or is not in canonical form.
    """
    if len(content) > MAX_FILE_BYTES:
        raise MalformedError(f"a proof of more than {MAX_FILE_BYTES} bytes")
    head, separator, note = content.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise MalformedError("a proof that is not ASCII above its checkpoint") from error
    if not separator or lines[0] != MAGIC:
        raise MalformedError(f"not a proof that begins with {MAGIC} and ends in a checkpoint")
    extra, rest = _extra(lines[1:])
    if not rest:
        raise MalformedError("a proof without an index")
    hashes = tuple(decode_base64(line) for line in rest[1:])
    if len(hashes) > MAX_HASHES or any(len(one) != HASH_BYTES for one in hashes):
        raise MalformedError(f"a proof is at most {MAX_HASHES} hashes of {HASH_BYTES} bytes")
    proof = TlogProof(_index(rest[0]), hashes, note, extra)
    proof.checkpoint()
    return proof


def _extra(lines: list[str]) -> tuple[bytes | None, list[str]]:
    if not lines or not lines[0].startswith("extra "):
        return None, lines
    extra = decode_base64(lines[0].removeprefix("extra "))
    if len(extra) > MAX_EXTRA_BYTES:
        raise MalformedError(f"more than {MAX_EXTRA_BYTES} extra bytes")
    return extra, lines[1:]


def _index(line: str) -> int:
    digits = line.removeprefix("index ")
    if digits == line or not digits.isdecimal() or len(digits) > len(str(_MAX_INDEX)):
        raise MalformedError("a line that is not «index» and a decimal number")
    index = int(digits)
    if str(index) != digits or index > _MAX_INDEX:
        raise MalformedError("an index that is not in canonical form")
    return index
