"""What can go wrong in following a log.

::

    MirrorError
    ├── UpstreamError       unreachable, cut short, too large, or not what was signed: tried again, growing pauses
    │   └── AttachmentError  only what is signed outside the log could not be had: tried again, the usual pause
    ├── UntrustedError      no log key of the policy signed the checkpoint, or its witnesses are missing
    ├── MisbehaviourError   the log signed two histories, or a state that does not follow: following ends
    └── DirectoryError      the mirror's own directory cannot be used as it is
"""

from __future__ import annotations


class MirrorError(Exception):
    """Base of what goes wrong in following a log."""


class UpstreamError(MirrorError):
    """The ledger that is followed gave no usable answer; what was verified is served on."""


class AttachmentError(UpstreamError):
    """A status list or a time anchor's token could not be had, or does not fit the log yet; the log was followed."""


class UntrustedError(UpstreamError):
    """The checkpoint carries no signature, or not the cosignatures, that the policy asks for."""


class MisbehaviourError(MirrorError):
    """The log's own signature is proof against it. Nothing further is taken from it."""


class DirectoryError(MirrorError):
    """The mirror's directory belongs to something else, or is in use."""
