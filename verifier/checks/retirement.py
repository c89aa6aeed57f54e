"""Group `log`, a retired key: what it signed counts only if somebody outside saw it before.

Whoever stole a log's key can sign a history of their own, of any date. So a checkpoint by a key that the policy
retires is believed only on an outside word about this very checkpoint, from before the instant: a cosignature by a
witness of the policy, or a token by a time-stamping authority of the policy. A word about an earlier checkpoint is not
enough, since the thief may have gone on from there.

Source: docs/spec/policy.md, "Retired keys".
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from anchoring.entry import parse_entry
from anchoring.error import AnchoringError
from anchoring.note import parse_note
from anchoring.state import parse_state_commitment
from verifier.checks.anchor import MisnamedError, token_time
from verifier.checks.log import KNOWN, TrustedCheckpoint
from verifier.checks.time import cosigned_at, independent_witnesses
from verifier.error import FormatError
from verifier.evidence import Anchor, Evidence
from verifier.policy import Policy
from verifier.report import Check, passed, unknown
from verifier.wire import format_instant

_PLACE: Final = ("evidence/checkpoint", "evidence/anchors")


def judge_retirement(
    known: Check, trusted: TrustedCheckpoint | None, evidence: Evidence, policy: Policy
) -> tuple[Check, TrustedCheckpoint | None]:
    """Step 1, continued: if the log's key is retired, did somebody outside see the checkpoint before?

    Args:
        known: What step 1 found.
        trusted: The checkpoint that it trusts; None if it trusts none.
        evidence: The file.
        policy: Whose word to take.

    Returns:
        The check in place of *known*, and the checkpoint if it still counts.
    """
    retired = None if trusted is None else policy.retired_at(trusted.log.vkey)
    if trusted is None or retired is None:
        return known, trusted
    earliest = min(_outside(trusted, evidence, policy), default=None)
    seen = "never" if earliest is None else format_instant(earliest)
    detail = f"{trusted.log.vkey} retired {format_instant(retired)}; seen by a trusted party {seen}"
    if earliest is None or earliest >= retired:
        return unknown(KNOWN, "log_retired", date=retired, detail=detail, looked_at=_PLACE), None
    return passed(KNOWN, "log_known_then", date=retired, detail=detail, looked_at=_PLACE), trusted


def _outside(trusted: TrustedCheckpoint, evidence: Evidence, policy: Policy) -> Iterator[datetime]:
    """When trusted third parties saw this very checkpoint; words that are not good count for nothing here."""
    operator = _claimed_operator(evidence)
    for _, key in independent_witnesses(trusted, policy):
        if key.vkey != operator:
            try:
                time = cosigned_at(trusted.note, key)
            except AnchoringError:
                continue
            if time is not None:
                yield time
    for anchor in evidence.anchors:
        time = _anchored_at(anchor, trusted, policy)
        if time is not None:
            yield time


def _anchored_at(anchor: Anchor, trusted: TrustedCheckpoint, policy: Policy) -> datetime | None:
    try:
        if parse_note(anchor.checkpoint.encode()).text != trusted.note.text:
            return None
        return token_time(anchor, policy, None)
    except (AnchoringError, FormatError, MisnamedError):
        return None


def _claimed_operator(evidence: Evidence) -> str | None:
    """The operator's own key as the file has it: unproved, and used only to leave a witness out."""
    try:
        return parse_state_commitment(parse_entry(evidence.state.entry)).cosigner
    except AnchoringError:
        return None
