"""Group `log`, its clock: who says when this was the log's latest state, and is that recent enough?

Only cosignatures make an answer fresh: each says that at its time the signer knew of no larger
tree. A time-stamp token says no such thing (anyone can have an old checkpoint stamped today), so
tokens bound the age of a record from above and never make an answer newer.

Order of trust: the witnesses that the policy names; failing those, and only if the policy has no
quorum, the operator's own cosigner, whose key the trusted log commits to. Then the report says
that it is the operator's word.

Source: C2SP tlog-cosignature; docs/spec/report.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from anchoring.cosignature import CosignatureVerifier
from anchoring.cosigner_key import CosignerKey
from anchoring.error import SignatureError
from anchoring.note import Note
from anchoring.state import StateCommitment
from anchoring.subtree_cosignature import SubtreeVerifier
from anchoring.tlog_policy import NO_QUORUM
from verifier.checks.log import KNOWN, STATE, TrustedCheckpoint, is_altered_line
from verifier.policy import Policy
from verifier.report import Check, Mode, failed, not_judged, passed, skipped, unknown
from verifier.wire import format_instant

COSIGNATURES: Final = "log.cosignatures"
FRESH: Final = "log.fresh"
CLOCK_SKEW: Final = timedelta(seconds=60)
"""How far ahead of `now` a cosignature may be: two clocks, each a little off."""
_PLACE: Final = "evidence/checkpoint"


@dataclass(frozen=True, slots=True)
class Cosigned:
    """Verified cosignatures of the checkpoint.

    Attributes:
        witnesses: Newest time for each witness, by its name in the policy.
        operator: Newest time of the operator's own cosigner, or None.
    """

    witnesses: dict[str, datetime]
    operator: datetime | None


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked: the instant judged, and how old the evidence may be.

    Attributes:
        now: The present, aware.
        at: The instant asked about, or None.
        max_age: Oldest evidence that still speaks of now; None for an archived file.
    """

    now: datetime
    at: datetime | None
    max_age: timedelta | None

    @property
    def mode(self) -> Mode:
        """How the instant is chosen."""
        if self.at is not None:
            return Mode.AT
        return Mode.ARCHIVE if self.max_age is None else Mode.LIVE

    @property
    def needed(self) -> datetime | None:
        """Earliest instant that the evidence has to reach; None if its own will do."""
        return self.at if self.max_age is None else self.now - self.max_age

    def as_of(self, instant: datetime | None, learned: datetime | None) -> datetime | None:
        """The instant to judge, given the evidence's own; None if there is no telling.

        Cosignatures count whole seconds and clocks differ a little: evidence that shows a revocation is
        never judged as of the instant just before it, unless that instant was asked about.

        Args:
            instant: The evidence's own instant.
            learned: When the log learned the last it shows of the credential; None if it shows nothing.
        """
        if self.at is not None:
            return self.at
        spoken = instant if self.max_age is None else self.now
        if spoken is None:
            return None
        reached = min(spoken, self.now)
        return reached if learned is None else max(reached, learned)


def judge_cosignatures(
    trusted: TrustedCheckpoint | None, state: StateCommitment | None, policy: Policy
) -> tuple[Check, Cosigned | None]:
    """Step 4: are the cosignatures by known keys good, and do they meet the policy's quorum?"""
    if trusted is None or state is None:
        return not_judged(COSIGNATURES, KNOWN if trusted is None else STATE), None
    try:
        times = {
            name: _before(cosigned_at(trusted.note, key), policy.retired_at(key.vkey))
            for name, key in independent_witnesses(trusted, policy)
        }
        operator = _operator_at(trusted, state)
        for vkey in (state.cosigner, trusted.log.vkey):
            operator = _before(operator, policy.retired_at(vkey))
    except SignatureError as error:
        return failed(COSIGNATURES, "cosignature_wrong", detail=str(error), looked_at=_PLACE), None
    witnesses = {name: time for name, time in times.items() if time is not None}
    found = Cosigned(witnesses, operator)
    detail = ", ".join(f"{name} at {format_instant(time)}" for name, time in witnesses.items())
    if not policy.satisfied_by(frozenset(witnesses)):
        detail = f"quorum {policy.quorum}; found: {detail or 'none'}"
        return unknown(COSIGNATURES, "quorum_not_met", detail=detail, looked_at=_PLACE), found
    if not witnesses:
        return skipped(COSIGNATURES, "no_witness", looked_at=_PLACE), found
    count = len(witnesses)
    return passed(COSIGNATURES, "cosigned", count=count, detail=detail, looked_at=_PLACE), found


