"""What was shown? Told by its bytes; a media type that a sender names has to agree, and decides nothing.

    JSON    an evidence file or a holder's bundle of this project, a credential with its proof, or a presentation
    token   a VC-JWT, an SD-JWT, or a presentation as a token
    image   a PNG or an SVG with a credential baked in

An envelope of the VC data model (a `data:` URL around a token) is opened.

Source: W3C VC Data Model 2.0 sections 4.12, 4.13 and 6.1; W3C VC JOSE COSE section 6; Open Badges 3.0 section 5.
"""

from __future__ import annotations

import re
from typing import Final, Literal, TypeAlias
from urllib.parse import unquote

import msgspec

from verifier.error import FormatError
from verifier.file_kind import file_kind
from verifier.foreign.baked import MAX_IMAGE_BYTES, is_png, is_xml, unbake_png, unbake_svg
from verifier.foreign.credential import Credential, read_document, types_of
from verifier.foreign.disclosure import MAX_SD_JWT_CHARS, parse_parts, restored
from verifier.foreign.jws import Jws, is_jws, parse_jws
from verifier.foreign.sd_jwt import is_sd_jwt, read_sd_jwt
from verifier.foreign.vc_jwt import read_token
from verifier.strict_json import Json, parse_json

MAX_PRESENTED_BYTES: Final = MAX_IMAGE_BYTES
"""Longest input, that of an image."""
JSON_TYPES: Final = frozenset(
    {
        "application/json",
        "application/ld+json",
        "application/vc",
        "application/vc+ld+json",
        "application/vp",
        "application/vp+ld+json",
    }
)
TOKEN_TYPES: Final = frozenset(
    {
        "application/jwt",
        "application/vc+jwt",
        "application/vp+jwt",
        "application/vc+ld+json+jwt",
        "application/vp+ld+json+jwt",
        "application/sd-jwt",
        "application/vc+sd-jwt",
        "application/dc+sd-jwt",
        "application/vp+sd-jwt",
        "application/vp+ld+json+sd-jwt",
        "text/plain",
    }
)
PNG_TYPE: Final = "image/png"
SVG_TYPE: Final = "image/svg+xml"
MEDIA_TYPES: Final = JSON_TYPES | TOKEN_TYPES | {PNG_TYPE, SVG_TYPE}
"""Every media type under which something can be sent to be verified."""
NOTHING: Final = "neither JSON, nor a token, nor an image"
PRESENTATION_TYPE: Final = "VerifiablePresentation"
ENVELOPED: Final = frozenset({"EnvelopedVerifiableCredential", "EnvelopedVerifiablePresentation"})
DISCLOSED_PRESENTATIONS: Final = frozenset({"vp+sd-jwt", "vp+ld+json+sd-jwt"})
"""Types of presentations that are secured as an SD-JWT. Source: VC JOSE COSE section 3.2.2."""
_PRESENTATION_TOKENS: Final = frozenset({"vp+jwt", "vp+ld+json+jwt"})
_DATA_URL: Final = re.compile(r"data:([a-zA-Z0-9.+-]+/[a-zA-Z0-9.+-]+)(?:;[^,;]*)*,(.+)", re.DOTALL)

Kind: TypeAlias = Literal["evidence", "bundle", "credential", "presentation"]
Carrier: TypeAlias = Literal["png", "svg", "plain"]


class Presented(msgspec.Struct, frozen=True, kw_only=True):
    """What was shown, read but not checked.

    Attributes:
        kind: What it is.
        carrier: In what it came.
        data: Its bytes, out of the image.
        value: The JSON object; of a token its payload, of a presentation with what it discloses.
        token: The token, if it is one.
    """

    kind: Kind
    carrier: Carrier
    data: bytes
    value: dict[str, Json]
    token: str | None = None


