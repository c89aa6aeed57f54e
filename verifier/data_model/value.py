"""Forms of single values: URLs, date-time stamps, terms, texts in a language.

Source: W3C VC Data Model 2.0, sections 4.4 (Identifiers), 4.5 (Types), 4.9.1 (Representing Time), 11.1 (Language and
Base Direction); W3C XML Schema Definition Language 1.1 Part 2, sections 3.3.7 and 3.4.28; RFC 5646, section 2.1.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from fractions import Fraction
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from verifier.data_model.problem import Problems
from verifier.strict_json import Json

Seconds = int | Fraction
"""Seconds since 1970: a fraction only where the stamp has one, since fractions are slow to compare."""
MAX_URL_CHARS: Final = 8_192
"""Longest URL that is taken for one; enveloped documents (`data:` URLs) are read elsewhere."""

_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20\x7f\"<>\\^`{|}]+")
_PLAIN_URL: Final = re.compile(r"(?:did|urn):|https?://[a-z0-9][a-z0-9.-]*(?:/|$)")
"""What needs no taking apart: there is a host, and no port, or none is needed."""
_STAMP: Final = re.compile(
    r"(?P<year>-?(?:[1-9][0-9]{3,15}|0[0-9]{3}))-(?P<month>0[1-9]|1[0-2])-(?P<day>0[1-9]|[12][0-9]|3[01])"
    r"T(?:(?P<hour>[01][0-9]|2[0-3]):(?P<minute>[0-5][0-9]):(?P<second>[0-5][0-9])(?:\.(?P<part>[0-9]{1,30}))?"
    r"|(?P<midnight>24:00:00(?:\.0{1,30})?))"
    r"(?P<zone>Z|(?P<sign>[+-])(?:(?P<zone_hour>0[0-9]|1[0-3]):(?P<zone_minute>[0-5][0-9])|(?P<zone_limit>14:00)))?"
)
_LANGUAGE: Final = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*")
_DIRECTIONS: Final = frozenset({"ltr", "rtl"})
_TEXT_MEMBERS: Final = frozenset({"@value", "@language", "@direction"})
_WITH_HOST: Final = frozenset({"http", "https", "ws", "wss", "ftp"})
_DAYS_OF_MONTH: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_FEBRUARY: Final = 2
_DAY_SECONDS: Final = 86_400
_USUAL_CHARS: Final = 20
SHORT_CHARS: Final = 256
"""Length up to which it is remembered whether a text is a URL."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def is_url(value: Json) -> bool:
    """Whether *value* is one absolute URL: a scheme, and what it needs after it.

    Not checked: whether anything is there, and rules of single schemes but that web addresses name a host.
    """
    if not isinstance(value, str) or len(value) > MAX_URL_CHARS:
        return False
    return _is_short_url(value) if len(value) <= SHORT_CHARS else _is_url(value)


def _is_url(value: str) -> bool:
    if _URL.fullmatch(value) is None:
        return False
    if _PLAIN_URL.match(value) is not None:
        return True
    try:
        parts = urlsplit(value)
        _ = parts.port  # raises ValueError when it is not a number up to 65535
        return parts.scheme not in _WITH_HOST or bool(parts.hostname)
    except ValueError:
        return False


_is_short_url = lru_cache(maxsize=4096)(_is_url)
"""Issuers, contexts and schemas are the same in a thousand credentials; what is remembered is bounded in length too."""


def seconds_of(stamp: str, *, needs_zone: bool = True) -> Seconds | None:
    """Return the instant of a date-time stamp as seconds since 1970, or None if it is none.

    Args:
        stamp: An XML Schema 1.1 dateTimeStamp such as ``2026-01-31T12:00:00Z``. Years beyond four digits are read.
        needs_zone: Whether one without an offset is none; otherwise it is read as UTC.
    """
    usual = _usual_seconds(stamp) if len(stamp) == _USUAL_CHARS else None
    if usual is not None:
        return usual
    match = _STAMP.fullmatch(stamp)
    if match is None or (needs_zone and match["zone"] is None):
        return None
    year, month, day = int(match["year"]), int(match["month"]), int(match["day"])
    if day > _DAYS_OF_MONTH[month - 1] + (month == _FEBRUARY and _is_leap(year)):
        return None
    seconds = _days_since_1970(year, month, day) * _DAY_SECONDS - _offset_seconds(match)
    if match["midnight"] is not None:
        return seconds + _DAY_SECONDS
    seconds += int(match["hour"]) * 3600 + int(match["minute"]) * 60 + int(match["second"])
    part = match["part"]
    return seconds + Fraction(int(part), 10 ** len(part)) if part else seconds


