"""The tree over the parts of an unpacked diploma: its root, and the path that shows one part under it.

RFC 6962 hashing over a number of leaves that is always one of :data:`BUCKETS`. Leaves that are no part are random, so
that the number tells no more than the bucket, and parts stand in random order.

Source: RFC 9162 section 2.1 (leaf hash: 0x00 and the leaf; node hash: 0x01 and both children).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

BUCKETS: Final = (64, 256)
"""Numbers of leaves that a tree may have; powers of two."""


def bucket_for(parts: int) -> int:
    """The smallest bucket for a number of parts.

    Raises:
        ValueError: There are more parts than leaves in the largest.
    """
    for bucket in BUCKETS:
        if parts <= bucket:
            return bucket
    message = f"{parts} parts are more than {BUCKETS[-1]}"
    raise ValueError(message)


def hash_leaf(leaf: bytes) -> bytes:
    """Hash of a leaf."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def root_of(hashes: Sequence[bytes]) -> bytes:
    """Root over leaf hashes, whose number is a power of two."""
    return _levels(hashes)[-1][0]


def path_of(hashes: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The siblings on the way from the leaf at *index* to the root, leaf side first."""
    return tuple(level[(index >> height) ^ 1] for height, level in enumerate(_levels(hashes)[:-1]))


def _levels(hashes: Sequence[bytes]) -> list[list[bytes]]:
    if len(hashes) not in BUCKETS:
        message = f"a tree over parts has {BUCKETS} leaves, not {len(hashes)}"
        raise ValueError(message)
    levels = [list(hashes)]
    while len(levels[-1]) > 1:
        row = levels[-1]
        pairs = zip(row[::2], row[1::2], strict=True)
        levels.append([hashlib.sha256(b"\x01" + left + right).digest() for left, right in pairs])
    return levels
