"""The ledger's application: aggregates in, commits out, each request carried out once.

The commands themselves are in one module per concern (:mod:`ledger.registry`, :mod:`ledger.catalogue`,
:mod:`ledger.issuance`, :mod:`ledger.lifecycle`, :mod:`ledger.erasing`). Each decides on the present state of aggregates
and returns a :class:`Decision`; :meth:`Ledger.carry_out` commits it with the submission that asked for it, and tries
again when another command was faster.

Longer than other modules because deciding, committing and deciding again are one loop over one state.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeAlias, TypeVar, cast
from uuid import UUID, uuid5

import msgspec
from eventsourcing.application import AggregateNotFoundError, Application
from eventsourcing.persistence import Notification
from eventsourcing.utils import Environment

from ledger.achievement import Achievement
from ledger.aggregate import Aggregate
from ledger.agreement import Agreement
from ledger.credential import Credential
from ledger.credential_id import credential_aggregate_id
from ledger.error import ClockError, ConflictError, LedgerError, MovedError, NotFoundError, StorageError
from ledger.event import DomainEvent, EventMapper
from ledger.event_catalogue import make_mapper
from ledger.institution import Institution
from ledger.key_ring import RandomBytes
from ledger.log_key import LogKeys
from ledger.newest_change import NewestChanges
from ledger.pathway import Pathway
from ledger.programme import Programme
from ledger.quality import Quality
from ledger.recognition import Recognition
from ledger.steady_clock import TOLERANCE, SteadyClock
from ledger.store import Commit, LedgerFactory, LedgerRecorder, Write
from ledger.submission import Submission, submission_digest, submission_id
from ledger.vault import Vault
from ledger.writer import GroupWriter, PromptRecorder

Clock = Callable[[], datetime]
NAMESPACE = UUID("6f1c2a52-4d0e-5c1b-9a57-0c3c1d7f8e21")
"""Namespace of the name-based ids of institutions and achievements: one name, one aggregate, no index needed."""
MAX_ATTEMPTS = 5
CACHED_AGGREGATES = "2000"

_CONFIRMED = "confirmed"
A = TypeVar("A", bound=Aggregate)
_SHARED = frozenset({Institution, Achievement})
"""What many commands read, and what is read once for all that are decided on together."""
_KINDS = (
    Institution,
    Achievement,
    Quality,
    Pathway,
    Programme,
    Recognition,
    Agreement,
    Credential,
    Submission,
    LogKeys,
)


class Request(msgspec.Struct, frozen=True):
    """What makes a repeated request recognisable: who asked, under which key, and with which exact body."""

    scope: str
    key: str
    body: bytes


class Decision(msgspec.Struct, frozen=True):
    """What a command decided: events and rows to commit, and an answer (any JSON value without personal data).

    ``unchanged`` are aggregates on whose present state the decision rests, though it adds no event to them. ``made`` is
    what the command has at hand anyway and its caller may want, personal data included; it is kept nowhere.
    """

    events: Sequence[DomainEvent]
    writes: Sequence[Write]
    answer: Any
    unchanged: Sequence[Aggregate] = ()
    made: Any = None


class Outcome(msgspec.Struct, frozen=True):
    """What came of a request.

    Attributes:
        answer: What the command answers, now and to every repetition.
        position: The newest position that it wrote, 0 when repeated.
        repeated: Whether it was carried out before.
        made: See :class:`Decision`; None when repeated.
    """

    answer: Any
    position: int
    repeated: bool
    made: Any = None


class Task(msgspec.Struct, frozen=True):
    """A request that has not been carried out.

    Attributes:
        request: What makes a repetition recognisable; None when the command has no idempotency key.
        decide: Decides on the present state, given the instant; called again when another command was faster.
        subject: What it is about, for whoever carries out several together.
    """

    request: Request | None
    decide: Callable[[datetime], Decision]
    subject: Any = None


Foresee: TypeAlias = Callable[[Sequence[Task], datetime], None]
"""Looks up, or makes, at once what several tasks are going to ask for at an instant, and notes it in
:attr:`Ledger.noted`."""


_Decided: TypeAlias = Outcome | Exception | tuple[Decision, Commit, datetime]


class _Recorded(msgspec.Struct):
    """The one member of an event that its age is read from."""

    recorded_at: datetime


class Ledger(Application[UUID]):
    """Reads and writes the event store.

    Args:
        factory: Builds the recorder over the database.
        clock: Present instant, aware, in UTC.
        random: Source of randomness.
        on_commit: Told the newest position after each durable transaction.

    Attributes:
        rows: The database for those who keep rows beside the events.
    """

    name = "Ledger"

    def __init__(
        self, factory: LedgerFactory, *, clock: Clock, random: RandomBytes, on_commit: Callable[[int], None]
    ) -> None:
        self._ledger_factory = factory
        self.clock = clock
        self.random = random
        super().__init__({"AGGREGATE_CACHE_MAXSIZE": CACHED_AGGREGATES, "DEEPCOPY_FROM_AGGREGATE_CACHE": "n"})
        self._store = cast("LedgerRecorder", self.recorder)  # made by the factory
        self._writer = GroupWriter(self._store, on_commit)
        self.rows = PromptRecorder(self._store, self._writer)
        self._state = threading.local()
        self._changes = NewestChanges()
        self._projectors: dict[type[Aggregate], Callable[..., Any]] = {
            kind: self._changes.noting(kind) for kind in _KINDS
        }
        self._recording_clock = SteadyClock(self.now, self._newest_recorded_at)

    def construct_env(self, name: str, env: Mapping[str, str] | None = None) -> Environment:
        """Settings of the library: ours alone, never the process's environment."""
        return Environment(name, dict(env or {}))

    def construct_factory(self, env: Environment) -> LedgerFactory:  # type: ignore[override]  # noqa: ARG002  built by the caller
        """The factory that was passed in."""
        return self._ledger_factory

    def construct_mapper(self) -> EventMapper:
        """The strict mapper."""
        return make_mapper()

    @property
    def store(self) -> LedgerRecorder:
        """The recorder, which the vault and the access store share."""
        return self._store

    @property
    def event_mapper(self) -> EventMapper:
        """The strict mapper of events."""
        mapper = self.mapper
        assert isinstance(mapper, EventMapper)  # noqa: S101  made by construct_mapper
        return mapper

    def now(self) -> datetime:
        """The present instant in UTC, whole milliseconds."""
        now = self.clock().astimezone(UTC)
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    def load(self, kind: type[A], aggregate_id: UUID, what: str) -> A:
        """The present state of an aggregate.

        Raises:
            NotFoundError: There is none; *what* names it in the message.
            MovedError: A command is being decided on, and it changed after the command's instant.
            ClockError: It changed so long after it that a clock is wrong, this one or another process's.
        """
        if kind in _SHARED:
            noted = self.noted
            found: A = noted.get(aggregate_id) or noted.setdefault(aggregate_id, self._then(kind, aggregate_id, what))
            return found
        return self._then(kind, aggregate_id, what)

    def _then(self, kind: type[A], aggregate_id: UUID, what: str) -> A:
        """The state of an aggregate at the instant at which a command is decided on, if one is."""
        found = self._load(kind, aggregate_id, what)
        instant: datetime | None = getattr(self._state, "instant", None)
        changed_at = None if instant is None else self._changes.of(aggregate_id)
        if instant is not None and changed_at is not None and changed_at > instant:
            if (early := changed_at - self.now()) > TOLERANCE:
                ahead = round(early.total_seconds())
                message = f"{what} was changed {ahead} s from now, by this machine's clock; set the clocks right"
                raise ClockError(message)
            self._recording_clock.recorded(changed_at)  # by this process, or by one whose clock is a little ahead
            message = f"{what} changed after the instant at which this was decided on"
            raise MovedError(message)
        return found

    def _load(self, kind: type[A], aggregate_id: UUID, what: str) -> A:
        try:
            aggregate = self.repository.get(aggregate_id, projector_func=self._projectors[kind])
        except (AggregateNotFoundError, NotFoundError) as error:
            message = f"there is no {what} in this ledger"
            raise NotFoundError(message) from error
        if not isinstance(aggregate, kind):
            message = f"there is no {what} in this ledger"
            raise NotFoundError(message)
        return aggregate

    def institution(self, slug: str) -> Institution:
        """The institution with *slug*. Raises NotFoundError."""
        return self.load(Institution, institution_id(slug), f"institution «{slug}»")

    def achievement(self, institution: UUID, code: str) -> Achievement:
        """The achievement that *institution* calls *code*. Raises NotFoundError."""
        return self.load(Achievement, achievement_id(institution, code), f"achievement «{code}»")

    def programme(self, institution: UUID, code: str) -> Programme:
        """The programme that *institution* calls *code*. Raises NotFoundError."""
        return self.load(Programme, programme_id(institution, code), f"programme «{code}»")

    def pathway(self, institution: UUID, code: str) -> Pathway:
        """The pathway that *institution* calls *code*. Raises NotFoundError."""
        return self.load(Pathway, pathway_id(institution, code), f"pathway «{code}»")

    def credential(self, public_id: str) -> Credential:
        """The credential with *public_id*. Raises NotFoundError, InvalidInputError."""
        return self.load(Credential, credential_aggregate_id(public_id), "such credential")

    def carry_out(self, vault: Vault, request: Request | None, decide: Callable[[datetime], Decision]) -> Outcome:
        """Carry out a request once, however often it is made.

        Args:
            vault: Keeps the answer.
            request: What makes a repetition recognisable; None when the command has no idempotency key.
            decide: Decides on the present state, given the instant; called again when another command was faster.

        Raises:
            IdempotencyError: The same key came with another body.
            ConflictError: Others were faster :data:`MAX_ATTEMPTS` times.
            ClockError: The clock is behind what was recorded.
            LedgerError: Whatever *decide* raises.
        """
        [outcome] = self.carry_out_together(vault, [Task(request, decide)])
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def carry_out_together(
        self, vault: Vault, tasks: Sequence[Task], foresee: Foresee | None = None
    ) -> list[Outcome | Exception]:
        """Carry out several requests, each by itself, with one wait for the disk.

        What one of them is refused with, or fails with, concerns no other. They are decided on in order, on the state
        before any of them: of two that change the same aggregate the later conflicts, and is decided on again.

        Args:
            vault: Keeps the answers.
            tasks: The requests.
            foresee: Called with those that were not carried out before, before they are decided on, each time; what it
                raises is passed over, for whoever needs what it looks up will hear of it.

        Returns:
            For each its outcome, or what :meth:`carry_out` would have raised.
        """
        done: dict[int, Outcome | Exception] = {}
        for attempt in range(1, MAX_ATTEMPTS + 1):
            open_tasks = {number: task for number, task in enumerate(tasks) if number not in done}
            decided = self._decide_all(vault, open_tasks, foresee)
            waiting = {number: one for number, one in decided.items() if isinstance(one, tuple)}
            done |= {
                number: one
                for number, one in decided.items()
                if not isinstance(one, tuple) and (attempt == MAX_ATTEMPTS or not isinstance(one, MovedError))
            }
            written = self._write([commit for _, commit, _ in waiting.values()]) if waiting else []
            for (number, (decision, _, now)), positions in zip(waiting.items(), written, strict=True):
                if not isinstance(positions, Exception):
                    self._recording_clock.recorded(now)
                    newest = positions[-1] if positions else 0
                    done[number] = Outcome(decision.answer, newest, repeated=False, made=decision.made)
                elif attempt == MAX_ATTEMPTS or not isinstance(positions, ConflictError):
                    done[number] = positions
            if len(done) == len(tasks):
                break
        return [done[number] for number in range(len(tasks))]

    @property
    def noted(self) -> dict[Any, Any]:
        """What was looked up for the tasks that are being decided on; forgotten with them. Not to be relied on."""
        noted: dict[Any, Any] | None = getattr(self._state, "noted", None)
        return {} if noted is None else noted

    def _decide_all(self, vault: Vault, tasks: Mapping[int, Task], foresee: Foresee | None) -> dict[int, _Decided]:
        """Decide on each of *tasks*, all at one instant; what several of them read is read once."""
        identities = {
            number: _identity(vault, task.request) for number, task in tasks.items() if task.request is not None
        }
        known = self.store.known(identities.values())
        self._state.noted = {}
        now = None
        try:
            with suppress(LedgerError):
                now = self._state.instant = self._recording_clock()
                if foresee is not None:
                    foresee([task for number, task in tasks.items() if identities.get(number) not in known], now)
            return {
                number: self._decide(
                    vault, task, identities.get(number), now, may_be_repeated=identities.get(number) in known
                )
                for number, task in tasks.items()
            }
        finally:
            self._state.noted = self._state.instant = None

    def _decide(
        self, vault: Vault, task: Task, identity: UUID | None, now: datetime | None, *, may_be_repeated: bool
    ) -> _Decided:
        try:
            if may_be_repeated and task.request is not None and identity is not None:
                return self._repeated(vault, task.request, identity)
            now = self._state.instant = now or self._recording_clock()  # which says why there is none
            decision = task.decide(now)
            return decision, self._commit(vault, task.request, identity, decision, now), now
        except Exception as error:  # noqa: BLE001  raised again by whoever asked for this task
            has_moved = isinstance(error, NotFoundError) and self._has_moved()
            return MovedError(str(error)) if has_moved else error

    def _has_moved(self) -> bool:
        """Whether what was read is not the present state any more: a key may be gone that was in force in it."""
        read = [one for one in self.noted.values() if isinstance(one, Aggregate)]
        with suppress(Exception):  # nobody can tell, then
            return any(self._load(type(one), one.id, "such aggregate").version != one.version for one in read)
        return False

    def _write(self, commits: Sequence[Commit]) -> Sequence[list[int] | Exception]:
        try:
            return self._writer.write_all(commits)
        except StorageError as error:
            return [error] * len(commits)

    def _commit(
        self, vault: Vault, request: Request | None, identity: UUID | None, decision: Decision, now: datetime
    ) -> Commit:
        events, writes = list(decision.events), list(decision.writes)
        if request is not None and identity is not None:
            secret = vault.secret("submissions")
            events.append(Submission.accept(id=identity, digest=submission_digest(secret, request.body), at=now))
            writes.append(vault.keep_answer(identity, msgspec.json.encode(decision.answer)))
        stored = [self.mapper.to_stored_event(event) for event in events]
        unchanged = [(aggregate.id, aggregate.version) for aggregate in decision.unchanged]
        return Commit(stored, writes, unchanged)

    def _repeated(self, vault: Vault, request: Request, identity: UUID) -> Outcome:
        if not self.noted.get(_CONFIRMED):  # once for all that are decided on together; they were looked up before
            self._writer.confirm()
            self.noted[_CONFIRMED] = True
        submission = self._load(Submission, identity, "submission")  # it was recorded at another instant than this
        submission.require_same(submission_digest(vault.secret("submissions"), request.body))
        return Outcome(msgspec.json.decode(vault.answer(identity)), 0, repeated=True)

    def _newest_recorded_at(self) -> datetime | None:
        newest = self.read(max(self.newest() - 1, 0), 1)
        return msgspec.json.decode(newest[0].state, type=_Recorded).recorded_at if newest else None

    def read(self, after: int, limit: int) -> Sequence[Notification]:
        """Stored events of every aggregate in order of position, those with a position above *after*."""
        return self.store.select_notifications(after, limit, inclusive_of_start=False)

    def newest(self) -> int:
        """Position of the newest stored event, 0 when there is none."""
        newest = self.store.query("SELECT MAX(position) FROM stored_events")[0][0]
        return newest or 0

    def close(self) -> None:
        """Record what is waiting, then close the database."""
        self._writer.close()
        self.store.close()
        super().close()


def _identity(vault: Vault, request: Request) -> UUID:
    return submission_id(vault.secret("submissions"), request.scope, request.key)


@lru_cache(maxsize=4_096)
def institution_id(slug: str) -> UUID:
    """Aggregate id of the institution with *slug*."""
    return uuid5(NAMESPACE, f"institution:{slug}")


@lru_cache(maxsize=4_096)
def achievement_id(institution: UUID, code: str) -> UUID:
    """Aggregate id of the achievement that *institution* calls *code*."""
    return uuid5(institution, f"achievement:{code}")


def programme_id(institution: UUID, code: str) -> UUID:
    """Aggregate id of the programme that *institution* calls *code*."""
    return uuid5(institution, f"programme:{code}")


def pathway_id(institution: UUID, code: str) -> UUID:
    """Aggregate id of the pathway that *institution* calls *code*."""
    return uuid5(institution, f"pathway:{code}")
