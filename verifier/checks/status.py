"""Group `status`: what became of the credential, and is nothing left out?

The file brings the credential's events; the log's state commitment fixes its two status bits. A
history from which the revocation, or the last suspension, was left out contradicts the bits.

Not provable with these proofs: that a suspension which was lifted again is not left out together
with its lifting. It changes no answer about the evidence's own instant, only about days between.

Source: W3C Bitstring Status List v1.0; docs/spec/evidence.md, "Status".
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from anchoring.entry import Entry
from anchoring.error import ProofError
from anchoring.state import CHUNKS_PER_BLOCK, StateCommitment, read_status_bit, status_leaf
from anchoring.tree import leaf_hash, verify_inclusion
from verifier.bundle import Successor
from verifier.checks.log import ENTRIES, STATE, indexes_rise
from verifier.commitment import SUCCESSOR_KIND, commitment
from verifier.credential_id import aggregate_id
from verifier.event import Replaced
from verifier.evidence import Evidence, ProvedChunk, Status
from verifier.part import PartError, read_part, shared_entries
from verifier.report import Check, failed, not_judged, passed, skipped, unknown
from verifier.timeline import HistoryError, Timeline, UnknownEventError, read_timeline
from verifier.wire import format_instant
from verifier.wording import Coded

HISTORY: Final = "status.history"
BITS: Final = "status.bits"
AGREEMENT: Final = "status.agreement"
REVOCATION: Final = "status.revocation"
SUCCESSOR: Final = "status.successor"
SUSPENSION: Final = "status.suspension"


def judge_history(evidence: Evidence, entries: tuple[Entry, ...] | None) -> tuple[Check, Timeline | None]:
    """Step 7: are these all the events of this very credential, in order?"""
    if entries is None:
        return not_judged(HISTORY, ENTRIES), None
    place = ("evidence/credential", "evidence/entries", *(["evidence/part"] if evidence.part else []))
    owner = aggregate_id(evidence.credential)
    if not evidence.part and entries[0].originator != owner:
        detail = f"the log's id of {evidence.credential} is {owner}, not {entries[0].originator}"
        return failed(HISTORY, "history_other", detail=detail, looked_at=place), None
    try:
        timeline = read_part(entries, evidence.part, owner) if evidence.part else read_timeline(entries)
    except HistoryError as error:
        case = "part_not_opened" if isinstance(error, PartError) else "history_broken"
        return failed(HISTORY, case, detail=str(error), looked_at=place), None
    except UnknownEventError as error:
        return unknown(HISTORY, "history_unreadable", detail=str(error), looked_at=place), None
    if not _in_order(evidence, entries):
        return failed(HISTORY, "history_broken", detail="indexes", looked_at=place), None
    detail = f"{len(entries) - 1} events of {owner}"
    return passed(HISTORY, "history_whole", detail=detail, looked_at=place), timeline


def _in_order(evidence: Evidence, entries: Sequence[Entry]) -> bool:
    """Tell whether the events of each history stand in the log one after the other."""
    if not evidence.part:
        return indexes_rise(evidence.entries[:-1])
    made, count = evidence.entries[0], shared_entries(entries)
    shared, own = evidence.entries[:count], evidence.entries[count:-2]
    return indexes_rise(shared) and indexes_rise([made, *own])


def judge_bits(
    evidence: Evidence, state: StateCommitment | None, timeline: Timeline | None
) -> tuple[Check, tuple[bool, ...] | None]:
    """Step 8: are the chunks with the credential's two bits under the state commitment?

    A part of an unpacked diploma has two more, which it shares with the other parts.

    Returns:
        The check, and the revocation and suspension bits, a part's own ones first.
    """
    if state is None or timeline is None:
        return not_judged(BITS, STATE if state is None else HISTORY), None
    issued = timeline.issued
    places = [(evidence.status, issued.status_block, issued.status_index)]
    looked_at = ["evidence/status"]
    if evidence.part and timeline.origin is not None:
        made = timeline.origin.made
        places.append((evidence.part.status, made.status_block, made.status_index))
        looked_at.append("evidence/part/status")
    try:
        found = [_read_bits(status, block, index, state) for status, block, index in places]
    except (ProofError, ValueError) as error:
        return failed(BITS, "bits_not_proved", detail=str(error), looked_at=looked_at), None
    detail = "; ".join(
        f"block {block}, index {index}: revocation {int(revoked)}, suspension {int(suspended)}"
        for (_, block, index), (revoked, suspended) in zip(places, found, strict=True)
    )
    return passed(BITS, "bits_proved", detail=detail, looked_at=looked_at), tuple(bit for two in found for bit in two)


def _read_bits(status: Status, block: int, index: int, state: StateCommitment) -> tuple[bool, bool]:
    leaf = status_leaf(block, index)
    size = state.status_lists * CHUNKS_PER_BLOCK
    _prove_chunk(status.revocation, leaf, size, state.revocation_root)
    _prove_chunk(status.suspension, leaf, size, state.suspension_root)
    return read_status_bit(status.revocation.chunk, index), read_status_bit(status.suspension.chunk, index)


def judge_agreement(timeline: Timeline | None, bits: tuple[bool, ...] | None) -> Check:
    """Step 9: do the events, folded, come to the proved bits?"""
    if timeline is None or bits is None:
        return not_judged(AGREEMENT, HISTORY if timeline is None else BITS)
    folded = timeline.bits
    detail = f"events say {[int(bit) for bit in folded]}, bits say {[int(bit) for bit in bits]}"
    place = ("evidence/entries", "evidence/status")
    judge, case = (passed, "history_agrees") if folded == bits else (failed, "history_contradicts")
    return judge(AGREEMENT, case, detail=detail, looked_at=place)


def judge_revocation(timeline: Timeline | None, as_of: datetime | None) -> Check:
    """Step 12: was it revoked or replaced at the instant asked about?"""
    if timeline is None or as_of is None:
        return not_judged(REVOCATION, AGREEMENT if timeline is None else "log.fresh")
    ended, place = timeline.ended, ("evidence/entries", "evidence/status/revocation")
    if ended is None:
        return passed(REVOCATION, "not_revoked", looked_at=place)
    case = "replaced" if isinstance(ended, Replaced) else "revoked"
    judge, case = (failed, case) if ended.effective_at <= as_of else (passed, "revoked_later")
    detail = f"reason {ended.reason}, recorded {format_instant(ended.recorded_at)}"
    return judge(
        REVOCATION,
        case,
        date=ended.effective_at,
        why=Coded(ended.reason),
        detail=detail,
        looked_at=place,
    )


def judge_suspension(timeline: Timeline | None, as_of: datetime | None) -> Check:
    """Step 13: was it suspended at the instant asked about?"""
    if timeline is None or as_of is None:
        return not_judged(SUSPENSION, AGREEMENT if timeline is None else "log.fresh")
    place = ("evidence/entries", "evidence/status/suspension")
    held = timeline.suspended_at(as_of)
    if held is None:
        return passed(SUSPENSION, "not_suspended", looked_at=place)
    why = Coded(held.reason)
    detail = f"reason {held.reason}, recorded {format_instant(held.recorded_at)}"
    return failed(SUSPENSION, "suspended", date=held.effective_at, why=why, detail=detail, looked_at=place)


def judge_successor(timeline: Timeline | None, successor: Successor | None, owner: UUID) -> Check:
    """Step 14: is the credential that a bundle names in this one's place the recorded one?"""
    place = "bundle/successor"
    if successor is None:
        return skipped(SUCCESSOR, "no_successor", looked_at=place)
    if timeline is None:
        return not_judged(SUCCESSOR, HISTORY)
    form = successor.credential.encode("ascii")
    opened = commitment(owner, SUCCESSOR_KIND, form, successor.salt)
    known = {event.successor for event in timeline.changes if isinstance(event, Replaced)}
    if opened not in known:
        return failed(SUCCESSOR, "successor_wrong", detail=opened, looked_at=place)
    return passed(SUCCESSOR, "successor_proved", successor=successor.credential, looked_at=place)


def _prove_chunk(proved: ProvedChunk, leaf: int, size: int, root: bytes) -> None:
    if proved.leaf != leaf:
        raise ProofError(f"chunk {proved.leaf} where {leaf} is due")
    verify_inclusion(leaf=leaf_hash(proved.chunk), index=leaf, size=size, proof=proved.proof, root=root)
