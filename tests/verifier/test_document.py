"""Group `genuine`: forged, altered, disagreeing, and signed outside the ledger."""

from __future__ import annotations

from copy import deepcopy
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import rfc8785

from tests.verifier.judging import assert_check, assert_verdict, judge
from tests.verifier.small_log import (
    BASE,
    DID,
    ISSUED,
    NOW,
    SmallLog,
    b64,
    compact,
    instant,
    key_row,
    public_id,
    template,
)
from verifier import (
    LogSearch,
    State,
    Verdict,
    parse_document,
    parse_evidence,
    verify_bundle,
    verify_document,
)
from verifier.bundle import read_bundle


def issued_with(log: SmallLog, **document: Any) -> dict[str, Any]:  # noqa: ANN401  any JSON value stands here
    """Bundle of an award whose document was signed and committed with other words than logged."""
    award = log.issue(document=document)
    log.publish()
    return log.bundle(award)


def test_report_is_invalid_when_the_document_was_altered() -> None:
    log = SmallLog()
    bundle = issued_with(log)
    bundle["document"] = deepcopy(bundle["document"]) | {"name": "Doctor of Everything"}

    report = judge(bundle, log.policy())

    assert_verdict(report, Verdict.INVALID, "document_altered")
    assert_check(report, "genuine.signature", State.FAILED, "signature_wrong")


def test_report_is_invalid_when_signed_with_another_key_under_the_issuers_name() -> None:
    log = SmallLog()
    identifier = public_id(ISSUED, b"f" * 16)
    forged = log.sign(log.build_document(identifier, 1, 70_001), key="thief")
    award = log.issue(signed=forged)
    log.publish()

    report = judge(log.bundle(award), log.policy())

    assert_check(report, "genuine.signature", State.FAILED, "signature_wrong")
    assert report.verdict is Verdict.INVALID


def test_report_is_invalid_when_the_document_brings_its_own_did_key() -> None:
    log = SmallLog()
    thief = key_row("thief")["multibase"]
    method = f"did:key:{thief}#{thief}"
    plain = log.build_document(public_id(ISSUED, b"f" * 16), 1, 70_001)
    plain["issuer"] = {"id": f"did:key:{thief}", "name": "Northern College"}
    award = log.issue(signed=log.sign(plain, key="thief", method=method))
    log.publish()

    report = judge(log.bundle(award), log.policy())

    assert_check(report, "genuine.signature", State.FAILED, "signature_wrong")
    assert_check(report, "genuine.signer", State.FAILED, "signer_differs")


@pytest.mark.parametrize(
    "issuer, method",
    [
        ("did:web:other.example", f"{DID}#key-1"),
        (DID, f"{DID}#key-2"),
        (DID, "did:web:other.example#key-1"),
    ],
)
def test_report_is_invalid_when_the_document_names_another_signer(issuer: str, method: str) -> None:
    log = SmallLog()
    probe = log.issue()
    plain = {name: value for name, value in probe.document.items() if name != "proof"}
    plain["issuer"] = {"id": issuer}
    award = log.issue(index=3, signed=log.sign(plain, method=method))
    log.publish()

    report = judge(log.bundle(award), log.policy())

    assert_check(report, "genuine.signature", State.PASSED, "signature_good")
    assert_check(report, "genuine.recorded", State.PASSED, "recorded")
    assert_check(report, "genuine.signer", State.FAILED, "signer_differs")


def test_report_is_invalid_when_the_salt_is_another() -> None:
    log = SmallLog()
    bundle = issued_with(log) | {"salt": b64(b"x" * 32)}

    assert_verdict(judge(bundle, log.policy()), Verdict.INVALID, "signed_outside")


def test_report_is_invalid_when_no_form_of_the_document_was_committed() -> None:
    log = SmallLog()
    award = log.issue(commitments={"jwt": "ab" * 32})
    log.publish()

    assert_check(judge(log.bundle(award), log.policy()), "genuine.recorded", State.FAILED, "signed_outside")


def achievement(**changes: Any) -> dict[str, Any]:  # noqa: ANN401  (any member of a document)
    probe = SmallLog().build_document(public_id(ISSUED, b"p" * 16), 1, 70_001)
    subject = deepcopy(probe["credentialSubject"])
    subject["achievement"] |= changes
    return {"credentialSubject": subject}


def status_entries(**changes: Any) -> dict[str, Any]:  # noqa: ANN401  (any member of an entry)
    probe = SmallLog().build_document(public_id(ISSUED, b"p" * 16), 1, 70_001)
    first, second = deepcopy(probe["credentialStatus"])
    return {"credentialStatus": [first | changes, second]}


