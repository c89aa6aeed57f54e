"""What a stored answer means at an instant: pure judgement over facts, with time as an argument.

Two times are kept apart. ``at`` asks what held on a day (effective dates); ``known_at`` asks what the ledger knew by
then (dates of recording). First every event recorded after ``known_at`` is put aside; then the state at ``at`` follows
from the first row that fits:

    | state         | when                                                              | since               |
    |---------------|-------------------------------------------------------------------|---------------------|
    | unknown       | the issuance was recorded after known_at                          | none                |
    | revoked       | a revocation took effect at or before at                          | its effective date  |
    | replaced      | a replacement took effect at or before at                         | its effective date  |
    | not_yet_valid | at < valid_from                                                   | none                |
    | expired       | at > valid_until                                                  | valid_until         |
    | suspended     | the newest of suspensions and reinstatements in effect suspends   | its effective date  |
    | active        | otherwise                                                         | last reinstatement, |
    |               |                                                                   | or valid_from       |

- An end is for good: it outranks expiry, and of two the one that took effect first holds. Before its effective date it
  does not count, however early it was recorded: revoked in May as of March, the award was active in February and is
  revoked in March, although a question in April was answered "active". That answer is what ``known_at`` brings back.
- ``valid_until`` is the last instant of validity, as W3C verifiers read it.
- Between events of one effective date the one that came later in the log wins.
- ``at`` may lie before the instant of recording: an award entered on Monday with ``valid_from`` the Friday before was
  active on Saturday.
- Without ``at`` the question is how things stand. It is asked of ``now``, or of the newest recording that counts if
  another machine's clock put that a moment ahead: a revocation is never passed over because a clock is slow.
- A question about the future is refused.

A part of an unpacked diploma has two histories: its own, and the one that it shares with the other parts, which says
what became of the diploma. An end or a suspension in either holds; a reinstatement ends one in its own history.

The issuer is judged on the record that is given and by the newest signature that counts: who asks with ``known_at``
gives the record as the ledger knew it then, so that a key's compromise, or another date for it, that was declared later
does not count either.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from ledger.event import Instant
from ledger.reason import Reason
from projections.credential_status import CredentialFacts, Signing, StatusEvent
from projections.directory_record import DirectoryRecord, KeyRecord
from projections.error import FutureInstantError

State = Literal["unknown", "not_yet_valid", "active", "suspended", "revoked", "replaced", "expired"]
KeyStanding = Literal["unknown", "not_yet_in_force", "in_force", "retired", "revoked", "compromised"]


class IssuerStanding(msgspec.Struct, frozen=True):
    """How the issuer stood: its key when the newest signature was recorded, its accreditation when the award was.

    Attributes:
        key_id: The key of the newest signature.
        key: Standing of that key. ``compromised`` means that the signature was recorded at or after the date from which
            the key was in other hands; whether it stands all the same is for the anchors to say.
        key_since: The date that the standing follows from; None when it is unknown.
        accreditations: Ids of the accreditations in force then, in order of introduction.
    """

    key_id: str
    key: KeyStanding
    key_since: Instant | None
    accreditations: tuple[str, ...]


class StatusAnswer(msgspec.Struct, frozen=True):
    """How a credential stands.

    Attributes:
        state: See the module's table.
        reason: Code of the event that the state follows from, if it has one.
        since: From when the state holds; None for ``unknown`` and ``not_yet_valid``.
        at: The instant that the answer is about.
        known_at: What was known by then counts; None when everything counts.
        issuer: How the issuer stood, if its record was given and the credential is known.
    """

    state: State
    reason: Reason | None
    since: Instant | None
    at: Instant
    known_at: Instant | None
    issuer: IssuerStanding | None = None


def judge(
    facts: CredentialFacts,
    *,
    now: datetime,
    at: datetime | None = None,
    known_at: datetime | None = None,
    institution: DirectoryRecord | None = None,
) -> StatusAnswer:
    """Say how a credential stands.

    Args:
        facts: The stored answer.
        now: Present instant, aware.
        at: Instant that is asked about; None for how things stand.
        known_at: Events recorded later do not count; None to count all.
        institution: The issuer's record, to judge it as well.

    Raises:
        FutureInstantError: *at* or *known_at* lies after *now*.

    Not checked: signatures, proofs, freshness, and that the record is the issuer's.
    """
    _refuse_future(now, at=at, known_at=known_at)
    known = _known(facts.events, known_at)
    shared = _known(() if facts.part is None else facts.part.shared, known_at)
    instant = at or max([now, *(event.recorded_at for event in (*known, *shared))])
    if not any(event.kind == "issued" for event in known):
        return StatusAnswer("unknown", None, None, instant, known_at)
    histories = [[event for event in events if event.effective_at <= instant] for events in (known, shared)]
    state, reason, since = _state(facts, histories, instant)
    issuer = None if institution is None else judge_issuer(facts, institution, known_at)
    return StatusAnswer(state, reason, since, instant, known_at, issuer)


def judge_issuer(
    facts: CredentialFacts, institution: DirectoryRecord, known_at: datetime | None = None
) -> IssuerStanding:
    """Say how the issuer stood when the newest signature known by *known_at*, and the award, were recorded."""
    newest = known_signings(facts, known_at)[-1]
    key = institution.key(newest.key_id)
    accreditations = institution.accredited_at(facts.recorded_at)
    if key is None:
        return IssuerStanding(newest.key_id, "unknown", None, accreditations)
    return IssuerStanding(newest.key_id, *_key_standing(key, newest.recorded_at), accreditations)


def known_signings(facts: CredentialFacts, known_at: datetime | None) -> tuple[Signing, ...]:
    """Signatures that the ledger knew by *known_at* (None: all), oldest first; the issuance's is always among them."""
    first, *later = facts.signings
    return (first, *(one for one in later if known_at is None or one.recorded_at <= known_at))


