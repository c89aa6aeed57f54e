"""Group `issuer`, the signature: which of the logged signatures is judged, and does it stand?

An award has one signature when it is issued, and a further one each time its issuer signs it anew because a key was
stolen. A document is judged by the signature whose commitment it opens, so that one which outside witnesses saw before
the theft stands, and another is told to be superseded. A record without a document stands if one of its signatures
does: the newest that does is judged.

Source: docs/spec/evidence.md, "Signed anew".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from rfc8785 import CanonicalizationError

from verifier.checks import genuine, issuer
from verifier.commitment import DOCUMENT_KIND
from verifier.directory import Key, Record
from verifier.report import Check, State
from verifier.strict_json import Json
from verifier.timeline import Signing, Timeline


@dataclass(frozen=True, slots=True)
class JudgedSigning:
    """The signature that a report is about, its key, and the checks `issuer.key` and `issuer.compromise`."""

    signing: Signing | None
    key: Key | None
    checks: tuple[Check, Check]

    @property
    def stands(self) -> bool:
        """Whether both checks passed."""
        return all(check.state is State.PASSED for check in self.checks)


def judge_signing(
    candidates: Sequence[Signing],
    record: Record | None,
    outside: Callable[[Signing], Sequence[datetime] | None],
) -> JudgedSigning:
    """Steps 10b and 10c over the first candidate that stands; over the first one if none does.

    Args:
        candidates: In order of preference; empty if no history was proved.
        record: The issuer's proved record.
        outside: When trusted third parties saw a signature's entry in the log; None if not judged.
    """
    newest = max((one.recorded_at for one in candidates), default=None)
    judged = [_judge(one, record, outside, newest) for one in candidates] or [_judge(None, record, outside, None)]
    return next((one for one in judged if one.stands), judged[0])


def judge_chosen(
    signing: Signing,
    timeline: Timeline,
    record: Record | None,
    outside: Callable[[Signing], Sequence[datetime] | None],
) -> JudgedSigning:
    """Steps 10b and 10c over one signature alone; a later one is named if this one does not stand."""
    return _judge(signing, record, outside, timeline.signings[-1].recorded_at)


def choose_signing(timeline: Timeline, members: dict[str, Json], salt: bytes | None, owner: UUID) -> Signing:
    """Find the signature that a document is judged by.

    Returns:
        The one whose commitment the document opens. If there is none (or no salt), the newest by the key that the
        document names, so that what is said of its signature is to the point; else the newest.
    """
    signings = timeline.signings[::-1]
    if salt is not None:
        try:
            opened = genuine.open_commitment(members, salt, owner)
        except CanonicalizationError:
            opened = ""
        found = next((one for one in signings if one.commitments.get(DOCUMENT_KIND) == opened), None)
        if found is not None:
            return found
    proof = members.get("proof")
    method = str(proof.get("verificationMethod", "")) if isinstance(proof, dict) else ""
    return next((one for one in signings if method.endswith(f"#{one.key_id}")), signings[0])


def _judge(
    signing: Signing | None,
    record: Record | None,
    outside: Callable[[Signing], Sequence[datetime] | None],
    newest: datetime | None,
) -> JudgedSigning:
    key_check, key = issuer.judge_key(record, signing)
    anew = newest if signing is not None and newest is not None and newest > signing.recorded_at else None
    seen = None if signing is None else outside(signing)
    return JudgedSigning(signing, key, (key_check, issuer.judge_compromise(key, seen, anew)))
