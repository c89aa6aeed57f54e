"""A cosigning witness in this process, as a time anchor of its own.

The witness keeps what a cosigner promises: it verifies the log's signature, and that each
checkpoint extends the last one it signed, before it puts its key to it. It is independent of the
log only as far as its key and its clock are.

Source: C2SP tlog-cosignature.
"""

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from anchoring.anchor_record import require_anchor_name
from anchoring.checkpoint import Checkpoint, verify_checkpoint
from anchoring.cosignature import CosignatureVerifier, Cosigner
from anchoring.error import AnchorError, AnchoringError, MalformedError, SignatureError
from anchoring.note import Note, NoteVerifier, parse_note, parse_signature_line
from anchoring.time_anchor import AnchorProof
from anchoring.tree import verify_consistency

KIND: Final = "cosignature"

Prover = Callable[[Checkpoint, Checkpoint], Sequence[bytes]]
"""Gives the consistency proof from an older to a newer checkpoint of the log."""


def verify_cosignature_token(token: bytes, checkpoint_note: bytes, cosigner: CosignatureVerifier) -> datetime:
    """Check a cosignature that is kept apart from the note it is for.

    Args:
        token: The signature line, newline included.
        checkpoint_note: The signed note; its own signatures do not matter here.
        cosigner: The cosigner's key.

    Returns:
        The time of the cosignature, whole seconds, UTC.

    Raises:
        SignatureError: It is not this key's cosignature of the note's text.
        MalformedError: The token is no signature line, or the note no note.
    """
    try:
        line = token.decode()
    except UnicodeDecodeError as error:
        raise MalformedError("a cosignature that is not UTF-8") from error
    if not line.endswith("\n"):
        raise MalformedError("a cosignature without its newline")
    signature = parse_signature_line(line[:-1])
    return cosigner.verify(Note(parse_note(checkpoint_note).text, (signature,)))


class WitnessAnchor:
    """A `TimeAnchor` that cosigns with a key of its own.

    Remembers the last checkpoint in memory only: after a restart it takes the first one it is
    given as its start, unless `seen` says where it was.
    """

    kind: Final = KIND

    def __init__(
        self,
        cosigner: Cosigner,
        log: NoteVerifier,
        prove: Prover,
        clock: Callable[[], datetime],
        *,
        seen: Checkpoint | None = None,
    ) -> None:
        """Take the witness's key (its name is the anchor's), the log's, proofs, and a clock."""
        require_anchor_name(cosigner.name)
        self.name: Final = cosigner.name
        self._cosigner, self._log = cosigner, log
        self._prove, self._clock = prove, clock
        self._seen = seen
        self._lock = threading.Lock()

    def stamp(self, checkpoint_note: bytes) -> AnchorProof:
        """Cosign a checkpoint that extends the last one; see `TimeAnchor.stamp`."""
        with self._lock:
            try:
                note = parse_note(checkpoint_note)
                checkpoint = verify_checkpoint(note, self._log)
                self._require_growth(checkpoint)
            except AnchoringError as error:
                raise AnchorError(f"{self.name} refuses to cosign: {error}") from error
            self._seen = checkpoint
            at = self._clock().astimezone(UTC).replace(microsecond=0)
            line = self._cosigner.cosign(note.text, at)
            return AnchorProof(KIND, self.name, at, line.encode())

    def _require_growth(self, checkpoint: Checkpoint) -> None:
        seen = self._seen
        if seen is None or seen.size == 0:
            return
        if checkpoint.size < seen.size:
            raise SignatureError(f"size {checkpoint.size} after size {seen.size}")
        proof = self._prove(seen, checkpoint) if checkpoint.size > seen.size else ()
        verify_consistency(
            old_size=seen.size,
            old_root=seen.root,
            new_size=checkpoint.size,
            new_root=checkpoint.root,
            proof=proof,
        )
