"""The log's side of one witness: ask it to cosign a checkpoint, and believe only what verifies.

The plan, numbered as in the code:

    1. Prove that the checkpoint extends the one the witness cosigned last, as far as is known here.
    2. Ask. If the witness saw another size last, go on from that; it says so once, not for ever.
    3. A witness that saw more than there is now has met a later state of this log, which is gone, or
       another log under its name. That is for a person to look into.
    4. Take the lines by the witness's own keys; each must verify, and be of about now.

Source: C2SP tlog-witness.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from anchoring.add_checkpoint import Outcome, format_add_checkpoint, parse_conflict
from anchoring.checkpoint import Checkpoint
from anchoring.cosigner_key import CosignerKey
from anchoring.error import AnchoringError, MalformedError, SignatureError, WitnessError
from anchoring.note import Note, NoteSignature, parse_signature_line

MAX_TRIES: Final = 3
"""Requests for one cosignature: a guess, the size that the witness named, and one more if that moved."""
MAX_ANSWER_LINES: Final = 16
"""Signature lines of one answer. Source: C2SP signed-note asks verifiers to accept at least 16."""
CLOCK_SKEW: Final = timedelta(minutes=1)
"""How far a witness's clock may be from the log's; verifiers refuse times further ahead than this."""
_SAID_CHARS: Final = 200

Prover = Callable[[Checkpoint, int], Sequence[bytes]]
"""Gives the consistency proof from a size to a checkpoint of the log."""

Ask = Callable[[bytes], tuple[Outcome, bytes]]
"""Sends the body of a request and returns the answer; WitnessError if none came."""

_REFUSED: Final = {
    Outcome.MALFORMED: "could not read the request",
    Outcome.UNTRUSTED: "does not trust this log's key",
    Outcome.UNKNOWN_LOG: "does not know this log; ask its operator to add the log's key",
    Outcome.INCONSISTENT: "says that this checkpoint does not extend the one it saw before",
    Outcome.UNAVAILABLE: "cannot answer now",
}


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A verified cosignature.

    Attributes:
        name: The witness key's name in the policy.
        line: The signature line, newline included.
        at: The time in it.
    """

    name: str
    line: str
    at: datetime


class WitnessClient:
    """Asks one witness. One thread at a time."""

    def __init__(
        self,
        keys: Sequence[tuple[str, CosignerKey]],
        ask: Ask,
        prove: Prover,
        clock: Callable[[], datetime],
        let_go: Callable[[], None] = lambda: None,
    ) -> None:
        """Take the witness's keys by their names in the policy, the way to it, proofs and a clock.

        Args:
            keys: All keys that this witness signs with; at least one.
            ask: Sends one request.
            prove: Proves consistency.
            clock: The aware current time.
            let_go: Closes the way to it.
        """
        self.names: Final = tuple(name for name, _ in keys)
        self._keys = {(key.name, key.key_id): (name, key) for name, key in keys}
        self._ask, self._prove, self._clock = ask, prove, clock
        self.close: Final = let_go
        self._size = 0  # what it cosigned last, as far as is known; a wrong guess costs one request

    def cosign(self, note: bytes, text: str, checkpoint: Checkpoint) -> list[Cosignature]:
        """Have a checkpoint cosigned.

        Args:
            note: The checkpoint, signed by the log.
            text: The note's text.
            checkpoint: What it says.

        Returns:
            The cosignatures by the witness's keys, at least one.

        Raises:
            WitnessError: No answer, a refusal, or an answer that does not verify, in words.
        """
        for _ in range(MAX_TRIES):
            # 1. and 3. A size above ours cannot be proved from.
            if self._size > checkpoint.size:
                seen, self._size = self._size, 0
                raise WitnessError(
                    f"has seen {seen} entries, this log has {checkpoint.size}: an old copy, or another log of its name?"
                )
            proof = self._prove(checkpoint, self._size) if 0 < self._size < checkpoint.size else ()
            # 2. Ask.
            outcome, answer = self._ask(format_add_checkpoint(self._size, proof, note))
            if outcome is Outcome.COSIGNED:
                found = self._read(answer, text)
                self._size = checkpoint.size
                return found
            if outcome is not Outcome.CONFLICT:
                raise WitnessError(f"{_REFUSED[outcome]}{_said(answer)}")
            self._size = _conflict_size(answer)
        raise WitnessError("names another size each time it is asked")

    def _read(self, answer: bytes, text: str) -> list[Cosignature]:
        """Step 4."""
        try:
            lines = [parse_signature_line(line) for line in _lines(answer)]
            found = [one for line in lines if (one := self._verified(line, text)) is not None]
        except AnchoringError as error:
            raise WitnessError(f"answered with what is no cosignature: {error}") from error
        if not found:
            raise WitnessError("answered without a cosignature by its key")
        return found

    def _verified(self, line: NoteSignature, text: str) -> Cosignature | None:
        known = self._keys.get((line.name, line.key_id))
        if known is None:
            return None  # by a key we do not know: ignored, as the format says
        name, key = known
        at, now = key.verify(Note(text, (line,))), self._clock()
        if abs(at - now) > CLOCK_SKEW:
            raise SignatureError(f"its clock is {(at - now).total_seconds():+.0f} s from ours")
        return Cosignature(name, line.line, at)


def _lines(answer: bytes) -> list[str]:
    try:
        text = answer.decode()
    except UnicodeDecodeError as error:
        raise MalformedError("not UTF-8") from error
    lines = text.split("\n")
    if lines[-1] or not 1 < len(lines) <= MAX_ANSWER_LINES + 1:
        raise MalformedError(f"not 1 to {MAX_ANSWER_LINES} whole lines")
    return lines[:-1]


def _conflict_size(answer: bytes) -> int:
    try:
        return parse_conflict(answer)
    except MalformedError as error:
        raise WitnessError(f"answered with what is no size: {error}") from error


def _said(answer: bytes) -> str:
    """The witness's own words: one short line of printable ASCII, or nothing."""
    words = "".join(sign for sign in answer[:_SAID_CHARS].decode("ascii", "ignore") if " " <= sign <= "~").strip()
    return f" ({words})" if words else ""
