"""Either kind of cosigner's key behind one name: Ed25519 (type 04) or ML-DSA-44 (type 06)."""

from datetime import datetime
from typing import Protocol

from anchoring.cosignature import CosignatureVerifier
from anchoring.error import MalformedError
from anchoring.note import Note
from anchoring.subtree_cosignature import SubtreeVerifier


class CosignerKey(Protocol):
    """A known cosigner: `cosignature.CosignatureVerifier` and `subtree_cosignature.SubtreeVerifier` are two."""

    @property
    def vkey(self) -> str:
        """The key as its owner publishes it."""

    @property
    def name(self) -> str:
        """The key's name."""

    @property
    def key_id(self) -> bytes:
        """The key's four-byte id."""

    def verify_signature(self, text: str, blob: bytes) -> None:
        """Raise SignatureError unless blob is this key's cosignature of the text."""

    def verify_time(self, text: str, blob: bytes) -> datetime:
        """Return the time in a blob; SignatureError unless it is this key's cosignature of the text."""

    def verify(self, note: Note) -> datetime:
        """Return the newest time this key cosigned a note at; SignatureError if it did not, or wrongly."""


def parse_cosigner_key(vkey: str) -> CosignerKey:
    """Read a cosigner's vkey of either type.

    Raises:
        MalformedError: It is a canonical vkey of neither type.
    """
    try:
        return CosignatureVerifier(vkey)
    except MalformedError:
        pass
    try:
        return SubtreeVerifier(vkey)
    except MalformedError as error:
        raise MalformedError("not a cosigner's key: neither Ed25519 (type 04) nor ML-DSA-44 (type 06)") from error


def key_material(vkey: str) -> str:
    """Return the part of a vkey that its owner cannot rename: type and public key, base64."""
    return vkey.split("+", 2)[-1]
