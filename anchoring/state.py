"""State commitments: the last entry of every published checkpoint.

A log alone proves that something was once written, never that nothing was written later. So the
last entry of each checkpoint commits to what all entries before it add up to: the status bits of
every credential, the current record of every institution. A proof at index = size - 1 shows
that it is the latest word.

Status trees: block b of a purpose is a bitstring of 131,072 bits (most significant bit first),
cut into 16 chunks of 1,024 bytes; chunk c of block b is leaf 16*b + c of an RFC 6962 tree.

Source: docs/spec/state-commitment.md; RFC 6962 section 2.1.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from anchoring.cosignature import CosignatureVerifier
from anchoring.entry import LOG_ITSELF, STATE_COMMITTED, Entry
from anchoring.error import MalformedError
from anchoring.tree import HASH_BYTES, MemoryTree, leaf_hash

CHUNK_BYTES: Final = 1024
BLOCK_BITS: Final = 131_072  # W3C Bitstring Status List: the smallest list it allows
BLOCK_BYTES: Final = BLOCK_BITS // 8
CHUNKS_PER_BLOCK: Final = BLOCK_BYTES // CHUNK_BYTES
CHUNK_BITS: Final = CHUNK_BYTES * 8
MAX_COUNT: Final = (1 << 53) - 1  # the integers that every JSON reader keeps exact
MAX_BODY_BYTES: Final = 4096

_HEX_HASH: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class StateCommitment:
    """What the entries [0, covered_size) add up to.

    Attributes:
        covered_size: Entries before this one; also this entry's index. At least 1.
        status_lists: Number of status-list blocks.
        revocation_root: Root over the revocation chunks, 32 bytes.
        suspension_root: Root over the suspension chunks, 32 bytes.
        directory_size: Number of institutions.
        directory_root: Root over the institutions' records, 32 bytes.
        cosigner: vkey (type 04) of the operator's heartbeat key.
    """

    covered_size: int
    status_lists: int
    revocation_root: bytes
    suspension_root: bytes
    directory_size: int
    directory_root: bytes
    cosigner: str

    def body(self) -> bytes:
        """Return the entry's body: JSON in one fixed order, without spaces."""
        return json.dumps(
            {
                "version": 1,
                "covered_size": self.covered_size,
                "status_lists": self.status_lists,
                "status_roots": {
                    "revocation": self.revocation_root.hex(),
                    "suspension": self.suspension_root.hex(),
                },
                "directory_size": self.directory_size,
                "directory_root": self.directory_root.hex(),
                "cosigner": self.cosigner,
            },
            separators=(",", ":"),
            ensure_ascii=False,
        ).encode()

    def entry(self) -> bytes:
        """Return the whole framed entry.

        Raises:
            MalformedError: covered_size is 0: there is nothing to commit to.
        """
        return Entry(STATE_COMMITTED, LOG_ITSELF, self.covered_size, self.body()).encode()


def parse_state_commitment(entry: Entry) -> StateCommitment:
    """Read a state commitment from its parsed entry.

    Raises:
        MalformedError: Another topic or originator, a version that is not covered_size, or a body
            that is not byte for byte what `StateCommitment.body` writes.

    Not checked: that the roots are right (an auditor folds the entries again), and that the
    entry stands at index covered_size (the caller knows the index).
    """
    if (entry.topic, entry.originator) != (STATE_COMMITTED, LOG_ITSELF):
        msg = "an entry that is no state commitment"
        raise MalformedError(msg)
    try:
        state = _read_members(_load_object(entry.body))
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        msg = "a state commitment that is not in its one form"
        raise MalformedError(msg) from error
    if state.body() != entry.body or state.covered_size != entry.version:
        msg = "a state commitment that is not in its one form"
        raise MalformedError(msg)
    CosignatureVerifier(state.cosigner)
    return state


def _load_object(body: bytes) -> dict[str, Any]:
    if len(body) > MAX_BODY_BYTES:
        msg = f"a body of {len(body)} bytes"
        raise ValueError(msg)
    members = json.loads(body.decode())
    if not isinstance(members, dict):
        msg = "a body that is no object"
        raise TypeError(msg)
    return members


def _read_members(members: dict[str, Any]) -> StateCommitment:
    return StateCommitment(
        covered_size=_count(members["covered_size"]),
        status_lists=_count(members["status_lists"]),
        revocation_root=_hash(members["status_roots"]["revocation"]),
        suspension_root=_hash(members["status_roots"]["suspension"]),
        directory_size=_count(members["directory_size"]),
        directory_root=_hash(members["directory_root"]),
        cosigner=str(members["cosigner"]),
    )


