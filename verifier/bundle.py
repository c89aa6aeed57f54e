"""Bundles: what a holder keeps, namely the document, the salt that opens its commitment, evidence.

    {"format": "cairn/bundle/v1", "document": {...}, "salt": "<32 bytes>",
     "evidence": {...} or null, "successor": {"credential": "<public id>", "salt": "<32 bytes>"}}

That of a stacked award is `cairn/bundle/v2`, the same with a member more, which its holder may leave out:

    "stack": {"derivation": {...}, "salt": "<32 bytes>", "pathway": {...} or null, "components": [{...}]}

A bundle is personal: it holds the document. Evidence alone is not.

Source: docs/spec/bundle.md.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec

from verifier.credential_id import parse_public_id
from verifier.error import FormatError
from verifier.evidence import (
    MAX_ENTRIES,
    MAX_EVIDENCE_BYTES,
    Evidence,
    ProvedEntry,
    ProvedPart,
    ProvedRecord,
    Status,
    read_evidence,
)
from verifier.strict_json import Json, parse_json
from verifier.wire import Hash, convert

STACK_FORMAT: Final = "cairn/bundle/v2"
MAX_DOCUMENT_BYTES: Final = 262_144
"""Longest document; a micro-credential takes 4 to 8 KiB. Source: docs/spec/bundle.md."""
MAX_COMPONENTS: Final = 200
"""Components of one stack. Source: docs/spec/bundle.md."""
MAX_STACK_BYTES: Final = 2_097_152
"""Longest `stack`: 200 components of some 10 KiB each, and their derivation."""
MAX_BUNDLE_BYTES: Final = MAX_EVIDENCE_BYTES + MAX_DOCUMENT_BYTES + MAX_STACK_BYTES + 4_096
"""Longest bundle: its parts and what frames them."""


class Successor(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The credential that replaced this one, and the salt that shows it."""

    credential: str
    salt: Hash


class ComponentProof(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a log says of one component: members of its evidence file, under the bundle's own checkpoint and state.

    `part` is there exactly if the component is a part of an unpacked diploma.
    """

    credential: str
    entries: Annotated[list[ProvedEntry], msgspec.Meta(min_length=1, max_length=MAX_ENTRIES)]
    status: Status
    directory: ProvedRecord
    part: ProvedPart | msgspec.UnsetType = msgspec.UNSET


class Stack(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an award was stacked from, as its holder shows it.

    Attributes:
        derivation: Which award met which rule, as JSON; its canonical bytes are committed to.
        salt: 32 bytes that open the commitment.
        pathway: The log entry that published the rules, or None where there is no evidence yet.
        components: What the log says of the components; of those that count by a recognition, nothing.
    """

    derivation: dict[str, Any]
    salt: Hash
    pathway: ProvedEntry | None
    components: Annotated[list[ComponentProof], msgspec.Meta(max_length=MAX_COMPONENTS)]


class _Bundle(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    format: Literal["cairn/bundle/v1"]
    document: dict[str, Any]
    salt: Hash
    evidence: dict[str, Any] | None
    successor: Successor | msgspec.UnsetType = msgspec.UNSET


class _StackBundle(_Bundle, frozen=True, forbid_unknown_fields=True, kw_only=True):
    format: Literal["cairn/bundle/v2"]  # type: ignore[assignment]  # the same members under another name
    stack: Stack | msgspec.UnsetType = msgspec.UNSET


class Bundle(msgspec.Struct, frozen=True, kw_only=True):
    """A whole bundle, read but not checked.

    Attributes:
        document: The signed document, strict JSON.
        salt: 32 bytes.
        evidence: What the log says, or None when the holder has none yet.
        successor: What replaced the credential, if its holder was given that.
        stack: What it was stacked from, if it was and its holder shows that.
    """

    document: dict[str, Json]
    salt: bytes
    evidence: Evidence | None
    successor: Successor | None
    stack: Stack | None = None


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
    is_stack = isinstance(value, dict) and value.get("format") == STACK_FORMAT
    read = convert(value, _StackBundle if is_stack else _Bundle)
    successor = None if isinstance(read.successor, msgspec.UnsetType) else read.successor
    if successor is not None:
        _require_id(successor.credential, "/successor/credential")
    evidence = None if read.evidence is None else read_evidence(read.evidence, "/evidence")
    stack = read.stack if isinstance(read, _StackBundle) and isinstance(read.stack, Stack) else None
    for number, component in enumerate(() if stack is None else stack.components):
        _require_id(component.credential, f"/stack/components/{number}/credential")
    return Bundle(document=read.document, salt=read.salt, evidence=evidence, successor=successor, stack=stack)


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
