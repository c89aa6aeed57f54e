"""Status lists of foreign issuers: what is not certain is unknown, and nothing about them is ever guessed."""

from __future__ import annotations

import base64
import gzip
import zlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.verifier.foreign.maker import (
    ISSUED,
    LIST_URL,
    NOW,
    OB3,
    TOKEN_LIST_URL,
    V2,
    b64url,
    badge,
    badge_claims,
    did_document,
    did_key,
    did_web,
    encode,
    instant,
    judge,
    judged,
    sign,
    status_entry,
    status_list,
    token,
    token_list,
)
from verifier.foreign.source import Found, Missing
from verifier.report import Report, State, Verdict

EXAMPLES = "https://www.w3.org/ns/credentials/examples/v2"
ISSUER, OTHER = did_key(name="alice"), did_key(name="mallory")


def listed(*entries: dict[str, Any]) -> dict[str, Any]:
    return sign(badge(ISSUER, credentialStatus=list(entries) or [status_entry()]), ISSUER)


def unknown(report: Report, reason: str) -> None:
    assert (report.verdict, report.reason) == (Verdict.UNKNOWN, reason)


def test_credential_is_valid_when_its_list_says_nothing() -> None:
    report = judge(listed(), {LIST_URL: status_list(ISSUER, 94_566, 94_568)})
    assert report.verdict is Verdict.VALID
    assert report.check("status.revocation").reason == "list_no_revocation"
    assert report.check("status.suspension").reason == "no_suspension_entry"


@pytest.mark.parametrize("index", [0, 7, 8, 131_071])
def test_credential_is_invalid_when_its_very_bit_is_set(index: int) -> None:
    document = listed(status_entry(index))
    assert judge(document, {LIST_URL: status_list(ISSUER, index)}).reason == "list_revocation"
    assert judge(document, {LIST_URL: status_list(ISSUER, index ^ 1)}).verdict is Verdict.VALID


def test_credential_is_invalid_when_it_is_suspended_now() -> None:
    document = listed(status_entry(purpose="suspension"))
    known = {LIST_URL: status_list(ISSUER, 94_567, purpose="suspension")}
    assert judge(document, known).reason == "list_suspension"
    unknown(judge(document, known, at=NOW - timedelta(days=1)), "list_says_now")
    unknown(judge(document, {LIST_URL: status_list(ISSUER, purpose="suspension")}, at=ISSUED), "list_says_now")


def test_earlier_day_is_unknown_when_it_is_revoked_now() -> None:
    unknown(judge(listed(), {LIST_URL: status_list(ISSUER, 94_567)}, at=NOW - timedelta(days=1)), "list_says_now")
    assert judge(listed(), {LIST_URL: status_list(ISSUER)}, at=NOW - timedelta(days=1)).verdict is Verdict.VALID


def test_credential_is_unknown_when_its_list_is_not_to_be_had() -> None:
    unknown(judge(listed(), {LIST_URL: Missing("off")}), "list_off")
    unknown(judge(listed(), {LIST_URL: Missing("unreachable", "refused")}), "list_unreachable")


def test_credential_is_invalid_when_one_list_is_missing_and_another_revokes() -> None:
    second = "https://lists.example/status/4"
    document = listed(status_entry(), status_entry(1, "suspension", statusListCredential=second))
    assert judge(document, {LIST_URL: status_list(ISSUER, 94_567)}).reason == "list_revocation"


def test_list_is_not_asked_for_when_the_credential_is_forged() -> None:
    forged = sign(badge(ISSUER, credentialStatus=[status_entry()]), OTHER)
    report, wanted = judged(forged)
    assert (report.verdict, wanted) == (Verdict.INVALID, [])


