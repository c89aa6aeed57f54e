"""Compact JWS, read strictly and without any say of its own in which key or algorithm is right.

    header . payload . signature      each base64url without padding

Only signatures with public keys are known here: `none` and every HMAC are refused by name before a key is looked for,
and the key has to be of the algorithm's own kind, so no public key is ever taken for a secret.

Source: RFC 7515 sections 3.1, 4.1 and 7.1; RFC 7518 section 3.1; RFC 8725 sections 3.1 to 3.3.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Final

import msgspec

from verifier.error import FormatError, TooLargeError
from verifier.strict_json import Json, parse_json

MAX_JWS_CHARS: Final = 393_216
"""Longest compact JWS: a document of 262,144 bytes in base64, and what frames it."""
MAX_HEADER_BYTES: Final = 16_384
"""Longest header; one with a certificate chain takes some 8 KiB."""
MAX_PAYLOAD_BYTES: Final = 262_144
"""Longest payload, that of a document."""
ALGORITHMS: Final[Mapping[str, str]] = {
    "EdDSA": "EdDSA",
    "Ed25519": "EdDSA",
    "ES256": "ES256",
    "ES384": "ES384",
    "ES256K": "ES256K",
    "ES512": "ES512",
    "RS256": "RS256",
    "RS384": "RS384",
    "RS512": "RS512",
    "PS256": "PS256",
    "PS384": "PS384",
    "PS512": "PS512",
}
"""Signature algorithms that are verified, and the one name of each. A key of a curve is for its own algorithm, an RSA
key for all of RSA's. Source: Open Badges 3.0 section 8.2; RFC 7518 section 3.1; RFC 8812 section 3.2; RFC 9864."""
_SHAPE: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)


class Jws(msgspec.Struct, frozen=True, kw_only=True):
    """A compact JWS, read but not checked.

    Attributes:
        header: The protected header.
        payload: The payload's JSON object.
        signed: The bytes that the signature is over.
        signature: Its bytes.
        alg: The algorithm that the key has to be for, one of the values of `ALGORITHMS`.
        compact: The whole text.
    """

    header: dict[str, Json]
    payload: dict[str, Json]
    signed: bytes
    signature: bytes
    alg: str
    compact: str

    @property
    def kid(self) -> str | None:
        """The header's key id, if it has one."""
        kid = self.header.get("kid")
        return kid if isinstance(kid, str) else None

    @property
    def typ(self) -> str | None:
        """The header's type in lower case without `application/`, if it has one."""
        typ = self.header.get("typ")
        return typ.lower().removeprefix("application/") if isinstance(typ, str) else None


def is_jws(text: str) -> bool:
    """Whether a text has the outer shape of a compact JWS."""
    return _SHAPE.fullmatch(text) is not None


def parse_jws(text: str) -> Jws:
    """Read a compact JWS.

    Raises:
        TooLargeError: Longer than MAX_JWS_CHARS, or a part beyond its limit.
        FormatError: Not three base64url parts in their one spelling, a header or payload that is no JSON object, an
            algorithm that is not in `ALGORITHMS`, a critical extension, or a payload that is not encoded.
        JsonError: Header or payload is not strict JSON.

    Not checked: the signature, and every claim.
    """
    if len(text) > MAX_JWS_CHARS:
        raise TooLargeError(f"a token of {len(text)} characters; the limit is {MAX_JWS_CHARS}")
    if not is_jws(text):
        raise FormatError("not a compact JWS: three base64url parts with dots between them")
    head, body, tail = text.split(".")
    header = _object(head, MAX_HEADER_BYTES, "header")
    alg = _algorithm(header)
    payload = _object(body, MAX_PAYLOAD_BYTES, "payload")
    signed = f"{head}.{body}".encode("ascii")
    return Jws(header=header, payload=payload, signed=signed, signature=decode(tail), alg=alg, compact=text)


def decode(part: str) -> bytes:
    """Read base64url without padding, in its one spelling.

    Raises:
        FormatError: Anything else, stray bits included: two spellings of one signature would be two tokens.
    """
    try:
        raw = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise FormatError("not base64url") from error
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii") != part:
        raise FormatError("base64url with stray bits")
    return raw


def _object(part: str, max_bytes: int, what: str) -> dict[str, Json]:
    value = parse_json(decode(part), max_bytes=max_bytes)
    if not isinstance(value, dict):
        raise FormatError(f"the {what} of the token is not a JSON object")
    return value


def _algorithm(header: dict[str, Json]) -> str:
    alg = header.get("alg")
    if not isinstance(alg, str) or alg not in ALGORITHMS:
        known = ", ".join(sorted(ALGORITHMS))
        raise FormatError(f"the algorithm {str(alg)[:40]!r} is not verified here, only {known}", "/alg")
    if "crit" in header:
        raise FormatError("the token needs an extension that is not known here", "/crit")
    if "b64" in header:
        raise FormatError("an unencoded payload", "/b64")
    for name in ("kid", "typ", "cty"):
        if name in header and not isinstance(header[name], str):
            raise FormatError("not a text", f"/{name}")
    return ALGORITHMS[alg]
