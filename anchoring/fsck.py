"""Checking a stored log from its bytes alone: nothing is believed because it is ours.

    1. The public checkpoint: its form, the log's signature, the operator's cosignature.
    2. log.db beside it: its checkpoint, what it staged, where it placed feed items.
    3. Every entry -> its leaf hash -> every tile, old partial ones included -> the signed root.
    4. The entries that the log made itself: state commitments at their indexes, the last entry
       among them; anchor records, numbered and matching the kept proofs.

Not checked: that the state commitments are right (an auditor folds the events), that the kept
anchor tokens verify (that takes the authorities' keys), and that the feed still agrees.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from anchoring.anchor_record import parse_anchor_record
from anchoring.checkpoint import Checkpoint, parse_checkpoint, verify_checkpoint
from anchoring.cosignature import CosignatureVerifier
from anchoring.entry import ANCHOR_RECORDED, STATE_COMMITTED, Entry, parse_entry
from anchoring.error import AnchoringError, MalformedError
from anchoring.fsck_tree import Finding, TreeCheck
from anchoring.note import NoteVerifier, SignatureVerifier, parse_note, verify_note
from anchoring.state import parse_state_commitment
from anchoring.storage import CheckpointStore, TileStore
from anchoring.tile import CHECKPOINT_PATH, TILE_WIDTH, entries_path, tile_width

LOG_DB: Final = "log.db"

Progress = Callable[[int, int], None]
"""Told the entries checked so far and the entries there are."""


@dataclass(frozen=True, slots=True)
class FsckReport:
    """What was found.

    Attributes:
        findings: Everything wrong; empty when the log is whole.
        entries: Entries that could be read and were hashed.
        size: Entries that the checkpoint says there are.
    """

    findings: tuple[Finding, ...]
    entries: int
    size: int

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


def check(
    tiles: TileStore,
    store: CheckpointStore | None,
    log: NoteVerifier,
    cosigners: Sequence[CosignatureVerifier] = (),
    *,
    known: Sequence[SignatureVerifier] = (),
    progress: Progress | None = None,
) -> FsckReport:
    """Check a stored log; reads every byte once and holds one bundle at a time.

    Args:
        tiles: The public files.
        store: The sequencer's memory; None to check a mirror.
        log: The log's key.
        cosigners: Keys that must have cosigned the public checkpoint.
        known: Keys whose signatures on the public checkpoint, if there are any, must be good.
        progress: Told after every bundle.

    Returns:
        The report; damage is reported, never raised.

    Raises:
        OSError, sqlite3.Error: The storage itself failed.
    """
    findings: list[Finding] = []
    public = _check_public(tiles, log, cosigners, known, findings)
    committed = _check_committed(store, log, findings)
    _compare(public, committed, store is not None, findings)
    trusted = committed or public
    size = trusted.size if trusted else 0
    made = _LogMade(size, findings)
    tree = TreeCheck(tiles, size, trusted.root if trusted else None, made.entry)
    for number in range(-(-size // TILE_WIDTH)):
        tree.bundle(number)
        if progress is not None:
            progress(min((number + 1) * TILE_WIDTH, size), size)
    tree.finish()
    if store is not None:
        _check_store(store, committed, made, findings)
    return FsckReport((*findings, *tree.findings), tree.entries, size)


def _check_public(
    tiles: TileStore,
    log: NoteVerifier,
    cosigners: Sequence[CosignatureVerifier],
    known: Sequence[SignatureVerifier],
    findings: list[Finding],
) -> Checkpoint | None:
    content = tiles.read(CHECKPOINT_PATH)
    if content is None:
        return None
    checkpoint = None
    try:
        note = parse_note(content)
        checkpoint = verify_checkpoint(note, log)
        verify_note(note, [log, *known])
        for cosigner in cosigners:
            cosigner.verify(note)
    except AnchoringError as error:
        findings.append(Finding("checkpoint_refused", CHECKPOINT_PATH, f"checkpoint: {error}"))
    return checkpoint


def _check_committed(store: CheckpointStore | None, log: NoteVerifier, findings: list[Finding]) -> Checkpoint | None:
    published = store.load() if store is not None else None
    if published is None:
        return None
    try:
        checkpoint = verify_checkpoint(parse_note(published.note), log)
    except AnchoringError as error:
        findings.append(Finding("committed_refused", LOG_DB, f"committed checkpoint: {error}"))
        return None
    if checkpoint.size != published.size:
        what = f"says size {published.size}, its checkpoint {checkpoint.size}"
        findings.append(Finding("committed_refused", LOG_DB, what))
    return checkpoint


def _compare(
    public: Checkpoint | None,
    committed: Checkpoint | None,
    has_store: bool,  # noqa: FBT001  (private; one caller, which says what it has)
    findings: list[Finding],
) -> None:
    """Compare what the world sees with what was committed."""
    seen = public.size if public else 0
    if not has_store:
        if public is None:
            findings.append(Finding("checkpoint_missing", CHECKPOINT_PATH, "no checkpoint"))
    elif committed is None or seen > committed.size:
        if public is not None:
            what = f"size {seen} is public, but log.db does not know of it"
            findings.append(Finding("checkpoint_ahead", LOG_DB, what))
    elif seen < committed.size:
        what = f"size {committed.size} is committed, but only {seen} is public: start the sequencer"
        findings.append(Finding("checkpoint_behind", CHECKPOINT_PATH, what))
    elif public != committed:
        what = f"two different trees of size {seen} are signed"
        findings.append(Finding("checkpoint_differs", CHECKPOINT_PATH, what))


class _LogMade:
    """Checks the frames of all entries, and what the log's own entries say of themselves."""

    def __init__(self, size: int, findings: list[Finding]) -> None:
        self._size = size
        self._findings = findings
        self.anchors: dict[int, bytes] = {}  # index -> token digest

    def entry(self, index: int, content: bytes) -> None:
        try:
            entry = parse_entry(content)
            if entry.topic == STATE_COMMITTED or index == self._size - 1:
                self._commitment(index, entry)
            elif entry.topic == ANCHOR_RECORDED:
                self._anchor(index, entry)
        except MalformedError as error:
            number = index // TILE_WIDTH
            where = entries_path(number, tile_width(0, number, self._size))
            what = f"entry {index}: {error}"
            self._findings.append(Finding("entry_malformed", where, what, index))

    def _commitment(self, index: int, entry: Entry) -> None:
        if (covered := parse_state_commitment(entry).covered_size) != index:
            raise MalformedError(f"a commitment to {covered} entries")

    def _anchor(self, index: int, entry: Entry) -> None:
        self.anchors[index] = parse_anchor_record(entry).token_sha256
        if entry.version != len(self.anchors):
            raise MalformedError(f"anchor record {len(self.anchors)} has number {entry.version}")


