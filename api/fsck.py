"""``fsck``: derive everything again from stored bytes, and name whatever is not what it should be.

1. The log: bundles, leaf hashes, every tile, the root, the signatures (:mod:`anchoring.fsck`).
2. The event store: each event, framed, is the log entry at its place, byte for byte, and versions have no gaps.
3. The vault: every sealed row opens and is what the log commits to (:mod:`api.vault_check`).
4. The views: each is folded again from the events and compared row by row.

A server may go on writing meanwhile. Each step then checks one state of what it reads: the log as its public checkpoint
has it, a view at one position, a sealed row that was the same before and after. The sequencer's own notes (``log.db``)
cannot be read at one instant with the files that follow from them, and are left to a check of the stopped ledger.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from itertools import chain
from typing import Final
from uuid import UUID

import msgspec

from anchoring import fsck as log_fsck
from anchoring.checkpoint_store import SqliteCheckpointStore
from anchoring.cosignature import CosignatureVerifier
from anchoring.error import AnchoringError
from anchoring.lock import SequencerLock
from anchoring.note import NoteVerifier, SignatureVerifier, parse_note
from anchoring.publication import LogKeys
from anchoring.subtree_cosignature import SubtreeVerifier
from anchoring.tile import CHECKPOINT_PATH
from api.audit.finding import Finding
from api.audit.report import SHOWN
from api.feed_check import logged_events
from api.ledger_node import LedgerNode, system_clock
from api.log_node import LOCK_FILE, LOG_DATABASE, log_keys, open_log, open_memory
from api.log_place import open_tiles
from api.vault_check import VaultCheck
from api.view_node import VIEWS_DIRECTORY, projections
from api.witness_setup import read_witness_policy
from ledger.error import LedgerError
from projections.credential_status import CredentialStatus, parse_facts
from projections.error import ProjectionError
from projections.fold import Projection
from projections.generation import Snapshot
from projections.log_feed import LogFeed
from projections.source import LedgerSource
from projections.table import MemoryTable
from projections.view import View

PAGE: Final = 5_000
FIRST_CHECKPOINT_SECONDS: Final = 5.0
"""How long a serving process may take from committing its first checkpoint to publishing it."""
_PAUSE_SECONDS: Final = 0.05
Progress = Callable[[str, int, "int | None"], None]


class FsckReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was found.

    Attributes:
        served: Whether a server was writing, so that the sequencer's own notes were left out.
        entries: Log entries hashed.
        events: Stored events compared with the log.
        documents: Sealed documents opened and compared with their commitments.
        rows: Rows of views compared.
        differences: How many findings.
        findings: Each of them.
    """

    served: bool
    entries: int
    events: int
    documents: int
    rows: int
    differences: int
    findings: list[Finding]

    def text(self) -> str:
        """The report as text."""
        lines = [f"✗ {one.code} at {one.where}: {one.what}" for one in self.findings[:SHOWN]]
        verdict = (
            "clean" if not self.differences else f"{self.differences} finding{'' if self.differences == 1 else 's'}"
        )
        counted = (
            f"{self.entries:,} log entries, {self.events:,} events, {self.documents:,} documents, "
            f"{self.rows:,} view rows checked"
        )
        return "\n".join([*lines, f"{counted}: {verdict}"])


