"""The history of one credential: read from its log entries, folded to what held at an instant.

Two times are kept apart: `recorded_at`, when the log learned it, and `effective_at`, when it
held. What held at an instant is a fold over effective dates; what the status bits say is a fold
over the order of the log.

Source: docs/spec/events.md; docs/spec/evidence.md, "Status".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import compress
from uuid import UUID

from anchoring.entry import Entry
from verifier.error import InputError
from verifier.event import (
    Attested,
    Birth,
    Edition,
    FormAdded,
    Issued,
    ProgrammeEdition,
    Reinstated,
    Reissued,
    Replaced,
    ReviewClosed,
    ReviewOpened,
    Revoked,
    Stacked,
    StatusEvent,
    Suspended,
    Unpacked,
    parse_credential_event,
    parse_edition,
)


class HistoryError(Exception):
    """The entries are not one credential's whole, ordered history; nothing follows from them."""


class UnknownEventError(Exception):
    """The history holds an event that this version does not know."""


@dataclass(frozen=True, slots=True)
class Signing:
    """One time that the document was signed.

    Attributes:
        version: Version of the event that says so, from 1: the issuance.
        key_id: With which of the issuer's keys.
        commitments: Each form of the document with its commitment, lower-case hex.
        recorded_at: When the log learned it.
    """

    version: int
    key_id: str
    commitments: dict[str, str]
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a part of an unpacked diploma comes from.

    Attributes:
        unpacking: The unpacking's id in the log.
        made: Its event.
        changes: What became of all parts together.
        programme: The edition of the programme that it went by.
        programme_entry: The log entry of that.
        credits_centi: What the part is worth, as its leaf says.
    """

    unpacking: UUID
    made: Unpacked
    changes: tuple[StatusEvent, ...]
    programme: ProgrammeEdition
    programme_entry: Entry
    credits_centi: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """One credential's events in the order of the log, and the edition it was awarded for.

    A document of the institution's own making has no edition.
    """

    issued: Birth
    changes: tuple[StatusEvent, ...]
    edition: Edition | None
    edition_entry: Entry | None
    origin: Origin | None = None

    @property
    def shared(self) -> tuple[StatusEvent, ...]:
        """What became of all parts of a diploma together, if it is one of them."""
        return () if self.origin is None else self.origin.changes

    @property
    def learned_at(self) -> datetime:
        """When the log learned the last of it."""
        return max(event.recorded_at for event in (self.issued, *self.changes, *self.shared))

    def only(self, own: Iterable[bool], shared: Iterable[bool]) -> Timeline:
        """The history without the changes for which there is a false: its own, and those of all parts together."""
        changes = tuple(compress(self.changes, own))
        if self.origin is None:
            return replace(self, changes=changes)
        return replace(self, changes=changes, origin=replace(self.origin, changes=tuple(compress(self.shared, shared))))

    @property
    def signings(self) -> tuple[Signing, ...]:
        """Every time that the document was signed, the issuance first."""
        events = enumerate((self.issued, *self.changes), 1)
        return tuple(
            Signing(version, event.key_id, event.commitments, event.recorded_at)
            for version, event in events
            if isinstance(event, (Issued, Attested, Reissued))
        )

    def signings_of(self, kind: str) -> tuple[Signing, ...]:
        """Every time that the form of one kind of commitment was signed, the first one first."""
        events = enumerate((self.issued, *self.changes), 1)
        return tuple(
            Signing(version, event.key_id, event.commitments, event.recorded_at)
            for version, event in events
            if isinstance(event, (Issued, Attested, Reissued, FormAdded)) and kind in event.commitments
        )

    @property
    def bits(self) -> tuple[bool, ...]:
        """What its status bits have to be after all events: revoked, suspended, and of a part the shared ones."""
        histories = [self.changes] if self.origin is None else [self.changes, self.origin.changes]
        return tuple(bit for events in histories for bit in (bool(_ends(events)), _is_suspended(events)))

    @property
    def stacked(self) -> Stacked | None:
        """By which rules the credential was stacked, if it was."""
        return next((event for event in self.changes if isinstance(event, Stacked)), None)

    def review_at(self, instant: datetime) -> ReviewOpened | None:
        """The review of the award that was open at an instant, or None.

        Only awards that were stacked have one. Parts of a diploma are reviewed together, and stand until it is decided.
        """
        reviews = [
            event
            for event in self.changes
            if isinstance(event, (ReviewOpened, ReviewClosed)) and event.recorded_at <= instant
        ]
        return reviews[-1] if reviews and isinstance(reviews[-1], ReviewOpened) else None

    @property
    def ended(self) -> Revoked | Replaced | None:
        """The event that ended the credential with the earliest effective date, if any did."""
        ends = [*_ends(self.changes), *_ends(self.shared)]
        return min(ends, key=lambda event: event.effective_at, default=None)

    def suspended_at(self, instant: datetime) -> Suspended | None:
        """The suspension that held at an instant, or None.

        After the last effective date the order of the log decides, as it does for the bits. A part of a diploma is
        suspended when it is itself, or all parts are.
        """
        held = [_held(events, instant) for events in (self.changes, self.shared)]
        return min((one for one in held if one is not None), key=lambda event: event.effective_at, default=None)


def _ends(events: Sequence[StatusEvent]) -> list[Revoked | Replaced]:
    return [event for event in events if isinstance(event, (Revoked, Replaced))]


def _switches(events: Sequence[StatusEvent]) -> list[Suspended | Reinstated]:
    return [event for event in events if isinstance(event, (Suspended, Reinstated))]


def _is_suspended(events: Sequence[StatusEvent]) -> bool:
    switches = _switches(events)
    return bool(switches) and isinstance(switches[-1], Suspended)


def _held(events: Sequence[StatusEvent], instant: datetime) -> Suspended | None:
    switches = _switches(events)
    if any(event.effective_at > instant for event in switches):
        past = [event for event in switches if event.effective_at <= instant]
        switches = sorted(past, key=lambda event: event.effective_at)
    last = switches[-1] if switches else None
    return last if isinstance(last, Suspended) else None


def read_timeline(entries: Sequence[Entry]) -> Timeline:
    """Read a credential's events and, last, its achievement's edition, if it is an award.

    Raises:
        HistoryError: Not one credential's versions 1, 2, 3 ... followed by an edition, a first
            event that is not its issue, or a body that its topic does not allow.
        UnknownEventError: An event of a topic that this version does not know.

    Not checked: that later events were not left out. For that there are the status bits.
    """
    attested = bool(entries) and entries[0].topic == Attested.TOPIC
    history, last = (entries, None) if attested else (entries[:-1], entries[-1])
    owner = history[0].originator if history else None
    for version, entry in enumerate(history, 1):
        if entry.originator != owner or entry.version != version:
            raise HistoryError(f"version {entry.version} of {entry.originator} where {version} is due")
    try:
        events = [_read(entry) for entry in history]
        edition = None if last is None else parse_edition(last)
    except InputError as error:
        raise HistoryError(str(error)) from error
    changes = tuple(event for event in events[1:] if not isinstance(event, (Issued, Attested)))
    if not events or not isinstance(events[0], (Issued, Attested)) or len(changes) != len(events) - 1:
        raise HistoryError("a history that does not start with one issue")
    return Timeline(events[0], changes, edition, last)


def read_change(entry: Entry) -> StatusEvent:
    """Read an event of a history that is not its first.

    Raises:
        HistoryError: It is the first of some history, or a body that its topic does not allow.
        UnknownEventError: An event of a topic that this version does not know.
    """
    try:
        event = _read(entry)
    except InputError as error:
        raise HistoryError(str(error)) from error
    if isinstance(event, (Issued, Attested)):
        raise HistoryError(f"{entry.topic} begins a history")
    return event


def _read(entry: Entry) -> Birth | StatusEvent:
    event = parse_credential_event(entry)
    if event is None:
        raise UnknownEventError(entry.topic)
    return event
