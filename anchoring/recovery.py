"""Starting a sequencer: finish what a crash interrupted, then believe nothing unchecked.

Before the first step the store confirms what it shows (`CheckpointStore.confirm`): an interrupted commit may be there
to be read and not be safe yet.

The plan, numbered as in the code:

    1. The committed checkpoint is ours: signed by a key of the log's, of the configured origin.
    2. If bundles for it are still staged, its publication may be unfinished: do it again.
    3. The right edge of the stored tiles gives its root, the last bundle hashes into the edge.
    4. The public checkpoint file is not ahead of it, nor of another tree.
    5. The feed still holds the last item that was logged, byte for byte.
    6. The state committer has folded the whole log, and agrees with what was logged.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from anchoring.checkpoint import Checkpoint, parse_checkpoint, verify_checkpoint
from anchoring.entry import FRAME, STATE_COMMITTED, parse_entry
from anchoring.error import ConflictError, CorruptionError, MalformedError
from anchoring.feed import EntryFeed, StateCommitter
from anchoring.note import Note, NoteVerifier, parse_note
from anchoring.publication import replaced_partials, staged_leaves, write_tiles
from anchoring.reader import Fetch, LogReader
from anchoring.right_edge import RightEdge
from anchoring.state import parse_state_commitment
from anchoring.storage import CheckpointStore, Published, Staged, TileStore
from anchoring.tile import CHECKPOINT_PATH, TILE_WIDTH
from anchoring.tree import leaf_hash

REPLAY_ENTRIES: Final = 10_000  # entries handed to the state committer at once, about
OLD_COPY: Final = "files of an old copy were put back. Going on would fork the log; restore with «cairn restore»"
_COMMITMENT: Final = f"{FRAME}\n{STATE_COMMITTED}\n".encode()


@dataclass(slots=True)
class LogTail:
    """What the sequencer keeps in memory of the log it appends to.

    Attributes:
        published: The newest committed state; None for a log without any.
        edge: The right edge of the tree at that size.
        tail: The entries of the last bundle if it is partial, else none.
        last_item: Leaf hash of the last feed item in the log.
    """

    published: Published | None
    edge: RightEdge
    tail: list[bytes]
    last_item: bytes | None


def load_tail(
    tiles: TileStore, store: CheckpointStore, logs: Sequence[NoteVerifier], now: Callable[[], datetime]
) -> LogTail:
    """Do steps 1 to 4 of the plan.

    Args:
        tiles: What is public.
        store: What is committed.
        logs: The log's own keys: the one in use, and those that it has used.
        now: The present, aware.

    Raises:
        CorruptionError: Stored bytes contradict the committed checkpoint.
        SignatureError: The committed checkpoint is not signed by the configured key.
    """
    published = store.load()
    if published is None:
        if tiles.read(CHECKPOINT_PATH) is not None:
            raise CorruptionError("a checkpoint is public, but log.db knows of none: wrong file?")
        return LogTail(None, RightEdge(), [], None)
    # 1. The committed checkpoint is ours.
    checkpoint = verify_own(parse_note(published.note), logs)
    if checkpoint.size != published.size:
        raise CorruptionError("log.db contradicts its own checkpoint about the size")
    # 2. An unfinished publication is done again.
    staged = store.staged()
    if staged is not None and staged.size == published.size:
        finish_tiles(tiles, store, staged, checkpoint, now())
    # 3. The right edge gives the root, the last bundle hashes into the edge.
    edge = RightEdge.load(checkpoint.size, lambda tile: tiles.read(tile.path))
    reader = LogReader(tiles.read, checkpoint)
    tail = list(reader.entries(checkpoint.size // TILE_WIDTH * TILE_WIDTH))
    _require_last_commitment(reader, checkpoint)
    last_item = reader.leaf(published.event_size - 1) if published.event_size else None
    # 4. The public file is not ahead, nor of another tree.
    _require_not_ahead(tiles.read(CHECKPOINT_PATH), checkpoint)
    return LogTail(published, edge, tail, last_item)


def verify_own(note: Note, logs: Sequence[NoteVerifier]) -> Checkpoint:
    """Verify a checkpoint by whichever of the log's keys signed it; by the one in use if none did, which raises."""
    signed = {line.key_id for line in note.signatures}
    return verify_checkpoint(note, next((log for log in logs if log.key_id in signed), logs[0]))


