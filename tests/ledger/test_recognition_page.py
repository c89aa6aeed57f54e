"""The page on recognitions says what the code does: its example is read, its members and limits are all there."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from ledger import agreement, decision, lifecycle, recognised_award, recognition
from ledger.decision import DecisionClaim, Details, SubstantialDifference, Towards, parse_details
from ledger.recognised_award import KeptFile, RecognisedAward

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "spec" / "recognition.md").read_text("utf-8")


def test_page_opens_with_a_form_that_is_read_and_written_the_same() -> None:
    match = re.search(r"```json\n(.+)\n```", PAGE)
    assert match is not None
    details = parse_details(match[1].encode())
    assert details.form() == match[1].encode()
    details.decision.check(details.award)


@pytest.mark.parametrize(
    "kind, prefix",
    [(Details, ""), (RecognisedAward, "award."), (DecisionClaim, "decision."), (KeptFile, ""), (Towards, "")],
)
def test_page_names_every_member(kind: type[msgspec.Struct], prefix: str) -> None:
    for name in kind.__struct_fields__:
        if name not in {"award", "decision"} or prefix:
            assert re.search(rf"`(?:{re.escape(prefix)}|\.)?{name}(?:\[\])?`", PAGE), name


def test_page_names_every_reason() -> None:
    for reason in SubstantialDifference:
        assert f"`{reason}`" in PAGE


@pytest.mark.parametrize(
    "limit",
    [
        f"{recognised_award.MAX_FILES}, and {recognised_award.MAX_FILE_BYTES:,} bytes together",
        f"{decision.MAX_EXPLANATION_CHARS:,} characters",
        f"{lifecycle.MAX_NOTE_CHARS:,} characters",
        f"{recognition.MIN_APPEAL.days} days at least; {recognition.DEFAULT_APPEAL.days} if",
        f"within {recognition.MAX_APPEAL_DECISION.days} days; {recognition.DEFAULT_APPEAL_DECISION.days} if",
        f"up to {recognition.MAX_AHEAD.days} days ahead",
        f"| {agreement.MAX_AGREEMENTS} |",
        f"`{decision.FORMAT}`",
    ],
)
def test_page_names_every_limit(limit: str) -> None:
    assert limit in PAGE
