"""Reads forms as browsers send them, with files in them or without.

Without files (`application/x-www-form-urlencoded`) a form is one line of text. With files (`multipart/form-data`) we
read the part of the format that browsers write, and no more:

    --boundary CRLF
    Content-Disposition: form-data; name="file"; filename="badge.png" CRLF
    Content-Type: image/png CRLF
    CRLF
    bytes CRLF
    --boundary--

The whole body is cut at its boundary once, so the work grows with its length and with nothing else. Names of files and
the media types that a browser guesses are not used. Nested forms, transfer codings and extended names are refused.

Source: WHATWG URL standard section 5.1; RFC 7578 sections 4.1 to 4.4; RFC 2046 section 5.1.1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request

from api.error import MalformedBodyError, MediaTypeError
from api.media_type import header, media_type
from api.strict_body import read_body

FORM_TYPE: Final = "multipart/form-data"
PLAIN_FORM_TYPE: Final = "application/x-www-form-urlencoded"
FORM_TYPES: Final = frozenset({FORM_TYPE, PLAIN_FORM_TYPE})
MAX_FORM_BYTES: Final = 65_536
"""Largest form without files: a note of 4,000 characters takes at most 48,000 bytes when each is percent-encoded."""
MAX_PARTS: Final = 64
"""Parts of one form with files: the form of a micro-credential has some forty fields."""
MAX_FIELDS: Final = 640
"""Fields of one form without: 500 boxes to tick, and what stands beside them."""
MAX_HEAD_BYTES: Final = 2_048
"""Longest head of one part: browsers write two short lines and a file's name, at most 255 bytes."""
_BOUNDARY: Final = re.compile(r"[0-9A-Za-z'()+_,./:=?-]{1,70}")
_NAME: Final = re.compile(rb'(?:^|;)[ \t]*name="([a-z_]{1,32})"[ \t]*(?=;|$)', re.IGNORECASE)
_DISPOSITION: Final = b"content-disposition:"
_MAX_DIGITS: Final = 5


class Form:
    """The fields of a form.

    Args:
        fields: Names and bytes in the order in which they were sent.
    """

    def __init__(self, fields: Sequence[tuple[str, bytes]] = ()) -> None:
        self._fields = tuple(fields)

    def __bool__(self) -> bool:
        return bool(self._fields)

    def one(self, name: str) -> str:
        """The first value of a field as text, without white space around it; empty when there is none.

        Raises:
            MalformedBodyError: It is not UTF-8.
        """
        return _text(self.file(name)).strip()

    def all(self, name: str) -> list[str]:
        """Every value of a field as text, each once.

        Raises:
            MalformedBodyError: One of them is not UTF-8.
        """
        return list(dict.fromkeys(_text(data) for data in self.files(name)))

    @property
    def has_repetition(self) -> bool:
        """Whether a field comes more than once."""
        return len({name for name, _ in self._fields}) < len(self._fields)

    def number(self, name: str) -> int:
        """A field as a number of at most five digits; 0 for what is none."""
        text = self.one(name)
        return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS else 0

    def file(self, name: str) -> bytes:
        """The first value of a field, as it was sent; empty when there is none."""
        return next(iter(self.files(name)), b"")

    def files(self, *names: str) -> list[bytes]:
        """Every value of these fields, as they were sent."""
        return [data for field, data in self._fields if field in names]


async def read_form(request: Request, max_bytes: int = MAX_FORM_BYTES, kinds: frozenset[str] = FORM_TYPES) -> Form:
    """Read the form of a request.

    Args:
        request: The request; its body has not been read yet.
        max_bytes: Largest form.
        kinds: Which of the two types are read.

    Raises:
        BodyTooLargeError: It is larger than *max_bytes*.
        MediaTypeError, MalformedBodyError: See :func:`parse_form`.
    """
    content_type = header(request.scope, "content-type") or ""
    if _kind(content_type)[0] not in kinds:  # before anything of it is read
        raise MediaTypeError(f"This route reads {' and '.join(sorted(kinds))}, as a page's form sends it.")
    return parse_form(content_type, await read_body(request, max_bytes=max_bytes))


def parse_form(content_type: str, body: bytes) -> Form:
    """Read a form.

    Args:
        content_type: The request's `Content-Type`.
        body: The whole body; its size has been limited by whoever read it.

    Raises:
        MediaTypeError: Another type, or no boundary that may be one.
        MalformedBodyError: Not such a form, or of more than MAX_PARTS parts or MAX_FIELDS fields.
    """
    kind, boundary = _kind(content_type)
    return Form(_plain(body) if kind == PLAIN_FORM_TYPE else _parts(body, boundary))


def _kind(content_type: str) -> tuple[str, str]:
    kind, parameters = media_type(content_type)
    boundary = parameters.get("boundary", "")
    if kind != PLAIN_FORM_TYPE and (kind != FORM_TYPE or _BOUNDARY.fullmatch(boundary) is None):
        raise MediaTypeError(f"This route reads {FORM_TYPE} and {PLAIN_FORM_TYPE}, as a page's form sends them.")
    return kind, boundary


def _plain(body: bytes) -> list[tuple[str, bytes]]:
    try:
        fields = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise MalformedBodyError("The form cannot be read.") from error
    return [(name, value.encode()) for name, value in fields]


def _parts(body: bytes, boundary: str) -> list[tuple[str, bytes]]:
    delimiter = b"\r\n--" + boundary.encode("ascii")
    opening, *pieces = (b"\r\n" + body).split(delimiter, MAX_PARTS + 2)
    if opening or not pieces or pieces[-1].strip(b"\r\n") != b"--":
        raise MalformedBodyError("The form does not begin and end with its boundary, or has too many parts.")
    return [_part(piece) for piece in pieces[:-1]]


def _part(piece: bytes) -> tuple[str, bytes]:
    """Read what stands between two boundaries: an end of line, the head, an empty line, the bytes."""
    end = piece.find(b"\r\n\r\n", 0, MAX_HEAD_BYTES)
    if not piece.startswith(b"\r\n") or end < 0:
        raise MalformedBodyError("A part of the form has no head, or one that is too long.")
    lines = [line for line in piece[2:end].split(b"\r\n") if line.lower().startswith(_DISPOSITION)]
    found = _NAME.search(lines[0].partition(b":")[2]) if len(lines) == 1 else None
    if found is None:
        raise MalformedBodyError("A part of the form has no name.")
    return found[1].decode("ascii"), piece[end + 4 :]


def _text(data: bytes) -> str:
    """Text as it was typed: browsers write the end of a line as two characters."""
    try:
        return data.decode().replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise MalformedBodyError("A field of the form is not text in UTF-8.") from error
