"""What a template may say beyond the elements of the EU Recommendation.

Open Badges 3.0 and the European Learning Model have members for it. It is public like the template, and about the offer
alone: nothing here is of a person.

Source: 1EdTech Open Badges 3.0, Achievement, Alignment, Related, ResultDescription, RubricCriterionLevel; European
Learning Model v3, LearningAchievementSpecification.
"""

from __future__ import annotations

import re
from typing import Final, Literal

import msgspec

from ledger.error import InvalidInputError

MAX_ITEMS = 30
MAX_NAME_CHARS = 200
MAX_TEXT_CHARS = 4_000
MAX_CREDITS_CENTI = 100_000
URI: Final = re.compile(r"(?:https?://|urn:|did:)[^\s<>\"]{3,400}")
NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")
ISCED_F: Final = re.compile(r"[0-9]{2,4}")
EXTENSION: Final = re.compile(r"ext:[A-Za-z0-9_-]{1,60}")

ACHIEVEMENT_TYPES: Final = frozenset(
    [
        "Achievement",
        "ApprenticeshipCertificate",
        "Assessment",
        "Assignment",
        "AssociateDegree",
        "Award",
        "Badge",
        "BachelorDegree",
        "Certificate",
        "CertificateOfCompletion",
        "Certification",
        "CoCurricular",
        "CommunityService",
        "Competency",
        "Course",
        "Degree",
        "Diploma",
        "DoctoralDegree",
        "Fieldwork",
        "GeneralEducationDevelopment",
        "JourneymanCertificate",
        "LearningProgram",
        "License",
        "MasterCertificate",
        "MasterDegree",
        "Membership",
        "MicroCredential",
        "ProfessionalDoctorate",
        "QualityAssuranceCredential",
        "ResearchDoctorate",
        "SecondarySchoolDiploma",
    ]
)
"""Source: Open Badges 3.0, AchievementType enumeration; other terms start with ``ext:``."""

TargetType = Literal[
    "ceasn:Competency",
    "ceterms:Credential",
    "CFItem",
    "CFRubric",
    "CFRubricCriterion",
    "CFRubricCriterionLevel",
    "CTDL",
]
ResultType = Literal[
    "GradePointAverage",
    "LetterGrade",
    "Percent",
    "PerformanceLevel",
    "PredictedScore",
    "RawScore",
    "Result",
    "RubricCriterion",
    "RubricCriterionLevel",
    "RubricScore",
    "ScaledScore",
    "Status",
]


class Alignment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An item of a published framework (ESCO, CTDL, CASE or another) to which something amounts."""

    name: str
    url: str
    framework: str | None = None
    type: TargetType | None = None
    code: str | None = None
    description: str | None = None


class Related(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An achievement that is the same for most purposes: another language, an earlier version. Never a part."""

    id: str
    language: str | None = None
    version: str | None = None


