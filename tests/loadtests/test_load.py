"""The load scenarios, for a second or two each: they run, and the page says what they came to. Not how quick it was."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

from loadtests.load import SCENARIOS, Plan, run
from loadtests.report import as_json, as_page, verdict_text
from loadtests.scenario.record import ATTACK, LOOK_UP, MERGE
from loadtests.timeline import Ended, Run, Sample, percentile, summarise
from loadtests.verdict import checks

SHORT = Plan(scenarios=SCENARIOS, seconds=2, awards=600, attackers=60)


class Elements(HTMLParser):
    """Collects what a page is made of."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [str(value) for name, value in attrs if name in {"src", "href", "xlink:href"}]


def read(page: str) -> Elements:
    found = Elements()
    found.feed(page)
    return found


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    found, _ = run(SHORT, tmp_path_factory.mktemp("load"))
    return found


@pytest.mark.slow
def test_scenarios_run_without_errors_when_they_are_short(runs: list[Run]) -> None:
    assert [one.name for one in runs] == list(SCENARIOS)
    for one in runs:
        assert one.troubles == {}, one.name
        assert one.look_ups().count > 10, one.name
        assert one.processor_seconds() > 0, one.name
    # In two seconds of a busy machine not every scenario sees an award published.
    assert any(one.merges_ms for one in runs)


@pytest.mark.slow
def test_slow_clients_are_connected_when_look_ups_go_on(runs: list[Run]) -> None:
    slow = next(one for one in runs if one.name == "slow")
    connected = {kind.name: kind.count for kind in slow.kinds if kind.name.endswith(", connected")}
    assert connected == {f"{ATTACK}slow {part}, connected": 20 for part in ("body", "head", "reader")}


@pytest.mark.slow
def test_page_stands_by_itself_when_scenarios_have_run(runs: list[Run]) -> None:
    page = as_page(runs, {"machine": "<two> processors"})
    found = read(page)
    assert {"svg", "polyline", "table"} <= found.tags
    assert not {"script", "link", "img", "iframe"} & found.tags
    assert found.addresses == []
    assert not re.search(r"url\(|@import|https?://", page)
    assert "&lt;two&gt; processors" in page
    for one in runs:
        assert f"<h2>{one.name}</h2>" in page
    for title in ("Throughput", "Look-ups: time to answer", "Merge delay", "The server"):
        assert page.count(f">{title}</text>") == len(runs)
    told = json.loads(as_json(runs, {}))
    assert [one["name"] for one in told["scenarios"]] == list(SCENARIOS)
    assert all(one["timeline"] and one["verdict"] for one in told["scenarios"])
    assert verdict_text(runs).count("\n") == 1 + sum(len(checks(one)) for one in runs)


def sample(name: str, ended: list[Ended], seconds: float = 20.0) -> Run:
    return summarise(name, "Made up.", seconds, ended, [Sample(0, 1.0, 100, 9), Sample(20, 3.0, 100, 9)])


def steady(per_second: int, until: float) -> list[Ended]:
    return [Ended(n / per_second, f"{LOOK_UP}status", 2.0, "") for n in range(int(per_second * until))]


def met(run_: Run) -> dict[str, bool]:
    return {one.what: one.met for one in checks(run_)}


def test_verdict_is_met_when_look_ups_go_on_and_awards_are_published() -> None:
    found = met(sample("slow", [*steady(50, 20), Ended(10.0, MERGE, 200.0, "")]))
    assert all(found.values()), found


def test_verdict_is_not_met_when_look_ups_stop_under_attack() -> None:
    found = met(sample("slow", [*steady(50, 8), Ended(10.0, MERGE, 200.0, "")]))
    assert [what for what, is_met in found.items() if not is_met] == ["look-ups a second while it goes on, and before"]


def test_verdict_is_not_met_when_an_award_is_never_published() -> None:
    found = met(sample("day", [*steady(50, 20), Ended(10.0, MERGE, 60_000.0, "not published: 503")]))
    assert {what for what, is_met in found.items() if not is_met} == {"other errors", "merge delay, p99"}


def test_percentile_is_a_measured_value_when_asked_for() -> None:
    values = [float(number) for number in range(1, 101)]
    assert [percentile(values, share) for share in (0.5, 0.95, 0.99, 1.0)] == [50, 95, 99, 100]
    assert percentile([7.0], 0.99) == 7.0
