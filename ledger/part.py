r"""A part of an unpacked diploma: what the log commits to, and what the vault keeps to open it.

The log has one event for all parts, with the root over their leaves (:mod:`ledger.part_tree`). A leaf is
``"cairn/part/v1\n"`` and the JSON of :class:`Leaf`, as ``msgspec`` writes it; it holds a salt, so that nobody who has
only the log can test a guess. Shown with its path, a leaf proves what an issuance's event says of another award.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

import msgspec

from ledger.event import Digest, Instant

LEAF_TAG: Final = b"cairn/part/v1\n"
PART_KIND: Final = "part"
"""What the vault calls a kept part; it is never a kind of commitment."""
WHOLE_KIND: Final = "whole"
"""Form: the 16 bytes of the aggregate id of the diploma. The vault keeps what opens it under the same name."""


class Leaf(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is committed to of one part. Institution, key and status block are the unpacking's.

    Attributes:
        credential: The part's own aggregate id.
        achievement: Aggregate id of what it is an award of.
        edition: Under which edition.
        credits_centi: What it is worth, in hundredths of an ECTS credit.
        commitments: Salted commitments to its signed document.
        status_index: Its place in the status lists of the unpacking's block.
        valid_from: Beginning of the day on which the module was completed.
        valid_until: When it ends; None: never.
        salt: 32 random bytes.
    """

    credential: UUID
    achievement: UUID
    edition: int
    credits_centi: int
    commitments: dict[str, Digest]
    status_index: int
    valid_from: Instant
    valid_until: Instant | None
    salt: Digest


class Opening(msgspec.Struct, frozen=True):
    """What shows a part under its unpacking.

    Attributes:
        unpacking: Aggregate id of the unpacking.
        leaf: The leaf's bytes.
        index: Its place among the leaves.
        path: Siblings on the way to the root, leaf side first.
    """

    unpacking: UUID
    leaf: bytes
    index: int
    path: tuple[bytes, ...]


class KeptPart(msgspec.Struct, frozen=True):
    """What the vault keeps of a part.

    Attributes:
        document: The signed document's exact bytes.
        salt: Salt of the commitment to it.
        claim: What was claimed, as MessagePack.
        module: The programme's code of the module.
        opening: What shows it under its unpacking.
    """

    document: bytes
    salt: bytes
    claim: bytes
    module: str
    opening: Opening


class KeptWhole(msgspec.Struct, frozen=True):
    """What the vault keeps of an unpacking.

    Attributes:
        whole: Aggregate id of the diploma.
        salt: Salt of the commitment to it.
        parts: Public ids of the parts, in the order in which they were asked for.
    """

    whole: UUID
    salt: bytes
    parts: tuple[str, ...]


def write_leaf(leaf: Leaf) -> bytes:
    """The bytes of a leaf."""
    return LEAF_TAG + msgspec.json.encode(leaf)


def read_leaf(raw: bytes) -> Leaf:
    """Read the bytes of a leaf that this ledger wrote.

    Raises:
        msgspec.MsgspecError: They are none.
    """
    return msgspec.json.decode(raw.removeprefix(LEAF_TAG), type=Leaf)
