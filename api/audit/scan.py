r"""The part of an audit that every core does on its own: read a range of the log, hash it, and decode it strictly.

What goes back to the one process that replays the domain is small: a root for each tile, and for each stretch of the
log its *facts*. A stretch ends before an entry that others depend on (an institution's, an achievement's, one of the
log's own); that entry goes back whole. Within a stretch awards do not depend on each other, so they go back summed
up: rows to look them up by, places by block, and one line for each offer (what was awarded, by whom, under which key,
on which dates).

Strictness at speed. An award's body is spelled in one way only, member after member, so it is canonical exactly if
each of its members is. :data:`_ISSUED` cuts it at member boundaries (no string in it may contain a quote or a
backslash); the pieces that awards share are decoded by the ledger's own mapper when they are seen first, as part of a
whole body, and are known from then on; the others (digest, numbers, instants) are matched in full. Whatever does not
match goes the ledger's own way, so nothing is refused here that is good, and nothing is taken that the mapper would
refuse.

Longer than other modules because the quick way and the strict one have to agree on every member.
"""

from __future__ import annotations

import re
import struct
from binascii import unhexlify
from hashlib import sha256
from itertools import repeat
from typing import Final

import msgspec

from anchoring.entry import parse_entry
from anchoring.error import AnchoringError, MalformedError
from anchoring.state import BLOCK_BITS, BLOCK_BYTES
from anchoring.tile import TILE_WIDTH, TileId, decode_bundle, tile_width
from api.audit.instant import Instants, milliseconds
from api.audit.source import Source
from ledger.credential import Credential
from ledger.erasure import Erasure
from ledger.error import LedgerError
from ledger.event import EventMapper
from ledger.submission import Submission

ROW: Final = struct.Struct(">16sQQq")
"""Aggregate id, place (block and 17 bits of index), log index, beginning of validity in milliseconds."""
PLACE_BITS: Final = 17
ONCE_BYTES: Final = 22
"""Aggregate id (16), log index (6)."""
DISORDER_MS: Final = 600_000
"""How far recorded instants may run against the order of the log: commands that run at once commit in any order, and a
clock is put right by some seconds; ten minutes is neither."""
BITMAP_FROM: Final = 512
"""Awards of a block in one stretch from which a bitmap is cheaper to hand over than numbers."""
MAX_KNOWN: Final = 50_000
ISSUED_TOPIC: Final = Credential.Issued.TOPIC
SUBMITTED_TOPIC: Final = Submission.Accepted.TOPIC
ERASED_TOPIC: Final = Erasure.Recorded.TOPIC
CHANGE_TOPICS: Final = frozenset(
    event.TOPIC
    for event in (
        Credential.Suspended,
        Credential.Reinstated,
        Credential.Revoked,
        Credential.Replaced,
        Credential.Reissued,
        Credential.FormAdded,
        Credential.Stacked,
        Credential.ReviewOpened,
        Credential.Appealed,
        Credential.AppealDecided,
        Credential.ReviewClosed,
    )
)
_SUMMED: Final = CHANGE_TOPICS | {ISSUED_TOPIC, SUBMITTED_TOPIC, ERASED_TOPIC}
_AWARD: Final = b"cairn-entry/v1\ncredential.issued.v1\n"
_BLOCK: Final = b'"},"status_block":'
_INDEX: Final = b',"status_index":'
_INDEX_CHARS: Final = len(_INDEX)
_DATES: Final = b',"valid_from":'
_HEAD_AT: Final = 68
_SHORTEST_HEAD: Final = 200
_RAW: Final = struct.Struct("16s32x")
"""Aggregate id; the digest of the document, which need only be one."""
_Run = tuple[bytes, bytes, bytes, bytes, int, int, int]
_NO_RUN: Final[_Run] = (b"\0", b"", b"", b"", 0, 0, 0)
_FULL_STOP: Final = ord(".")
_INSTANT: Final = rb'"([0-9TZ:.-]{20,27})"'
_ISSUED: Final = re.compile(
    rb"cairn-entry/v1\ncredential\.issued\.v1\n[0-9a-f]{32}"
    rb'(\n1\n\{"institution":"[0-9a-f-]{36}","achievement":"[0-9a-f-]{36}","edition":[0-9]{1,9},'
    rb'"key_id":"[^"\\]{1,80}","commitments":\{"[^"\\]{1,40}":")[0-9a-f]{64}'
    rb'("\},"status_block":[0-9]{1,9},"status_index":)[0-9]{1,6}'
    rb'(,"valid_from":"[0-9TZ:.-]{20,27}","valid_until":(?:null|"[0-9TZ:.-]{20,27}"),"recorded_at":")'
    rb'[0-9TZ:.-]{20,27}"\}'
)
_SUBMITTED: Final = re.compile(
    rb"cairn-entry/v1\nsubmission\.accepted\.v1\n([0-9a-f]{32})\n1\n"
    rb'\{"digest":"[0-9a-f]{64}","recorded_at":' + _INSTANT + rb"\}"
)


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


