"""Ids of requests."""

from __future__ import annotations

import random

from api.request_id import DRAWN_TOGETHER, REQUEST_ID_BYTES, drawn_together


def test_bytes_that_are_drawn_together_are_those_of_the_source_and_each_is_given_once() -> None:
    asked: list[int] = []
    source, same = random.Random(1), random.Random(1)

    def random_bytes(count: int) -> bytes:
        asked.append(count)
        return source.randbytes(count)

    draw = drawn_together(random_bytes)
    turns = DRAWN_TOGETHER // REQUEST_ID_BYTES
    given = [draw(REQUEST_ID_BYTES) for _ in range(2 * turns)]
    assert asked == [DRAWN_TOGETHER] * 2
    assert b"".join(given) == same.randbytes(DRAWN_TOGETHER) + same.randbytes(DRAWN_TOGETHER)
    assert len(set(given)) == len(given)
    assert len(draw(DRAWN_TOGETHER + 1)) == DRAWN_TOGETHER + 1
