"""Group `log`: whose log, what is in it, how fresh, and who else has seen it."""

from __future__ import annotations

from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from anchoring.checkpoint import Checkpoint
from anchoring.cosignature import CosignatureVerifier
from anchoring.cosigned_anchor import full_name
from anchoring.note import NoteSigner, format_note
from anchoring.subtree_cosignature import SubtreeCosigner
from anchoring.tree import leaf_hash, node_hash
from tests.verifier.judging import assert_check, assert_verdict, judge
from tests.verifier.small_log import (
    ISSUED,
    NOW,
    ORIGIN,
    SmallLog,
    authority,
    b64,
    private_key,
    unb64,
)
from verifier import Policy, PolicyError, State, Verdict
from verifier.policy import retire_key, trust_key

MINUTE = timedelta(minutes=1)


def small_bundle(log: SmallLog) -> dict[str, Any]:
    award = log.issue()
    log.publish()
    return log.bundle(award)


# ── whose log ───────────────────────────────────────────────────────────────────────────────


def test_report_is_unknown_when_the_file_brings_its_own_keys() -> None:
    mine, theirs = SmallLog(), SmallLog(origin="evil.example/log")
    bundle = small_bundle(theirs)

    report = judge(bundle, mine.policy())

    assert_verdict(report, Verdict.UNKNOWN, "unknown_log")
    assert {check.state for check in report.checks} <= {
        State.UNKNOWN,
        State.SKIPPED,
        State.PASSED,
    }
    assert report.facts == {}


def test_report_is_unknown_when_a_stranger_signs_under_a_trusted_logs_name() -> None:
    mine, theirs = SmallLog(), SmallLog()
    theirs.signer = NoteSigner(ORIGIN, private_key("stranger"))
    bundle = small_bundle(theirs)

    assert_verdict(judge(bundle, mine.policy()), Verdict.UNKNOWN, "unknown_log")
    claims_ours = deepcopy(bundle)
    claims_ours["evidence"]["log"]["vkey"] = mine.signer.vkey
    assert_verdict(judge(claims_ours, mine.policy()), Verdict.UNKNOWN, "unknown_log")


def test_report_is_unknown_when_nothing_is_trusted() -> None:
    report = judge(small_bundle(SmallLog()), Policy())

    assert_verdict(report, Verdict.UNKNOWN, "unknown_log")
    judged = {check.code for check in report.checks if check.state is State.PASSED}
    assert judged <= {"genuine.form", "genuine.id"}


def test_report_is_unknown_when_an_unknown_log_says_revoked() -> None:
    mine, theirs = SmallLog(), SmallLog(origin="evil.example/log")
    award = theirs.issue()
    theirs.change(award, "revoked", ISSUED)
    theirs.publish()

    assert_verdict(judge(theirs.bundle(award), mine.policy()), Verdict.UNKNOWN, "unknown_log")


def test_report_is_invalid_when_the_logs_signature_is_anothers() -> None:
    log = SmallLog()
    bundle = small_bundle(log)
    note = bundle["evidence"]["checkpoint"]
    bundle["evidence"]["checkpoint"] = note.replace("\n6\n", "\n7\n")
    assert bundle["evidence"]["checkpoint"] != note

    assert_verdict(judge(bundle, log.policy()), Verdict.INVALID, "log_signature_wrong")


@pytest.mark.parametrize("member", ["origin", "vkey"])
def test_report_is_invalid_when_the_file_names_another_log_than_signed(member: str) -> None:
    log = SmallLog()
    bundle = small_bundle(log)
    bundle["evidence"]["log"][member] = "evil.example/log"

    assert_verdict(judge(bundle, log.policy()), Verdict.INVALID, "log_misnamed")


@pytest.mark.parametrize("note", ["", "\n", "x", "a\nb\n", "a\n1\nAA==\n\n— a AAAAAAA=\n"])
def test_report_is_invalid_when_the_checkpoint_is_no_note(note: str) -> None:
    log = SmallLog()
    bundle = small_bundle(log)
    bundle["evidence"]["checkpoint"] = note

    assert_verdict(judge(bundle, log.policy()), Verdict.INVALID, "checkpoint_malformed")


def test_report_is_invalid_when_the_checkpoint_has_an_extension_line() -> None:
    log = SmallLog()
    bundle = small_bundle(log)
    text = log.checkpoint.text() + "extra\n"
    bundle["evidence"]["checkpoint"] = format_note(text, [log.signer.sign(text)]).decode()

    assert_verdict(judge(bundle, log.policy()), Verdict.INVALID, "checkpoint_malformed")


