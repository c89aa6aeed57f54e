"""The ledger's rules, applied again: what an aggregate would have decided is compared with what the log says it did.

Rules are not written down a second time here. The aggregate is folded from the log, its own command is asked to
decide with the facts of the logged event, and the outcome must be that event. An event for which there is no such
question (a later version of the ledger may bring some) is counted as not replayed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final
from uuid import UUID

import msgspec

from api.audit.instant import instant
from ledger.achievement import Achievement, EditionEvent, details_of
from ledger.application import achievement_id, institution_id, pathway_id, programme_id
from ledger.credential import Credential, CredentialState, Review
from ledger.error import LedgerError
from ledger.event import DomainEvent, Event
from ledger.institution import Institution
from ledger.log_key import LOG_KEYS_ID, LogKeys
from ledger.pathway import Pathway
from ledger.programme import Programme
from ledger.reason import Reason

NOBODY: Final = UUID(int=0)


class Illegal(Exception):  # noqa: N818  it is the name of what was found, not of a failure
    """No rule of the ledger lets this event follow."""


class NotReplayed(Exception):  # noqa: N818  as above
    """This version of the auditor has no rule for the event."""


@contextmanager
def by_the_rules() -> Iterator[None]:
    """Say of what the ledger refuses in here that it is Illegal."""
    try:
        yield
    except LedgerError as error:
        raise Illegal(str(error)) from error


def begin_institution(originator: UUID, body: Institution.Registered) -> Institution:
    """Replay a registration; Illegal when no such institution could be registered."""
    with by_the_rules():
        decided = Institution.register(
            id=institution_id(body.slug),
            slug=body.slug,
            name=body.name,
            country=body.country,
            kind=body.kind,
            did=body.did,
            key_multibase=body.key_multibase,
            at=body.recorded_at,
        )
    same_event(decided, DomainEvent(originator, 1, body))
    return Institution.begin(originator, body)


def change_institution(before: Institution, body: Event) -> None:
    """Replay a change of an institution; Illegal when it would not have been decided."""
    at = body.recorded_at
    with by_the_rules():
        match body:
            case Institution.AccreditationGranted() | Institution.AccreditationGrantedWithin():
                limits = body.limits if isinstance(body, Institution.AccreditationGrantedWithin) else None
                decided = before.grant_accreditation(
                    by=body.by,
                    scope=body.scope,
                    valid_from=body.valid_from,
                    valid_until=body.valid_until,
                    at=at,
                    limits=limits,
                )
            case Institution.AccreditationWithdrawn():
                decided = before.withdraw_accreditation(
                    accreditation_id=body.accreditation_id, reason=body.reason, effective_at=body.effective_at, at=at
                )
            case Institution.KeyRotated():
                decided = before.rotate_key(key_multibase=body.key_multibase, at=at)
            case Institution.KeyRevoked():
                decided = before.revoke_key(
                    key_id=body.key_id, reason=body.reason, effective_at=body.effective_at, at=at
                )
            case Institution.FormsChosen():
                decided = before.choose_forms(forms=body.forms, at=at)
            case Institution.KeyCompromised():
                decided = before.declare_compromised(key_id=body.key_id, compromised_at=body.compromised_at, at=at)
            case _:
                raise NotReplayed(body.TOPIC)
    same_event(decided[0], DomainEvent(before.id, before.version + 1, body))


def begin_achievement(originator: UUID, body: EditionEvent) -> Achievement:
    """Replay a publication; Illegal when it would not have been decided."""
    with by_the_rules():
        decided = Achievement.publish(
            id=achievement_id(body.institution, body.code),
            institution=body.institution,
            code=body.code,
            template=body.template,
            details=details_of(body),
            at=body.recorded_at,
        )
    same_event(decided, DomainEvent(originator, 1, body))
    return Achievement.begin(originator, body)


def change_achievement(before: Achievement, body: Event) -> None:
    """Replay a further edition; Illegal when it would not have been decided."""
    if not isinstance(body, EditionEvent):
        raise NotReplayed(body.TOPIC)
    with by_the_rules():
        [decided] = before.revise(template=body.template, details=details_of(body), at=body.recorded_at)
    same_event(decided, DomainEvent(before.id, before.version + 1, body))


def begin_pathway(originator: UUID, body: Pathway.Published) -> Pathway:
    """Replay the publication of a pathway; Illegal when it would not have been decided."""
    with by_the_rules():
        decided = Pathway.publish(
            id=pathway_id(body.institution, body.code),
            institution=body.institution,
            code=body.code,
            achievement=body.achievement,
            edition=body.edition,
            rules=body.rules,
            at=body.recorded_at,
        )
    same_event(decided, DomainEvent(originator, 1, body))
    return Pathway.begin(originator, body)


def change_pathway(before: Pathway, body: Event) -> None:
    """Replay a further version of a pathway, or its end; Illegal when it would not have been decided."""
    with by_the_rules():
        match body:
            case Pathway.Revised():
                decided = before.revise(
                    achievement=body.achievement,
                    edition=body.edition,
                    rules=body.rules,
                    changes=body.changes,
                    at=body.recorded_at,
                )
            case Pathway.Retired():
                decided = before.retire(at=body.recorded_at)
            case _:
                raise NotReplayed(body.TOPIC)
    same_event(decided[0], DomainEvent(before.id, before.version + 1, body))


def begin_programme(originator: UUID, body: Programme.Published) -> None:
    """Replay a publication; Illegal when it would not have been decided."""
    with by_the_rules():
        decided = Programme.publish(
            id=programme_id(body.institution, body.code),
            institution=body.institution,
            code=body.code,
            curriculum=body.curriculum,
            at=body.recorded_at,
        )
    same_event(decided, DomainEvent(originator, 1, body))


def change_programme(before: Programme, body: Programme.Revised) -> None:
    """Replay a further edition; Illegal when it would not have been decided."""
    with by_the_rules():
        [decided] = before.revise(curriculum=body.curriculum, at=body.recorded_at)
    same_event(decided, DomainEvent(before.id, before.version + 1, body))


def award_state(  # noqa: PLR0913  what the rules look at, and no struct has it all
    originator: UUID,
    version: int,
    state: CredentialState,
    since: int,
    valid_from: int,
    key_id: str,
    forms: Mapping[str, str],
    *,
    review: Review | None = None,
    paused_for: Reason | None = None,
) -> Credential:
    """Make an award again from the little that its rules look at; what they do not look at is blank.

    Args:
        originator: Its aggregate id.
        version: How many events it has had.
        state: Its state.
        since: Since when, in milliseconds.
        valid_from: From when it holds, in milliseconds.
        key_id: The key that signed it last; it is looked at only when it is signed anew.
        forms: Its forms and the key that signed each; they are looked at only when one is added.
        review: The review that is open.
        paused_for: Why it is suspended.
    """
    return Credential(
        id=originator,
        version=version,
        institution=NOBODY,
        achievement=NOBODY,
        edition=0,
        key_id=key_id,
        valid_from=instant(valid_from),
        valid_until=None,
        status_block=0,
        status_index=0,
        state=state,
        since=instant(since),
        forms=dict(forms),
        review=review,
        paused_for=paused_for,
    )


def change_award(before: Credential, body: Event) -> None:
    """Replay a change of an award's status; Illegal when it would not have been decided."""
    at = body.recorded_at
    with by_the_rules():
        match body:
            case Credential.Suspended():
                decided = before.suspend(reason=body.reason, effective_at=body.effective_at, note=body.note, at=at)
            case Credential.Reinstated():
                decided = before.reinstate(effective_at=body.effective_at, at=at)
            case Credential.Revoked():
                decided = before.revoke(reason=body.reason, effective_at=body.effective_at, note=body.note, at=at)
            case Credential.Replaced():
                decided = before.replace(reason=body.reason, successor=body.successor, at=at)
            case Credential.Reissued():
                decided = before.reissue(key_id=body.key_id, commitments=body.commitments, at=at)
            case Credential.FormAdded():
                decided = before.add_forms(key_id=body.key_id, commitments=body.commitments, at=at)
            case Credential.Stacked():
                decided = before.stack(
                    pathway=body.pathway,
                    pathway_version=body.pathway_version,
                    rules=body.rules,
                    derivation=body.derivation,
                    at=at,
                )
            case Credential.ReviewOpened() | Credential.Appealed() | Credential.AppealDecided():
                decided = _reviewed(before, body)
            case Credential.ReviewClosed():
                decided = before.close_review(outcome=body.outcome, at=at)
            case _:
                raise NotReplayed(body.TOPIC)
    same_event(decided[0], DomainEvent(before.id, before.version + 1, body))


