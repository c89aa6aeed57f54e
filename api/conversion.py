"""How a decoded request body becomes one of the shapes of :mod:`api.schema`.

What does not fit is refused with the JSON pointer of the offending member.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TypeVar

import msgspec

from ledger.achievement import missing
from ledger.decision import SubstantialDifference
from ledger.error import InvalidInputError
from ledger.reason import Reason

T = TypeVar("T")

_MISSING_FIELD = re.compile(r"missing required field `(?P<name>[^`]+)`")
_PLACE = re.compile(r" - at `\$(?P<path>[^`]*)`$")
_A_REASON = re.compile(r"\.reasons\[[^\]]*\]\Z")
ELEMENTS = {
    "title": "title of the micro-credential",
    "outcomes": "learning outcomes",
    "assessment": "type of assessment",
    "participation": "form of participation in the learning activity",
    "quality_assurance": "type of quality assurance",
    "learner": "identification of the learner",
    "name": "identification of the learner",
    "awarded_on": "date of issuing",
}
"""Members whose absence is the absence of a mandatory element (2022/C 243/02, Annex I)."""


def convert(value: object, shape: type[T]) -> T:
    """Make *shape* of a decoded JSON value.

    Raises:
        MissingElementError: A mandatory element of a micro-credential is absent.
        InvalidInputError: The value does not have the shape; the pointer says where.
    """
    try:
        converted = msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        raise _refusal(str(error)) from error
    _require_utc(converted)
    return converted


def _refusal(message: str) -> InvalidInputError:
    """Turn msgspec's message into a refusal with a pointer."""
    place = _PLACE.search(message)
    pointer = _pointer(place["path"]) if place else ""
    sentence = _PLACE.sub("", message)
    absent = _MISSING_FIELD.search(sentence)
    if absent is None and place is not None and place["path"].endswith(".reason"):
        return InvalidInputError(f"the reason is one of {', '.join(Reason)}", pointer)
    if absent is None and place is not None and _A_REASON.search(place["path"]):
        return InvalidInputError(f"a substantial difference is one of {', '.join(SubstantialDifference)}", pointer)
    if absent is None:
        return InvalidInputError(f"{sentence[0].lower()}{sentence[1:]}", pointer)
    pointer = f"{pointer}/{absent['name']}"
    element = ELEMENTS.get(absent["name"])
    if element is not None:
        return missing(element, pointer)
    return InvalidInputError(f"the member «{absent['name']}» is missing", pointer)


def _pointer(path: str) -> str:
    """``.credentials[0].learner`` as ``/credentials/0/learner``."""
    return re.sub(r"\[(\d+|\.\.\.)\]", r"/\1", path).replace(".", "/").replace("///", "...")


def _require_utc(value: object) -> None:
    if not isinstance(value, msgspec.Struct):
        return
    for name in value.__struct_fields__:
        member = getattr(value, name)
        if isinstance(member, datetime) and (member.tzinfo is None or member.utcoffset()):
            message = f"{name} is an instant in UTC, such as 2026-01-31T12:00:00Z"
            raise InvalidInputError(message, f"/{name}")
