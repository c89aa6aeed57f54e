"""The picture of a stack."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from api.page.cairn import MAX_STONES, WIDTH, draw


@given(st.integers(0, 50_000), st.lists(st.integers(0, 50_000), max_size=60))
def test_picture_of_a_stack_stays_within_its_frame_and_narrows_to_the_top(top: int, below: list[int]) -> None:
    cairn = draw(top, below)
    assert 1 <= len(cairn.stones) <= MAX_STONES
    radii = [stone.rx for stone in cairn.stones]
    assert radii == sorted(radii, reverse=True)
    for stone in cairn.stones:
        assert stone.rx <= stone.x <= WIDTH - stone.rx
        assert stone.ry - 1 <= stone.y <= cairn.height - stone.ry + 1
