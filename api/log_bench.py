"""What this machine's disk and processor make of a log: measured over a ledger of its own, with the real parts.

Awards are recorded without documents: events are made beforehand and go into the event store, then through the
sequencer into tiles and checkpoints, each durable as in service. Beside that stands the plain hashing of the same
entries into an RFC 6962 tree.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
from eventsourcing.persistence import StoredEvent

from anchoring.tree import CompactRange, leaf_hash
from api.ledger_node import LedgerNode, open_ledger, system_clock
from api.log_node import LogNode, open_log
from api.setting import Settings
from api.view_node import projections
from ledger.access import Actor
from ledger.achievement import Outcome, Template
from ledger.application import achievement_id
from ledger.credential import Credential
from ledger.credential_id import RANDOM_BYTES, credential_aggregate_id, make_public_id
from ledger.event import DomainEvent
from ledger.institution import Institution
from ledger.status_allocation import StatusAllocator
from ledger.store import Commit
from projections.rebuild import rebuild
from projections.source import LedgerSource
from projections.view import View

COMMIT_EVENTS: Final = 1_000
STEP_EVENTS: Final = 10_000
SMALL_CHECKPOINT: Final = 100
REPEATS: Final = 5
PROOFS: Final = 500
HASHED: Final = 200_000
SLUG: Final = "bench"
CODE: Final = "BENCH-1"
MEASURER: Final = Actor(name="bench", role="operator")
TEMPLATE: Final = Template(
    title="Measured",
    language="en",
    description="Stands for any micro-credential.",
    outcomes=(Outcome(text="is measured"),),
    assessment="none",
    participation="none",
    quality_assurance="none",
    criteria="none",
    credits_centi=100,
    eqf_level=5,
)

Note = Callable[[int], None]


class At(msgspec.Struct, frozen=True):
    """What it costs when the log has a size.

    Attributes:
        size: Entries in the log.
        checkpoint_ms: Median time of publishing 100 further events.
        inclusion_us: Median time of an inclusion proof from the tiles, warm.
        consistency_us: The same of a consistency proof.
    """

    size: int
    checkpoint_ms: float
    inclusion_us: float
    consistency_us: float


class Refolded(msgspec.Struct, frozen=True):
    """How many events of a ledger one projection is folded from again in a second of one core, by its name."""

    name: str
    events_per_second: float


class LogFigures(msgspec.Struct, frozen=True):
    """What was measured.

    Attributes:
        entries: Events recorded and published.
        recorded_per_second: Into the event store, 1,000 a commit.
        provable_per_second: Recorded and then published, one after the other.
        provable_per_processor_second: The same by processor time, which other work on the machine moves less.
        hashed_per_second: Plain hashing of the same entries into a tree, for each second of one core's time.
        reopened_seconds: Opening the ledger and its log again at the end.
        at: Costs by size.
        refolded: Every projection, folded again from the first event.
    """

    entries: int
    recorded_per_second: float
    provable_per_second: float
    provable_per_processor_second: float
    hashed_per_second: float
    reopened_seconds: float
    at: tuple[At, ...]
    refolded: tuple[Refolded, ...]


def measure_log(directory: Path, entries: int, note: Note) -> LogFigures:
    """Fill a new log with *entries* events and measure on the way.

    Args:
        directory: Where the ledger may be made; it is left there.
        entries: How many, a multiple of 10,000.
        note: Told how many are done.
    """
    settings = Settings(data_dir=directory / "ledger")
    bench = _Bench(settings)
    try:
        sizes = [10**power for power in range(4, 12) if 10**power <= entries]
        for done in range(STEP_EVENTS, entries + 1, STEP_EVENTS):
            bench.append()
            note(done)
            if done in sizes:
                bench.look()
        hashed = bench.hashed_per_second()
        refolded = bench.refolded(directory / "views")
    finally:
        bench.close()
    begin = time.perf_counter()
    _Bench(settings).close()
    reopened = time.perf_counter() - begin
    return LogFigures(
        entries,
        entries / bench.recording_seconds,
        entries / (bench.recording_seconds + bench.publishing_seconds),
        entries / bench.processor_seconds,
        hashed,
        reopened,
        tuple(bench.looks),
        refolded,
    )


class _Bench:
    def __init__(self, settings: Settings) -> None:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        self._node: LedgerNode = open_ledger(settings, clock=system_clock, random=os.urandom, on_commit=lambda _: None)
        if self._node.ledger.newest() == 0:
            self._node.registry.register(slug=SLUG, name="Bench", country="EE", kind="university", actor=MEASURER)
            self._node.catalogue.publish(slug=SLUG, code=CODE, template=TEMPLATE, actor=MEASURER)
        self._log: LogNode = open_log(self._node, system_clock)
        self._places = StatusAllocator(self._node.ledger.store, bytes(32))
        self._institution: Institution = self._node.ledger.institution(SLUG)
        self.recording_seconds = 0.0
        self.publishing_seconds = 0.0
        self.processor_seconds = 0.0
        self.looks: list[At] = []

    def append(self) -> None:
        """Record and publish 10,000 events."""
        commits = [self._events(COMMIT_EVENTS) for _ in range(STEP_EVENTS // COMMIT_EVENTS)]
        begin = time.process_time()
        self.recording_seconds += _seconds(
            lambda: [self._node.ledger.store.record([Commit(events)]) for events in commits]
        )
        self.publishing_seconds += _seconds(self._log.publish_all)
        self.processor_seconds += time.process_time() - begin

    def look(self) -> None:
        """Take what things cost at the present size; what is recorded for it counts nowhere else."""
        checkpoints = []
        for _ in range(REPEATS):
            self._node.ledger.store.record([Commit(self._events(SMALL_CHECKPOINT))])
            checkpoints.append(_seconds(self._log.publish_all))
        reader = self._log.published.snapshot().reader
        size = reader.checkpoint.size
        places = [number * size // PROOFS for number in range(1, PROOFS)]
        for place in places:  # warm: the tiles are in memory
            reader.inclusion_proof(place)
        inclusions = [_seconds(partial(reader.inclusion_proof, place)) for place in places]
        consistencies = [_seconds(partial(reader.consistency_proof, place)) for place in places]
        median = statistics.median
        self.looks.append(
            At(size, median(checkpoints) * 1e3, median(inclusions) * 1e6, median(consistencies) * 1e6),
        )

    def hashed_per_second(self) -> float:
        """Hash entries of the log into a tree, as anyone must who checks them."""
        reader = self._log.published.snapshot().reader
        entries = list(reader.entries(0, min(HASHED, reader.checkpoint.size)))
        tree = CompactRange()
        begin = time.process_time()
        tree.extend(leaf_hash(entry) for entry in entries)
        return len(entries) / (time.process_time() - begin)

    def refolded(self, views: Path) -> tuple[Refolded, ...]:
        """Fold every projection from the first event into *views*."""
        source, done = LedgerSource(self._node.ledger), []
        for fold in projections(self._node.ledger.event_mapper):
            view = View(views, fold.NAME, fold.VERSION, writable=True)
            begin = time.process_time()
            reached = rebuild(view, fold, source).position
            done.append(Refolded(fold.NAME, reached / (time.process_time() - begin)))
        return tuple(done)

    def close(self) -> None:
        self._log.close()
        self._node.close()

    def _events(self, count: int) -> list[StoredEvent]:
        now = self._node.ledger.now()
        achievement = achievement_id(self._institution.id, CODE)
        key = self._institution.active_key
        assert key is not None  # noqa: S101  a new institution has one
        events = []
        for place in self._places.allocate(self._institution.id, count):
            public_id = make_public_id(now, os.urandom(RANDOM_BYTES))
            body = Credential.Issued(
                institution=self._institution.id,
                achievement=achievement,
                edition=1,
                key_id=key.key_id,
                commitments={"vc+jcs": os.urandom(32).hex()},
                status_block=place.block,
                status_index=place.index,
                valid_from=datetime(2026, 1, 1, tzinfo=UTC),
                valid_until=None,
                recorded_at=now,
            )
            event = DomainEvent(credential_aggregate_id(public_id), 1, body)
            events.append(self._node.ledger.event_mapper.to_stored_event(event))
        return events


def _seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin
