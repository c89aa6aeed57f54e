"""The simulation of docs/scale.md: against theory where there is one, against itself, and against the page."""

from __future__ import annotations

import math
import random
from typing import Final

import pytest

from loadtests.simulation import (
    AWARDS_A_SECOND,
    INTERVAL_MS,
    SEED,
    Draw,
    Writer,
    kept_share,
    least,
    measured,
    poisson,
    queue,
    report,
    service,
    shaped,
    single_writer,
    write,
)
from tests.setup.repository import text

MANY: Final = 200_000
FLAT: Final = (1.0,) * 99


def exponential(mean_ms: float) -> Draw:
    return lambda chance: chance.expovariate(1 / mean_ms)


def mean_in_queue(per_second: float, draw: Draw, servers: int = 1) -> float:
    chance = random.Random(1)
    return queue(poisson(chance, per_second, MANY), draw, servers, chance).mean


@pytest.mark.parametrize("busy", [0.3, 0.6, 0.8])
def test_one_queue_takes_what_theory_says_when_service_is_exponential(busy: float) -> None:
    """M/M/1: the mean time in the system is S / (1 - busy)."""
    assert mean_in_queue(busy * 1_000, exponential(1.0)) == pytest.approx(1 / (1 - busy), rel=0.05)


@pytest.mark.parametrize("busy", [0.3, 0.6, 0.8])
def test_one_queue_takes_what_theory_says_when_service_is_always_the_same(busy: float) -> None:
    """M/D/1 (Pollaczek and Khinchine): the mean wait is S * busy / (2 * (1 - busy))."""
    expected = 1 + busy / (2 * (1 - busy))
    assert mean_in_queue(busy * 1_000, lambda _: 1.0) == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("servers", [2, 8])
def test_shared_queue_takes_what_theory_says_when_there_are_many_servers(servers: int) -> None:
    """M/M/k (Erlang C)."""
    busy, load = 0.8, 0.8 * servers
    terms = math.fsum(load**n / math.factorial(n) for n in range(servers))
    last = load**servers / math.factorial(servers) / (1 - busy)
    expected = 1 + last / (terms + last) / (servers * (1 - busy))
    assert mean_in_queue(load * 1_000, exponential(1.0), servers) == pytest.approx(expected, rel=0.05)


def test_drawn_times_have_the_mean_and_the_spread_when_they_follow_a_measured_shape() -> None:
    shape = sorted(random.Random(2).lognormvariate(0, 0.5) for _ in range(99))
    draw, chance = shaped(3.0, shape), random.Random(3)
    drawn = sorted(draw(chance) for _ in range(MANY))
    assert math.fsum(drawn) / MANY == pytest.approx(3.0, rel=0.01)
    assert drawn[MANY // 2] / drawn[MANY * 9 // 10] == pytest.approx(shape[49] / shape[89], rel=0.03)


def test_writer_answers_and_publishes_within_its_pause_when_it_is_idle() -> None:
    writer = Writer(1.0, 0.0, 5.0, 0.0, FLAT)
    done = write(writer, 2.0, seconds=300)
    assert done.answer.p99 == pytest.approx(1.0, abs=5.1)  # a checkpoint may be under way
    assert 0.3 * INTERVAL_MS < done.merge.p50 < 0.8 * INTERVAL_MS
    assert done.merge.p99 <= INTERVAL_MS + 5.0 + 1.0
    assert done.left == 0


def test_writer_gathers_commits_when_more_comes_than_single_commits_could_take() -> None:
    """At 1 ms a commit, 1,000 single commits a second are the end; gathered, three times as many are answered."""
    alone = write(Writer(1.0, 0.01, 5.0, 0.0, FLAT, group=1), 3_000.0, seconds=10)
    together = write(Writer(1.0, 0.01, 5.0, 0.0, FLAT), 3_000.0, seconds=10)
    assert alone.left > 10_000
    assert together.left < 50
    assert together.answer.p99 < 20


def test_writer_falls_behind_when_awards_take_more_than_there_is_time() -> None:
    done = write(Writer(1.0, 1.0, 5.0, 0.1, FLAT), 2_000.0, seconds=10)
    assert done.busy > 0.95
    assert done.left > 5_000


def test_cache_is_worth_more_when_awards_are_asked_for_less_evenly() -> None:
    shares = [kept_share(100_000, 1e6, skew, 1.0) for skew in (0.0, 0.5, 1.0, 1.5)]
    assert shares == sorted(shares)
    assert shares[0] == pytest.approx(0.1 / 1.1, rel=0.01)  # evenly: 0.1 questions a second for each of a million
    assert shares[-1] < 1


def test_least_is_the_first_that_fits_when_searched() -> None:
    for wanted in (1, 2, 3, 17, 100):
        assert least(lambda number, wanted=wanted: number >= wanted, 1) == wanted  # type: ignore[misc]  # a default


def test_simulation_repeats_itself_when_the_seed_is_the_same() -> None:
    writer = single_writer(measured())
    assert write(writer, 300.0, seconds=5) == write(writer, 300.0, seconds=5)
    assert write(writer, 300.0, seconds=5) != write(writer, 300.0, seconds=5, seed=SEED + 1)


def test_measured_times_have_a_shape_when_they_are_drawn_from() -> None:
    found = measured()
    for name in ("status", "status_kept", "status_not_kept", "evidence", "award", "batch"):
        shape = found["times"][name]["shape"]
        assert len(shape) == 99
        assert shape == sorted(shape)
        assert service(found, name)(random.Random(4)) > 0
    assert AWARDS_A_SECOND == 5_000


def test_page_quotes_the_tables_when_the_simulation_is_run_again() -> None:
    assert report(measured()) in text("docs/scale.md"), "docs/scale.md is out of step: run `make simulate` and paste it"
