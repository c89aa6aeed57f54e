"""A witness: cosigns a log's checkpoints as long as each extends the last one it cosigned.

Its whole worth is that it never cosigns two histories. So for every request, in this order:

    1. Read the request strictly.
    2. Is the log one of those it knows, and the checkpoint signed by that log?
    3. Is the old size that of the checkpoint cosigned last? If not, say what that was.
    4. Does the proof lead from that checkpoint to this one?
    5. Has the clock not gone back behind the last cosignature?
    6. Cosign, and compare-and-swap the new state, cosignatures included: **the commit**.
    7. Answer.

No signature leaves before step 6 is durable. A crash or an error before it leaves the old state,
after it a state whose signatures nobody may have got; either way the next request is judged by
what is stored, which is read anew each time. Of two requests at once one commits; the other is
judged again from step 3.

Source: C2SP tlog-witness, tlog-cosignature.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final, Protocol

from anchoring.add_checkpoint import AddCheckpoint, Outcome, parse_add_checkpoint
from anchoring.checkpoint import Checkpoint
from anchoring.cosignature import Cosigner
from anchoring.error import ConflictError, MalformedError, ProofError, SignatureError
from anchoring.note import format_note, verify_note
from anchoring.subtree_cosignature import SubtreeCosigner
from anchoring.tlog_policy import LogKey
from anchoring.tree import EMPTY_ROOT, verify_consistency

MAX_ATTEMPTS: Final = 8
"""How often a request is judged again after another one for the same log was quicker."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The newest checkpoint of one log that a witness has cosigned.

    Attributes:
        checkpoint: What it says.
        at: When it was cosigned, whole seconds, UTC.
        note: The checkpoint with the log's signatures and the witness's.
    """

    checkpoint: Checkpoint
    at: datetime
    note: bytes


class WitnessStore(Protocol):
    """A witness's memory. A witness that loses it must not go on under the same key.

    Durability: `compare_and_swap` returns only when its row survives a power cut.
    Consistency: it is atomic, and `seen` and `log_keys` read what was last committed.
    Concurrency: safe from any thread and from several processes; of two swaps from the same state
    at most one succeeds.
    Retries: a swap that raised anything but ConflictError may have happened; look before you judge.
    """

    def log_keys(self, origin: str) -> Sequence[LogKey]:
        """Return the keys that may sign for an origin; none if the log is not known."""

    def seen(self, origin: str) -> Seen | None:
        """Return what was cosigned last for an origin; None if nothing was."""

    def seen_by_digest(self, digest: str) -> Seen | None:
        """Return what was cosigned last for the origin with this SHA-256, 64 lower-case hex digits."""

    def compare_and_swap(self, old: Seen | None, new: Seen) -> None:
        """Keep `new` in place of `old` for the origin of `new`.

        Raises:
            ConflictError: What is stored is not `old`; nothing was changed.
        """


@dataclass(frozen=True, slots=True)
class WitnessAnswer:
    """What a witness answers.

    Attributes:
        outcome: Which of the protocol's answers it is.
        text: The cosignature lines; for a conflict the size cosigned last; else a sentence.
    """

    outcome: Outcome
    text: str


class Witness:
    """Answers `add-checkpoint`. Safe for use from several threads and processes over one store."""

    def __init__(
        self,
        cosigners: Sequence[Cosigner | SubtreeCosigner],
        store: WitnessStore,
        clock: Callable[[], datetime],
    ) -> None:
        """Take the keys that cosign, all at once, the memory and a clock."""
        self._cosigners, self._store, self._clock = tuple(cosigners), store, clock

    def add_checkpoint(self, body: bytes) -> WitnessAnswer:
        """Judge one request, and cosign if all is well.

        Returns:
            The answer; what is wrong with a request is an answer too.

        Raises:
            OSError, sqlite3.Error: The store failed. Nothing was given away; the log may ask again.
        """
        # 1. Read the request strictly.
        try:
            request = parse_add_checkpoint(body)
        except MalformedError as error:
            return WitnessAnswer(Outcome.MALFORMED, f"{error}\n")
        # 2. A known log, and signed by it.
        keys = self._store.log_keys(request.checkpoint.origin)
        if not keys:
            return WitnessAnswer(Outcome.UNKNOWN_LOG, "this witness does not know the log\n")
        try:
            signatures = verify_note(request.note, keys)
        except SignatureError as error:
            return WitnessAnswer(Outcome.UNTRUSTED, f"{error}\n")
        for _ in range(MAX_ATTEMPTS):
            try:
                return self._judge(request, [one.line for one in signatures])
            except ConflictError:
                continue  # another request for this log was quicker: judge by what it left
        return WitnessAnswer(Outcome.UNAVAILABLE, "too many requests for this log at once\n")

    def _judge(self, request: AddCheckpoint, signed: Sequence[str]) -> WitnessAnswer:
        """Do steps 3 to 7 by what is stored now; ConflictError if that changed meanwhile."""
        seen = self._store.seen(request.checkpoint.origin)
        refusal = judge(request, seen)
        if refusal is not None:
            return refusal
        # 5. The clock. A cosignature says "the largest I have seen by now", which an earlier time would belie.
        at = self._clock().astimezone(UTC).replace(microsecond=0)
        if seen is not None and at < seen.at:
            behind = (seen.at - at).total_seconds()
            return WitnessAnswer(Outcome.UNAVAILABLE, f"this witness's clock went back {behind:.0f} s; set it right\n")
        # 6. Cosign and commit. A crash before the swap forgets the signatures, which nobody has seen.
        lines = "".join(cosigner.cosign(request.note.text, at) for cosigner in self._cosigners)
        note = format_note(request.note.text, [*signed, lines])
        self._store.compare_and_swap(seen, Seen(request.checkpoint, at, note))
        # 7. Answer. A crash before this line leaves a cosigned state; asking again gives the cosignature.
        return WitnessAnswer(Outcome.COSIGNED, lines)

    def latest(self, digest: str) -> bytes | None:
        """Return the newest cosigned checkpoint of the log whose origin has this SHA-256, or None.

        Args:
            digest: 64 lower-case hex digits.
        """
        seen = self._store.seen_by_digest(digest)
        return None if seen is None else seen.note


def judge(request: AddCheckpoint, seen: Seen | None) -> WitnessAnswer | None:
    """Do steps 3 and 4: may the checkpoint follow what was cosigned last?

    Args:
        request: A request whose signature is good.
        seen: What was cosigned last for its origin; None if nothing was.

    Returns:
        The refusal; None if the checkpoint may be cosigned.

    Source: C2SP tlog-witness.
    """
    new, last = request.checkpoint, 0 if seen is None else seen.checkpoint.size
    if request.old_size > new.size:
        return WitnessAnswer(Outcome.MALFORMED, "an old size above the checkpoint's\n")
    if request.old_size != last:
        return WitnessAnswer(Outcome.CONFLICT, f"{last}\n")
    try:
        _require_extension(request, EMPTY_ROOT if seen is None else seen.checkpoint.root)
    except ProofError as error:
        return WitnessAnswer(Outcome.INCONSISTENT, f"{error}\n")
    return None


def _require_extension(request: AddCheckpoint, old_root: bytes) -> None:
    """Raise ProofError unless the checkpoint extends the tree of `request.old_size` with the given root."""
    new = request.checkpoint
    if new.size == 0 and new.root != EMPTY_ROOT:
        raise ProofError("an empty tree with the root of another")
    if request.old_size == 0:
        if request.proof:
            raise ProofError("a proof from size 0 has no hashes")
        return
    verify_consistency(
        old_size=request.old_size, old_root=old_root, new_size=new.size, new_root=new.root, proof=request.proof
    )


def origin_digest(origin: str) -> str:
    """Return SHA-256 of an origin as 64 lower-case hex digits: its name in a witness's addresses."""
    return sha256(origin.encode()).hexdigest()
