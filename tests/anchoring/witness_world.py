"""A log to be witnessed, with its proofs, and a witness over a real store."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anchoring.add_checkpoint import format_add_checkpoint
from anchoring.checkpoint import Checkpoint
from anchoring.note import NoteSigner, format_note
from anchoring.tlog_policy import parse_log_key
from anchoring.tree import MemoryTree, leaf_hash
from anchoring.witness import Witness
from anchoring.witness_store import SqliteWitnessStore, WitnessKeys
from tests.anchoring.doubles import ORIGIN, Clock

KEYS = WitnessKeys("north.example/witness", bytes([7] * 32), bytes([8] * 32))


@dataclass
class Tree:
    """A log of numbered entries that can sign any of its states; `branch` makes its entries differ."""

    branch: str = ""
    origin: str = ORIGIN
    seed: int = 1
    size: int = 600
    signer: NoteSigner = field(init=False)

    def __post_init__(self) -> None:
        self.signer = NoteSigner(self.origin, Ed25519PrivateKey.from_private_bytes(bytes([self.seed] * 32)))
        self.leaves = [leaf_hash(f"{self.branch}{number}".encode()) for number in range(self.size)]

    def tree(self, size: int) -> MemoryTree:
        return MemoryTree(self.leaves[:size])

    def checkpoint(self, size: int) -> Checkpoint:
        return Checkpoint(self.origin, size, self.tree(size).root())

    def note(self, size: int) -> bytes:
        text = self.checkpoint(size).text()
        return format_note(text, [self.signer.sign(text)])

    def proof(self, old: int, new: int) -> Sequence[bytes]:
        return self.tree(new).consistency_proof(old) if 0 < old < new else []

    def request(self, old: int, new: int) -> bytes:
        return format_add_checkpoint(old, self.proof(old, new), self.note(new))


@dataclass
class WitnessWorld:
    """A witness that knows one log."""

    store: SqliteWitnessStore
    log: Tree
    clock: Clock

    def start(self) -> Witness:
        """Return a witness over the same store, as after a restart."""
        return Witness(KEYS.cosigners(), self.store, self.clock)


def make_world(directory: Path) -> WitnessWorld:
    """Return a witness with an empty store in a directory."""
    store = SqliteWitnessStore(directory / "witness.db")
    store.keep_keys(KEYS)
    log = Tree()
    store.trust(parse_log_key(log.signer.vkey))
    return WitnessWorld(store, log, Clock())
