r"""ML-DSA-44 cosignatures: a word on a checkpoint that a quantum computer cannot forge.

The signed message is a packed structure, every integer big-endian:

    "subtree/v1\\n\\0"             12 bytes
    length, cosigner's name       1 byte, 1 to 255 bytes
    time in seconds               8 bytes; 0: no word on when, or on whether it is the newest
    length, origin of the log     1 byte, 1 to 255 bytes
    first leaf, end               8 bytes each; for a checkpoint 0 and the tree's size
    root                          32 bytes

The blob in the signature line is the time as eight bytes, then 2,420 bytes of ML-DSA-44. Unlike
the Ed25519 form it covers the cosigner's name, and would not cover a checkpoint's extension
lines, which is one more reason to have none. Signing is randomised: two signatures of the same
text differ.

A log signs its own checkpoints in this form too, with a key whose name is the origin. A policy
that names that key still holds when Ed25519 no longer does.

Source: C2SP tlog-cosignature, tlog-checkpoint; FIPS 204.
"""

import struct
from datetime import UTC, datetime
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from anchoring.checkpoint import parse_checkpoint
from anchoring.cosignature import MAX_POSIX_SECONDS, posix_seconds
from anchoring.error import MalformedError, SignatureError
from anchoring.note import (
    Note,
    format_vkey,
    key_id,
    require_key_name,
    signature_line,
    split_vkey,
)

TYPE_SUBTREE: Final = 0x06
PUBLIC_KEY_BYTES: Final = 1312
SIGNATURE_BYTES: Final = 2420
BLOB_BYTES: Final = 8 + SIGNATURE_BYTES
MAX_NAME_BYTES: Final = 255  # of a cosigner and of an origin: opaque<1..2^8-1>
NO_TIME: Final = 0
_LABEL: Final = b"subtree/v1\n\0"


def signed_message(name: str, text: str, posix: int) -> bytes:
    """Return the bytes that an ML-DSA-44 cosigner signs.

    Args:
        name: The cosigner's name, at most 255 bytes of UTF-8.
        text: A checkpoint's text.
        posix: Seconds since 1970; 0 for no word on the time.

    Raises:
        MalformedError: The text is no checkpoint, or a name is too long.

    Source: C2SP tlog-cosignature, `cosigned_message`.
    """
    checkpoint = parse_checkpoint(text)
    cosigner, origin = _opaque(name), _opaque(checkpoint.origin)
    head = _LABEL + cosigner + struct.pack(">Q", posix) + origin
    return head + struct.pack(">QQ", 0, checkpoint.size) + checkpoint.root


class SubtreeCosigner:
    """Cosigns checkpoint texts with an ML-DSA-44 key (type 06)."""

    def __init__(self, name: str, key: MLDSA44PrivateKey) -> None:
        """Take the cosigner's public name and its private key.

        Raises:
            MalformedError: The name is empty, exceeds 255 bytes, or has a space, a plus sign or
                a control character.
        """
        require_key_name(name)
        _opaque(name)
        self.name: Final = name
        self._key = key
        public = key.public_key().public_bytes_raw()
        self.key_id: Final = key_id(name, TYPE_SUBTREE, public)
        self.vkey: Final = format_vkey(name, TYPE_SUBTREE, public)

    def cosign(self, text: str, at: datetime | None) -> str:
        """Return the signature line, newline included.

        Args:
            text: The checkpoint's text, last newline included.
            at: The cosigner's aware current time, cut to seconds; None to say nothing of it.

        Raises:
            MalformedError: The text is no checkpoint.
            ValueError: The time is naive or not after 1970.

        Not checked: that the checkpoint extends the last one this key signed. The caller must.
        """
        seconds = NO_TIME if at is None else posix_seconds(at)
        signature = self._key.sign(signed_message(self.name, text, seconds))
        return signature_line(self.name, self.key_id, struct.pack(">Q", seconds) + signature)


class SubtreeVerifier:
    """Verifies the ML-DSA-44 cosignatures (type 06) of one key."""

    def __init__(self, vkey: str) -> None:
        """Read a vkey string.

        Raises:
            MalformedError: It is not a canonical vkey of type 06.
        """
        self.vkey: Final = vkey
        self.name, self.key_id, public = split_vkey(vkey, TYPE_SUBTREE, PUBLIC_KEY_BYTES)
        _opaque(self.name)
        self._key = MLDSA44PublicKey.from_public_bytes(public)

    def verify_signature(self, text: str, blob: bytes) -> None:
        """Check one blob (2,428 bytes) over the text; SignatureError if it is not this key's."""
        self.verify_time(text, blob)

    def verify(self, note: Note) -> datetime:
        """Check this key's cosignatures on a note.

        Returns:
            The time it was given, whole seconds, UTC; the latest if the key signed repeatedly;
            1970 if it says nothing of the time.

        Raises:
            SignatureError: The key did not cosign, or a cosignature by it is wrong.

        Not checked: the log's own signature, and whether the time is recent.
        """
        times = [
            self.verify_time(note.text, signature.blob)
            for signature in note.signatures
            if (signature.name, signature.key_id) == (self.name, self.key_id)
        ]
        if not times:
            msg = f"no cosignature by {self.name}"
            raise SignatureError(msg)
        return max(times)

    def verify_time(self, text: str, blob: bytes) -> datetime:
        """Check one blob (2,428 bytes) over the text and return the time in it.

        Raises:
            SignatureError: It is not this key's, or of after the year 9999.
        """
        if len(blob) != BLOB_BYTES:
            msg = f"a cosignature by {self.name} of {len(blob)} bytes"
            raise SignatureError(msg)
        seconds: int = struct.unpack_from(">Q", blob)[0]
        try:
            self._key.verify(blob[8:], signed_message(self.name, text, seconds))
        except (InvalidSignature, MalformedError) as error:
            msg = f"the signature by {self.name} is wrong"
            raise SignatureError(msg) from error
        if seconds > MAX_POSIX_SECONDS:
            msg = f"a cosignature by {self.name} from after the year 9999"
            raise SignatureError(msg)
        return datetime.fromtimestamp(seconds, UTC)


def _opaque(name: str) -> bytes:
    """Return a name behind its length in one byte."""
    raw = name.encode()
    if not 1 <= len(raw) <= MAX_NAME_BYTES:
        msg = f"a name of {len(raw)} bytes; 1 to {MAX_NAME_BYTES} can be cosigned"
        raise MalformedError(msg)
    return bytes([len(raw)]) + raw
