"""The demonstration, filled for real: what it says of itself is what verification says."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from api.demo.closing import REFUSALS_FILE, ShownAward, closing_text, example_directory, read_summary
from api.demo.filling import ORIGIN, FillingError, fill
from api.demo.plan import make_plan
from api.demo.story import SHOWN
from api.fsck import Fsck
from api.ledger_node import open_ledger
from api.setting import Settings, load_settings

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


class InterruptedFillingError(Exception):
    """Stands for a crash."""


def settings_for(data: Path) -> Settings:
    return load_settings({}, data_dir=data, base_url="http://127.0.0.1:8000", origin=ORIGIN, demonstration=True)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[ShownAward]]:
    data = tmp_path_factory.mktemp("demo") / "ledger"
    return data, fill(settings_for(data), NOW, lambda *_: None)


def test_demonstration_gets_the_verdicts_that_its_plan_expects(filled: tuple[Path, list[ShownAward]]) -> None:
    _, awards = filled
    plan = make_plan(seed=2026, end=NOW)
    shown = (*plan.showcases, *SHOWN)
    assert {one.state: one.verdict for one in awards} == {one.state: one.expected for one in shown}


def test_demonstration_says_of_each_rule_in_turn_why_a_stack_was_refused(filled: tuple[Path, list[ShownAward]]) -> None:
    data, _ = filled
    refused = json.loads((example_directory(data) / REFUSALS_FILE).read_bytes())
    assert {one["rule"] for one in refused} >= {"core", "capstone", "order", "size", "category", "level", "residency"}
    assert {one["rule"] for one in refused} >= {"recency", "grade", "quality", "status", "partner", "overlap"}
    for one in refused:
        assert one["state"] == "unmet"
        # What can never count is left out before any rule is asked, so that it shows in the rule that misses it.
        named = {"order": "capstone", "status": "core"}.get(one["rule"], one["rule"])
        told = next(outcome for outcome in one["outcomes"] if outcome["rule"] == named)
        assert told["state"] == "unmet" or told.get("excluded"), one["rule"]


def test_demonstration_is_whole_when_it_is_checked(filled: tuple[Path, list[ShownAward]]) -> None:
    data, _ = filled
    node = open_ledger(settings_for(data), clock=lambda: NOW + timedelta(hours=1))
    try:
        report = Fsck(node, lambda *_: None).run()
    finally:
        node.close()
    assert report.findings == []
    assert report.documents >= 3_000


def test_demonstration_is_kept_when_it_is_filled_again(filled: tuple[Path, list[ShownAward]]) -> None:
    data, awards = filled
    with pytest.raises(FillingError, match="filled already"):
        fill(settings_for(data), NOW, lambda *_: None)
    assert read_summary(data) == awards


def test_demonstration_leaves_nothing_when_filling_is_interrupted(tmp_path: Path) -> None:
    data = tmp_path / "ledger"

    def interrupt(done: int, _: int) -> None:
        if done == 30:
            raise InterruptedFillingError

    with pytest.raises(InterruptedFillingError):
        fill(settings_for(data), NOW, interrupt)
    assert not data.exists()
    assert not data.with_name("ledger.filling").exists()


def test_demonstration_refuses_a_directory_that_holds_something_else(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(FillingError, match="something else"):
        fill(settings_for(tmp_path), NOW, lambda *_: None)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_closing_text_fits_its_columns_when_it_is_printed(filled: tuple[Path, list[ShownAward]]) -> None:
    data, awards = filled
    text = closing_text(awards, data, "http://127.0.0.1:8000", columns=80)
    sentences = [line for line in text.splitlines() if "curl" not in line and "-d @" not in line]
    assert max(map(len, sentences)) <= 80
    assert all(one.credential in text for one in awards)
