"""Bundles: what a holder keeps, namely the document, the salt that opens its commitment, evidence.

    {"format": "cairn/bundle/v1", "document": {...}, "salt": "<32 bytes>",
     "evidence": {...} or null, "successor": {"credential": "<public id>", "salt": "<32 bytes>"}}

A bundle is personal: it holds the document. Evidence alone is not.

Source: docs/spec/bundle.md.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from verifier.credential_id import parse_public_id
from verifier.error import FormatError
from verifier.evidence import MAX_EVIDENCE_BYTES, Evidence, read_evidence
from verifier.strict_json import Json, parse_json
from verifier.wire import Hash, convert

MAX_DOCUMENT_BYTES: Final = 262_144
"""Longest document; a micro-credential takes 4 to 8 KiB. Source: docs/spec/bundle.md."""
MAX_BUNDLE_BYTES: Final = MAX_EVIDENCE_BYTES + MAX_DOCUMENT_BYTES + 4_096
"""Longest bundle: its two parts and what frames them."""


class Successor(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The credential that replaced this one, and the salt that shows it."""

    credential: str
    salt: Hash


class _Bundle(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    format: Literal["cairn/bundle/v1"]
    document: dict[str, Any]
    salt: Hash
    evidence: dict[str, Any] | None
    successor: Successor | msgspec.UnsetType = msgspec.UNSET


class Bundle(msgspec.Struct, frozen=True, kw_only=True):
    """A whole bundle, read but not checked.

    Attributes:
        document: The signed document, strict JSON.
        salt: 32 bytes.
        evidence: What the log says, or None when the holder has none yet.
        successor: What replaced the credential, if its holder was given that.
    """

    document: dict[str, Json]
    salt: bytes
    evidence: Evidence | None
    successor: Successor | None


def parse_bundle(data: bytes) -> Bundle:
    """Read a bundle.

    Args:
        data: The file's bytes, at most MAX_BUNDLE_BYTES.

    Raises:
        InputError: Too large, not strict JSON, not of the format, not canonical base64.

    Not checked: any proof, signature or date, and what the document says.
    """
    return read_bundle(parse_json(data, max_bytes=MAX_BUNDLE_BYTES))


def read_bundle(value: Json) -> Bundle:
    """Read a bundle that is already parsed JSON.

    Raises:
        FormatError: Not of the format.
    """
    read = convert(value, _Bundle)
    successor = None if isinstance(read.successor, msgspec.UnsetType) else read.successor
    if successor is not None:
        _require_id(successor.credential, "/successor/credential")
    evidence = None if read.evidence is None else read_evidence(read.evidence, "/evidence")
    return Bundle(document=read.document, salt=read.salt, evidence=evidence, successor=successor)


def parse_document(data: bytes) -> dict[str, Json]:
    """Read a bare document, without salt or evidence.

    Raises:
        InputError: Longer than MAX_DOCUMENT_BYTES, not strict JSON, or not an object.
    """
    value = parse_json(data, max_bytes=MAX_DOCUMENT_BYTES)
    if not isinstance(value, dict):
        raise FormatError("a document is a JSON object")
    return value


def _require_id(public_id: str, pointer: str) -> None:
    try:
        parse_public_id(public_id)
    except FormatError as error:
        raise FormatError(error.reason, pointer) from error