def independent_witnesses(trusted: TrustedCheckpoint, policy: Policy) -> list[tuple[str, CosignerKey]]:
    """Return the policy's witnesses, without any key of the log's own: its name is the origin."""
    return [(name, key) for name, key in policy.witnesses if key.name != trusted.checkpoint.origin]


def _before(time: datetime | None, retired: datetime | None) -> datetime | None:
    """Pass over a word that was given when its key, or the log's, was retired."""
    return None if time is not None and retired is not None and time >= retired else time


def _operator_at(trusted: TrustedCheckpoint, state: StateCommitment) -> datetime | None:
    """Return when the operator said last that this was its newest state.

    A log that is trusted by its ML-DSA-44 key says so with that key, in the signature itself; a time
    of 1970 says nothing.

    Raises:
        SignatureError: A line of the operator's is wrong.
    """
    cosigned = cosigned_at(trusted.note, CosignatureVerifier(state.cosigner))
    if not isinstance(trusted.log, SubtreeVerifier):
        return cosigned
    signed = trusted.log.verify(trusted.note)
    return signed if signed.timestamp() > 0 else None


def cosigned_at(note: Note, key: CosignerKey) -> datetime | None:
    """Return the newest time a key cosigned a note at; None if it did not.

    Raises:
        SignatureError: A line of the key is wrong, or the key's own cosignature stands under
            another name or id: somebody altered the line.
    """
    mine = (key.name, key.key_id)
    for line in note.signatures:
        if (line.name, line.key_id) != mine and is_altered_line(key, note.text, line.blob):
            raise SignatureError(f"a cosignature by {key.name} under another name or id")
    if not any((line.name, line.key_id) == mine for line in note.signatures):
        return None
    return key.verify(note)


def judge_freshness(cosigned: Cosigned | None, policy: Policy, asked: Asked) -> tuple[Check, datetime | None]:
    """Step 6: when was this the latest state, and does that reach the instant asked about?

    Returns:
        The check, and the evidence's own instant (None if nobody trusted names one).
    """
    if cosigned is None:
        return not_judged(FRESH, COSIGNATURES), None
    witnessed = _witnessed_at(cosigned, policy)
    operator = cosigned.operator if policy.quorum == NO_QUORUM else None
    candidates = [(witnessed, "fresh_witnessed"), (operator, "fresh_operator")]
    times = [(time, case) for time, case in candidates if time is not None]
    if not times:
        return unknown(FRESH, "no_time", looked_at=_PLACE), None
    needed = asked.needed
    reaching = [pair for pair in times if needed is None or pair[0] >= needed]
    instant, case = (reaching or [max(times)])[0]
    if instant > asked.now + CLOCK_SKEW:
        return unknown(FRESH, "time_ahead", detail=format_instant(instant), looked_at=_PLACE), None
    if reaching:
        return passed(FRESH, case, instant=instant, detail=_age(instant, asked), looked_at=_PLACE), instant
    case = "ends_before" if asked.max_age is None else "stale"
    age = asked.now - instant
    return unknown(FRESH, case, instant=instant, age=age, detail=_age(instant, asked), looked_at=_PLACE), instant


def _witnessed_at(cosigned: Cosigned, policy: Policy) -> datetime | None:
    """Newest instant for which the quorum's witnesses vouch (any witness, if there is none)."""
    newest_first: Sequence[tuple[str, datetime]] = sorted(
        cosigned.witnesses.items(), key=lambda pair: pair[1], reverse=True
    )
    names: frozenset[str] = frozenset()
    for name, time in newest_first:
        names |= {name}
        if policy.satisfied_by(names):
            return time
    return None


def _age(instant: datetime, asked: Asked) -> str:
    limit = "none" if asked.max_age is None else f"{asked.max_age.total_seconds():.0f} s"
    age = (asked.now - instant).total_seconds()
    return f"cosigned {format_instant(instant)}, {age:.0f} s before now; age limit {limit}"
