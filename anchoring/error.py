"""What can go wrong in the log, as one tree of exceptions.

AnchoringError
├── MalformedError        untrusted bytes break a format; nothing was accepted
│   └── EntryTooLargeError
├── ProofError            a Merkle proof does not lead to the root it claims
├── SignatureError        a note, cosignature or time-stamp token does not verify
├── CorruptionError       our own stored bytes contradict each other: stop, run fsck
├── ConflictError         somebody else moved the log, or holds its lock
├── StoreUnreachableError  the store of tiles did not answer; try again later
├── ClockError            the clock is behind a cosignature that was given already
├── AnchorError           a time anchor gave no usable proof; try again later
└── WitnessError          a witness gave no usable cosignature; try again later
"""


class AnchoringError(Exception):
    """Base of every error this package raises on purpose."""


class MalformedError(AnchoringError):
    """Bytes break the format they claim to be in, or are not its canonical form."""


class EntryTooLargeError(MalformedError):
    """A log entry would exceed the 65,535 bytes that a bundle can frame."""


class ProofError(AnchoringError):
    """A Merkle proof does not lead to the expected root."""


class SignatureError(AnchoringError):
    """A signature by a known key is wrong, or a required signature is absent."""


class CorruptionError(AnchoringError):
    """Stored bytes are missing or contradict what was signed; no retry will help."""


class ConflictError(AnchoringError):
    """Another writer moved the log, or holds the lock that makes one the only writer."""


class StoreUnreachableError(AnchoringError, OSError):
    """The store of tiles could not be asked, or refused; nothing is known to be wrong with what it holds."""


class ClockError(AnchoringError):
    """The clock has jumped back behind a cosignature; none is given until it has caught up."""


class AnchorError(AnchoringError):
    """A time anchor was unreachable, refused, or answered with an unusable proof."""


class WitnessError(AnchoringError):
    """A witness was unreachable, refused, or answered with an unusable cosignature."""