class Image(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A picture of the achievement, by its address."""

    url: str
    caption: str | None = None


class Identifier(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A further identifier of the achievement; ``type`` says in which scheme."""

    identifier: str
    type: str


class RubricLevel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A level that a result can reach; ``code`` names it within the result description."""

    code: str
    name: str
    level: str | None = None
    points: str | None = None
    description: str | None = None


class ResultDescription(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A result that can be had; ``code`` names it within the template, ``allowed_values`` run from least to most."""

    code: str
    name: str
    type: ResultType
    allowed_values: tuple[str, ...] = ()
    required_value: str | None = None
    value_min: str | None = None
    value_max: str | None = None
    levels: tuple[RubricLevel, ...] = ()
    required_level: str | None = None


class NationalLevel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A level of a national qualifications framework; ``url`` is the level's own address, where it has one."""

    framework: str
    level: str
    url: str | None = None


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part that the achievement is made of (a module); ``credits_centi`` is in hundredths of an ECTS credit."""

    title: str
    id: str | None = None
    credits_centi: int | None = None


class Entitlement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the achievement opens the way to."""

    title: str
    id: str | None = None


class Details(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything more that a template says. An element that is left out is null or an empty list."""

    achievement_type: str = "MicroCredential"
    tags: tuple[str, ...] = ()
    alignments: tuple[Alignment, ...] = ()
    related: tuple[Related, ...] = ()
    identifiers: tuple[Identifier, ...] = ()
    field_of_study: str | None = None
    isced_f: str | None = None
    specialization: str | None = None
    national_level: NationalLevel | None = None
    image: Image | None = None
    results: tuple[ResultDescription, ...] = ()
    parts: tuple[Part, ...] = ()
    entitles_to: tuple[Entitlement, ...] = ()

    def check(self) -> None:
        """Refuse details that are not well formed.

        Raises:
            InvalidInputError: The message and pointer name the element.
        """
        if self.achievement_type not in ACHIEVEMENT_TYPES and not EXTENSION.fullmatch(self.achievement_type):
            refuse(
                "an achievement type is one of Open Badges 3.0, or an extension such as ext:Microlearning",
                "/achievement_type",
            )
        if self.isced_f is not None and not ISCED_F.fullmatch(self.isced_f):
            refuse("an ISCED-F field is two to four digits, such as 0613", "/isced_f")
        check_members(self, "")
        self._check_results()
        for number, part in enumerate(self.parts):
            if part.credits_centi is not None and not 0 < part.credits_centi <= MAX_CREDITS_CENTI:
                refuse(f"credits_centi lies between 1 and {MAX_CREDITS_CENTI}", f"/parts/{number}/credits_centi")

    def _check_results(self) -> None:
        _check_codes([result.code for result in self.results], "/results")
        for number, result in enumerate(self.results):
            pointer = f"/results/{number}"
            levels = [level.code for level in result.levels]
            _check_codes(levels, f"{pointer}/levels")
            if result.required_level is not None and result.required_level not in levels:
                refuse("the level that is required is one of the levels", f"{pointer}/required_level")
            wrong = result.required_value not in {None, *result.allowed_values}
            if result.allowed_values and wrong:
                refuse("the value that is required is one of the allowed values", f"{pointer}/required_value")

    def result(self, code: str) -> ResultDescription | None:
        """The result description that is called *code*, or None."""
        return next((result for result in self.results if result.code == code), None)


LONG: Final = frozenset({"description", "narrative"})
URIS: Final = frozenset({"url", "id"})


def check_members(value: msgspec.Struct, pointer: str) -> None:
    """Refuse an empty or over-long text, a bad URI or a long list in *value* or in what it holds.

    Args:
        value: A struct of texts, of structs of its kind, and of tuples of both.
        pointer: RFC 6901 pointer of *value*.

    Raises:
        InvalidInputError: The message and pointer name the member.
    """
    for name in value.__struct_fields__:
        _check_member(name, getattr(value, name), f"{pointer}/{name}")


def _check_member(name: str, member: object, pointer: str) -> None:
    if isinstance(member, msgspec.Struct):
        check_members(member, pointer)
    elif isinstance(member, tuple):
        if len(member) > MAX_ITEMS:
            refuse(f"at most {MAX_ITEMS} of these", pointer)
        for number, item in enumerate(member):
            _check_member(name, item, f"{pointer}/{number}")
    elif isinstance(member, str):
        limit = MAX_TEXT_CHARS if name in LONG else MAX_NAME_CHARS
        if name in URIS:
            if not URI.fullmatch(member):
                refuse("this is an absolute URI: http(s), urn or did", pointer)
        elif not 0 < len(member.strip()) <= len(member) <= limit:
            refuse(f"this has 1 to {limit} characters; leave it out if there is none", pointer)


def _check_codes(codes: list[str], pointer: str) -> None:
    for number, code in enumerate(codes):
        if not NAME.fullmatch(code):
            refuse("a code is 1 to 64 letters, digits, dots, hyphens and underscores", f"{pointer}/{number}/code")
        if code in codes[:number]:
            refuse("this code is taken", f"{pointer}/{number}/code")


def refuse(message: str, pointer: str) -> None:
    """Raise the refusal of a member.

    Raises:
        InvalidInputError: Always.
    """
    raise InvalidInputError(message, pointer)
