"""Which places of the status lists are in use, whose the blocks are, and the bits that events have set."""

from __future__ import annotations

from operator import itemgetter

from anchoring.state import BLOCK_BITS, StatusTree
from api.audit.stretch import BlockFacts
from projections.status_lists import MAX_BLOCKS_AHEAD


class PlaceMap:
    """Places in use: a byte for each, 128 KiB a block, and the two status trees. Not safe for concurrent use."""

    def __init__(self) -> None:
        self.used: dict[int, bytearray] = {}
        self.owners: dict[int, bytes] = {}
        self.revocation = StatusTree()
        self.suspension = StatusTree()

    @property
    def blocks(self) -> int:
        """How many blocks there are; some may have no award yet."""
        return self.revocation.blocks

    def trouble(self, block: int, index: int, institution: bytes) -> str | None:
        """Say what keeps an award of *institution* from having this place, or None."""
        if not 0 <= index < BLOCK_BITS or not 0 <= block <= self.blocks + MAX_BLOCKS_AHEAD:
            return f"there is no status place {index} in block {block}"
        if self.owners.get(block, institution) != institution:
            return f"status block {block} belongs to another institution"
        if block in self.used and self.used[block][index]:
            return f"status place {index} in block {block} is in use"
        return None

    def free(self, facts: BlockFacts) -> bool:
        """Whether all places of *facts* can be taken."""
        if (
            facts.block > self.blocks + MAX_BLOCKS_AHEAD
            or self.owners.get(facts.block, facts.institution) != facts.institution
        ):
            return False
        used = self.used.get(facts.block)
        if used is None:
            return True
        return not any(itemgetter(*facts.places, facts.places[0])(used))  # of two at least it gives a tuple

    def take(self, facts: BlockFacts) -> None:
        """Take the places of *facts*; they are free."""
        used = self._open(facts.block, facts.institution)
        for place in facts.places:
            used[place] = 1

    def _open(self, block: int, institution: bytes) -> bytearray:
        while self.blocks <= block:
            self.revocation.append_block()
            self.suspension.append_block()
        self.owners.setdefault(block, institution)
        return self.used.setdefault(block, bytearray(BLOCK_BITS))

    def parts(self) -> tuple[list[tuple[int, bytes, bytes]], bytes, bytes]:
        """Return everything: blocks in use with their owners, the bits of the revocations and of the suspensions."""
        blocks = [(block, self.owners[block], bytes(used)) for block, used in self.used.items()]
        return blocks, *(b"".join(map(tree.block, range(tree.blocks))) for tree in (self.revocation, self.suspension))  # type: ignore[return-value]  # two of them

    @classmethod
    def from_parts(cls, blocks: list[tuple[int, bytes, bytes]], revocation: bytes, suspension: bytes) -> PlaceMap:
        """Make the map of which :meth:`parts` returned these."""
        places = cls()
        places.used = {block: bytearray(used) for block, _, used in blocks}
        places.owners = {block: owner for block, owner, _ in blocks}
        places.revocation, places.suspension = StatusTree(revocation), StatusTree(suspension)
        return places
