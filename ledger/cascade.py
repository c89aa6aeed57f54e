"""What becomes of a stacked award that loses a component: the pathway's declared policy, step by step.

An award is lost when it is suspended, revoked or replaced; one from elsewhere, when the recognition by which it counts
is withdrawn. Which one it was is nowhere in the log: the events speak of
the stacked award alone, and the vault's rows say what it was made of.

=========  ===========  ================================================================================
policy     at once      when the deadline passes, nobody has decided, and no appeal waits
=========  ===========  ================================================================================
stand      nothing      nothing
review     a review     nothing: an officer has to decide, and until then verification says ``unknown``
suspend    a review     the award is suspended; the review ends when no appeal can be made any more
revoke     a review     the award is revoked; the deadline is never before the end of the time for appeals
=========  ===========  ================================================================================

When everything holds again before that, the review ends and the award stands. A stacked award that is revoked or
suspended is itself lost to whatever was made of it, so the next run goes on up the chain.

A run looks at events after the position that it has come to, so it costs what is new; a fresh one begins at the start
of the log. It may be stopped anywhere and run twice: what was done is seen in the events.
"""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

import msgspec

from ledger.access import Actor, audit
from ledger.aggregate import Aggregate
from ledger.application import Decision, Ledger
from ledger.consequence import Consequences
from ledger.credential import Credential
from ledger.error import NotFoundError
from ledger.event import DomainEvent, Event
from ledger.part_keeping import PartKeeping
from ledger.pathway import Pathway, read_rules
from ledger.reason import Reason
from ledger.recognition import Recognition
from ledger.review_end import after, let_stand
from ledger.spending import SpendingBook
from ledger.stacking.pathway_rules import Cascade as Policy
from ledger.vault import Vault

PAGE: Final = 5_000
LOSSES: Final = (Credential.Suspended.TOPIC, Credential.Revoked.TOPIC, Credential.Replaced.TOPIC)
WATCHED: Final = (
    *LOSSES,
    Credential.Reinstated.TOPIC,
    Credential.ReviewOpened.TOPIC,
    Credential.ReviewClosed.TOPIC,
    Credential.AppealDecided.TOPIC,
    Recognition.Withdrawn.TOPIC,
    Recognition.AppealDecided.TOPIC,
)
RUNNER: Final = Actor(name="cascade", role="operator")
_LOSS = Credential.Suspended | Credential.Revoked | Credential.Replaced

ComponentStanding = Literal["hold", "lost", "accepted", "unknown"]
"""Whether what an award was made of holds; ``accepted`` is lost, and a review has found that the award stands;
``unknown`` where nobody can tell any more, the learner being erased."""


class Components(msgspec.Struct, frozen=True):
    """How the components of a stacked award stand, all together: which of them is never told.

    Attributes:
        standing: Whether they hold.
        on_loss: The policy that the pathway has declared.
    """

    standing: ComponentStanding
    on_loss: Literal["review", "suspend", "revoke", "stand"]


class CascadeRun(msgspec.Struct, frozen=True, kw_only=True):
    """What one run has done: how many events of each kind, by the name of their class in lower case."""

    looked_at: int
    done: dict[str, int]