def read_presented(data: bytes, media_type: str | None = None) -> Presented:
    """Tell what was shown.

    Args:
        data: The bytes, at most MAX_PRESENTED_BYTES.
        media_type: As a sender named it, lower case and without parameters; None if nobody did.

    Raises:
        InputError: Nothing that can be judged, malformed, beyond a limit, or not what *media_type* says.

    Not checked: anything but the outer form.
    """
    if is_png(data):
        _require(media_type, {PNG_TYPE}, "a PNG")
        return _text(unbake_png(data), "png")
    if is_xml(data):
        _require(media_type, {SVG_TYPE}, "an SVG")
        return _text(unbake_svg(data), "svg")
    if _is_token(data):
        _require(media_type, TOKEN_TYPES, "a token")
    elif data.lstrip(b" \t\r\n").startswith(b"{"):
        _require(media_type, JSON_TYPES, "a JSON object")
    elif media_type in TOKEN_TYPES:
        raise FormatError(NOTHING)
    return _text(data, "plain")


def read_credential(presented: Presented) -> Credential:
    """Read a credential that was shown.

    Raises:
        InputError: It is none, or malformed.

    Not checked: everything that a report on it tells.
    """
    if presented.token is None:
        return read_document(presented.value)
    if is_sd_jwt(presented.token):
        return read_sd_jwt(presented.token)
    return read_token(parse_jws(presented.token))


def _text(data: bytes, carrier: Carrier) -> Presented:
    if _is_token(data):
        return _token(data.strip(b" \t\r\n").decode("ascii"), carrier)
    return _json(data, carrier)


def _is_token(data: bytes) -> bool:
    """Whether bytes have the outer shape of a token; one that is too long is none."""
    stripped = data.strip(b" \t\r\n")
    if not stripped.isascii() or len(stripped) > MAX_SD_JWT_CHARS:
        return False
    text = stripped.decode("ascii")
    return is_jws(text) or is_jws(text.partition("~")[0])


def _json(data: bytes, carrier: Carrier) -> Presented:
    value = parse_json(data, max_bytes=MAX_PRESENTED_BYTES)
    if not isinstance(value, dict):
        raise FormatError("not a JSON object")
    kind = file_kind(value)
    if kind != "document":
        return Presented(kind=kind, carrier=carrier, data=data, value=value)
    types = types_of(value)
    if not ENVELOPED.isdisjoint(types):
        return _token(_enveloped(value), carrier)
    shown: Kind = "presentation" if PRESENTATION_TYPE in types else "credential"
    return Presented(kind=shown, carrier=carrier, data=data, value=value)


def _token(text: str, carrier: Carrier) -> Presented:
    if is_sd_jwt(text):
        parts = parse_parts(text)
        if parts.issued.typ in DISCLOSED_PRESENTATIONS:
            value = restored(parts)
            return Presented(kind="presentation", carrier=carrier, data=text.encode("ascii"), value=value, token=text)
        jws = read_sd_jwt(text).jws
    elif is_jws(text):
        jws = parse_jws(text)
    else:
        raise FormatError(NOTHING)
    if jws is None:
        raise FormatError("a token without a token")
    kind: Kind = "presentation" if _is_presentation(jws) else "credential"
    return Presented(kind=kind, carrier=carrier, data=text.encode("ascii"), value=jws.payload, token=text)


def _is_presentation(jws: Jws) -> bool:
    return jws.typ in _PRESENTATION_TOKENS or "vp" in jws.payload or PRESENTATION_TYPE in types_of(jws.payload)


def _enveloped(value: dict[str, Json]) -> str:
    found = _DATA_URL.fullmatch(str(value.get("id", "")))
    if found is None or found[1].lower() not in TOKEN_TYPES:
        raise FormatError("an envelope whose id is no data: URL of a token", "/id")
    return unquote(found[2]).strip()


def _require(told: str | None, allowed: frozenset[str] | set[str], what: str) -> None:
    if told is not None and told not in allowed:
        raise FormatError(f"sent as {told[:60]}, and it is {what}")
