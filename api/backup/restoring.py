"""The way back from a backup: without a fork, and with every erasure that came after it.

1. Compare every file with the manifest, and copy them into a directory beside the place where the ledger is to be.
2. Open the vault, which takes the key-encryption keys.
3. Fetch the surviving public log: verified against the log's own key, and an extension of what the backup holds.
4. Append the events that the backup lacks: the log's entries are their stored bytes. What the backup holds already has
   to be the same.
5. Take over the log's newest checkpoint. From here the sequencer goes on where the world saw it last.
6. Destroy the keys and rows of every learner whom the log says was erased since.
7. Let the sequencer check all of it, then put the directory in its place. A crash before that leaves nothing in use.
   For a ledger that is to be in PostgreSQL all of this happens in a file, which is moved there last, in one go.

What cannot come back: vault rows written after the backup. The awards stay in the log and stay provable; their
documents are with the learners.
"""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import msgspec
from eventsourcing.persistence import StoredEvent

from anchoring.anchor_record import parse_anchor_record
from anchoring.checkpoint import Checkpoint, parse_checkpoint, verify_checkpoint
from anchoring.checkpoint_store import SqliteCheckpointStore
from anchoring.entry import ANCHOR_RECORDED, LOG_ITSELF, Entry, parse_entry
from anchoring.error import AnchoringError
from anchoring.mirror import LogMirror
from anchoring.note import NoteVerifier, format_note, parse_note
from anchoring.reader import LogReader
from anchoring.storage import DirectoryTileStore, Placement, Published
from anchoring.time_anchor import AnchorProof
from api.backup.error import BackupError
from api.backup.manifest import Manifest, read_manifest, require_files, sync
from api.backup.surviving import SurvivingLog
from api.database import SQLITE_FILE, move_ledger, require_free
from api.ledger_node import LedgerNode, open_ledger, system_clock
from api.log_node import LOG_DATABASE, log_keys, open_log
from api.log_place import LOG_DIRECTORY
from api.setting import Settings
from ledger.access import Actor, audit
from ledger.credential import BIRTHS
from ledger.erasing import Erasing
from ledger.erasure import Erasure
from ledger.error import LedgerError, NotFoundError
from ledger.status_allocation import StatusAllocator
from ledger.store import Commit

_BIRTH_TOPICS: Final = frozenset(event.TOPIC for event in BIRTHS)
BATCH: Final = 1_000
RESTORER: Final = Actor(name="restore", role="operator")

Note = Callable[[str, int, int], None]


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """What a restore did, and what is lost.

    Attributes:
        origin: Origin of the log.
        log_size: Entries of the log it goes on from.
        events_recovered: Events that the backup lacked and the log held.
        awards_without_documents: Awards among them, whose documents only their learners have now.
        erasures_applied: Learners erased since the backup whose keys and rows were destroyed now.
        erasures_elsewhere: Erasures since the backup of learners whom it does not hold.
        anchor_tokens_lost: Time anchors recorded since whose tokens were not to be had.
        institutions_without_key: Slugs of those whose key in force was made since: rotate it before they can issue.
    """

    origin: str
    log_size: int
    events_recovered: int
    awards_without_documents: int
    erasures_applied: int
    erasures_elsewhere: int
    anchor_tokens_lost: int
    institutions_without_key: tuple[str, ...]


@dataclass(slots=True)
class _Gathered:
    """What walking through the surviving entries has found."""

    placements: list[Placement] = field(default_factory=list)
    size: int = 0
    position: int = 0
    event_size: int = 0
    anchors: dict[int, bytes] = field(default_factory=dict)
    anchor_count: int = 0
    events: int = 0
    awards: int = 0
    erasures: set[UUID] = field(default_factory=set)
    blocks: dict[int, UUID] = field(default_factory=dict)


def restore(backup: Path, settings: Settings, log: SurvivingLog | None, note: Note) -> Restored:
    """Restore a backup into ``settings.data_dir``, which must not exist or be empty.

    Args:
        backup: A directory that :func:`api.backup.making.make_backup` made.
        settings: Where the ledger is to be, and where its key-encryption keys are.
        log: The surviving public log; None only if the operator knows that there is none.
        note: Told what is being done, how much of it, and of how much.

    Raises:
        BackupError: The backup is damaged, the place is in use, or the log is of another history.
        KeyEncryptionError: The keys that open the backup are not there.
        StorageError: PostgreSQL, if the ledger is to be there, cannot be reached or is not empty.
        anchoring.error.AnchoringError: The surviving log does not verify.
    """
    data = settings.data_dir
    if data.exists() and any(data.iterdir()):
        message = f"{data} is not empty; move it away first, and keep it until the restore has been checked"
        raise BackupError(message)
    require_free(settings)
    # 1. The files.
    manifest = read_manifest(backup)
    note("comparing files", 0, len(manifest.files))
    require_files(backup, manifest)
    work = data.with_name(f"{data.name}.restoring")
    _copy(backup, work, manifest)
    # 2. The vault.
    within = settings.model_copy(update={"data_dir": work, "kek_dir": settings.key_dir, "database": None})
    if not settings.key_dir.is_dir():
        message = f"the key-encryption keys are not in {settings.key_dir}; put them there, or name their place"
        raise BackupError(message)
    node = open_ledger(within, clock=system_clock)
    try:
        restored = _restore(node, work, manifest, log, note)
    finally:
        node.close()
    # 7. All of it is checked by the sequencer's own start, and on the disk before it is put in its place.
    _prove(within)
    if settings.database is not None:
        move_ledger(work / SQLITE_FILE, work, settings)
    os.sync()
    if data.exists():
        data.rmdir()
    work.rename(data)
    sync(data.parent)
    return restored


