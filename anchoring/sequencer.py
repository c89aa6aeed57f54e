"""The sequencer: takes new entries from the feed and publishes the next checkpoint.

One step, in the order that makes a crash harmless at every line:

    1. Gather new feed items and anchor records; the state committer adds its entry.
    2. Stage the bundles, read them back, and hash the stored bytes again.
    3. Sign the new checkpoint.
    4. Compare-and-swap it into the checkpoint store. This is the commit.
    5. Write the tiles.
    6. Have the witnesses cosign, then publish the checkpoint with the operator's cosignature.
    7. Discard the staged bundles.

Before step 4 nothing has happened; after it the step will be finished, now or at the next start.
Nothing is ever signed twice for one size, because a failed step is tried again as it was.

Witnesses see a checkpoint only after it is committed, so what they cosign is never taken back. If
their quorum does not sign, the checkpoint is published with what there is, or, as the operator may
choose, withheld: then the one before stays public, nothing further is committed, and each later
call looks whether the quorum has signed.

Source: docs/spec/log.md.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from anchoring.batch import Batch, build_batch, read_feed
from anchoring.checkpoint import Checkpoint, parse_checkpoint, verify_checkpoint
from anchoring.error import ClockError, ConflictError, CorruptionError
from anchoring.feed import EntryFeed, StateCommitter
from anchoring.note import NoteVerifier, format_note, parse_note
from anchoring.publication import (
    LogKeys,
    collect_garbage,
    cosigned_at,
    is_public,
    publish_checkpoint,
    replaced_partials,
    stage_entries,
    staged_leaves,
    write_tiles,
)
from anchoring.reader import LogReader
from anchoring.recovery import LogTail, load_tail, replay_state, require_feed
from anchoring.storage import CheckpointStore, Published, TileStore
from anchoring.tile import CHECKPOINT_PATH
from anchoring.witnesses import Cosigning, Gathered


@dataclass(frozen=True, slots=True)
class SequencerSettings:
    """What an operator may turn.

    Attributes:
        batch_items: Feed items in one checkpoint at most.
        heartbeat_patience: No cosignature is given while a commit older than this is unpublished.
        partial_grace: How long a partial tile is kept after the full one exists.
        withhold: Whether a checkpoint that the witnesses' quorum has not signed is kept back.
    """

    batch_items: int = 10_000
    heartbeat_patience: timedelta = timedelta(seconds=10)
    partial_grace: timedelta = timedelta(minutes=10)
    withhold: bool = False


class Sequencer:
    """Appends to one log. Safe to call from several threads; only one process may run one.

    After any error the next call starts with `recover`, so a caller may simply try again. A
    CorruptionError will come back: stop, and run fsck. After a ConflictError another sequencer
    has taken over: stop.
    """

    def __init__(  # noqa: PLR0913  the whole machine is put together here, once
        self,
        *,
        feed: EntryFeed,
        committer: StateCommitter,
        tiles: TileStore,
        store: CheckpointStore,
        keys: LogKeys,
        clock: Callable[[], datetime],
        oldest_unpublished_at: Callable[[], datetime | None],
        settings: SequencerSettings | None = None,
        witnesses: Cosigning | None = None,
    ) -> None:
        """Put the parts together; nothing is read or written yet.

        Args:
            feed: Where entries come from.
            committer: Folds them into the state commitment.
            tiles: Where the world reads.
            store: The commit point.
            keys: The log's and the operator's.
            clock: The aware current time.
            oldest_unpublished_at: When the oldest event above `store.load().position` was
                committed, or None if there is none. Asked after the commit, before a cosignature.
            settings: Limits; the defaults if None.
            witnesses: Who is asked to cosign; None if nobody is.
        """
        self._feed, self._committer = feed, committer
        self._tiles, self._store = tiles, store
        self._keys, self._clock = keys, clock
        self._oldest_unpublished_at = oldest_unpublished_at
        self._settings = settings or SequencerSettings()
        self._witnesses = witnesses
        self._withheld_since: datetime | None = None
        self._verifier: Final = NoteVerifier(keys.log.vkey)
        self._lock = threading.Lock()
        self._tail: LogTail | None = None  # None: unknown, recover first
        self._prepared: Batch | None = None  # a step the committer has taken in already
        self._cosigned_at: datetime | None = None  # None: not known yet, or never
        self._attempted: Published | None = None  # what it would make of the log, once signed

    def recover(self) -> Checkpoint | None:
        """Finish an interrupted step and check the log; see `recovery` for the plan.

        Returns:
            The newest checkpoint, now public; None for a log that has none.

        Raises:
            CorruptionError: Stored bytes contradict each other, or the feed is behind the log.
            ConflictError: The state committer or another sequencer is ahead.
            SignatureError: The log was signed with another key.
        """
        with self._lock, self._unless_overtaken():
            tail = self._recover()
            return _checkpoint(tail.published)

    def sequence(self) -> Checkpoint | None:
        """Append what is new and publish; one step of at most `batch_items` feed items.

        Returns:
            The new checkpoint; None if there was nothing new, or one is withheld still. A new one may
            be withheld itself: see `withheld_since`.

        Raises:
            CorruptionError: Bytes changed between writing and reading, or as `recover`.
            ConflictError: Another sequencer moved the log.
            OSError, sqlite3.Error: Storage failed; the step is finished or undone by a retry.
        """
        with self._lock, self._unless_overtaken():
            tail = self._tail or self._recover()
            if self._is_still_withheld(tail):
                return None
            self._tail = None  # until the step is through, what is stored is not known
            self._prepared = batch = self._prepared or self._gather(tail)
            if batch is not None:
                tail = self._carry_out(batch, tail)
                self._prepared = self._attempted = None
            self._tail = tail
            if batch is None:
                self._collect_garbage()
                return None
            return _checkpoint(tail.published)

    @property
    def withheld_since(self) -> datetime | None:
        """Since when the newest committed checkpoint has waited for the witnesses' quorum; None if it does not."""
        return self._withheld_since

    def heartbeat(self, *, ask: bool = True) -> datetime | None:
        """Cosign the newest checkpoint again with the current time, have it cosigned, and publish that.

        Args:
            ask: Whether to ask the witnesses again; else what they gave since is published.

        Returns:
            The time of the cosignature; None if none was given: the log is empty, a commit
            older than the patience is still unpublished, or the checkpoint is withheld.

        Raises:
            ConflictError: Another sequencer moved the log.
            ClockError: The clock is behind the newest cosignature; the log goes on without new ones.
            Also what `recover` raises, if an earlier call failed.
        """
        with self._lock, self._unless_overtaken():
            tail = self._tail or self._recover()
            now = self._clock()  # before asking, so that the answer is no older than the claim
            if tail.published is None or self._behind(now):
                return None
            if self._clock_is_back(now):
                raise ClockError(
                    f"the clock says {now:%Y-%m-%d %H:%M:%S}, and a cosignature was given at "
                    f"{self._cosigned_at:%Y-%m-%d %H:%M:%S}: set the clock right; until then answers grow old"
                )
            if self._store.load() != tail.published:
                self._tail = None
                raise ConflictError("another sequencer moved the log")
            gathered = self._cosigned(tail.published, ask=ask)
            if self._withholds(gathered):
                return None
            self._cosign(tail.published.note, now, gathered)
            return now

    @contextmanager
    def _unless_overtaken(self) -> Iterator[None]:
        """Have what looks like damage be a ConflictError when another sequencer has made it so meanwhile."""
        try:
            yield
        except CorruptionError:
            self._store.load()
            raise

    def _recover(self) -> LogTail:
        """Do all six steps of the recovery plan, then publish."""
        self._tail = None
        self._store.confirm()
        known = [self._verifier, *(NoteVerifier(vkey) for vkey in self._keys.past)]
        tail = load_tail(self._tiles, self._store, known, self._clock)
        published = tail.published
        self._settle_prepared(published)
        if self._prepared is None:
            reader = None if published is None else LogReader(self._tiles.read, _parse(published))
            replay_state(self._committer, reader, self._public_size())
        if published is not None:
            require_feed(self._feed, published.position, tail.last_item)
            self._take_up_cosignatures(published)
            # A crash before this line left the previous checkpoint public: consistent, but old.
            self._publish(published)
            self._store.discard_staged(published.size)
        self._tail = tail
        return tail

    def _settle_prepared(self, published: Published | None) -> None:
        """Decide what became of a step that failed in this process.

        Kept, to be tried again as it is, if it was not committed; forgotten if it was.
        """
        if self._prepared is None or published == self._prepared.old:
            return
        if published != self._attempted:
            raise ConflictError("another sequencer moved the log")
        self._prepared = self._attempted = None

    def _gather(self, tail: LogTail) -> Batch | None:
        """Step 1: everything new, as one batch; None if there is nothing."""
        position = tail.published.position if tail.published else 0
        require_feed(self._feed, position, tail.last_item)
        items = read_feed(self._feed, position, self._settings.batch_items)
        anchors = self._store.anchors(pending=True)
        if not items and not anchors:
            return None
        return build_batch(
            tail.published,
            items,
            anchors,
            self._committer,
            last_item=tail.last_item,
        )

    def _carry_out(self, batch: Batch, tail: LogTail) -> LogTail:
        """Steps 2 to 7. Whatever raises here, the batch is settled by the next `_recover`."""
        # 2. Stage, read back, hash again. A crash here leaves bundles that nothing refers to.
        self._store.stage(stage_entries(batch.old_size, tail.tail, batch.entries))
        staged = self._store.staged()
        if staged is None:
            raise CorruptionError("the staged bundles are gone")
        leaves, entries = staged_leaves(staged, tail.edge)
        if tuple(leaves) != batch.leaves:
            raise CorruptionError("an entry changed between memory and storage; nothing is signed")
        edge = tail.edge.copy()
        completed = edge.extend(leaves)
        # 3. Sign. Ed25519 is deterministic: trying the same batch again gives the same note.
        published = batch.published(self._sign(len(edge), edge.root()))
        self._attempted = published
        # 4. Commit. A crash before this line leaves nothing to do, after it all that follows.
        self._store.compare_and_swap(batch.old, published, placements=batch.placements, anchors=batch.recorded)
        # 5. Tiles. A crash leaves some of them; the staged bundles give the same bytes again.
        write_tiles(self._tiles, staged, completed, edge)
        self._store.add_garbage(replaced_partials(batch.old_size, published.size), self._clock())
        # 6. Checkpoint. A crash before this line leaves the old one public, after it only garbage. Cosignatures that
        # a crash loses are given again: a witness cosigns what it has cosigned.
        self._publish(published)
        # 7. The bundles are public; a crash before this line makes the next start write them again.
        self._store.discard_staged(published.size)
        return LogTail(published, edge, entries, batch.last_item)

    def _collect_garbage(self) -> None:
        collect_garbage(self._tiles, self._store, self._clock(), self._settings.partial_grace)

    def _sign(self, size: int, root: bytes) -> bytes:
        """Sign a checkpoint, and check the signature before it goes anywhere."""
        text = Checkpoint(self._keys.log.name, size, root).text()
        note = format_note(text, self._keys.sign(text))
        verify_checkpoint(parse_note(note), self._verifier)
        return note

    def _publish(self, published: Published, *, ask: bool = True) -> None:
        """Make a checkpoint public; with the operator's word on the time, unless older commits still wait behind it."""
        gathered = self._cosigned(published, ask=ask)
        if self._withholds(gathered):
            return
        now = self._clock()
        if not self._clock_is_back(now):
            self._cosign(published.note, None if self._behind(now) else now, gathered)
        elif not is_public(self._tiles, published.note):  # if it is, it keeps its cosignature
            self._cosign(published.note, None, gathered)

    def _cosign(self, note: bytes, at: datetime | None, gathered: Gathered) -> None:
        publish_checkpoint(self._tiles, note, self._keys, at, gathered.lines)
        if at is not None:
            self._cosigned_at = at

    def _clock_is_back(self, now: datetime) -> bool:
        """Tell whether a cosignature at `now` would be older than one that was given before."""
        if self._cosigned_at is None:
            self._cosigned_at = cosigned_at(self._tiles, self._keys.operator.vkey)
        return self._cosigned_at is not None and now < self._cosigned_at

    def _cosigned(self, published: Published, *, ask: bool) -> Gathered:
        if self._witnesses is None:
            return Gathered()
        return self._witnesses.gather(published.note) if ask else self._witnesses.known(published.note)

    def _withholds(self, gathered: Gathered) -> bool:
        """Whether the checkpoint is kept back; remembers since when."""
        if gathered.met or not self._settings.withhold:
            self._withheld_since = None
            return False
        self._withheld_since = self._withheld_since or self._clock()
        return True

    def _is_still_withheld(self, tail: LogTail) -> bool:
        """Publish a withheld checkpoint if the quorum has signed meanwhile."""
        if self._withheld_since is None or tail.published is None:
            return False
        self._publish(tail.published, ask=False)
        return self._withheld_since is not None

    def _public_size(self) -> int:
        public = self._tiles.read(CHECKPOINT_PATH)
        return 0 if public is None else parse_checkpoint(parse_note(public).text).size

    def _take_up_cosignatures(self, published: Published) -> None:
        """Keep the witnesses' lines on the public checkpoint, if it is this one."""
        public = self._tiles.read(CHECKPOINT_PATH)
        if self._witnesses is None or public is None:
            return
        if parse_note(public).text == parse_note(published.note).text:
            self._witnesses.remember(public)

    def _behind(self, now: datetime) -> bool:
        oldest = self._oldest_unpublished_at()
        return oldest is not None and now - oldest > self._settings.heartbeat_patience


def _parse(published: Published) -> Checkpoint:
    return parse_checkpoint(parse_note(published.note).text)


def _checkpoint(published: Published | None) -> Checkpoint | None:
    return None if published is None else _parse(published)
