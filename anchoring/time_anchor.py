"""The port to outside witnesses of time: something else says when a checkpoint existed.

A log that rewrites its history can sign any date it likes. A time anchor is a third party's
statement over the checkpoint's bytes, and so an upper bound on their age that the log cannot
move. It is no proof against two histories: for that there are witnesses.
"""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Protocol


@dataclass(frozen=True, slots=True)
class AnchorProof:
    """What a time anchor gave for one checkpoint note.

    Attributes:
        kind: "rfc3161" (token: DER of the TimeStampResp), "cosignature" (token: the signature line, newline
            included), or what another adapter calls itself.
        name: The anchor's name in the operator's configuration.
        at: The time in the token, aware UTC.
        token: The proof itself.
    """

    kind: str
    name: str
    at: datetime
    token: bytes

    @property
    def digest(self) -> bytes:
        """SHA-256 of the token, as the log records it."""
        return sha256(self.token).digest()


class TimeAnchor(Protocol):
    """An outside witness of time.

    Durability: none; the caller stores the proof.
    Concurrency: called from one thread at a time, never from the sequencer's.
    Retries: by the caller (see `anchor_schedule`); a second proof over the same note is fine.
    """

    @property
    def name(self) -> str:
        """The anchor's name, unique in one log's configuration."""

    @property
    def kind(self) -> str:
        """The kind of its proofs: 1..32 lower-case letters, digits and dashes."""

    def stamp(self, checkpoint_note: bytes) -> AnchorProof:
        """Obtain a proof over a signed checkpoint note, verified before it is returned.

        May take as long as the network does.

        Raises:
            AnchorError: The anchor is down, refused, or answered with an unusable proof.
        """
