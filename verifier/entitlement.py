"""Whether an accreditation extends to an award: its level, field, kind and country held against the limits.

An accreditation without limits extends to everything that its words say, which no machine can judge. One with limits
extends to an award that states a value in every dimension that is limited, and each of them among those named. An
award that states none, or a field broader than those named, is neither inside nor outside.

The edition is the one that the log proves to be the award's; nothing is taken from the document.

Source: docs/spec/directory.md, "Limits"; Open Badges 3.0, AchievementType; QF-EHEA cycles by EQF level, Council
Recommendation 2017/C 189/03, Annex II.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from verifier.directory import Limits, Record
from verifier.event import Edition, PublishedInDetail, RevisedInDetail

KINDS: Final = {
    "MicroCredential": "micro_credential",
    **dict.fromkeys(
        (
            "ApprenticeshipCertificate",
            "Certificate",
            "CertificateOfCompletion",
            "Certification",
            "JourneymanCertificate",
            "MasterCertificate",
        ),
        "certificate",
    ),
    **dict.fromkeys(("Diploma", "GeneralEducationDevelopment", "SecondarySchoolDiploma"), "diploma"),
    **dict.fromkeys(
        (
            "AssociateDegree",
            "BachelorDegree",
            "Degree",
            "DoctoralDegree",
            "MasterDegree",
            "ProfessionalDoctorate",
            "ResearchDoctorate",
        ),
        "degree",
    ),
}
"""Kind of credential by achievement type; every other type is `other`."""
OTHER_KIND: Final = "other"
CYCLE_LEVELS: Final = {"short": 5, "first": 6, "second": 7, "third": 8}
"""EQF level of each cycle of the QF-EHEA."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What an award is, as far as limits look at it; None where its edition does not say."""

    level: int | None
    field: str | None
    kind: str
    country: str


@dataclass(frozen=True, slots=True)
class Fit:
    """How an award lies to limits: what is outside of them, and what they ask for that it does not state."""

    outside: tuple[str, ...] = ()
    unstated: tuple[str, ...] = ()

    @property
    def is_within(self) -> bool:
        """Whether it is within all of them."""
        return not self.outside and not self.unstated


def subject_of(edition: Edition, record: Record) -> Subject:
    """Return what an award under an edition of the institution is; without details it is a micro-credential."""
    details = edition.details if isinstance(edition, (PublishedInDetail, RevisedInDetail)) else {}
    template = edition.template
    field = details.get("isced_f")
    return Subject(
        level=template.eqf_level or CYCLE_LEVELS.get(template.qf_ehea or ""),
        field=field if isinstance(field, str) else None,
        kind=KINDS.get(str(details.get("achievement_type", "MicroCredential")), OTHER_KIND),
        country=record.country,
    )


def fit(limits: Limits | None, subject: Subject | None) -> Fit:
    """Say how an award lies to limits; without limits, or of a document that is no award, within them."""
    if limits is None or subject is None:
        return Fit()
    outside: list[str] = []
    unstated: list[str] = []
    for name, value, named in (
        ("level", subject.level, limits.levels),
        ("kind", subject.kind, limits.kinds),
        ("country", subject.country, [] if limits.country is None else [limits.country]),
    ):
        if not named or value in named:
            continue
        if value is None:
            unstated.append(f"no {name} is stated")
        else:
            outside.append(f"{name} {value} is not among {_list(named)}")
    _judge_field(subject.field, limits.fields, outside, unstated)
    return Fit(tuple(outside), tuple(unstated))


def _judge_field(field: str | None, named: list[str], outside: list[str], unstated: list[str]) -> None:
    """A broad field holds the narrow ones whose codes begin with its own."""
    if not named:
        return
    if field is None:
        unstated.append("no field is stated")
    elif any(field.startswith(one) for one in named):
        return
    elif any(one.startswith(field) for one in named):
        unstated.append(f"field {field} is broader than {_list(named)}")
    else:
        outside.append(f"field {field} is not within {_list(named)}")


def _list(values: object) -> str:
    return ", ".join(str(value) for value in values) if isinstance(values, list) else str(values)
