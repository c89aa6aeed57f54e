"""Following a log, step by step.

The plan, numbered as in the code:

    1. Fetch the checkpoint; a log key of the policy signed it.
    2. Compare it with the largest head ever seen. Two that exclude each other: keep both as the proof, and stop.
    3. Remember it as the largest, durably, before anything is built on it: what comes later is compared with it.
    4. The witnesses that the policy asks for have cosigned it.
    5. Copy what is new, each byte checked (:mod:`anchoring.mirror`), and fold it; every state that the log commits to
       has to follow from the entries before it, and the last entry is such a commitment.
    6. Replace the copy's checkpoint: the commit point. Bring the views up to it.
    7. Fetch what is signed outside the log: status lists and tokens of time anchors. Each has to fit the log.
    8. Only then answer from it, so that no list is missing in between; if step 7 failed, all the same, and say so.

Killed at any line, the next start stands where the copy's checkpoint is, and uses the tiles that lie beyond it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Final, Protocol

from anchoring.checkpoint import Checkpoint
from anchoring.error import AnchoringError, CorruptionError
from anchoring.head import HeadOrder, compare_heads
from anchoring.mirror import LogMirror
from anchoring.publication import replaced_partials
from anchoring.storage import TileStore
from anchoring.tile import CHECKPOINT_PATH, TileId
from api.mirror.directory import MirrorDirectory, fork_words
from api.mirror.error import MisbehaviourError, UntrustedError, UpstreamError
from api.mirror.head import Head, ServedHead
from api.mirror.refold import Refold
from api.mirror.upstream import Upstream
from ledger.application import Clock
from verifier.checks.log import TrustedCheckpoint, trust_note
from verifier.checks.time import Asked, cosigned_at, judge_cosignatures, judge_freshness
from verifier.policy import Policy
from verifier.report import State

VIEW_WAIT_SECONDS: Final = 1.0


class Readers(Protocol):
    """What is fed from the copy: the source of the views, and the views themselves."""

    def advance(self, checkpoint: Checkpoint) -> None:
        """Let the views have everything up to *checkpoint*."""

    def wait(self, size: int, seconds: float) -> bool:
        """Wait until every view has the first *size* entries; whether they have."""

    def stopped(self) -> str | None:
        """Why a view will never have them, else None."""


class Attachments(Protocol):
    """Documents that are signed outside the log and have to fit it."""

    def recall(self, head: Head, refold: Refold) -> None:
        """Take what was kept for *head*, without asking anybody."""

    def refresh(self, head: Head, refold: Refold) -> None:
        """Fetch what is new for *head*. Raises AttachmentError."""


class Follower:
    """Follows one log. :meth:`recover` and :meth:`step` belong to one thread.

    Args:
        directory: The mirror's directory, acquired.
        tiles: The copy in it.
        upstream: The ledger that is followed.
        policy: Whose word is taken.
        served: What answers are given from.
        readers: The views.
        attachments: Status lists and time anchors.
        clock: Present instant.
    """

    def __init__(
        self,
        *,
        directory: MirrorDirectory,
        tiles: TileStore,
        upstream: Upstream,
        policy: Policy,
        served: ServedHead,
        readers: Readers,
        attachments: Attachments,
        clock: Clock,
    ) -> None:
        self._directory = directory
        self._tiles = tiles
        self._upstream = upstream
        self._policy = policy
        self._served = served
        self._readers = readers
        self._attachments = attachments
        self._clock = clock
        self._mirror = LogMirror(tiles, upstream.tile, upstream.ahead)
        self._refold = Refold()
        self._published: TrustedCheckpoint | None = None
        self._replaced: list[TileId] = []
        self._closing = threading.Event()
        self.progress: Callable[[int, int], None] = lambda _done, _total: None

    def close(self) -> None:
        """Give up whatever is under way at the next entry."""
        self._closing.set()

    def recover(self) -> None:
        """Stand where the copy's checkpoint is: check and fold what was kept, mending what is damaged from upstream.

        Raises:
            UntrustedError: The policy does not trust the key that signed the copy.
            UpstreamError: The copy is damaged and could not be mended.
            MisbehaviourError: What was kept does not add up.
        """
        words = self._directory.forks()
        self._served.misbehaviour = words[-1] if words else None
        note = self._tiles.read(CHECKPOINT_PATH)
        if note is None:
            return
        trusted = self._trusted(note)
        self._absorb(None, trusted.checkpoint, was_compared=True)
        self._require_complete()
        head = self._projected(trusted, note)
        self._attachments.recall(head, self._refold)
        self._served.serve(head)

    def step(self) -> None:
        """Follow once.

        Raises:
            AttachmentError: The log was followed, and only what is signed outside it is missing.
            UpstreamError: Try again later; what was verified is served on.
            MisbehaviourError: The log is proved to have misbehaved; the proof has been kept.
        """
        if self._served.misbehaviour is not None:
            return
        try:
            self._follow()
        except MisbehaviourError as error:
            self._served.misbehaviour = str(error)
            raise
        except UpstreamError as error:
            self._served.trouble = str(error)
            raise
        self._served.trouble = None

    def _follow(self) -> None:
        # 1. The checkpoint, signed.
        note = self._upstream.checkpoint()
        trusted = self._trusted(note)
        # 2. and 3. Against everything seen before.
        self._compare(trusted, note)
        # 4. Witnessed as the policy asks.
        self._require_witnesses(trusted)
        # 5. What is new.
        published = None if self._published is None else self._published.checkpoint
        if published is None or trusted.checkpoint.size > published.size:
            try:
                self._absorb(published, trusted.checkpoint)
                self._require_complete()
            except MisbehaviourError as error:
                self._directory.record(str(error), {"shown.note": note})
                raise
        # 6. Committed and projected.
        head = self._commit(trusted, note, published)
        if head is None:
            return
        try:
            # 7. Signed outside the log.
            self._attachments.refresh(head, self._refold)
        finally:
            # 8. Served.
            self._served.serve(head)

    def _trusted(self, note: bytes) -> TrustedCheckpoint:
        try:
            trusted = trust_note(note, self._policy)
        except AnchoringError as error:
            message = f"the checkpoint is refused: {error}"
            raise UntrustedError(message) from error
        if trusted is None:
            message = (
                "the checkpoint is signed by no log key that is trusted here; nothing is taken from it. "
                "If the log has changed its key, restart with --policy and the new one"
            )
            raise UntrustedError(message)
        return trusted

    def _compare(self, trusted: TrustedCheckpoint, note: bytes) -> None:
        """Steps 2 and 3."""
        kept = self._directory.seen() or self._tiles.read(CHECKPOINT_PATH)
        if kept is None:
            self._directory.remember(note)
            return
        seen, shown = self._trusted(kept).checkpoint, trusted.checkpoint
        if seen.origin != shown.origin:
            message = f"the checkpoint is of the log {shown.origin}; this mirror follows {seen.origin}"
            raise UntrustedError(message)
        try:
            found = compare_heads(seen, shown, self._mirror.reader)
        except AnchoringError as error:
            message = f"whether the log only grew cannot be told, because its tiles do not fit its signature: {error}"
            raise UpstreamError(message) from error
        if found.order is HeadOrder.FORK:
            words = fork_words(seen, shown)
            self._directory.record(words, {"seen.note": kept, "shown.note": note}, found)
            raise MisbehaviourError(words)
        if found.order is HeadOrder.OLDER:
            message = f"{self._upstream.url} shows {shown.size} entries; {seen.size} were seen before. Is it behind?"
            raise UpstreamError(message)
        if found.order is HeadOrder.NEWER:
            self._directory.remember(note)

    def _require_witnesses(self, trusted: TrustedCheckpoint) -> None:
        """Step 4."""
        try:
            found = {name for name, key in self._policy.witnesses if cosigned_at(trusted.note, key) is not None}
        except AnchoringError as error:
            message = f"a cosignature on the checkpoint is wrong: {error}"
            raise UntrustedError(message) from error
        if not self._policy.satisfied_by(frozenset(found)):
            message = f"the checkpoint of {trusted.checkpoint.size} entries lacks witnesses that the policy asks for"
            raise UntrustedError(message)

    def _absorb(self, old: Checkpoint | None, new: Checkpoint, *, was_compared: bool = False) -> None:
        """Step 5: copy, check and fold what lies between."""
        start = 0 if old is None else old.size
        try:
            for index, framed in enumerate(self._mirror.copy(old, new, is_kept=was_compared), start=start):
                if self._closing.is_set():
                    message = "stopped while copying; the next start goes on from here"
                    raise UpstreamError(message)
                if index >= self._refold.size:  # an attempt that broke off had come further than the copy's checkpoint
                    self._refold.take(framed, was_compared=was_compared, is_last=index == new.size - 1)
                self.progress(index + 1, new.size)
        except CorruptionError as error:
            message = f"the log's tiles do not fit its signature: {error}"
            raise UpstreamError(message) from error

    def _require_complete(self) -> None:
        if not self._refold.is_complete:
            message = f"the log signed {self._refold.size} entries that do not end with a commitment to their state"
            raise MisbehaviourError(message)

    def _commit(self, trusted: TrustedCheckpoint, note: bytes, published: Checkpoint | None) -> Head | None:
        """Step 6; returns the head to answer from."""
        instant = self._instant(trusted)
        head = self._served.head
        is_newer = published is None or trusted.checkpoint.size > published.size
        if not is_newer and head is not None and (instant is None or (head.instant and instant <= head.instant)):
            return head
        self._tiles.replace(CHECKPOINT_PATH, note)
        made = self._projected(trusted, note)
        if is_newer and published is not None:
            # Whoever began under the checkpoint before has had a whole pause to finish.
            for tile in self._replaced:
                self._tiles.delete_partials(tile)
            self._replaced = replaced_partials(published.size, trusted.checkpoint.size)
        return made

    def _projected(self, trusted: TrustedCheckpoint, note: bytes) -> Head:
        """Bring the views up to a committed checkpoint; returns what to answer from."""
        self._published = trusted
        size = trusted.checkpoint.size
        self._readers.advance(trusted.checkpoint)
        while not self._readers.wait(size, VIEW_WAIT_SECONDS):
            stopped = self._readers.stopped()
            if stopped is not None or self._closing.is_set():
                message = f"a view cannot be brought up to date: {stopped or 'stopped'}"
                raise UpstreamError(message)
        return Head(note, trusted.checkpoint, self._refold.committed(), self._instant(trusted))

    def _instant(self, trusted: TrustedCheckpoint) -> datetime | None:
        """When the checkpoint was the newest, by whoever the policy trusts to say so."""
        check, cosigned = judge_cosignatures(trusted, self._refold.commitment, self._policy)
        if check.state is State.FAILED:
            message = f"a cosignature on the checkpoint is wrong: {check.detail}"
            raise UntrustedError(message)
        _, instant = judge_freshness(cosigned, self._policy, Asked(self._clock(), None, self._served.max_age))
        return instant
