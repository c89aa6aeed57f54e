"""Projection ``status_lists``: the bitstrings that say which credentials are revoked and which are suspended.

A block is 131,072 places of one institution. It has a bitstring for each purpose, of 16,384 bytes, the most significant
bit first, and a third one, not published, of the places in use. List number ``2 * block`` is the block's revocations,
``2 * block + 1`` its suspensions. A block that another institution's award has overtaken exists, all zeros, without an
owner until its first award is recorded.

Keys, with ``u32`` for four big-endian bytes:

    c                  -> u32, how many blocks there are
    o u32 block        -> institution (16) of the block
    r, s, u u32 block  -> 16,384 bytes: revoked, suspended, in use; absent while all zeros
    p credential (16)  -> u32 block, u32 index: where its bits are

Source: W3C Bitstring Status List 1.0; docs/spec/state-commitment.md.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import ClassVar, Final
from uuid import UUID

from anchoring.state import BLOCK_BITS, BLOCK_BYTES
from ledger.credential import BIRTHS, EVENTS, Credential
from ledger.event import Event, EventMapper
from ledger.unpacking import EVENTS as UNPACKING_EVENTS
from projections.fold import read_body, refuse
from projections.source import Notification
from projections.table import Readable, Table

MAX_BLOCKS_AHEAD: Final = 4_096
"""How far an award's block may lie beyond the newest known one. Blocks are numbered as institutions lease them, so the
distance is at most the number of institutions that hold a lease and have not used it. The limit keeps one malformed
event from asking for all the memory there is."""
REVOCATION: Final = b"r"
SUSPENSION: Final = b"s"
_BIRTHS: Final = frozenset(event.TOPIC for event in BIRTHS)
_USED: Final = b"u"
_COUNT: Final = b"c"
_EMPTY: Final = bytes(BLOCK_BYTES)
_U32: Final = struct.Struct(">I")
_PLACE: Final = struct.Struct(">II")


class StatusLists:
    """Folds the events of credentials into bitstrings.

    Args:
        mapper: Decodes event bodies.
    """

    NAME: ClassVar[str] = "status_lists"
    VERSION: ClassVar[int] = 1
    TOPICS: ClassVar[frozenset[str]] = frozenset(event.TOPIC for event in (*EVENTS, *UNPACKING_EVENTS))

    def __init__(self, mapper: EventMapper) -> None:
        self._mapper = mapper

    def apply(self, batch: Sequence[Notification], table: Table) -> None:
        """Apply events, oldest first.

        Raises:
            CorruptionError: A place is used twice, lies outside its block or in another institution's, or a credential
                changes that was never issued.
        """
        folding = _Folding(table)
        for event in batch:
            if event.topic in _BIRTHS:
                folding.issue(event, read_body(self._mapper, event))
            elif event.topic in self.TOPICS:
                _change(event, read_body(self._mapper, event), folding)
        folding.write()


def _change(event: Notification, body: Event, folding: _Folding) -> None:
    block, index = folding.place(event)
    match body:
        case Credential.Revoked() | Credential.Replaced():
            folding.put(REVOCATION, block, index, value=True)
        case Credential.Suspended():
            folding.put(SUSPENSION, block, index, value=True)
        case Credential.Reinstated():
            folding.put(SUSPENSION, block, index, value=False)
        case Credential.Reissued() | Credential.FormAdded():
            pass  # another signature, and the award as it was
        case Credential.Stacked() | Credential.ReviewOpened() | Credential.ReviewClosed():
            pass  # where it comes from, or a question about it; what follows from the answer is an event of its own
        case Credential.Appealed() | Credential.AppealDecided():
            pass
        case _:
            raise refuse(event, "no status bit follows from it")


class _Folding:
    """What one batch touches: bitstrings, how many blocks there are, whose they are. Written back once."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._open: dict[bytes, bytearray] = {}
        self._changed: set[bytes] = set()
        self._blocks: dict[int, tuple[bytes, bytearray]] = {}
        self._count = self._written = _count(table.get(_COUNT))

    def issue(self, event: Notification, body: Event) -> None:
        """Take a place for an award, for what the parts of a diploma share, or for a part whose status will change."""
        assert isinstance(body, BIRTHS)  # noqa: S101  the mapper goes by the topic
        block, index = body.status_block, body.status_index
        if not 0 <= index < BLOCK_BITS or not 0 <= block <= self._count + MAX_BLOCKS_AHEAD:
            raise refuse(event, f"there is no status place {index} in block {block}")
        key = b"p" + event.originator
        if self._table.get(key) is not None:
            raise refuse(event, "this credential was issued before")
        owner, used = self._blocks.get(block) or self._taken(block, body.institution.bytes)
        if owner != body.institution.bytes:
            raise refuse(event, f"status block {block} belongs to another institution")
        if used[index >> 3] & 0x80 >> (index & 7):
            raise refuse(event, f"status place {index} in block {block} is in use")
        used[index >> 3] |= 0x80 >> (index & 7)
        self._table.put(key, _PLACE.pack(block, index))

    def _taken(self, block: int, institution: bytes) -> tuple[bytes, bytearray]:
        """Open a block in which this batch takes places; it is the institution's if it was nobody's."""
        key = _U32.pack(block)
        owner = self._table.get(b"o" + key)
        if owner is None:
            owner = institution
            self._table.put(b"o" + key, owner)
        self._changed.add(_USED + key)
        self._count = max(self._count, block + 1)
        found = self._blocks[block] = owner, self._bytes(_USED + key)
        return found

    def place(self, event: Notification) -> tuple[int, int]:
        """Return block and index of the award that changes."""
        place = self._table.get(b"p" + event.originator)
        if place is None:
            raise refuse(event, "this credential was never issued")
        block, index = _PLACE.unpack(place)
        return block, index

    def put(self, purpose: bytes, block: int, index: int, *, value: bool) -> None:
        """Set or clear a bit."""
        key, mask = purpose + _U32.pack(block), 0x80 >> (index & 7)
        bits = self._bytes(key)
        bits[index >> 3] = bits[index >> 3] | mask if value else bits[index >> 3] & ~mask
        self._changed.add(key)

    def write(self) -> None:
        """Write back what has changed."""
        for key in sorted(self._changed):
            self._table.put(key, bytes(self._open[key]))
        if self._count != self._written:
            self._table.put(_COUNT, _U32.pack(self._count))

    def _bytes(self, key: bytes) -> bytearray:
        bits = self._open.get(key)
        if bits is None:
            bits = self._open[key] = bytearray(self._table.get(key) or _EMPTY)
        return bits


