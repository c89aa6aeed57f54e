"""Events: what is stored, how it is encoded, and the strict mapper between the two.

An event is two things. Its *body* (:class:`Event`) holds the fact: fixed topic, primitive fields, no personal data. Its
*envelope* (:class:`DomainEvent`) says whose history it belongs to and at which version. Only the body is encoded: the
envelope's two fields are columns of the store and lines of the log's entry frame, so nothing is written twice.

The stored bytes are the JSON that ``msgspec`` writes of the body, members in field order. They are never re-serialised:
the log carries them verbatim. A stored field is never renamed, removed or re-typed; a changed fact is a new topic.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, get_args, get_type_hints
from uuid import UUID

import msgspec
from eventsourcing.persistence import JSONTranscoder, Mapper, StoredEvent

from ledger.error import CorruptionError, EventTooLargeError, InvalidInputError

MAX_ENTRY_BYTES = 65_535
"""Largest framed event. Source: C2SP tlog-tiles, entry bundles carry a big-endian uint16 length."""
FRAME_ALLOWANCE_BYTES = 160
"""Upper bound of the entry frame: tag, topic of at most 64 bytes, originator, version."""

Instant = Annotated[datetime, msgspec.Meta(tz=True)]
"""An aware instant in UTC, at most millisecond resolution."""
Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
"""32 bytes as lower-case hexadecimal (``\\Z``, because ``$`` would let a line feed through)."""


MAX_WRITTEN = 8_192
"""Events of which is remembered what their bytes say, some 10 MB. When there are more, all are forgotten."""


class Event(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, gc=False):
    """Body of an event: what happened, without whose history it is part of.

    Its fields are primitive and never lead back to it, so that the garbage collector need not look at it.
    """

    TOPIC: ClassVar[str]

    if TYPE_CHECKING:
        # Each event declares it as its own last member: an inherited one would be written first.
        recorded_at: Instant
        """When the ledger learned it."""


class DomainEvent(msgspec.Struct, frozen=True, gc=False):
    """An event in its place: aggregate, version (from 1, without gaps), body."""

    originator_id: UUID
    originator_version: int
    body: Event


def check_instant(instant: datetime, pointer: str) -> None:
    """Refuse an instant that an event cannot carry.

    Args:
        instant: To be checked.
        pointer: RFC 6901 JSON pointer of the member that it came from.

    Raises:
        InvalidInputError: It is naive, not in UTC, or finer than a millisecond.
    """
    if instant.utcoffset() != timedelta(0) or instant.microsecond % 1000:
        message = "an instant is in UTC and in whole milliseconds, such as 2026-11-23T09:30:00.250Z"
        raise InvalidInputError(message, pointer)


class EventMapper(Mapper[UUID]):
    """Maps :class:`DomainEvent` to the stored form and back, refusing whatever is not exactly a known event.

    The library's own mapper decodes without calling ``__init__`` and so accepts missing and unknown fields; here a
    missing field, an unknown one, or one of another type is a :class:`~ledger.error.CorruptionError`, and so are bytes
    that are not spelled as this mapper spells them (spaces, another order, a member twice, an instant not in UTC). What
    could not be read back is never written.

    Args:
        bodies: Every event class that may be stored. Two classes with one topic are refused.
    """

    def __init__(self, bodies: Iterable[type[Event]]) -> None:
        super().__init__(JSONTranscoder())
        self._decoders: dict[str, msgspec.json.Decoder[Any]] = {}
        self._instants: dict[str, tuple[str, ...]] = {}
        for body in bodies:
            if body.TOPIC in self._decoders:
                message = f"two event classes share the topic {body.TOPIC!r}"
                raise ValueError(message)
            self._decoders[body.TOPIC] = msgspec.json.Decoder(body)
            self._instants[body.TOPIC] = _instant_fields(body)
        self._encoder = msgspec.json.Encoder()
        # What is written is read at once by every projection and by the sequencer, and was read back already.
        self._written: dict[bytes, Event] = {}

    @property
    def topics(self) -> Sequence[str]:
        """Every topic that can be stored, sorted."""
        return sorted(self._decoders)

    def to_stored_event(self, domain_event: Any) -> StoredEvent:  # noqa: ANN401  the library's protocol is structural
        """Encode *domain_event* into the bytes that are stored and logged.

        Raises:
            EventTooLargeError: The framed event could not be a log entry.
            InvalidInputError: The bytes could not be read back as this event, so they must not be written.
        """
        event: DomainEvent = domain_event
        state = self._encode(event.body)
        if len(state) + FRAME_ALLOWANCE_BYTES > MAX_ENTRY_BYTES:
            message = (
                f"this would make an event of {len(state)} bytes, and the log takes at most "
                f"{MAX_ENTRY_BYTES - FRAME_ALLOWANCE_BYTES}; shorten the texts"
            )
            raise EventTooLargeError(message)
        return StoredEvent(
            originator_id=event.originator_id,
            originator_version=event.originator_version,
            topic=event.body.TOPIC,
            state=state,
        )

    def _encode(self, body: Event) -> bytes:
        try:
            state = self._encoder.encode(body)
            read = self._read_exactly(body.TOPIC, state)
        except (msgspec.MsgspecError, _UnreadableError, UnicodeEncodeError) as error:
            message = f"this cannot be recorded as {body.TOPIC}: {error}"
            raise InvalidInputError(message) from error
        if read != body:
            message = f"this cannot be recorded as {body.TOPIC}: it would read back as something else"
            raise InvalidInputError(message)
        if len(self._written) >= MAX_WRITTEN:
            self._written.clear()
        self._written[state] = read
        return state

    def to_domain_event(self, stored_event: StoredEvent) -> Any:  # noqa: ANN401  see to_stored_event
        """Decode a stored event.

        Raises:
            CorruptionError: Unknown topic, or bytes that are not exactly such an event.
        """
        body = self.decode(stored_event.topic, stored_event.state, stored_event)
        originator = stored_event.originator_id
        return DomainEvent(
            originator if isinstance(originator, UUID) else UUID(originator),
            stored_event.originator_version,
            body,
        )

    def decode(self, topic: str, state: bytes, place: int | str | StoredEvent) -> Event:
        """Decode the body of an event of *topic* from its stored bytes; *place*, or a position, names it in an error.

        Raises:
            CorruptionError: Unknown topic, or bytes that are not exactly such an event.
        """
        written = self._written.get(state)
        if written is not None and topic == written.TOPIC:
            return written
        try:
            return self._read_exactly(topic, state)
        except (msgspec.MsgspecError, UnicodeDecodeError, _UnreadableError) as error:
            if isinstance(place, StoredEvent):
                place = f"{place.originator_id} version {place.originator_version}"
            elif isinstance(place, int):
                place = f"at position {place}"
            message = f"event {place} ({topic}) cannot be read: {error}"
            raise CorruptionError(message) from error

    def _read_exactly(self, topic: str, state: bytes) -> Event:
        body = self._read(topic, state)
        if self._encoder.encode(body) != state:
            raise _UnreadableError(_SPELLING)
        return body

    def _read(self, topic: str, state: bytes) -> Event:
        decoder = self._decoders.get(topic)
        if decoder is None:
            message = "nothing by this topic is known"
            raise _UnreadableError(message)
        body: Event = decoder.decode(state)
        for name in self._instants[topic]:
            instant: datetime | None = getattr(body, name)
            if instant is not None and (instant.tzinfo is not UTC or instant.microsecond % 1000):
                raise _UnreadableError(_SPELLING)
        return body


_SPELLING = "it is not spelled as the ledger spells it"


class _UnreadableError(Exception):
    """Bytes are not exactly an event; becomes an error of the ledger where the place is known."""


def _instant_fields(body: type[Event]) -> tuple[str, ...]:
    hints = get_type_hints(body)
    return tuple(name for name, hint in hints.items() if hint is datetime or datetime in get_args(hint))
