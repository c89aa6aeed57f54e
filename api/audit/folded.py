"""Aggregates of which an audit keeps the whole state: offers and decisions, of which there are few beside the awards.

For each kind there is one function that asks the aggregate's own command what it would have decided with the facts of a
logged event; whatever differs from the event is illegal. To have a further kind of aggregate replayed, write that
function and add a line to :data:`KINDS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias
from uuid import UUID

import msgspec

from api.audit.quality import replay_quality
from api.audit.recognition import replay_agreement, replay_recognition
from api.audit.rule import Illegal, by_the_rules, same_event
from ledger import agreement, quality, recognition
from ledger.achievement import Achievement
from ledger.aggregate import Aggregate
from ledger.event import DomainEvent, Event
from ledger.institution import Institution

Decide: TypeAlias = Callable[[Any, UUID, Any, "Around"], DomainEvent]
"""(state before or None, aggregate id, event's body, what else the log has) -> what the command decides."""


class Around(msgspec.Struct, frozen=True):
    """What else the log has at this point, by the bytes of their ids."""

    institutions: Mapping[bytes, Institution]
    achievements: Mapping[bytes, Achievement]
    folded: Mapping[bytes, Aggregate]


class Kind(msgspec.Struct, frozen=True):
    """A kind of aggregate, its events, how one of them is decided again, and which it begins with (empty: any)."""

    aggregate: type[Aggregate]
    events: tuple[type[Event], ...]
    decide: Decide
    first: tuple[type[Event], ...] = ()


KINDS: Final = (
    Kind(quality.Quality, quality.EVENTS, replay_quality),
    Kind(recognition.Recognition, recognition.EVENTS, replay_recognition, (recognition.Recognition.Decided,)),
    Kind(agreement.Agreement, agreement.EVENTS, replay_agreement, (agreement.Agreement.Proposed,)),
)
"""Every kind that is replayed here."""
_BY_TOPIC: Final = {event.TOPIC: kind for kind in KINDS for event in kind.events}
_BY_NAME: Final = {kind.aggregate.__name__: kind.aggregate for kind in KINDS}


class Folded:
    """The present state of every such aggregate. Not safe for concurrent use."""

    def __init__(self) -> None:
        self.states: dict[bytes, Aggregate] = {}

    @staticmethod
    def knows(topic: str) -> bool:
        """Whether events of *topic* are replayed here."""
        return topic in _BY_TOPIC

    def replay(
        self,
        originator: UUID,
        version: int,
        body: Event,
        institutions: Mapping[bytes, Institution],
        achievements: Mapping[bytes, Achievement],
    ) -> None:
        """Take an event in, even when it is not legal.

        Raises:
            Illegal: The aggregate would not have decided it.
        """
        kind, before = _BY_TOPIC[body.TOPIC], self.states.get(originator.bytes)
        if before is not None and not isinstance(before, kind.aggregate):
            message = "its id is that of something else"
            raise Illegal(message)
        if before is None and kind.first and not isinstance(body, kind.first):
            message = "what it would change never began"
            raise Illegal(message)
        after = kind.aggregate.begin(originator, body) if before is None else before.evolve(body)
        self.states[originator.bytes] = msgspec.structs.replace(after, version=version)
        due = 1 if before is None else before.version + 1
        if version != due:
            message = f"version {version} where {due} was due"
            raise Illegal(message)
        with by_the_rules():
            decided = kind.decide(before, originator, body, Around(institutions, achievements, self.states))
        same_event(decided, DomainEvent(originator, version, body))

    def parts(self) -> list[tuple[str, bytes]]:
        """Return everything, as name of the kind and MessagePack."""
        return [(type(one).__name__, msgspec.msgpack.encode(one)) for one in self.states.values()]

    @classmethod
    def from_parts(cls, parts: list[tuple[str, bytes]]) -> Folded:
        """Make what :meth:`parts` returned."""
        folded = cls()
        folded.states = {one.id.bytes: one for one in _decoded(parts)}
        return folded


def _decoded(parts: list[tuple[str, bytes]]) -> Iterator[Aggregate]:
    for name, raw in parts:
        yield msgspec.msgpack.decode(raw, type=_BY_NAME[name])
