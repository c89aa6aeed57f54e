"""The row that tells which awards something has happened to."""

from __future__ import annotations

import pytest

from projections.short_row import MARKS, MOST_TOUCHED, mark_of, touched_after, with_touched


def identity(number: int) -> bytes:
    return bytes(15) + bytes([number % MARKS])


def test_nothing_was_touched_where_there_is_no_such_row() -> None:
    assert touched_after(None, 0) == (0, b"")
    assert touched_after(None, 3) == (0, None)  # the row of another generation


def test_row_tells_what_was_touched_since_and_no_more() -> None:
    row = None
    for number in range(5):
        row = with_touched(row, [identity(2 * number), identity(2 * number + 1)])
    assert [touched_after(row, count) for count in (0, 7, 10)] == [
        (10, bytes(range(10))),
        (10, bytes([7, 8, 9])),
        (10, b""),
    ]
    assert touched_after(row, 11) == (10, None)
    assert mark_of(identity(255)) == 255


@pytest.mark.parametrize("at_once", [1, 7, MOST_TOUCHED, 3 * MOST_TOUCHED])
def test_row_forgets_what_was_touched_long_ago_and_says_so(at_once: int) -> None:
    row, count = b"", 0
    while count < 3 * MOST_TOUCHED:
        row = with_touched(row, map(identity, range(count, count + at_once)))
        count += at_once
    assert len(row) == 8 + MOST_TOUCHED
    assert touched_after(row, count - MOST_TOUCHED) == (
        count,
        bytes(number % MARKS for number in range(count - MOST_TOUCHED, count)),
    )
    assert touched_after(row, count - MOST_TOUCHED - 1) == (count, None)
