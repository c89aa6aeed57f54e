"""Evidence: one file that shows what a log says of one credential, and shows nothing personal.

    {"format": "cairn/evidence/v1", "credential": "<public id>",
     "log": {...}, "checkpoint": "<signed note>",
     "entries": [...], "state": {...}, "status": {...}, "directory": {...},
     "anchors": [...], "anchored_size": 70000}

Of a part of an unpacked diploma it is "cairn/evidence/v2", with one more member: "part": {...}.

Reading it proves nothing: the structs here are typed claims. `verifier.verify` checks them.

Source: docs/spec/evidence.md.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from verifier.credential_id import parse_public_id
from verifier.error import FormatError
from verifier.strict_json import Json, parse_json
from verifier.wire import Count, Proof, convert

MAX_EVIDENCE_BYTES: Final = 1_048_576
"""Longest evidence file; one credential's takes about 12 KiB. Source: docs/spec/evidence.md."""
MAX_ENTRIES: Final = 64
"""Events of one credential, its achievement's edition included."""
MAX_ANCHORS: Final = 16
"""Time anchors in one file. Source: as sigstore-go, which takes at most 32 time stamps."""
MAX_ENTRY_BYTES: Final = 65_535
"""Longest log entry. Source: C2SP tlog-tiles."""
MAX_TOKEN_BYTES: Final = 65_535
"""Longest anchor token; RFC 3161 tokens take 1 to 8 KiB."""
MAX_LEAF_BYTES: Final = 4_096
"""Longest leaf of a part; one takes some 500 bytes. Source: docs/spec/evidence.md, "A part of an unpacked diploma"."""
CHUNK_BYTES: Final = 1_024
"""One leaf of a status tree. Source: docs/spec/evidence.md."""

PART_FORMAT: Final = "cairn/evidence/v2"

Bytes = Annotated[bytes, msgspec.Meta(max_length=MAX_ENTRY_BYTES)]
Text = Annotated[str, msgspec.Meta(max_length=65_535)]


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class LogName(_Part, frozen=True, kw_only=True):
    """Which log the file says it is of. It has to agree with the checkpoint; it earns no trust."""

    origin: Text
    vkey: Text


class ProvedEntry(_Part, frozen=True, kw_only=True):
    """A log entry, its index, and its inclusion proof in the file's checkpoint."""

    index: Count
    entry: Bytes
    proof: Proof


class ProvedChunk(_Part, frozen=True, kw_only=True):
    """1,024 bytes of a status bitstring, its leaf number, and its proof in the status tree."""

    leaf: Count
    chunk: Annotated[bytes, msgspec.Meta(min_length=CHUNK_BYTES, max_length=CHUNK_BYTES)]
    proof: Proof


class Status(_Part, frozen=True, kw_only=True):
    """The chunks that hold the credential's two status bits."""

    revocation: ProvedChunk
    suspension: ProvedChunk


class ProvedPart(_Part, frozen=True, kw_only=True):
    """What shows a part under the unpacking that the first entry made.

    Attributes:
        leaf: The leaf's bytes.
        index: Its place among the leaves.
        proof: Its inclusion under the unpacking's root.
        status: The chunks of the status that it shares with the other parts.
    """

    leaf: Annotated[bytes, msgspec.Meta(max_length=MAX_LEAF_BYTES)]
    index: Count
    proof: Proof
    status: Status


class ProvedRecord(_Part, frozen=True, kw_only=True):
    """An institution's directory record, its number, and its proof in the directory tree."""

    leaf: Count
    record: Annotated[bytes, msgspec.Meta(max_length=262_144)]
    proof: Proof


class Anchor(_Part, frozen=True, kw_only=True):
    """A third party's word that an earlier (or this) checkpoint existed at a time.

    Attributes:
        kind: "rfc3161" (token: DER TimeStampResp over the note) or "cosignature" (token: the
            signature line over the note's text).
        name: What the log calls the anchor.
        time: What the token says, RFC 3339 UTC.
        checkpoint: The signed note that was anchored.
        token: The third party's word itself.
        index: Index of the credential's first entry.
        proof: Inclusion of that entry in the anchored checkpoint.
        consistency: From the anchored checkpoint to the file's own.
    """

    kind: Literal["rfc3161", "cosignature"]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    time: Annotated[str, msgspec.Meta(max_length=40)]
    checkpoint: Text
    token: Annotated[bytes, msgspec.Meta(max_length=MAX_TOKEN_BYTES)]
    index: Count
    proof: Proof
    consistency: Proof


class Evidence(_Part, frozen=True, kw_only=True):
    """A whole evidence file, read but not checked (see docs/spec/evidence.md for each member).

    A part of an unpacked diploma has a file of version 2, with `part`; everything else has one of version 1, without.
    """

    format: Literal["cairn/evidence/v1", "cairn/evidence/v2"]
    credential: str
    log: LogName
    checkpoint: Text
    entries: Annotated[list[ProvedEntry], msgspec.Meta(min_length=1, max_length=MAX_ENTRIES)]
    state: ProvedEntry
    status: Status
    directory: ProvedRecord
    anchors: Annotated[list[Anchor], msgspec.Meta(max_length=MAX_ANCHORS)]
    anchored_size: Count | None
    part: ProvedPart | msgspec.UnsetType = msgspec.UNSET


def parse_evidence(data: bytes) -> Evidence:
    """Read an evidence file.

    Args:
        data: The file's bytes, at most MAX_EVIDENCE_BYTES.

    Raises:
        InputError: Too large, not strict JSON, not of the format, not canonical base64.

    Not checked: any proof, signature or date.
    """
    return read_evidence(parse_json(data, max_bytes=MAX_EVIDENCE_BYTES))


def read_evidence(value: Json, pointer: str = "") -> Evidence:
    """Read evidence that is already parsed JSON, such as a bundle's member.

    Raises:
        FormatError: Not of the format; the pointer starts with *pointer*.
    """
    evidence = convert(value, Evidence, pointer)
    try:
        parse_public_id(evidence.credential)
    except FormatError as error:
        raise FormatError(error.reason, f"{pointer}/credential") from error
    if (evidence.format == PART_FORMAT) != isinstance(evidence.part, ProvedPart):
        raise FormatError(f"a part is shown in {PART_FORMAT}, and nothing else is", f"{pointer}/part")
    return evidence
