"""Aggregate ``Achievement``: the versioned template of a micro-credential.

The template carries the nine of the eleven mandatory elements of the EU Recommendation that do not depend on the
learner, so that a claim which lacks one cannot be made at all. A revision is a new edition; awards name the edition
they were made under, and an edition never changes.

Source: Council Recommendation of 16 June 2022 (2022/C 243/02), Annex I.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import ClassVar, Literal, TypeAlias
from uuid import UUID

import msgspec

from ledger.aggregate import Aggregate
from ledger.detail import Details
from ledger.error import InvalidInputError, MissingElementError, RuleError
from ledger.event import DomainEvent, Event, Instant

CODE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
SKILL_URI = re.compile(r"https?://[^\s<>\"]{4,300}")
MAX_TITLE_CHARS = 200
MAX_TEXT_CHARS = 4_000
MAX_OUTCOMES = 30
MAX_CREDITS_CENTI = 100_000
MAX_WORKLOAD_MINUTES = 10_000_000

QfEhea = Literal["short", "first", "second", "third"]
MIN_EQF, MAX_EQF = 1, 8


class Outcome(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One learning outcome, with the published skill that it amounts to, if there is one."""

    text: str
    skill_uri: str | None = None
    skill_name: str | None = None


class Template(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an institution says about a micro-credential before anyone has earned it.

    Quantities are integers of the smallest unit: ``credits_centi`` is hundredths of an ECTS credit,
    ``workload_minutes`` minutes of notional workload. Either will do; both may be given.
    """

    title: str
    language: str
    description: str
    outcomes: tuple[Outcome, ...]
    assessment: str
    participation: str
    quality_assurance: str
    criteria: str
    credits_centi: int | None = None
    workload_minutes: int | None = None
    eqf_level: int | None = None
    qf_ehea: QfEhea | None = None
    supervision: str | None = None
    prerequisites: str | None = None
    stackable: str | None = None

    def check(self) -> None:
        """Refuse a template that lacks a mandatory element or carries an ill-formed one.

        Raises:
            MissingElementError: A mandatory element is absent or blank; the message and pointer name it.
            InvalidInputError: An element is there but not well formed.
        """
        self._check_mandatory_texts()
        self._check_outcomes()
        self._check_workload_and_level()
        if not LANGUAGE.fullmatch(self.language):
            message = "the language is a BCP 47 tag such as en or pt-BR"
            raise InvalidInputError(message, "/language")
        for name in ("description", "criteria", "supervision", "prerequisites", "stackable"):
            _check_length(getattr(self, name), name)

    def _check_mandatory_texts(self) -> None:
        elements = {
            "title": "title of the micro-credential",
            "assessment": "type of assessment",
            "participation": "form of participation in the learning activity",
            "quality_assurance": "type of quality assurance",
            "criteria": "criteria for earning it",
            "description": "description",
        }
        for name, element in elements.items():
            if not getattr(self, name).strip():
                raise missing(element, f"/{name}")
            _check_length(getattr(self, name), name)
        if len(self.title) > MAX_TITLE_CHARS:
            message = f"a title has at most {MAX_TITLE_CHARS} characters"
            raise InvalidInputError(message, "/title")

    def _check_outcomes(self) -> None:
        if not self.outcomes:
            element = "learning outcomes"
            raise missing(element, "/outcomes")
        if len(self.outcomes) > MAX_OUTCOMES:
            message = f"at most {MAX_OUTCOMES} learning outcomes"
            raise InvalidInputError(message, "/outcomes")
        for number, outcome in enumerate(self.outcomes):
            if not outcome.text.strip():
                element = "learning outcomes"
                raise missing(element, f"/outcomes/{number}/text")
            _check_length(outcome.text, f"outcomes/{number}/text")
            if outcome.skill_uri is not None and not SKILL_URI.fullmatch(outcome.skill_uri):
                message = "a skill is named by an absolute http(s) URI"
                raise InvalidInputError(message, f"/outcomes/{number}/skill_uri")

    def _check_workload_and_level(self) -> None:
        if self.credits_centi is None and self.workload_minutes is None:
            element = "notional workload (credits_centi in hundredths of an ECTS credit, or workload_minutes)"
            raise missing(element, "/credits_centi")
        for name, limit in (("credits_centi", MAX_CREDITS_CENTI), ("workload_minutes", MAX_WORKLOAD_MINUTES)):
            value = getattr(self, name)
            if value is not None and not 0 < value <= limit:
                message = f"{name} lies between 1 and {limit}"
                raise InvalidInputError(message, f"/{name}")
        if self.eqf_level is None and self.qf_ehea is None:
            element = "level of the learning experience (eqf_level, or qf_ehea)"
            raise missing(element, "/eqf_level")
        if self.eqf_level is not None and not MIN_EQF <= self.eqf_level <= MAX_EQF:
            message = f"an EQF level lies between {MIN_EQF} and {MAX_EQF}"
            raise InvalidInputError(message, "/eqf_level")


class Achievement(Aggregate, frozen=True, kw_only=True):
    """State of a template: its newest edition and all before it; ``details`` has one place for each edition."""

    institution: UUID
    code: str
    editions: tuple[Template, ...]
    details: tuple[Details | None, ...] = (None,)

    class Published(Event, frozen=True, kw_only=True):
        """The first edition was published."""

        TOPIC: ClassVar[str] = "achievement.published.v1"
        institution: UUID
        code: str
        edition: int
        template: Template
        recorded_at: Instant

    class Revised(Event, frozen=True, kw_only=True):
        """A further edition was published; the earlier ones stand for what was awarded under them."""

        TOPIC: ClassVar[str] = "achievement.revised.v1"
        institution: UUID
        code: str
        edition: int
        template: Template
        recorded_at: Instant

    class PublishedInDetail(Event, frozen=True, kw_only=True):
        """The first edition was published, with more than the Recommendation's elements."""

        TOPIC: ClassVar[str] = "achievement.published.v2"
        institution: UUID
        code: str
        edition: int
        template: Template
        details: Details
        recorded_at: Instant

    class RevisedInDetail(Event, frozen=True, kw_only=True):
        """A further edition was published, with more than the Recommendation's elements."""

        TOPIC: ClassVar[str] = "achievement.revised.v2"
        institution: UUID
        code: str
        edition: int
        template: Template
        details: Details
        recorded_at: Instant

    @classmethod
    def publish(
        cls,
        *,
        id: UUID,  # noqa: A002  what every aggregate calls it
        institution: UUID,
        code: str,
        template: Template,
        details: Details | None = None,
        at: datetime,
    ) -> DomainEvent:
        """Publish the first edition.

        Raises:
            InvalidInputError: The code or the template is not well formed, or an element is missing.
        """
        if not CODE.fullmatch(code):
            message = "a code is 1 to 64 letters, digits, dots, hyphens and underscores"
            raise InvalidInputError(message, "/code")
        _check(template, details)
        body = _edition((cls.Published, cls.PublishedInDetail), institution, code, 1, template, details, at)
        return DomainEvent(id, 1, body)

    def revise(self, *, template: Template, details: Details | None = None, at: datetime) -> list[DomainEvent]:
        """Publish a further edition.

        Raises:
            InvalidInputError: The template is not well formed, or an element is missing.
            RuleError: Nothing differs from the newest edition.
        """
        _check(template, details)
        if (template, details) == (self.editions[-1], self.details[-1]):
            message = "nothing differs from the newest edition"
            raise RuleError(message)
        kinds = (self.Revised, self.RevisedInDetail)
        number = len(self.editions) + 1
        return self.follow(_edition(kinds, self.institution, self.code, number, template, details, at))

    @classmethod
    def begin(cls, originator_id: UUID, body: Event) -> Achievement:
        """State after publication."""
        assert isinstance(body, cls.Published | cls.PublishedInDetail)  # noqa: S101  the mapper has checked the topic
        return cls(
            id=originator_id,
            version=1,
            institution=body.institution,
            code=body.code,
            editions=(body.template,),
            details=(details_of(body),),
        )

    def evolve(self, body: Event) -> Achievement:
        """State after one more edition."""
        if isinstance(body, Achievement.Revised | Achievement.RevisedInDetail):
            editions, details = (*self.editions, body.template), (*self.details, details_of(body))
            return msgspec.structs.replace(self, editions=editions, details=details)
        return self


EditionEvent: TypeAlias = (
    Achievement.Published | Achievement.Revised | Achievement.PublishedInDetail | Achievement.RevisedInDetail
)
"""An event that published an edition."""
FIRST: tuple[type[Event], ...] = (Achievement.Published, Achievement.PublishedInDetail)
"""Those that published a first edition."""


def details_of(body: EditionEvent) -> Details | None:
    """What an edition's event says beyond the template, if anything."""
    return body.details if isinstance(body, Achievement.PublishedInDetail | Achievement.RevisedInDetail) else None


def _check(template: Template, details: Details | None) -> None:
    template.check()
    if details is not None:
        try:
            details.check()
        except InvalidInputError as error:
            raise InvalidInputError(error.detail, f"/details{error.pointer}") from error


def _edition(
    kinds: tuple[Callable[..., Event], Callable[..., Event]],
    institution: UUID,
    code: str,
    edition: int,
    template: Template,
    details: Details | None,
    at: datetime,
) -> Event:
    """The event of an edition: of the first kind without details, so that nothing changes for who has none."""
    members = {"institution": institution, "code": code, "edition": edition, "template": template}
    if details is None:
        return kinds[0](**members, recorded_at=at)
    return kinds[1](**members, details=details, recorded_at=at)


def missing(element: str, pointer: str) -> MissingElementError:
    """The error for a mandatory element that is not there."""
    message = f"the mandatory element «{element}» of a micro-credential is missing"
    return MissingElementError(message, pointer)


def _check_length(value: str | None, name: str) -> None:
    if value is not None and len(value) > MAX_TEXT_CHARS:
        message = f"{name} has at most {MAX_TEXT_CHARS} characters"
        raise InvalidInputError(message, f"/{name}")


EVENTS: tuple[type[Event], ...] = (
    Achievement.Published,
    Achievement.Revised,
    Achievement.PublishedInDetail,
    Achievement.RevisedInDetail,
)
"""Every event of this aggregate."""
