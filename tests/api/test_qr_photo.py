"""Photographs of QR codes: an award's is followed, on this site alone; anything else is refused by its own sentence."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator

import httpx
import pytest
import segno
from PIL import Image, ImageFilter

from api.page.language import LANGUAGES, read_messages
from api.qr_photo import MAX_PIXELS, is_photo, read_codes
from tests.api.served import Served, open_school, serving
from verifier.error import FormatError

LINK = "https://ledger.example.edu/verify/06gus8r741kd6v8elq74jn6ann627lb27n60"


def code(text: str) -> Image.Image:
    """A QR code as the pages print it."""
    drawn = io.BytesIO()
    segno.make(text, error="m", micro=False).save(drawn, kind="png", scale=6, border=2)
    return Image.open(drawn).convert("L")


def photo(*texts: str, kind: str = "JPEG", turn: float = 12, size: tuple[int, int] = (1_500, 2_000)) -> bytes:
    """A sheet of paper with codes on it, photographed a little askew and out of focus."""
    sheet = Image.new("L", size, 235)
    for at, text in enumerate(texts):
        sheet.paste(code(text), (200, 200 + 450 * at))
    taken = sheet.rotate(turn, fillcolor=90).filter(ImageFilter.GaussianBlur(1))
    written = io.BytesIO()
    taken.convert("RGB").save(written, kind, quality=60)
    return written.getvalue()


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, str]]:
    with serving(tmp_path_factory.mktemp("photo") / "data") as served:
        yield served, served.issue(open_school(served))["id"]


def send(served: Served, data: bytes, language: str = "en", name: str = "photo.jpg") -> httpx.Response:
    """Send a picture as the form does."""
    return served.http.post("/verify", data={"lang": language}, files={"file": (name, data)})


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_code_is_read_in_every_kind_of_picture(kind: str) -> None:
    data = photo(LINK, kind=kind)
    assert is_photo(data)
    assert read_codes(data) == (LINK,)
    assert read_codes(photo("one", "two", kind=kind, turn=0)) in {("one", "two"), ("two", "one")}
    assert read_codes(photo(kind=kind)) == ()


@pytest.mark.parametrize("language", LANGUAGES)
def test_photograph_leads_to_the_page_of_its_award(school: tuple[Served, str], language: str) -> None:
    served, award = school
    for text in (f"http://ledger.test/verify/{award}", f"https://elsewhere.example/verify/{award}?x=1", award):
        answered = send(served, photo(text), language)
        assert (answered.status_code, answered.headers["location"]) == (303, f"/verify/{award}?lang={language}")
    several = send(served, photo("https://elsewhere.example/", award), language)
    assert several.headers["location"] == f"/verify/{award}?lang={language}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_photograph_of_anything_else_is_refused_by_its_own_sentence(school: tuple[Served, str], language: str) -> None:
    served, _ = school
    said = read_messages("ru" if language == "ru" else "en")["home"]
    for data, refusal in (
        (photo("javascript:alert(1)"), "other_code"),
        (photo("https://elsewhere.example/" + "0" * 36 + "/"), None),  # an id is an id, whoever prints it
        (photo(), "no_code"),
        (photo(LINK)[:3_000], "no_code"),
        (b"\xff\xd8\xff" + bytes(2_000), "no_code"),
        (bomb(), "no_code"),
        (b"GIF89a" + bytes(200), "unreadable"),
    ):
        answered = send(served, data, language)
        if refusal is None:
            assert answered.status_code == 303
            continue
        assert answered.status_code == 422
        assert said[refusal] in answered.text
        assert "javascript:" not in answered.text
    assert served.http.get("/livez").status_code == 200


def test_picture_that_is_too_large_is_not_unpacked() -> None:
    with pytest.raises(FormatError, match="3600000000 pixels"):
        read_codes(bomb())
    side = int(MAX_PIXELS**0.5) + 1
    with pytest.raises(FormatError, match=f"{side} by {side} pixels"):
        read_codes(bomb(side))


def test_badge_in_a_picture_goes_before_a_code(school: tuple[Served, str]) -> None:
    """A baked badge is judged as what it is, with whatever code may be drawn on it."""
    served, award = school
    headers = {"Authorization": f"Bearer {served.key('riverside-university')}"}
    baked = served.http.get(f"/v1/credentials/{award}/documents/png", headers=headers)
    assert baked.status_code == 200, baked.text
    answered = send(served, baked.content, name="badge.png")
    assert answered.status_code == 200
    assert "It was checked and not kept" in answered.text


def bomb(side: int = 60_000) -> bytes:
    """A PNG of a few hundred bytes that says that it is *side* pixels wide and high."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    body = zlib.compress(bytes(100_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