def test_report_is_invalid_when_the_checkpoint_has_more_lines_than_anybody_needs() -> None:
    log = SmallLog()
    bundle = small_bundle(log)
    line = bundle["evidence"]["checkpoint"].splitlines(keepends=True)[-1]
    bundle["evidence"]["checkpoint"] += line * 14
    assert_verdict(judge(bundle, log.policy()), Verdict.VALID, "valid")
    bundle["evidence"]["checkpoint"] += line

    assert_verdict(judge(bundle, log.policy()), Verdict.INVALID, "checkpoint_malformed")


def test_report_says_so_when_the_logs_key_was_pinned_on_first_use() -> None:
    log = SmallLog()
    bundle = small_bundle(log)
    policy = log.policy()
    pinned = Policy(logs=policy.logs, pinned=frozenset({log.signer.vkey}))

    report = judge(bundle, pinned)

    assert_verdict(report, Verdict.VALID, "valid")
    assert_check(report, "log.known", State.PASSED, "log_pinned")


# ── what is in it ───────────────────────────────────────────────────────────────────────────


def test_report_is_invalid_when_proofs_are_swapped() -> None:
    log = SmallLog()
    bundle = small_bundle(log)
    first, second = bundle["evidence"]["entries"]
    first["proof"], second["proof"] = second["proof"], first["proof"]

    assert_verdict(judge(bundle, log.policy()), Verdict.INVALID, "entry_not_in_log")


def test_report_is_invalid_when_an_inner_node_poses_as_an_entry() -> None:
    log = SmallLog()
    award = log.issue()
    log.publish()
    evidence = log.evidence(award)
    index = award.indexes[0]
    even = index - index % 2
    pair = [leaf_hash(log.entries[even]), leaf_hash(log.entries[even + 1])]
    proof = log.tree.inclusion_proof(index)
    node = pair[0] + pair[1]  # node_hash(l, r) hashes these bytes behind another prefix
    assert node_hash(*pair) != leaf_hash(node)
    evidence["entries"][0] = {
        "index": index // 2,
        "entry": b64(b"\x01" + node),
        "proof": [b64(sibling) for sibling in proof[1:]],
    }

    assert_verdict(judge(evidence, log.policy()), Verdict.INVALID, "entry_not_in_log")


def test_report_is_invalid_when_a_proof_is_longer_or_shorter_than_due() -> None:
    log = SmallLog()
    bundle = small_bundle(log)
    longer, shorter = deepcopy(bundle), deepcopy(bundle)
    longer["evidence"]["entries"][0]["proof"].append(b64(bytes(32)))
    shorter["evidence"]["entries"][0]["proof"].pop()

    for changed in (longer, shorter):
        assert_verdict(judge(changed, log.policy()), Verdict.INVALID, "entry_not_in_log")


def test_report_is_invalid_when_the_state_is_not_the_last_entry() -> None:
    log = SmallLog()
    award = log.issue()
    log.publish()
    old = log.evidence(award)["state"]["index"]
    log.change(award, "revoked", ISSUED)
    log.publish()
    stale = log.evidence(award) | {"state": log.proved(old)}

    assert_verdict(judge(stale, log.policy()), Verdict.INVALID, "state_wrong")


def test_report_is_invalid_when_the_last_entry_is_no_state() -> None:
    log = SmallLog()
    award = log.issue()
    log.append("submission.accepted.v1", award.id, {"n": 1}, version=9)
    log.sign_checkpoint(NOW)

    assert_verdict(judge(log.evidence(award), log.policy()), Verdict.INVALID, "state_wrong")


def test_report_is_invalid_when_the_state_covers_less_than_lies_before_it() -> None:
    log = SmallLog()
    award = log.issue()
    log.publish(covered_size=len(log.entries) - 1)

    assert_verdict(judge(log.evidence(award), log.policy()), Verdict.INVALID, "state_wrong")


def test_report_is_invalid_when_an_entry_is_not_framed() -> None:
    log = SmallLog()
    award = log.issue()
    log.entries[award.indexes[0]] = b"not framed"
    log.tree.replace(award.indexes[0], leaf_hash(b"not framed"))
    log.publish()

    assert_verdict(judge(log.evidence(award), log.policy()), Verdict.INVALID, "entry_not_in_log")


