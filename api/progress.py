"""How far a learner has come on an institution's pathways, and what the awards that hold show of skills.

What is missing is asked of the very evaluation that decides on a stack (:mod:`ledger.stacking_up`), on trial.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final
from uuid import UUID

import msgspec

from api.holding import Holding
from api.node import Node
from ledger.access import Actor
from ledger.claim import LearnerClaim
from ledger.component_reading import PresentedAward
from ledger.error import InvalidInputError, LedgerError, NotFoundError
from ledger.learner_link import LearnerLink
from ledger.stacking_up import MAX_AWARDS, StackClaim
from projections.pathway_catalogue import PathwayListing, StoredVersion

MAX_PATHWAYS: Final = 40
"""Pathways of one institution that are tried; each takes a bounded number of steps."""
MAX_WAYS: Final = 2
"""Of the nearest ways to complete a pathway, how many are shown."""
NOBODY: Final = LearnerClaim(name="-")
"""Stands where a claim wants a learner and the handle says who it is."""


@dataclass(frozen=True, slots=True)
class Named:
    """A micro-credential by its title; the code where there is no title to be had."""

    title: str
    language: str
    url: str | None


@dataclass(frozen=True, slots=True)
class RuleRow:
    """How one rule stands; amounts in the pathway's smallest unit where ``unit`` is credits."""

    rule: str
    kind: str
    state: str
    have: int
    need: int
    unit: str
    missing: tuple[Named, ...]


@dataclass(frozen=True, slots=True)
class StepRow:
    """One thing to do: ``earn``, ``revalidate`` or ``waiver``."""

    kind: str
    named: Named | None
    count: int
    credits: int


@dataclass(frozen=True, slots=True)
class Progress:
    """One pathway.

    Attributes:
        code: The institution's code of it.
        leads_to: What it leads to.
        unit: What its credits are: ects, hours or national.
        state: met, unmet, undecided; ``done`` where the learner holds what it leads to.
        rows: Every rule that matters.
        ways: The nearest ways to complete it.
        used: How many of the learner's awards count.
    """

    code: str
    leads_to: Named
    unit: str
    state: str
    rows: tuple[RuleRow, ...] = ()
    ways: tuple[tuple[StepRow, ...], ...] = ()
    used: int = 0


@dataclass(frozen=True, slots=True)
class SkillRow:
    """A skill, and the titles of the valid awards that certify it."""

    uri: str
    label: str
    titles: tuple[tuple[str, str], ...]


