"""Small logs made by the real parts, with whatever a dishonest operator would slip in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anchoring.checkpoint import Checkpoint, parse_checkpoint
from anchoring.cosignature import Cosigner
from anchoring.entry import Entry, parse_entry
from anchoring.note import NoteSigner, NoteVerifier, format_note, parse_note
from anchoring.reader import LogReader
from anchoring.state import StateCommitment
from anchoring.storage import DirectoryTileStore
from anchoring.tile import TILE_WIDTH, TileId, bundles_for_size, encode_bundle, tiles_for_size
from anchoring.tree import MemoryTree, leaf_hash
from api.audit.auditor import Auditor, AuditOrder, TrustedLog
from api.audit.finding import Findings
from api.audit.place_map import PlaceMap
from api.audit.progress_file import ProgressFile
from api.audit.replay import Replay
from api.audit.report import AuditReport
from api.audit.sample import SampleHistory
from api.audit.scan import Scanner
from api.audit.source import LogPlace
from ledger.event import DomainEvent
from ledger.event_catalogue import make_mapper

ORIGIN = "made.cairn.example/log"
SIGNER = NoteSigner(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
COSIGNER = Cosigner(ORIGIN + "/operator", Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33))))
MAPPER = make_mapper()


def sample_events(count: int, seed: int = 7) -> list[DomainEvent]:
    """The first events of a history that breaks no rule."""
    return list(islice(iter(SampleHistory(seed)), count))


def framed(event: DomainEvent) -> bytes:
    """One event as a log entry."""
    stored = MAPPER.to_stored_event(event)
    return Entry(stored.topic, event.originator_id, event.originator_version, stored.state).encode()


class LogMaker:
    """Signs whatever it is given: a log whose operator has the keys and no scruples.

    Each state commitment is derived by the auditor's own slow replay, so that a fraud shows in itself and not in a
    commitment that an honest sequencer would have refused to make.
    """

    def __init__(self) -> None:
        self.entries: list[bytes] = []
        self.cosigner = COSIGNER.vkey
        self._replay = Replay(MAPPER, Findings())

    def add(self, *entries: bytes) -> int:
        """Append entries; returns the index of the last."""
        self.entries += entries  # first: an entry may rest on another of the same batch
        self._replay.take_entries(entries, self._read)
        return len(self.entries) - 1

    def _read(self, first: int, end: int) -> list[bytes]:
        return self.entries[first:end]

    def events(self, events: Iterable[DomainEvent]) -> None:
        """Append events."""
        self.add(*map(framed, events))

    def commit(self, places: PlaceMap | None = None) -> int:
        """Append the state commitment; of other places, if they are given."""
        bits = places or self._replay.places
        registry = self._replay.registry
        return self.add(
            StateCommitment(
                covered_size=len(self.entries),
                status_lists=bits.blocks,
                revocation_root=bits.revocation.root(),
                suspension_root=bits.suspension.root(),
                directory_size=len(registry.records),
                directory_root=registry.directory.root(),
                cosigner=self.cosigner,
            ).entry()
        )

    def places(self) -> PlaceMap:
        """A copy of the places as they are, to be falsified."""
        return PlaceMap.from_parts(*self._replay.places.parts())

    def checkpoint(self) -> Checkpoint:
        """The checkpoint of what there is."""
        return Checkpoint(ORIGIN, len(self.entries), MemoryTree(map(leaf_hash, self.entries)).root())

    def write(self, directory: Path) -> Path:
        """Write the log's files."""
        store, size = DirectoryTileStore(directory), len(self.entries)
        rows: list[list[bytes]] = [[leaf_hash(entry) for entry in self.entries]]
        while len(rows[-1]) >= TILE_WIDTH:
            below = rows[-1]
            whole = range(0, len(below) - TILE_WIDTH + 1, TILE_WIDTH)
            rows.append([MemoryTree(below[at : at + TILE_WIDTH]).root() for at in whole])
        for tile in tiles_for_size(size):
            store.write(tile.path, b"".join(_cut(rows[tile.level or 0], tile)))
        for tile in bundles_for_size(size):
            store.write(tile.path, encode_bundle(_cut(self.entries, tile)))
        text = self.checkpoint().text()
        store.replace("checkpoint", format_note(text, [SIGNER.sign(text)]))
        return directory


