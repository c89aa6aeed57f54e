"""Projection ``credential_status``: one key, one stored answer for every credential.

Key: the 16 bytes of the aggregate id. Value: :class:`CredentialFacts` as JSON. The answer holds facts only; what time
alone changes is judged when it is asked for, in :mod:`projections.status_answer`. What is asked most is there a second
time, in a short row (:mod:`projections.short_row`), and one row tells which of these say nothing any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final, Literal, TypeAlias
from uuid import UUID

import msgspec

from ledger.credential import BIRTHS, NO_BEGINNING, Credential, CredentialNature, Review, review_after
from ledger.credential import EVENTS as CREDENTIAL_EVENTS
from ledger.event import Event, EventMapper, Instant
from ledger.reason import Reason
from ledger.unpacking import EVENTS as UNPACKING_EVENTS
from ledger.unpacking import Unpacking
from projections.fold import read_body, refuse
from projections.short_row import NONE, TOUCHED, short_key, short_row, with_touched
from projections.source import Notification
from projections.table import Table

StatusKind = Literal[
    "issued",
    "suspended",
    "reinstated",
    "revoked",
    "replaced",
    "reissued",
    "form_added",
    "stacked",
    "review_opened",
    "appealed",
    "appeal_decided",
    "review_closed",
]


class StatusEvent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One thing that happened to a credential.

    Attributes:
        kind: What happened.
        reason: Its code, None where there is none.
        effective_at: From when it held; of an issuance, when the credential begins to be valid; of what has no other
            date, when it was recorded.
        recorded_at: When the ledger learned it.
        position: The event's position in the source.
    """

    kind: StatusKind
    reason: Reason | None
    effective_at: Instant
    recorded_at: Instant
    position: int


