"""Instants in query strings and options of commands."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Final

import msgspec

from api.error import FieldError, InvalidRequestError

DAY: Final = len("2026-01-31")


def parse_instant(text: str | None, name: str) -> datetime | None:
    """Read an RFC 3339 instant, or a calendar day, which stands for its beginning in UTC.

    Args:
        text: The parameter's value; a ``+`` that a query string turned into a space is put right.
        name: The parameter's name, for the error.

    Raises:
        InvalidRequestError: It is neither.
    """
    if text is None:
        return None
    candidate = f"{text}T00:00:00Z" if len(text) == DAY else text.replace(" ", "+")
    try:
        instant = msgspec.convert(candidate, datetime)
        if instant.tzinfo is None:
            raise ValueError(text)  # noqa: TRY301  one refusal for every unreadable instant
        return instant.astimezone(UTC)
    except (msgspec.ValidationError, ValueError, OverflowError) as error:
        message = f"{name} is an instant with its offset, such as 2026-01-31T12:00:00Z, or a day such as 2026-01-31"
        raise InvalidRequestError(message, errors=(FieldError(message, parameter=name),)) from error


def parse_day(text: str, name: str) -> date:
    """Read a calendar day.

    Args:
        text: The parameter's value.
        name: The parameter's name, for the error.

    Raises:
        InvalidRequestError: It is none.
    """
    try:
        return msgspec.convert(text, date)
    except msgspec.ValidationError as error:
        message = f"{name} is a day such as 2026-01-31"
        raise InvalidRequestError(message, errors=(FieldError(message, parameter=name),)) from error


def in_utc(given: datetime) -> datetime:
    """The same instant in UTC.

    Args:
        given: An instant with an offset; without one it is UTC already.
    """
    return given.replace(tzinfo=UTC) if given.tzinfo is None else given.astimezone(UTC)
