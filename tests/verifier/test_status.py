"""Group `status` and `dates`: revoked, replaced, suspended, expired, and the days between."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.verifier.judging import assert_check, assert_verdict, judge
from tests.verifier.small_log import (
    ISSUED,
    NOW,
    SmallLog,
    b64,
    commit,
    instant,
    public_id,
)
from verifier import State, Verdict

APRIL = ISSUED.replace(month=4, day=1, hour=0, minute=0)
MAY = ISSUED.replace(month=5, day=1, hour=0, minute=0)


def test_report_is_invalid_with_date_and_reason_when_revoked() -> None:
    log = SmallLog()
    award = log.issue()
    log.publish(NOW - timedelta(days=1))
    assert judge(log.bundle(award), log.policy(), max_age=None).verdict is Verdict.VALID
    log.change(award, "revoked", APRIL, reason="academic_misconduct")
    log.publish()

    report = judge(log.bundle(award), log.policy())

    assert_verdict(report, Verdict.INVALID, "revoked")
    assert report.sentence.en == "Revoked by the issuer on 1 April 2025: academic misconduct."
    assert "1 апреля 2025" in report.sentence.ru
    assert "недобросовестность" in report.sentence.ru


@pytest.mark.parametrize("kind", ["revoked", "suspended"])
@pytest.mark.parametrize("ahead", [timedelta(milliseconds=403), timedelta(seconds=30)])
@pytest.mark.parametrize("max_age", [None, timedelta(minutes=10)])
def test_report_is_invalid_when_the_file_shows_a_change_later_than_its_own_cosignature(
    kind: str, ahead: timedelta, max_age: timedelta | None
) -> None:
    log = SmallLog()
    award = log.issue()
    log.change(award, kind, NOW + ahead, reason="other", recorded_at=instant(NOW + ahead))
    log.publish(NOW)  # a cosignature counts whole seconds, and its clock may be behind

    report = judge(log.bundle(award), log.policy(), max_age=max_age)

    assert_verdict(report, Verdict.INVALID, kind)
    assert report.as_of == NOW + ahead


def test_report_tells_the_days_apart_when_asked_around_a_revocation() -> None:
    log = SmallLog()
    award = log.issue()
    log.change(award, "revoked", APRIL)
    log.publish()
    before = judge(log.bundle(award), log.policy(), at=APRIL - timedelta(seconds=1), max_age=None)
    on_time = judge(log.bundle(award), log.policy(), at=APRIL, max_age=None)

    assert_verdict(before, Verdict.VALID, "valid_as_of")
    assert_check(before, "status.revocation", State.PASSED, "revoked_later")
    assert_verdict(on_time, Verdict.INVALID, "revoked")


def test_report_names_the_ground_when_replaced_and_shows_the_proved_successor() -> None:
    log = SmallLog()
    award = log.issue()
    successor, salt = public_id(APRIL, b"s" * 16), b"t" * 32
    opened = commit(award.id, "successor", successor.encode(), salt)
    log.change(award, "replaced", APRIL, successor=opened)
    log.publish()
    bundle = log.bundle(award) | {"successor": {"credential": successor, "salt": b64(salt)}}

    report = judge(bundle, log.policy())

    assert_verdict(report, Verdict.INVALID, "replaced")
    assert_check(report, "status.successor", State.PASSED, "successor_proved")
    assert successor in report.check("status.successor").summary.en


def test_report_is_invalid_when_the_successor_is_another() -> None:
    log = SmallLog()
    award = log.issue()
    log.change(award, "replaced", APRIL, successor="ab" * 32)
    log.publish()
    other = {"credential": public_id(APRIL, b"x" * 16), "salt": b64(b"t" * 32)}

    report = judge(log.bundle(award) | {"successor": other}, log.policy())

    assert_check(report, "status.successor", State.FAILED, "successor_wrong")


def test_report_is_invalid_when_a_successor_is_named_and_nothing_was_replaced() -> None:
    log = SmallLog()
    award = log.issue()
    log.publish()
    other = {"credential": public_id(APRIL, b"x" * 16), "salt": b64(b"t" * 32)}

    report = judge(log.bundle(award) | {"successor": other}, log.policy())

    assert_verdict(report, Verdict.INVALID, "successor_wrong")


def test_report_is_invalid_when_suspended_and_valid_when_reinstated() -> None:
    log = SmallLog()
    award = log.issue()
    log.change(award, "suspended", APRIL, reason="under_review")
    log.publish()
    suspended = judge(log.bundle(award), log.policy())
    log.change(award, "reinstated", MAY)
    log.publish()
    reinstated = judge(log.bundle(award), log.policy())

    assert_verdict(suspended, Verdict.INVALID, "suspended")
    assert "1 April 2025" in suspended.sentence.en
    assert_verdict(reinstated, Verdict.VALID, "valid")


@pytest.mark.parametrize(
    "day, verdict",
    [
        (APRIL - timedelta(days=1), Verdict.VALID),
        (APRIL, Verdict.INVALID),
        (MAY - timedelta(seconds=1), Verdict.INVALID),
        (MAY, Verdict.VALID),
    ],
)
def test_report_follows_the_timeline_when_asked_around_a_suspension(day: datetime, verdict: Verdict) -> None:
    log = SmallLog()
    award = log.issue()
    log.change(award, "suspended", APRIL)
    log.change(award, "reinstated", MAY)
    log.publish()

    report = judge(log.bundle(award), log.policy(), at=day, max_age=None)

    assert report.verdict is verdict


@pytest.mark.parametrize("purpose", ["revocation", "suspension"])
def test_report_is_invalid_when_the_bit_is_set_and_the_event_left_out(purpose: str) -> None:
    log = SmallLog()
    award = log.issue()
    log.status[purpose].set_bit(award.block, award.index, value=True)
    log.publish()

    report = judge(log.bundle(award), log.policy())

    assert_verdict(report, Verdict.INVALID, "history_contradicts")


def test_report_is_invalid_when_the_event_is_there_and_the_bit_is_not() -> None:
    log = SmallLog()
    award = log.issue()
    log.change(award, "revoked", APRIL)
    log.status["revocation"].set_bit(award.block, award.index, value=False)
    log.publish()

    assert_verdict(judge(log.bundle(award), log.policy()), Verdict.INVALID, "history_contradicts")


def test_report_is_invalid_when_the_last_event_is_left_out_of_the_file() -> None:
    log = SmallLog()
    award = log.issue()
    log.change(award, "revoked", APRIL)
    log.publish()
    del award.indexes[-1]

    assert_verdict(judge(log.bundle(award), log.policy()), Verdict.INVALID, "history_contradicts")


def test_report_is_invalid_when_an_event_in_the_middle_is_left_out() -> None:
    log = SmallLog()
    award = log.issue()
    log.change(award, "suspended", APRIL)
    log.change(award, "reinstated", MAY)
    log.publish()
    del award.indexes[1]

    assert_verdict(judge(log.bundle(award), log.policy()), Verdict.INVALID, "history_broken")


@pytest.mark.parametrize("order", [(1, 0, 2), (0, 2, 1), (2, 0, 1)])
def test_report_is_invalid_when_entries_are_out_of_order(order: tuple[int, ...]) -> None:
    log = SmallLog()
    award = log.issue()
    log.change(award, "suspended", APRIL)
    log.publish()
    bundle = log.bundle(award)
    entries = bundle["evidence"]["entries"]
    bundle["evidence"]["entries"] = [entries[at] for at in order]

    assert judge(bundle, log.policy()).verdict is Verdict.INVALID


def test_report_is_unknown_when_the_history_holds_an_event_of_a_later_version() -> None:
    log = SmallLog()
    award = log.issue()
    award.indexes.append(log.append("credential.amended.v1", award.id, {"x": 1}))
    log.publish()

    assert_verdict(judge(log.bundle(award), log.policy()), Verdict.UNKNOWN, "history_unreadable")


@pytest.mark.parametrize(
    "body",
    [
        {"effective_at": instant(APRIL), "recorded_at": instant(APRIL), "extra": 1},
        {"effective_at": instant(APRIL)},
        {"effective_at": "2025-04-01T00:00:00", "recorded_at": instant(APRIL)},
        {"effective_at": 1, "recorded_at": instant(APRIL)},
    ],
)
def test_report_is_invalid_when_an_event_is_malformed(body: dict[str, object]) -> None:
    log = SmallLog()
    award = log.issue()
    award.indexes.append(log.append("credential.reinstated.v1", award.id, body))
    log.publish()

    assert_verdict(judge(log.bundle(award), log.policy()), Verdict.INVALID, "history_broken")


def test_report_is_invalid_when_issued_twice() -> None:
    log = SmallLog()
    award = log.issue()
    award.indexes.append(log.append("credential.issued.v1", award.id, award.issued))
    log.publish()

    assert_verdict(judge(log.bundle(award), log.policy()), Verdict.INVALID, "history_broken")


def test_report_is_invalid_when_only_an_edition_is_in_the_file() -> None:
    log = SmallLog()
    award = log.issue()
    log.publish()
    evidence = log.evidence(award)
    evidence["entries"] = evidence["entries"][1:]

    assert judge(evidence, log.policy()).verdict is Verdict.INVALID


def test_report_is_invalid_when_the_evidence_is_of_another_credential() -> None:
    log = SmallLog()
    award, other = log.issue(), log.issue(index=5)
    log.publish()
    bundle = log.bundle(award) | {"evidence": log.evidence(other)}
    report = judge(bundle, log.policy())
    assert_verdict(report, Verdict.INVALID, "id_differs")

    renamed = log.evidence(other) | {"credential": award.public_id}
    report = judge(log.bundle(award) | {"evidence": renamed}, log.policy())
    assert_verdict(report, Verdict.INVALID, "history_other")


def test_report_is_invalid_when_the_status_chunks_are_swapped_or_of_another_place() -> None:
    log = SmallLog()
    award, other = log.issue(), log.issue(index=5)
    log.change(award, "revoked", APRIL)
    log.publish()
    swapped, elsewhere = log.evidence(award), log.evidence(award)
    chunks = swapped["status"]
    swapped["status"] = {"revocation": chunks["suspension"], "suspension": chunks["revocation"]}
    elsewhere["status"]["revocation"] = log.chunk("revocation", other)

    for evidence in (swapped, elsewhere):
        assert_check(judge(evidence, log.policy()), "status.bits", State.FAILED, "bits_not_proved")


def test_report_is_invalid_when_the_status_place_does_not_exist() -> None:
    log = SmallLog()
    award = log.issue(status_index=200_000)
    log.publish()
    assert_check(judge(log.evidence(award), log.policy()), "status.bits", State.FAILED, "bits_not_proved")
    award = log.issue(status_block=9)
    log.publish()
    assert_check(judge(log.evidence(award), log.policy()), "status.bits", State.FAILED, "bits_not_proved")


def test_report_is_invalid_when_expired_and_not_one_instant_earlier() -> None:
    until = NOW - timedelta(days=1)
    log = SmallLog()
    award = log.issue(valid_until=instant(until), document={"validUntil": instant(until)})
    log.publish()

    assert_verdict(judge(log.bundle(award), log.policy()), Verdict.INVALID, "expired")
    last = judge(log.bundle(award), log.policy(), at=until)
    assert_verdict(last, Verdict.VALID, "valid_as_of")


def test_report_is_invalid_when_not_yet_valid() -> None:
    start = NOW + timedelta(days=1)
    log = SmallLog()
    award = log.issue(valid_from=instant(start), document={"validFrom": instant(start)})
    log.publish()

    assert_verdict(judge(log.bundle(award), log.policy()), Verdict.INVALID, "not_yet_valid")
    ordinary = log.issue(index=9)
    log.publish()
    early = judge(log.bundle(ordinary), log.policy(), at=ISSUED - timedelta(days=1))
    assert_check(early, "dates.valid_from", State.FAILED, "not_yet_valid")


def test_sentence_is_about_the_revocation_when_the_accreditation_was_missing_too() -> None:
    log = SmallLog()
    log.records[1]["accreditations"][0]["withdrawn_at"] = instant(ISSUED - timedelta(days=1))
    award = log.issue()
    log.change(award, "revoked", ISSUED, reason="accreditation_withdrawn")
    log.publish()

    report = judge(log.bundle(award), log.policy())

    assert_check(report, "issuer.accreditation", State.FAILED, "not_accredited")
    assert_verdict(report, Verdict.INVALID, "revoked")
