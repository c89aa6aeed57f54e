"""The made-up institutions and what they offer, read strictly from ``content/*.toml``.

One file per institution; ``skills.toml`` maps the preferred English label of an ESCO skill to its
URI, so that a URI is written down once. Days are counted from the start of the five years that a
plan spans, and may lie before it. Where the URIs were seen: ``docs/demo-sources.md``.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Literal, TypeVar

import msgspec

from ledger.achievement import Outcome, QfEhea, Template
from ledger.error import LedgerError
from ledger.institution import InstitutionKind

INSTITUTION_FILES = (
    "hochschule-falkenmoor.toml",
    "sinya-planina-college.toml",
    "dniprovets-open-university.toml",
    "norrvik-academy.toml",
    "sainte-aldine-hospital.toml",
)
SKILLS_FILE = "skills.toml"

Script = Literal["latin", "cyrillic"]
_T = TypeVar("_T")


class CatalogueError(Exception):
    """A data file of the demonstration is not well formed."""


class AccreditationEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who says that an institution may award, and what; ``until_day`` None means without an end."""

    by: str
    scope: str
    from_day: int
    until_day: int | None = None


class RevisionEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A further edition of an achievement and the day on which it was published."""

    day: int
    template: Template


class AchievementEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A micro-credential: its first edition and the later ones.

    An award of it holds for ``validity_days`` days, or for ever when that is None.
    """

    code: str
    published_day: int
    validity_days: int | None
    template: Template
    revisions: tuple[RevisionEntry, ...]


class InstitutionEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An institution, the grades that it gives and the script of most of its learners' names."""

    slug: str
    name: str
    country: str
    kind: InstitutionKind
    joined_day: int
    script: Script
    grades: tuple[str, ...]
    accreditations: tuple[AccreditationEntry, ...]
    achievements: tuple[AchievementEntry, ...]


class _OutcomeFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    text: str
    skill: str | None = None


class _RevisionFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    day: int
    description: str | None = None
    criteria: str | None = None
    workload_minutes: int | None = None
    outcomes: tuple[_OutcomeFile, ...] | None = None


class _AchievementFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    code: str
    published_day: int
    title: str
    language: str
    description: str
    assessment: str
    participation: str
    criteria: str
    outcomes: tuple[_OutcomeFile, ...]
    validity_days: int | None = None
    credits_centi: int | None = None
    workload_minutes: int | None = None
    eqf_level: int | None = None
    qf_ehea: QfEhea | None = None
    supervision: str | None = None
    prerequisites: str | None = None
    stackable: str | None = None
    revisions: tuple[_RevisionFile, ...] = ()


class _InstitutionFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    slug: str
    name: str
    country: str
    kind: InstitutionKind
    joined_day: int
    script: Script
    grades: tuple[str, ...]
    quality_assurance: str
    accreditations: tuple[AccreditationEntry, ...]
    achievements: tuple[_AchievementFile, ...]


def load_skills() -> dict[str, str]:
    """Read the table of skills.

    Returns:
        The URI of each ESCO skill by its preferred English label.

    Raises:
        CatalogueError: The file is not a table of strings.
    """
    return read_content(SKILLS_FILE, dict[str, str])


def load_catalogue() -> tuple[InstitutionEntry, ...]:
    """Read every institution with all that it offers.

    Returns:
        The institutions in the order in which they are listed in :data:`INSTITUTION_FILES`.

    Raises:
        CatalogueError: A file has an unknown or missing field, a template lacks a mandatory
            element, or a skill is not in the table.
    """
    skills = load_skills()
    return tuple(_institution(read_content(name, _InstitutionFile), skills) for name in INSTITUTION_FILES)


def _institution(entry: _InstitutionFile, skills: dict[str, str]) -> InstitutionEntry:
    return InstitutionEntry(
        slug=entry.slug,
        name=entry.name,
        country=entry.country,
        kind=entry.kind,
        joined_day=entry.joined_day,
        script=entry.script,
        grades=entry.grades,
        accreditations=entry.accreditations,
        achievements=tuple(
            _achievement(achievement, entry.quality_assurance, skills) for achievement in entry.achievements
        ),
    )


def _achievement(entry: _AchievementFile, quality_assurance: str, skills: dict[str, str]) -> AchievementEntry:
    first = Template(
        title=entry.title,
        language=entry.language,
        description=entry.description,
        outcomes=_outcomes(entry.outcomes, skills),
        assessment=entry.assessment,
        participation=entry.participation,
        quality_assurance=quality_assurance,
        criteria=entry.criteria,
        credits_centi=entry.credits_centi,
        workload_minutes=entry.workload_minutes,
        eqf_level=entry.eqf_level,
        qf_ehea=entry.qf_ehea,
        supervision=entry.supervision,
        prerequisites=entry.prerequisites,
        stackable=entry.stackable,
    )
    return AchievementEntry(
        code=entry.code,
        published_day=entry.published_day,
        validity_days=entry.validity_days,
        template=_checked(first, entry.code),
        revisions=_revisions(entry, first, skills),
    )


def _revisions(entry: _AchievementFile, first: Template, skills: dict[str, str]) -> tuple[RevisionEntry, ...]:
    editions: list[RevisionEntry] = []
    newest = first
    for revision in entry.revisions:
        newest = msgspec.structs.replace(newest, **_changes(revision, skills))
        editions.append(RevisionEntry(day=revision.day, template=_checked(newest, entry.code)))
    return tuple(editions)


def _changes(revision: _RevisionFile, skills: dict[str, str]) -> dict[str, object]:
    changes: dict[str, object] = {
        name: value
        for name in ("description", "criteria", "workload_minutes")
        if (value := getattr(revision, name)) is not None
    }
    if revision.outcomes is not None:
        changes["outcomes"] = _outcomes(revision.outcomes, skills)
    return changes


def _outcomes(entries: tuple[_OutcomeFile, ...], skills: dict[str, str]) -> tuple[Outcome, ...]:
    return tuple(
        Outcome(text=entry.text, skill_uri=_skill_uri(entry.skill, skills), skill_name=entry.skill) for entry in entries
    )


def _skill_uri(label: str | None, skills: dict[str, str]) -> str | None:
    if label is None:
        return None
    try:
        return skills[label]
    except KeyError as error:
        raise CatalogueError(f"the skill {label!r} is not in {SKILLS_FILE}") from error


def _checked(template: Template, code: str) -> Template:
    try:
        template.check()
    except LedgerError as error:
        raise CatalogueError(f"{code}: {error}") from error
    return template


def read_content(name: str, kind: type[_T]) -> _T:
    """Read a data file, TOML or JSON by its name, as a *kind*.

    Raises:
        CatalogueError: It is not of the kind.
    """
    text = (files("api.demo") / "content" / name).read_text(encoding="utf-8")
    try:
        decode = msgspec.json.decode if name.endswith(".json") else msgspec.toml.decode
        return decode(text, type=kind)
    except msgspec.DecodeError as error:
        raise CatalogueError(f"{name}: {error}") from error
