"""One step of the log, worked out in memory: the entries to append and what they change.

    events from the feed, in feed order
    anchor records of time anchors that arrived since the last step
    one state commitment

Nothing here touches storage; `sequencer` makes the step durable.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from anchoring.anchor_record import AnchorRecord
from anchoring.checkpoint import parse_checkpoint
from anchoring.entry import FRAME, parse_entry
from anchoring.error import CorruptionError, MalformedError
from anchoring.feed import EntryFeed, FeedItem, StateCommitter
from anchoring.note import parse_note
from anchoring.state import parse_state_commitment
from anchoring.storage import Placement, Published, StoredAnchor
from anchoring.tree import leaf_hash

MAX_BATCH_BYTES: Final = 64 << 20  # memory, and what one crash makes the next start write again
_READ_ITEMS: Final = 1024
_LOG_TOPICS: Final = f"{FRAME}\nlog.".encode()


@dataclass(frozen=True, slots=True)
class Batch:
    """The next step of a log.

    Attributes:
        old: The state it builds upon.
        entries: All entries to append, the state commitment last.
        leaves: Their leaf hashes, as computed when they were gathered.
        placements: Where the feed items will stand.
        recorded: Serial -> log index of the time anchors recorded.
        position: Feed position of the last feed item in the log after this step.
        event_size: 1 + index of that item.
        last_item: Leaf hash of that item; None if there is none.
    """

    old: Published | None
    entries: tuple[bytes, ...]
    leaves: tuple[bytes, ...]
    placements: tuple[Placement, ...]
    recorded: dict[int, int]
    position: int
    event_size: int
    last_item: bytes | None

    @property
    def old_size(self) -> int:
        """Entries in the log before this step."""
        return self.old.size if self.old else 0

    def published(self, note: bytes) -> Published:
        """Return the state after this step, under its signed checkpoint."""
        return Published(
            note=note,
            size=self.old_size + len(self.entries),
            position=self.position,
            event_size=self.event_size,
            anchors=(self.old.anchors if self.old else 0) + len(self.recorded),
        )


def read_feed(feed: EntryFeed, after: int, limit: int) -> list[FeedItem]:
    """Read up to `limit` items above `after`, and at most about 64 MiB.

    Raises:
        CorruptionError: Positions do not strictly increase.
        MalformedError: An item claims a topic that belongs to the log itself.
    """
    items: list[FeedItem] = []
    volume = 0
    while len(items) < limit and volume < MAX_BATCH_BYTES:
        wanted = min(_READ_ITEMS, limit - len(items))
        read = feed.read(after, wanted)
        for item in read:
            if item.position <= after:
                raise CorruptionError(f"feed position {item.position} comes after {after}")
            if item.entry.startswith(_LOG_TOPICS):
                raise MalformedError(f"feed position {item.position} claims a topic of the log's")
            after = item.position
            volume += len(item.entry)
        items += read
        if len(read) < wanted:
            break
    return items


def build_batch(
    old: Published | None,
    items: Sequence[FeedItem],
    anchors: Sequence[StoredAnchor],
    committer: StateCommitter,
    *,
    last_item: bytes | None,
) -> Batch:
    """Put a step together; there must be an item or an anchor.

    The committer takes the entries in: from here on the step must be carried through, or tried
    again as it is, or the process must start anew.

    Raises:
        CorruptionError: The committer's entry does not commit to this step.
    """
    old_size = old.size if old else 0
    number = old.anchors if old else 0
    entries = [item.entry for item in items]
    recorded: dict[int, int] = {}
    for anchor in anchors:
        recorded[anchor.serial] = old_size + len(entries)
        entries.append(anchor_entry(anchor, number + len(recorded)))
    entries.append(_state_entry(committer, entries, old_size + len(entries)))
    leaves = tuple(leaf_hash(entry) for entry in entries)
    return Batch(
        old=old,
        entries=tuple(entries),
        leaves=leaves,
        placements=tuple(place(items, old_size)),
        recorded=recorded,
        position=items[-1].position if items else (old.position if old else 0),
        event_size=old_size + len(items) if items else (old.event_size if old else 0),
        last_item=leaves[len(items) - 1] if items else last_item,
    )


def _state_entry(committer: StateCommitter, entries: Sequence[bytes], covered_size: int) -> bytes:
    entry = committer.commit(tuple(entries), covered_size)
    if parse_state_commitment(parse_entry(entry)).covered_size != covered_size:
        raise CorruptionError(f"the state commitment does not cover {covered_size} entries")
    return entry


def anchor_entry(anchor: StoredAnchor, number: int) -> bytes:
    """Return the log entry of a time anchor; `number` is its running number, from 1."""
    checkpoint = parse_checkpoint(parse_note(anchor.checkpoint).text)
    return AnchorRecord(
        kind=anchor.proof.kind,
        name=anchor.proof.name,
        checkpoint_size=checkpoint.size,
        checkpoint_root=checkpoint.root,
        token_sha256=anchor.proof.digest,
        time=anchor.proof.at,
    ).entry(number)


def place(items: Sequence[FeedItem], first_index: int) -> list[Placement]:
    """Return the runs of consecutive positions among items that start at a log index."""
    if not items:
        return []
    positions = [item.position for item in items]
    starts = [at for at, position in enumerate(positions) if not at or position != positions[at - 1] + 1]
    ends = [*starts[1:], len(positions)]
    return [Placement(positions[at], first_index + at, end - at) for at, end in zip(starts, ends, strict=True)]
