"""Header fields that a layer adds: in place of an answer's own, but for those that it may have."""

from __future__ import annotations

from typing import Any

import pytest

from api.answer_header import encoded, put_headers

FIELDS = encoded({"X-One": "1", "X-Two": "2"})


@pytest.mark.parametrize(
    "given, expected",
    [
        ([], [(b"x-one", b"1"), (b"x-two", b"2")]),
        (
            [(b"set-cookie", b"a"), (b"set-cookie", b"b")],
            [(b"set-cookie", b"a"), (b"set-cookie", b"b"), *FIELDS.items()],
        ),
        ([(b"x-one", b"own"), (b"x-one", b"again"), (b"a", b"b")], [(b"a", b"b"), *FIELDS.items()]),
        ([(b"x-two", b"own"), (b"a", b"b")], [(b"x-two", b"own"), (b"a", b"b"), (b"x-one", b"1")]),
    ],
)
def test_put_headers_replaces_those_of_the_same_name_but_for_those_that_are_kept(
    given: list[tuple[bytes, bytes]], expected: list[tuple[bytes, bytes]]
) -> None:
    start: dict[str, Any] = {"headers": given}
    before = list(given)
    put_headers(start, FIELDS, kept={b"x-two"})
    assert start["headers"] == expected
    assert given == before, "the list is another answer's too"