def _refuse_future(now: datetime, **instants: datetime | None) -> None:
    for name, instant in instants.items():
        if instant is not None and instant > now:
            raise FutureInstantError(name)


def _known(events: Sequence[StatusEvent], known_at: datetime | None) -> list[StatusEvent]:
    return [event for event in events if known_at is None or event.recorded_at <= known_at]


def _state(
    facts: CredentialFacts, histories: Sequence[Sequence[StatusEvent]], at: datetime
) -> tuple[State, Reason | None, datetime | None]:
    """Walk down the module's table; the events of *histories* took effect at or before *at*."""
    ends = [event for events in histories for event in events if event.kind in {"revoked", "replaced"}]
    if ends:
        end = min(ends, key=_order)
        return ("revoked" if end.kind == "revoked" else "replaced"), end.reason, end.effective_at
    if at < facts.valid_from:
        return "not_yet_valid", None, None
    if facts.valid_until is not None and at > facts.valid_until:
        return "expired", None, facts.valid_until
    switches = [[event for event in events if event.kind in {"suspended", "reinstated"}] for events in histories]
    newest = [max(events, key=_order) for events in switches if events]
    held = [event for event in newest if event.kind == "suspended"]
    if held:
        first = min(held, key=_order)
        return "suspended", first.reason, first.effective_at
    if not newest:
        return "active", None, facts.valid_from
    last = max(newest, key=_order)
    return "active", last.reason, last.effective_at


def _order(event: StatusEvent) -> tuple[datetime, int]:
    return event.effective_at, event.position


def _key_standing(key: KeyRecord, at: datetime) -> tuple[KeyStanding, datetime]:
    """Standing at *at*, the gravest first. A key still signs at the very instant of its retirement."""
    if key.compromised_at is not None and key.compromised_at <= at:
        return "compromised", key.compromised_at
    if key.revoked_at is not None and key.revoked_at <= at:
        return "revoked", key.revoked_at
    if key.retired_at is not None and key.retired_at < at:
        return "retired", key.retired_at
    return ("in_force" if key.valid_from <= at else "not_yet_in_force"), key.valid_from