def _reviewed(
    before: Credential, body: Credential.ReviewOpened | Credential.Appealed | Credential.AppealDecided
) -> list[DomainEvent]:
    at = body.recorded_at
    match body:
        case Credential.ReviewOpened():
            return before.open_review(reason=body.reason, due_at=body.due_at, appeal_until=body.appeal_until, at=at)
        case Credential.Appealed():
            return before.appeal(statement=body.statement, at=at)
        case Credential.AppealDecided():
            return before.decide_appeal(outcome=body.outcome, note=body.note, at=at)


def change_log_keys(originator: UUID, version: int, before: LogKeys | None, body: Event) -> LogKeys:
    """Replay a change of the log's own keys and return what they are after it; Illegal when it would not be decided.

    Args:
        originator: The aggregate that the log names.
        version: The event's version.
        before: The keys before; None when this is the first change.
        body: The event.
    """
    if before is None and isinstance(body, LogKeys.Introduced):
        before = LogKeys.first(body.previous)
    if before is None:
        message = "the log's first keys are in use, and no others were brought into use before"
        raise Illegal(message)
    with by_the_rules():
        match body:
            case LogKeys.Introduced():
                [decided] = before.introduce(vkeys=body.vkeys, at=body.recorded_at)
            case LogKeys.Retired():
                [decided] = before.retire(at=body.recorded_at)
            case LogKeys.Compromised():
                [decided] = before.declare_compromised(
                    number=body.generation, compromised_at=body.compromised_at, at=body.recorded_at
                )
            case _:
                raise NotReplayed(body.TOPIC)
    same_event(DomainEvent(LOG_KEYS_ID, before.version + 1, decided), DomainEvent(originator, version, body))
    return msgspec.structs.replace(before.evolve(body), version=version)


def same_event(decided: DomainEvent, logged: DomainEvent) -> None:
    """Hold what a command decides against what the log says it did; Illegal when they differ."""
    if decided.originator_id != logged.originator_id:
        message = "its id is not the one that follows from its name"
        raise Illegal(message)
    if decided != logged:
        members = [
            name
            for name in logged.body.__struct_fields__
            if getattr(decided.body, name, None) != getattr(logged.body, name)
        ]
        message = f"the ledger would have recorded something else as {', '.join(members) or 'its version'}"
        raise Illegal(message)
