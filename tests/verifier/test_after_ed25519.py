"""Policies of ML-DSA-44 keys: witnesses of that kind count, and a log can be trusted by that key alone."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from anchoring.cosignature import Cosigner
from anchoring.note import NoteSigner, format_note, parse_note
from anchoring.subtree_cosignature import SubtreeCosigner
from tests.verifier.judging import assert_check, assert_verdict, judge
from tests.verifier.small_log import NOW, ORIGIN, SmallLog, private_key
from verifier import State, Verdict, parse_policy

SUCCESSOR = SubtreeCosigner(ORIGIN, MLDSA44PrivateKey.from_seed_bytes(bytes([1] * 32)))
WITNESS = SubtreeCosigner("witness.example/pq", MLDSA44PrivateKey.from_seed_bytes(bytes([2] * 32)))
STRANGER = SubtreeCosigner(ORIGIN, MLDSA44PrivateKey.from_seed_bytes(bytes([3] * 32)))


def bundle_with(log: SmallLog, *signers: SubtreeCosigner, at: datetime | None = NOW) -> dict[str, Any]:
    award = log.issue()
    log.publish()
    bundle: dict[str, Any] = log.bundle(award)
    note = parse_note(bundle["evidence"]["checkpoint"].encode())
    lines = [line.line for line in note.signatures] + [signer.cosign(note.text, at) for signer in signers]
    bundle["evidence"]["checkpoint"] = format_note(note.text, lines).decode()
    return bundle


def test_report_counts_a_witness_when_its_key_is_ml_dsa() -> None:
    log = SmallLog()
    policy = log.policy(extra=f"witness pq {WITNESS.vkey}\nquorum pq\n")

    seen = judge(bundle_with(log, WITNESS), policy)
    unseen = judge(bundle_with(log), policy)

    assert_verdict(seen, Verdict.VALID, "valid")
    assert_check(seen, "log.fresh", State.PASSED, "fresh_witnessed")
    assert_check(unseen, "log.cosignatures", State.UNKNOWN, "quorum_not_met")
    assert unseen.verdict is Verdict.UNKNOWN


def test_report_is_invalid_when_an_ml_dsa_witnesss_line_is_altered() -> None:
    log = SmallLog()
    bundle = bundle_with(log, WITNESS)
    line = parse_note(bundle["evidence"]["checkpoint"].encode()).signatures[-1]
    altered = type(line)(line.name, line.key_id, line.blob[:-1] + bytes([line.blob[-1] ^ 1]))
    bundle["evidence"]["checkpoint"] = bundle["evidence"]["checkpoint"].replace(line.line, altered.line)

    report = judge(bundle, log.policy(extra=f"witness pq {WITNESS.vkey}\n"))

    assert_check(report, "log.cosignatures", State.FAILED, "cosignature_wrong")


def test_report_trusts_a_log_by_its_ml_dsa_key_alone() -> None:
    log = SmallLog()
    policy = parse_policy(f"log {SUCCESSOR.vkey}\n")

    report = judge(bundle_with(log, SUCCESSOR), policy)

    assert_verdict(report, Verdict.VALID, "valid")
    assert_check(report, "log.fresh", State.PASSED, "fresh_operator")


def test_report_is_unknown_when_the_trusted_ml_dsa_key_did_not_sign() -> None:
    policy = parse_policy(f"log {SUCCESSOR.vkey}\n")

    assert_verdict(judge(bundle_with(SmallLog()), policy), Verdict.UNKNOWN, "unknown_log")
    assert_verdict(judge(bundle_with(SmallLog(), STRANGER), policy), Verdict.UNKNOWN, "unknown_log")


def test_report_takes_no_time_from_an_ed25519_operator_when_the_log_is_trusted_by_ml_dsa() -> None:
    report = judge(bundle_with(SmallLog(), SUCCESSOR, at=None), parse_policy(f"log {SUCCESSOR.vkey}\n"))

    assert_check(report, "log.fresh", State.UNKNOWN, "no_time")


def test_report_is_invalid_when_the_file_names_a_key_that_is_not_on_its_checkpoint() -> None:
    bundle = bundle_with(SmallLog(), SUCCESSOR)
    bundle["evidence"]["log"]["vkey"] = NoteSigner(ORIGIN, private_key("another")).vkey

    report = judge(bundle, parse_policy(f"log {SUCCESSOR.vkey}\n"))

    assert_verdict(report, Verdict.INVALID, "log_misnamed")


def test_report_takes_anchored_notes_without_the_ml_dsa_signature() -> None:
    log = SmallLog()
    award = log.issue()
    log.publish()
    log.cosign_anchor(NOW)
    log.publish()
    bundle = log.bundle(award)
    note = parse_note(bundle["evidence"]["checkpoint"].encode())
    lines = [*(line.line for line in note.signatures), SUCCESSOR.cosign(note.text, NOW)]
    bundle["evidence"]["checkpoint"] = format_note(note.text, lines).decode()

    report = judge(bundle, parse_policy(f"log {SUCCESSOR.vkey}\nwitness w1 {log.witness.vkey}\n"))

    assert_verdict(report, Verdict.VALID, "valid")
    assert_check(report, "log.anchors", State.PASSED, "anchored")


def test_a_key_named_as_the_log_is_no_witness_of_it() -> None:
    log = SmallLog()
    own = Cosigner(ORIGIN, private_key("own"))
    award = log.issue()
    log.publish()
    bundle = log.bundle(award)
    note = parse_note(bundle["evidence"]["checkpoint"].encode())
    lines = [*(line.line for line in note.signatures), own.cosign(note.text, NOW), SUCCESSOR.cosign(note.text, NOW)]
    bundle["evidence"]["checkpoint"] = format_note(note.text, lines).decode()
    extra = f"witness a {own.vkey}\nwitness b {SUCCESSOR.vkey}\ngroup g any a b\nquorum g\n"

    report = judge(bundle, log.policy(extra=extra))

    assert_check(report, "log.cosignatures", State.UNKNOWN, "quorum_not_met")


def test_report_is_invalid_when_a_character_across_the_key_id_and_the_time_is_altered() -> None:
    log = SmallLog()
    policy = log.policy(extra=f"log {SUCCESSOR.vkey}\n")
    bundle = bundle_with(log, SUCCESSOR)
    head, _, tail = parse_note(bundle["evidence"]["checkpoint"].encode()).signatures[-1].line.rpartition(" ")
    assert tail[5] in "AQgw"  # the last two bits of the key id, and four bits of 0
    for other in "BCDEFGHIJKLMNOPRSTUVWXYZabcdefhijklmnopqrstuvxyz0123456789+/":
        note = bundle["evidence"]["checkpoint"].replace(f"{head} {tail}", f"{head} {tail[:5]}{other}{tail[6:]}")

        report = judge({**bundle, "evidence": {**bundle["evidence"], "checkpoint": note}}, policy)

        assert_check(report, "log.known", State.FAILED, "log_signature_wrong")