class StatusListReader:
    """Reads bitstrings; give it a snapshot where several of them have to agree.

    Args:
        rows: The rows of this projection.
    """

    def __init__(self, rows: Readable) -> None:
        self._rows = rows

    def blocks(self) -> int:
        """Return how many blocks there are."""
        return _count(self._rows.get(_COUNT))

    def bits(self, number: int) -> bytes | None:
        """Return the 16,384 bytes of list *number* (2 * block, plus 1 for suspensions), or None."""
        if not 0 <= number < 2 * self.blocks():
            return None
        purpose = SUSPENSION if number & 1 else REVOCATION
        return self._rows.get(purpose + _U32.pack(number >> 1)) or _EMPTY

    def owner(self, block: int) -> UUID | None:
        """Return the institution whose block it is, None while no award of it is recorded."""
        if not 0 <= block < self.blocks():
            return None
        stored = self._rows.get(b"o" + _U32.pack(block))
        return None if stored is None else UUID(bytes=stored)

    def allocated(self, block: int) -> int:
        """Return how many places of the block are in use."""
        if not 0 <= block < self.blocks():
            return 0
        return int.from_bytes(self._rows.get(_USED + _U32.pack(block)) or b"").bit_count()

    def place(self, credential: UUID) -> tuple[int, int] | None:
        """Return block and index of a credential, or None."""
        stored = self._rows.get(b"p" + credential.bytes)
        return None if stored is None else _PLACE.unpack(stored)


def _count(stored: bytes | None) -> int:
    return 0 if stored is None else int(_U32.unpack(stored)[0])