BAD_LISTS: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "no members": lambda: b"{}",
    "not json": lambda: b"not json",
    "no object": lambda: b"[1]",
    "twice": lambda: b'{"a":1,"a":2}',
    "of another": lambda: status_list(OTHER),
    "another list": lambda: status_list(ISSUER, id="https://lists.example/status/4"),
    "no list": lambda: status_list(ISSUER, type=["VerifiableCredential"]),
    "another purpose": lambda: status_list(ISSUER, purpose="suspension"),
    "too short": lambda: status_list(ISSUER, bits=8_192),
    "early": lambda: status_list(ISSUER, validFrom=instant(NOW + timedelta(hours=1))),
    "late": lambda: status_list(ISSUER, validUntil=instant(NOW - timedelta(hours=1))),
    "no base64": lambda: status_list(ISSUER, subject={"encodedList": "u????"}),
    "no gzip": lambda: status_list(ISSUER, subject={"encodedList": "uAAAA"}),
    "no text": lambda: status_list(ISSUER, subject={"encodedList": 5}),
    "ttl no number": lambda: status_list(ISSUER, subject={"ttl": "soon"}),
    "subject of another type": lambda: status_list(ISSUER, subject={"type": "Other"}),
    "altered": lambda: status_list(ISSUER).replace(b'"encodedList":"u', b'"encodedList":"uH'),
}


@pytest.mark.parametrize("name", sorted(BAD_LISTS))
def test_credential_is_unknown_when_its_list_is_no_good(name: str) -> None:
    report = judge(listed(), {LIST_URL: BAD_LISTS[name]()})
    unknown(report, "list_unusable")
    assert report.check("status.revocation").state is State.UNKNOWN


@pytest.mark.parametrize(
    "changes",
    [
        {"statusListIndex": "131072"},
        {"statusListIndex": "-1"},
        {"statusListIndex": "1e3"},
        {"statusListIndex": "٣"},
        {"statusListIndex": 1.5},
        {"statusListIndex": True},
        {"statusListIndex": None},
        {"statusListIndex": "9" * 5_000},
        {"statusListCredential": 5},
        {"statusListCredential": "https://lists.example/" + "x" * 3_000},
        {"statusPurpose": None},
        {"statusSize": 9},
        {"statusSize": 0},
    ],
)
def test_credential_is_unknown_when_its_entry_points_nowhere(changes: dict[str, Any]) -> None:
    document = listed(status_entry(**changes))
    report = judge(document, {LIST_URL: status_list(ISSUER)})
    assert report.verdict is not Verdict.VALID
    assert report.check("status.list").state is State.UNKNOWN


def test_credential_is_unknown_when_its_kind_of_status_is_not_known() -> None:
    old = {"id": "https://school.example/revoked", "type": "OtherStatus"}
    document = badge(ISSUER, credentialStatus=old, **{"@context": [V2, OB3, EXAMPLES]})
    report = judge(sign(document, ISSUER))
    assert report.check("status.list").reason == "status_kind_unknown"
    assert report.verdict is not Verdict.VALID


def test_message_entry_says_nothing_about_validity() -> None:
    report, wanted = judged(listed(status_entry(purpose="message"), status_entry()))
    assert wanted == [LIST_URL]
    assert judge(listed(status_entry(purpose="refresh"))).verdict is Verdict.VALID
    assert report.verdict is Verdict.UNKNOWN


def test_list_is_bounded_when_it_unpacks_to_much_more() -> None:
    packed = gzip.compress(b"\0" * 200_000_000, mtime=0)
    bomb = "u" + base64.urlsafe_b64encode(packed).rstrip(b"=").decode()
    assert len(bomb) < 500_000
    unknown(judge(listed(), {LIST_URL: status_list(ISSUER, subject={"encodedList": bomb})}), "list_unusable")


def test_list_is_asked_for_again_when_it_is_older_than_it_may_be() -> None:
    data = status_list(ISSUER, subject={"ttl": 5_000})
    report, wanted = judged(listed(), {LIST_URL: Found(data, 6.0)})
    assert (report.reason, wanted) == ("list_unreachable", [LIST_URL])
    assert judge(listed(), {LIST_URL: Found(data, 4.0)}).verdict is Verdict.VALID


def test_list_of_a_domain_needs_the_domains_keys() -> None:
    issuer = did_web()
    document = sign(badge(issuer, credentialStatus=[status_entry()]), issuer)
    known = {issuer.did: encode(did_document(issuer)), LIST_URL: status_list(issuer, 94_567)}
    assert judge(document, known).reason == "list_revocation"
    assert judge(document, {LIST_URL: known[LIST_URL]}).reason == "issuer_key_unreachable"


