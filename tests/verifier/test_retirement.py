"""A log's retired key: what it signed counts only if somebody outside saw that very checkpoint before."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from anchoring.cosignature import Cosigner
from anchoring.note import NoteSigner
from tests.verifier.judging import assert_check, assert_verdict, judge
from tests.verifier.small_log import ISSUED, NOW, ORIGIN, SmallLog, instant, private_key
from verifier import Policy, PolicyError, State, Verdict, format_policy, merge_policies, parse_policy
from verifier.policy import retire_key

HOUR = timedelta(hours=1)
RETIRED = ISSUED + 3 * HOUR
NEW = NoteSigner(ORIGIN, private_key("the log's second key"))
NEW_OPERATOR = Cosigner("test.cairn.example/operator", private_key("the operator's second key"))


def policy(log: SmallLog, *, at: datetime = RETIRED, witness: bool = False, tsa: bool = False) -> Policy:
    """Trust both keys of the log, the first one as retired."""
    old = SmallLog().signer.vkey
    extra = f"retired {old} {instant(at)}\n" + ("" if log.signer.vkey == old else f"log {old}\n")
    return log.policy(witness=witness, tsa=tsa, extra=extra)


def archived(
    *, stamped: datetime | None = None, witnessed: datetime | None = None, later: bool = False
) -> tuple[SmallLog, dict[str, Any]]:
    """A file by the first key: its checkpoint stamped, or cosigned; or only one before that (*later*)."""
    log = SmallLog()
    award = log.issue()
    log.publish(ISSUED + HOUR, witnessed=witnessed)
    if stamped is not None:
        log.stamp(stamped)
    if later:
        log.publish(ISSUED + HOUR)
    return log, log.bundle(award)


def rotate(log: SmallLog, at: datetime = NOW, *, handover: bool = False) -> None:
    """Go on with the second keys; at the handover the first key signs as well."""
    old, log.signer, log.operator = log.signer, NEW, NEW_OPERATOR
    log.publish(at)
    if handover:
        text = log.checkpoint.text()
        log.note += old.sign(text).encode()


def test_archived_file_counts_when_its_checkpoint_was_stamped_before_the_key_was_retired() -> None:
    log, bundle = archived(stamped=RETIRED - HOUR)
    report = judge(bundle, policy(log, tsa=True), max_age=None)
    assert_verdict(report, Verdict.VALID, "valid_as_of")
    assert_check(report, "log.known", State.PASSED, "log_known_then")


def test_archived_file_counts_when_a_witness_saw_its_checkpoint_before_the_key_was_retired() -> None:
    log, bundle = archived(witnessed=RETIRED - HOUR)
    report = judge(bundle, policy(log, witness=True), max_age=None)
    assert_verdict(report, Verdict.VALID, "valid_as_of")


@pytest.mark.parametrize(
    "seen",
    [
        {},
        {"stamped": RETIRED},
        {"stamped": RETIRED + HOUR},
        {"witnessed": RETIRED},
        {"stamped": RETIRED - HOUR, "later": True},
    ],
    ids=["never", "stamped then", "stamped later", "witnessed then", "an earlier checkpoint was stamped"],
)
def test_file_is_unknown_when_nobody_outside_saw_its_checkpoint_before_the_key_was_retired(
    seen: dict[str, Any],
) -> None:
    log, bundle = archived(**seen)
    report = judge(bundle, policy(log, witness=True, tsa=True), max_age=None)
    assert_verdict(report, Verdict.UNKNOWN, "log_retired")
    assert "fetch a newer file" in report.sentence.en


def test_file_is_unknown_when_the_stamp_is_by_an_authority_that_is_not_trusted() -> None:
    log, bundle = archived(stamped=RETIRED - HOUR)
    assert_verdict(judge(bundle, policy(log), max_age=None), Verdict.UNKNOWN, "log_retired")


def test_operator_is_no_outside_word_when_the_policy_names_its_key_as_a_witness() -> None:
    log, bundle = archived()
    named = parse_policy(format_policy(policy(log)) + f"witness op {log.operator.vkey}\n")
    assert_verdict(judge(bundle, named, max_age=None), Verdict.UNKNOWN, "log_retired")


def test_new_file_of_the_same_tree_is_valid_and_anchors_over_the_old_key_count_when_older() -> None:
    log = SmallLog()
    award = log.issue()
    log.publish(ISSUED + HOUR)
    log.stamp(RETIRED - HOUR)
    log.records[1]["keys"][0]["compromised_at"] = instant(RETIRED)
    rotate(log)
    report = judge(log.bundle(award), policy(log, tsa=True))
    assert_verdict(report, Verdict.VALID, "valid")
    assert_check(report, "log.known", State.PASSED, "log_known")
    assert_check(report, "issuer.compromise", State.PASSED, "compromised_later")
    # The same anchor counts for nothing when the log's key was out of use, or stolen, by then.
    report = judge(log.bundle(award), policy(log, tsa=True, at=RETIRED - HOUR))
    assert_verdict(report, Verdict.UNKNOWN, "key_compromised")
    assert_check(report, "log.anchors", State.SKIPPED, "anchors_unchecked")


@pytest.mark.parametrize("key", ["first", "second", "both"])
def test_handover_is_believed_by_whoever_trusts_either_key(key: str) -> None:
    log = SmallLog()
    old = log.signer.vkey
    award = log.issue()
    log.publish(ISSUED + HOUR)
    rotate(log, handover=True)
    lines = {"first": f"log {old}\n", "second": f"log {NEW.vkey}\n", "both": f"log {old}\nlog {NEW.vkey}\n"}
    assert_verdict(judge(log.bundle(award), parse_policy(lines[key])), Verdict.VALID, "valid")


def test_retired_operator_makes_nothing_fresh() -> None:
    log = SmallLog()
    award = log.issue()
    log.publish(NOW)
    stolen = log.policy(extra=f"retired {log.operator.vkey} {instant(NOW - HOUR)}\n")
    assert_verdict(judge(log.bundle(award), stolen), Verdict.UNKNOWN, "no_time")


def test_thief_of_the_log_key_gains_nothing_with_a_fresh_stamp_and_a_history_of_their_own() -> None:
    log, _ = archived()
    log.stamp(RETIRED - HOUR)
    forged = log.issue()
    log.publish(NOW)
    log.stamp(NOW)
    assert_verdict(judge(log.bundle(forged), policy(log, tsa=True)), Verdict.UNKNOWN, "log_retired")


def test_policy_with_retired_keys_is_read_written_and_merged() -> None:
    log = SmallLog()
    one, other = policy(log), policy(log, at=RETIRED - HOUR)
    assert parse_policy(format_policy(one)).retired == one.retired == ((log.signer.vkey, RETIRED),)
    assert merge_policies(one, other).retired == merge_policies(other, one).retired == other.retired
    assert retire_key(one, log.signer.vkey, RETIRED + HOUR).retired == ((log.signer.vkey, RETIRED + HOUR),)


@pytest.mark.parametrize(
    "line",
    [
        "retired",
        f"retired {NEW.vkey}",
        f"retired {NEW.vkey} yesterday",
        f"retired {NEW.vkey} 2026-01-01T00:00:00",
        f"retired {NEW.vkey} 2026-01-01T00:00:00+00:00",
        f"retired {NEW.vkey} 2026-01-01T00:00:00Z more",
        "retired north 2026-01-01T00:00:00Z",
        f"retired {NEW.vkey} 2026-01-01T00:00:00Z\nretired {NEW.vkey} 2026-01-02T00:00:00Z",
    ],
)
def test_policy_is_refused_when_a_retired_line_is_not_one(line: str) -> None:
    with pytest.raises(PolicyError):
        parse_policy(f"{line}\n")
