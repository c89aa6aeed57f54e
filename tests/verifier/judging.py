"""Shortcuts of the tests: from a file's JSON to a report, and what a report has to say."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tests.verifier.small_log import NOW, compact
from verifier import (
    LIVE_MAX_AGE,
    Policy,
    Report,
    State,
    Verdict,
    parse_bundle,
    parse_evidence,
    verify_bundle,
    verify_evidence,
)


def judge(
    file: dict[str, Any],
    policy: Policy,
    *,
    now: datetime = NOW,
    at: datetime | None = None,
    max_age: timedelta | None = LIVE_MAX_AGE,
) -> Report:
    """Read a file through its bytes, as a user would, and judge it."""
    data = compact(file)
    if file["format"] == "cairn/bundle/v1":
        return verify_bundle(parse_bundle(data), policy, now=now, at=at, max_age=max_age)
    return verify_evidence(parse_evidence(data), policy, now=now, at=at, max_age=max_age)


def assert_verdict(report: Report, verdict: Verdict, reason: str) -> None:
    found = [(c.code, c.state.value, c.reason, c.detail) for c in report.checks if c.state is not State.PASSED]
    assert (report.verdict, report.reason) == (verdict, reason), found


def assert_check(report: Report, code: str, state: State, reason: str) -> None:
    check = report.check(code)
    assert (check.state, check.reason) == (state, reason), check.detail
