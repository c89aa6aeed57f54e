from pathlib import Path

from api.issuing_bench import measure_issuing


def test_measure_issuing_makes_batches_and_writes_the_same_rows_alone(tmp_path: Path) -> None:
    figures = measure_issuing(tmp_path, 100)
    assert figures.awards == 100
    assert 1_000 < figures.document_bytes < figures.row_bytes < 10_000
    rates = (
        figures.issued_per_second,
        figures.issued_per_second_by_clock,
        figures.signed_per_second,
        figures.least_per_second,
        figures.least_per_second_by_clock,
    )
    assert all(rate > 0 for rate in rates)
    assert figures.signed_per_second > figures.issued_per_second
    assert len(list(tmp_path.glob("least-*.db"))) == 3