def _check_store(
    store: CheckpointStore,
    committed: Checkpoint | None,
    made: _LogMade,
    findings: list[Finding],
) -> None:
    size = committed.size if committed else 0
    staged = store.staged()
    if staged is not None and staged.size == size:
        what = f"the bundles of size {size} are still staged: start the sequencer"
        findings.append(Finding("publication_unfinished", LOG_DB, what))
    kept = {}
    for anchor in store.anchors():
        if anchor.log_index is not None:
            kept[anchor.log_index] = anchor.proof.digest
        if parse_checkpoint(parse_note(anchor.checkpoint).text).size != anchor.size:
            what = f"anchor {anchor.serial} is kept for another checkpoint than its own"
            findings.append(Finding("anchor_differs", LOG_DB, what))
    for index in sorted(kept.keys() | made.anchors.keys()):
        if kept.get(index) != made.anchors.get(index):
            what = f"the anchor at entry {index} and the proof kept for it differ"
            findings.append(Finding("anchor_differs", LOG_DB, what, index))
    _check_placements(store, size, findings)


def _check_placements(store: CheckpointStore, size: int, findings: list[Finding]) -> None:
    """Check that runs go up in position and index, and end with the committed state."""
    position, index = 0, -1
    for run in store.placements():
        if run.first_position <= position or run.first_index <= index:
            what = f"feed position {run.first_position} is placed at {run.first_index} twice"
            findings.append(Finding("placement_wrong", LOG_DB, what, run.first_index))
        position = run.first_position + run.count - 1
        index = run.first_index + run.count - 1
    published = store.load()
    event_size, last = (published.event_size, published.position) if published else (0, 0)
    if (position, index + 1) != (last, event_size) or index >= size:
        what = f"the last placement is position {position} at {index}, not {last}"
        findings.append(Finding("placement_wrong", LOG_DB, what))