class Cascade:
    """Runs the policies. One object a process; runs wait for each other.

    Args:
        ledger: The event store.
        vault: Keeps no answers here, and is asked for by every command.
        book: What was spent on what.
    """

    def __init__(self, ledger: Ledger, vault: Vault, book: SpendingBook) -> None:
        self._ledger = ledger
        self._vault = vault
        self._book = book
        self._parts = PartKeeping(ledger, vault)
        self._consequences = Consequences(ledger, self._parts)
        self._position = 0
        self._seen: tuple[bytes, int] | None = None
        self._policies: dict[tuple[UUID, int], Policy] = {}
        self._waiting: set[UUID] = set()
        self._open: set[UUID] = set()
        self._running = threading.Lock()

    def run(self, actor: Actor = RUNNER) -> CascadeRun:
        """Do everything that is due, up every chain of stacks.

        Raises:
            ForbiddenError: The actor is not the operator.
            StorageError, ConflictError: It stopped half-way; run it again.
        """
        actor.require_operator()
        with self._running:
            return self._run(actor)

    def _run(self, actor: Actor) -> CascadeRun:
        done: Counter[str] = Counter()
        looked_at = 0
        self._take_news()
        due = self._waiting | self._open
        while due:
            looked_at += len(due)
            for stack in sorted(due, key=lambda one: one.bytes):
                done.update(self._settle(stack, actor))
                self._waiting.discard(stack)  # not before it is settled: a run that stops there begins with it again
            self._take_news()
            due = set(self._waiting)
        return CascadeRun(looked_at=looked_at, done=dict(done))

    def components(self, stack: UUID) -> Components | None:
        """How the components of a stacked award stand; None for an award that was not stacked.

        Raises:
            NotFoundError: There is no such award.
        """
        credential = self._ledger.load(Credential, stack, "such credential")
        if credential.pathway is None:
            return None
        lost = self._loss(stack)
        standing: ComponentStanding = "hold" if self._book.made(stack) else "unknown"
        if lost is not None:
            standing = "accepted" if self._accepted(stack, lost) else "lost"
        return Components(standing, self._policy(credential).on_loss)

    def _take_news(self) -> None:
        """Have the stacks wait that rest on an award whose standing has changed since the position come to.

        Most events are none of these; they are passed over once, not at every look.
        """
        newest = self._ledger.store.max_notification_id() or 0  # before the look: what comes meanwhile is for the next
        if self._event_at(self._position) != self._seen:
            self._position = 0  # a database that has lost its newest events, and given their positions out again
        while page := self._ledger.store.select_notifications(
            self._position, PAGE, topics=WATCHED, inclusive_of_start=False
        ):
            for event in page:
                owner = UUID(str(event.originator_id))
                if event.topic == Credential.ReviewOpened.TOPIC:
                    self._open.add(owner)
                elif event.topic == Credential.ReviewClosed.TOPIC:
                    self._open.discard(owner)
                elif event.topic == Credential.AppealDecided.TOPIC:
                    self._waiting.add(owner)
                else:
                    awards = (owner, *self._parts.parts_of(owner))  # what becomes of all parts becomes of each
                    self._waiting |= {
                        row.stack for one in awards for row in self._book.live(one) if row.kind == "stack"
                    }
                    self._waiting |= {owner} & self._open
            self._position = page[-1].id
        self._position = max(self._position, newest)
        self._seen = self._event_at(self._position)

    def _event_at(self, position: int) -> tuple[bytes, int] | None:
        """Which event stands at a position: aggregate and version; None when none does."""
        found = self._ledger.store.select_rows(position - 1, 1) if position else []
        return (found[0][1], found[0][2]) if found and found[0][0] == position else None

    def _settle(self, stack: UUID, actor: Actor) -> Counter[str]:
        """Take the next step with one stacked award, if there is one to take."""
        done: list[str] = []

        def decide(now: datetime) -> Decision:
            standing = self._components(stack)  # read first: what changes after that has it decided again
            credential = self._ledger.load(Credential, stack, "such credential")
            events = self._step(credential, now)
            done[:] = [type(event.body).__name__.lower() for event in events]
            following, writes = self._consequences.follow(stack, events, now)
            if events:
                writes.append(audit(actor, "cascade.step", credential.institution, 1, now))
            return Decision([*events, *following], writes, None, standing)

        if self._is_due(stack):
            self._ledger.carry_out(self._vault, None, decide)
        return Counter(done)

    def _is_due(self, stack: UUID) -> bool:
        """Whether there is anything to do: a look that writes nothing."""
        try:
            credential = self._ledger.load(Credential, stack, "such credential")
        except NotFoundError:
            return False
        return bool(self._step(credential, self._ledger.now()))

    def _step(self, credential: Credential, now: datetime) -> list[DomainEvent]:
        if credential.pathway is None:
            return []
        ended = credential.state in {"revoked", "replaced"}
        review = credential.review
        if review is None:
            return [] if ended else self._opened(credential, now)
        if review.appealed_at is not None or review.reason is not Reason.COMPONENT_LOST:
            return []
        if ended:
            return credential.close_review(outcome="revoked", at=now)
        if self._loss(credential.id) is None and self._book.made(credential.id):
            return let_stand(credential, now)
        return self._taken_effect(credential, self._policy(credential), now)

    def _opened(self, credential: Credential, now: datetime) -> list[DomainEvent]:
        policy, lost = self._policy(credential), self._loss(credential.id)
        if policy.on_loss == "stand" or lost is None or self._acknowledged(credential.id, lost):
            return []
        appeal_until = now + timedelta(days=policy.appeal_days)
        due_at = now + timedelta(days=policy.deadline_days)
        if policy.on_loss == "revoke":  # it is for good, so that an appeal has to come first
            due_at = max(due_at, appeal_until)
        events = credential.open_review(reason=Reason.COMPONENT_LOST, due_at=due_at, appeal_until=appeal_until, at=now)
        return [*events, *self._taken_effect(after(credential, events), policy, now)]

    def _taken_effect(self, credential: Credential, policy: Policy, now: datetime) -> list[DomainEvent]:
        """What a policy does when its deadline has passed."""
        review = credential.require_review()
        if policy.on_loss == "review" or now < review.due_at:
            return []
        events: list[DomainEvent] = []
        if policy.on_loss == "revoke":
            events = credential.revoke(reason=Reason.COMPONENT_LOST, effective_at=now, note=None, at=now)
            return [*events, *after(credential, events).close_review(outcome="revoked", at=now)]
        if credential.state == "active":
            events = credential.suspend(reason=Reason.COMPONENT_LOST, effective_at=now, note=None, at=now)
        if now > review.appeal_until:
            events += after(credential, events).close_review(outcome="suspended", at=now)
        return events

    def _policy(self, credential: Credential) -> Policy:
        assert credential.pathway is not None  # noqa: S101  asked of stacked awards alone
        assert credential.pathway_version is not None  # noqa: S101  as above
        version = credential.pathway, credential.pathway_version
        policy = self._policies.get(version)  # versions never change, and every status of a stack asks
        if policy is None:
            pathway = self._ledger.load(Pathway, credential.pathway, "such pathway")
            policy = read_rules(pathway.versions[credential.pathway_version - 1].rules).cascade
            self._policies[version] = policy
        return policy

    def _components(self, stack: UUID) -> list[Aggregate]:
        """Everything on whose present state it rests whether what a stack was made of holds."""
        found: dict[UUID, Aggregate] = {}
        for row in self._book.made(stack):
            for history in self._histories(row.award):
                for kind in (Credential, Recognition):
                    with suppress(NotFoundError):
                        found[history] = self._ledger.load(kind, history, "such history")
        return list(found.values())

    def _histories(self, award: UUID) -> list[UUID]:
        """Whose events say how an award stands: its own, and of a part of an unpacked diploma those of all parts."""
        part = self._parts.open(award)
        return [award] if part is None else [award, part.opening.unpacking]

    def _loss(self, stack: UUID) -> datetime | None:
        """When the newest loss was recorded among what a stack was made of and is lost now; None: all of it holds."""
        losses = [self._lost(row.award) for row in self._book.made(stack) if not row.released]
        return max((loss for loss in losses if loss is not None), default=None)

    def _lost(self, award: UUID) -> datetime | None:
        """When an award was lost; a part of an unpacked diploma also is when all parts are."""
        losses = [self._loss_in(history) for history in self._histories(award)]
        return max((loss for loss in losses if loss is not None), default=None)

    def _loss_in(self, award: UUID) -> datetime | None:
        try:
            credential = self._ledger.load(Credential, award, "such credential")
        except NotFoundError:  # it counts by a recognition, or is a part without a history of its own
            return self._recognition_lost(award)
        if credential.state == "active":
            return None
        return max(event.recorded_at for event in self._events(award) if isinstance(event, _LOSS))

    def _recognition_lost(self, identity: UUID) -> datetime | None:
        """When the recognition of an award from elsewhere was lost: withdrawn, or refused after an appeal."""
        try:
            known = self._ledger.load(Recognition, identity, "such recognition")
        except NotFoundError:
            return None
        if known.withdrawal is not None:
            return known.withdrawal.recorded_at
        newest = known.rulings[-1]
        return newest.recorded_at if newest.decision == "refused" else None

    def _acknowledged(self, stack: UUID, lost: datetime) -> bool:
        """Whether a review was opened since the loss."""
        opened = [event for event in self._events(stack) if isinstance(event, Credential.ReviewOpened)]
        return any(lost <= event.recorded_at for event in opened)

    def _accepted(self, stack: UUID, lost: datetime) -> bool:
        """Whether a review since the loss has found that the award stands."""
        closed = [event for event in self._events(stack) if isinstance(event, Credential.ReviewClosed)]
        return any(lost <= event.recorded_at and event.outcome == "stands" for event in closed)

    def _events(self, award: UUID) -> list[Event]:
        stored = self._ledger.store.select_events(award)
        return [self._ledger.event_mapper.to_domain_event(event).body for event in stored]
