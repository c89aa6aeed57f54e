"""Errors that the HTTP side raises itself.

::

    ApiError                         detail, errors and headers of the answer
    ├── MalformedBodyError           the body is not strict JSON
    ├── RefusedDocumentError         a document is not as the specifications demand, or may not be signed here
    ├── InvalidRequestError          the request reads well but asks for something impossible
    │   └── FutureInstantError       an instant that has not come yet
    ├── BodyTooLargeError            more bytes than the route takes
    ├── BatchCutOffError             a batch came to a limit; what stands before it was answered
    ├── MediaTypeError               a body in a format that the route does not read
    ├── UnknownResourceError         nothing public at this address
    ├── MissingIdempotencyKeyError   a write without `Idempotency-Key`
    ├── RequestInProgressError       the same key is being worked on at this moment
    ├── NotStackedError              awards do not stack; the evaluation says what is missing
    ├── UndecidedStackError          whether awards stack could not be told within the budget
    ├── RateLimitedError             too many requests from one client
    ├── ReadOnlyNodeError            a write, or what only the vault has, asked of a node that follows a ledger
    └── NotReadyError                a part of the ledger cannot serve now

Which HTTP status each becomes stands in `api.problem` and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

RETRY_AFTER: Final = {"Retry-After": "1"}
"""The header field of an answer that may be another one in a second."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong place in a request.

    Args:
        detail: A plain sentence; never repeats the value that was sent.
        pointer: RFC 6901 JSON pointer into the body, ``""`` for the whole of it.
        parameter: Name of the path, query or header parameter instead, when it is not the body.
    """

    detail: str
    pointer: str = ""
    parameter: str | None = None


class ApiError(Exception):
    """Base of the errors that the HTTP side raises on purpose.

    Args:
        detail: A plain sentence for the caller: what is wrong and what to do.
        errors: The wrong places, if any.
        headers: Header fields for the answer, such as ``Retry-After``.
        extensions: Further members of the problem object (RFC 9457 section 3.2).
    """

    def __init__(
        self,
        detail: str,
        *,
        errors: tuple[FieldError, ...] = (),
        headers: Mapping[str, str] | None = None,
        extensions: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = errors
        self.headers = dict(headers or {})
        self.extensions = dict(extensions or {})


class MalformedBodyError(ApiError):
    """The body is not JSON as this service reads it: strict, without duplicate names."""


class RefusedDocumentError(ApiError):
    """A credential or presentation, or what was to be done with it, is not as the specifications demand."""

    @classmethod
    def of(cls, *problems: Mapping[str, str]) -> RefusedDocumentError:
        """Make one of problem details of the data model, at least one."""
        return cls(problems[0]["detail"], extensions={"problemDetails": [dict(one) for one in problems]})


class InvalidRequestError(ApiError):
    """The request can be read, but what it asks for can never be done as asked."""


class FutureInstantError(InvalidRequestError):
    """The instant asked about has not come yet, so nothing can be said about it."""


class BodyTooLargeError(ApiError):
    """The body has more bytes than this route takes."""


class BatchCutOffError(ApiError):
    """A batch came to one of its limits: the lines before it were answered, the others were not looked at."""


class MediaTypeError(ApiError):
    """The body is in a format that this route does not read."""


class UnknownResourceError(ApiError):
    """There is nothing public at this address."""


class MissingIdempotencyKeyError(ApiError):
    """A write came without the `Idempotency-Key` header."""


class RequestInProgressError(ApiError):
    """A request with the same idempotency key is being worked on."""


class NotStackedError(ApiError):
    """Awards do not stack by the pathway's rules; `evaluation` says which rule is not met, and what is missing."""


class UndecidedStackError(ApiError):
    """Whether awards stack could not be told within the budget; that is no refusal."""


class RateLimitedError(ApiError):
    """The client sent more requests than the published limit."""


class ReadOnlyNodeError(ApiError):
    """This node follows a ledger; what was asked is for that ledger itself."""


class NotReadyError(ApiError):
    """A part of the ledger cannot serve at this moment."""
