"""The log's side put together: keys, tiles, and in one process at a time the sequencer and its time anchors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from anchoring.checkpoint_store import SqliteCheckpointStore
from anchoring.error import ConflictError, StoreUnreachableError
from anchoring.lock import SequencerLock
from anchoring.publication import LogKeys
from anchoring.sequencer import Sequencer, SequencerSettings
from anchoring.storage import CheckpointStore, Placement, Published, TileStore
from anchoring.witnesses import Witnesses
from api.error import NotReadyError
from api.followed_log import FollowedFiles, LogFollower
from api.ledger_node import LedgerNode
from api.log_place import open_tiles
from api.log_secret import secret_keys
from api.published_log import OwnLogIndex, PublishedLog
from api.view_node import VIEWS_DIRECTORY
from api.witness_setup import open_witnesses
from ledger.application import Clock
from ledger.error import ConflictError as LedgerConflictError
from ledger.error import KeyEncryptionError
from ledger.log_claim import LogClaim
from ledger.log_keeping import SECRETS, secret_name
from ledger.log_key import KeyGeneration
from projections.log_feed import LogFeed
from projections.source import LedgerSource
from projections.state_fold import StateFold
from projections.state_snapshot import SnapshotFile

if TYPE_CHECKING:
    from api.postgres_log import PostgresCheckpointStore

LOG_DATABASE: Final = "log.db"
LOCK_FILE: Final = "sequencer.lock"
SNAPSHOT: Final = "state.snapshot"


class ClaimedCheckpointStore(SqliteCheckpointStore):
    """``log.db``, which goes on only while this process has the claim on the log.

    Args:
        file: The file.
        claim: The claim, taken.
    """

    def __init__(self, file: Path, claim: LogClaim) -> None:
        super().__init__(file)
        self._claim = claim

    def compare_and_swap(
        self,
        old: Published | None,
        new: Published,
        *,
        placements: Sequence[Placement] = (),
        anchors: Mapping[int, int] | None = None,
    ) -> None:
        """Commit a new state; see `CheckpointStore.compare_and_swap`.

        A crash between committing and noting it leaves the database behind, which the next step makes up for.
        """
        with _claim_errors():
            self._claim.require(0 if old is None else old.size)
        super().compare_and_swap(old, new, placements=placements, anchors=anchors)
        self._claim.advance(new.size)


@contextmanager
def _claim_errors() -> Iterator[None]:
    """Have a lost claim stop the sequencer for good, as a lost lock does."""
    try:
        yield
    except LedgerConflictError as error:
        raise ConflictError(str(error)) from error


class Hold(Protocol):
    """What the process that continues a log holds, so that no other does."""

    def release(self) -> None:
        """Let others continue it; releasing what is not held is no error."""


class DirectoryHold:
    """The hold on a log whose memory is in the data directory: the lock there, and the claim on the events' database.

    Args:
        lock: On the directory.
        claim: On the database.
    """

    def __init__(self, lock: SequencerLock, claim: LogClaim) -> None:
        self._lock = lock
        self._claim = claim

    def take(self) -> None:
        """Take both at once or neither. Raises ConflictError."""
        self._lock.acquire()
        try:
            with _claim_errors():
                self._claim.take()
        except BaseException:
            self.release()
            raise

    def release_claim(self) -> None:
        """Give the one on the database back, and keep that on the directory."""
        self._claim.release()

    def release(self) -> None:
        """Give both back."""
        self._claim.release()
        self._lock.release()


class LogMemory(CheckpointStore, Protocol):
    """A checkpoint store that is opened and closed."""

    def close(self) -> None:
        """Close it."""


@dataclass(frozen=True, slots=True)
class PublicLog:
    """The log of one ledger, as every process of it has it.

    Attributes:
        keys: The log's own.
        tiles: Where it is public.
        store: What it has committed to.
        state: What it adds up to.
        published: As the public sees it, as far as this process can answer from it.
    """

    keys: LogKeys
    tiles: TileStore
    store: LogMemory
    state: StateFold
    published: PublishedLog

    def close(self) -> None:
        """Close its memory."""
        self.store.close()


@dataclass(frozen=True, slots=True)
class FollowedLog(PublicLog):
    """The log in a process that does not sequence.

    Attributes:
        follower: What keeps *published* up to date.
    """

    follower: LogFollower


@dataclass(frozen=True, slots=True)
class LogNode(PublicLog):
    """The log in the process that sequences it."""

    sequencer: Sequencer
    hold: Hold
    snapshot: SnapshotFile
    witnesses: Witnesses | None

    def keep_state(self, *, closing: bool = False) -> None:
        """Keep a copy of the state if the log has grown enough, for the next start. Call it after a publication.

        The state of a withheld checkpoint is not kept: the next start needs that of the public one, which is older.
        """
        if self.sequencer.withheld_since is None:
            self.snapshot.keep(self.state, closing=closing)

    def publish_all(self) -> None:
        """Sequence until nothing is left."""
        while self.sequencer.sequence() is not None:
            pass

    def close(self) -> None:
        """Keep the state for the next start, let others sequence, and close the log's memory."""
        with suppress(OSError):  # it can be folded again
            self.keep_state(closing=True)
        if self.witnesses is not None:
            self.witnesses.close()
        self.hold.release()
        self.store.close()


