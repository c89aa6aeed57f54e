"""Forms as browsers send them: with files and without."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from api.error import BodyTooLargeError, MalformedBodyError, MediaTypeError
from api.form_body import (
    MAX_FIELDS,
    MAX_FORM_BYTES,
    MAX_HEAD_BYTES,
    MAX_PARTS,
    PLAIN_FORM_TYPE,
    Form,
    parse_form,
    read_form,
)

TYPE = "multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW"
BOUNDARY = "----WebKitFormBoundary7MA4YWxkTrZu0gW"


def form(*parts: tuple[str, bytes], extra: str = "") -> bytes:
    """A form as Chromium and Firefox write it."""
    head = 'Content-Disposition: form-data; name="{}"' + extra
    pieces = [f"--{BOUNDARY}\r\n{head.format(name)}\r\n\r\n".encode() + data + b"\r\n" for name, data in parts]
    return b"".join(pieces) + f"--{BOUNDARY}--\r\n".encode()


def test_form_is_read_when_a_browser_sends_a_file_and_a_field() -> None:
    data = bytes(range(256)) + b"\r\n--" + BOUNDARY[:-1].encode()
    body = form(("lang", b"ru"))[: -len(f"--{BOUNDARY}--\r\n")] + form(
        ("file", data), extra='; filename="a; name=\\"x.png"\r\nContent-Type: image/png'
    )
    read = parse_form(TYPE, body)
    assert (read.one("lang"), read.file("file"), read.files("lang", "file")) == ("ru", data, [b"ru", data])


@given(st.lists(st.binary(max_size=64), min_size=1, max_size=6))
def test_form_gives_back_every_byte_of_every_part(files: list[bytes]) -> None:
    read = parse_form(TYPE, form(*(("file", one) for one in files)))
    assert read.files("file") == files


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        f"text/plain; boundary={BOUNDARY}",
        "multipart/form-data; boundary=" + "a" * 71,
        "multipart/form-data; boundary=a b",
    ],
)
def test_form_is_refused_when_it_is_announced_as_something_else(kind: str) -> None:
    with pytest.raises(MediaTypeError):
        parse_form(kind, form(("file", b"x")))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--",
        b"x" + form(("file", b"x")),
        form(("file", b"x"))[:-4],
        form(("file", b"x")) + b"more",
        f"--{BOUNDARY}--\r\n--{BOUNDARY}--".encode(),
        f"--{BOUNDARY}\r\nno head\r\n--{BOUNDARY}--\r\n".encode(),
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name*="x"\r\n\r\ny\r\n--{BOUNDARY}--\r\n'.encode(),
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; filename="name=x"\r\n\r\ny\r\n--{BOUNDARY}--\r\n'.encode(),
        form(("file", b"x"), extra="; " + "y" * MAX_HEAD_BYTES),
        form(*((("file", b"x"),) * (MAX_PARTS + 2))),
    ],
)
def test_form_is_refused_when_it_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedBodyError):
        parse_form(TYPE, body)


def test_form_costs_no_more_than_its_length_when_it_is_made_to_cost_much() -> None:
    body = b"--" + b"\r\n--".join([BOUNDARY[:-1].encode()] * 100_000)
    begun = time.process_time()
    with pytest.raises(MalformedBodyError):
        parse_form(TYPE, body)
    assert time.process_time() - begun < 1.0


# ── without files ──────────────────────────────────────────────────────────────────────────────────


def read(body: bytes, content_type: str = PLAIN_FORM_TYPE, max_bytes: int = MAX_FORM_BYTES) -> Form:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", content_type.encode())]}
    return asyncio.run(read_form(Request(scope, receive), max_bytes))


def test_form_is_read_when_it_is_without_files() -> None:
    form = read(b"lang=ru&award=a&award=b&award=a&note=%D0%B0%0D%0A+b%2B&days=30&empty=")
    assert form.all("award") == ["a", "b"]
    assert form.one("note") == "\u0430\n b+"
    assert (form.number("days"), form.number("note"), form.number("none")) == (30, 0, 0)
    assert (form.one("empty"), form.one("none"), form.all("none"), form.file("none")) == ("", "", [], b"")
    assert (bool(form), bool(Form())) == (True, False)


@pytest.mark.parametrize("digits", ["-1", "1e3", "٣", "999999", "1.5", " "])
def test_number_is_none_when_it_is_not_a_few_plain_digits(digits: str) -> None:
    assert Form([("days", digits.encode())]).number("days") == 0


def test_field_is_refused_when_it_is_no_text() -> None:
    sent = parse_form(TYPE, form(("note", b"\xff")))
    with pytest.raises(MalformedBodyError):
        sent.one("note")
    assert sent.file("note") == b"\xff"


def test_form_is_refused_when_it_is_of_another_kind_or_too_large() -> None:
    with pytest.raises(MediaTypeError):
        read(b"{}", "application/json")
    with pytest.raises(BodyTooLargeError):
        read(b"a=" + b"b" * MAX_FORM_BYTES)
    with pytest.raises(BodyTooLargeError):
        read(b"a=bcd", max_bytes=4)
    for body in (b"a=1&" * (MAX_FIELDS + 1), b"a=%ff", "a=\u0430".encode()):
        with pytest.raises(MalformedBodyError):
            read(body)


def test_form_of_the_other_type_is_refused_where_a_route_reads_one_alone() -> None:
    async def receive() -> dict[str, Any]:
        raise AssertionError("it is refused before it is read")

    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", TYPE.encode())]}
    with pytest.raises(MediaTypeError):
        asyncio.run(read_form(Request(scope, receive), kinds=frozenset({PLAIN_FORM_TYPE})))
    assert not read(b"a=1").has_repetition
    assert read(b"a=1&a=1").has_repetition
