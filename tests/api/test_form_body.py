import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.error import MalformedBodyError, MediaTypeError
from api.form_body import MAX_HEAD_BYTES, MAX_PARTS, FormPart, parse_form

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
    assert parse_form(TYPE, body) == (FormPart("lang", b"ru"), FormPart("file", data))


@given(st.lists(st.binary(max_size=64), min_size=1, max_size=6))
def test_form_gives_back_every_byte_of_every_part(files: list[bytes]) -> None:
    read = parse_form(TYPE, form(*(("file", one) for one in files)))
    assert [part.data for part in read] == files


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
