"""One line of a batch: what it asks to have judged, and what is answered.

A line is what ``POST /v1/verify`` takes as JSON (a credential, a presentation, a bundle, an evidence file), a JSON
string with a token or with the id of an award, or one of these in an envelope::

    {"item": …, "id": "my own name for it", "at": "2026-01-31"}

The answer repeats the line's number and, of an envelope, the `id`, beside a `report` or a `problem`. Nothing that a
line holds ends the batch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import msgspec

from api.batch.line import Line
from api.error import BodyTooLargeError, FieldError, InvalidRequestError
from api.instant import parse_instant
from api.json_body import parse_body
from api.problem import Problem, ProblemWriter, problem_of
from api.problem_handler import ErrorLog, describe_error
from api.strict_json import DEFAULT_LIMITS, JsonValue
from api.verification import Verification
from verifier.report import Report

MAX_NAME_CHARS: Final = 200
"""Longest name that a client may give a line."""
ITEM: Final = "item"
_ENVELOPE: Final = frozenset({ITEM, "id", "at"})
_DOCUMENT: Final = frozenset({"@context", "type", "format"})
"""Members of what is itself to be judged."""
_AS_JSON: Final = "application/json"
_AS_TOKEN: Final = "text/plain"  # noqa: S105  (a media type)


class _Envelope(msgspec.Struct):
    item: msgspec.Raw


@dataclass(frozen=True, slots=True)
class _Item:
    """What is to be judged: its value and its bytes, as of when, its client's name for it, its place in the line."""

    value: JsonValue
    raw: bytes
    at: datetime | None
    name: str | None = None
    place: str = ""


class ItemJudge:
    """Judges lines. Safe for threads.

    Args:
        verification: The live verification.
        writer: Writes problems.
        log: Where unexpected errors are recorded.
        max_line_bytes: Longest line, for the words in which a longer one is refused.
    """

    def __init__(self, verification: Verification, writer: ProblemWriter, log: ErrorLog, max_line_bytes: int) -> None:
        self._verification = verification
        self._writer = writer
        self._log = log
        self._max_line_bytes = max_line_bytes

    def answer(self, line: Line, at: datetime | None, request_id: str | None) -> bytes:
        """Return the answer to a line as a line. Never raises an error of the line's own making, or of ours.

        Args:
            line: The line.
            at: Judge as of this instant unless the line names one; None for now.
            request_id: Id of the whole request, for problems.
        """
        item, answer = None, dict[str, Any](line=line.number)
        try:
            item = self._read(line, at)
            if item.name is not None:
                answer["id"] = item.name
            answer["report"] = self._report(item).to_json()
        except Exception as error:  # noqa: BLE001  whatever it is, the lines behind this one are still to be judged
            problem = problem_of(error)
            if problem.kind.is_internal:
                self._log.error("unexpected_error", request_id=request_id, **describe_error(error))
            answer["problem"] = self._writer.members(_placed(problem, "" if item is None else item.place), request_id)
        return msgspec.json.encode(answer) + b"\n"

    def _read(self, line: Line, at: datetime | None) -> _Item:
        if line.data is None:
            message = f"the line is longer than the {self._max_line_bytes} bytes that one may have"
            raise BodyTooLargeError(message, extensions={"limit_bytes": self._max_line_bytes})
        value = parse_body(line.data, DEFAULT_LIMITS)
        if not isinstance(value, dict) or ITEM not in value or not _DOCUMENT.isdisjoint(value):
            return _Item(value, line.data, at)
        name, own = _named(value)
        raw = bytes(msgspec.json.decode(line.data, type=_Envelope).item)
        return _Item(value[ITEM], raw, at if own is None else own, name, f"/{ITEM}")

    def _report(self, item: _Item) -> Report:
        if isinstance(item.value, dict):
            return self._verification.verify(item.raw, item.at, _AS_JSON)
        if not isinstance(item.value, str):
            message = "a line is an object to be judged, or a string with a token or the id of an award"
            raise InvalidRequestError(message, errors=(FieldError(message),))
        if item.value.isalnum():  # no token is: it has dots
            return self._verification.credential(item.value, item.at)
        return self._verification.verify(item.value.encode(), item.at, _AS_TOKEN)


def _placed(problem: Problem, place: str) -> Problem:
    """Have wrong places in what an envelope holds point into the envelope."""
    moved = (one if one.parameter else replace(one, pointer=place + one.pointer) for one in problem.errors)
    return replace(problem, errors=tuple(moved))


def _named(envelope: dict[str, JsonValue]) -> tuple[str | None, datetime | None]:
    """Read what an envelope says of its item: the client's own name for it, and the instant asked about."""
    for member in envelope:
        if member not in _ENVELOPE:
            raise _wrong("an envelope has «item», and may have «id» and «at»", member)
    name, at = envelope.get("id"), envelope.get("at")
    if name is not None and (not isinstance(name, str) or len(name) > MAX_NAME_CHARS):
        raise _wrong(f"an own name is a string of at most {MAX_NAME_CHARS} characters", "id")
    if at is not None and not isinstance(at, str):
        raise _wrong("an instant is a string such as 2026-01-31T12:00:00Z", "at")
    return name, parse_instant(at, "at")


def _wrong(message: str, member: str) -> InvalidRequestError:
    pointer = "/" + member.replace("~", "~0").replace("/", "~1")
    return InvalidRequestError(message, errors=(FieldError(message, pointer),))