def open_log(node: LedgerNode, clock: Clock) -> LogNode:
    """Open the log of *node*, become its sequencer, and finish what an interrupted run left.

    Raises:
        anchoring.error.ConflictError: Another process is the sequencer.
        anchoring.error.CorruptionError: Stored bytes contradict each other; run ``cairn fsck``.
    """
    keys = log_keys(node)
    if node.settings.tiles is not None:
        shared = shared_store(node)
        shared.take_over()
        return _held(node, keys, shared, shared, clock)
    data = node.settings.data_dir
    claim = node.ledger.store.log_claim()
    hold = DirectoryHold(SequencerLock(data / LOCK_FILE), claim)
    hold.take()
    return _held(node, keys, ClaimedCheckpointStore(data / LOG_DATABASE, claim), hold, clock)


def open_memory(node: LedgerNode) -> LogMemory:
    """What the log of *node* has committed to, to be read, or to be added time anchors to."""
    if node.settings.tiles is not None:
        return shared_store(node)
    return SqliteCheckpointStore(node.settings.data_dir / LOG_DATABASE)


def follow_log(node: LedgerNode) -> FollowedLog:
    """Open the log of *node* in a process that does not sequence it; nothing is read before the first look."""
    keys, files = log_keys(node), FollowedFiles(open_tiles(node.settings))
    store = open_memory(node)
    snapshot = SnapshotFile(node.settings.data_dir / VIEWS_DIRECTORY / SNAPSHOT)
    published = PublishedLog(files, OwnLogIndex(store))
    state = _state(node, snapshot, PublishedLog(open_tiles(node.settings), OwnLogIndex(store)))
    follower = LogFollower(files, state, keys, snapshot)
    return FollowedLog(keys, open_tiles(node.settings), store, state, published, follower)


def shared_store(node: LedgerNode) -> PostgresCheckpointStore:
    """The log's memory in the database of *node*, which is PostgreSQL."""
    from api.postgres_log import PostgresCheckpointStore  # noqa: PLC0415  loads the driver
    from ledger.postgres_store import PostgresRecorder  # noqa: PLC0415  the same

    recorder = node.ledger.store
    assert isinstance(recorder, PostgresRecorder)  # noqa: S101  api.database opens no other for shared tiles
    return PostgresCheckpointStore(recorder.connections, recorder.log_claim())


def _held(node: LedgerNode, keys: LogKeys, store: LogMemory, hold: Hold, clock: Clock) -> LogNode:
    try:
        return _open(node, keys, store, hold, clock)
    except BaseException:
        hold.release()
        store.close()
        raise


def _open(node: LedgerNode, keys: LogKeys, store: LogMemory, hold: Hold, clock: Clock) -> LogNode:
    tiles = open_tiles(node.settings)
    snapshot = SnapshotFile(node.settings.data_dir / VIEWS_DIRECTORY / SNAPSHOT)
    published = PublishedLog(tiles, OwnLogIndex(store))
    state = _state(node, snapshot, published)
    witnesses = open_witnesses(node.settings, keys.log.vkey, tiles, clock)
    sequencer = Sequencer(
        feed=LogFeed(LedgerSource(node.ledger)),
        committer=state,
        tiles=tiles,
        store=store,
        keys=keys,
        clock=clock,
        oldest_unpublished_at=oldest_unpublished(node, store),
        settings=SequencerSettings(withhold=node.settings.witness_withhold),
        witnesses=witnesses,
    )
    try:
        sequencer.recover()
    except BaseException:
        if witnesses is not None:
            witnesses.close()
        raise
    return LogNode(keys, tiles, store, state, published, sequencer, hold, snapshot, witnesses)


def _state(node: LedgerNode, snapshot: SnapshotFile, published: PublishedLog) -> StateFold:
    """The state fold as it was kept, or an empty one; the sequencer's start folds what is missing."""
    mapper, cosigner = node.ledger.event_mapper, node.log_keeping.keys().generations[0].vkeys["operator"]
    with suppress(NotReadyError, StoreUnreachableError):  # nothing is published yet, or nothing can be read
        kept = snapshot.load(mapper, published.snapshot().reader.entry)
        if kept is not None:
            return kept
    return StateFold(mapper, cosigner)


def log_keys(node: LedgerNode) -> LogKeys:
    """The log's keys in use: Ed25519 and ML-DSA-44, the operator's cosigner key, and an older key while it signs too.

    Raises:
        KeyEncryptionError: The vault lacks a key that the events name, as one restored from an older backup does.
    """
    kept = node.log_keeping.keys()
    newest, retiring = kept.newest, kept.retiring
    made = _generation(node, newest)
    older = None if retiring is None else _generation(node, retiring).log
    past = [one.vkeys["log"] for one in kept.generations[:-1]]
    return replace(made, retiring=older, past=tuple(past))


def _generation(node: LedgerNode, named: KeyGeneration) -> LogKeys:
    origin, vault = node.identity.origin, node.vault
    if named.introduced_at is not None and not vault.has_secret(secret_name(SECRETS[0], named.number)):
        message = (
            f"the vault lacks generation {named.number} of the log's keys, which came into use on "
            f"{named.introduced_at.date()}; restore a newer backup"
        )
        raise KeyEncryptionError(message)
    return secret_keys(vault, origin, named.number)


class _Recorded(msgspec.Struct):
    """The one member of an event that its age is read from."""

    recorded_at: datetime


def oldest_unpublished(node: LedgerNode, store: CheckpointStore) -> Callable[[], datetime | None]:
    """Make the question of when the oldest event that no checkpoint covers was recorded."""

    def answer() -> datetime | None:
        published = store.load()
        events = node.ledger.read(0 if published is None else published.position, 1)
        return recorded_at(events[0].state) if events else None

    return answer


def recorded_at(state: bytes) -> datetime:
    """When the event with the stored bytes *state* was recorded."""
    return msgspec.json.decode(state, type=_Recorded).recorded_at