def test_report_is_invalid_when_the_checkpoint_is_empty() -> None:
    log = SmallLog()
    bundle = small_bundle(log)
    empty = Checkpoint(ORIGIN, 0, unb64("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")).text()
    bundle["evidence"]["checkpoint"] = format_note(empty, [log.signer.sign(empty)]).decode()

    assert_verdict(judge(bundle, log.policy()), Verdict.INVALID, "entry_not_in_log")


# ── how fresh ───────────────────────────────────────────────────────────────────────────────


def test_report_is_unknown_when_the_evidence_is_too_old_for_a_live_answer() -> None:
    log = SmallLog()
    bundle = small_bundle(log)

    just = judge(bundle, log.policy(), now=NOW + 10 * MINUTE)
    late = judge(bundle, log.policy(), now=NOW + 10 * MINUTE + timedelta(seconds=1))

    assert_verdict(just, Verdict.VALID, "valid")
    assert_verdict(late, Verdict.UNKNOWN, "stale")
    assert "10 minutes" in late.sentence.en


def test_report_is_invalid_when_the_evidence_is_old_and_says_revoked() -> None:
    log = SmallLog()
    award = log.issue()
    log.change(award, "revoked", ISSUED)
    log.publish()

    report = judge(log.bundle(award), log.policy(), now=NOW + timedelta(days=90))

    assert_verdict(report, Verdict.INVALID, "revoked")


def test_report_is_unknown_when_an_archived_file_ends_before_the_instant_asked() -> None:
    log = SmallLog()
    bundle = small_bundle(log)
    later = NOW + timedelta(days=3)

    report = judge(bundle, log.policy(), now=later, at=NOW + MINUTE, max_age=None)

    assert_verdict(report, Verdict.UNKNOWN, "ends_before")


def test_report_is_unknown_when_nobody_says_when_it_was_the_latest_state() -> None:
    log = SmallLog()
    award = log.issue()
    log.publish(None)

    live = judge(log.bundle(award), log.policy())
    archived = judge(log.bundle(award), log.policy(), max_age=None)

    assert_verdict(live, Verdict.UNKNOWN, "no_time")
    assert_verdict(archived, Verdict.UNKNOWN, "no_time")
    assert archived.as_of is None


def test_report_is_unknown_when_the_cosignature_is_from_the_future() -> None:
    log = SmallLog()
    award = log.issue()
    log.publish(NOW + 2 * MINUTE)

    assert_verdict(judge(log.bundle(award), log.policy()), Verdict.UNKNOWN, "time_ahead")


def test_report_bears_a_clock_that_is_a_little_ahead() -> None:
    log = SmallLog()
    award = log.issue()
    log.publish(NOW + MINUTE)

    report = judge(log.bundle(award), log.policy(), max_age=None)

    assert_verdict(report, Verdict.VALID, "valid_as_of")
    assert report.as_of == NOW


def test_report_is_unknown_when_only_a_fresh_time_stamp_is_on_an_old_checkpoint() -> None:
    log = SmallLog()
    award = log.issue()
    log.publish(NOW - timedelta(days=30))
    log.stamp(NOW)  # anybody can have an old checkpoint stamped today

    report = judge(log.bundle(award), log.policy(tsa=True))

    assert_check(report, "log.anchors", State.PASSED, "anchored")
    assert_verdict(report, Verdict.UNKNOWN, "stale")


def test_report_is_invalid_when_the_operators_cosignature_is_of_another_checkpoint() -> None:
    log = SmallLog()
    award = log.issue()
    log.publish()
    other = log.operator.cosign("other\n1\n" + b64(bytes(32)) + "\n", NOW)
    text = log.checkpoint.text()
    log.note = format_note(text, [log.signer.sign(text), other])

    assert_verdict(judge(log.bundle(award), log.policy()), Verdict.INVALID, "cosignature_wrong")


# ── who else has seen it ────────────────────────────────────────────────────────────────────


def test_report_is_unknown_when_the_quorum_is_not_met() -> None:
    log = SmallLog()
    award = log.issue()
    log.publish()
    policy = log.policy(witness=True, extra="quorum w1\n")

    report = judge(log.bundle(award), policy)

    assert_verdict(report, Verdict.UNKNOWN, "quorum_not_met")


def test_report_is_valid_when_the_quorum_is_met() -> None:
    log = SmallLog()
    award = log.issue()
    log.publish(NOW, witnessed=NOW)

    report = judge(log.bundle(award), log.policy(witness=True, extra="quorum w1\n"))

    assert_verdict(report, Verdict.VALID, "valid")


