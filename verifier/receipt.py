"""A proof of inclusion by itself: that an entry is in a trusted log, and nothing more.

1. The file has its one form. 2. A log key of the policy signed the checkpoint. 3. The entry that travels along is under
it, at its index. What became of the award is not in such a file, so its verdict is never `valid`.

Source: C2SP tlog-proof; docs/spec/tlog-proof.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from anchoring.entry import Entry, parse_entry
from anchoring.error import AnchoringError
from anchoring.tlog_proof import MAGIC, parse_tlog_proof
from verifier.checks.log import trust_note
from verifier.error import FormatError
from verifier.policy import Policy
from verifier.report import Verdict
from verifier.strict_json import Json


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a proof of inclusion comes to.

    Attributes:
        verdict: `unknown` when all of it holds, or when the log is not trusted; `invalid` when something is wrong.
        reason: `inclusion_only`, `unknown_log` or `not_in_log`.
        sentence: One plain sentence, in English.
        origin: The log; None when it is not trusted.
        index: The entry's index.
        size: Size of the checkpoint; None when the log is not trusted.
        entry: The entry; None unless it was proved.
    """

    verdict: Verdict
    reason: str
    sentence: str
    index: int
    origin: str | None = None
    size: int | None = None
    entry: Entry | None = None

    def to_json(self) -> dict[str, Json]:
        """Return the receipt for machines."""
        entry: dict[str, Json] | None = None
        if self.entry is not None:
            entry = {
                "topic": self.entry.topic,
                "originator": self.entry.originator.hex,
                "version": self.entry.version,
                "body": self.entry.body.decode(errors="replace"),
            }
        return {
            "format": MAGIC,
            "verdict": self.verdict.value,
            "reason": self.reason,
            "sentence": {"en": self.sentence},
            "log": self.origin,
            "index": self.index,
            "size": self.size,
            "entry": entry,
        }


def is_receipt(content: bytes) -> bool:
    """Tell whether a file says that it is a proof of inclusion."""
    return content.startswith(MAGIC.encode())


def verify_receipt(content: bytes, policy: Policy) -> Receipt:
    """Judge a proof of inclusion.

    Args:
        content: The file.
        policy: Whose logs to trust.

    Raises:
        FormatError: It is not in its one form, or carries no entry.

    Not checked: cosignatures, and everything that an evidence file would say.
    """
    # 1. The form.
    try:
        proof = parse_tlog_proof(content)
    except AnchoringError as error:
        raise FormatError(f"not a proof of inclusion: {error}") from error
    if proof.extra is None:
        raise FormatError("a proof of inclusion without its entry: the «extra» line is missing")
    try:
        # 2. The log.
        trusted = trust_note(proof.note, policy)
        if trusted is None:
            sentence = "It is about a log whose key you have not trusted, so it proves nothing to you."
            return Receipt(Verdict.UNKNOWN, "unknown_log", sentence, proof.index)
        # 3. The entry.
        proof.verify_entry(proof.extra)
        entry = parse_entry(proof.extra)
    except AnchoringError as error:
        return Receipt(Verdict.INVALID, "not_in_log", f"It is not what the log holds: {error}.", proof.index)
    sentence = "The entry is in the log. What became of the award since, an evidence file says."
    origin, size = trusted.checkpoint.origin, trusted.checkpoint.size
    return Receipt(Verdict.UNKNOWN, "inclusion_only", sentence, proof.index, origin, size, entry)
