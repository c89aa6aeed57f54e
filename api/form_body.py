"""Reads a form that browsers send with files in it: the part of multipart/form-data that they write, and no more.

    --boundary CRLF
    Content-Disposition: form-data; name="file"; filename="badge.png" CRLF
    Content-Type: image/png CRLF
    CRLF
    bytes CRLF
    --boundary--

The whole body is cut at its boundary once, so the work grows with its length and with nothing else. Names of files and
the media types that a browser guesses are not used. Nested forms, transfer codings and extended names are refused.

Source: RFC 7578 sections 4.1 to 4.4; RFC 2046 section 5.1.1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from api.error import MalformedBodyError, MediaTypeError
from api.media_type import media_type

FORM_TYPE: Final = "multipart/form-data"
MAX_PARTS: Final = 24
"""Parts of one form; ours has a language, a text and at most eight files."""
MAX_HEAD_BYTES: Final = 2_048
"""Longest head of one part: browsers write two short lines and a file's name, at most 255 bytes."""
_BOUNDARY: Final = re.compile(r"[0-9A-Za-z'()+_,./:=?-]{1,70}")
_NAME: Final = re.compile(rb'(?:^|;)[ \t]*name="([a-z_]{1,32})"[ \t]*(?=;|$)', re.IGNORECASE)
_DISPOSITION: Final = b"content-disposition:"


@dataclass(frozen=True, slots=True)
class FormPart:
    """One field of a form: its name and its bytes."""

    name: str
    data: bytes


def parse_form(content_type: str, body: bytes) -> tuple[FormPart, ...]:
    """Read a form.

    Args:
        content_type: The request's `Content-Type`.
        body: The whole body; its size has been limited by whoever read it.

    Returns:
        The fields in the order in which they were sent.

    Raises:
        MediaTypeError: Another type, or no boundary that may be one.
        MalformedBodyError: Not such a form, or of more than MAX_PARTS parts.
    """
    kind, parameters = media_type(content_type)
    boundary = parameters.get("boundary", "")
    if kind != FORM_TYPE or _BOUNDARY.fullmatch(boundary) is None:
        raise MediaTypeError(f"This route reads {FORM_TYPE}, as a page's form sends it.")
    delimiter = b"\r\n--" + boundary.encode("ascii")
    opening, *pieces = (b"\r\n" + body).split(delimiter, MAX_PARTS + 2)
    if opening or not pieces or pieces[-1].strip(b"\r\n") != b"--":
        raise MalformedBodyError("The form does not begin and end with its boundary, or has too many parts.")
    return tuple(_read(piece) for piece in pieces[:-1])


def _read(piece: bytes) -> FormPart:
    """Read what stands between two boundaries: an end of line, the head, an empty line, the bytes."""
    end = piece.find(b"\r\n\r\n", 0, MAX_HEAD_BYTES)
    if not piece.startswith(b"\r\n") or end < 0:
        raise MalformedBodyError("A part of the form has no head, or one that is too long.")
    lines = [line for line in piece[2:end].split(b"\r\n") if line.lower().startswith(_DISPOSITION)]
    found = _NAME.search(lines[0].partition(b":")[2]) if len(lines) == 1 else None
    if found is None:
        raise MalformedBodyError("A part of the form has no name.")
    return FormPart(found[1].decode("ascii"), piece[end + 4 :])
