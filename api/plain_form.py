"""Reads a form without files: `application/x-www-form-urlencoded`, as browsers send it.

Source: WHATWG URL standard section 5.1.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request

from api.error import MalformedBodyError, MediaTypeError
from api.media_type import header, media_type
from api.strict_body import read_body

PLAIN_FORM_TYPE: Final = "application/x-www-form-urlencoded"
MAX_PLAIN_FORM_BYTES: Final = 65_536
"""A note of 4,000 characters takes at most 48,000 bytes when each is percent-encoded; 200 ids take 9,000."""
MAX_FIELDS: Final = 256


class PlainForm:
    """The fields of a form.

    Args:
        fields: Names and values in the order in which they were sent.
    """

    def __init__(self, fields: list[tuple[str, str]]) -> None:
        self._fields = fields

    def one(self, name: str) -> str:
        """The first value of a field without white space around it; empty when there is none."""
        return next((value.strip() for field, value in self._fields if field == name), "")

    def all(self, name: str) -> list[str]:
        """Every value of a field, each once."""
        return list(dict.fromkeys(value for field, value in self._fields if field == name))

    @property
    def has_repetition(self) -> bool:
        """Whether a field comes more than once."""
        return len({name for name, _ in self._fields}) < len(self._fields)

    def number(self, name: str) -> int:
        """A field as a number of days; 0 for what is none."""
        text = self.one(name)
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 0  # noqa: PLR2004  no such life


async def read_plain_form(request: Request) -> PlainForm:
    """Read the form of a request.

    Raises:
        MediaTypeError, BodyTooLargeError: It is of another type, or too large.
        MalformedBodyError: It is not UTF-8, or has more than MAX_FIELDS fields.
    """
    kind, _ = media_type(header(request.scope, "content-type") or "")
    if kind != PLAIN_FORM_TYPE:
        message = f"This route reads {PLAIN_FORM_TYPE}, as a page's form sends it."
        raise MediaTypeError(message)
    body = await read_body(request, max_bytes=MAX_PLAIN_FORM_BYTES)
    try:
        fields = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError as error:
        message = "The form cannot be read."
        raise MalformedBodyError(message) from error
    return PlainForm([(name, value.replace("\r\n", "\n")) for name, value in fields])
