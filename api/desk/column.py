"""What the columns of a class list are called, in English and in Russian. Other columns are not read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, TypeAlias

from api.page.language import Language

_Names: TypeAlias = tuple[str, str, str]
COLUMNS: Final[dict[str, _Names]] = {
    "name": ("name", "имя", "full name, learner, student, фио, имя и фамилия, слушатель, студент"),
    "email": ("email", "почта", "e-mail, mail, e-mail address, email address, эл. почта, электронная почта"),
    "reference": (
        "reference",
        "номер",
        "student number, student id, learner reference, id, номер студента, номер слушателя, табельный номер",
    ),
    "grade": ("grade", "оценка", "mark, result, балл, отметка"),
    "achievement": ("achievement", "микроквалификация", "code, micro-credential, microcredential, course, код, курс"),
    "awarded_on": ("awarded_on", "дата", "date, day, awarded, award date, дата присуждения, присуждено, день"),
    "valid_until": ("valid_until", "действует до", "expires, expires on, expiry, годен до, действительно до"),
    "activity_start": ("activity_start", "начало обучения", "start, started on, начало"),
    "activity_end": ("activity_end", "конец обучения", "end, ended on, конец, окончание"),
    "license_number": (
        "license_number",
        "номер документа",
        "certificate number, номер свидетельства, регистрационный номер",
    ),
}
"""Field -> its name in the English template, in the Russian one, and what else is understood."""
DATES: Final = ("awarded_on", "valid_until", "activity_start", "activity_end")
_SPACES: Final = re.compile(r"[\s_]+")


def _plain(text: str) -> str:
    return _SPACES.sub(" ", text.strip().casefold()).replace("ё", "е")


_FIELDS: Final = {
    _plain(name): field
    for field, (english, russian, others) in COLUMNS.items()
    for name in (english, russian, *others.split(", "))
}


def field_of(header: str) -> str | None:
    """The field that a column with this header is, or None."""
    return _FIELDS.get(_plain(header))


def known_columns(headers: Sequence[str]) -> list[str]:
    """The fields among some headers."""
    return [field for header in headers if (field := field_of(header)) is not None]


def header_of(field: str, language: Language) -> str:
    """What the column of a field is called in the files that we give out."""
    english, russian, _ = COLUMNS[field]
    return russian if language == "ru" else english


def template_headers(language: Language) -> list[str]:
    """The headers of the file to fill in."""
    return [header_of(field, language) for field in COLUMNS]