def _copy(backup: Path, work: Path, manifest: Manifest) -> None:
    shutil.rmtree(work, ignore_errors=True)
    for file in manifest.files:
        target = work / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(backup / file.path, target)


def _prove(settings: Settings) -> None:
    node = open_ledger(settings, clock=system_clock)
    try:
        open_log(node, system_clock).close()
    finally:
        node.close()


def _restore(node: LedgerNode, work: Path, manifest: Manifest, log: SurvivingLog | None, note: Note) -> Restored:
    gathered = _Gathered()
    lost = 0
    if log is not None:
        gathered, lost = _catch_up(node, work, log, note)
    _close_blocks(node, gathered.blocks)
    keyless = _settle_keys(node)
    # 6. The erasures.
    applied = _erase_again(node, gathered.erasures)
    return Restored(
        origin=manifest.origin,
        log_size=gathered.size or manifest.log_size,
        events_recovered=gathered.events,
        awards_without_documents=gathered.awards,
        erasures_applied=applied,
        erasures_elsewhere=len(gathered.erasures) - applied,
        anchor_tokens_lost=lost,
        institutions_without_key=tuple(keyless),
    )


def _catch_up(node: LedgerNode, work: Path, log: SurvivingLog, note: Note) -> tuple[_Gathered, int]:
    """Steps 3 to 5."""
    store = SqliteCheckpointStore(work / LOG_DATABASE)
    try:
        old = store.load()
        # 3. The surviving log, by the log's own key.
        line, newest = _verified(node, log.checkpoint())
        known = None if old is None else parse_checkpoint(parse_note(old.note).text)
        size = 0 if known is None else known.size
        if newest.size <= size:
            _require_beginning(work, known, newest)
            return _Gathered(), 0  # it has survived no longer than the backup
        mirror = LogMirror(DirectoryTileStore(work / LOG_DIRECTORY), log.tile)
        # 4. The events.
        gathered = _append(node, mirror.copy(known, newest), old, size, newest.size, note)
        # 5. The checkpoint.
        serials, lost = _keep_tokens(store, log, gathered.anchors)
        text = newest.text()
        published = Published(
            format_note(text, [line]), newest.size, gathered.position, gathered.event_size, gathered.anchor_count
        )
        store.compare_and_swap(old, published, placements=gathered.placements, anchors=serials)
        return gathered, lost
    finally:
        store.close()


def _verified(node: LedgerNode, content: bytes) -> tuple[str, Checkpoint]:
    """Return the log's signature line and the checkpoint of a note that this ledger's log has signed."""
    verifier = NoteVerifier(log_keys(node).log.vkey)
    parsed = parse_note(content)
    try:
        checkpoint = verify_checkpoint(parsed, verifier)
    except AnchoringError as error:
        message = (
            f"that log is not this ledger's, or its key was changed after the backup, which a newer backup has: {error}"
        )
        raise BackupError(message) from error
    [line] = [one.line for one in parsed.signatures if (one.name, one.key_id) == (verifier.name, verifier.key_id)][:1]
    return line, checkpoint


def _require_beginning(work: Path, known: Checkpoint | None, newest: Checkpoint) -> None:
    """Check that a surviving log that is no longer than the backup's is the beginning of it."""
    tiles = DirectoryTileStore(work / LOG_DIRECTORY)
    if known is not None and newest.size and LogReader(tiles.read, known).root(newest.size) != newest.root:
        message = (
            f"the log has signed two histories: the {newest.size} entries that survived are not the beginning of the "
            f"{known.size} in the backup. Going on from either would be a fork; keep both as they are"
        )
        raise BackupError(message)


def _append(
    node: LedgerNode, entries: Iterator[bytes], old: Published | None, first: int, size: int, note: Note
) -> _Gathered:
    found = _Gathered(
        position=0 if old is None else old.position,
        event_size=0 if old is None else old.event_size,
        anchor_count=0 if old is None else old.anchors,
    )
    kept = _events_after(node, found.position)
    pending: list[StoredEvent] = []
    for index, framed in enumerate(entries, first):
        entry = parse_entry(framed)
        if entry.originator == LOG_ITSELF:
            if entry.topic == ANCHOR_RECORDED:
                found.anchors[index] = parse_anchor_record(entry).token_sha256
                found.anchor_count += 1
            continue
        present = next(kept, None)
        if present is None:
            pending.append(StoredEvent(entry.originator, entry.version, entry.topic, entry.body))
            found.events += 1
            _note_award(node, entry, found)
        found.position = _position_of(entry, present, found.position)
        _place(found, index)
        if entry.topic == Erasure.Recorded.TOPIC:
            found.erasures.add(entry.originator)
        if len(pending) == BATCH:
            _record(node, pending, found.position)
            note("recovering events", index, size)
    _record(node, pending, found.position)
    found.size = size
    return found