class ProgressReading:
    """Reads how far learners have come.

    Args:
        node: The process's parts.
    """

    def __init__(self, node: Node) -> None:
        self._node = node

    def pathways(self, link: LearnerLink, holdings: Sequence[Holding]) -> list[Progress]:
        """The open pathways of the institution: those that awards count for first."""
        held = {one.pathway for one in holdings if one.pathway is not None and one.verdict == "valid"}
        # What cannot count is found out once: hardly ever does that differ from pathway to pathway.
        awards = [one.credential for one in holdings if one.state == "active" and not one.parts][:MAX_AWARDS]
        found = [
            progress
            for identity, listing in self._open_pathways(link.institution)
            if (progress := self._progress(link, awards, identity, listing, is_done=identity.hex in held))
        ]
        return sorted(found, key=lambda one: (one.state == "done", -one.used, one.code))

    def _open_pathways(self, institution: UUID) -> Iterable[tuple[UUID, PathwayListing]]:
        found = self._node.views.pathways_of(institution)
        return islice(((identity, one) for identity, one in found if one.retired_at is None), MAX_PATHWAYS)

    def _progress(
        self, link: LearnerLink, awards: list[str], identity: UUID, listing: PathwayListing, *, is_done: bool
    ) -> Progress | None:
        version = self._version(identity, listing)
        if version is None:
            return None
        slug = self._node.views.record(link.institution).slug
        leads_to = self._named(slug, version.achievement)
        unit = _unit(version)
        if is_done:
            return Progress(listing.code, leads_to, unit, "done")
        try:
            found = self._try_out(slug, link, listing.code, awards)
        except LedgerError:  # retired or changed at this moment
            return None
        if found is None:
            return Progress(listing.code, leads_to, unit, "unmet")
        return self._evaluated(listing.code, leads_to, unit, found)

    def _try_out(self, slug: str, link: LearnerLink, code: str, awards: list[str]) -> dict[str, Any] | None:
        """The evaluation over all awards that can count, the others being taken out of *awards*; None when none can."""
        actor = Actor(name=f"link {link.prefix}", role="issuer", institution=link.institution)
        while awards:
            presented = tuple(PresentedAward(award=one) for one in awards)
            claim = StackClaim(pathway=code, learner=NOBODY, awards=presented)
            try:
                return self._node.parts.stacking.try_out(slug=slug, claim=claim, actor=actor, learner=link.learner)
            except InvalidInputError as error:  # one cannot count: the pointer says which
                place = error.pointer.split("/")
                if place[1:2] != ["awards"] or not place[2].isdecimal():
                    raise
                del awards[int(place[2])]
        return None

    def choices(self, institution: UUID) -> list[tuple[str, Named]]:
        """The codes of an institution's open pathways, and what each leads to."""
        slug = self._node.views.record(institution).slug
        found = ((one, self._version(identity, one)) for identity, one in self._open_pathways(institution))
        return [(one.code, self._named(slug, version.achievement)) for one, version in found if version is not None]

    def foreseen(self, actor: Actor, slug: str, code: str, holdings: Sequence[Holding]) -> Progress | None:
        """How far some awards lead on a pathway, by what everybody may know of them; None: there is no such pathway.

        See :meth:`ledger.stacking_up.StackingUp.foresee` for what is not looked at.
        """
        institution = self._node.ledger.institution(slug)
        for identity, listing in self._open_pathways(institution.id):
            version = self._version(identity, listing) if listing.code == code else None
            if version is None:
                continue
            leads_to, unit = self._named(slug, version.achievement), _unit(version)
            valid = [one for one in holdings if one.verdict == "valid"]
            if any(one.pathway == identity.hex for one in valid):
                return Progress(code, leads_to, unit, "done")
            awards = [one.credential for one in valid if not one.parts][:MAX_AWARDS]
            try:
                found = self._node.parts.stacking.foresee(slug=slug, pathway=code, awards=awards, actor=actor)
            except LedgerError:  # retired or changed at this moment
                return None
            return self._evaluated(code, leads_to, unit, found)
        return None

    def _version(self, identity: UUID, listing: PathwayListing) -> StoredVersion | None:
        return self._node.views.pathways.version(identity, listing.versions)

    def _evaluated(self, code: str, leads_to: Named, unit: str, found: Mapping[str, Any]) -> Progress:
        outcomes = [one for one in found["outcomes"] if one["state"] != "not_needed"]
        used = {award for one in outcomes for award in one.get("awards", ())}
        ways = [tuple(self._step(step) for step in way["steps"]) for way in found["nearest"][:MAX_WAYS]]
        return Progress(
            code, leads_to, unit, found["state"], tuple(self._row(one) for one in outcomes), tuple(ways), len(used)
        )

    def _row(self, outcome: Mapping[str, Any]) -> RuleRow:
        return RuleRow(
            rule=outcome["rule"],
            kind=outcome["kind"],
            state=outcome["state"],
            have=outcome.get("have", 0),
            need=outcome.get("need", 0),
            unit=outcome.get("unit", "rules"),
            missing=tuple(self._named(one["institution"], one["code"]) for one in outcome.get("missing", ())),
        )

    def _step(self, step: Mapping[str, Any]) -> StepRow:
        wanted = step.get("achievement")
        named = None if wanted is None else self._named(wanted["institution"], wanted["code"])
        return StepRow(step["kind"], named, step.get("count", 1), step.get("credits", 0))

    def _named(self, slug: str, code: str) -> Named:
        try:
            institution = self._node.ledger.institution(slug)
            editions = self._node.ledger.achievement(institution.id, code).editions
        except NotFoundError:
            return Named(code, "en", None)
        newest = editions[-1]
        return Named(newest.title, newest.language, f"/institutions/{slug}/achievements/{code}/{len(editions)}")


def skill_rows(holdings: Sequence[Holding]) -> list[SkillRow]:
    """The skills that valid awards certify, by label."""
    found: dict[str, tuple[str, list[tuple[str, str]]]] = {}
    for one in holdings:
        if one.verdict == "valid":
            for uri, label in one.skills.items():
                found.setdefault(uri, (label, []))[1].append((one.title, one.language))
    rows = [SkillRow(uri, label, tuple(dict.fromkeys(titles))) for uri, (label, titles) in found.items()]
    return sorted(rows, key=lambda row: (row.label, row.uri))


class _Unit(msgspec.Struct):
    kind: str = "ects"


def _unit(version: StoredVersion) -> str:
    return msgspec.convert(version.rules.get("unit", {}), type=_Unit).kind
