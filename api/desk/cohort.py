"""What a cohort holds, and what each of it lacks for a role: read anew at every look, out of what was shared.

Nothing is looked at that the share does not show: neither names nor grades, nor other awards of the same person. A role
that is a pathway is evaluated by what everybody may know of an award.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from api.desk.roster import Cohort, PathwayRole, SkillRole
from api.holding import Holding, Holdings
from api.node import Node
from api.progress import Progress, ProgressReading
from api.skill import Skills
from ledger.access import Actor
from ledger.error import ErasedError, NotFoundError

MAX_COLUMNS: Final = 60
"""Columns of the table on the page, those that most have first; the file has them all."""
WAY_STEPS: Final = 2_000
"""How far the search for one person's shortest way goes: there are many of them in one request."""
By = Literal["awards", "skills"]


@dataclass(frozen=True, slots=True)
class Person:
    """One of the cohort.

    Attributes:
        name: In the officer's words.
        awards: What the shares show, newest first.
        prefixes: Of the shares.
        until: When the first of these shares ends.
    """

    name: str
    awards: tuple[Holding, ...]
    prefixes: tuple[str, ...]
    until: datetime


@dataclass(frozen=True, slots=True)
class Column:
    """A micro-credential or a skill that somebody of the cohort has; ``about`` is who awards it, or the skill's URI."""

    key: str
    title: str
    language: str
    about: str


@dataclass(frozen=True, slots=True)
class Table:
    """Who has what: for each person a verdict or None a column, in the order of the columns.

    Attributes:
        columns: Those that are shown.
        rows: One a person.
        left_out: How many columns there are beside.
        counts: By column, how many have it and it is valid.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[Person, tuple[str | None, ...]], ...]
    left_out: int
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SkillGap:
    """What somebody lacks of a role's skills.

    Attributes:
        have: How many of them valid awards certify.
        need: How many there are.
        missing: Labels and URIs of the others.
        way: Titles and addresses of the fewest micro-credentials that certify these.
        not_offered: Labels of skills that none here certifies.
    """

    have: int
    need: int
    missing: tuple[tuple[str, str], ...]
    way: tuple[tuple[str, str], ...]
    not_offered: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """One person against the role: one of the two, or neither where the pathway is not there any more."""

    person: Person
    skills: SkillGap | None = None
    pathway: Progress | None = None

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing."""
        if self.skills is not None:
            return not self.skills.missing
        return self.pathway is not None and self.pathway.state in {"met", "done"}


class CohortReading:
    """Reads cohorts.

    Args:
        node: The process's parts.
        skills: Answers about skills.
    """

    def __init__(self, node: Node, skills: Skills) -> None:
        self._node = node
        self._skills = skills
        self._holdings = Holdings(node)
        self.progress: Final = ProgressReading(node)

    def look(self, cohort: Cohort) -> list[Person]:
        """Everybody whose share is open now, by name. Those of others are taken out of *cohort*, to be said."""
        now, links = self._node.ledger.now(), self._node.parts.links
        found: dict[str, list[tuple[str, datetime, list[Holding]]]] = {}
        gone: list[str] = []
        for prefix, name in list(cohort.entries.items()):
            try:
                link = links.known(prefix, now, "share")
                shown = links.shared(link)
            except (NotFoundError, ErasedError):
                if cohort.entries.pop(prefix, None) is not None:  # else another request of the session has found it
                    gone.append(name)
                continue
            held = self._holdings.of(link.learner, frozenset(shown.awards))
            found.setdefault(name, []).append((prefix, link.expires_at, held))
        cohort.gone = tuple(dict.fromkeys((*cohort.gone, *gone)))
        people = [_person(name, shares) for name, shares in found.items()]
        return sorted(people, key=lambda one: (one.name.casefold(), one.name))

    def standings(self, cohort: Cohort, people: Sequence[Person], actor: Actor, slug: str) -> list[Standing]:
        """Everybody against the cohort's role; empty when it has none."""
        role = cohort.role
        if isinstance(role, SkillRole):
            ways: dict[tuple[str, ...], Mapping[str, object]] = {}
            return [Standing(one, skills=self._gap(role, one, ways)) for one in people]
        if isinstance(role, PathwayRole):
            foreseen = self.progress.foreseen
            return [Standing(one, pathway=foreseen(actor, slug, role.pathway, one.awards)) for one in people]
        return []

    def _gap(self, role: SkillRole, person: Person, ways: dict[tuple[str, ...], Mapping[str, object]]) -> SkillGap:
        held = {uri for one in person.awards if one.verdict == "valid" for uri in one.skills}
        missing = tuple(uri for uri in role.skills if uri not in held)
        if missing not in ways:
            ways[missing] = self._skills.way(missing, WAY_STEPS)
        way = ways[missing]
        steps: Iterable[Mapping[str, str]] = way["way"]  # type: ignore[assignment]  # as `Skills.way` makes it
        beyond: Iterable[str] = way["not_offered"]  # type: ignore[assignment]  # as above
        return SkillGap(
            have=len(role.skills) - len(missing),
            need=len(role.skills),
            missing=tuple((self._skills.label(uri), uri) for uri in missing),
            way=tuple((step["title"], step["url"]) for step in steps),
            not_offered=tuple(self._skills.label(uri) for uri in beyond),
        )


def _person(name: str, shares: Sequence[tuple[str, datetime, list[Holding]]]) -> Person:
    awards = {one.credential: one for _, _, held in shares for one in held}
    ordered = sorted(awards.values(), key=lambda one: (one.valid_from, one.credential), reverse=True)
    return Person(name, tuple(ordered), tuple(one[0] for one in shares), min(one[1] for one in shares))


def tabulate(people: Sequence[Person], by: By, most: int | None = MAX_COLUMNS) -> Table:
    """Make the table of who has what.

    Args:
        people: One row each.
        by: What the columns are.
        most: How many columns there may be; None: all.
    """
    columns: dict[str, Column] = {}
    cells = [_cells(person, by, columns) for person in people]
    counts = {key: sum(row.get(key) == "valid" for row in cells) for key in columns}
    ordered = sorted(columns.values(), key=lambda one: (-counts[one.key], one.title.casefold(), one.key))
    shown = ordered[:most]
    rows = tuple((person, tuple(row.get(one.key) for one in shown)) for person, row in zip(people, cells, strict=True))
    return Table(tuple(shown), rows, len(ordered) - len(shown), tuple(counts[one.key] for one in shown))


def _cells(person: Person, by: By, columns: dict[str, Column]) -> dict[str, str]:
    """The best verdict of a person in each column, which is made when it is not there yet."""
    found: dict[str, str] = {}
    for one in person.awards:
        if by == "awards":
            key = f"{one.issuer}\n{one.code}" if one.code else one.credential
            columns.setdefault(key, Column(key, one.title, one.language, one.issuer))
            if found.get(key) is None or RANK[one.verdict] < RANK[found[key]]:
                found[key] = one.verdict
        elif one.verdict == "valid":
            for uri, label in one.skills.items():
                columns.setdefault(uri, Column(uri, label, "en", uri))
                found[uri] = "valid"
    return found


RANK: Final[Mapping[str, int]] = {"valid": 0, "unknown": 1, "invalid": 2}
