"""The Merkle tree of RFC 6962 over SHA-256: hashes, proofs, and two ways to grow one.

    leaf(e)    = SHA-256(0x00 || e)
    node(l, r) = SHA-256(0x01 || l || r)
    root([])   = SHA-256("")
    root([h])  = h
    root(D[n]) = node(root(D[0:k]), root(D[k:n]))     k = the largest power of two below n

The two prefixes keep a leaf from ever passing for a node. Node (level, index) below means the
root of the *complete* subtree over the leaves [index << level, (index + 1) << level).

Source: RFC 6962 section 2.1; RFC 9162 sections 2.1.3 and 2.1.4 for the verifiers.
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import Final

from anchoring.error import ProofError

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = sha256(b"").digest()

NodeReader = Callable[[int, int], bytes]
"""Gives the hash of the complete subtree (level, index); asked for existing ones only."""


def leaf_hash(entry: bytes) -> bytes:
    """Hash one entry into its leaf.

    Args:
        entry: The entry's bytes, any length.

    Returns:
        32 bytes.

    Source: RFC 6962 section 2.1.
    """
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two child hashes (32 bytes each, not checked) into their parent's 32 bytes.

    Source: RFC 6962 section 2.1.
    """
    return sha256(b"\x01" + left + right).digest()


def tree_root(leaf_hashes: Iterable[bytes]) -> bytes:
    """Return the root over leaf hashes (32 bytes each); EMPTY_ROOT when there are none.

    Runs in one pass with O(log n) memory.
    """
    grown = CompactRange()
    grown.extend(leaf_hashes)
    return grown.root()


def _split(size: int) -> int:
    """Return the largest power of two strictly below size (size >= 2)."""
    return 1 << ((size - 1).bit_length() - 1)


def range_root(node: NodeReader, start: int, end: int) -> bytes:
    """Return the root over the leaves [start, end), from the complete subtrees inside it.

    Args:
        node: Gives complete subtrees.
        start: First leaf; must be a multiple of the smallest power of two >= end - start, as
            every range inside a tree's own recursion is.
        end: One past the last leaf; end > start.
    """
    size = end - start
    if size & (size - 1) == 0:
        level = size.bit_length() - 1
        return node(level, start >> level)
    middle = start + _split(size)
    return node_hash(range_root(node, start, middle), range_root(node, middle, end))


def inclusion_path(node: NodeReader, index: int, size: int) -> list[bytes]:
    """Return the audit path of leaf `index` in the tree of `size` leaves, leaf side first.

    Raises:
        ValueError: index is not in [0, size).

    Source: RFC 9162 section 2.1.3.1.
    """
    if not 0 <= index < size:
        msg = f"leaf {index} is not in a tree of {size}"
        raise ValueError(msg)
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(range_root(node, middle, end))
            end = middle
        else:
            path.append(range_root(node, start, middle))
            start = middle
    path.reverse()
    return path


def consistency_path(node: NodeReader, old: int, new: int) -> list[bytes]:
    """Return the proof that the tree of `old` leaves is a prefix of the tree of `new` leaves.

    Raises:
        ValueError: not 0 < old <= new. (Every tree extends the empty one; nothing proves it.)

    Source: RFC 9162 section 2.1.4.1.
    """
    if not 0 < old <= new:
        msg = f"no consistency proof from {old} to {new}"
        raise ValueError(msg)
    path: list[bytes] = []
    start, end, known = 0, new, True
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            path.append(range_root(node, middle, end))
            end = middle
        else:
            path.append(range_root(node, start, middle))
            start, known = middle, False
    if not known:
        path.append(range_root(node, start, end))
    path.reverse()
    return path


