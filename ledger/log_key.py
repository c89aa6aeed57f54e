"""Aggregate ``LogKeys``: with which keys the ledger's public log is signed, one generation after another.

There is one such aggregate. Its first generation is there from the beginning and needs no event; what becomes of it is
told by the events of its successors. Keys are named by the verifier keys that the log publishes, by role: ``log`` signs
checkpoints, ``operator`` cosigns them with the time, others as the log has them.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID

import msgspec

from ledger.aggregate import Aggregate
from ledger.error import NotFoundError, RuleError
from ledger.event import Event, Instant, check_instant

LOG_KEYS_ID = UUID("b193c9fc-01b6-5b9e-a4ae-415bd9bc2683")
"""Version 5 of the name ``log-keys`` in the ledger's namespace."""
FIRST_GENERATION = 1


class KeyGeneration(msgspec.Struct, frozen=True, kw_only=True):
    """One generation of the log's keys and what became of it."""

    number: int
    vkeys: dict[str, str]
    introduced_at: Instant | None
    retired_at: Instant | None = None
    compromised_at: Instant | None = None

    @property
    def ended_at(self) -> datetime | None:
        """From when its keys count no more by themselves: the earlier of retirement and theft; None while in use."""
        return min((at for at in (self.retired_at, self.compromised_at) if at is not None), default=None)


class LogKeys(Aggregate, frozen=True, kw_only=True):
    """Every generation of the log's keys, oldest first."""

    generations: tuple[KeyGeneration, ...]

    class Introduced(Event, frozen=True, kw_only=True):
        """New keys came into use. The ones before sign beside them until they are retired."""

        TOPIC: ClassVar[str] = "log_key.introduced.v1"
        generation: int
        vkeys: dict[str, str]
        previous: dict[str, str]
        recorded_at: Instant

    class Retired(Event, frozen=True, kw_only=True):
        """Keys are out of use; their private halves were destroyed in the transaction that recorded this."""

        TOPIC: ClassVar[str] = "log_key.retired.v1"
        generation: int
        vkeys: dict[str, str]
        recorded_at: Instant

    class Compromised(Event, frozen=True, kw_only=True):
        """Keys were in other hands from ``compromised_at`` on. Declared again, the last date holds."""

        TOPIC: ClassVar[str] = "log_key.compromised.v1"
        generation: int
        vkeys: dict[str, str]
        compromised_at: Instant
        recorded_at: Instant

    @classmethod
    def first(cls, vkeys: dict[str, str]) -> LogKeys:
        """State before any event: one generation, in use."""
        first = KeyGeneration(number=FIRST_GENERATION, vkeys=vkeys, introduced_at=None)
        return cls(id=LOG_KEYS_ID, version=0, generations=(first,))

    @property
    def newest(self) -> KeyGeneration:
        """The generation that signs."""
        return self.generations[-1]

    @property
    def retiring(self) -> KeyGeneration | None:
        """The generation that still signs beside the newest, or None."""
        before = self.generations[-2:-1]
        return before[0] if before and before[0].retired_at is None else None

    def introduce(self, *, vkeys: dict[str, str], at: datetime) -> list[Event]:
        """Bring new keys into use.

        Raises:
            RuleError: The change before is not finished.
        """
        self.require_settled()
        number = self.newest.number + 1
        return [self.Introduced(generation=number, vkeys=vkeys, previous=self.newest.vkeys, recorded_at=at)]

    def require_settled(self) -> None:
        """Check that one generation alone is in use.

        Raises:
            RuleError: An older one still signs.
        """
        if self.retiring is not None:
            message = f"generation {self.retiring.number} of the log's keys still signs; retire it first"
            raise RuleError(message)

    def retire(self, *, at: datetime) -> list[Event]:
        """Take the older keys out of use.

        Raises:
            RuleError: No older keys are in use.
        """
        old = self.retiring
        if old is None:
            message = "one generation of the log's keys is in use; bring the next into use first"
            raise RuleError(message)
        return [self.Retired(generation=old.number, vkeys=old.vkeys, recorded_at=at)]

    def declare_compromised(self, *, number: int, compromised_at: datetime, at: datetime) -> list[Event]:
        """Declare since when keys were in other hands; again to move the date.

        Raises:
            NotFoundError: No such generation.
            RuleError: It is the one in use, which has to be replaced first, or the date lies in the future.
        """
        check_instant(compromised_at, "/compromised_at")
        found = next((one for one in self.generations if one.number == number), None)
        if found is None:
            message = f"the log has had {len(self.generations)} generations of keys, and no generation {number}"
            raise NotFoundError(message)
        if compromised_at > at:
            message = "the date lies in the future; enter it when it has come"
            raise RuleError(message)
        if found.retired_at is None:
            message = f"generation {number} of the log's keys still signs; bring the next into use and retire it"
            raise RuleError(message)
        return [self.Compromised(generation=number, vkeys=found.vkeys, compromised_at=compromised_at, recorded_at=at)]

    def after(self, bodies: list[Event]) -> LogKeys:
        """State after further events that were decided and are not recorded yet."""
        state = self
        for body in bodies:
            state = state.evolve(body)
        return state

    @classmethod
    def begin(cls, originator_id: UUID, body: Event) -> LogKeys:
        """State after the first event, which names the keys before it as well."""
        assert isinstance(body, cls.Introduced)  # noqa: S101  no other event can be the first
        first = cls.first(body.previous)
        return msgspec.structs.replace(first.evolve(body), id=originator_id, version=1)

    def evolve(self, body: Event) -> LogKeys:
        """State after one more event."""
        match body:
            case LogKeys.Introduced():
                fresh = KeyGeneration(number=body.generation, vkeys=body.vkeys, introduced_at=body.recorded_at)
                return msgspec.structs.replace(self, generations=(*self.generations, fresh))
            case LogKeys.Retired():
                return self._with(body.generation, retired_at=body.recorded_at)
            case LogKeys.Compromised():
                return self._with(body.generation, compromised_at=body.compromised_at)
            case _:
                return self

    def _with(self, number: int, **changes: datetime) -> LogKeys:
        changed = tuple(
            msgspec.structs.replace(one, **changes) if one.number == number else one for one in self.generations
        )
        return msgspec.structs.replace(self, generations=changed)


EVENTS: tuple[type[Event], ...] = (LogKeys.Introduced, LogKeys.Retired, LogKeys.Compromised)
"""Every event of this aggregate."""