class BlockFacts(msgspec.Struct, array_like=True):
    """The places of one block that a stretch uses: numbers, or a bitmap of 16,384 bytes when there are many."""

    block: int
    institution: bytes
    count: int
    places: list[int]
    bitmap: bytes


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
    rows: bytes
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


class _Known(msgspec.Struct, frozen=True):
    """What the shared pieces of an award's body say."""

    offer: Offer
    block: int


class _Taken:
    """Awards of one stretch that are alike but for digest, place and instant of recording."""

    __slots__ = ("base", "begin", "earliest", "first", "latest", "offer", "owner", "places")

    def __init__(self, known: _Known, first: int) -> None:
        self.offer = known.offer
        self.owner = known.offer.institution
        self.base = known.block << PLACE_BITS
        self.begin = known.offer.valid_from
        self.places: list[int] = []
        self.first = first
        self.earliest = 1 << 62
        self.latest = -(1 << 62)


class _Open:
    """The stretch that is being summed up."""

    def __init__(self, first: int) -> None:
        self.first = first
        self.submitted = 0
        self.events: dict[str, int] = {}
        self.taken: dict[bytes, _Taken] = {}
        self.texts: list[bytes] = []
        self.numbers: list[bytes] = []
        self.runs: list[tuple[int, int, _Taken]] = []
        self.once: list[bytes] = []
        self.changes: list[Change] = []
        self.earliest = 1 << 62
        self.latest = -(1 << 62)
        self.odd = False

    def moment(self, moment: int) -> None:
        """Note that something was recorded at *moment*."""
        self.latest = max(moment, self.latest)
        self.earliest = min(moment, self.earliest)
        if moment < self.latest - DISORDER_MS:
            self.odd = True


