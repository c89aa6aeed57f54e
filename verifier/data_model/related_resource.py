"""Digests of related resources: read, and compared where the resource is at hand.

A digest that cannot be compared, because the resource lies elsewhere and nothing here fetches it, is only read.

Source: W3C VC Data Model 2.0, section 5.3 (Integrity of Related Resources); W3C Subresource Integrity, section 3.5;
W3C Controlled Identifiers 1.0, sections 2.4 (Multibase) and 2.5 (Multihash).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable
from typing import Final

from openvc.multibase import MultibaseError, b58btc_decode

from verifier.data_model.problem import CRYPTOGRAPHIC_SECURITY, Problems
from verifier.data_model.value import check_id
from verifier.strict_json import Json

ResourceSource = Callable[[str], "bytes | None"]
"""Gives the bytes of a resource by its URL, or None if it is not at hand."""

MAX_DIGEST_CHARS: Final = 1_000
_STRENGTH: Final = {"sha256": 0, "sha384": 1, "sha512": 2}
_MULTIHASHES: Final = {b"\x12\x20": "sha256", b"\x20\x30": "sha384", b"\x13\x40": "sha512"}
"""Code and length before a digest. Source: the multicodec table: sha2-256 12, sha2-512 13, sha2-384 20."""
_BY_LENGTH: Final = {32: "sha256", 48: "sha384", 64: "sha512"}
_HEX: Final = re.compile(r"([0-9a-f]{2})+")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")

Digest = tuple[str, bytes]
"""Name of the hash function and the digest."""


def check_related_resources(value: Json, pointer: str, problems: Problems, source: ResourceSource) -> None:
    """Note what is wrong with the member `relatedResource`, digests that do not fit included."""
    items = value if isinstance(value, list) else [value]
    if not items:
        problems.add("there is at least one related resource, or no such member", pointer)
    seen: set[str] = set()
    for number, item in enumerate(items):
        place = f"{pointer}/{number}" if isinstance(value, list) else pointer
        if not isinstance(item, dict):
            problems.add("a related resource is an object with id and digest", place)
            continue
        check_id(item, place, problems, is_needed=True)
        identity = item.get("id")
        if isinstance(identity, str) and identity in seen:
            problems.add("the ids of related resources differ from each other", f"{place}/id")
        if isinstance(identity, str):
            seen.add(identity)
        content = source(identity) if isinstance(identity, str) else None
        _check_digests(item, place, problems, content)


def _check_digests(item: dict[str, Json], place: str, problems: Problems, content: bytes | None) -> None:
    if "digestSRI" not in item and "digestMultibase" not in item:
        problems.add("a related resource has a digestSRI or a digestMultibase", place)
    if "mediaType" in item and not isinstance(item["mediaType"], str):
        problems.add("a media type is a text", f"{place}/mediaType")
    for name, read in (("digestSRI", _read_sri), ("digestMultibase", _read_multibase)):
        if name not in item:
            continue
        text = item[name]
        digests = read(text) if isinstance(text, str) and len(text) <= MAX_DIGEST_CHARS else ()
        if not digests:
            problems.add(
                "this is no digest by SHA-256, SHA-384 or SHA-512 in the form of its member", f"{place}/{name}"
            )
        elif content is not None and not any(hashlib.new(kind, content).digest() == raw for kind, raw in digests):
            problems.add(
                "the digest is not that of the resource, as this verifier has it",
                f"{place}/{name}",
                CRYPTOGRAPHIC_SECURITY,
            )


def _read_sri(text: str) -> tuple[Digest, ...]:
    """Read integrity metadata; of several digests those by the strongest function count."""
    digests: list[Digest] = []
    for part in text.split():
        name, _, encoded = part.partition("?")[0].partition("-")
        raw = _from_base64(encoded)
        if name not in _STRENGTH or raw is None:
            return ()
        if len(raw) != hashlib.new(name).digest_size:
            # Hexadecimal digits, which the first editions of the specification's examples had.
            raw = bytes.fromhex(encoded) if _HEX.fullmatch(encoded) else b""
        if len(raw) != hashlib.new(name).digest_size:
            return ()
        digests.append((name, raw))
    strongest = max((_STRENGTH[name] for name, _ in digests), default=0)
    return tuple(digest for digest in digests if _STRENGTH[digest[0]] == strongest)


def _read_multibase(text: str) -> tuple[Digest, ...]:
    """Read a multihash in base58btc or base64url, or the bare digest that some issuers write there."""
    raw = _from_multibase(text)
    if raw is None:
        return ()
    if (name := _MULTIHASHES.get(raw[:2])) is not None and len(raw) == len(b"..") + hashlib.new(name).digest_size:
        return ((name, raw[2:]),)
    bare = _BY_LENGTH.get(len(raw))
    return () if bare is None else ((bare, raw),)


def _from_multibase(text: str) -> bytes | None:
    prefix, rest = text[:1], text[1:]
    if prefix in {"u", "m", "U", "M"}:
        return _from_base64(rest)
    if prefix == "z":
        try:
            return b58btc_decode(rest)
        except MultibaseError:
            return None
    return bytes.fromhex(rest) if prefix == "f" and _HEX.fullmatch(rest) else None


def _from_base64(text: str) -> bytes | None:
    if _BASE64.fullmatch(text) is None:
        return None
    plain = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except binascii.Error:
        return None
