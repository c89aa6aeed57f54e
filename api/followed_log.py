"""The log as an issuer's process has it that does not sequence: read from where the sequencer publishes it.

The plan of a look, numbered as in the code:

    1. Read the public checkpoint; a key of the log's signed it.
    2. Fold the entries that are new. Every state that the log commits to has to follow from them.
    3. Answer from it: only now is the state at hand that evidence files need.

A checkpoint of fewer entries than the one that is answered from is passed over: a store may show an older one for a
moment.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from anchoring.checkpoint import Checkpoint
from anchoring.note import NoteVerifier, parse_note
from anchoring.publication import LogKeys
from anchoring.reader import LogReader
from anchoring.recovery import replay_state, verify_own
from anchoring.storage import TileStore
from anchoring.tile import CHECKPOINT_PATH
from projections.state_fold import StateFold
from projections.state_snapshot import SnapshotFile


class FollowedFiles:
    """The files of the log with the checkpoint that was followed last in place of the newest.

    Args:
        tiles: Where the log is public.
    """

    def __init__(self, tiles: TileStore) -> None:
        self._tiles = tiles
        self._head: tuple[bytes, Checkpoint] | None = None

    @property
    def checkpoint(self) -> Checkpoint | None:
        """The checkpoint that is answered from; None before the first."""
        return None if self._head is None else self._head[1]

    def read(self, path: str) -> bytes | None:
        """Return the bytes at a path, or None."""
        if path != CHECKPOINT_PATH:
            return self._tiles.read(path)
        return None if self._head is None else self._head[0]

    def newest(self) -> bytes | None:
        """The checkpoint as it is public now, followed or not."""
        return self._tiles.read(CHECKPOINT_PATH)

    def show(self, note: bytes, checkpoint: Checkpoint) -> None:
        """Answer from *note* from now on; it is one assignment."""
        self._head = (note, checkpoint)


@dataclass(frozen=True, slots=True)
class LogFollower:
    """Follows the ledger's own log. :meth:`step` belongs to one thread.

    Attributes:
        files: What is answered from.
        state: What the log commits to.
        keys: The log's.
        snapshot: Keeps the state for the next start.
    """

    files: FollowedFiles
    state: StateFold
    keys: LogKeys
    snapshot: SnapshotFile

    def step(self) -> None:
        """Look once.

        Raises:
            SignatureError: The checkpoint is not the log's.
            CorruptionError: The log's tiles contradict it.
            OSError: The store of tiles does not answer.
        """
        note, shown = self.files.newest(), self.files.checkpoint
        if note is None or note == self.files.read(CHECKPOINT_PATH):
            return
        # 1. Signed.
        known = [NoteVerifier(vkey) for vkey in self._vkeys()]
        checkpoint = verify_own(parse_note(note), known)
        # 2. Folded.
        if shown is not None and checkpoint.size < shown.size:
            return
        if shown is None or checkpoint.size > shown.size:
            replay_state(self.state, LogReader(self.files.read, checkpoint))
            with suppress(OSError):  # it can be folded again
                self.snapshot.keep(self.state)
        # 3. Shown.
        self.files.show(note, checkpoint)

    def _vkeys(self) -> list[str]:
        retiring = self.keys.retiring
        return [self.keys.log.vkey, *([] if retiring is None else [retiring.vkey]), *self.keys.past]