class Scanner:
    """Scans ranges of one log. One for each process; not safe for concurrent use.

    Args:
        source: Files of the log.
        mapper: The ledger's strict mapper.
    """

    def __init__(self, source: Source, mapper: EventMapper) -> None:
        self._source = source
        self._mapper = mapper
        self._instants = Instants()
        self._known: dict[bytes, _Known] = {}

    def scan(self, first: int, count: int, size: int) -> Chunk:
        """Read the entries [first, first + count) of a log of *size*; *first* is a multiple of 256."""
        chunk = Chunk(first, count, [], b"", [], [])
        stretch = _Open(first)
        numbers = range(first // TILE_WIDTH, -(-(first + count) // TILE_WIDTH))
        widths = [tile_width(0, number, size) for number in numbers]
        self._source.ahead(
            [TileId(level, *tile).path for tile in zip(numbers, widths, strict=True) for level in (None, 0)]
        )
        for number, width in zip(numbers, widths, strict=True):
            path, bundle, held = self._tile(TileId(None, number, width))
            if bundle is None:
                return Chunk(first, count, [], b"", [], [], f"{path} is missing")
            try:
                entries = decode_bundle(bundle, held)[:width]
            except MalformedError:
                return Chunk(first, count, [], b"", [], [], f"{path} is not a bundle of {held} entries")
            self._hash_tile(chunk, TileId(0, number, width), [sha256(b"\0" + entry).digest() for entry in entries])
            stretch = self._sum_up(entries, number * TILE_WIDTH, stretch, chunk.stretches)
        if first + count > stretch.first:
            chunk.stretches.append(_close(stretch, first + count, None))
        return chunk

    def _tile(self, tile: TileId) -> tuple[str, bytes | None, int]:
        """Fetch a tile, or the full one that has taken its place."""
        content = self._source(tile.path)
        if content is None and tile.width != TILE_WIDTH:
            full = TileId(tile.level, tile.index)
            return full.path, self._source(full.path), TILE_WIDTH
        return tile.path, content, tile.width

    def _hash_tile(self, chunk: Chunk, tile: TileId, leaves: list[bytes]) -> None:
        path, stored, _ = self._tile(tile)
        joined = b"".join(leaves)
        if stored != joined and (stored is None or tile.width == TILE_WIDTH or stored[: len(joined)] != joined):
            chunk.faults.append(path)
        if tile.width == TILE_WIDTH:
            chunk.roots.append(_root(leaves))
        else:
            chunk.leaves = joined

    def _sum_up(self, entries: list[bytes], first: int, stretch: _Open, done: list[Stretch]) -> _Open:
        """Sum up the entries of a bundle: the hot loop of an audit.

        Awards of one commit follow each other and differ in little: ``run`` holds what the last one had, and the next
        is compared with it in place. What is left of each (identity, digest, place) is checked for all of them
        together when the stretch is closed.
        """
        text, number = stretch.texts.append, stretch.numbers.append
        run = _NO_RUN
        front, head, middle, tail, at, start, end = run
        for index, entry in enumerate(entries, first):
            if not (
                entry.startswith(front)
                and entry.startswith(head, _HEAD_AT)
                and entry.startswith(middle, at)
                and entry.endswith(tail)
            ):
                run = self._run(entry, index, stretch) if entry.startswith(_AWARD) else _NO_RUN
                front, head, middle, tail, at, start, end = run
                if run is _NO_RUN:
                    stretch = self._other(entry, index, stretch, done)
                    text, number = stretch.texts.append, stretch.numbers.append
                    continue
            text(entry[36:68] + entry[at - 64 : at])
            number(entry[start:end])
        return stretch

    def _run(self, entry: bytes, index: int, stretch: _Open) -> _Run:
        """Cut an award at the boundaries of its members; return what later ones are compared with.

        See the module's docstring for why the cuts are exact.
        """
        marker = entry.find(_BLOCK, _SHORTEST_HEAD)
        digits = entry.find(_INDEX, marker) + _INDEX_CHARS
        dates = entry.find(_DATES, digits)
        instant = -29 if entry[-10] == _FULL_STOP else -22
        recorded = self._instants[entry[instant:-2]]
        if marker < 0 or dates < 0 or recorded is None or not entry.endswith(b'"}'):
            return _NO_RUN
        head, middle = entry[_HEAD_AT : marker - 64], entry[marker:digits]
        shared = head + middle + entry[dates:instant]
        taken = stretch.taken.get(shared) or self._take(entry, shared, index, stretch)
        front = _AWARD + recorded[1]
        if taken is None or not entry.startswith(front):
            return _NO_RUN
        moment = recorded[0]
        taken.latest = max(moment, taken.latest)
        taken.earliest = min(moment, taken.earliest)
        stretch.moment(moment)
        stretch.runs.append((len(stretch.texts), index, taken))
        tail = entry[dates:]
        return front, head, middle, tail, marker, digits, -len(tail)

    def _take(self, entry: bytes, shared: bytes, index: int, stretch: _Open) -> _Taken | None:
        """Open the account of awards with these shared pieces; None if the mapper refuses the award or its cut."""
        known = self._known.get(shared)
        if known is None:
            match = _ISSUED.fullmatch(entry)
            if match is None or match[1] + match[2] + match[3] != shared:
                return None
            try:
                body = self._mapper.decode(ISSUED_TOPIC, parse_entry(entry).body, f"at {index}")
            except (LedgerError, AnchoringError):
                return None
            assert isinstance(body, Credential.Issued)  # noqa: S101  the mapper goes by the topic
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            known = self._known[shared] = _known(body)
        taken = stretch.taken[shared] = _Taken(known, index)
        return taken

    def _other(self, entry: bytes, index: int, stretch: _Open, done: list[Stretch]) -> _Open:
        """Sum up an entry that is no award in its usual spelling."""
        match = _SUBMITTED.fullmatch(entry)
        if match is not None and (recorded := self._instants[match[2]]) is not None:
            stretch.moment(recorded[0])
            stretch.once.append(bytes.fromhex(match[1].decode()) + index.to_bytes(6, "big"))
            stretch.submitted += 1
            return stretch
        try:
            framed = parse_entry(entry)
        except AnchoringError:
            stretch.odd = True
            return stretch
        topic = framed.topic
        if topic not in _SUMMED:
            done.append(_close(stretch, index, entry))
            return _Open(index + 1)
        stretch.events[topic] = stretch.events.get(topic, 0) + 1
        try:
            body = self._mapper.decode(topic, framed.body, f"at {index}")
        except LedgerError:
            stretch.odd = True
            return stretch
        stretch.moment(milliseconds(body.recorded_at))
        if topic in CHANGE_TOPICS:
            stretch.changes.append(Change(index, topic, framed.originator.bytes, framed.version, framed.body))
        elif topic == ISSUED_TOPIC or framed.version != 1:
            stretch.odd = True  # an award that is not in its usual spelling is looked at one by one
        else:
            stretch.once.append(framed.originator.bytes + index.to_bytes(6, "big"))
        return stretch


def _root(leaves: list[bytes]) -> bytes:
    """Return the root over a full tile's leaf hashes."""
    row = leaves
    while len(row) > 1:
        pairs = iter(row)
        row = [sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=True)]
    return row[0]


