r"""A part of an unpacked diploma: its leaf under the unpacking's root, and the two histories that it has.

The log has one event for all parts of a diploma and names none of them. What an issuance's event says of another award
stands in the part's leaf:

    "cairn/part/v1\n" || JSON {credential, achievement, edition, credits_centi, commitments, status_index,
                               valid_from, valid_until, salt}

The entries of a part's evidence are, in this order: the unpacking's event and what followed on it (all parts share
that), the part's own events if it has any, the edition of the programme, and the edition of the achievement.

Source: docs/spec/evidence.md, "A part of an unpacked diploma"; RFC 9162 section 2.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Final
from uuid import UUID

import msgspec

from anchoring.entry import Entry
from anchoring.error import ProofError
from anchoring.tree import leaf_hash, verify_inclusion
from verifier.error import FormatError, InputError
from verifier.event import (
    FormAdded,
    Issued,
    Reissued,
    Replaced,
    Stacked,
    StatusEvent,
    Unpacked,
    parse_edition,
    parse_parted,
    parse_programme,
    parse_unpacked,
)
from verifier.evidence import MAX_LEAF_BYTES, ProvedPart
from verifier.strict_json import parse_json
from verifier.timeline import HistoryError, Origin, Timeline, read_change
from verifier.wire import HexHash, Instant, convert_loosely

LEAF_TAG: Final = b"cairn/part/v1\n"
FEWEST_ENTRIES: Final = 3
"""The unpacking, the programme, the achievement."""
_EDITIONS: Final = 2


class PartError(HistoryError):
    """The leaf is not under the root of the unpacking, or is another credential's."""


class Leaf(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is committed to of one part."""

    credential: UUID
    achievement: UUID
    edition: int
    credits_centi: int
    commitments: dict[str, HexHash]
    status_index: int
    valid_from: Instant
    valid_until: Instant | None
    salt: HexHash


def read_part(entries: Sequence[Entry], shown: ProvedPart, owner: UUID) -> Timeline:
    """Read a part's histories and what it is a part of.

    Args:
        entries: All entries of the file, each proved to be in the log.
        shown: The leaf and its path.
        owner: The id that the log would have for the part.

    Raises:
        PartError: The leaf is not under the root of the unpacking, or is another credential's.
        HistoryError: The entries are not the histories of an unpacking and of this part, and the two editions.
        UnknownEventError: An event of a topic that this version does not know.

    Not checked: that the part is a module of the programme (`checks.genuine.judge_origin` does that), and that later
    events were not left out.
    """
    if len(entries) < FEWEST_ENTRIES:
        raise HistoryError("a part has an unpacking, a programme and an achievement")
    *history, programme_entry, edition_entry = entries
    try:
        made = parse_unpacked(history[0])
        leaf = _open(made, shown, owner)
        programme, edition = parse_programme(programme_entry), parse_edition(edition_entry)
        shared, own = _split(history, owner, made, leaf)
    except InputError as error:
        raise HistoryError(str(error)) from error
    origin = Origin(history[0].originator, made, shared, programme, programme_entry, leaf.credits_centi)
    return Timeline(_issued(made, leaf), own, edition, edition_entry, origin)


def shared_entries(entries: Sequence[Entry]) -> int:
    """Return how many entries at the beginning are the unpacking's."""
    return len(list(takewhile(lambda entry: entry.originator == entries[0].originator, entries)))


def _open(made: Unpacked, shown: ProvedPart, owner: UUID) -> Leaf:
    if not shown.leaf.startswith(LEAF_TAG):
        raise PartError("the leaf has another tag")
    try:
        verify_inclusion(
            leaf=leaf_hash(shown.leaf),
            index=shown.index,
            size=made.leaves,
            proof=shown.proof,
            root=bytes.fromhex(made.root),
        )
        leaf = convert_loosely(parse_json(shown.leaf[len(LEAF_TAG) :], max_bytes=MAX_LEAF_BYTES), Leaf)
    except (ProofError, ValueError, FormatError) as error:
        raise PartError(str(error)) from error
    if leaf.credential != owner:
        raise PartError(f"the leaf is of {leaf.credential}, not {owner}")
    return leaf


def _split(
    history: Sequence[Entry], owner: UUID, made: Unpacked, leaf: Leaf
) -> tuple[tuple[StatusEvent, ...], tuple[StatusEvent, ...]]:
    """Read what became of all parts together, and of this one alone."""
    count = shared_entries(history)
    _require_run(history[:count], history[0].originator)
    _require_run(history[count:], owner)
    shared = tuple(map(read_change, history[1:count]))
    own: tuple[StatusEvent, ...] = ()
    if history[count:]:
        parted = parse_parted(history[count])
        told = (parted.institution, parted.status_block, parted.status_index)
        if told != (made.institution, made.status_block, leaf.status_index):
            raise HistoryError("the part's own history is of another place in the status lists")
        own = tuple(map(read_change, history[count + 1 :]))
    if any(isinstance(event, (Reissued, FormAdded, Replaced, Stacked)) for event in (*shared, *own)):
        raise HistoryError("a part is neither signed anew, nor replaced, nor stacked")
    return shared, own


def _require_run(entries: Sequence[Entry], owner: UUID) -> None:
    for version, entry in enumerate(entries, 1):
        if entry.originator != owner or entry.version != version:
            raise HistoryError(f"version {entry.version} of {entry.originator} where {version} is due")


def _issued(made: Unpacked, leaf: Leaf) -> Issued:
    """What an issuance's event would say of the part."""
    return Issued(
        institution=made.institution,
        achievement=leaf.achievement,
        edition=leaf.edition,
        key_id=made.key_id,
        commitments=leaf.commitments,
        status_block=made.status_block,
        status_index=leaf.status_index,
        valid_from=leaf.valid_from,
        valid_until=leaf.valid_until,
        recorded_at=made.recorded_at,
    )
