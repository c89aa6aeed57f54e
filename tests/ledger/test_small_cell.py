"""What is published of counts, even with their sum, tells nothing of fewer people than the threshold."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ledger.small_cell import THRESHOLD, keep_back, tell

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


def test_count_is_told_when_neither_it_nor_what_is_left_is_small() -> None:
    assert [tell(10, 20), tell(9, 40), tell(31, 40), tell(30, 40)] == [10, "few", "nearly_all", 30]
    assert [tell(0, 100), tell(100, 100), tell(3, 5), tell(0, 0)] == ["few", "nearly_all", "few", "few"]


@given(st.integers(0, 60), st.integers(0, 60))
def test_what_is_told_of_a_count_fits_every_small_count_alike(count: int, others: int) -> None:
    told = tell(count, count + others)
    if told == "few":
        assert count < THRESHOLD
        assert {tell(one, count + others) for one in range(min(THRESHOLD, count + others + 1))} == {"few"}
    elif told == "nearly_all":
        assert others < THRESHOLD <= count
    else:
        assert told == count
