"""In which language a page speaks, and how dates and numbers look in it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final, TypeAlias
from urllib.parse import parse_qs

from babel import Locale
from babel.dates import format_date, format_datetime, format_timedelta
from babel.numbers import format_decimal
from starlette.types import Scope

from api.media_type import header, weighted_values
from api.page import catalogue
from verifier.wording import MAX_VALUE_CHARS, REASONS, SENTENCES, Coded, Text

Language: TypeAlias = str
"""A code of ISO 639 for which there are texts: one of `LANGUAGES`."""
COMPLETE: Final[tuple[Language, ...]] = ("en", "ru")
"""The languages of the ledger, whose texts a test keeps complete."""
LANGUAGES: Final[tuple[Language, ...]] = (*COMPLETE, *catalogue.codes())
"""These, and each that has a catalogue beside them."""
FALLBACK: Final[Language] = "en"
# British English, since the pages write for Europe: 1 March 2026.
_LOCALES: Final[Mapping[Language, str]] = {"en": "en_GB", "ru": "ru_RU"}
_CENTI: Final = 100

Messages: TypeAlias = Mapping[str, Mapping[str, str]]


def choose_language(scope: Scope) -> Language:
    """Return the language for a request: what `?lang=` names, else what the browser prefers."""
    query = parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=32)
    asked = query.get("lang", [""])[0]
    weights = weighted_values(header(scope, "accept-language") or "")
    preferred: dict[str, float] = {}
    for tag, weight in weights.items():
        primary = tag.partition("-")[0]
        preferred[primary] = max(weight, preferred.get(primary, 0.0))
    best = max(LANGUAGES, key=lambda language: preferred.get(language, 0.0))
    return next((language for language in LANGUAGES if language == asked), best)


class Speech:
    """Everything that depends on the language of a page.

    Args:
        language: The language.
    """

    def __init__(self, language: Language) -> None:
        self.language = language
        self.messages = read_messages(language)
        self._locale = Locale.parse(_LOCALES.get(language, language))
        self._catalogue = {} if language in COMPLETE else catalogue.read(language)

    def sentence(self, text: Text) -> str:
        """Say what the verifier says; in English what a catalogue leaves out."""
        if self.language in COMPLETE:
            return _in(text, self.language)
        translated = self._catalogue.get(f"{catalogue.SENTENCE}.{text.code}")
        if translated is None:
            return text.en
        return translated.format_map({name: self._value(value) for name, value in text.values.items()})

    def template(self, code: str) -> str:
        """The verifier's sentence of that code, with its fields."""
        if self.language in COMPLETE:
            return _in(SENTENCES[code], self.language)
        return self._catalogue.get(f"{catalogue.SENTENCE}.{code}", SENTENCES[code].en)

    def reason(self, code: str) -> str:
        """The words of an issuer's reason; a code that nobody knows stays as it is."""
        if code not in REASONS:
            return code[:MAX_VALUE_CHARS]
        if self.language in COMPLETE:
            return _in(REASONS[code], self.language)
        return self._catalogue.get(f"{catalogue.REASON}.{code}", REASONS[code].en)

    def _value(self, value: object) -> str:
        if isinstance(value, datetime):
            is_day = (value.hour, value.minute, value.second) == (0, 0, 0)
            return self.day(value) if is_day else f"{self.day(value)}, {value.astimezone(UTC):%H:%M} UTC"
        if isinstance(value, timedelta):
            return format_timedelta(value, locale=self._locale)
        return self.reason(value.code) if isinstance(value, Coded) else str(value)[:MAX_VALUE_CHARS]

    def day(self, instant: datetime) -> str:
        """Write the UTC day of an instant in words."""
        return format_date(instant.astimezone(UTC), "long", locale=self._locale)

    def calendar_day(self, text: str) -> str:
        """Write a calendar day (`YYYY-MM-DD`) in words."""
        return format_date(date.fromisoformat(text), "long", locale=self._locale)

    def moment(self, instant: datetime) -> str:
        """Write an instant to the second, in UTC and saying so."""
        time = format_datetime(instant, "HH:mm:ss", tzinfo=UTC, locale=self._locale)
        return f"{self.day(instant)}, {time} UTC"

    def tick(self, at: datetime, first: datetime, last: datetime) -> str:
        """Write an instant on an axis from *first* to *last*: as short as tells it from its neighbours."""
        if at.year != first.year or last.year - first.year > 1:
            return str(at.year)
        if (last - first) < timedelta(days=2):
            return format_datetime(at, "HH:mm:ss", tzinfo=UTC, locale=self._locale)
        return format_date(at.astimezone(UTC), "medium", locale=self._locale)

    def number(self, count: float) -> str:
        """Write a count, or a measured number, with its groups of digits."""
        return format_decimal(count, locale=self._locale)

    def country(self, code: str) -> str:
        """Write an ISO 3166 country in words; an unknown code stays as it is."""
        return str(self._locale.territories.get(code, code))

    def credits(self, centi: int) -> str:
        """Write credits that are given in hundredths."""
        return format_decimal(Decimal(centi) / _CENTI, locale=self._locale)


def read_messages(language: Language) -> Messages:
    """Read the texts of a language from its file beside this module; English where a catalogue has none."""
    if language in COMPLETE:
        return catalogue.read_toml(language)
    translated = catalogue.read(language)
    return {
        section: {name: translated.get(f"{section}.{name}", text) for name, text in texts.items()}
        for section, texts in catalogue.read_toml(FALLBACK).items()
    }


def _in(text: Text, language: Language) -> str:
    return text.ru if language == "ru" else text.en
