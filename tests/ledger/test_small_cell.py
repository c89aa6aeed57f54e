"""What is published of counts, even with their sum, tells nothing of fewer people than the threshold."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ledger.small_cell import THRESHOLD, keep_back

COUNTS = st.lists(st.integers(0, 40), max_size=7)


def test_counts_are_published_whole_when_none_is_small() -> None:
    assert keep_back((10, 11, 400)) == (10, 11, 400)


def test_second_count_is_kept_back_when_the_total_would_tell_the_first() -> None:
    assert keep_back((50, 3)) == (None, None)
    assert keep_back((3, 12, 40)) == (None, None, 40)


def test_further_count_is_kept_back_when_the_small_ones_are_few_together() -> None:
    assert keep_back((2, 3, 40, 50)) == (None, None, None, 50)
    assert keep_back((6, 5, 40, 50)) == (None, None, 40, 50)


def test_nought_is_a_small_count() -> None:
    assert keep_back((0, 30, 31)) == (None, None, 31)


@given(COUNTS)
def test_published_counts_are_those_given_and_never_small(counts: list[int]) -> None:
    published = keep_back(counts)
    assert len(published) == len(counts)
    assert all(shown is None or THRESHOLD <= shown == count for shown, count in zip(published, counts, strict=True))


@given(COUNTS)
def test_what_is_kept_back_is_many_people_in_several_counts_when_others_are_published(counts: list[int]) -> None:
    published = keep_back(counts)
    hidden = [count for shown, count in zip(published, counts, strict=True) if shown is None]
    if hidden and len(hidden) < len(counts):
        assert len(hidden) > 1
        assert sum(hidden) >= THRESHOLD
