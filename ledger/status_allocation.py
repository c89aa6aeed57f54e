"""Places in the status lists: dense blocks, random-looking positions.

A block is one list per purpose of 131,072 entries and belongs to one institution. Slots of a block are given out in
order and mapped to positions by a keyed permutation, so that a position says nothing about when or beside whom an
award was made, while blocks fill up densely and a tree over them needs no sparse map.

Slots are leased: a process takes a run of them in a small transaction of its own and gives them out from memory. What a
stopped process did not use stays unused; a slot is never given out twice.

Source: W3C Bitstring Status List 1.0, section 2.2 (at least 131,072 entries) and its privacy considerations.
"""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from functools import lru_cache
from uuid import UUID

import msgspec

from ledger.error import ConflictError
from ledger.store import Commit, RowRecorder, Write

BLOCK_ENTRIES = 131_072
_HALF_BITS = 9
_HALF_MASK = (1 << _HALF_BITS) - 1
_ROUNDS = 4
_KEPT_WORDS = 8 * _ROUNDS << _HALF_BITS
"""Words of the permutation that are kept: all of eight blocks, so that a place costs no hashing."""
LEASE_SLOTS = 64
_MAX_ATTEMPTS = 20

ALLOCATION_SCHEMA = (
    (
        "CREATE TABLE IF NOT EXISTS status_lease ("
        "block INTEGER NOT NULL, first_slot INTEGER NOT NULL, slots INTEGER NOT NULL, institution BLOB NOT NULL, "
        "PRIMARY KEY (block, first_slot)) WITHOUT ROWID"
    ),
    "CREATE INDEX IF NOT EXISTS status_lease_institution ON status_lease (institution, block, first_slot)",
)


class StatusPlace(msgspec.Struct, frozen=True):
    """Where an award's status bits are: block, and position 0..131,071 within it."""

    block: int
    index: int


class StatusAllocator:
    """Gives out places.

    Args:
        recorder: Database that keeps the leases.
        secret: Key of the permutation.
    """

    def __init__(self, recorder: RowRecorder, secret: bytes) -> None:
        self._recorder = recorder
        self._secret = secret
        self._lock = threading.Lock()
        self._free: dict[UUID, deque[tuple[int, int]]] = {}

    def allocate(self, institution: UUID, count: int) -> list[StatusPlace]:
        """Give out *count* places of *institution*'s blocks."""
        with self._lock:
            free = self._free.setdefault(institution, deque())
            while len(free) < count:
                free.extend(self._lease(institution, max(count - len(free), LEASE_SLOTS)))
            slots = [free.popleft() for _ in range(count)]
        return [StatusPlace(block, permute(self._secret, block, slot)) for block, slot in slots]

    def close_block(self, block: int, institution: UUID) -> None:
        """Give out no more places of a block: after a restore nobody knows which of them were given out.

        The block's free places stay unused for good.
        """
        first = self._recorder.query("SELECT MAX(first_slot + slots) FROM status_lease WHERE block=?", (block,))[0][0]
        if (first or 0) < BLOCK_ENTRIES:
            row = (block, first or 0, BLOCK_ENTRIES - (first or 0), institution.bytes)
            self._recorder.record([Commit((), [Write("INSERT INTO status_lease VALUES (?,?,?,?)", [row])])])

    def _lease(self, institution: UUID, wanted: int) -> list[tuple[int, int]]:
        """Take the next run of slots; another process may be first, and then the next run is tried."""
        for _ in range(_MAX_ATTEMPTS):
            block, first = self._next_slot(institution)
            slots = min(wanted, BLOCK_ENTRIES - first)
            row = (block, first, slots, institution.bytes)
            insert = Commit((), [Write("INSERT INTO status_lease VALUES (?,?,?,?)", [row])])
            if not isinstance(self._recorder.record([insert])[0], ConflictError):
                return [(block, slot) for slot in range(first, first + slots)]
        message = "places in the status lists are taken faster than they can be leased; try again"
        raise ConflictError(message)

    def _next_slot(self, institution: UUID) -> tuple[int, int]:
        own = self._recorder.query(
            "SELECT block, first_slot + slots FROM status_lease WHERE institution=? "
            "ORDER BY block DESC, first_slot DESC LIMIT 1",
            (institution.bytes,),
        )
        if own and own[0][1] < BLOCK_ENTRIES:
            return own[0][0], own[0][1]
        newest = self._recorder.query("SELECT MAX(block) FROM status_lease")[0][0]
        return (0 if newest is None else newest + 1), 0


def permute(secret: bytes, block: int, slot: int) -> int:
    """Map *slot* to a position of the block, one to one, under *secret*.

    A four-round Feistel network on 18 bits, walked until it lands below 131,072.
    """
    value = slot
    while True:
        left, right = value >> _HALF_BITS, value & _HALF_MASK
        for number in range(_ROUNDS):
            left, right = right, left ^ _word(secret, block, number, right)
        value = left << _HALF_BITS | right
        if value < BLOCK_ENTRIES:
            return value


@lru_cache(maxsize=_KEPT_WORDS)
def _word(secret: bytes, block: int, number: int, right: int) -> int:
    """What one round of the permutation mixes in."""
    message = block.to_bytes(8, "big") + bytes([number]) + right.to_bytes(2, "big")
    return int.from_bytes(hashlib.blake2b(message, key=secret, digest_size=2).digest(), "big") & _HALF_MASK
