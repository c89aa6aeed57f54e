"""What holds is reported as holding, check by check."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from tests.verifier.judging import assert_check, assert_verdict, judge
from tests.verifier.small_log import ISSUED, NOW, SmallLog
from verifier import FutureInstantError, Mode, State, Verdict
from verifier.plan import DECIDING_ORDER, DOCUMENT_CHECKS, PLAN


def test_bundle_is_valid_when_everything_holds() -> None:
    log = SmallLog()
    award = log.issue()
    log.publish()

    report = judge(log.bundle(award), log.policy())

    assert_verdict(report, Verdict.VALID, "valid")
    assert report.as_of == NOW
    assert [check.code for check in report.checks] == list(PLAN)
    skipped = {check.code for check in report.checks if check.state is State.SKIPPED}
    assert skipped == {"status.successor", "log.cosignatures", "log.anchors"}
    assert_check(report, "log.fresh", State.PASSED, "fresh_operator")


def test_bundle_is_valid_when_witnessed_and_time_stamped() -> None:
    log = SmallLog()
    award = log.issue()
    log.publish(ISSUED + timedelta(minutes=1))
    log.stamp(ISSUED + timedelta(minutes=2))
    log.cosign_anchor(ISSUED + timedelta(minutes=3))
    log.publish(NOW, witnessed=NOW - timedelta(minutes=1))

    report = judge(log.bundle(award), log.policy(witness=True, tsa=True))

    assert_verdict(report, Verdict.VALID, "valid")
    assert_check(report, "log.cosignatures", State.PASSED, "cosigned")
    assert_check(report, "log.fresh", State.PASSED, "fresh_witnessed")
    assert_check(report, "log.anchors", State.PASSED, "anchored")
    assert report.facts["log"]["unanchored"] == 1  # type: ignore[call-overload,index]  # the test reaches into the part


def test_evidence_alone_is_valid_and_says_that_no_document_was_seen() -> None:
    log = SmallLog()
    award = log.issue()
    log.publish()

    report = judge(log.evidence(award), log.policy())

    assert_verdict(report, Verdict.VALID, "valid_record")
    for code in DOCUMENT_CHECKS:
        assert_check(report, code, State.SKIPPED, "no_document")


def test_archived_file_is_judged_as_of_its_own_instant_when_no_instant_is_asked() -> None:
    log = SmallLog()
    award = log.issue(valid_until="2025-07-01T00:00:00Z", document={"validUntil": "2025-07-01T00:00:00Z"})
    log.publish(NOW)

    report = judge(log.bundle(award), log.policy(), now=NOW + timedelta(days=900), max_age=None)

    assert_verdict(report, Verdict.VALID, "valid_as_of")
    assert (report.mode, report.as_of) == (Mode.ARCHIVE, NOW)
    assert "1 June 2025" in report.sentence.en
    assert "1 июня 2025" in report.sentence.ru


def test_archived_file_uses_the_witness_when_the_operator_cosigned_later() -> None:
    log = SmallLog()
    award = log.issue()
    log.publish(NOW, witnessed=NOW - timedelta(hours=2))

    report = judge(log.bundle(award), log.policy(witness=True), max_age=None)

    assert report.as_of == NOW - timedelta(hours=2)
    assert_check(report, "log.fresh", State.PASSED, "fresh_witnessed")


def test_report_takes_the_operators_word_when_the_witness_is_too_old() -> None:
    log = SmallLog()
    award = log.issue()
    log.publish(NOW, witnessed=NOW - timedelta(hours=2))

    report = judge(log.bundle(award), log.policy(witness=True))

    assert_verdict(report, Verdict.VALID, "valid")
    assert_check(report, "log.fresh", State.PASSED, "fresh_operator")


def test_verification_refuses_when_the_instant_lies_in_the_future() -> None:
    log = SmallLog()
    award = log.issue()
    log.publish()
    with pytest.raises(FutureInstantError):
        judge(log.evidence(award), log.policy(), at=NOW + timedelta(seconds=1))
    with pytest.raises(ValueError, match="not come yet"):
        judge(log.bundle(award), log.policy(), at=NOW + timedelta(seconds=1))


def test_verification_refuses_when_an_instant_is_naive() -> None:
    log = SmallLog()
    award = log.issue()
    log.publish()
    with pytest.raises(ValueError, match="aware"):
        judge(log.evidence(award), log.policy(), now=NOW.replace(tzinfo=None))
    with pytest.raises(ValueError, match="negative"):
        judge(log.evidence(award), log.policy(), max_age=timedelta(seconds=-1))


def test_report_is_plain_json_when_written_out() -> None:
    log = SmallLog()
    award = log.issue()
    log.publish()

    report = judge(log.bundle(award), log.policy())
    written = json.loads(json.dumps(report.to_json(), allow_nan=False))

    assert written["format"] == "cairn/report/v1"
    assert written["verdict"] == "valid"
    assert written["as_of"] == "2025-06-01T12:00:00Z"
    assert written["facts"]["issuer"]["name"] == "Northern College"
    assert {
        "code",
        "group",
        "state",
        "reason",
        "required",
        "summary",
        "detail",
        "looked_at",
    } == set(written["checks"][0])


def test_plan_names_every_check_once_and_says_who_decides() -> None:
    assert len(set(PLAN)) == len(PLAN)
    assert sorted(DECIDING_ORDER) == sorted(PLAN)
