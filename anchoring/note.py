"""Signed notes: a text, a blank line, and one line for each signature.

    demo.cairn.example/log
    3
    ...root in base64...
                                        <- the blank line
    — demo.cairn.example/log Az3grl...  <- em dash, key name, base64(key id || signature)

The text is what is signed, its last newline included. A key id is the first four bytes of
SHA-256(name || 0x0A || type || public key), so that a reader finds its key without trying all.
A verifier key travels as `name+hex(key id)+base64(type || public key)`, the "vkey".

Signatures by keys that the reader does not know are ignored; one by a known key that is wrong
condemns the whole note.

Source: C2SP signed-note.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from anchoring.error import MalformedError, SignatureError

MAX_NOTE_BYTES: Final = 1_000_000  # what Go's sumdb/note accepts
MAX_SIGNATURES: Final = 100  # C2SP signed-note asks for at least 16; Go accepts 100
KEY_ID_BYTES: Final = 4
TYPE_ED25519: Final = 0x01
PUBLIC_KEY_BYTES: Final = 32

_EM_DASH: Final = "\N{EM DASH}"
_FIRST_PRINTABLE: Final = 0x20


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line, read but not verified."""

    name: str
    key_id: bytes
    blob: bytes

    @property
    def line(self) -> str:
        """The line as it stands in the note, newline included."""
        return signature_line(self.name, self.key_id, self.blob)


@dataclass(frozen=True, slots=True)
class Note:
    """A signed note, read but not verified: the text with its last newline, the signatures."""

    text: str
    signatures: tuple[NoteSignature, ...]

    def encode(self) -> bytes:
        """Return the note's bytes."""
        return format_note(self.text, [signature.line for signature in self.signatures])


class SignatureVerifier(Protocol):
    """One known key: whose signature lines it answers for, and whether one is good."""

    @property
    def name(self) -> str:
        """The key's name."""

    @property
    def key_id(self) -> bytes:
        """The key's four-byte id."""

    def verify_signature(self, text: str, blob: bytes) -> None:
        """Raise SignatureError unless blob is this key's signature of the text."""


class NoteSigner:
    """Signs note texts with an Ed25519 key (type 01)."""

    def __init__(self, name: str, key: Ed25519PrivateKey) -> None:
        """Take the key's public name (for a log: its origin) and the private key.

        Raises:
            MalformedError: The name is empty or has a space, a plus sign or a control character.
        """
        require_key_name(name)
        self.name: Final = name
        self._key = key
        public = key.public_key().public_bytes_raw()
        self.key_id: Final = key_id(name, TYPE_ED25519, public)
        self.vkey: Final = format_vkey(name, TYPE_ED25519, public)

    def sign(self, text: str) -> str:
        """Return the signature line, newline included.

        Raises:
            MalformedError: The text does not end in a newline, or holds a control character.
        """
        require_note_text(text)
        return signature_line(self.name, self.key_id, self._key.sign(text.encode()))


class NoteVerifier:
    """Verifies Ed25519 note signatures (type 01) of one key."""

    def __init__(self, vkey: str) -> None:
        """Read a vkey string.

        Raises:
            MalformedError: It is not a canonical vkey of type 01.
        """
        self.vkey: Final = vkey
        self.name, self.key_id, self._key = parse_vkey(vkey, TYPE_ED25519)

    def verify_signature(self, text: str, blob: bytes) -> None:
        """Check one signature (64 bytes) over the text.

        Raises:
            SignatureError: It is not this key's signature of the text.
        """
        verify_ed25519(self._key, blob, text.encode(), self.name)


def key_id(name: str, kind: int, public: bytes) -> bytes:
    """Return SHA-256(name || 0x0A || kind || public)[:4]. Source: C2SP signed-note."""
    return sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:KEY_ID_BYTES]


def format_vkey(name: str, kind: int, public: bytes) -> str:
    """Return the vkey string of a public key."""
    encoded = base64.b64encode(bytes([kind]) + public).decode()
    return f"{name}+{key_id(name, kind, public).hex()}+{encoded}"


def parse_vkey(vkey: str, kind: int) -> tuple[str, bytes, Ed25519PublicKey]:
    """Read a vkey of the given type, whose key is of Ed25519.

    Returns:
        The key's name, its four-byte id, and the key.

    Raises:
        MalformedError: See `split_vkey`.
    """
    name, identifier, public = split_vkey(vkey, kind, PUBLIC_KEY_BYTES)
    return name, identifier, Ed25519PublicKey.from_public_bytes(public)


def split_vkey(vkey: str, kind: int, public_bytes: int) -> tuple[str, bytes, bytes]:
    """Cut a vkey of the given type, whose public key is `public_bytes` long, into its parts.

    Returns:
        The key's name, its four-byte id, and the public key.

    Raises:
        MalformedError: The string is not exactly what `format_vkey` writes for its parts, or is
            of another type.
    """
    name, _, rest = vkey.partition("+")
    _, _, encoded = rest.partition("+")
    raw = decode_base64(encoded)
    if len(raw) != 1 + public_bytes or raw[0] != kind:
        msg = f"not a verifier key of type {kind:02x}"
        raise MalformedError(msg)
    require_key_name(name)
    if format_vkey(name, kind, raw[1:]) != vkey:
        msg = "not a canonical verifier key"
        raise MalformedError(msg)
    return name, key_id(name, kind, raw[1:]), raw[1:]


