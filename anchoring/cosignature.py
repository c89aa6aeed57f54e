"""Cosignatures: somebody's word on when a checkpoint was the newest they had seen.

The signed message is two header lines and the whole checkpoint text:

    cosignature/v1
    time 1764000000
    demo.cairn.example/log
    3
    ...root in base64...

The blob in the signature line is the time as eight big-endian bytes, then 64 bytes of Ed25519.
It says: as of that time, this is the largest consistent tree of that origin that I have seen.
The key has a type of its own (04), so a cosigner's key can never be taken for a log's.

Source: C2SP tlog-cosignature.
"""

import struct
from datetime import UTC, datetime
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anchoring.error import SignatureError
from anchoring.note import (
    Note,
    format_vkey,
    key_id,
    parse_vkey,
    require_key_name,
    require_note_text,
    signature_line,
    verify_ed25519,
)

TYPE_COSIGNATURE: Final = 0x04
BLOB_BYTES: Final = 8 + 64
MAX_POSIX_SECONDS: Final = 253_402_300_799  # 9999-12-31T23:59:59Z, the last a datetime can hold


def signed_message(text: str, posix: int) -> bytes:
    """Return the bytes that a cosigner signs. Source: C2SP tlog-cosignature."""
    return f"cosignature/v1\ntime {posix}\n{text}".encode()


def posix_seconds(at: datetime) -> int:
    """Return the seconds since 1970 of an aware instant, fractions cut off.

    Raises:
        ValueError: The time is naive or before 1970.
    """
    if at.tzinfo is None or (seconds := int(at.timestamp())) < 0:
        msg = f"no time to cosign at: {at!r}"
        raise ValueError(msg)
    return seconds


class Cosigner:
    """Cosigns checkpoint texts with an Ed25519 key (type 04) kept for nothing else."""

    def __init__(self, name: str, key: Ed25519PrivateKey) -> None:
        """Take the cosigner's public name and its private key.

        Raises:
            MalformedError: The name is empty or has a space, a plus sign or a control character.
        """
        require_key_name(name)
        self.name: Final = name
        self._key = key
        public = key.public_key().public_bytes_raw()
        self.key_id: Final = key_id(name, TYPE_COSIGNATURE, public)
        self.vkey: Final = format_vkey(name, TYPE_COSIGNATURE, public)

    def cosign(self, text: str, at: datetime) -> str:
        """Return the signature line, newline included.

        Args:
            text: The checkpoint's text, last newline included.
            at: The cosigner's aware current time; fractions of a second are cut off.

        Raises:
            MalformedError: The text is no note text.
            ValueError: The time is naive or before 1970.

        Not checked: that the checkpoint extends the last one this key signed. The caller must.
        """
        require_note_text(text)
        seconds = posix_seconds(at)
        blob = struct.pack(">Q", seconds) + self._key.sign(signed_message(text, seconds))
        return signature_line(self.name, self.key_id, blob)


class CosignatureVerifier:
    """Verifies the cosignatures (type 04) of one key."""

    def __init__(self, vkey: str) -> None:
        """Read a vkey string.

        Raises:
            MalformedError: It is not a canonical vkey of type 04.
        """
        self.vkey: Final = vkey
        self.name, self.key_id, self._key = parse_vkey(vkey, TYPE_COSIGNATURE)

    def verify_signature(self, text: str, blob: bytes) -> None:
        """Check one blob (72 bytes) over the text; SignatureError if it is not this key's."""
        self.verify_time(text, blob)

    def verify(self, note: Note) -> datetime:
        """Check this key's cosignatures on a note.

        Returns:
            The time it was given, whole seconds, UTC; the latest if the key signed repeatedly.

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
        """Check one blob (72 bytes) over the text and return the time in it.

        Raises:
            SignatureError: It is not this key's, or of after the year 9999.
        """
        if len(blob) != BLOB_BYTES:
            msg = f"a cosignature by {self.name} of {len(blob)} bytes"
            raise SignatureError(msg)
        seconds: int = struct.unpack_from(">Q", blob)[0]
        verify_ed25519(self._key, blob[8:], signed_message(text, seconds), self.name)
        if seconds > MAX_POSIX_SECONDS:
            msg = f"a cosignature by {self.name} from after the year 9999"
            raise SignatureError(msg)
        return datetime.fromtimestamp(seconds, UTC)