@lru_cache(maxsize=4096)
def _usual_seconds(stamp: str) -> int | None:
    instant = usual_instant(stamp)
    if instant is None:
        return None
    since = instant - _EPOCH
    return since.days * _DAY_SECONDS + since.seconds


def usual_instant(stamp: str) -> datetime | None:
    """Read ``YYYY-MM-DDTHH:MM:SSZ``, as nearly every stamp is written; None for anything else."""
    if len(stamp) != _USUAL_CHARS or stamp[4::3][:5] != "--T::" or stamp[-1] != "Z" or not stamp.isascii():
        return None
    try:
        return datetime.fromisoformat(stamp)
    except ValueError:
        return None


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _days_since_1970(year: int, month: int, day: int) -> int:
    """Count days in the proleptic Gregorian calendar, for any year."""
    # Years begin in March here, so that the leap day is the last one.
    shifted = year - (month <= _FEBRUARY)
    since_march = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return 365 * shifted + shifted // 4 - shifted // 100 + shifted // 400 + since_march - 719_468


def _offset_seconds(match: re.Match[str]) -> int:
    if match["sign"] is None:
        return 0
    minutes = 14 * 60 if match["zone_limit"] else int(match["zone_hour"]) * 60 + int(match["zone_minute"])
    return 60 * (minutes if match["sign"] == "+" else -minutes)


def check_id(value: dict[str, Json], pointer: str, problems: Problems, *, is_needed: bool = False) -> None:
    """Note if the object's `id` is not one URL, or is missing where there has to be one."""
    if "id" not in value:
        if is_needed:
            problems.add("an id is missing; it is one URL", f"{pointer}/id")
    elif not is_url(value["id"]):
        problems.add("an id is one URL", f"{pointer}/id")


def types_of(value: Json) -> tuple[str, ...] | None:
    """Return the types in a `type` member: one text or some; None if it is neither."""
    if isinstance(value, str):
        return (value,) if value.strip() else None
    if not isinstance(value, list) or not value:
        return None
    texts = tuple(one for one in value if isinstance(one, str) and one.strip())
    return texts if len(texts) == len(value) else None


def check_type(value: dict[str, Json], pointer: str, problems: Problems) -> tuple[str, ...]:
    """Note if the object has no type; return the types that it has."""
    if "type" not in value:
        problems.add("a type is missing", f"{pointer}/type")
        return ()
    types = types_of(value["type"])
    if types is None:
        problems.add("a type is one or more terms or absolute URLs", f"{pointer}/type")
    return types or ()


def check_text(value: Json, pointer: str, problems: Problems) -> None:
    """Note if *value* is neither a text nor texts that say their language.

    Source: W3C VC Data Model 2.0, sections 4.6 and 11.1.
    """
    if isinstance(value, list):
        if not value:
            problems.add("a list of texts is not empty", pointer)
        for number, one in enumerate(value):
            _check_language_value(one, f"{pointer}/{number}", problems)
    elif not isinstance(value, str):
        _check_language_value(value, pointer, problems)


def _check_language_value(value: Json, pointer: str, problems: Problems) -> None:
    if not isinstance(value, dict) or not isinstance(value.get("@value"), str):
        problems.add("a text is a string, or an object with @value and perhaps @language and @direction", pointer)
        return
    if set(value) - _TEXT_MEMBERS:
        problems.add("a text has @value, @language and @direction, and nothing else", pointer)
    language, direction = value.get("@language", "en"), value.get("@direction", "ltr")
    if not isinstance(language, str) or _LANGUAGE.fullmatch(language) is None:
        problems.add("a language is a tag such as en or ru", f"{pointer}/@language")
    if direction not in _DIRECTIONS:
        problems.add("a direction is ltr or rtl", f"{pointer}/@direction")


def objects_of(value: Json, pointer: str, problems: Problems) -> list[tuple[dict[str, Json], str]]:
    """Return one object, or the objects of a list, each with its pointer; note what is neither."""
    items = value if isinstance(value, list) else [value]
    if not items:
        problems.add("there is at least one object here, or no member at all", pointer)
    found: list[tuple[dict[str, Json], str]] = []
    for number, item in enumerate(items):
        place = f"{pointer}/{number}" if isinstance(value, list) else pointer
        if isinstance(item, dict) and item:
            found.append((item, place))
        else:
            problems.add("an object with members belongs here", place)
    return found
