"""Was this issuer entitled to award this, on that day? Limits of accreditations, and days at each boundary."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from ledger import limit
from tests.ledger.test_limit import LIMITS, SUBJECTS
from tests.verifier.judging import assert_check, assert_verdict, judge
from tests.verifier.small_log import ISSUED, NORTH, WELDING, SmallLog, accreditation_row, instant, template
from verifier import Report, State, Verdict, entitlement
from verifier.directory import Limits, parse_record
from verifier.error import FormatError

MS = timedelta(milliseconds=1)
NONE: dict[str, Any] = {"levels": [], "fields": [], "kinds": [], "country": None}


def details(**changes: Any) -> dict[str, Any]:  # noqa: ANN401  any member of the details
    empty: dict[str, Any] = {
        "achievement_type": "MicroCredential",
        "tags": [],
        "field_of_study": None,
        "isced_f": None,
        "specialization": None,
    }
    return empty | changes


def judged(
    rows: list[dict[str, Any]],
    *,
    described: dict[str, Any] | None = None,
    template_changes: dict[str, Any] | None = None,
    recorded: datetime = ISSUED,
) -> Report:
    """Judge an award of an institution with these accreditations, all of them of a record of version 2."""
    log = SmallLog()
    log.records[1] |= {"version": 2, "accreditations": rows}
    changes: dict[str, Any] = {}
    if described is not None or template_changes is not None:
        body = {"template": template() | (template_changes or {}), "edition": 2, "code": "WELD-1"}
        body |= {"institution": str(NORTH), "details": described or details()}
        log.edition_index = log.append("achievement.published.v2", WELDING, body | {"recorded_at": instant(ISSUED)})
        changes["edition"] = 2
    award = log.issue(recorded_at=instant(recorded), **changes)
    log.publish()
    return judge(log.bundle(award)["evidence"], log.policy())


def within(**limits: Any) -> dict[str, Any]:  # noqa: ANN401  any limit
    return accreditation_row() | {"limits": NONE | limits}


@pytest.mark.parametrize("limits", [{"levels": [4]}, {"kinds": ["micro_credential"]}, {"country": "NO"}, {}])
def test_report_is_valid_when_an_accreditation_extends_to_the_award(limits: dict[str, Any]) -> None:
    report = judged([within(**limits)])
    assert_verdict(report, Verdict.VALID, "valid_record")
    assert_check(report, "issuer.accreditation", State.PASSED, "entitled")
    assert "Agency of the North" in report.check("issuer.accreditation").summary.ru


@pytest.mark.parametrize(
    "limits, detail",
    [
        ({"levels": [5, 6]}, "level 4 is not among 5, 6"),
        ({"kinds": ["degree"]}, "kind micro_credential is not among degree"),
        ({"country": "SE"}, "country NO is not among SE"),
    ],
)
def test_report_is_invalid_when_no_accreditation_extends_to_the_award(limits: dict[str, Any], detail: str) -> None:
    report = judged([within(**limits)])
    assert_verdict(report, Verdict.INVALID, "not_entitled")
    assert report.check("issuer.accreditation").detail.startswith(detail)


@pytest.mark.parametrize(
    "stated, named, state, reason",
    [
        ("0715", "07", State.PASSED, "entitled"),
        ("0715", "0715", State.PASSED, "entitled"),
        ("0715", "06", State.FAILED, "not_entitled"),
        ("07", "0715", State.UNKNOWN, "entitlement_unstated"),
        (None, "07", State.UNKNOWN, "entitlement_unstated"),
    ],
)
def test_report_follows_the_field_of_the_achievement(stated: str | None, named: str, state: State, reason: str) -> None:
    report = judged([within(fields=[named])], described=details(isced_f=stated))
    assert_check(report, "issuer.accreditation", state, reason)


@pytest.mark.parametrize(
    "kind, state, reason",
    [("MasterDegree", State.PASSED, "entitled"), ("Diploma", State.FAILED, "not_entitled")],
)
def test_report_follows_the_kind_of_the_achievement(kind: str, state: State, reason: str) -> None:
    report = judged([within(kinds=["degree"])], described=details(achievement_type=kind))
    assert_check(report, "issuer.accreditation", state, reason)


def test_report_takes_the_level_from_the_cycle_when_no_eqf_level_is_stated() -> None:
    changes = {"eqf_level": None, "qf_ehea": "second"}
    assert_check(
        judged([within(levels=[7])], template_changes=changes), "issuer.accreditation", State.PASSED, "entitled"
    )
    assert_check(
        judged([within(levels=[6])], template_changes=changes), "issuer.accreditation", State.FAILED, "not_entitled"
    )


def test_report_is_valid_when_one_of_several_accreditations_extends_to_the_award() -> None:
    assert_verdict(judged([within(levels=[7]), within(levels=[4])]), Verdict.VALID, "valid_record")
    assert_check(
        judged([within(levels=[7]), accreditation_row() | {"limits": None}]),
        "issuer.accreditation",
        State.PASSED,
        "accredited",
    )


@pytest.mark.parametrize(
    "member, moment, reason",
    [
        ("valid_from", ISSUED, "entitled"),
        ("valid_from", ISSUED + MS, "not_accredited"),
        ("valid_from", ISSUED - MS, "entitled"),
        ("valid_until", ISSUED, "entitled"),
        ("valid_until", ISSUED - MS, "not_accredited"),
        ("valid_until", ISSUED + MS, "entitled"),
        ("withdrawn_at", ISSUED, "not_accredited"),
        ("withdrawn_at", ISSUED - MS, "not_accredited"),
        ("withdrawn_at", ISSUED + MS, "entitled"),
    ],
)
def test_report_changes_at_the_very_instant_of_each_boundary(member: str, moment: datetime, reason: str) -> None:
    report = judged([within(levels=[4]) | {member: instant(moment)}])
    assert report.check("issuer.accreditation").reason == reason


@pytest.mark.parametrize(
    "second_from, reason",
    [(ISSUED - MS, "entitled"), (ISSUED, "entitled"), (ISSUED + MS, "not_entitled")],
)
def test_report_changes_when_the_accreditation_for_this_level_begins(second_from: datetime, reason: str) -> None:
    """Accredited throughout, and for this level from an instant on."""
    report = judged([within(levels=[5]), within(levels=[4]) | {"valid_from": instant(second_from)}])
    assert report.check("issuer.accreditation").reason == reason


def test_report_is_unknown_when_recorded_after_the_accreditation_for_this_level_ended() -> None:
    rows = [within(levels=[5]), within(levels=[4]) | {"valid_until": instant(ISSUED + MS)}]
    assert_verdict(judged(rows, recorded=ISSUED + 2 * MS), Verdict.UNKNOWN, "recorded_unaccredited")
    assert_verdict(judged(rows, recorded=ISSUED + MS), Verdict.VALID, "valid_record")


@given(LIMITS, SUBJECTS)
def test_verifier_and_ledger_judge_alike_whatever_the_limits(limits: limit.Limits, subject: limit.Subject) -> None:
    theirs = limits.fit(subject)
    read = msgspec.convert(msgspec.to_builtins(limits), Limits)
    ours = entitlement.fit(read, entitlement.Subject(**msgspec.structs.asdict(subject)))
    assert (len(ours.outside), len(ours.unstated)) == (len(theirs.outside), len(theirs.unstated))
    for name in theirs.outside:
        assert any(text.startswith(f"{name} ") for text in ours.outside)


def test_verifier_and_ledger_know_the_same_kinds_and_cycles() -> None:
    assert entitlement.KINDS == limit.KINDS
    assert entitlement.CYCLE_LEVELS == limit.CYCLE_LEVELS


@given(st.booleans(), st.booleans())
def test_record_is_read_when_its_members_are_of_its_version(has_version: bool, has_limits: bool) -> None:  # noqa: FBT001  columns of a table
    record = SmallLog().records[1]
    record["accreditations"] = [accreditation_row() | ({"limits": None} if has_limits else {})]
    data = rfc8785.dumps(record | ({"version": 2} if has_version else {}))
    if has_version == has_limits:
        assert parse_record(data).slug == "north"
        return
    with pytest.raises(FormatError, match="records of version 2"):
        parse_record(data)