def verify_ed25519(key: Ed25519PublicKey, signature: bytes, message: bytes, name: str) -> None:
    """Check a plain Ed25519 signature; SignatureError names the key."""
    try:
        key.verify(signature, message)
    except InvalidSignature as error:
        msg = f"the signature by {name} is wrong"
        raise SignatureError(msg) from error


def signature_line(name: str, identifier: bytes, blob: bytes) -> str:
    """Return one signature line, newline included."""
    return f"{_EM_DASH} {name} {base64.b64encode(identifier + blob).decode()}\n"


def format_note(text: str, lines: Sequence[str]) -> bytes:
    """Join a note text and signature lines (newline included) into a note's bytes."""
    return (text + "\n" + "".join(lines)).encode()


def parse_note(note: bytes) -> Note:
    """Read a signed note without verifying any signature.

    Raises:
        MalformedError: Not UTF-8, a control character, no blank line, no or too many signature
            lines, a line that is not in canonical form, or more than 1,000,000 bytes.

    Not checked: the signatures (see `verify_note`).

    Source: C2SP signed-note.
    """
    if len(note) > MAX_NOTE_BYTES:
        msg = f"a note of {len(note)} bytes; the limit is {MAX_NOTE_BYTES}"
        raise MalformedError(msg)
    try:
        whole = note.decode()
    except UnicodeDecodeError as error:
        msg = "a note that is not UTF-8"
        raise MalformedError(msg) from error
    head, blank, tail = whole.rpartition("\n\n")
    text = head + "\n"
    require_note_text(text)
    if not blank or not tail.endswith("\n"):
        msg = "a note without a signature block"
        raise MalformedError(msg)
    lines = tail[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        msg = f"a note of {len(lines)} signatures; the limit is {MAX_SIGNATURES}"
        raise MalformedError(msg)
    return Note(text, tuple(parse_signature_line(line) for line in lines))


def parse_signature_line(line: str) -> NoteSignature:
    """Read one signature line, given without its newline; MalformedError if not canonical."""
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != _EM_DASH:  # noqa: PLR2004  (dash, name, base64)
        msg = "a signature line that is not dash, name, base64"
        raise MalformedError(msg)
    require_key_name(parts[1])
    raw = decode_base64(parts[2])
    if len(raw) <= KEY_ID_BYTES:
        msg = "a signature line without a signature"
        raise MalformedError(msg)
    return NoteSignature(parts[1], raw[:KEY_ID_BYTES], raw[KEY_ID_BYTES:])


def verify_note(note: Note, verifiers: Sequence[SignatureVerifier]) -> tuple[NoteSignature, ...]:
    """Check every signature in the note that is by a known key.

    Args:
        note: The note.
        verifiers: The known keys, of any type.

    Returns:
        The signatures that verified, in the note's order; at least one.

    Raises:
        SignatureError: A signature by a known key is wrong, or none is by a known key.

    Not checked: which of the known keys signed; a caller that needs a certain one asks for it
    alone, or looks through the result.

    Source: C2SP signed-note.
    """
    known = {(verifier.name, verifier.key_id): verifier for verifier in verifiers}
    good: list[NoteSignature] = []
    for signature in note.signatures:
        verifier = known.get((signature.name, signature.key_id))
        if verifier is not None:
            verifier.verify_signature(note.text, signature.blob)
            good.append(signature)
    if not good:
        msg = "no signature by a known key"
        raise SignatureError(msg)
    return tuple(good)


def require_note_text(text: str) -> None:
    """Raise MalformedError unless the text may be signed: non-empty lines of printable text."""
    if not text.endswith("\n"):
        msg = "a note text that does not end in a newline"
        raise MalformedError(msg)
    if any(ord(sign) < _FIRST_PRINTABLE and sign != "\n" for sign in text):
        msg = "a control character in a note"
        raise MalformedError(msg)


def require_key_name(name: str) -> None:
    """Raise MalformedError unless the name can stand in a signature line and a vkey."""
    spaced = any(sign.isspace() or ord(sign) < _FIRST_PRINTABLE for sign in name)
    if not name or "+" in name or spaced:
        msg = "a key name that is empty or holds a space, a plus sign or a control character"
        raise MalformedError(msg)


def decode_base64(text: str) -> bytes:
    """Decode standard padded base64; MalformedError unless the text is its canonical form."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        msg = "not base64"
        raise MalformedError(msg) from error
    if base64.b64encode(raw).decode() != text:
        msg = "base64 that is not in canonical form"
        raise MalformedError(msg)
    return raw
