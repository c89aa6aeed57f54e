"""What the pages about the log show: plain facts, and the geometry of their pictures in the units of a view box."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Final, Literal

from anchoring.cosignature import BLOB_BYTES as COSIGNATURE_BYTES
from anchoring.cosignature import MAX_POSIX_SECONDS
from anchoring.entry import parse_entry
from anchoring.error import MalformedError
from anchoring.note import NoteSignature, parse_note
from anchoring.reader import LogReader
from anchoring.storage import StoredAnchor
from anchoring.subtree_cosignature import BLOB_BYTES as SUBTREE_BYTES
from anchoring.tree import leaf_hash, node_hash
from api.published_log import LogSnapshot
from projections.directory_record import DirectoryRecord

WIDTH: Final = 720
HEIGHT: Final = 220
"""Plot of the growth chart; lanes of anchors come below it."""
LANE_HEIGHT: Final = 38
MAX_LANES: Final = 8
MAX_NEWEST: Final = 12
SAMPLES: Final = 32
"""Entries whose times make the growth chart."""
PAGE_ENTRIES: Final = 25
LEVEL_HEIGHT: Final = 46
_YEARS_BETWEEN_TICKS: Final = 6


@dataclass(frozen=True, slots=True)
class Lane:
    """One anchor's words on the time line: its name, its kind, and where its marks are."""

    name: str
    kind: str
    count: int
    y: int
    marks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """The growth of a log and the words of outsiders on it, over one axis of time.

    Args:
        path: The line of growth, as an SVG path.
        area: The same down to the axis.
        ticks: Places on the axis with the instants that they stand for.
        lanes: Anchors below it.
        first: Beginning of the axis.
        last: Its end.
        height: Height of the whole.
    """

    path: str
    area: str
    ticks: tuple[tuple[int, datetime], ...]
    lanes: tuple[Lane, ...]
    first: datetime
    last: datetime
    height: int


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One entry in a list; `recorded_at` is None for what the log adds itself."""

    index: int
    topic: str
    originator: str
    version: int
    recorded_at: datetime | None


@dataclass(frozen=True, slots=True)
class Step:
    """One step up from a leaf: the hash beside the path, on which side, and what both come to."""

    level: int
    is_left: bool
    beside: str
    above: str
    y: int


@dataclass(frozen=True, slots=True)
class Signer:
    """A signature on a checkpoint, as its line has it; nothing of it is verified here.

    Attributes:
        name: Name of the key, with its id.
        role: Whose key it is, by its name: the log's own, its operator's, or a witness's.
        at: When a cosigner saw the checkpoint last; None where the line tells no time.
    """

    name: str
    role: Literal["log", "operator", "witness"]
    at: datetime | None


@dataclass(frozen=True, slots=True)
class ExploreView:
    """What the page about the log shows.

    Attributes:
        signers: Signatures on the newest checkpoint.
        institutions: Some of the institutions, in order of registration.
        following: Number of the institution from which the next ones are shown; None after the last.
        first: Number of the first one shown.
    """

    origin: str
    size: int
    root: str
    vkey: str
    signers: tuple[Signer, ...]
    chart: Chart | None
    newest: tuple[StoredAnchor, ...]
    anchored_size: int
    institutions: Sequence[DirectoryRecord]
    first: int
    following: int | None
    now: datetime


@dataclass(frozen=True, slots=True)
class EntriesView:
    """What a list of entries shows: rows from *start* on, in a log of *size*."""

    rows: tuple[EntryRow, ...]
    start: int
    size: int
    is_refused: bool = False


@dataclass(frozen=True, slots=True)
class EntryView:
    """What the page of one entry shows; `body` is set out in lines, or the bytes as hexadecimal if they are no JSON."""

    row: EntryRow
    body: str
    leaf: str
    steps: tuple[Step, ...]
    root: str
    size: int
    height: int


@dataclass(frozen=True, slots=True)
class InstitutionsShown:
    """Some institutions from a number on, and whether there are more."""

    records: Sequence[DirectoryRecord]
    first: int
    has_more: bool


def explore_view(
    snapshot: LogSnapshot,
    anchors: Sequence[StoredAnchor],
    institutions: InstitutionsShown,
    growth: Sequence[tuple[datetime, int]],
    vkey: str,
    now: datetime,
) -> ExploreView:
    """Put together what the page about the log shows; arguments as their names say."""
    checkpoint = snapshot.checkpoint
    return ExploreView(
        origin=checkpoint.origin,
        size=checkpoint.size,
        root=checkpoint.root.hex(),
        vkey=vkey,
        signers=tuple(read_signer(checkpoint.origin, line) for line in parse_note(snapshot.note).signatures),
        chart=make_chart(growth, anchors),
        newest=tuple(reversed(anchors[-MAX_NEWEST:])),
        anchored_size=max((one.size for one in anchors), default=0),
        institutions=institutions.records,
        first=institutions.first,
        following=institutions.first + len(institutions.records) if institutions.has_more else None,
        now=now,
    )


def read_signer(origin: str, line: NoteSignature) -> Signer:
    """Read what a signature line says of itself.

    A cosignature begins with its time, eight bytes. Source: C2SP tlog-cosignature; by the names that this ledger gives
    its keys.
    """
    name = f"{line.name}+{line.key_id.hex()}"
    role: Literal["log", "operator", "witness"] = (
        "log" if line.name == origin else "operator" if line.name == f"{origin}/operator" else "witness"
    )
    is_timed = role != "log" and len(line.blob) in {COSIGNATURE_BYTES, SUBTREE_BYTES}
    seconds = int.from_bytes(line.blob[:8]) if is_timed else 0
    return Signer(name, role, datetime.fromtimestamp(seconds, UTC) if 0 < seconds <= MAX_POSIX_SECONDS else None)


def sample_growth(reader: LogReader) -> list[tuple[datetime, int]]:
    """When the log had how many entries: the times in some entries, evenly spread, and the last one."""
    size = reader.checkpoint.size
    wanted = sorted({round(at * (size - 1) / (SAMPLES - 1)) for at in range(SAMPLES)}) if size else []
    found: list[tuple[datetime, int]] = []
    for index in wanted:
        # What the log adds itself has no time: the event before it has.
        rows = (read_row(reader, at) for at in range(index, max(index - 3, -1), -1))
        at = next((row.recorded_at for row in rows if row.recorded_at is not None), None)
        if at is not None and (not found or at >= found[-1][0]):
            found.append((at, index + 1))
    return found


def make_chart(growth: Sequence[tuple[datetime, int]], anchors: Sequence[StoredAnchor]) -> Chart | None:
    """Lay the chart out; None when there is no stretch of time to show."""
    times = [at for at, _ in growth] + [one.proof.at for one in anchors]
    if len(growth) < 2 or max(times) <= min(times):  # noqa: PLR2004  (a line has two ends)
        return None
    first, last = min(times), max(times)
    most = max(size for _, size in growth)
    span = (last - first).total_seconds()

    def x(at: datetime) -> int:
        return round((at - first).total_seconds() / span * WIDTH)

    # Of what falls on one place the last counts: the line goes to the right only.
    points = list({x(at): round(HEIGHT - size / most * HEIGHT) for at, size in growth}.items())
    line = " ".join(f"L{px} {py}" for px, py in points)
    path = f"M{line[1:]}"
    lanes = tuple(_lanes(anchors, x))
    return Chart(
        path=path,
        area=f"{path} L{points[-1][0]} {HEIGHT} L{points[0][0]} {HEIGHT} Z",
        ticks=tuple((x(at), at) for at in _ticks(first, last)),
        lanes=lanes,
        first=first,
        last=last,
        height=HEIGHT + 30 + LANE_HEIGHT * len(lanes),
    )


def _lanes(anchors: Sequence[StoredAnchor], x: Any) -> list[Lane]:  # noqa: ANN401  a function of an instant
    ordered = sorted(anchors, key=lambda one: one.proof.name)
    lanes = []
    for number, (name, group) in enumerate(groupby(ordered, key=lambda one: one.proof.name)):
        words = list(group)
        marks = tuple(sorted({x(one.proof.at) for one in words}))
        y = HEIGHT + 26 + LANE_HEIGHT * (number + 1) - 6
        lanes.append(Lane(name, words[0].proof.kind, len(words), y, marks))
    return lanes[:MAX_LANES]


def _ticks(first: datetime, last: datetime) -> list[datetime]:
    """Beginnings of years, or both ends where there are none in between."""
    years = [datetime(year, 1, 1, tzinfo=UTC) for year in range(first.year + 1, last.year + 1)]
    step = -(-len(years) // _YEARS_BETWEEN_TICKS) or 1
    return years[::step] if len(years) > 1 else [first, last]


def read_row(reader: LogReader, index: int) -> EntryRow:
    """Read one entry for a list."""
    return _row(index, reader.entry(index))


def entries_view(reader: LogReader, start: int, *, is_refused: bool = False) -> EntriesView:
    """Read the entries of one page of the list."""
    size = reader.checkpoint.size
    end = min(start + PAGE_ENTRIES, size)
    rows = tuple(_row(start + at, entry) for at, entry in enumerate(reader.entries(start, end)))
    return EntriesView(rows, start, size, is_refused)


def entry_view(reader: LogReader, index: int) -> EntryView:
    """Read one entry and its proof. *index* is below the checkpoint's size."""
    raw = reader.entry(index)
    size = reader.checkpoint.size
    leaf = leaf_hash(raw)
    steps = proof_steps(leaf, index, size, reader.inclusion_proof(index))
    row = _row(index, raw)
    body = parse_entry(raw).body
    members = _members(body)
    text = body.hex() if members is None else json.dumps(members, indent=2, ensure_ascii=False)
    height = len(steps) * LEVEL_HEIGHT + 54
    return EntryView(row, text, leaf.hex(), steps, reader.checkpoint.root.hex(), size, height)


def proof_steps(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> tuple[Step, ...]:
    """The way from a leaf to the root. Source: RFC 9162 section 2.1.3.2."""
    steps: list[Step] = []
    node, last, found = index, size - 1, leaf
    level = 0
    for beside in proof:
        is_left = bool(node & 1) or node == last
        found = node_hash(beside, found) if is_left else node_hash(found, beside)
        while is_left and not node & 1 and node:
            node, last, level = node >> 1, last >> 1, level + 1
        y = (len(proof) - len(steps)) * LEVEL_HEIGHT + 20
        steps.append(Step(level, is_left, beside.hex(), found.hex(), y))
        node, last, level = node >> 1, last >> 1, level + 1
    return tuple(steps)


def _row(index: int, raw: bytes) -> EntryRow:
    try:
        entry = parse_entry(raw)
    except MalformedError:  # whatever another log may hold
        return EntryRow(index, "?", "", 0, None)
    told = (_members(entry.body) or {}).get("recorded_at")
    return EntryRow(index, entry.topic, str(entry.originator), entry.version, _instant(told))


def _members(body: bytes) -> Mapping[str, Any] | None:
    try:
        value = json.loads(body)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _instant(told: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(told) if isinstance(told, str) else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None
