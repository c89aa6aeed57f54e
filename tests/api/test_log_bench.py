"""The measurement of a log measures a real one."""

from pathlib import Path

from api.log_bench import SMALL_CHECKPOINT, STEP_EVENTS, measure_log


def test_measure_log_publishes_every_event_and_times_each_part(tmp_path: Path) -> None:
    noted: list[int] = []
    figures = measure_log(tmp_path, STEP_EVENTS, noted.append)
    assert (figures.entries, noted) == (STEP_EVENTS, [STEP_EVENTS])
    [at] = figures.at
    assert at.size > STEP_EVENTS + 5 * SMALL_CHECKPOINT
    rates = (figures.recorded_per_second, figures.provable_per_second, figures.hashed_per_second)
    assert all(rate > 0 for rate in rates)
    assert figures.provable_per_second < figures.recorded_per_second
    assert figures.provable_per_second <= figures.provable_per_processor_second < figures.hashed_per_second
    assert {"credential_status", "status_lists"} <= {one.name for one in figures.refolded}
    assert all(one.events_per_second > 0 for one in figures.refolded)
    assert min(at.checkpoint_ms, at.inclusion_us, at.consistency_us, figures.reopened_seconds) > 0