@pytest.mark.parametrize(
    "words, code, reason",
    [
        ({"id": f"{BASE}/verify/{public_id(ISSUED, b'o' * 16)}"}, "genuine.id", "id_differs"),
        ({"id": "urn:uuid:1"}, "genuine.id", "id_differs"),
        ({"validFrom": "2025-03-03T09:30:01Z"}, "genuine.dates", "dates_differ"),
        ({"validUntil": "2035-03-03T09:30:00Z"}, "genuine.dates", "dates_differ"),
        (status_entries(statusListIndex="70002"), "genuine.status_entry", "status_entry_differs"),
        (
            status_entries(statusListCredential=f"{BASE}/status-lists/4"),
            "genuine.status_entry",
            "status_entry_differs",
        ),
        (
            status_entries(statusPurpose="suspension"),
            "genuine.status_entry",
            "status_entry_differs",
        ),
        ({"credentialStatus": []}, "genuine.status_entry", "status_entry_differs"),
        (achievement(name="Rocketry"), "genuine.achievement", "achievement_differs"),
        (achievement(description="x"), "genuine.achievement", "achievement_differs"),
        (achievement(criteria={}), "genuine.achievement", "achievement_differs"),
        (achievement(version="2"), "genuine.achievement", "achievement_differs"),
        (achievement(inLanguage="en"), "genuine.achievement", "achievement_differs"),
        (achievement(creditsAvailable=25), "genuine.achievement", "achievement_differs"),
        (achievement(id=f"{BASE}/x"), "genuine.achievement", "achievement_differs"),
    ],
)
def test_report_is_invalid_when_signed_words_disagree_with_logged_ones(
    words: dict[str, Any], code: str, reason: str
) -> None:
    log = SmallLog()

    report = judge(issued_with(log, **words), log.policy())

    assert_check(report, "genuine.signature", State.PASSED, "signature_good")
    assert_check(report, "genuine.recorded", State.PASSED, "recorded")
    assert_check(report, code, State.FAILED, reason)
    assert report.verdict is Verdict.INVALID


def test_report_is_invalid_when_the_edition_is_another_one() -> None:
    log = SmallLog()
    award = log.issue(edition=2)
    log.publish()
    report = judge(log.evidence(award), log.policy())
    assert_verdict(report, Verdict.INVALID, "achievement_differs")


def test_report_is_invalid_when_the_edition_is_by_another_institution() -> None:
    log = SmallLog()
    log.edition_index = log.append(
        "achievement.published.v1",
        other := UUID(int=77),
        {
            "institution": str(other),
            "code": "WELD-1",
            "edition": 1,
            "template": template(),
            "recorded_at": instant(ISSUED),
        },
    )
    award = log.issue(achievement=str(other))
    log.publish()

    assert_verdict(judge(log.bundle(award), log.policy()), Verdict.INVALID, "achievement_differs")


@pytest.mark.parametrize(
    "change",
    [
        {"@context": "https://www.w3.org/ns/credentials/v2"},
        {"@context": ["https://www.w3.org/2018/credentials/v1"]},
        {"type": ["OpenBadgeCredential"]},
        {"type": "VerifiableCredential"},
        {"issuer": DID},
        {"validFrom": "2025-03-03"},
        {"validFrom": "2025-03-03t09:30:00z"},
        {"validFrom": "2025-02-30T09:30:00Z"},
        {"validUntil": None},
        {"credentialSubject": []},
        {"credentialStatus": {}},
        {"proof": []},
        {"proof": {}},
    ],
)
def test_report_is_invalid_when_the_document_is_malformed(change: dict[str, Any]) -> None:
    log = SmallLog()
    bundle = issued_with(log)
    bundle["document"] = deepcopy(bundle["document"]) | change

    assert_verdict(judge(bundle, log.policy()), Verdict.INVALID, "document_malformed")


@pytest.mark.parametrize(
    "change",
    [
        {"expires": "2024-01-01T00:00:00Z"},
        {"@context": []},
        {"challenge": "x"},
        {"cryptosuite": "eddsa-rdfc-2022"},
        {"proofPurpose": "authentication"},
        {"type": "Ed25519Signature2020"},
        {"proofValue": 1},
    ],
)
def test_report_is_invalid_when_the_proof_says_anything_else(change: dict[str, Any]) -> None:
    log = SmallLog()
    bundle = issued_with(log)
    bundle["document"] = deepcopy(bundle["document"])
    bundle["document"]["proof"] |= change

    assert_verdict(judge(bundle, log.policy()), Verdict.INVALID, "document_malformed")


