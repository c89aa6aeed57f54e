"""A route's JSON body: the value that the command takes, and the exact bytes that make a repetition known."""

from __future__ import annotations

from typing import Final

from fastapi.concurrency import run_in_threadpool
from starlette.requests import Request

from api.error import FieldError, MalformedBodyError
from api.strict_body import check_content_type, read_body
from api.strict_json import (
    BATCH_LIMITS,
    DEFAULT_LIMITS,
    JsonLimits,
    JsonValue,
    StrictJsonError,
    parse_strict_json,
)

LOOP_BYTES: Final = 32_768
"""Longest body that is read on the event loop: a few milliseconds of the worst kind."""
ABSENT: Final = object()
"""Stands for «an absent body means nothing, and is refused»."""


async def read_json(
    request: Request, max_bytes: int, *, empty: object = ABSENT, batch: bool = False
) -> tuple[JsonValue, bytes]:
    """Read a request's body.

    Args:
        request: The request; its body has not been read yet.
        max_bytes: Largest body, in bytes.
        empty: What an absent body means, where it may be absent.
        batch: Whether the body may hold 10,000 items.

    Returns:
        The decoded value, and the bytes as they came.

    Raises:
        MediaTypeError, BodyTooLargeError, MalformedBodyError: See :func:`api.strict_body.read_strict_json`.
    """
    raw = await read_body(request, max_bytes=max_bytes)
    if not raw and empty is not ABSENT:
        return empty, raw  # type: ignore[return-value]  # the caller's own JSON value
    check_content_type(request.scope)
    return await parse_large(raw, BATCH_LIMITS if batch else DEFAULT_LIMITS), raw


async def parse_large(raw: bytes, limits: JsonLimits) -> JsonValue:
    """Read *raw* as strict JSON, on a thread when it is so large that others would wait for the event loop.

    Raises:
        MalformedBodyError: See :func:`parse_body`.
    """
    if len(raw) <= LOOP_BYTES:
        return parse_body(raw, limits)
    return await run_in_threadpool(parse_body, raw, limits)


def parse_body(raw: bytes, limits: JsonLimits) -> JsonValue:
    """Read *raw* as strict JSON.

    Raises:
        MalformedBodyError: It is not; the error names the place.
    """
    try:
        return parse_strict_json(raw, limits)
    except StrictJsonError as error:
        place = FieldError(error.detail, error.pointer)
        raise MalformedBodyError(error.detail, errors=(place,)) from error
