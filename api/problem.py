"""Every problem this service answers with: the only place that turns an error into an HTTP status.

Each row of `PROBLEMS` names a problem type, its status, its title and the errors that become it.
The type is a stable address, ``BASE/problems/NAME``, where a page explains it. Rows are never
renamed or re-used, because callers branch on the type. docs/problems.md lists them; a test compares
the two.

Longer than other modules because it is one table, and what reads it.

Source: RFC 9457 section 3 (members), section 4 (registering types).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

import orjson
from starlette.responses import HTMLResponse, Response
from starlette.types import Scope

from anchoring.error import StoreUnreachableError
from api import error as api_error
from api.error import RETRY_AFTER, ApiError, FieldError
from api.media_type import accepts_html
from api.request_id import request_id
from ledger import error as ledger_error
from projections.error import ViewNotReadyError
from verifier import error as verifier_error

MEDIA_TYPE: Final = "application/problem+json"
VIEW_NOT_READY: Final = (
    "this server is still bringing up to date what it answers from; try again in a second (/readyz says how it stands)"
)


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """A type of problem.

    Args:
        name: Last segment of the type address; stable for ever.
        status: HTTP status.
        title: The same short words at every occurrence.
        remedy: What it means and what the caller can do.
        errors: The errors that become this problem, themselves and their unlisted subclasses.
        is_internal: Whether the error's own words stay inside.
        headers: Header fields that go with every occurrence.
    """

    name: str
    status: HTTPStatus
    title: str
    remedy: str
    errors: tuple[type[Exception], ...] = ()
    is_internal: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)


PROBLEMS: Final = (
    ProblemKind(
        "bad-request",
        HTTPStatus.BAD_REQUEST,
        "Bad request",
        "The request could not be understood. Compare it with the reference at /docs.",
    ),
    ProblemKind(
        "malformed-json",
        HTTPStatus.BAD_REQUEST,
        "Body is not strict JSON",
        "The body must be UTF-8 JSON without duplicate names, NaN, lone surrogates or integers "
        "beyond 2^53-1, and within the limits of depth and count. `errors` names the place.",
        (api_error.MalformedBodyError,),
    ),
    ProblemKind(
        "document-refused",
        HTTPStatus.BAD_REQUEST,
        "Document refused",
        "The credential or presentation is not as its data model demands, or may not be signed here; `problemDetails` "
        "names each problem by the type that the W3C Recommendation gives it.",
        (api_error.RefusedDocumentError,),
    ),
    ProblemKind(
        "idempotency-key-missing",
        HTTPStatus.BAD_REQUEST,
        "Idempotency-Key is missing",
        "Every write needs an `Idempotency-Key` header with a value that you choose once for each "
        "intended act and send again when you retry it.",
        (api_error.MissingIdempotencyKeyError,),
    ),
    ProblemKind(
        "unauthenticated",
        HTTPStatus.UNAUTHORIZED,
        "Not authenticated",
        "This route needs `Authorization: Bearer KEY` with a key that is neither expired nor revoked.",
        (ledger_error.AuthenticationError,),
        headers={"WWW-Authenticate": 'Bearer realm="cairn"'},
    ),
    ProblemKind(
        "forbidden",
        HTTPStatus.FORBIDDEN,
        "Not allowed",
        "The key is good, but not for this institution or this act.",
        (ledger_error.AccessError, ledger_error.ForbiddenError),
    ),
    ProblemKind(
        "not-found",
        HTTPStatus.NOT_FOUND,
        "Not found",
        "There is nothing public at this address. Check it for a character lost on the way.",
        (api_error.UnknownResourceError, ledger_error.NotFoundError),
    ),
    ProblemKind(
        "method-not-allowed",
        HTTPStatus.METHOD_NOT_ALLOWED,
        "Method not allowed",
        "The address exists, but does not take this method; `Allow` names those that it takes.",
    ),
    ProblemKind(
        "not-acceptable",
        HTTPStatus.NOT_ACCEPTABLE,
        "Not acceptable",
        "The answer is not to be had in any format that `Accept` names.",
    ),
    ProblemKind(
        "conflict",
        HTTPStatus.CONFLICT,
        "Changed by somebody else",
        "The same thing was changed by another request first. Read it again, then retry.",
        (ledger_error.ConflictError,),
    ),
    ProblemKind(
        "request-in-progress",
        HTTPStatus.CONFLICT,
        "Still being worked on",
        "A request with the same idempotency key has not finished. Retry after a moment.",
        (api_error.RequestInProgressError,),
    ),
    ProblemKind(
        "rule-refused",
        HTTPStatus.CONFLICT,
        "Refused by a rule",
        "The act is well formed, but a rule forbids it in the present state; `detail` says which.",
        (ledger_error.RuleError,),
    ),
    ProblemKind(
        "not-stacked",
        HTTPStatus.CONFLICT,
        "Awards do not stack",
        "By the pathway's rules these awards do not stack; `evaluation` says which rule is not met, by what, and the "
        "nearest ways to complete it.",
        (api_error.NotStackedError,),
    ),
    ProblemKind(
        "stacking-undecided",
        HTTPStatus.CONFLICT,
        "Could not be told",
        "Whether these awards stack could not be told within the budget of the search. It is no refusal: present those "
        "awards alone that are to count, and ask again.",
        (api_error.UndecidedStackError,),
    ),
    ProblemKind(
        "erased",
        HTTPStatus.GONE,
        "Erased",
        "The personal data asked for was erased and cannot be had back. Old proofs still verify.",
        (ledger_error.ErasedError,),
    ),
    ProblemKind(
        "body-too-large",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "Body too large",
        "The body has more bytes than this route takes; `limit_bytes` says how many it takes.",
        (api_error.BodyTooLargeError,),
    ),
    ProblemKind(
        "batch-cut-off",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "Batch cut off",
        "The batch came to the limit that `limit` names. The lines before it were answered; send those from "
        "`next_line` on in another batch.",
        (api_error.BatchCutOffError,),
    ),
    ProblemKind(
        "read-only-node",
        HTTPStatus.MISDIRECTED_REQUEST,
        "This node only reads",
        "The node follows a ledger over its public log. It takes no writes and has no vault; `ledger` is the address "
        "to send this to.",
        (api_error.ReadOnlyNodeError,),
    ),
    ProblemKind(
        "unsupported-media-type",
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "Unsupported media type",
        "Send the body as `application/json` in UTF-8, without a content coding.",
        (api_error.MediaTypeError,),
    ),
    ProblemKind(
        "invalid-request",
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "Invalid request",
        "The request can be read, but something in it cannot be accepted; `errors` names each place.",
        (api_error.InvalidRequestError, ledger_error.InvalidInputError, verifier_error.InputError),
    ),
    ProblemKind(
        "missing-element",
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "Mandatory element missing",
        "An element that the EU Recommendation on micro-credentials makes mandatory is missing; `errors` names it.",
        (ledger_error.MissingElementError,),
    ),
    ProblemKind(
        "event-too-large",
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "Too large for the log",
        "The facts would make a log entry above 65,535 bytes. Shorten the longest texts.",
        (ledger_error.EventTooLargeError,),
    ),
    ProblemKind(
        "idempotency-key-reused",
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "Idempotency-Key used before",
        "The key was used for a request with another body. Choose a new key for a new act.",
        (ledger_error.IdempotencyError,),
    ),
    ProblemKind(
        "future-instant",
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "Instant lies in the future",
        "Nothing can be said about an instant that has not come. Ask about now or the past.",
        (api_error.FutureInstantError, verifier_error.FutureInstantError),
    ),
    ProblemKind(
        "rate-limited",
        HTTPStatus.TOO_MANY_REQUESTS,
        "Too many requests",
        "Wait as many seconds as `Retry-After` says. The limits stand in `RateLimit-Policy`. "
        "The static log under /log is not limited.",
        (api_error.RateLimitedError,),
    ),
    ProblemKind(
        "head-too-large",
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        "Head of the request too large",
        "The request line and the header fields have more bytes than are taken; `limit_bytes` says how many are.",
    ),
    ProblemKind(
        "internal-error",
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "Internal error",
        "The fault is on our side and has been recorded. Quote `instance` when you report it.",
        (Exception,),
        is_internal=True,
    ),
    ProblemKind(
        "not-ready",
        HTTPStatus.SERVICE_UNAVAILABLE,
        "Not ready",
        "A part of the ledger cannot serve at this moment. Retry later; `checks` may say which.",
        (api_error.NotReadyError, ViewNotReadyError),
    ),
    ProblemKind(
        "clock-behind",
        HTTPStatus.SERVICE_UNAVAILABLE,
        "Clock set back",
        "The ledger's clock is behind what it has recorded, so it records nothing until the clock is set right. "
        "Send the request again, with the same idempotency key, after as many seconds as `Retry-After` says.",
        (ledger_error.ClockError,),
        headers={"Retry-After": "30"},
    ),
    ProblemKind(
        "outcome-unknown",
        HTTPStatus.SERVICE_UNAVAILABLE,
        "Outcome unknown",
        "The ledger's database broke off while it was recording the request, or has lost its standby since, and it "
        "cannot be told yet whether it has recorded it. Send the request again, with the same idempotency key: if it "
        "was carried out, that gives the answer, and else it is carried out now. Without such a key, look up first "
        "what there is.",
        (ledger_error.OutcomeUnknownError,),
        is_internal=True,
        headers={"Retry-After": "5"},
    ),
    ProblemKind(
        "no-standby",
        HTTPStatus.SERVICE_UNAVAILABLE,
        "No standby",
        "The ledger's database has no synchronous standby at this moment, and its operator wants nothing to be "
        "acknowledged that is on one machine alone. Nothing of the request was recorded; look-ups are answered. Send "
        "it again, with the same idempotency key, after as many seconds as `Retry-After` says.",
        (ledger_error.NoStandbyError,),
        is_internal=True,
        headers={"Retry-After": "5"},
    ),
    ProblemKind(
        "storage-unavailable",
        HTTPStatus.SERVICE_UNAVAILABLE,
        "Storage unavailable",
        "The ledger's disk could not take or give what was asked: it may be full, locked or gone. Nothing of the "
        "request was recorded. Send it again, with the same idempotency key, after as many seconds as `Retry-After` "
        "says.",
        (ledger_error.StorageError, ledger_error.UnreachableError, StoreUnreachableError),
        is_internal=True,
        headers={"Retry-After": "5"},
    ),
)

_BY_NAME: Final = {kind.name: kind for kind in PROBLEMS}
_BY_ERROR: Final = {cls: kind for kind in PROBLEMS for cls in kind.errors}
# Statuses that the framework raises by itself; each maps to its first, most general row.
_BY_STATUS: Final = {int(kind.status): kind for kind in reversed(PROBLEMS)}


def kind_named(name: str) -> ProblemKind | None:
    """Return the problem type of that name, or None."""
    return _BY_NAME.get(name)


def kind_of(error: Exception) -> ProblemKind:
    """Return the problem that an error becomes: that of its nearest listed class."""
    return next(_BY_ERROR[cls] for cls in type(error).__mro__ if cls in _BY_ERROR)


def kind_of_status(status: int) -> ProblemKind:
    """Return the general problem of a status that the framework raised."""
    general = "bad-request" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "internal-error"
    return _BY_STATUS.get(status, _BY_NAME[general])


@dataclass(frozen=True, slots=True)
class Problem:
    """One occurrence of a problem, ready to be written."""

    kind: ProblemKind
    detail: str
    errors: tuple[FieldError, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    extensions: Mapping[str, object] = field(default_factory=dict)


def problem_of(error: Exception) -> Problem:
    """Return what the caller may learn of an error; an internal one keeps its words to itself."""
    kind = kind_of(error)
    if kind.is_internal:
        return Problem(kind, kind.remedy)
    if isinstance(error, ViewNotReadyError):
        error = api_error.NotReadyError(VIEW_NOT_READY, headers=RETRY_AFTER)
    if isinstance(error, ApiError):
        return Problem(kind, error.detail, error.errors, error.headers, error.extensions)
    if isinstance(error, ledger_error.InvalidInputError):
        place = FieldError(error.detail, error.pointer)
        return Problem(kind, error.detail, (place,))
    if isinstance(error, verifier_error.FutureInstantError):
        return Problem(kind, str(error), (FieldError(str(error), parameter="at"),))
    if isinstance(error, verifier_error.InputError):
        return Problem(kind, error.reason, (FieldError(error.reason, error.pointer),))
    return Problem(kind, str(error) or kind.remedy)


class ProblemWriter:
    """Writes problems as `application/problem+json`, or as a page for a browser.

    Args:
        base_url: Where the type addresses live, without a slash at the end.
        page: Renders a problem as HTML for a request that prefers a page; None: always JSON.
    """

    def __init__(self, base_url: str, page: Callable[[Problem, Scope], str] | None = None) -> None:
        self._base_url = base_url
        self._page = page

    def type_uri(self, kind: ProblemKind) -> str:
        """Return the stable address of a problem type."""
        return f"{self._base_url}/problems/{kind.name}"

    def response_to(self, error: Exception, scope: Scope) -> Response:
        """Return the answer to a request that ended in *error*."""
        return self.response(problem_of(error), scope)

    def response(self, problem: Problem, scope: Scope) -> Response:
        """Return the answer to a request that ended in *problem*."""
        headers = {**problem.kind.headers, **problem.headers}
        status = problem.kind.status
        if self._page is not None and accepts_html(scope):
            return HTMLResponse(self._page(problem, scope), status, headers)
        body = orjson.dumps(self.members(problem, request_id(scope)))
        return Response(body, status, headers, media_type=MEDIA_TYPE)

    def members(self, problem: Problem, instance: str | None) -> dict[str, object]:
        """Return the members of the problem object.

        Args:
            problem: What happened.
            instance: Id of the request as 32 hexadecimal digits. The address asked for is not
                repeated, because it may hold the id of a credential.
        """
        kind = problem.kind
        members: dict[str, object] = {**problem.extensions}
        members |= {"type": self.type_uri(kind), "title": kind.title, "status": int(kind.status)}
        members["detail"] = problem.detail
        if instance is not None:
            members["instance"] = f"urn:cairn:request:{instance}"
        if problem.errors:
            members["errors"] = field_errors(problem.errors)
        return members


def field_errors(errors: Sequence[FieldError]) -> list[dict[str, str]]:
    """Return wrong places as RFC 9457 section 3 shows them: pointers in URI fragment form."""
    return [
        {"pointer": "#" + quote(error.pointer, safe="/~!$&'()*+,;=:@?"), "detail": error.detail}
        if error.parameter is None
        else {"parameter": error.parameter, "detail": error.detail}
        for error in errors
    ]