def test_report_does_not_take_the_operators_word_for_a_quorums() -> None:
    log = SmallLog()
    award = log.issue()
    log.publish(NOW, witnessed=NOW - timedelta(hours=1))

    report = judge(log.bundle(award), log.policy(witness=True, extra="quorum w1\n"))

    assert_verdict(report, Verdict.UNKNOWN, "stale")


def test_report_is_invalid_when_a_known_witnesss_line_is_altered() -> None:
    log = SmallLog()
    award = log.issue()
    log.publish(NOW, witnessed=NOW)
    bundle = log.bundle(award)
    renamed = deepcopy(bundle)
    note = bundle["evidence"]["checkpoint"]
    renamed["evidence"]["checkpoint"] = note.replace("witness.example/w1", "witness.example/w2")

    assert_verdict(judge(renamed, log.policy(witness=True)), Verdict.INVALID, "cosignature_wrong")
    assert_verdict(judge(renamed, log.policy()), Verdict.VALID, "valid")  # not anybody we know


# ── time anchors ────────────────────────────────────────────────────────────────────────────


def anchored(**changes: Any) -> tuple[SmallLog, dict[str, Any]]:  # noqa: ANN401  any JSON value stands here
    log = SmallLog()
    award = log.issue()
    log.publish(ISSUED + MINUTE)
    log.stamp(ISSUED + 2 * MINUTE)
    log.issue(index=4)
    log.publish(NOW)
    bundle = log.bundle(award)
    bundle["evidence"]["anchors"][0] |= changes
    return log, bundle


@pytest.mark.parametrize(
    "changes",
    [
        {"time": "2025-03-03T09:32:01Z"},
        {"time": "yesterday"},
        {"index": 3},
        {"proof": []},
        {"consistency": []},
        {"checkpoint": "x"},
        {"token": b64(b"no token")},
        {"token": ""},
        {"kind": "cosignature"},
    ],
)
def test_report_is_invalid_when_an_anchor_is_wrong(changes: dict[str, Any]) -> None:
    log, bundle = anchored(**changes)

    assert_verdict(judge(bundle, log.policy(tsa=True)), Verdict.INVALID, "anchor_wrong")


@pytest.mark.parametrize("size", [None, 0, 5, 7])
def test_report_is_invalid_when_the_anchored_size_is_not_the_newest_anchors(
    size: int | None,
) -> None:
    log, bundle = anchored()
    assert bundle["evidence"]["anchored_size"] == 6
    bundle["evidence"]["anchored_size"] = size

    assert_verdict(judge(bundle, log.policy()), Verdict.INVALID, "anchor_wrong")


def test_report_is_invalid_when_a_size_is_anchored_and_no_anchor_is_there() -> None:
    log = SmallLog()
    bundle = small_bundle(log)
    bundle["evidence"]["anchored_size"] = 3

    assert_verdict(judge(bundle, log.policy()), Verdict.INVALID, "anchor_wrong")


def test_report_is_unknown_when_a_trusted_authoritys_token_bears_another_name() -> None:
    log, bundle = anchored(name="stump")

    assert_verdict(judge(bundle, log.policy(tsa=True)), Verdict.UNKNOWN, "anchor_misnamed")
    assert_verdict(judge(bundle, log.policy()), Verdict.VALID, "valid")


def test_report_is_invalid_when_the_anchor_is_of_another_log() -> None:
    log, bundle = anchored()
    other = SmallLog(origin="other.example/log")
    award = other.issue()
    other.publish(ISSUED + MINUTE)
    other.stamp(ISSUED + 2 * MINUTE)
    foreign = other.evidence(award)["anchors"][0]
    bundle["evidence"]["anchors"] = [foreign]

    policy = log.policy(tsa=True, extra=f"log {other.signer.vkey}\n")

    assert_verdict(judge(bundle, policy), Verdict.INVALID, "anchor_wrong")


def test_report_is_invalid_when_the_anchored_checkpoint_is_of_a_rewritten_history() -> None:
    log = SmallLog()
    award = log.issue()
    log.publish(ISSUED + MINUTE)
    log.stamp(ISSUED + 2 * MINUTE)
    honest = log.evidence(award)["anchors"]
    log.entries[0] = b"rewritten"
    log.tree.replace(0, leaf_hash(b"rewritten"))
    log.publish(NOW)
    log.anchors.clear()
    evidence = log.evidence(award) | {"anchors": honest, "anchored_size": 6}
    evidence["anchors"][0]["consistency"] = [b64(node) for node in log.tree.consistency_proof(6)]

    assert_verdict(judge(evidence, log.policy(tsa=True)), Verdict.INVALID, "anchor_wrong")


