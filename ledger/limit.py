"""What an accreditation or an agreement extends to: levels, fields, kinds of credential, a country.

A limit that names nothing in a dimension does not limit it. Where one is named, an award has to state its own value
and the value has to be among those named: an award that says nothing of its field, or names a broader one than the
limit does, is neither inside nor outside of it, and whoever asks is told so.

Source: European Learning Model v3, Accreditation (limitEQFLevel, limitField, limitCredentialType, limitJurisdiction);
ISCED-F 2013, whose narrower codes begin with the broader one.
"""

from __future__ import annotations

import re
from typing import Final, Literal, TypeAlias

import msgspec

from ledger.achievement import MAX_EQF, MIN_EQF, Template
from ledger.detail import ISCED_F, Details
from ledger.error import InvalidInputError

CredentialKind: TypeAlias = Literal["micro_credential", "certificate", "diploma", "degree", "other"]
MAX_FIELDS: Final = 60
_COUNTRY: Final = re.compile(r"[A-Z]{2}")

KINDS: Final[dict[str, CredentialKind]] = {
    "MicroCredential": "micro_credential",
    "ApprenticeshipCertificate": "certificate",
    "Certificate": "certificate",
    "CertificateOfCompletion": "certificate",
    "Certification": "certificate",
    "JourneymanCertificate": "certificate",
    "MasterCertificate": "certificate",
    "Diploma": "diploma",
    "GeneralEducationDevelopment": "diploma",
    "SecondarySchoolDiploma": "diploma",
    "AssociateDegree": "degree",
    "BachelorDegree": "degree",
    "Degree": "degree",
    "DoctoralDegree": "degree",
    "MasterDegree": "degree",
    "ProfessionalDoctorate": "degree",
    "ResearchDoctorate": "degree",
}
"""Kind of credential by achievement type of Open Badges 3.0; every other type is of the kind ``other``."""
CYCLE_LEVELS: Final = {"short": 5, "first": 6, "second": 7, "third": 8}
"""EQF level of each cycle of the QF-EHEA. Source: Council Recommendation of 22 May 2017 (2017/C 189/03), Annex II."""


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What an award is, as far as limits look at it; None where it does not say.

    Attributes:
        level: EQF level.
        field: ISCED-F code of two to four digits.
        kind: Kind of credential.
        country: Where the institution is that awarded it, ISO 3166-1 alpha-2.
    """

    level: int | None
    field: str | None
    kind: CredentialKind
    country: str | None


class Fit(msgspec.Struct, frozen=True):
    """How an award lies to limits: in which dimensions outside, and in which it does not say.

    The dimensions are ``level``, ``field``, ``kind`` and ``country``.
    """

    outside: tuple[str, ...] = ()
    unstated: tuple[str, ...] = ()

    @property
    def is_within(self) -> bool:
        """Whether the award lies within all of the limits."""
        return not self.outside and not self.unstated


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """EQF levels, ISCED-F fields (a broad one holds its narrow ones), kinds, and a country; empty and None: any."""

    levels: tuple[int, ...] = ()
    fields: tuple[str, ...] = ()
    kinds: tuple[CredentialKind, ...] = ()
    country: str | None = None

    def check(self, pointer: str = "/limits") -> None:
        """Refuse limits that are not well formed.

        Args:
            pointer: Where they stand in the command.

        Raises:
            InvalidInputError: The message and pointer name the member.
        """
        for name in ("levels", "fields", "kinds"):
            values = getattr(self, name)
            if len(set(values)) != len(values):
                message = "each of these stands here once"
                raise InvalidInputError(message, f"{pointer}/{name}")
        if not all(MIN_EQF <= level <= MAX_EQF for level in self.levels):
            message = f"an EQF level lies between {MIN_EQF} and {MAX_EQF}"
            raise InvalidInputError(message, f"{pointer}/levels")
        if len(self.fields) > MAX_FIELDS or not all(ISCED_F.fullmatch(field) for field in self.fields):
            message = f"up to {MAX_FIELDS} ISCED-F fields of two to four digits, such as 06 or 0613"
            raise InvalidInputError(message, f"{pointer}/fields")
        if self.country is not None and not _COUNTRY.fullmatch(self.country):
            message = "a country is two capital letters (ISO 3166-1 alpha-2), such as EE"
            raise InvalidInputError(message, f"{pointer}/country")

    def fit(self, subject: Subject) -> Fit:
        """Say how *subject* lies to these limits."""
        # A limit to a narrow field says nothing of an award that states the broad one only.
        field = subject.field
        vague = field is not None and any(limit.startswith(field) and limit != field for limit in self.fields)
        limited = {
            "level": (self.levels, subject.level, subject.level in self.levels),
            "field": (self.fields, field, (field or "").startswith(self.fields) or (None if vague else False)),
            "kind": (self.kinds, subject.kind, subject.kind in self.kinds),
            "country": (self.country, subject.country, subject.country == self.country),
        }
        asked = {name: None if value is None else inside for name, (limit, value, inside) in limited.items() if limit}
        return Fit(
            outside=tuple(name for name, inside in asked.items() if inside is False),
            unstated=tuple(name for name, inside in asked.items() if inside is None),
        )


NO_LIMITS: Final = Limits()
"""Everything."""


def level_of(template: Template) -> int | None:
    """The EQF level of a template, by its own word or by its cycle of the QF-EHEA."""
    return template.eqf_level or CYCLE_LEVELS.get(template.qf_ehea or "")


def subject_of(template: Template, details: Details | None, country: str) -> Subject:
    """What an award under a template is; without details it is a micro-credential of no stated field.

    Args:
        template: Of the edition that it was awarded under.
        details: Of the same edition.
        country: Where the institution is.
    """
    kind = "MicroCredential" if details is None else details.achievement_type
    return Subject(
        level=level_of(template),
        field=None if details is None else details.isced_f,
        kind=KINDS.get(kind, "other"),
        country=country,
    )
