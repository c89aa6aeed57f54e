"""What a scanned part of the log comes down to: the *facts* that go from whoever scans to the one who replays.

A stretch ends before an entry that others depend on (an institution's, an achievement's, one of the log's own); that
entry goes along whole. Within a stretch awards do not depend on each other, so they go summed up: in columns to look
them up by, places by block, and one line for each offer (what was awarded, by whom, under which key, on which dates).
"""

from __future__ import annotations

import struct
from typing import Final

import msgspec

RUN: Final = struct.Struct(">QQIIq")
"""A run of awards that follow each other in the log and share all but identity, digest and place: the instant that
their ids begin with (milliseconds, 48 bits), log index of the first, how many, status block, beginning of validity in
milliseconds."""
PLACE_BYTES: Final = 4
"""A place within its block, little endian."""
DISORDER_MS: Final = 600_000
"""How far recorded instants may run against the order of the log: commands that run at once commit in any order, and a
clock is put right by some seconds; ten minutes is neither."""


class Offer(msgspec.Struct, frozen=True, array_like=True):
    """What awards of one stretch have in common; instants in milliseconds since 1970."""

    institution: bytes
    achievement: bytes
    edition: int
    key_id: str
    valid_from: int
    valid_until: int | None


class OfferFacts(msgspec.Struct, array_like=True):
    """How often an offer was taken up in a stretch, recorded from when to when, and at which entry first."""

    offer: Offer
    count: int
    earliest: int
    latest: int
    first: int


class AwardFacts(msgspec.Struct, array_like=True):
    """The awards of a stretch in columns: their ids (16 bytes each, all different), places, and runs of them.

    ``places`` are of :data:`PLACE_BYTES` each, ``runs`` of :data:`RUN`; the runs add up to all of them, in the order
    of the log.
    """

    ids: bytes = b""
    places: bytes = b""
    runs: bytes = b""


class BlockFacts(msgspec.Struct, array_like=True):
    """The places of one block that a stretch uses, all different."""

    block: int
    institution: bytes
    places: list[int]


class Change(msgspec.Struct, frozen=True, array_like=True):
    """A change of an award's status, decoded; it is judged where the award's state is known."""

    index: int
    topic: str
    originator: bytes
    version: int
    body: bytes


class Stretch(msgspec.Struct, array_like=True):
    """Facts of consecutive entries, and the entry that ends them (None where the range ends).

    ``odd`` is set when a rule that can be judged without the rest of the log was broken, or something was not readable:
    then the stretch has to be replayed entry by entry, which finds the words for it.
    """

    first: int
    count: int
    events: dict[str, int]
    offers: list[OfferFacts]
    awards: AwardFacts
    blocks: list[BlockFacts]
    once: bytes
    changes: list[Change]
    earliest: int
    latest: int
    odd: bool
    ending: bytes | None


class Chunk(msgspec.Struct, array_like=True):
    """What a worker says of a range.

    Attributes:
        first: Index of its first entry; a multiple of 256.
        count: Entries.
        roots: Root of each full tile of 256 entries.
        leaves: Leaf hashes of the last tile if it is partial.
        faults: Hash tiles of level 0 that are not what the entries hash to, by path.
        stretches: Facts, in order.
        damage: What kept it from being read; then the rest is empty.
    """

    first: int
    count: int
    roots: list[bytes]
    leaves: bytes
    faults: list[str]
    stretches: list[Stretch]
    damage: str | None = None
