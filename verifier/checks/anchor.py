"""Group `log`, its anchors: who outside says that the record existed by a certain time?

An anchor covers an earlier checkpoint of the same log. Three proofs tie it to the credential: the
log's signature on that checkpoint, the credential's first entry in it, and the consistency of it
with the checkpoint of the file. Then the third party's token is checked, if the policy names that
party; one that it does not name is reported and counts for nothing.

Source: RFC 3161; RFC 9162 section 2.1.4; docs/spec/evidence.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from anchoring.checkpoint import Checkpoint, parse_checkpoint
from anchoring.cosignature import CosignatureVerifier
from anchoring.cosigned_anchor import full_name
from anchoring.cosigner_key import CosignerKey
from anchoring.error import AnchoringError, MalformedError, SignatureError
from anchoring.note import Note, NoteSignature, parse_note, parse_signature_line
from anchoring.rfc3161 import verify_rfc3161
from anchoring.subtree_cosignature import SubtreeVerifier
from anchoring.tree import leaf_hash, verify_consistency, verify_inclusion
from verifier.checks.log import ENTRIES, KNOWN, TrustedCheckpoint, trust_note
from verifier.checks.time import cosigned_at
from verifier.error import FormatError
from verifier.evidence import Anchor, Evidence
from verifier.policy import Authority, Policy
from verifier.report import Check, failed, not_judged, passed, skipped, unknown
from verifier.wire import format_instant, parse_instant

ANCHORS: Final = "log.anchors"
_PLACE: Final = "evidence/anchors"


@dataclass(frozen=True, slots=True)
class ProvedAnchor:
    """A trusted third party's word that the credential's first entry existed by `time`."""

    name: str
    kind: str
    time: datetime
    size: int


@dataclass(frozen=True, slots=True)
class Anchors:
    """What the anchors of a file prove.

    Attributes:
        proved: Anchors by parties of the policy.
        unanchored: Entries after the newest checkpoint that a party of the policy anchored; None
            if there is none.
    """

    proved: tuple[ProvedAnchor, ...] = ()
    unanchored: int | None = None


class MisnamedError(Exception):
    """A good token of a trusted party, under another name than the policy gives it."""


def judge_anchors(
    evidence: Evidence,
    trusted: TrustedCheckpoint | None,
    policy: Policy,
    operator: CosignatureVerifier | None,
    *,
    entries_proved: bool,
) -> tuple[Check, Anchors]:
    """Step 5: which independent time stamps cover the record, and are they good?"""
    if trusted is None or not entries_proved:
        return not_judged(ANCHORS, KNOWN if trusted is None else ENTRIES), Anchors()
    try:
        sizes = [_prove_place(anchor, evidence, trusted, policy) for anchor in evidence.anchors]
        _require_newest(evidence.anchored_size, sizes)
        _require_good_lines(evidence.anchors, policy, operator)
        words = [_counted_time(anchor, policy, operator) for anchor in evidence.anchors]
    except (AnchoringError, FormatError) as error:
        return failed(ANCHORS, "anchor_wrong", detail=str(error), looked_at=_PLACE), Anchors()
    except MisnamedError as error:
        return unknown(ANCHORS, "anchor_misnamed", detail=str(error), looked_at=_PLACE), Anchors()
    proved = tuple(
        ProvedAnchor(anchor.name, anchor.kind, time, size)
        for anchor, size, time in zip(evidence.anchors, sizes, words, strict=True)
        if time is not None
    )
    return _summarise(proved, sizes, trusted)


def _summarise(proved: tuple[ProvedAnchor, ...], sizes: list[int], trusted: TrustedCheckpoint) -> tuple[Check, Anchors]:
    if not sizes:
        return skipped(ANCHORS, "not_anchored", looked_at=_PLACE), Anchors()
    tail = trusted.checkpoint.size - max(sizes)
    detail = f"{len(sizes)} anchors, {len(proved)} by parties of the policy; {tail} entries after"
    if not proved:
        found = skipped(ANCHORS, "anchors_unchecked", detail=detail, looked_at=_PLACE)
        return found, Anchors()
    first = min(proved, key=lambda anchor: anchor.time)
    detail += f"; earliest by {first.name} at {format_instant(first.time)}"
    check = passed(ANCHORS, "anchored", time=first.time, detail=detail, looked_at=_PLACE)
    newest = max(anchor.size for anchor in proved)
    return check, Anchors(proved, trusted.checkpoint.size - newest)


def _prove_place(anchor: Anchor, evidence: Evidence, trusted: TrustedCheckpoint, policy: Policy) -> int:
    """Tie an anchored checkpoint to the log and the credential; return its size.

    Raises:
        AnchoringError: It is not of this log, lacks the credential, or is no prefix of it.
    """
    first, old, new = evidence.entries[0], _anchored_checkpoint(anchor, trusted, policy), trusted.checkpoint
    if anchor.index != first.index:
        raise MalformedError("an anchor that is not about the credential's first entry")
    verify_inclusion(
        leaf=leaf_hash(first.entry),
        index=anchor.index,
        size=old.size,
        proof=anchor.proof,
        root=old.root,
    )
    verify_consistency(
        old_size=old.size,
        old_root=old.root,
        new_size=new.size,
        new_root=new.root,
        proof=anchor.consistency,
    )
    return old.size


def _anchored_checkpoint(anchor: Anchor, trusted: TrustedCheckpoint, policy: Policy) -> Checkpoint:
    """Read the checkpoint that was anchored, which the log has signed.

    Anchored notes carry the log's Ed25519 signature alone. Who trusts the log by its ML-DSA-44 key takes
    them without it: that they are a state of this log is what the consistency proof shows.

    Raises:
        AnchoringError: It is not a checkpoint of this log.
    """
    anchored = trust_note(anchor.checkpoint.encode(), policy)
    if anchored is not None:
        found = anchored.checkpoint
    elif isinstance(trusted.log, SubtreeVerifier):
        found = parse_checkpoint(parse_note(anchor.checkpoint.encode()).text)
    else:
        raise SignatureError("an anchored checkpoint that is not signed by this log")
    if found.origin != trusted.checkpoint.origin:
        raise SignatureError("an anchored checkpoint of another log")
    return found


def _require_newest(anchored_size: int | None, sizes: list[int]) -> None:
    if anchored_size != max(sizes, default=None):
        raise MalformedError(f"anchored_size {anchored_size} is not that of the newest anchor")


def _require_good_lines(anchors: Sequence[Anchor], policy: Policy, operator: CosignatureVerifier | None) -> None:
    """Check known cosigners' lines on the anchored notes; nothing follows from good ones.

    Raises:
        SignatureError: One was altered.
    """
    keys: list[CosignerKey] = [key for _, key in policy.witnesses] + ([] if operator is None else [operator])
    for anchor in anchors:
        note = parse_note(anchor.checkpoint.encode())
        for key in keys:
            cosigned_at(note, key)


def _counted_time(anchor: Anchor, policy: Policy, operator: CosignatureVerifier | None) -> datetime | None:
    """Return the time of an anchor; None as well if a key signed its checkpoint that was retired by then."""
    time = token_time(anchor, policy, operator)
    signed = trust_note(anchor.checkpoint.encode(), policy)
    retired = None if signed is None else policy.retired_at(signed.log.vkey)
    return None if time is not None and retired is not None and time >= retired else time


def token_time(anchor: Anchor, policy: Policy, operator: CosignatureVerifier | None) -> datetime | None:
    """Return the time a trusted party vouches for; None if the policy does not name the party.

    Raises:
        AnchoringError: A token that claims to be by a trusted party is not.
        FormatError: The anchor's own time is not a UTC instant.
        MisnamedError: A trusted party's token under another name.
    """
    told = parse_instant(anchor.time)
    time = _stamped_at(anchor, policy) if anchor.kind == "rfc3161" else _cosigned_at(anchor, policy, operator)
    if time is not None and time != told:
        raise MalformedError(f"an anchor of {anchor.time} whose token says {format_instant(time)}")
    return time


def _stamped_at(anchor: Anchor, policy: Policy) -> datetime | None:
    message = anchor.checkpoint.encode()
    wrong: AnchoringError | None = None
    misnamed: str | None = None
    for authority in policy.authorities:
        try:
            time = _verify_token(anchor.token, message, authority)
        except AnchoringError as error:
            wrong = error if authority.name == anchor.name else wrong
        else:
            if authority.name == anchor.name:
                return time
            misnamed = f"{anchor.name} is {authority.name} in the policy"
    if misnamed is not None:
        raise MisnamedError(misnamed)
    if wrong is not None:
        raise wrong
    return None


def _verify_token(token: bytes, message: bytes, authority: Authority) -> datetime:
    return verify_rfc3161(
        token,
        message,
        authority.certificate,
        intermediates=authority.chain[:-1],
        roots=authority.chain[-1:],
    )


def _cosigned_at(anchor: Anchor, policy: Policy, operator: CosignatureVerifier | None) -> datetime | None:
    line = _read_line(anchor.token)
    note = Note(parse_note(anchor.checkpoint.encode()).text, (line,))
    origin = parse_checkpoint(note.text).origin
    # Neither the log's own key nor its operator's is an outside word.
    own = None if operator is None else operator.vkey
    witnesses = [(name, key) for name, key in policy.witnesses if key.name != origin and key.vkey != own]
    for name, key in witnesses:
        time = cosigned_at(note, key)
        if time is not None and anchor.name not in {name, key.name, full_name(key)}:
            raise MisnamedError(f"{anchor.name} is {name} in the policy")
        if time is not None:
            retired = policy.retired_at(key.vkey)
            return None if retired is not None and time >= retired else time
    # A line that carries the anchor's name itself is by another key of that name, of which the policy says nothing.
    carried = {line.name, f"{line.name}+{line.key_id.hex()}"}
    if anchor.name in {name for name, _ in witnesses} - carried:
        raise SignatureError(f"a cosignature that is not by {anchor.name}")
    return None


def _read_line(token: bytes) -> NoteSignature:
    try:
        text = token.decode()
    except UnicodeDecodeError as error:
        raise MalformedError("a cosignature token that is not UTF-8") from error
    if not text.endswith("\n"):
        raise MalformedError("a cosignature token that is not one line")
    return parse_signature_line(text[:-1])