class Fsck:
    """Checks one data directory, whether a server writes to it or not.

    Args:
        node: Its ledger.
        progress: Told what is being done, how far, and of how much.
    """

    def __init__(self, node: LedgerNode, progress: Progress) -> None:
        self._node = node
        self._data = node.settings.data_dir
        self._progress = progress
        self._findings: list[Finding] = []
        self._facts = MemoryTable()
        self._served = False

    def run(self) -> FsckReport:
        """Check everything; damage is reported, not raised."""
        entries = self._log()
        events = self._events()
        rows = self._views()
        documents = self._vault()
        return FsckReport(
            served=self._served,
            entries=entries,
            events=events,
            documents=documents,
            rows=rows,
            differences=len(self._findings),
            findings=self._findings,
        )

    def _log(self) -> int:
        """Step 1."""
        if self._node.settings.tiles is not None:  # who sequences it is not known here
            self._served = True
            return self._found(self._public_log())
        if not (self._data / LOG_DATABASE).exists():
            return 0
        lock = SequencerLock(self._data / LOCK_FILE)
        self._served = lock.is_held()
        report = self._public_log() if self._served else self._whole_log()
        if report.findings and not self._served and lock.is_held():  # a server started meanwhile, and published
            self._served, report = True, self._public_log()
        return self._found(report)

    def _found(self, report: log_fsck.FsckReport) -> int:
        for finding in report.findings:
            self._find(f"log-{finding.code}", finding.where, finding.what)
        return report.entries

    def _whole_log(self) -> log_fsck.FsckReport:
        """The log of a stopped ledger, with what its sequencer remembers."""
        self._finish_publication()
        with closing(SqliteCheckpointStore(self._data / LOG_DATABASE)) as store:
            return self._log_report(store)

    def _public_log(self) -> log_fsck.FsckReport:
        """The log as its public checkpoint has it: what is committed need not be all published yet."""
        with closing(open_memory(self._node)) as store:
            if store.load() is None:
                return log_fsck.FsckReport((), 0, 0)
        tiles, deadline = open_tiles(self._node.settings), time.monotonic() + FIRST_CHECKPOINT_SECONDS
        while tiles.read(CHECKPOINT_PATH) is None and time.monotonic() < deadline:
            time.sleep(_PAUSE_SECONDS)
        return self._log_report(None)

    def _log_report(self, store: SqliteCheckpointStore | None) -> log_fsck.FsckReport:
        keys = log_keys(self._node)
        return log_fsck.check(
            open_tiles(self._node.settings),
            store,
            self._signer(keys),
            known=self._known_keys(keys),
            progress=lambda done, total: self._progress("log", done, total),
        )

    def _signer(self, keys: LogKeys) -> NoteVerifier:
        """The key of the log that signed the public checkpoint: the one in use, or the one before it."""
        note = open_tiles(self._node.settings).read("checkpoint")
        known = [NoteVerifier(vkey) for vkey in (keys.log.vkey, *keys.past)]
        signed: set[bytes] = set()
        with suppress(AnchoringError):
            signed = set() if note is None else {line.key_id for line in parse_note(note).signatures}
        return next((one for one in known if one.key_id in signed), known[0])

    def _known_keys(self, keys: LogKeys) -> list[SignatureVerifier]:
        """The other keys that sign public checkpoints: the operator's, the log's second, the witnesses'."""
        known: list[SignatureVerifier] = [CosignatureVerifier(keys.operator.vkey)]
        if keys.successor is not None:
            known.append(SubtreeVerifier(keys.successor.vkey))
        policy = read_witness_policy(self._node.settings, keys.log.vkey)
        return known + [key for _, key in policy.witnesses] if policy is not None else known

    def _finish_publication(self) -> None:
        """Do what the next start would do after a crash: a step that was committed and half published is no damage."""
        store = SqliteCheckpointStore(self._data / LOG_DATABASE)
        unfinished = store.staged() is not None
        store.close()
        if unfinished:
            with suppress(AnchoringError):  # whatever is wrong is named by the check that follows
                open_log(self._node, system_clock).close()

    def _events(self) -> int:
        """Step 2."""
        checked = 0
        versions: dict[UUID, int] = {}
        source = LedgerSource(self._node.ledger)
        feed = LogFeed(source)
        published = self._logged_entries()
        first = next(published, None)  # the log before the events: what is in it by now is in the store
        logged = chain([] if first is None else [first], published)
        position = 0
        while notifications := source.read(position, PAGE):
            framed = {item.position: item.entry for item in feed.read(position, PAGE)}
            for event in notifications:
                expected = versions.get(event.originator_id, 0) + 1
                if event.version != expected:
                    what = f"version {event.version} where {expected} was due"
                    self._find("event-order", f"event {event.position}", what)
                versions[event.originator_id] = event.version
                self._decode(event.position, event.topic, event.state)
                entry = next(logged, None)
                if entry is not None and entry != framed.get(event.position):
                    self._find("event-differs", f"event {event.position}", "it is not what the log holds in its place")
                checked += 1
            position = notifications[-1].position
            self._progress("events", checked, None)
        if next(logged, None) is not None:
            self._find("event-missing", f"event {position + 1}", "the log holds events that the store has lost")
        return checked

    def _decode(self, position: int, topic: str, state: bytes) -> None:
        try:
            self._node.ledger.event_mapper.decode(topic, state, position)
        except LedgerError as error:
            self._find("event-unreadable", f"event {position}", str(error))

    def _logged_entries(self) -> Iterator[bytes]:
        """Entries of the log that the ledger made, in order; it ends early where the log is damaged."""
        with suppress(AnchoringError):
            yield from logged_events(open_tiles(self._node.settings))

    def _views(self) -> int:
        """Step 4, before step 3, which needs the facts."""
        rows = 0
        for fold in projections(self._node.ledger.event_mapper):
            with suppress(FileNotFoundError):
                rows += self._view(fold)
        return rows

    def _view(self, fold: Projection) -> int:
        directory = self._data / VIEWS_DIRECTORY
        if not (directory / fold.NAME).exists():
            return 0
        view = View(directory, fold.NAME, fold.VERSION, writable=False)
        ours = MemoryTable()
        with _at_one_position(view) as (position, stored):
            try:
                self._fold(fold, ours, position)
            except ProjectionError as error:
                self._find("view-unfoldable", fold.NAME, str(error))
                return 0
            for key, value in ours.items():
                if stored.get(key) != value:
                    what = "it is not what the events add up to; rebuild it"
                    self._find("view-differs", f"{fold.NAME} row {key.hex()}", what)
            for key, _ in stored.scan():
                if ours.get(key) is None:
                    self._find("view-extra", f"{fold.NAME} row {key.hex()}", "no event accounts for it; rebuild it")
        if fold.NAME == CredentialStatus.NAME:
            self._facts = ours
        return len(ours.items())

    def _fold(self, fold: Projection, table: MemoryTable, until: int) -> None:
        source, position = LedgerSource(self._node.ledger), 0
        while batch := [event for event in source.read(position, PAGE) if event.position <= until]:
            fold.apply(batch, table)
            position = batch[-1].position
            self._progress(fold.NAME, position, until)

    def _vault(self) -> int:
        """Step 3."""
        return VaultCheck(self._node, self._commitments, self._find, self._progress).run()

    def _commitments(self, identity: UUID) -> dict[str, str] | None:
        facts = self._facts.get(identity.bytes)
        return None if facts is None else parse_facts(facts).signings[-1].commitments

    def _find(self, code: str, where: str, what: str) -> None:
        self._findings.append(Finding(code=code, where=where, what=what))


@contextmanager
def _at_one_position(view: View) -> Iterator[tuple[int, Snapshot]]:
    """Open a view that may be moving, with the position that its rows have."""
    while True:
        before = view.position()
        with view.snapshot() as stored:
            if view.position() == before:
                yield before, stored
                return