def verify_inclusion(*, leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that a leaf hash stands at `index` in the tree of `size` leaves with this root.

    Args:
        leaf: The leaf *hash*, 32 bytes.
        index: 0 <= index < size.
        size: Number of leaves.
        proof: The audit path, leaf side first, 32 bytes each.
        root: The root, 32 bytes.

    Raises:
        ProofError: The proof has the wrong length or leads elsewhere, or an argument is out of
            its range.

    Not checked: that the root is anybody's (see `checkpoint.verify_checkpoint`).

    Source: RFC 9162 section 2.1.3.2.
    """
    if not 0 <= index < size:
        msg = f"leaf {index} is not in a tree of {size}"
        raise ProofError(msg)
    _require_hashes((leaf, root, *proof))
    node, last, result = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            msg = "inclusion proof is too long"
            raise ProofError(msg)
        if node & 1 or node == last:
            result = node_hash(sibling, result)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            result = node_hash(result, sibling)
        node, last = node >> 1, last >> 1
    if last != 0 or result != root:
        msg = f"inclusion proof of leaf {index} does not lead to the root of size {size}"
        raise ProofError(msg)


def verify_consistency(
    *, old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Check that the tree of `old_size` leaves is a prefix of the tree of `new_size` leaves.

    Args:
        old_size: At least 1: every tree extends the empty one, so a proof from 0 says nothing.
        old_root: 32 bytes.
        new_size: At least old_size.
        new_root: 32 bytes.
        proof: Hashes of 32 bytes; empty exactly when the sizes are equal.

    Raises:
        ProofError: The proof has the wrong length or leads elsewhere, or an argument is out of
            its range.

    Not checked: that either root is anybody's.

    Source: RFC 9162 section 2.1.4.2.
    """
    if not 0 < old_size <= new_size:
        msg = f"no consistency from size {old_size} to {new_size}"
        raise ProofError(msg)
    _require_hashes((old_root, new_root, *proof))
    if old_size == new_size:
        if proof or old_root != new_root:
            msg = f"two different trees of size {old_size}, or a proof where none is due"
            raise ProofError(msg)
        return
    if old_size & (old_size - 1) == 0:
        proof = (old_root, *proof)  # a complete old tree is itself the first node of the path
    if not proof:
        msg = "consistency proof is empty"
        raise ProofError(msg)
    if _replay_consistency(old_size, new_size, proof) != (old_root, new_root):
        msg = f"size {new_size} is not an extension of size {old_size}"
        raise ProofError(msg)


def _replay_consistency(old_size: int, new_size: int, proof: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Climb from the old tree's last complete subtree to both roots; ProofError on bad length."""
    node, last = old_size - 1, new_size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = proof[0]
    for sibling in proof[1:]:
        if last == 0:
            msg = "consistency proof is too long"
            raise ProofError(msg)
        if node & 1 or node == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        node, last = node >> 1, last >> 1
    if last != 0:
        msg = "consistency proof is too short"
        raise ProofError(msg)
    return old, new


def _require_hashes(hashes: Iterable[bytes]) -> None:
    for value in hashes:
        if len(value) != HASH_BYTES:
            msg = f"a hash of {len(value)} bytes, not {HASH_BYTES}"
            raise ProofError(msg)


class CompactRange:
    """The frontier of a growing tree: the complete subtrees that make up its left side.

    Appending costs amortised one node hash and the state is at most log2(n) hashes, so a log of
    any length is followed in constant memory. It cannot give proofs.
    """

    def __init__(self) -> None:
        """Start with the empty tree."""
        self._size = 0
        self._peaks: list[bytes] = []  # one per set bit of the size, largest subtree first

    def __len__(self) -> int:
        """Return the number of leaves appended."""
        return self._size

    def append(self, leaf: bytes) -> None:
        """Append one leaf hash (32 bytes)."""
        carry = self._size
        while carry & 1:
            leaf = node_hash(self._peaks.pop(), leaf)
            carry >>= 1
        self._peaks.append(leaf)
        self._size += 1

    def extend(self, leaf_hashes: Iterable[bytes]) -> None:
        """Append leaf hashes (32 bytes each) in order."""
        for leaf in leaf_hashes:
            self.append(leaf)

    def root(self) -> bytes:
        """Return the root of what was appended, 32 bytes."""
        return fold_peaks(self._peaks)


def fold_peaks(peaks: Sequence[bytes]) -> bytes:
    """Return the root of a tree from its complete subtrees' roots, largest (leftmost) first."""
    if not peaks:
        return EMPTY_ROOT
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = node_hash(peak, root)
    return root


class MemoryTree:
    """A whole tree in memory, with proofs and replaceable leaves: status chunks, a directory.

    Holds two hashes a leaf (about 130 bytes of Python each). The log itself is far larger and
    lives in tiles; this one is for the trees that a state commitment covers.
    """

    def __init__(self, leaf_hashes: Iterable[bytes] = ()) -> None:
        """Build the tree over leaf hashes (32 bytes each)."""
        self._levels: list[list[bytes]] = [[]]  # level k: complete subtrees of 2**k leaves
        self.extend(leaf_hashes)

    def __len__(self) -> int:
        """Return the number of leaves."""
        return len(self._levels[0])

    def append(self, leaf: bytes) -> None:
        """Append one leaf hash."""
        self._levels[0].append(leaf)
        level = 0
        while len(self._levels[level]) & 1 == 0:
            row = self._levels[level]
            level += 1
            if level == len(self._levels):
                self._levels.append([])
            self._levels[level].append(node_hash(row[-2], row[-1]))

    def extend(self, leaf_hashes: Iterable[bytes]) -> None:
        """Append leaf hashes in order."""
        for leaf in leaf_hashes:
            self.append(leaf)

    def replace(self, index: int, leaf: bytes) -> None:
        """Put another leaf hash at `index`; every root and proof taken before is then stale.

        Raises:
            IndexError: index is not in [0, len).
        """
        if not 0 <= index < len(self):
            msg = f"leaf {index} is not in a tree of {len(self)}"
            raise IndexError(msg)
        self._levels[0][index] = leaf
        for level in range(1, len(self._levels)):
            index >>= 1
            below = self._levels[level - 1]
            if 2 * index + 1 >= len(below):
                return  # the parent is not complete; it is computed when asked for
            self._levels[level][index] = node_hash(below[2 * index], below[2 * index + 1])

    def root(self, size: int | None = None) -> bytes:
        """Return the root over the first `size` leaves (default all of them), 32 bytes."""
        size = len(self) if size is None else size
        if not 0 <= size <= len(self):
            msg = f"no root of {size} leaves in a tree of {len(self)}"
            raise ValueError(msg)
        return range_root(self._node, 0, size) if size else EMPTY_ROOT

    def inclusion_proof(self, index: int, size: int | None = None) -> list[bytes]:
        """Return the audit path of leaf `index` among the first `size` leaves (default all).

        Raises:
            ValueError: index or size is out of range.
        """
        size = self._bounded(size)
        return inclusion_path(self._node, index, size)

    def consistency_proof(self, old: int, new: int | None = None) -> list[bytes]:
        """Return the proof that the first `old` leaves are a prefix of the first `new`.

        Raises:
            ValueError: not 0 < old <= new <= len.
        """
        return consistency_path(self._node, old, self._bounded(new))

    def _bounded(self, size: int | None) -> int:
        if size is None:
            return len(self)
        if size > len(self):
            msg = f"no tree of {size} in a tree of {len(self)}"
            raise ValueError(msg)
        return size

    def _node(self, level: int, index: int) -> bytes:
        return self._levels[level][index]
