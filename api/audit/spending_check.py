"""No credit is spent twice: every disclosed stack has to know of what those before it had used and not given back.

An award is followed by itself, whether it was stacked by its own document or by anybody's recognition of it; one from
elsewhere by the recognition. Within what a stack knows, the rules on overlap have been checked with its derivation.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from uuid import UUID

import msgspec

from api.audit.finding import Findings
from ledger.stacking.component import Component, Spent
from ledger.stacking.derivation import Use

CODE = "credits-spent-twice"


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """One use of an award in a stack.

    Attributes:
        entry: Log index of the stacked award.
        component: The award as that stack saw it.
        use: How much of it counts there.
        target: Achievement type of what was made.
        ended: Log index from which on the stack is no more; None while it is.
    """

    entry: int
    component: Component
    use: Use
    target: str
    ended: int | None

    def lasts_beyond(self, entry: int) -> bool:
        """Whether what was used is still used at *entry*."""
        return self.ended is None or self.ended > entry

    def in_measure_of(self, component: Component) -> Spent:
        """What was used, in the measure of *component*: the same share, rounded up, where that is another measure."""
        amount = self.use.spent
        if (self.component.credits_centi is None) != (component.credits_centi is None):
            share = Fraction(amount, self.component.size) if self.component.size else Fraction(0)
            amount = math.ceil(share * component.size)
        return Spent(target=self.target, amount=amount)


class SpendingCheck:
    """Follows credits through all disclosed stacks.

    Args:
        findings: Where differences go.
    """

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._acts: dict[UUID, list[Act]] = defaultdict(list)

    def keep(self, award: UUID, act: Act) -> None:
        """Remember a use of an award (or of a recognition of one from elsewhere) until every stack is known."""
        self._acts[award].append(act)

    def finish(self, unpacked: Mapping[UUID, Sequence[int]]) -> None:
        """Compare, in the order of the log.

        Args:
            unpacked: Diplomas that were unpacked, and the log indexes of their unpackings: of these nothing is left,
                since their parts count in their place.
        """
        for whole, entries in unpacked.items():
            if any(act.lasts_beyond(min(entries)) for act in self._acts.get(whole, ())):
                what = "the diploma that was unpacked is used in a stack as well"
                self._findings.at(min(entries), CODE, what)
        for acts in self._acts.values():
            acts.sort(key=lambda act: act.entry)
            for entry, what in _twice(acts):
                self._findings.at(entry, CODE, what)


def _twice(acts: Sequence[Act]) -> Iterator[tuple[int, str]]:
    for number, act in enumerate(acts):
        component = act.component
        before = Counter(
            earlier.in_measure_of(component) for earlier in acts[:number] if earlier.lasts_beyond(act.entry)
        )
        if before - Counter(component.spent):
            yield act.entry, "it counts credits of a component that an earlier stack had used, as if nobody had"
        elif sum(one.amount for one in component.spent) + act.use.spent > component.size:
            yield act.entry, "it uses more of a component than there is"
