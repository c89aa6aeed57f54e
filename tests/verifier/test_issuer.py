"""Group `issuer`: the proved record, the key at its instant, a stolen key, the accreditation."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any

import pytest
import rfc8785

from anchoring.tree import leaf_hash
from tests.verifier.judging import assert_check, assert_verdict, judge
from tests.verifier.small_log import (
    ISSUED,
    NOW,
    SOUTH,
    Award,
    SmallLog,
    authority,
    b64,
    compact,
    instant,
    key_row,
    record,
)
from verifier import Policy, Report, State, Verdict, parse_evidence, verify_document

HOUR = timedelta(hours=1)


def judged_with(**changes: Any) -> Report:  # noqa: ANN401  (any member of a record)
    log = SmallLog()
    log.records[1] |= changes
    award = log.issue()
    log.publish()
    return judge(log.bundle(award), log.policy())


def test_report_names_the_issuer_from_the_directory_not_from_the_document() -> None:
    log = SmallLog()
    award = log.issue(document={"issuer": {"id": log.records[1]["did"], "name": "Grand Academy"}})
    log.publish()

    report = judge(log.bundle(award), log.policy())

    assert_verdict(report, Verdict.VALID, "valid")
    assert report.check("issuer.known").summary.en.startswith("Issued by Northern College")


def test_report_is_invalid_when_the_record_is_not_in_the_directory() -> None:
    log = SmallLog()
    award = log.issue()
    log.publish()
    bundle = log.bundle(award)
    forged = deepcopy(log.records[1]) | {"name": "Grand Academy"}
    bundle["evidence"]["directory"]["record"] = b64(rfc8785.dumps(forged))

    assert_verdict(judge(bundle, log.policy()), Verdict.INVALID, "issuer_not_proved")


def test_report_is_invalid_when_the_record_is_of_another_institution() -> None:
    log = SmallLog()
    award = log.issue()
    log.publish()
    bundle = log.bundle(award)
    proof = [b64(node) for node in log.directory().inclusion_proof(0)]
    other = {"leaf": 0, "record": b64(rfc8785.dumps(log.records[0])), "proof": proof}
    bundle["evidence"]["directory"] = other

    assert_verdict(judge(bundle, log.policy()), Verdict.INVALID, "issuer_other")


def test_report_is_invalid_when_the_issuer_is_unknown_to_the_directory() -> None:
    log = SmallLog()
    award = log.issue(institution=str(SOUTH))
    log.publish()

    assert_check(judge(log.bundle(award), log.policy()), "issuer.known", State.FAILED, "issuer_other")


@pytest.mark.parametrize(
    "broken",
    [
        lambda row: rfc8785.dumps(row) + b" ",
        lambda row: rfc8785.dumps(row | {"extra": 1}),
        lambda row: rfc8785.dumps({name: row[name] for name in row if name != "slug"}),
        lambda row: rfc8785.dumps(row | {"keys": [key_row(), key_row()]}),
        lambda row: rfc8785.dumps(row | {"registered_at": "yesterday"}),
        lambda row: rfc8785.dumps([row]),
        lambda _: b"",
    ],
)
def test_report_is_invalid_when_a_proved_record_is_malformed(broken: Any) -> None:  # noqa: ANN401  any JSON value stands here
    log = SmallLog()
    award = log.issue()
    log.publish()
    data = broken(log.records[1])
    tree = log.directory()
    honest = tree.root()
    tree.replace(1, leaf_hash(data))
    assert tree.root() != honest
    log.publish(directory_root=tree.root())
    bundle = log.bundle(award)
    proof = [b64(node) for node in tree.inclusion_proof(1)]
    bundle["evidence"]["directory"] = {"leaf": 1, "record": b64(data), "proof": proof}

    assert_verdict(judge(bundle, log.policy()), Verdict.INVALID, "issuer_not_proved")


def test_report_is_invalid_when_the_key_is_not_one_of_the_issuers() -> None:
    report = judged_with(keys=[key_row(key_id="key-2")])
    assert_check(report, "issuer.key", State.FAILED, "key_unknown")
    assert report.verdict is Verdict.INVALID


@pytest.mark.parametrize(
    "member, moment, reason",
    [
        ("valid_from", ISSUED + HOUR, "key_not_yet_valid"),
        ("retired_at", ISSUED - HOUR, "key_retired"),
        ("revoked_at", ISSUED - HOUR, "key_revoked"),
        ("revoked_at", ISSUED, "key_revoked"),
    ],
)
def test_report_is_invalid_when_the_key_was_not_in_use(member: str, moment: datetime, reason: str) -> None:
    report = judged_with(keys=[key_row() | {member: instant(moment)}])

    assert_verdict(report, Verdict.INVALID, reason)


@pytest.mark.parametrize(
    "member,end,valid",
    [
        ("retired_at", ISSUED, True),
        ("revoked_at", ISSUED, False),
        ("revoked_at", ISSUED + timedelta(milliseconds=1), True),
    ],
)
def test_key_may_be_used_at_the_instant_it_is_retired_and_not_at_that_of_its_revocation(
    member: str,
    end: datetime,
    valid: bool,  # noqa: FBT001  (a column of the table)
) -> None:
    report = judged_with(keys=[key_row() | {member: instant(end)}])

    assert (report.verdict is Verdict.VALID) == valid


# ── a stolen key ────────────────────────────────────────────────────────────────────────────


def stolen(
    at: datetime, *, stamped: datetime | None = None, witnessed: datetime | None = None
) -> tuple[SmallLog, dict[str, Any]]:
    log = SmallLog()
    award = log.issue()
    log.publish(ISSUED + timedelta(minutes=1))
    if stamped is not None:
        log.stamp(stamped)
    if witnessed is not None:
        log.cosign_anchor(witnessed)
    log.records[1]["keys"][0]["compromised_at"] = instant(at)
    log.publish()
    return log, log.bundle(award)


def test_report_is_valid_when_a_time_stamp_is_older_than_the_theft() -> None:
    log, bundle = stolen(ISSUED + 2 * HOUR, stamped=ISSUED + HOUR)

    report = judge(bundle, log.policy(tsa=True))

    assert_verdict(report, Verdict.VALID, "valid")
    assert_check(report, "issuer.compromise", State.PASSED, "compromised_later")


def test_report_is_valid_when_a_witness_saw_it_before_the_theft() -> None:
    log, bundle = stolen(ISSUED + 2 * HOUR, witnessed=ISSUED + HOUR)

    assert_verdict(judge(bundle, log.policy(witness=True)), Verdict.VALID, "valid")


@pytest.mark.parametrize("late", [timedelta(0), HOUR])
def test_report_is_unknown_when_logged_but_anchored_only_after_the_theft(late: timedelta) -> None:
    theft = ISSUED + 2 * HOUR
    log, bundle = stolen(theft, stamped=theft + late)

    report = judge(bundle, log.policy(tsa=True))

    assert_verdict(report, Verdict.UNKNOWN, "key_compromised")
    assert "issue it again" in report.sentence.en
    assert "заново" in report.sentence.ru


def test_report_is_unknown_when_only_the_operator_speaks_for_a_stolen_key() -> None:
    theft = NOW + timedelta(hours=1)  # even later than the operator's cosignature
    log, bundle = stolen(theft)

    assert_verdict(judge(bundle, log.policy(tsa=True)), Verdict.UNKNOWN, "key_compromised")


def test_report_is_unknown_when_the_stamp_is_by_an_authority_that_is_not_trusted() -> None:
    log, bundle = stolen(ISSUED + 2 * HOUR, stamped=ISSUED + HOUR)

    report = judge(bundle, log.policy())

    assert_verdict(report, Verdict.UNKNOWN, "key_compromised")
    assert_check(report, "log.anchors", State.SKIPPED, "anchors_unchecked")


def test_report_is_invalid_when_a_stolen_key_signed_what_was_never_logged() -> None:
    log, bundle = stolen(ISSUED + 2 * HOUR, stamped=ISSUED + HOUR)
    forged = {name: value for name, value in bundle["document"].items() if name != "proof"}
    forged["name"] = "Doctor of Everything"
    bundle["document"] = log.sign(forged)

    report = judge(bundle, log.policy(tsa=True))

    assert_verdict(report, Verdict.INVALID, "signed_outside")


# ── accreditation ───────────────────────────────────────────────────────────────────────────


def accredited(**changes: Any) -> list[dict[str, Any]]:  # noqa: ANN401  (any member of a record)
    return [record(SOUTH, 0)["accreditations"][0] | changes]


@pytest.mark.parametrize(
    "rows",
    [
        accredited(valid_from=instant(ISSUED + HOUR)),
        accredited(valid_until=instant(ISSUED - HOUR)),
        accredited(withdrawn_at=instant(ISSUED - HOUR)),
        accredited(withdrawn_at=instant(ISSUED)),
    ],
)
def test_report_is_invalid_when_the_issuer_was_not_accredited(rows: list[dict[str, Any]]) -> None:
    assert_verdict(judged_with(accreditations=rows), Verdict.INVALID, "not_accredited")


def test_report_says_nothing_of_accreditation_when_there_never_was_one() -> None:
    report = judged_with(accreditations=[])

    assert_verdict(report, Verdict.VALID, "valid")
    assert report.check("issuer.accreditation").reason == "no_accreditation"


def test_report_is_valid_when_the_accreditation_ended_later() -> None:
    rows = accredited(withdrawn_at=instant(ISSUED + HOUR))

    report = judged_with(accreditations=rows)

    assert_verdict(report, Verdict.VALID, "valid")
    assert "Agency of the North" in report.check("issuer.accreditation").summary.en


def test_report_is_unknown_when_awarded_in_time_but_recorded_without_accreditation() -> None:
    log = SmallLog()
    log.records[1]["accreditations"] = accredited(withdrawn_at=instant(ISSUED + HOUR))
    award = log.issue(recorded_at=instant(ISSUED + 2 * HOUR))
    log.publish()

    report = judge(log.bundle(award), log.policy())

    assert_verdict(report, Verdict.UNKNOWN, "recorded_unaccredited")


def test_policy_is_the_only_source_of_time_stamping_authorities() -> None:
    log = SmallLog()
    with_authority: Policy = log.policy(tsa=True)
    assert [one.name for one in with_authority.authorities] == [authority("stamp").name]
    assert log.policy().authorities == ()


# ── signed anew ─────────────────────────────────────────────────────────────────────────────


THEFT = ISSUED + 2 * HOUR


def signed_anew(*, stamped: bool = False) -> tuple[SmallLog, Award, Award]:
    """Log an award whose key was stolen and which was signed anew; return it with the old document and the new."""
    log = SmallLog()
    award = log.issue()
    log.publish(ISSUED + timedelta(minutes=1))
    if stamped:
        log.stamp(ISSUED + HOUR)
    log.records[1]["keys"][0] |= {"compromised_at": instant(THEFT), "retired_at": instant(THEFT)}
    log.records[1]["keys"].append(key_row("north-2", "key-2") | {"valid_from": instant(THEFT)})
    new = log.reissue(award, THEFT + HOUR)
    log.publish()
    return log, award, new


def test_report_is_valid_when_the_document_was_signed_anew_with_another_key() -> None:
    log, _, new = signed_anew()
    report = judge(log.bundle(new), log.policy(tsa=True))
    assert_verdict(report, Verdict.VALID, "valid")
    assert_check(report, "issuer.compromise", State.PASSED, "key_safe")
    assert '"change": "reissued"' in json.dumps(report.facts["changes"])


def test_report_asks_for_the_new_document_when_an_older_signature_does_not_stand() -> None:
    log, old, _ = signed_anew()
    report = judge(log.bundle(old), log.policy(tsa=True))
    assert_verdict(report, Verdict.UNKNOWN, "signed_anew")
    assert_check(report, "genuine.recorded", State.PASSED, "recorded")
    assert_check(report, "genuine.signature", State.PASSED, "signature_good")
    assert "ask the holder for the new document" in report.sentence.en


def test_report_is_valid_when_an_older_signature_stands_by_itself() -> None:
    log, old, _ = signed_anew(stamped=True)
    assert_verdict(judge(log.bundle(old), log.policy(tsa=True)), Verdict.VALID, "valid")


def test_record_stands_when_one_of_its_signatures_does() -> None:
    log, old, _ = signed_anew(stamped=True)
    log.records[1]["keys"][1]["compromised_at"] = instant(THEFT)
    log.publish()
    assert_verdict(judge(log.evidence(old), log.policy(tsa=True)), Verdict.VALID, "valid_record")
    report = judge(log.evidence(old), log.policy())
    assert_verdict(report, Verdict.UNKNOWN, "key_compromised")


def test_new_signature_needs_an_outside_word_of_its_own_when_its_key_is_stolen() -> None:
    log, _, new = signed_anew(stamped=True)
    log.stamp(THEFT + 2 * HOUR)
    log.records[1]["keys"][1]["compromised_at"] = instant(THEFT + 3 * HOUR)
    log.publish()
    assert_verdict(judge(log.bundle(new), log.policy(tsa=True)), Verdict.VALID, "valid")
    log.records[1]["keys"][1]["compromised_at"] = instant(THEFT + 2 * HOUR)
    log.publish()
    assert_verdict(judge(log.bundle(new), log.policy(tsa=True)), Verdict.UNKNOWN, "key_compromised")


def test_report_is_invalid_when_the_stolen_key_signed_what_the_log_never_had() -> None:
    log, _, new = signed_anew()
    forged = {name: value for name, value in new.document.items() if name != "proof"} | {"name": "Doctor"}
    bundle = log.bundle(new) | {"document": log.sign(forged)}
    assert_verdict(judge(bundle, log.policy(tsa=True)), Verdict.INVALID, "signed_outside")


def test_document_without_salt_is_judged_by_the_signature_of_the_key_that_it_names() -> None:
    log, old, _ = signed_anew()
    evidence = parse_evidence(compact(log.evidence(old)))
    report = verify_document(old.document, log.policy(), now=NOW, evidence=evidence)
    assert_check(report, "genuine.signature", State.PASSED, "signature_good")
    assert report.verdict is Verdict.UNKNOWN


def test_operator_is_no_outside_word_even_when_the_policy_names_its_key_as_a_witness() -> None:
    log = SmallLog()
    award = log.issue()
    log.publish(ISSUED + timedelta(minutes=1))
    log.records[1]["keys"][0]["compromised_at"] = instant(NOW + HOUR)
    log.publish()
    policy = log.policy(extra=f"witness op {log.operator.vkey}\n")
    assert_verdict(judge(log.bundle(award), policy), Verdict.UNKNOWN, "key_compromised")