class Signing(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One time that the document was signed.

    Attributes:
        key_id: With which of the institution's keys.
        commitments: Each form of the document with its commitment.
        recorded_at: When the ledger recorded it.
        position: The event's position in the source.
    """

    key_id: str
    commitments: dict[str, str]
    recorded_at: Instant
    position: int


class PartFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """What the facts of an opened part have beside those of an award.

    Attributes:
        unpacking: Aggregate id of the unpacking.
        status_index: Where the status is that it shares with the other parts, in the same block as its own.
        parted: Position of the event that began its own history in the log; None when it has none.
        shared: What became of all parts together, oldest first.
    """

    unpacking: UUID
    status_index: int
    parted: int | None
    shared: tuple[StatusEvent, ...]


class StackedBy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """By which rules an award was stacked.

    Attributes:
        pathway: Whose rules.
        version: Which version, from 1.
        rules: SHA-256 of the rule text, lower-case hexadecimal.
        derivation: Commitment to which award met which rule.
    """

    pathway: UUID
    version: int
    rules: str
    derivation: str


class CredentialFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Everything that the public events say of one credential, events oldest first.

    ``key_id``, ``commitments`` and ``recorded_at`` are those of the issuance; ``reissues`` are the later signatures,
    ``added`` those of further forms alone; ``stacked`` says by which rules it was stacked, if it was, and ``review`` is
    the one that is open. A document of the institution's own making has neither achievement nor edition.

    ``nature`` is said where it is ``part`` or ``unpacking``: of a part of an unpacked diploma the log has its place and
    what became of it, and nothing else. ``programme`` is what an unpacking went by. ``part`` is never stored: it is
    there where a part was opened.
    """

    institution: UUID
    achievement: UUID | None
    edition: int | None
    key_id: str
    commitments: dict[str, str]
    status_block: int
    status_index: int
    valid_from: Instant
    valid_until: Instant | None
    recorded_at: Instant
    events: tuple[StatusEvent, ...]
    reissues: tuple[Signing, ...] = ()
    added: tuple[Signing, ...] = ()
    nature: CredentialNature = "award"
    programme: UUID | None = None
    programme_edition: int | None = None
    part: PartFacts | None = None
    stacked: StackedBy | None = None
    review: Review | None = None

    @property
    def newest(self) -> int:
        """Position of the newest event, of all parts together too."""
        shared = () if self.part is None else self.part.shared
        return max(event.position for event in (*self.events[-1:], *shared[-1:]))

    @property
    def signings(self) -> tuple[Signing, ...]:
        """Every time that the document was signed, oldest first."""
        return (Signing(self.key_id, self.commitments, self.recorded_at, self.events[0].position), *self.reissues)


_Reviewing: TypeAlias = (
    Credential.ReviewOpened | Credential.ReviewClosed | Credential.Appealed | Credential.AppealDecided
)
_PLACED: TypeAlias = Credential.Parted | Unpacking.Made
_EVENTS: Final = b',"events":['
_EVENTS_END: Final = b"]}"
_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(CredentialFacts)


def parse_facts(stored: bytes) -> CredentialFacts:
    """Read a stored answer.

    Raises:
        msgspec.MsgspecError: The bytes are not one.
    """
    return _DECODER.decode(stored)


def short_of(facts: CredentialFacts, row: bytes) -> bytes:
    """The short row of an award, whose row is *row*; empty when anything has happened to it, or it is none."""
    first, is_award = facts.events[0], facts.nature == "award" and facts.achievement is not None
    has_changed = len(facts.events) > 1 or facts.reissues or facts.added or facts.stacked or facts.review
    if not is_award or has_changed or first.kind != "issued":
        return NONE
    return short_row(row, facts.valid_from, facts.valid_until, facts.recorded_at, first.position)


class CredentialStatus:
    """Folds the events of credentials into one stored answer each.

    Args:
        mapper: Decodes event bodies.
    """

    NAME: ClassVar[str] = "credential_status"
    VERSION: ClassVar[int] = 9
    TOPICS: ClassVar[frozenset[str]] = frozenset(event.TOPIC for event in (*CREDENTIAL_EVENTS, *UNPACKING_EVENTS))

    def __init__(self, mapper: EventMapper) -> None:
        self._mapper = mapper

    def apply(self, batch: Sequence[Notification], table: Table) -> None:
        """Apply events, oldest first.

        Raises:
            CorruptionError: A credential is issued twice, or changed before it was issued.
        """
        touched = [
            event.originator for event in batch if event.topic in self.TOPICS and not self._apply_one(event, table)
        ]
        if touched:
            table.put(TOUCHED, with_touched(table.get(TOUCHED), touched))

    def _apply_one(self, event: Notification, table: Table) -> bool:
        """Apply an event; return whether it is the first of a credential."""
        key = event.originator
        body = read_body(self._mapper, event)
        stored = table.get(key)
        if isinstance(body, BIRTHS):
            if stored is not None:
                raise refuse(event, "this credential was issued before")
            if isinstance(body, Credential.Issued):
                row = _issued(body, event)
                table.put(key, row)
                told = body.valid_from, body.valid_until, body.recorded_at
                table.put(short_key(key), short_row(row, *told, event.position))
                return True
            facts = _placed(body, event.position) if isinstance(body, _PLACED) else _attested(body, event.position)
        else:
            if stored is None:
                raise refuse(event, "this credential was never issued")
            facts = _followed(_DECODER.decode(stored), body, event)
        row = _ENCODER.encode(facts)
        table.put(key, row)
        if facts.achievement is not None:
            table.put(short_key(key), short_of(facts, row))
        return stored is None


def _issued(body: Credential.Issued, event: Notification) -> bytes:
    """The row of an award that was just issued, and nothing else.

    Awards are most of what a rebuild reads. A row begins with the members of the event, in the same order, and there is
    one spelling of both (:meth:`ledger.event.EventMapper.decode` refuses any other), so they are taken as they stand.
    """
    happened = _ENCODER.encode(StatusEvent("issued", None, body.valid_from, body.recorded_at, event.position))
    return b"".join((event.state[:-1], _EVENTS, happened, _EVENTS_END))


def _attested(body: Credential.Attested, position: int) -> CredentialFacts:
    return CredentialFacts(
        body.institution,
        None,
        None,
        body.key_id,
        body.commitments,
        body.status_block,
        body.status_index,
        body.valid_from,
        body.valid_until,
        body.recorded_at,
        (StatusEvent("issued", None, body.valid_from, body.recorded_at, position),),
    )


def _placed(body: _PLACED, position: int) -> CredentialFacts:
    return CredentialFacts(
        body.institution,
        None,
        None,
        body.key_id if isinstance(body, Unpacking.Made) else "",
        {},
        body.status_block,
        body.status_index,
        NO_BEGINNING,
        None,
        body.recorded_at,
        (StatusEvent("issued", None, NO_BEGINNING, body.recorded_at, position),),
        nature="unpacking" if isinstance(body, Unpacking.Made) else "part",
        programme=body.programme if isinstance(body, Unpacking.Made) else None,
        programme_edition=body.edition if isinstance(body, Unpacking.Made) else None,
    )


def _followed(known: CredentialFacts, body: Event, event: Notification) -> CredentialFacts:
    events = (*known.events, _changed(body, event))
    if isinstance(body, Credential.Stacked):
        stacked = StackedBy(body.pathway, body.pathway_version, body.rules, body.derivation)
        return msgspec.structs.replace(known, events=events, stacked=stacked)
    if isinstance(body, _Reviewing):
        return msgspec.structs.replace(known, events=events, review=review_after(known.review, body))
    if not isinstance(body, Credential.Reissued | Credential.FormAdded):
        return msgspec.structs.replace(known, events=events)
    signing = Signing(body.key_id, body.commitments, body.recorded_at, event.position)
    if isinstance(body, Credential.FormAdded):
        return msgspec.structs.replace(known, events=events, added=(*known.added, signing))
    return msgspec.structs.replace(known, events=events, reissues=(*known.reissues, signing))


def _changed(body: Event, event: Notification) -> StatusEvent:
    kind = _KINDS.get(type(body))
    if kind is None:
        raise refuse(event, "no status follows from it")
    effective_at = getattr(body, "effective_at", body.recorded_at)
    return StatusEvent(kind, getattr(body, "reason", None), effective_at, body.recorded_at, event.position)


_KINDS: Final[dict[type[Event], StatusKind]] = {
    Credential.Suspended: "suspended",
    Credential.Reinstated: "reinstated",
    Credential.Revoked: "revoked",
    Credential.Replaced: "replaced",
    Credential.Reissued: "reissued",
    Credential.FormAdded: "form_added",
    Credential.Stacked: "stacked",
    Credential.ReviewOpened: "review_opened",
    Credential.Appealed: "appealed",
    Credential.AppealDecided: "appeal_decided",
    Credential.ReviewClosed: "review_closed",
}
"""What each further event is called in answers."""
