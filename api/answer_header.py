"""Header fields that a layer adds to the answers which pass through it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from starlette.types import Message


def encoded(fields: Mapping[str, str]) -> dict[bytes, bytes]:
    """Header fields as ASGI has them: names in lower case."""
    return {name.lower().encode("latin-1"): value.encode("latin-1") for name, value in fields.items()}


def put_headers(start: Message, fields: Mapping[bytes, bytes], kept: Collection[bytes] = ()) -> None:
    """Give an answer header fields, in place of those of the same names.

    Args:
        start: The message that begins the answer. Its list of fields is replaced, for it may be another answer's too.
        fields: From :func:`encoded`.
        kept: Names whose field stays as it is where the answer has one.
    """
    given = start["headers"]
    present = fields.keys() & dict(given)
    if not present:
        start["headers"] = [*given, *fields.items()]
        return
    stays = present & set(kept)
    own = [(name, value) for name, value in given if name not in fields or name in stays]
    start["headers"] = [*own, *((name, value) for name, value in fields.items() if name not in stays)]
