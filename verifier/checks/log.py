"""Group `log`: is the file about a log that is trusted, and is every part of it in that log?

Whose signature is on the checkpoint is settled before anything else is looked at; what a file
says under keys of its own proves nothing. Inner hashes cannot pass for entries, because leaves
and nodes are hashed apart and each proof has to have the very length its index and size ask for.

Source: RFC 9162 section 2.1.3; C2SP tlog-checkpoint; docs/spec/evidence.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from anchoring.checkpoint import Checkpoint, parse_checkpoint
from anchoring.cosigner_key import CosignerKey
from anchoring.entry import Entry, parse_entry
from anchoring.error import AnchoringError, MalformedError, SignatureError
from anchoring.note import Note, NoteVerifier, parse_note
from anchoring.state import StateCommitment, parse_state_commitment
from anchoring.tlog_policy import LogKey
from anchoring.tree import leaf_hash, verify_inclusion
from verifier.evidence import Evidence, ProvedEntry
from verifier.policy import Policy
from verifier.report import Check, failed, not_judged, passed, unknown

KNOWN: Final = "log.known"
ENTRIES: Final = "log.entries"
STATE: Final = "log.state"
MAX_SIGNATURES: Final = 16
"""Signature lines of one note: every known key is tried on every line, so this bounds the work.
Source: C2SP signed-note asks verifiers to accept at least 16."""


@dataclass(frozen=True, slots=True)
class TrustedCheckpoint:
    """A checkpoint whose log signature is by a key of the policy."""

    note: Note
    checkpoint: Checkpoint
    log: LogKey


@dataclass(frozen=True, slots=True)
class ProvedLog:
    """What a trusted checkpoint was shown to contain."""

    trusted: TrustedCheckpoint
    history: tuple[Entry, ...]
    edition: Entry
    first_index: int
    state: StateCommitment


def trust_note(note: bytes, policy: Policy) -> TrustedCheckpoint | None:
    """Find a log key of the policy that signed a checkpoint note.

    Returns:
        The checkpoint, or None if no log key of the policy is on the note.

    Raises:
        SignatureError: A signature by a trusted log key is wrong, or stands under another name.
        MalformedError: Not a signed note of at most 16 lines, or not a checkpoint.
    """
    parsed = parse_note(note)
    if len(parsed.signatures) > MAX_SIGNATURES:
        raise MalformedError(f"a note of {len(parsed.signatures)} signatures")
    checkpoint = parse_checkpoint(parsed.text)
    # Every key of the policy is looked for, not only until one is found: a wrong line by any condemns the note.
    signed = [log for log in policy.logs if log.name == checkpoint.origin and signed_by(parsed, log)]
    in_use_first = sorted(signed, key=lambda log: policy.retired_at(log.vkey) is not None)
    return TrustedCheckpoint(parsed, checkpoint, in_use_first[0]) if signed else None


def signed_by(note: Note, log: LogKey) -> bool:
    """Tell whether a log key signed a note.

    Raises:
        SignatureError: A line of the key's name and id is wrong, or the key's own signature
            stands under another name or id: somebody altered the line.
    """
    mine = (log.name, log.key_id)
    lines = [line for line in note.signatures if (line.name, line.key_id) == mine]
    for line in lines:
        log.verify_signature(note.text, line.blob)
    for line in note.signatures:
        if (line.name, line.key_id) != mine and is_altered_line(log, note.text, line.blob):
            raise SignatureError(f"a signature by {log.name} under another name or id")
    return bool(lines)


def judge_checkpoint(evidence: Evidence, policy: Policy) -> tuple[Check, TrustedCheckpoint | None]:
    """Step 1: is the checkpoint signed by a log key of the policy, and the file of that log?"""
    place = ("evidence/checkpoint", "evidence/log")
    try:
        trusted = trust_note(evidence.checkpoint.encode(), policy)
    except SignatureError as error:
        return failed(KNOWN, "log_signature_wrong", detail=str(error), looked_at=place), None
    except MalformedError as error:
        return failed(KNOWN, "checkpoint_malformed", detail=str(error), looked_at=place), None
    if trusted is None:
        detail = f"the file names {evidence.log.origin}; the policy has {len(policy.logs)} log keys"
        return unknown(KNOWN, "unknown_log", detail=detail, looked_at=place), None
    if evidence.log.origin != trusted.log.name or not _is_signed_as_named(evidence, trusted):
        return failed(KNOWN, "log_misnamed", detail=evidence.log.origin, looked_at=place), None
    case = "log_pinned" if trusted.log.vkey in policy.pinned else "log_known"
    checkpoint = trusted.checkpoint
    detail = f"size {checkpoint.size}, root {checkpoint.root.hex()}"
    return passed(KNOWN, case, log=checkpoint.origin, detail=detail, looked_at=place), trusted


def judge_entries(evidence: Evidence, trusted: TrustedCheckpoint | None) -> tuple[Check, tuple[Entry, ...] | None]:
    """Step 2: is every entry of the file in the log, and in order?"""
    if trusted is None:
        return not_judged(ENTRIES, KNOWN), None
    try:
        for proved in evidence.entries:
            prove_entry(proved, trusted.checkpoint)
        entries = tuple(parse_entry(proved.entry) for proved in evidence.entries)
    except AnchoringError as error:
        return failed(ENTRIES, "entry_not_in_log", detail=str(error), looked_at="evidence/entries"), None
    detail = f"{len(entries)} entries at {[proved.index for proved in evidence.entries]}"
    return passed(ENTRIES, "entries_in_log", detail=detail, looked_at="evidence/entries"), entries


def judge_state(evidence: Evidence, trusted: TrustedCheckpoint | None) -> tuple[Check, StateCommitment | None]:
    """Step 3: is the state commitment the very last entry, so that no later one exists?"""
    if trusted is None:
        return not_judged(STATE, KNOWN), None
    place, size = "evidence/state", trusted.checkpoint.size
    try:
        prove_entry(evidence.state, trusted.checkpoint)
        state = parse_state_commitment(parse_entry(evidence.state.entry))
    except AnchoringError as error:
        return failed(STATE, "state_wrong", detail=str(error), looked_at=place), None
    if evidence.state.index != size - 1 or state.covered_size != evidence.state.index:
        detail = f"at {evidence.state.index} of {size}, covers {state.covered_size}"
        return failed(STATE, "state_wrong", detail=detail, looked_at=place), None
    detail = f"entry {size - 1} of {size}"
    return passed(STATE, "state_is_last", detail=detail, looked_at=place), state


def prove_entry(proved: ProvedEntry, checkpoint: Checkpoint) -> None:
    """Check that an entry stands at its index under a checkpoint.

    Raises:
        ProofError: It does not.
    """
    verify_inclusion(
        leaf=leaf_hash(proved.entry),
        index=proved.index,
        size=checkpoint.size,
        proof=proved.proof,
        root=checkpoint.root,
    )


def indexes_rise(entries: Sequence[ProvedEntry]) -> bool:
    """Tell whether the indexes of a credential's events rise strictly."""
    indexes = [entry.index for entry in entries]
    return all(one < two for one, two in pairwise(indexes))


def _is_signed_as_named(evidence: Evidence, trusted: TrustedCheckpoint) -> bool:
    """Tell whether the key that the file names signed the checkpoint.

    A log may sign with two keys: Ed25519 and ML-DSA-44, or the old one and the new when it changes them.
    Files name its Ed25519 key in use. Who trusts the log by another need not believe that one, but a file
    that names one that is not on its own checkpoint contradicts itself.
    """
    if evidence.log.vkey == trusted.log.vkey:
        return True
    try:
        return signed_by(trusted.note, NoteVerifier(evidence.log.vkey))
    except AnchoringError:
        return False


def is_altered_line(key: LogKey | CosignerKey, text: str, blob: bytes) -> bool:
    """Tell whether a line of another name or id than the key's is a signature by it: somebody altered the line.

    One base64 character holds the end of the key id and the start of what follows. In a cosignature that is the first
    byte of its time, 0 for some billion years: a time that begins otherwise is tried with 0 as well.
    """
    blobs = {blob} if isinstance(key, NoteVerifier) else {blob, b"\0" + blob[1:]}
    for one in blobs:
        try:
            key.verify_signature(text, one)
        except SignatureError:
            continue
        return True
    return False