@pytest.mark.parametrize("value", ["", "z", "u3jK", "z0OIl", "z" + "1" * 5000, "zzzz"])
def test_report_is_invalid_when_the_signature_is_no_signature(value: str) -> None:
    log = SmallLog()
    bundle = issued_with(log)
    bundle["document"] = deepcopy(bundle["document"])
    bundle["document"]["proof"]["proofValue"] = value

    assert_check(judge(bundle, log.policy()), "genuine.signature", State.FAILED, "signature_wrong")


@pytest.mark.parametrize("key", ["", "z6Mk", "zDnae", "x", "z6LSbysY2xFMRpGMhb7tFTLMpeuPRaqaWM1yECx2AtzE3KCc"])
def test_report_is_invalid_when_the_recorded_key_is_no_key(key: str) -> None:
    log = SmallLog()
    log.records[1]["keys"][0]["multibase"] = key
    bundle = issued_with(log)

    assert_check(judge(bundle, log.policy()), "genuine.signature", State.FAILED, "signature_wrong")


# ── a document without evidence ─────────────────────────────────────────────────────────────


def test_document_is_unknown_when_it_comes_alone_and_the_sentence_says_what_to_do() -> None:
    log = SmallLog()
    award = log.issue()
    document = parse_document(compact(award.document))

    report = verify_document(document, log.policy(), now=NOW)

    assert_verdict(report, Verdict.UNKNOWN, "no_evidence")
    assert "bundle" in report.sentence.en
    assert report.credential == award.public_id


def test_bundle_is_unknown_when_it_has_no_evidence_yet() -> None:
    log = SmallLog()
    award = log.issue()
    log.publish()
    bundle = read_bundle(log.bundle(award) | {"evidence": None})

    assert_verdict(verify_bundle(bundle, log.policy(), now=NOW), Verdict.UNKNOWN, "no_evidence")
    newer = parse_evidence(compact(log.evidence(award)))
    report = verify_bundle(bundle, log.policy(), now=NOW, evidence=newer)
    assert_verdict(report, Verdict.VALID, "valid")


def test_document_is_judged_when_evidence_and_salt_are_supplied() -> None:
    log = SmallLog()
    award = log.issue()
    log.publish()
    evidence = parse_evidence(compact(log.evidence(award)))

    with_salt = verify_document(award.document, log.policy(), now=NOW, evidence=evidence, salt=award.salt)
    without = verify_document(award.document, log.policy(), now=NOW, evidence=evidence)

    assert_verdict(with_salt, Verdict.VALID, "valid")
    assert_verdict(without, Verdict.UNKNOWN, "salt_missing")
    assert "erased" in without.sentence.en


def test_document_is_invalid_when_it_is_no_document() -> None:
    report = verify_document({"id": 1}, SmallLog().policy(), now=NOW)
    assert_verdict(report, Verdict.INVALID, "document_malformed")
    assert report.credential is None


def searched(log: SmallLog, until: timedelta) -> LogSearch:
    return LogSearch(rfc8785.dumps(log.records[1]), ISSUED + until)


def test_document_is_invalid_when_well_signed_and_the_whole_log_has_no_entry() -> None:
    log = SmallLog()
    award = log.issue()
    search = searched(log, timedelta(minutes=1))

    report = verify_document(award.document, log.policy(), now=NOW, absent=search)

    assert_verdict(report, Verdict.INVALID, "signed_outside")
    assert "stolen" in report.sentence.en


def test_document_is_unknown_when_well_signed_and_the_log_may_not_have_it_yet() -> None:
    log = SmallLog()
    award = log.issue()
    search = searched(log, timedelta(seconds=59))

    report = verify_document(award.document, log.policy(), now=NOW, absent=search)

    assert_verdict(report, Verdict.UNKNOWN, "not_yet_recorded")


def test_document_buys_no_time_when_it_is_signed_in_the_future() -> None:
    log = SmallLog()
    award = log.issue()
    early = ISSUED - timedelta(days=1)

    report = verify_document(award.document, log.policy(), now=early, absent=searched(log, -timedelta(days=1)))

    assert_verdict(report, Verdict.INVALID, "signed_outside")


def test_document_is_invalid_when_the_log_has_no_entry_and_the_signature_is_forged() -> None:
    log = SmallLog()
    award = log.issue()
    forged = log.sign(log.build_document(award.public_id, 1, 2), key="thief")

    report = verify_document(forged, log.policy(), now=NOW, absent=searched(log, timedelta(days=1)))

    assert_verdict(report, Verdict.INVALID, "signature_wrong")
