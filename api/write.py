"""One write over HTTP: who calls, what the body says, and by what a repetition is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, TypeVar

import msgspec
from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool

from api.caller import identify, submission_request
from api.conversion import convert
from api.json_body import ABSENT, read_json
from api.node import Node
from api.strict_json import JsonValue
from ledger.access import Actor
from ledger.application import Request as Submission
from ledger.error import InvalidInputError

JSON: Final = "application/json"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Write:
    """A write that has been read and not carried out yet.

    Attributes:
        http: The request; its body has been read.
        actor: Who calls.
        value: The decoded body.
        raw: The body as it came.
    """

    http: Request
    actor: Actor
    value: JsonValue
    raw: bytes

    @property
    def submission(self) -> Submission:
        """What recognises a repetition of this write.

        Raises:
            MissingIdempotencyKeyError, InvalidRequestError: See :func:`api.caller.submission_request`.
        """
        return submission_request(self.http, self.actor, self.raw)

    def body_as(self, shape: type[T]) -> T:
        """Make *shape* of the body.

        Raises:
            MissingElementError, InvalidInputError: See :func:`api.conversion.convert`.
        """
        return convert(self.value, shape)


async def submit(
    node: Node, http: Request, work: Callable[[Write], Response], *, empty: object = ABSENT, is_batch: bool = False
) -> Response:
    """Read a write and carry it out.

    Args:
        node: The process's parts.
        http: The request.
        work: Carries the write out, on a worker thread, and answers.
        empty: What an absent body means, where it may be absent.
        is_batch: Whether the body may be as large as 10,000 awards are.

    Raises:
        AuthenticationError: Nobody known calls; then the body is not read.
        MediaTypeError, BodyTooLargeError, MalformedBodyError: See :func:`api.json_body.read_json`.
    """
    return await run_in_threadpool(work, await read_write(node, http, empty=empty, is_batch=is_batch))


async def read_write(node: Node, http: Request, *, empty: object = ABSENT, is_batch: bool = False) -> Write:
    """Read a write, to be carried out; see :func:`submit`."""
    actor = await identify(http, node.access, node.ledger.now)
    settings = node.settings
    limit = settings.max_batch_body_bytes if is_batch else settings.max_body_bytes
    value, raw = await read_json(http, limit, empty=empty, batch=is_batch)
    return Write(http, actor, value, raw)


@contextmanager
def within(member: str, shape: type[msgspec.Struct]) -> Iterator[None]:
    """Have errors on members of *shape* point to where it stands in the body.

    Args:
        member: Pointer of the member that holds it.
        shape: What the command was given instead of the whole body.
    """
    try:
        yield
    except InvalidInputError as error:
        if error.pointer[1:].partition("/")[0] not in shape.__struct_fields__:
            raise
        raise type(error)(error.detail, member + error.pointer) from error


@contextmanager
def without(start: str) -> Iterator[None]:
    """Have errors point to where things stand in a body that lacks the members *start* of the command."""
    try:
        yield
    except InvalidInputError as error:
        if not error.pointer.startswith(start):
            raise
        raise type(error)(error.detail, error.pointer.removeprefix(start)) from error


def json_answer(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Answer *value* as JSON."""
    return Response(msgspec.json.encode(value), status, headers, media_type=JSON)
