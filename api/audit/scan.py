r"""The part of an audit that every core does on its own: read a range of the log, hash it, and decode it strictly.

What goes back to the one process that replays the domain is small: a root for each tile, and for each stretch of the
log its *facts* (:mod:`api.audit.stretch`).

Strictness at speed. An award's body is spelled in one way only, member after member, so it is canonical exactly if
each of its members is. :data:`_ISSUED` cuts it at member boundaries (no string in it may contain a quote or a
backslash); the pieces that awards share are decoded by the ledger's own mapper when they are seen first, as part of a
whole body, and are known from then on; the others (digest, numbers, instants) are matched in full. Whatever does not
match goes the ledger's own way, so nothing is refused here that is good, and nothing is taken that the mapper would
refuse.

Awards of one commit follow each other and differ in identity, digest and place alone. So as many as seem to be alike
are taken together: these three are cut out of each where they stand in the first, all are written again from the three
and the shared pieces, and what was written must be what was read, byte for byte. What is cut out is then checked to be
hexadecimal and decimal numbers, for all awards of the stretch at once.

Longer than other modules because the quick way and the strict one have to agree on every member.
"""

from __future__ import annotations

import re
import struct
from binascii import unhexlify
from hashlib import sha256
from typing import Final

import msgspec

from anchoring.entry import ID_BYTES, parse_entry
from anchoring.error import AnchoringError, MalformedError
from anchoring.state import BLOCK_BITS
from anchoring.tile import TILE_WIDTH, decode_bundle, entries_path, tile_path, tile_width
from api.audit.instant import Instants, milliseconds
from api.audit.source import Source
from api.audit.stretch import (
    DISORDER_MS,
    RUN,
    AwardFacts,
    BlockFacts,
    Change,
    Chunk,
    Offer,
    OfferFacts,
    Stretch,
)
from ledger.credential import Credential
from ledger.erasure import Erasure
from ledger.error import LedgerError
from ledger.event import EventMapper
from ledger.submission import Submission

MAX_KNOWN: Final = 50_000
MAX_OFFERS: Final = 10_000
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
_ID_AT: Final = 36
_REST_AT: Final = 48
"""Where the part of an id begins that is not the instant of its making."""
_HEAD_AT: Final = 68
_HEX: Final = b"0123456789abcdef"
_NUMBERS: Final = msgspec.json.Decoder(list[int])
_DIGEST: Final = type(sha256()).digest
_LEAF: Final = b"\0".__add__
_PAIRS: Final = tuple(struct.Struct("64s" * (TILE_WIDTH >> level)) for level in range(1, 9))
"""Cut the hashes of each level of a tile into pairs."""
_SHORTEST_HEAD: Final = 200
_FULL_STOP: Final = ord(".")
_ISSUED: Final = re.compile(
    rb"cairn-entry/v1\ncredential\.issued\.v1\n[0-9a-f]{32}"
    rb'(\n1\n\{"institution":"[0-9a-f-]{36}","achievement":"[0-9a-f-]{36}","edition":[0-9]{1,9},'
    rb'"key_id":"[^"\\]{1,80}","commitments":\{"[^"\\]{1,40}":")[0-9a-f]{64}'
    rb'("\},"status_block":[0-9]{1,9},"status_index":)[0-9]{1,6}'
    rb'(,"valid_from":"[0-9TZ:.-]{20,27}","valid_until":(?:null|"[0-9TZ:.-]{20,27}"),"recorded_at":")'
    rb'[0-9TZ:.-]{20,27}"\}'
)
_VALIDITY: Final = re.compile(
    rb',"valid_from":"([0-9TZ:.-]{20,27})","valid_until":(?:null|"([0-9TZ:.-]{20,27})"),"recorded_at":"'
)
_SUBMITTED: Final = b"cairn-entry/v1\nsubmission.accepted.v1\n"
_SUBMITTED_HEAD: Final = b'\n1\n{"digest":"'
_SUBMITTED_MIDDLE: Final = b'","recorded_at":"'
_SUBMITTED_CUTS: Final = (38, 70, 84, 148, 165)
"""Where its id, head, digest, middle and instant begin."""


