"""The corpus on which stacking is measured, and the measurement."""

from __future__ import annotations

from api.stacking_bench import measure_stacking
from api.stacking_corpus import KINDS, corpus


def test_corpus_is_the_same_when_made_again() -> None:
    once, again = list(corpus(12)), list(corpus(12))
    assert once == again
    assert [case.kind for case in once] == [*KINDS, *KINDS]
    assert once != list(corpus(12, seed=1))


def test_corpus_has_two_hundred_awards_and_fifty_rules_when_wide() -> None:
    wide = next(case for case in corpus(6) if case.kind == "wide")
    # Of the rules, status and overlap are those that hold where the text says nothing of them.
    assert (len(wide.components), sum(1 for _ in wide.rules.every_rule())) == (200, 51)


def test_measurement_counts_every_case_once_when_run() -> None:
    figures = measure_stacking(12)
    assert [kind.kind for kind in figures.kinds] == [*KINDS, "all"]
    whole = figures.kinds[-1]
    assert whole.met + whole.unmet + whole.undecided == whole.cases == 12
    plain, lacking = figures.kinds[0], figures.kinds[1]
    assert (plain.met, lacking.unmet) == (2, 2)
    assert 0 < whole.median_ms <= whole.p99_ms <= whole.most_ms