def test_list_counts_as_a_token_as_well() -> None:
    packed = base64.urlsafe_b64encode(gzip.compress(b"\x80" + b"\0" * 16_383)).rstrip(b"=").decode()
    payload = {
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "id": LIST_URL,
        "type": ["VerifiableCredential", "BitstringStatusListCredential"],
        "issuer": ISSUER.did,
        "validFrom": instant(ISSUED),
        "credentialSubject": {
            "id": f"{LIST_URL}#list",
            "type": "BitstringStatusList",
            "statusPurpose": "revocation",
            "encodedList": f"u{packed}",
        },
    }
    made = token(payload, ISSUER).encode()
    assert judge(listed(status_entry(0)), {LIST_URL: made}).reason == "list_revocation"
    assert judge(listed(status_entry(1)), {LIST_URL: made}).verdict is Verdict.VALID


# ── Token Status List ──


def referring(**changes: Any) -> str:  # noqa: ANN401  (any JSON)
    status = {"status_list": {"idx": 7, "uri": TOKEN_LIST_URL, **changes}}
    return token(badge_claims(badge(ISSUER), status=status), ISSUER)


@pytest.mark.parametrize(
    "status, reason",
    [(0, "valid_foreign"), (1, "list_revocation"), (2, "list_suspension"), (3, "list_unusable")],
)
def test_token_status_is_read(status: int, reason: str) -> None:
    assert judge(referring(), {TOKEN_LIST_URL: token_list(ISSUER, status=status)}).reason == reason


def _list_token(**changes: Any) -> bytes:  # noqa: ANN401  (any JSON)
    head = changes.pop("header", {})
    claims = {
        "sub": TOKEN_LIST_URL,
        "iss": ISSUER.did,
        "iat": int(ISSUED.timestamp()),
        "status_list": {"bits": 2, "lst": b64url(zlib.compress(b"\0" * 2_048))},
        **changes,
    }
    claims = {name: value for name, value in claims.items() if value is not None}
    return token(claims, ISSUER, **{"typ": "statuslist+jwt", **head}).encode()


BAD_TOKENS: dict[str, dict[str, Any]] = {
    "another list": {"sub": "https://lists.example/tokens/2"},
    "of another": {"iss": OTHER.did},
    "no date": {"iat": None},
    "early": {"iat": int(NOW.timestamp()) + 3_600},
    "late": {"exp": int(NOW.timestamp()) - 3_600},
    "three bits": {"status_list": {"bits": 3, "lst": "eJw"}},
    "too short": {"status_list": {"bits": 2, "lst": b64url(zlib.compress(b"\0"))}},
    "bomb": {"status_list": {"bits": 1, "lst": b64url(zlib.compress(b"\0" * 200_000_000))}},
    "no list": {"status_list": {"bits": 1}},
    "no object": {"status_list": []},
    "another type": {"header": {"typ": "JWT"}},
    "key of another": {"header": {"kid": OTHER.method}},
    "ttl no number": {"ttl": "soon"},
}


@pytest.mark.parametrize("name", sorted(BAD_TOKENS))
def test_credential_is_unknown_when_its_token_list_is_no_good(name: str) -> None:
    unknown(judge(referring(), {TOKEN_LIST_URL: _list_token(**BAD_TOKENS[name])}), "list_unusable")


def test_token_list_is_good_as_it_is_made_here() -> None:
    assert judge(referring(), {TOKEN_LIST_URL: _list_token()}).verdict is Verdict.VALID
    assert judge(referring(), {TOKEN_LIST_URL: _list_token(iss=None)}).verdict is Verdict.VALID


@pytest.mark.parametrize("changes", [{"idx": "7"}, {"idx": -1}, {"idx": 10_000}, {"uri": 5}, {"idx": None}])
def test_credential_is_unknown_when_its_reference_points_nowhere(changes: dict[str, Any]) -> None:
    unknown(judge(referring(**changes), {TOKEN_LIST_URL: _list_token()}), "list_unusable")
