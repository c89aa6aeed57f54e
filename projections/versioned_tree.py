"""A Merkle tree whose versions never change: other leaves make another tree.

A proof has to lead to the root of one published checkpoint while the next commitment is being folded on another thread.
So a tree is never altered; :meth:`VersionedTree.with_leaves` copies the rows of hashes (32 bytes each, shared) and
computes only what lies above the changed leaves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from anchoring.tree import EMPTY_ROOT, inclusion_path, node_hash, range_root


class VersionedTree:
    """One version of an RFC 6962 tree. Safe for concurrent use, since nothing about it changes.

    Args:
        rows: Row k holds the complete subtrees of 2**k leaves; for :meth:`with_leaves` alone.
    """

    __slots__ = ("_rows",)

    def __init__(self, rows: Sequence[Sequence[bytes]] = ((),)) -> None:
        self._rows = rows

    def __len__(self) -> int:
        """Return the number of leaves."""
        return len(self._rows[0])

    def with_leaves(self, leaves: Mapping[int, bytes]) -> VersionedTree:
        """Return the tree with some leaf hashes (32 bytes each) replaced or appended.

        Args:
            leaves: Hash by leaf number; numbers from ``len`` on are appended and leave no gap.

        Raises:
            ValueError: There is a gap.
        """
        if not leaves:
            return self
        rows = [list(row) for row in self._rows]
        changed = sorted(leaves)
        for index in changed:
            _put(rows[0], index, leaves[index])
        level = 0
        while changed := [
            index for index in dict.fromkeys(i >> 1 for i in changed) if 2 * index + 1 < len(rows[level])
        ]:
            if level + 1 == len(rows):
                rows.append([])
            below, row = rows[level], rows[level + 1]
            for index in changed:
                _put(row, index, node_hash(below[2 * index], below[2 * index + 1]))
            level += 1
        return VersionedTree(rows)

    def root(self) -> bytes:
        """Return the root, 32 bytes; EMPTY_ROOT when there is no leaf."""
        return range_root(self._node, 0, len(self)) if len(self) else EMPTY_ROOT

    def inclusion_proof(self, index: int) -> list[bytes]:
        """Return the audit path of a leaf, leaf side first.

        Raises:
            ValueError: There is no such leaf.
        """
        return inclusion_path(self._node, index, len(self))

    def _node(self, level: int, index: int) -> bytes:
        return self._rows[level][index]


def _put(row: list[bytes], index: int, value: bytes) -> None:
    if index < len(row):
        row[index] = value
    elif index == len(row):
        row.append(value)
    else:
        msg = f"leaf {index} would leave a gap after {len(row)}"
        raise ValueError(msg)