def finish_tiles(
    tiles: TileStore, store: CheckpointStore, staged: Staged, checkpoint: Checkpoint, now: datetime
) -> None:
    """Write the tiles of a committed step from its staged bundles.

    Raises:
        CorruptionError: The bundles do not lead to the committed root. Nothing was written.
    """
    copy_staged(tiles.read, tiles, staged, checkpoint)
    store.add_garbage(replaced_partials(staged.old_size, staged.size), now)


def copy_staged(read: Fetch, tiles: TileStore, staged: Staged, checkpoint: Checkpoint) -> None:
    """Write the tiles of a committed step from its staged bundles, there or elsewhere.

    Args:
        read: Reads the tiles of the size before the step.
        tiles: Where to.
        staged: The bundles of the step.
        checkpoint: What they lead to.

    Raises:
        CorruptionError: The bundles do not lead to the committed root. Nothing was written.
    """
    edge = RightEdge.load(staged.old_size, lambda tile: read(tile.path))
    leaves, _ = staged_leaves(staged, edge)
    completed = edge.extend(leaves)
    if edge.root() != checkpoint.root:
        raise CorruptionError("the staged bundles do not lead to the committed root")
    write_tiles(tiles, staged, completed, edge)


def _require_last_commitment(reader: LogReader, checkpoint: Checkpoint) -> None:
    """Check that the log ends in a state commitment over all that is before it."""
    last = checkpoint.size - 1
    try:
        state = parse_state_commitment(parse_entry(reader.entry(last)))
    except MalformedError as error:
        raise CorruptionError(f"entry {last}, the last, is no state commitment") from error
    if state.covered_size != last:
        raise CorruptionError(f"entry {last} commits to {state.covered_size} entries")


def _require_not_ahead(public: bytes | None, checkpoint: Checkpoint) -> None:
    """Check what the world has seen against what was committed; older or absent is fine."""
    if public is None:
        return
    try:
        seen = parse_checkpoint(parse_note(public).text)
    except MalformedError as error:
        raise CorruptionError("the public checkpoint is damaged") from error
    if seen.size > checkpoint.size:
        raise CorruptionError(f"size {seen.size} is public, but log.db stops at {checkpoint.size}: {OLD_COPY}")
    if seen.size == checkpoint.size and seen != checkpoint:
        raise CorruptionError(f"the public checkpoint is of another tree of size {seen.size}")


def require_feed(feed: EntryFeed, position: int, last_item: bytes | None) -> None:
    """Check that the feed still holds what was logged last (step 5).

    Args:
        feed: The feed.
        position: Feed position of the last logged item; 0 if none was.
        last_item: Its leaf hash.

    Raises:
        CorruptionError: The feed ends before it, or holds other bytes there: an event store that
            was put back from an older copy would fork the log.
    """
    if position == 0:
        return
    items = feed.read(position - 1, 1)
    if not items or items[0].position != position:
        raise CorruptionError(f"the feed lacks position {position}, which is in the log already: {OLD_COPY}")
    if leaf_hash(items[0].entry) != last_item:
        raise CorruptionError(f"the feed holds other bytes at position {position} than the log")


def replay_state(committer: StateCommitter, reader: LogReader | None, public_size: int = 0) -> None:
    """Bring the state committer up to the log's size (step 6), comparing as it goes.

    A committer that already covers the whole log is taken at its word.

    Args:
        committer: The committer.
        reader: Reads the log; None if the log is empty.
        public_size: Size of the public checkpoint, which may be older: its state is folded as one too, so that
            proofs under it can be had for as long as the newer checkpoint is withheld.

    Raises:
        ConflictError: It has folded more than the log holds; it must be made anew.
        CorruptionError: It commits to something else than the log does.
    """
    size, covered = reader.checkpoint.size if reader else 0, committer.covered()
    if reader is None and covered == 0:
        return
    if reader is None or covered >= size:
        raise ConflictError(f"the state covers {covered} entries, the log has {size}")
    start = covered + 1 if covered else 0  # the commitment at index `covered` is no input
    pending: list[bytes] = []
    for index, entry in enumerate(reader.entries(start), start):
        if not entry.startswith(_COMMITMENT):
            pending.append(entry)
        elif len(pending) >= REPLAY_ENTRIES or index in {public_size - 1, size - 1}:
            if committer.commit(tuple(pending), index) != entry:
                raise CorruptionError(f"the state folded again differs from entry {index}")
            pending.clear()