def _position_of(entry: Entry, present: tuple[int, Entry] | None, before: int) -> int:
    """Where the event stands in the store: where it is, or at the end."""
    if present is None:
        return before + 1
    position, held = present
    if held != entry:
        message = f"the backup's event at position {position} is not the one that the public log holds: another history"
        raise BackupError(message)
    return position


def _note_award(node: LedgerNode, entry: Entry, found: _Gathered) -> None:
    if entry.topic in _BIRTH_TOPICS:
        body = node.ledger.event_mapper.decode(entry.topic, entry.body, f"award {entry.originator}")
        assert isinstance(body, BIRTHS)  # noqa: S101  its topic says so
        found.awards += 1
        found.blocks[body.status_block] = body.institution


def _place(found: _Gathered, index: int) -> None:
    run = found.placements[-1] if found.placements else None
    is_next = run is not None and (
        run.first_position + run.count == found.position and run.first_index + run.count == index
    )
    if run is not None and is_next:
        found.placements[-1] = Placement(run.first_position, run.first_index, run.count + 1)
    else:
        found.placements.append(Placement(found.position, index, 1))
    found.event_size = index + 1


def _events_after(node: LedgerNode, position: int) -> Iterator[tuple[int, Entry]]:
    while batch := node.ledger.read(position, BATCH):
        for event in batch:
            assert isinstance(event.originator_id, UUID)  # noqa: S101  this ledger's ids are
            yield event.id, Entry(event.topic, event.originator_id, event.originator_version, event.state)
        position = batch[-1].id


def _record(node: LedgerNode, events: list[StoredEvent], newest: int) -> None:
    """Append events, the last of them at position *newest*."""
    if not events:
        return
    [result] = node.ledger.store.record([Commit(tuple(events))])
    if isinstance(result, LedgerError):
        message = f"an event of the log does not fit what the backup holds: {result}"
        raise BackupError(message) from result
    if result != list(range(newest - len(events) + 1, newest + 1)):
        message = f"the events of the log came to stand at {result[0]} and not before {newest}"
        raise BackupError(message)
    events.clear()


def _keep_tokens(
    store: SqliteCheckpointStore, log: SurvivingLog, wanted: dict[int, bytes]
) -> tuple[dict[int, int], int]:
    """Keep the tokens of anchors that the log recorded since; serial -> log index, and how many are lost."""
    if not wanted:
        return {}, 0
    serials: dict[int, int] = {}
    indexes = {digest: index for index, digest in wanted.items()}
    for served in log.anchors():
        try:
            proof = _proof(served)
            checkpoint = str(served["checkpoint"]).encode()
            size = parse_checkpoint(parse_note(checkpoint).text).size
        except (KeyError, TypeError, ValueError, AnchoringError):
            continue
        index = indexes.pop(proof.digest, None)
        if index is not None:
            serials[store.add_anchor(proof, checkpoint, size)] = index
    return serials, len(indexes)


def _proof(served: dict[str, Any]) -> AnchorProof:
    token = base64.b64decode(str(served["token"]), validate=True)
    at = msgspec.convert(served["time"], datetime)
    return AnchorProof(str(served["kind"]), str(served["name"]), at, token)


def _close_blocks(node: LedgerNode, blocks: dict[int, UUID]) -> None:
    """Take no more places from status blocks that awards since the backup have places in."""
    places = StatusAllocator(node.ledger.store, b"")
    for block, institution in sorted(blocks.items()):
        places.close_block(block, institution)


def _settle_keys(node: LedgerNode) -> list[str]:
    """Destroy again the private keys that have ended since; return who has none for the key in force."""
    keyless = []
    for institution in node.institutions():
        for key in institution.keys:
            if not key.usable:
                node.ledger.store.record([Commit((), node.keys.destroy(institution.id, key.key_id))])
        active = institution.active_key
        try:
            if active is not None:
                node.keys.signing_key(institution.id, active.key_id, institution.did)
        except NotFoundError:
            keyless.append(institution.slug)
    return keyless


def _erase_again(node: LedgerNode, handles: set[UUID]) -> int:
    """Destroy what the vault holds of learners who were erased under these handles; returns how many they were."""
    if not handles:
        return 0
    erasing = Erasing(node.ledger, node.vault)
    learners = [learner for learner in node.vault.learners() if erasing.handle_of(learner) in handles]
    for learner in learners:
        rows = [*node.vault.erase(learner), audit(RESTORER, "learner.erase", None, 1, node.ledger.now())]
        node.ledger.store.record([Commit((), rows)])
    erasing.sweep()
    return len(learners)
