"""The verdict is a pure function of the checks: no unknown, no gap, no twin becomes `valid`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.verifier.judging import judge
from tests.verifier.small_log import ISSUED, NOW, SmallLog
from verifier import Check, State, Verdict
from verifier.plan import PLAN
from verifier.report import MAX_DETAIL_CHARS, decide, failed, passed
from verifier.wording import REASONS, SENTENCES, Coded, Text, say

Change = Callable[[Check], Check]


@cache
def valid_checks() -> tuple[Check, ...]:
    log = SmallLog()
    award = log.issue()
    log.publish(ISSUED + timedelta(minutes=1))
    log.stamp(ISSUED + timedelta(minutes=2))
    log.publish(NOW, witnessed=NOW)
    report = judge(log.bundle(award), log.policy(witness=True, tsa=True))
    assert report.verdict is Verdict.VALID
    return report.checks


@pytest.mark.parametrize("code", PLAN)
@pytest.mark.parametrize("state, verdict", [(State.FAILED, Verdict.INVALID), (State.UNKNOWN, Verdict.UNKNOWN)])
def test_verdict_flips_when_one_check_does_not_pass(code: str, state: State, verdict: Verdict) -> None:
    changed = [replace(check, state=state) if check.code == code else check for check in valid_checks()]

    assert decide(valid_checks(), PLAN) is Verdict.VALID
    assert decide(changed, PLAN) is verdict


@pytest.mark.parametrize("code", PLAN)
def test_verdict_is_unknown_when_one_check_is_missing_or_doubled(code: str) -> None:
    missing = [check for check in valid_checks() if check.code != code]
    doubled = [*valid_checks(), next(check for check in valid_checks() if check.code == code)]

    assert decide(missing, PLAN) is Verdict.UNKNOWN
    assert decide(doubled, PLAN) is Verdict.UNKNOWN


@pytest.mark.parametrize("code", PLAN)
def test_verdict_is_unknown_when_a_required_check_is_skipped(code: str) -> None:
    changed = [
        replace(check, state=State.SKIPPED, required=True) if check.code == code else check for check in valid_checks()
    ]
    assert decide(changed, PLAN) is Verdict.UNKNOWN


def test_verdict_is_unknown_when_there_are_no_checks() -> None:
    assert decide([], []) is Verdict.UNKNOWN
    assert decide([], PLAN) is Verdict.UNKNOWN


@given(st.lists(st.sampled_from(State), min_size=len(PLAN), max_size=len(PLAN)))
def test_verdict_is_valid_only_when_nothing_failed_or_is_unknown(states: list[State]) -> None:
    checks = [replace(check, state=state) for check, state in zip(valid_checks(), states, strict=True)]

    verdict = decide(checks, PLAN)

    if State.FAILED in states:
        assert verdict is Verdict.INVALID
    elif State.UNKNOWN in states:
        assert verdict is Verdict.UNKNOWN
    else:
        required = all(check.state is State.PASSED for check in checks if check.required)
        assert (verdict is Verdict.VALID) == required


@pytest.mark.parametrize("reason", sorted(SENTENCES))
def test_sentence_has_both_languages_and_the_same_values(reason: str) -> None:
    sentence = SENTENCES[reason]
    english = {name for _, name, _, _ in Formatter().parse(sentence.en) if name}
    russian = {name for _, name, _, _ in Formatter().parse(sentence.ru) if name}

    assert english == russian
    assert sentence.en.isascii()
    assert any("а" <= letter <= "я" for letter in sentence.ru.lower())
    assert sentence.en.endswith(".")
    assert sentence.ru.endswith(".")


def test_sentence_shows_spans_codes_and_long_values_in_words() -> None:
    assert say("stale", {"age": timedelta(days=3)}).en.startswith("The proof is 3 days old")
    assert "3 сут." in say("stale", {"age": timedelta(days=3)}).ru
    assert "90 seconds" in say("stale", {"age": timedelta(seconds=90)}).en
    assert "5 ч" in say("stale", {"age": timedelta(hours=5, minutes=3)}).ru
    revoked = say("revoked", {"date": ISSUED, "why": Coded("of_a_later_version")})
    assert "of_a_later_version" in revoked.en
    assert len(say("issuer_proved", {"issuer": "x" * 9999}).en) < 300


def test_sentence_leaves_braces_in_values_alone() -> None:
    assert "{as_of.__class__}" in say("issuer_proved", {"issuer": "{as_of.__class__}"}).en


def test_every_reason_code_of_the_ledger_has_words() -> None:
    codes = {
        "issued_in_error",
        "incorrect_data",
        "academic_misconduct",
        "assessment_invalidated",
        "withdrawn_by_holder",
        "key_compromise",
        "accreditation_withdrawn",
        "origin_withdrawn",
        "under_review",
        "superseded",
        "component_lost",
        "other",
    }
    assert set(REASONS) == codes
    assert all(isinstance(words, Text) for words in REASONS.values())


def test_detail_is_cut_when_the_input_is_long() -> None:
    check = failed("log.known", "checkpoint_malformed", detail="x" * 10_000)
    assert len(check.detail) == MAX_DETAIL_CHARS
    assert passed("log.known", "log_known", log="a", looked_at="here").looked_at == ("here",)


def test_report_has_no_check_of_an_unknown_code() -> None:
    log = SmallLog()
    award = log.issue()
    log.publish()
    report = judge(log.bundle(award), log.policy())
    with pytest.raises(KeyError):
        report.check("status.nothing")


def test_russian_sentence_ends_in_one_full_stop_when_it_ends_in_a_year() -> None:
    begun = say("begun", {"date": datetime(2026, 11, 16, tzinfo=UTC)})
    assert begun.ru == "Действует с 16 ноября 2026 г."
