"""A witness's word on a checkpoint, kept as a time anchor.

The cosignatures on the public checkpoint say when it was the newest, and go with it when the next
one comes. Kept as an anchor, one of them says for ever that the log held these entries by then:
what a stolen key signed before its theft stands on such words. It is kept as any other anchor's
token is: at the operator's interval, with its digest in the log.

Nobody is asked here: `Witnesses` has asked already, and this takes what it was given.

Source: C2SP tlog-witness, tlog-cosignature; docs/spec/log.md.
"""

from collections.abc import Callable
from typing import Final

from anchoring.anchor_record import require_anchor_name
from anchoring.cosignature import CosignatureVerifier
from anchoring.cosigner_key import CosignerKey
from anchoring.error import AnchorError, AnchoringError
from anchoring.note import parse_note
from anchoring.time_anchor import AnchorProof
from anchoring.witness_client import Cosignature

KIND: Final = "cosignature"

Given = Callable[[str], Cosignature]
"""Returns the first cosignature that a witness key gave for a checkpoint's text; WitnessError if there is none."""


def full_name(key: CosignerKey) -> str:
    """Return a name that no other key has: the key's own, a plus sign, and its id in hex."""
    return f"{key.name}+{key.key_id.hex()}"


def anchor_name(key: CosignerKey, taken: frozenset[str]) -> str:
    """Return what a key's anchor is called: the key's name if it is Ed25519 and the name is free, else its full one."""
    is_short = isinstance(key, CosignatureVerifier) and key.name not in taken
    return key.name if is_short else full_name(key)


class CosignedAnchor:
    """A `TimeAnchor` that is one key of a witness over the network."""

    kind: Final = KIND

    def __init__(self, name: str, given: Given) -> None:
        """Take the anchor's name (see `anchor_name`) and the way to what the witness gave.

        Raises:
            MalformedError: The name is empty, longer than 128 characters or not printable.
        """
        require_anchor_name(name)
        self.name: Final = name
        self._given = given

    def stamp(self, checkpoint_note: bytes) -> AnchorProof:
        """Return the first cosignature that the witness gave for a checkpoint; see `TimeAnchor.stamp`."""
        try:
            given = self._given(parse_note(checkpoint_note).text)
        except AnchoringError as error:
            raise AnchorError(f"{self.name} gave no cosignature: {error}") from error
        return AnchorProof(KIND, self.name, given.at, given.line.encode())
