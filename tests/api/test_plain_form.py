"""Forms without files, and the picture of a stack: two small things that the learner's page stands on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from api.error import BodyTooLargeError, MalformedBodyError, MediaTypeError
from api.page.cairn import MAX_STONES, WIDTH, draw
from api.plain_form import MAX_FIELDS, MAX_PLAIN_FORM_BYTES, PLAIN_FORM_TYPE, PlainForm, read_plain_form


def read(body: bytes, content_type: str = PLAIN_FORM_TYPE) -> PlainForm:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", content_type.encode())]}
    return asyncio.run(read_plain_form(Request(scope, receive)))


def test_form_is_read_as_browsers_write_it() -> None:
    form = read(b"lang=ru&award=a&award=b&award=a&note=%D0%B0%0D%0A+b%2B&days=30&empty=")
    assert form.all("award") == ["a", "b"]
    assert form.one("note") == "\u0430\n b+"
    assert (form.number("days"), form.number("note"), form.number("none")) == (30, 0, 0)
    assert (form.one("empty"), form.one("none"), form.all("none")) == ("", "", [])


@pytest.mark.parametrize("digits", ["-1", "1e3", "٣", "999999", "1.5", " "])
def test_number_is_none_when_it_is_not_a_few_plain_digits(digits: str) -> None:
    assert PlainForm([("days", digits)]).number("days") == 0


def test_form_is_refused_when_it_is_of_another_kind_or_too_large() -> None:
    with pytest.raises(MediaTypeError):
        read(b"{}", "application/json")
    with pytest.raises(BodyTooLargeError):
        read(b"a=" + b"b" * MAX_PLAIN_FORM_BYTES)
    for body in (b"a=1&" * (MAX_FIELDS + 1), b"a=%ff", "a=\u0430".encode()):
        with pytest.raises(MalformedBodyError):
            read(body)


@given(st.integers(0, 50_000), st.lists(st.integers(0, 50_000), max_size=60))
def test_picture_of_a_stack_stays_within_its_frame_and_narrows_to_the_top(top: int, below: list[int]) -> None:
    cairn = draw(top, below)
    assert 1 <= len(cairn.stones) <= MAX_STONES
    radii = [stone.rx for stone in cairn.stones]
    assert radii == sorted(radii, reverse=True)
    for stone in cairn.stones:
        assert stone.rx <= stone.x <= WIDTH - stone.rx
        assert stone.ry - 1 <= stone.y <= cairn.height - stone.ry + 1