def _count(value: object) -> int:
    if type(value) is not int or not 0 <= value <= MAX_COUNT:
        msg = f"not a count: {value!r}"
        raise ValueError(msg)
    return value


def _hash(value: object) -> bytes:
    if not isinstance(value, str) or _HEX_HASH.fullmatch(value) is None:
        msg = f"not a hash of {HASH_BYTES} bytes: {value!r}"
        raise ValueError(msg)
    return bytes.fromhex(value)


def status_leaf(block: int, index: int) -> int:
    """Return the leaf number of the chunk that holds bit `index` (0..131071) of a block."""
    if block < 0 or not 0 <= index < BLOCK_BITS:
        msg = f"no status bit {index} in block {block}"
        raise ValueError(msg)
    return block * CHUNKS_PER_BLOCK + index // CHUNK_BITS


def read_status_bit(chunk: bytes, index: int) -> bool:
    """Return bit `index` (0..131071, within its block) from the chunk that holds it.

    Raises:
        ValueError: The chunk is not 1,024 bytes, or the index is out of range.
    """
    if len(chunk) != CHUNK_BYTES or not 0 <= index < BLOCK_BITS:
        msg = f"no status bit {index} in a chunk of {len(chunk)} bytes"
        raise ValueError(msg)
    within = index % CHUNK_BITS
    return bool(chunk[within >> 3] >> (7 - (within & 7)) & 1)


class StatusTree:
    """The status bits of one purpose and the tree over their chunks.

    Changing bits is cheap; the hashes above a changed chunk are brought up to date when a root
    or a proof is asked for. Not safe for concurrent use.
    """

    def __init__(self, bits: bytes = b"") -> None:
        """Start from whole blocks of 16,384 bytes each (none: the tree is empty).

        Raises:
            ValueError: The length is not a multiple of 16,384.
        """
        if len(bits) % BLOCK_BYTES:
            msg = f"{len(bits)} bytes are not whole blocks"
            raise ValueError(msg)
        self._bits = bytearray(bits)
        self._tree = MemoryTree(leaf_hash(self.chunk(leaf)) for leaf in range(len(self)))
        self._changed: set[int] = set()

    def __len__(self) -> int:
        """Return the number of leaves (chunks)."""
        return len(self._bits) // CHUNK_BYTES

    @property
    def blocks(self) -> int:
        """The number of blocks."""
        return len(self._bits) // BLOCK_BYTES

    def append_block(self) -> int:
        """Add a block of zero bits and return its number."""
        self._bits += bytes(BLOCK_BYTES)
        self._tree.extend([leaf_hash(bytes(CHUNK_BYTES))] * CHUNKS_PER_BLOCK)
        return self.blocks - 1

    def set_bit(self, block: int, index: int, *, value: bool) -> None:
        """Set bit `index` (0..131071) of a block.

        Raises:
            IndexError: There is no such block.
            ValueError: The index is out of range.
        """
        leaf = status_leaf(block, index)
        at = block * BLOCK_BYTES + (index >> 3)
        mask = 0x80 >> (index & 7)
        self._bits[at] = self._bits[at] | mask if value else self._bits[at] & ~mask
        self._changed.add(leaf)

    def bit(self, block: int, index: int) -> bool:
        """Return bit `index` (0..131071) of a block; IndexError if there is no such block."""
        status_leaf(block, index)
        return bool(self._bits[block * BLOCK_BYTES + (index >> 3)] & 0x80 >> (index & 7))

    def chunk(self, leaf: int) -> bytes:
        """Return the 1,024 bytes of a leaf."""
        return bytes(self._bits[leaf * CHUNK_BYTES : (leaf + 1) * CHUNK_BYTES])

    def block(self, number: int) -> bytes:
        """Return the 16,384 bytes of a block."""
        return bytes(self._bits[number * BLOCK_BYTES : (number + 1) * BLOCK_BYTES])

    def root(self) -> bytes:
        """Return the root, 32 bytes; EMPTY_ROOT when there is no block."""
        return self._current().root()

    def inclusion_proof(self, leaf: int) -> list[bytes]:
        """Return the audit path of a leaf.

        Raises:
            ValueError: There is no such leaf.
        """
        return self._current().inclusion_proof(leaf)

    def _current(self) -> MemoryTree:
        for leaf in self._changed:
            self._tree.replace(leaf, leaf_hash(self.chunk(leaf)))
        self._changed.clear()
        return self._tree
