"""Comparing two signed heads of one log: does one history hold both?

A log may show an older head (a cache, a replica that is behind), and later a newer one. It may never sign two heads of
which neither is the beginning of the other: whoever holds both holds the proof that it showed two histories.

Source: C2SP tlog-checkpoint («MUST NOT sign inconsistent checkpoints»); RFC 9162 section 2.1.4.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from anchoring.checkpoint import Checkpoint
from anchoring.reader import LogReader


class HeadOrder(Enum):
    """How a head stands to the one that was seen before."""

    SAME = "same"
    NEWER = "newer"
    OLDER = "older"
    FORK = "fork"


@dataclass(frozen=True, slots=True)
class HeadComparison:
    """What comparing two heads came to.

    Attributes:
        order: How the new head stands to the seen one.
        prefix_root: Of a fork of unequal sizes: the root that the larger tree has at the smaller one's size, 32 bytes.
        proof: Hashes that prove `prefix_root` under the larger head (RFC 9162 section 2.1.4.1), so that both notes and
            this need no tile to convince anyone.
    """

    order: HeadOrder
    prefix_root: bytes | None = None
    proof: tuple[bytes, ...] = ()


def compare_heads(seen: Checkpoint, new: Checkpoint, reader: Callable[[Checkpoint], LogReader]) -> HeadComparison:
    """Say how `new` stands to `seen`; both are of one origin, and their signatures were verified.

    Args:
        seen: The largest head seen so far.
        new: The head shown now.
        reader: Makes a reader under one of the two; tiles are checked against that head's root.

    Raises:
        CorruptionError: The tiles of the larger head are missing or wrong: nothing follows for the log.

    Source: RFC 9162 section 2.1.4.
    """
    small, large = sorted((seen, new), key=lambda head: head.size)
    if small.size == large.size:
        return HeadComparison(HeadOrder.SAME if small.root == large.root else HeadOrder.FORK)
    order = HeadOrder.NEWER if new is large else HeadOrder.OLDER
    if small.size == 0:
        return HeadComparison(order)
    read = reader(large)
    # Every tile behind this root was checked against the larger head's signed root.
    prefix_root = read.root(small.size)
    if prefix_root == small.root:
        return HeadComparison(order)
    return HeadComparison(HeadOrder.FORK, prefix_root, tuple(read.consistency_proof(small.size)))