def _cut(row: list[bytes], tile: TileId) -> list[bytes]:
    return row[tile.index * TILE_WIDTH :][: tile.width]


def made_log(directory: Path, change: Callable[[LogMaker], None] | None = None, count: int = 700) -> Path:
    """Write a log of *count* events that are legal, and what *change* adds."""
    maker = LogMaker()
    events = sample_events(count)
    maker.events(events[: count // 2])
    maker.commit()
    maker.events(events[count // 2 :])
    maker.commit()
    if change is not None:
        change(maker)
    return maker.write(directory)


@dataclass
class NoMemory:
    """Remembers nothing, or one checkpoint."""

    known: Checkpoint | None = None

    def recall(self, vkey: str) -> Checkpoint | None:
        """See the port."""
        del vkey
        return self.known

    def remember(self, vkey: str, checkpoint: Checkpoint) -> None:
        """See the port."""
        del vkey
        self.known = checkpoint


def order(log: Path, state: Path, checkpoints: Iterable[tuple[str, Checkpoint]] = (), workers: int = 1) -> AuditOrder:
    """An order to audit the files of a log."""
    return AuditOrder(
        place=LogPlace(str(log)),
        answers=None,
        log=TrustedLog(NoteVerifier(SIGNER.vkey), "test"),
        memory=NoMemory(),
        progress_file=ProgressFile(state),
        workers=workers,
        checkpoints=tuple(checkpoints),
    )


def audit(log: Path, checkpoints: Iterable[tuple[str, Checkpoint]] = ()) -> AuditReport:
    """Audit the files of a log."""
    return Auditor(order(log, log.with_suffix(".state"), checkpoints), lambda *_: None).run()


def found(report: AuditReport) -> list[tuple[str, int | None]]:
    """Codes and entries of what was found."""
    return [(one.code, one.entry) for one in report.findings]


def slow_findings(log: Path) -> list[tuple[str, str, str]]:
    """What replaying entry by entry finds, without the worker's facts."""
    source = LogPlace(str(log)).open()
    checkpoint = parse_checkpoint(parse_note(source("checkpoint") or b"").text)
    replay = Replay(MAPPER, Findings())
    reader = LogReader(source, checkpoint)
    replay.take_entries(reader.entries(), reader.entries)
    return [(one.code, one.where, one.what) for one in replay.findings.kept]


def quick_findings(log: Path) -> list[tuple[str, str, str]]:
    """What the two ways together find."""
    source = LogPlace(str(log)).open()
    checkpoint = parse_checkpoint(parse_note(source("checkpoint") or b"").text)
    replay = Replay(MAPPER, Findings())
    chunk = Scanner(source, MAPPER).scan(0, checkpoint.size, checkpoint.size)
    assert chunk.damage is None
    for stretch in chunk.stretches:
        replay.take(stretch, LogReader(source, checkpoint).entries)
    return [(one.code, one.where, one.what) for one in replay.findings.kept]


def bodies(log: list[bytes], topic: str) -> Iterator[tuple[int, Entry]]:
    """Entries of one topic, with their indexes."""
    for index, entry in enumerate(log):
        parsed = parse_entry(entry)
        if parsed.topic == topic:
            yield index, parsed


def with_body(event: DomainEvent, **changes: object) -> DomainEvent:
    """The same event with other members."""
    return msgspec.structs.replace(event, body=msgspec.structs.replace(event.body, **changes))


def later(seconds: float = 1) -> datetime:
    """An instant after everything in a small sample."""
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