@pytest.mark.parametrize("name", ["w1", "witness.example/w1", full_name(CosignatureVerifier(SmallLog().witness.vkey))])
def test_report_counts_a_witnesss_cosignature_as_an_anchor(name: str) -> None:
    log = SmallLog()
    award = log.issue()
    log.publish(ISSUED + MINUTE)
    log.cosign_anchor(ISSUED + 2 * MINUTE)
    log.publish(NOW)
    bundle = log.bundle(award)
    bundle["evidence"]["anchors"][0]["name"] = name

    report = judge(bundle, log.policy(witness=True))

    assert_check(report, "log.anchors", State.PASSED, "anchored")
    assert_check(judge(bundle, log.policy()), "log.anchors", State.SKIPPED, "anchors_unchecked")


@pytest.mark.parametrize(
    "changes, state, reason",
    [
        ({"name": "w2"}, State.UNKNOWN, "anchor_misnamed"),
        ({"token": b64("— w AAAAAAA=\n".encode())}, State.FAILED, "anchor_wrong"),
        ({"token": b64("— w AAAAAAA=".encode())}, State.FAILED, "anchor_wrong"),
        ({"token": b64(b"\xff\n")}, State.FAILED, "anchor_wrong"),
    ],
)
def test_report_does_not_count_a_cosigned_anchor_when_it_is_not_the_witnesss(
    changes: dict[str, Any], state: State, reason: str
) -> None:
    log = SmallLog()
    award = log.issue()
    log.publish(ISSUED + MINUTE)
    log.cosign_anchor(ISSUED + 2 * MINUTE)
    bundle = log.bundle(award)
    bundle["evidence"]["anchors"][0] |= changes

    assert_check(judge(bundle, log.policy(witness=True)), "log.anchors", state, reason)


def test_report_counts_no_cosigned_anchor_of_a_retired_witness_key_from_the_instant_on() -> None:
    log = SmallLog()
    award = log.issue()
    log.publish(ISSUED + MINUTE)
    log.cosign_anchor(ISSUED + 2 * MINUTE)
    log.publish(NOW)

    def policy(retired: datetime) -> Policy:
        return retire_key(log.policy(witness=True), log.witness.vkey, retired)

    after, before = policy(ISSUED + 3 * MINUTE), policy(ISSUED + 2 * MINUTE)
    assert_check(judge(log.bundle(award), after), "log.anchors", State.PASSED, "anchored")
    assert_check(judge(log.bundle(award), before), "log.anchors", State.SKIPPED, "anchors_unchecked")


def test_report_passes_over_a_cosigned_anchor_by_another_key_of_a_trusted_name() -> None:
    log = SmallLog()
    award = log.issue()
    log.publish(ISSUED + MINUTE)
    log.cosign_anchor(ISSUED + 2 * MINUTE)
    log.publish(NOW)
    bundle = log.bundle(award)
    other = SubtreeCosigner(log.witness.name, MLDSA44PrivateKey.from_seed_bytes(bytes(32)))
    policy = trust_key(log.policy(), other.vkey)
    assert policy.witnesses[0][0] == log.witness.name

    bundle["evidence"]["anchors"][0]["name"] = log.witness.name
    report = judge(bundle, policy)
    bundle["evidence"]["anchors"][0]["name"] = "w1"
    misnamed = judge(bundle, log.policy(extra=f"witness w1 {other.vkey}\n"))

    assert_check(report, "log.anchors", State.SKIPPED, "anchors_unchecked")
    assert_check(misnamed, "log.anchors", State.FAILED, "anchor_wrong")


def test_report_counts_a_time_stamp_when_the_authoritys_certificate_is_issued_by_another() -> None:
    log = SmallLog()
    award = log.issue()
    log.publish(ISSUED + MINUTE)
    log.stamp(ISSUED + 2 * MINUTE, "issued", issued=True)
    log.publish(NOW)
    stamper = authority("issued", issued=True)

    report = judge(log.bundle(award), log.policy(extra=stamper.policy_line))

    assert_check(report, "log.anchors", State.PASSED, "anchored")
    with pytest.raises(PolicyError, match="self-signed"):
        log.policy(extra=stamper.policy_line.splitlines()[0])
