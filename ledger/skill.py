"""Skills: what a micro-credential certifies, and the shortest way to the skills that somebody lacks.

A skill is named by its URI (ESCO), compared as it is written. Labels come with the templates; nothing is looked up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from ledger.achievement import Template
from ledger.detail import Details

ESCO_SKILL: Final = "http://data.europa.eu/esco/skill/"
"""Start of every ESCO skill's URI. Source: ESCO v1.2, European Commission."""
STEPS: Final = 20_000
"""Places that the search for the shortest way looks at before it answers with the best found so far."""


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """A micro-credential that could be earned: its key, what it certifies, and how much work it is in minutes."""

    key: str
    skills: frozenset[str]
    minutes: int


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """Micro-credentials that together certify what is wanted.

    Attributes:
        keys: The offers, in order of their keys.
        beyond: Skills that no offer certifies.
        is_shortest: Whether none is shorter; False when the search was cut off at :data:`STEPS`.
    """

    keys: tuple[str, ...]
    beyond: tuple[str, ...]
    is_shortest: bool


def skills_of(template: Template, details: Details | None) -> dict[str, str]:
    """The skills that an edition certifies: URI and label (the URI itself where there is none), in order.

    The URIs of its learning outcomes, and the ESCO skills among its alignments.
    """
    found = {
        outcome.skill_uri: outcome.skill_name or outcome.skill_uri
        for outcome in template.outcomes
        if outcome.skill_uri is not None
    }
    for alignment in () if details is None else details.alignments:
        if alignment.url.startswith(ESCO_SKILL):
            found.setdefault(alignment.url, alignment.name)
    return found


def shortest_way(wanted: Sequence[str], offers: Sequence[Offer], steps: int = STEPS) -> Way:
    """Find the fewest offers that certify everything wanted, of those the least work, of those the first by key.

    It is the set cover problem, which is NP-hard: the search is exact and bounded in steps, not in time, so that the
    answer is the same on every machine. Independent of the order of *offers*.

    Args:
        wanted: URIs of skills.
        offers: What can be earned.
        steps: How many places the search may look at.
    """
    certified = frozenset[str]().union(*(offer.skills for offer in offers))
    beyond = tuple(uri for uri in dict.fromkeys(wanted) if uri not in certified)
    target = frozenset(wanted) & certified
    useful = [msgspec.structs.replace(offer, skills=offer.skills & target) for offer in offers if offer.skills & target]
    search = _Search(target, _undominated(useful), steps)
    search.run()
    return Way(keys=tuple(sorted(search.best or ())), beyond=beyond, is_shortest=search.steps > 0)


def _undominated(offers: list[Offer]) -> list[Offer]:
    """Leave out what another offer certifies as well, with less work, or with as much and an earlier key."""
    kept: list[Offer] = []
    for offer in sorted(offers, key=lambda one: (one.minutes, one.key)):
        if not any(offer.skills <= other.skills for other in kept):
            kept.append(offer)
    return kept


class _Search:
    """Branch and bound over the skill that the fewest offers certify."""

    def __init__(self, target: frozenset[str], offers: list[Offer], steps: int) -> None:
        self.best: tuple[str, ...] | None = None
        self.steps = steps
        self._target = target
        self._rank: tuple[int, int, tuple[str, ...]] | None = None
        self._by_skill: Mapping[str, list[Offer]] = {
            uri: [offer for offer in offers if uri in offer.skills] for uri in target
        }
        self._widest = max((len(offer.skills) for offer in offers), default=1)

    def run(self) -> None:
        """Search until all is seen or the steps are used up."""
        self._greedy()
        self._visit(self._target, (), 0)

    def _greedy(self) -> None:
        """A first way, so that there is one to answer with however soon the steps are used up."""
        left, keys, minutes = self._target, [], 0
        while left:
            offers = [offer for uri in sorted(left) for offer in self._by_skill[uri]]
            chosen = min(offers, key=lambda one: (-len(one.skills & left), one.minutes, one.key))
            left, minutes = left - chosen.skills, minutes + chosen.minutes
            keys.append(chosen.key)
        self._offer(tuple(keys), minutes)

    def _visit(self, left: frozenset[str], keys: tuple[str, ...], minutes: int) -> None:
        if self.steps <= 0:
            return
        self.steps -= 1
        if not left:
            self._offer(keys, minutes)
            return
        assert self._rank is not None  # noqa: S101  the greedy way is there
        least = len(keys) + -(-len(left) // self._widest)
        if least > self._rank[0] or (least == self._rank[0] and minutes > self._rank[1]):
            return
        scarce = min(left, key=lambda uri: (len(self._by_skill[uri]), uri))
        for offer in sorted(self._by_skill[scarce], key=lambda one: (-len(one.skills & left), one.minutes, one.key)):
            self._visit(left - offer.skills, (*keys, offer.key), minutes + offer.minutes)

    def _offer(self, keys: tuple[str, ...], minutes: int) -> None:
        ranked = len(keys), minutes, tuple(sorted(keys))
        if self._rank is None or ranked < self._rank:
            self._rank, self.best = ranked, ranked[2]
