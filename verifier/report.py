"""Reports: named checks, and the verdict that follows from them and from nothing else.

    {"format": "cairn/report/v1", "verdict": "invalid", "reason": "revoked",
     "sentence": {"en": "Revoked by the issuer on 1 March 2025: ...", "ru": "..."},
     "credential": "0ci...", "as_of": "2025-03-02T00:00:00Z", "mode": "archive",
     "checks": [{"code": "status.revocation", ...}], "facts": {...}, "not_checked": [...]}

Source: docs/spec/report.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from verifier.strict_json import Json
from verifier.wire import format_instant
from verifier.wording import Text, Value, say


class Verdict(StrEnum):
    """What a report comes to."""

    VALID = "valid"
    INVALID = "invalid"
    UNKNOWN = "unknown"


class State(StrEnum):
    """What one check came to."""

    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"


class Group(StrEnum):
    """The question that a check helps to answer."""

    GENUINE = "genuine"
    ISSUER = "issuer"
    STATUS = "status"
    STACK = "stack"
    DATES = "dates"
    LOG = "log"


class Mode(StrEnum):
    """How the instant of a report was chosen.

    LIVE: now, and the evidence must be recent. ARCHIVE: the evidence's own instant. AT: asked for.
    """

    LIVE = "live"
    ARCHIVE = "archive"
    AT = "at"


@dataclass(frozen=True, slots=True)
class Check:
    """One named step of a verification.

    Attributes:
        code: Stable name, `group.subject`.
        state: What it came to.
        reason: Stable code of the case; names the sentence.
        summary: One plain sentence.
        required: Without this check passed there is no `valid`.
        detail: For those who want to know: values that were compared, what did not fit.
        looked_at: The places that were looked at, such as `evidence/status/revocation`.
    """

    code: str
    state: State
    reason: str
    summary: Text
    required: bool = True
    detail: str = ""
    looked_at: tuple[str, ...] = ()

    @property
    def group(self) -> Group:
        """The question it helps to answer: the code's first part."""
        return Group(self.code.partition(".")[0])

    def to_json(self) -> dict[str, Json]:
        """Return the check as docs/spec/report.md describes it."""
        return {
            "code": self.code,
            "group": self.group.value,
            "state": self.state.value,
            "reason": self.reason,
            "required": self.required,
            "summary": self.summary.to_json(),
            "detail": self.detail,
            "looked_at": list(self.looked_at),
        }


@dataclass(frozen=True, slots=True)
class Report:
    """What was found out about one credential.

    Attributes:
        verdict: Follows from `checks` alone (see `decide`).
        reason: Reason code of the check that decided, or `valid` and its kin.
        sentence: One plain sentence for people.
        credential: Public id of the credential, or None if the input names none.
        as_of: The instant judged, aware UTC; None if there was no telling.
        mode: How that instant was chosen.
        checks: Every check of the plan, in order.
        facts: What was proved on the way, for display; empty where nothing was.
        not_checked: What the report says nothing about, in plain sentences.
        credentials: Of a presentation: the report on each credential in it.
    """

    verdict: Verdict
    reason: str
    sentence: Text
    credential: str | None
    as_of: datetime | None
    mode: Mode
    checks: tuple[Check, ...]
    facts: Mapping[str, Json] = field(default_factory=dict)
    not_checked: tuple[Text, ...] = ()
    credentials: tuple[Report, ...] = ()

    def check(self, code: str) -> Check:
        """Return the check of that code; KeyError if the plan has none."""
        found = next((check for check in self.checks if check.code == code), None)
        if found is None:
            raise KeyError(code)
        return found

    def to_json(self) -> dict[str, Json]:
        """Return the report as docs/spec/report.md describes it."""
        members: dict[str, Json] = {
            "format": "cairn/report/v1",
            "verdict": self.verdict.value,
            "reason": self.reason,
            "sentence": self.sentence.to_json(),
            "credential": self.credential,
            "as_of": None if self.as_of is None else format_instant(self.as_of),
            "mode": self.mode.value,
            "checks": [check.to_json() for check in self.checks],
            "facts": dict(self.facts),
            "not_checked": [text.to_json() for text in self.not_checked],
        }
        if self.credentials:
            members["credentials"] = [one.to_json() for one in self.credentials]
        return members


def decide(checks: Sequence[Check], plan: Iterable[str]) -> Verdict:
    """Return the verdict that checks come to: a pure function of its arguments.

    Args:
        checks: What was found.
        plan: Codes that have to be there, each once; one too few or too many is never `valid`.

    Returns:
        INVALID if any check failed; else UNKNOWN if any is unknown, a required one was skipped, or
        the plan was not kept; else VALID.
    """
    states = {check.state for check in checks}
    if State.FAILED in states:
        return Verdict.INVALID
    codes = [check.code for check in checks]
    kept = bool(codes) and sorted(codes) == sorted(plan)
    missed = any(check.required and check.state is not State.PASSED for check in checks)
    return Verdict.UNKNOWN if State.UNKNOWN in states or missed or not kept else Verdict.VALID


def passed(code: str, reason: str, **found: Value | Sequence[str]) -> Check:
    """Make a passed check; see `_check` for *found*."""
    return _check(code, State.PASSED, reason, found)


def failed(code: str, reason: str, **found: Value | Sequence[str]) -> Check:
    """Make a failed check; see `_check` for *found*."""
    return _check(code, State.FAILED, reason, found)


def unknown(code: str, reason: str, **found: Value | Sequence[str]) -> Check:
    """Make an unknown check; see `_check` for *found*."""
    return _check(code, State.UNKNOWN, reason, found)


def skipped(code: str, reason: str, **found: Value | Sequence[str]) -> Check:
    """Make a skipped check, which only an optional one may be; see `_check` for *found*."""
    return _check(code, State.SKIPPED, reason, found, required=False)


def not_judged(code: str, because: str) -> Check:
    """Make the unknown check that follows from another one, *because*, not having passed."""
    return unknown(code, "not_judged", detail=f"needs {because}, which did not pass")


MAX_DETAIL_CHARS = 600
"""Longest detail of a check; what does not fit is cut, since input may be shown in it."""


def _check(
    code: str,
    state: State,
    reason: str,
    found: Mapping[str, Value | Sequence[str]],
    *,
    required: bool = True,
) -> Check:
    """Put a check together: `detail` and `looked_at` go to it, other names into its sentence."""
    values = dict(found)
    detail, looked_at = values.pop("detail", ""), values.pop("looked_at", ())
    return Check(
        code=code,
        state=state,
        reason=reason,
        summary=say(reason, values),
        required=required,
        detail=str(detail)[:MAX_DETAIL_CHARS],
        looked_at=tuple(looked_at) if isinstance(looked_at, (tuple, list)) else (str(looked_at),),
    )
