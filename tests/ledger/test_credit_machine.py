"""Credits are conserved over any history of issue, stack, unpack, recognise and revoke, held against a small model.

The model knows sources of credits (an award, a part of an unpacked diploma, a recognition), how large each is, whether
it holds, and which stacks draw on it. A stack is made exactly when the model says that it can be; no credit is ever in
two stacks that hold, or in a stack and in the parts of the same diploma.
"""

from __future__ import annotations

import atexit
import base64
import tempfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ledger.claim import LearnerClaim
from ledger.credential_id import credential_aggregate_id
from ledger.error import InvalidInputError, LedgerError, NotStackedError
from ledger.reason import Reason
from ledger.separating import Separation
from ledger.spending import SpendingBook
from tests.ledger.diploma import CREDITS, DIPLOMA, PROGRAMME, completed
from tests.ledger.diploma import publish as publish_programme
from tests.ledger.stack_world import CERTIFICATE, award, publish, rules, stack, template
from tests.ledger.test_recognised_component import PAPER, part, recognise
from tests.ledger.world import OPERATOR, SLUG, World, open_world, settle

MODULES: Final = 2
NEEDED: Final = 2 * CREDITS
RECOGNISED: Final = "recognition:"
PICKED: Final = st.sets(st.integers(0, 9), min_size=1, max_size=5)


@cache
def settled() -> World:
    """One ledger for every history; each history has a learner of its own."""
    directory = tempfile.TemporaryDirectory()
    world = settle(open_world(Path(directory.name)))
    atexit.register(directory.cleanup)
    atexit.register(world.close)
    publish_programme(world, MODULES)
    world.catalogue.publish(slug=SLUG, code=CERTIFICATE, template=template("A", NEEDED), actor=OPERATOR)
    codes = [f"MOD-{number}" for number in range(1, MODULES + 1)] + [DIPLOMA, CERTIFICATE]
    repeatable = [{"institution": SLUG, "code": code} for code in codes]
    publish(world, rules(NEEDED, on_loss="stand", repeatable=repeatable))
    return world


@dataclass
class Source:
    """Where credits are: how many, whether they hold, what was made of them."""

    size: int
    holds: bool = True
    is_diploma: bool = False
    unpacked: bool = False
    stacks: list[str] = field(default_factory=list)


class CreditMachine(RuleBasedStateMachine):
    """Histories of one learner."""

    learners = 0

    @initialize()
    def begin(self) -> None:
        CreditMachine.learners += 1
        self.world = settled()
        self.learner = LearnerClaim(name="Ada Example", reference=f"L-{CreditMachine.learners}")
        self.sources: dict[str, Source] = {}
        self.living: set[str] = set()
        self.papers = 0

    @rule(number=st.integers(1, MODULES))
    def issue(self, number: int) -> None:
        made = award(self.world, f"MOD-{number}", reference=str(self.learner.reference))
        self.sources[made] = Source(CREDITS)

    @rule()
    def graduate(self) -> None:
        made = award(self.world, DIPLOMA, reference=str(self.learner.reference))
        self.sources[made] = Source(MODULES * CREDITS, is_diploma=True)

    @rule(credits_centi=st.sampled_from([100, 300]))
    def recognise(self, credits_centi: int) -> None:
        self.papers += 1
        scan = base64.b64encode(f"scan {self.papers}".encode()).decode()  # the same scan again would be the same award
        paper = msgspec.structs.replace(PAPER, files=(msgspec.structs.replace(PAPER.files[0], content=scan),))
        made = recognise(self.world, paper, part(credits_centi), learner=str(self.learner.reference))
        self.sources[made] = Source(credits_centi)

    @precondition(lambda self: self.sources)
    @rule(picked=PICKED)
    def stack(self, picked: set[int]) -> None:
        self.world.clock.advance(seconds=1)
        known = list(self.sources)
        offered = list(dict.fromkeys(known[number % len(known)] for number in picked))
        sound = all(self.sources[one].holds and not self.sources[one].unpacked for one in offered)
        there = sum(self.sources[one].size for one in offered if self._counts(one))
        try:
            made = stack(self.world, *offered, learner=self.learner)
        except (NotStackedError, InvalidInputError):
            assert there < NEEDED or not sound
            return
        assert there >= NEEDED
        self.living.add(made)
        self.sources[made] = Source(NEEDED)
        used = {row.award for row in self._book().made(credential_aggregate_id(made))}
        assert used <= {_identity(one) for one in offered}
        for one in offered:
            if _identity(one) in used:
                assert self._counts(one)
                self.sources[one].stacks.append(made)

    @precondition(lambda self: self._wholes())
    @rule(number=st.integers(0, 9))
    def unpack(self, number: int) -> None:
        self.world.clock.advance(seconds=1)
        wholes = self._wholes()
        whole = wholes[number % len(wholes)]
        may = self._counts(whole)
        asked = Separation(diploma=whole, programme=PROGRAMME, completed=completed(*range(1, MODULES + 1)))
        try:
            answer = self.world.separating.unpack(slug=SLUG, asked=asked, actor=OPERATOR).answer
        except LedgerError:
            assert not may
            return
        assert may
        self.sources[whole].unpacked = True
        for one in answer["parts"]:
            self.sources[one["id"]] = Source(CREDITS)

    @precondition(lambda self: self.sources)
    @rule(number=st.integers(0, 9))
    def revoke(self, number: int) -> None:
        self.world.clock.advance(seconds=1)
        revocable = [one for one, source in self.sources.items() if source.holds and not one.startswith(RECOGNISED)]
        if not revocable:
            return
        lost = revocable[number % len(revocable)]
        if self.sources[lost].unpacked:
            return  # what becomes of parts then is test_conservation's affair
        self.world.lifecycle.revoke(public_id=lost, reason=Reason.OTHER, actor=OPERATOR)
        self.sources[lost].holds = False
        self.living.discard(lost)  # what a stack that is gone was made of can be used again, unless it counts elsewhere

    @invariant()
    def no_credit_is_spent_twice(self) -> None:
        if not hasattr(self, "sources"):
            return
        for name, source in self.sources.items():
            live = self._book().live(_identity(name))
            stacks = {credential_aggregate_id(one) for one in source.stacks if self._binds(one)}
            assert len(stacks) + source.unpacked <= 1
            assert {row.stack for row in live if row.kind == "stack"} == stacks
            assert sum(row.kind == "unpacking" for row in live) == source.unpacked
            assert sum(row.spent.amount for row in live) <= source.size

    def _counts(self, name: str) -> bool:
        """Whether its credits can be used."""
        source = self.sources[name]
        return source.holds and not source.unpacked and not any(map(self._binds, source.stacks))

    def _binds(self, stacked: str) -> bool:
        """Whether a stack holds what it was made of: it holds, or it is gone and counts in one that holds."""
        return stacked in self.living or any(map(self._binds, self.sources[stacked].stacks))

    def _book(self) -> SpendingBook:
        return SpendingBook(self.world.ledger.store)

    def _wholes(self) -> list[str]:
        return [one for one, source in self.sources.items() if source.is_diploma]


def _identity(name: str) -> UUID:
    """The aggregate that a source's credits are spent under."""
    return UUID(hex=name.removeprefix(RECOGNISED)) if name.startswith(RECOGNISED) else credential_aggregate_id(name)


CreditMachine.TestCase.settings = settings(
    max_examples=25, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
test_credits_are_conserved = CreditMachine.TestCase