class _Known(msgspec.Struct, frozen=True):
    """What the pieces around an award's digest say; its dates are in a piece of their own."""

    institution: bytes
    achievement: bytes
    edition: int
    key_id: str
    block: int


class _Taken:
    """Awards of one stretch that are alike but for identity, digest, place and instant of recording."""

    __slots__ = ("begin", "block", "count", "earliest", "first", "latest", "offer")

    def __init__(self, offer: Offer, block: int, first: int) -> None:
        self.offer = offer
        self.block = block
        self.begin = offer.valid_from
        self.count = 0
        self.first = first
        self.earliest = 1 << 62
        self.latest = -(1 << 62)


_Shape = tuple[bytes, bytes, bytes, bytes, slice, slice, int, _Taken]
"""What an award has in common with those that follow it, and where the rest stands.

It is ``front``, 20 digits of the id, ``head``, 64 digits of the digest, ``middle``, the place, ``tail``. These
four; then where digest and place stand; the instant at which it was recorded; the account of its like.
"""
_Columns = tuple[list[bytes], list[bytes], list[bytes]]
"""What such awards do not share: digits of the id, digests, places."""


class _Open:
    """The stretch that is being summed up."""

    def __init__(self, first: int) -> None:
        self.first = first
        self.submissions: list[bytes] = []
        self.submissions_at: list[int] = []
        self.events: dict[str, int] = {}
        self.taken: dict[bytes, _Taken] = {}
        self.seen: dict[bytes, list[bytes] | set[bytes]] = {}
        self.ids: list[bytes] = []
        self.digests: list[bytes] = []
        self.places: list[bytes] = []
        self.runs: list[tuple[int, int, int, _Taken]] = []
        self.once: list[bytes] = []
        self.changes: list[Change] = []
        self.earliest = 1 << 62
        self.latest = -(1 << 62)
        self.odd = False

    def moment(self, moment: int) -> None:
        """Note that something was recorded at *moment*."""
        if moment > self.latest:
            self.latest = moment
        elif moment < self.latest - DISORDER_MS:
            self.odd = True
        self.earliest = min(self.earliest, moment)

    def take(self, index: int, shape: _Shape, columns: _Columns) -> None:
        """Take awards of one shape that stand from *index* on."""
        front, _, _, _, _, _, moment, taken = shape
        rests, digests, places = columns
        count = len(rests)
        taken.count += count
        taken.latest = max(taken.latest, moment)
        taken.earliest = min(taken.earliest, moment)
        if moment != self.latest:
            self.moment(moment)
        instant = front[_ID_AT:]
        self.ids.append(instant + instant.join(rests))
        self.digests += digests
        self.places += places
        self.runs.append((moment, index, count, taken))
        self._differ(instant, rests)

    def _differ(self, instant: bytes, rests: list[bytes]) -> None:
        """Check that ids of one instant are all different."""
        seen = self.seen.get(instant)
        if seen is None:
            self.seen[instant] = rests
            self.odd = self.odd or (len(rests) > 1 and len(set(rests)) != len(rests))
            return
        if isinstance(seen, list):
            seen = self.seen[instant] = set(seen)
        before = len(seen)
        seen.update(rests)
        self.odd = self.odd or len(seen) != before + len(rests)


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
        self._offers: dict[bytes, tuple[Offer, int]] = {}

    def scan(self, first: int, count: int, size: int) -> Chunk:
        """Read the entries [first, first + count) of a log of *size*; *first* is a multiple of 256."""
        chunk = Chunk(first, count, [], b"", [], [])
        stretch = _Open(first)
        numbers = range(first // TILE_WIDTH, -(-(first + count) // TILE_WIDTH))
        widths = [tile_width(0, number, size) for number in numbers]
        tiles = list(zip(numbers, widths, strict=True))
        self._source.ahead(_path(level, *tile) for tile in tiles for level in (None, 0))
        for number, width in tiles:
            path, bundle, held = self._tile(None, number, width)
            if bundle is None:
                return Chunk(first, count, [], b"", [], [], f"{path} is missing")
            try:
                entries = decode_bundle(bundle, held)[:width]
            except MalformedError:
                return Chunk(first, count, [], b"", [], [], f"{path} is not a bundle of {held} entries")
            self._hash_tile(chunk, number, width, b"".join(map(_DIGEST, map(sha256, map(_LEAF, entries)))))
            stretch = self._sum_up(entries, number * TILE_WIDTH, stretch, chunk.stretches)
        if first + count > stretch.first:
            chunk.stretches.append(_close(stretch, first + count, None))
        return chunk

    def _tile(self, level: int | None, number: int, width: int) -> tuple[str, bytes | None, int]:
        """Fetch a tile, or the full one that has taken its place."""
        path = _path(level, number, width)
        content = self._source(path)
        if content is None and width != TILE_WIDTH:
            full = _path(level, number, TILE_WIDTH)
            return full, self._source(full), TILE_WIDTH
        return path, content, width

    def _hash_tile(self, chunk: Chunk, number: int, width: int, joined: bytes) -> None:
        path, stored, _ = self._tile(0, number, width)
        if stored != joined and (stored is None or width == TILE_WIDTH or stored[: len(joined)] != joined):
            chunk.faults.append(path)
        if width == TILE_WIDTH:
            chunk.roots.append(_root(joined))
        else:
            chunk.leaves = joined

    def _sum_up(self, entries: list[bytes], first: int, stretch: _Open, done: list[Stretch]) -> _Open:
        """Sum up the entries of a bundle.

        ``most`` is how many entries are taken together at most: what turns out not to be alike costs no more than
        what was taken before.
        """
        at, end, most = 0, len(entries), TILE_WIDTH
        while at < end:
            entry = entries[at]
            shape = self._shape(entry, first + at, stretch) if entry.startswith(_AWARD) else None
            if shape is None:
                if not (entry.startswith(_SUBMITTED) and self._submission(entry, first + at, stretch)):
                    stretch = self._other(entry, first + at, stretch, done)
                at += 1
                continue
            front, digest, place = shape[0], shape[4], shape[5]
            stop = min(end, at + most)
            if at + 1 < stop and entries[at + 1].startswith(front):
                alike = entries[at : _last_like(entries, at + 1, stop, front) + 1]
                columns = _cut(alike, shape)
                most = min(4 * most, TILE_WIDTH) if len(columns[0]) == len(alike) else 2 * len(columns[0])
                stretch.take(first + at, shape, columns)
                at += len(columns[0])
            else:
                stretch.take(first + at, shape, ([entry[_REST_AT:_HEAD_AT]], [entry[digest]], [entry[place]]))
                at += 1
        return stretch

    def _shape(self, entry: bytes, index: int, stretch: _Open) -> _Shape | None:
        """Cut an award at the boundaries of its members; None if it has to be looked at in another way.

        See the module's docstring for why the cuts are exact.
        """
        marker = entry.find(_BLOCK, _SHORTEST_HEAD)
        digits = entry.find(_INDEX, marker) + _INDEX_CHARS
        dates = entry.find(_DATES, digits)
        instant = -29 if entry[-10] == _FULL_STOP else -22
        recorded = self._instants[entry[instant:-2]]
        if marker < 0 or dates < 0 or recorded is None or not entry.endswith(b'"}'):
            return None
        head, middle, tail = entry[_HEAD_AT : marker - 64], entry[marker:digits], entry[dates:]
        shared = head + middle + tail[:instant]
        taken = stretch.taken.get(shared)
        if taken is None:
            offer = self._offers.get(shared) or self._offer(entry, (head, middle, tail[:instant]), index)
            if offer is None:
                return None
            taken = stretch.taken[shared] = _Taken(*offer, index)
        moment, begin = recorded
        front = _AWARD + begin
        if not entry.startswith(front):
            return None
        return front, head, middle, tail, slice(marker - 64, marker), slice(digits, -len(tail)), moment, taken

    def _offer(self, entry: bytes, shared: tuple[bytes, bytes, bytes], index: int) -> tuple[Offer, int] | None:
        """Read what awards with these pieces have in common; None if the award or its cut is not the mapper's."""
        head, middle, dates = shared
        known = self._known.get(head + middle) or self._learn(entry, head, middle, index)
        validity = self._validity(dates)
        if known is None or validity is None:
            return None
        if len(self._offers) >= MAX_OFFERS:
            self._offers.clear()
        offer = Offer(known.institution, known.achievement, known.edition, known.key_id, *validity)
        found = self._offers[head + middle + dates] = (offer, known.block)
        return found

    def _learn(self, entry: bytes, head: bytes, middle: bytes, index: int) -> _Known | None:
        """Have the mapper decode the first award with these pieces."""
        match = _ISSUED.fullmatch(entry)
        if match is None or (match[1], match[2]) != (head, middle):
            return None
        try:
            body = self._mapper.decode(ISSUED_TOPIC, parse_entry(entry).body, f"at {index}")
        except (LedgerError, AnchoringError):
            return None
        assert isinstance(body, Credential.Issued)  # noqa: S101  the mapper goes by the topic
        if len(self._known) >= MAX_KNOWN:
            self._known.clear()
        known = _Known(body.institution.bytes, body.achievement.bytes, body.edition, body.key_id, body.status_block)
        self._known[head + middle] = known
        return known

    def _validity(self, dates: bytes) -> tuple[int, int | None] | None:
        """Read from when and until when awards hold, in milliseconds; None if it is not in its one spelling."""
        match = _VALIDITY.fullmatch(dates)
        begin = None if match is None else self._instants[match[1]]
        if match is None or begin is None:
            return None
        if match[2] is None:
            return begin[0], None
        until = self._instants[match[2]]
        return None if until is None else (begin[0], until[0])

    def _submission(self, entry: bytes, index: int, stretch: _Open) -> bool:
        """Note a submission; whether it is in its usual spelling but for the instant is looked at later."""
        recorded = self._instants[entry[_SUBMITTED_CUTS[-1] : -2]]
        if recorded is None:
            return False
        moment = recorded[0]
        if moment != stretch.latest:
            stretch.moment(moment)
        stretch.submissions.append(entry)
        stretch.submissions_at.append(index)
        return True

    def _other(self, entry: bytes, index: int, stretch: _Open, done: list[Stretch]) -> _Open:
        """Sum up an entry that is no award in its usual spelling."""
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


def _path(level: int | None, number: int, width: int) -> str:
    return entries_path(number, width) if level is None else tile_path(level, number, width)


def _last_like(entries: list[bytes], low: int, stop: int, front: bytes) -> int:
    """Return up to where entries seem to begin with *front*; the one at *low* does. Something else may be between."""
    high = stop - 1
    if entries[high].startswith(front):
        return high
    while high - low > 1:
        middle = (low + high) // 2
        if entries[middle].startswith(front):
            low = middle
        else:
            high = middle
    return low


def _cut(entries: list[bytes], shape: _Shape) -> _Columns:
    """Cut out of entries what awards of *shape* do not share.

    Returns only the awards before the first entry that is not exactly of that shape; the first is.

    What is written again of an entry is as long as the entry, or longer if it is too short for the shape. So if all
    together are as long as the entries, each is; and if all together are the same bytes, each is the same.
    """
    front, head, middle, tail, digest, place, _, _ = shape
    rest = slice(_REST_AT, _HEAD_AT)
    rests = [entry[rest] for entry in entries]
    digests = [entry[digest] for entry in entries]
    places = [entry[place] for entry in entries]
    parts = [front, b"", head, b"", middle, b"", tail] * len(entries)
    parts[1::7], parts[3::7], parts[5::7] = rests, digests, places
    if b"".join(parts) == b"".join(entries):
        return rests, digests, places
    good = 1
    while good < len(entries) and b"".join(parts[7 * good : 7 * good + 7]) == entries[good]:
        good += 1
    return rests[:good], digests[:good], places[:good]


def _root(joined: bytes) -> bytes:
    """Return the root over a full tile's leaf hashes."""
    row = joined
    for pairs in _PAIRS:
        row = b"".join([sha256(b"\x01" + pair).digest() for pair in pairs.unpack(row)])
    return row


def _close(stretch: _Open, end: int, ending: bytes | None) -> Stretch:
    """Check what entries of a stretch do not share, and sum it up; a stretch that fails is odd."""
    ids, places, submitted = b"".join(stretch.ids), _decimals(stretch.places), _submissions(stretch)
    has_places = len(places) == len(stretch.places) and max(places, default=0) < BLOCK_BITS
    if submitted is None or not has_places or (ids + b"".join(stretch.digests)).translate(None, _HEX):
        return _odd(stretch, end, ending)
    events = dict(stretch.events)
    for topic, count in ((ISSUED_TOPIC, len(places)), (SUBMITTED_TOPIC, len(submitted))):
        if count:
            events[topic] = events.get(topic, 0) + count
    blocks = _blocks(places, stretch)
    return Stretch(
        stretch.first,
        end - stretch.first,
        events,
        [
            OfferFacts(one.offer, one.count, one.earliest, one.latest, one.first)
            for one in stretch.taken.values()
            if one.count
        ],
        AwardFacts(unhexlify(ids), struct.pack(f"<{len(places)}I", *places), _runs(stretch)),
        blocks,
        b"".join(_ordered(submitted, stretch.once)),
        stretch.changes,
        stretch.earliest,
        stretch.latest,
        stretch.odd,
        ending,
    )


def _odd(stretch: _Open, end: int, ending: bytes | None) -> Stretch:
    """A stretch of which nothing can be taken at its word."""
    return Stretch(stretch.first, end - stretch.first, {}, [], AwardFacts(), [], b"", [], 0, 0, True, ending)


def _runs(stretch: _Open) -> bytes:
    pack, mask = RUN.pack, (1 << 48) - 1
    return b"".join(
        [pack(moment & mask, at, count, taken.block, taken.begin) for moment, at, count, taken in stretch.runs]
    )


def _ordered(rows: list[bytes], others: list[bytes]) -> list[bytes]:
    """Put rows of id and log index in the order of the log."""
    return sorted(rows + others, key=lambda row: row[ID_BYTES:]) if others else rows


def _submissions(stretch: _Open) -> list[bytes] | None:
    """Make rows of id and log index; None if a submission is not in its one spelling."""
    entries = stretch.submissions
    identity, head, digest, middle, instant = _SUBMITTED_CUTS
    ids = [entry[identity:head] for entry in entries]
    digests = [entry[digest:middle] for entry in entries]
    parts = [_SUBMITTED, b"", _SUBMITTED_HEAD, b"", _SUBMITTED_MIDDLE, b"", b'"}'] * len(entries)
    parts[1::7], parts[3::7], parts[5::7] = ids, digests, [entry[instant:-2] for entry in entries]
    digits = b"".join(ids)
    if b"".join(parts) != b"".join(entries) or (digits + b"".join(digests)).translate(None, _HEX):
        return None
    raw, at = unhexlify(digits), range(0, ID_BYTES * len(ids), ID_BYTES)
    return [
        raw[start : start + ID_BYTES] + index.to_bytes(6, "big")
        for start, index in zip(at, stretch.submissions_at, strict=True)
    ]


def _decimals(numbers: list[bytes]) -> list[int]:
    """Read numbers; nothing if one of them is not spelled as a decimal number without leading zeros."""
    joined = b",".join(numbers)
    if not joined.replace(b",", b"").isdigit():
        return []
    try:
        return _NUMBERS.decode(b"[%b]" % joined)  # JSON has no empty numbers and no leading zeros either
    except msgspec.DecodeError:
        return []


def _blocks(places: list[int], stretch: _Open) -> list[BlockFacts]:
    blocks: dict[int, BlockFacts] = {}
    at = 0
    for _, _, count, taken in stretch.runs:
        own = places[at : at + count]
        at += count
        facts = blocks.get(taken.block)
        if facts is None:
            blocks[taken.block] = BlockFacts(taken.block, taken.offer.institution, own)
            continue
        stretch.odd = stretch.odd or facts.institution != taken.offer.institution
        facts.places += own
    stretch.odd = stretch.odd or any(len(set(one.places)) != len(one.places) for one in blocks.values())
    return list(blocks.values())
