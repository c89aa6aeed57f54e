"""Reads request bodies: how large, in which format, and as strict JSON.

Nothing of a body is parsed before all limits on its bytes hold. A body is read into memory once,
and never more of it than the limit and one chunk of the server (64 KiB with uvicorn).
"""

from __future__ import annotations

import re
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.types import Scope

from api.error import (
    BodyTooLargeError,
    FieldError,
    InvalidRequestError,
    MalformedBodyError,
    MediaTypeError,
)
from api.media_type import header, media_type
from api.strict_json import (
    DEFAULT_LIMITS,
    JsonLimits,
    JsonValue,
    StrictJsonError,
    parse_strict_json,
)

# Our own choice, and the defaults of the settings of these names. A signed Open Badges document
# takes about 4 KiB, an evidence file about 30 KiB; 10,000 awards with long names about 8 MiB.
MAX_BODY_BYTES: Final = 256 * 1024
MAX_BATCH_BODY_BYTES: Final = 16 * 1024 * 1024
# Digits of the largest length that is looked at: 10^12 bytes is too large for every route.
MAX_LENGTH_DIGITS: Final = 12
JSON_TYPES: Final = frozenset({"application/json", "application/ld+json", "application/vc", "application/vc+ld+json"})
_LENGTH: Final = re.compile(r"[0-9]+")


async def read_strict_json(
    request: Request,
    *,
    max_bytes: int = MAX_BODY_BYTES,
    limits: JsonLimits = DEFAULT_LIMITS,
    types: frozenset[str] = JSON_TYPES,
) -> JsonValue:
    """Read the body of a request as strict JSON.

    Args:
        request: The request; its body has not been read yet.
        max_bytes: Largest body, in bytes.
        limits: Depth and count of the JSON text.
        types: Media types that the route reads.

    Raises:
        MediaTypeError: Another type, another charset than UTF-8, or a content coding.
        BodyTooLargeError: More bytes than *max_bytes*, announced or sent.
        MalformedBodyError: Not strict JSON; names the place.
        InvalidRequestError: An unreadable `Content-Length`.
    """
    check_content_type(request.scope, types)
    body = await read_body(request, max_bytes=max_bytes)
    try:
        return parse_strict_json(body, limits)
    except StrictJsonError as error:
        place = FieldError(error.detail, error.pointer)
        raise MalformedBodyError(error.detail, errors=(place,)) from error


def check_content_type(scope: Scope, types: frozenset[str] = JSON_TYPES) -> None:
    """Refuse a body that is not announced as one of *types*, in UTF-8 and without a coding.

    Raises:
        MediaTypeError: Anything else. A missing `Content-Type` is refused too: guessing formats is
            how a form on a foreign page gets to post JSON.
    """
    announced = header(scope, "content-type") or ""
    if announced not in types:
        _check_parts(announced, types)
    coding = (header(scope, "content-encoding") or "identity").strip().lower()
    if coding != "identity":
        raise MediaTypeError("This route reads bodies without a content coding alone.")


def _check_parts(announced: str, types: frozenset[str]) -> None:
    """The same of a media type that is written in another way, or with parameters."""
    kind, parameters = media_type(announced)
    if kind not in types:
        listed = " or ".join(sorted(types))
        raise MediaTypeError(f"This route reads {listed}.", headers={"Accept-Post": listed})
    if parameters.get("charset", "utf-8").lower() != "utf-8":
        raise MediaTypeError("This route reads UTF-8 alone.")


async def read_body(request: Request, *, max_bytes: int = MAX_BODY_BYTES) -> bytes:
    """Read a whole body, and stop as soon as it is larger than allowed.

    Raises:
        BodyTooLargeError: The announced or the real size is above *max_bytes*.
        InvalidRequestError: `Content-Length` is not a number, or the client hung up half-way.
    """
    check_length(request.scope, max_bytes)
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > max_bytes:
                raise _too_large(max_bytes)
            chunks.append(chunk)
    except ClientDisconnect as error:
        raise InvalidRequestError("The connection ended before the body did.") from error
    return b"".join(chunks)


def check_length(scope: Scope, max_bytes: int) -> None:
    """Refuse a body that is announced as larger than allowed, before any of it is read.

    Raises:
        BodyTooLargeError: The announced size is above *max_bytes*.
        InvalidRequestError: `Content-Length` is not a number.
    """
    announced = header(scope, "content-length")
    if announced is None:
        return
    if _LENGTH.fullmatch(announced) is None:
        raise InvalidRequestError(
            "Content-Length must be one decimal number.",
            errors=(FieldError("Not one decimal number.", parameter="Content-Length"),),
        )
    if len(announced) > MAX_LENGTH_DIGITS or int(announced) > max_bytes:
        raise _too_large(max_bytes)


def _too_large(max_bytes: int) -> BodyTooLargeError:
    # The rest of the body is not read, so the connection cannot be used again.
    return BodyTooLargeError(
        f"The body is larger than the {max_bytes} bytes that this route takes.",
        headers={"Connection": "close"},
        extensions={"limit_bytes": max_bytes},
    )