def _known(body: Credential.Issued) -> _Known:
    begin = milliseconds(body.valid_from)
    until = None if body.valid_until is None else milliseconds(body.valid_until)
    offer = Offer(body.institution.bytes, body.achievement.bytes, body.edition, body.key_id, begin, until)
    return _Known(offer, body.status_block)


def _close(stretch: _Open, end: int, ending: bytes | None) -> Stretch:
    rows = _rows(stretch)
    rows.sort()
    events = dict(stretch.events)
    for topic, count in ((ISSUED_TOPIC, len(rows)), (SUBMITTED_TOPIC, stretch.submitted)):
        if count:
            events[topic] = events.get(topic, 0) + count
    taken = [one for one in stretch.taken.values() if one.places]
    blocks = _blocks(taken, stretch)
    return Stretch(
        stretch.first,
        end - stretch.first,
        events,
        [OfferFacts(one.offer, len(one.places), one.earliest, one.latest, one.first) for one in taken],
        b"".join(rows),
        blocks,
        b"".join(stretch.once),
        stretch.changes,
        stretch.earliest,
        stretch.latest,
        stretch.odd,
        ending,
    )


def _rows(stretch: _Open) -> list[bytes]:
    """Check what the awards of a stretch do not share, and make their rows; a stretch that fails is odd."""
    text, pack = b"".join(stretch.texts), ROW.pack
    try:
        raw, places = unhexlify(text), list(map(int, stretch.numbers))
    except ValueError:
        stretch.odd = True
        return []
    if not places:
        return []
    if text.lower() != text or not _are_decimal(stretch.numbers) or max(places) >= BLOCK_BITS:
        stretch.odd = True
        return []
    ids = [identity for (identity,) in _RAW.iter_unpack(raw)]
    stretch.odd = stretch.odd or len(set(ids)) != len(ids)
    rows: list[bytes] = []
    ends = [at for at, _, _ in stretch.runs[1:]] + [len(places)]
    for (at, index, taken), end in zip(stretch.runs, ends, strict=True):
        base, begin = taken.base, taken.begin
        if end - at == 1:  # an award of its own, as most commits have
            taken.places.append(places[at])
            rows.append(pack(ids[at], base | places[at], index, begin))
            continue
        own = places[at:end]
        taken.places += own
        rows += map(pack, ids[at:end], map(base.__or__, own), range(index, index + end - at), repeat(begin))
    return rows


def _are_decimal(numbers: list[bytes]) -> bool:
    """Whether all are spelled as decimal numbers, without leading zeros."""
    joined = b"," + b",".join(numbers)
    return joined.replace(b",", b"").isdigit() and joined.count(b",0") == numbers.count(b"0")


def _blocks(taken: list[_Taken], stretch: _Open) -> list[BlockFacts]:
    blocks: dict[int, tuple[bytes, list[int]]] = {}
    for one in taken:
        owner, places = blocks.setdefault(one.base >> PLACE_BITS, (one.owner, []))
        stretch.odd = stretch.odd or owner != one.owner
        places += one.places
    return [_block(block, owner, places, stretch) for block, (owner, places) in blocks.items()]


def _block(block: int, owner: bytes, places: list[int], stretch: _Open) -> BlockFacts:
    if len(places) < BITMAP_FROM:
        stretch.odd = stretch.odd or len(set(places)) != len(places)
        return BlockFacts(block, owner, len(places), places, b"")
    bits = bytearray(BLOCK_BYTES)
    for place in places:
        bits[place >> 3] |= 0x80 >> (place & 7)
    stretch.odd = stretch.odd or int.from_bytes(bits).bit_count() != len(places)
    return BlockFacts(block, owner, len(places), [], bytes(bits))
