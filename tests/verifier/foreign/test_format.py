"""What was shown is told by its bytes; images carry one credential; bombs are refused before they go off."""

from __future__ import annotations

import json
import struct
import time
import zlib
from collections.abc import Callable

import pytest
from openbadgeslib.baking import ITXT_KEYWORD_OB3, bake_png

from tests.verifier.foreign.maker import (
    SVG_IMAGE,
    badge,
    badge_claims,
    baked_png,
    baked_svg,
    did_key,
    encode,
    judge,
    png_image,
    sd_jwt,
    sign,
    token,
)
from verifier.error import InputError
from verifier.foreign import baked
from verifier.foreign.format import MEDIA_TYPES, read_presented
from verifier.report import Verdict

ISSUER = did_key()
NAMESPACE = 'xmlns:o="https://purl.imsglobal.org/ob/v3p0"'


def signed_text() -> str:
    return json.dumps(sign(badge(ISSUER), ISSUER))


def made_token() -> str:
    return token(badge_claims(badge(ISSUER)), ISSUER)


@pytest.mark.parametrize("text", [signed_text, made_token, lambda: sd_jwt(ISSUER)])
@pytest.mark.parametrize("carrier", ["plain", "png", "svg"])
def test_credential_is_valid_in_every_carrier(text: Callable[[], str], carrier: str) -> None:
    shown = text()
    data = {
        "plain": shown.encode(),
        "png": baked_png(shown),
        "svg": baked_svg(shown, as_text=shown.startswith("{")),
    }[carrier]
    assert read_presented(data).carrier == carrier
    assert judge(data).verdict is Verdict.VALID


def test_enveloped_credential_is_opened() -> None:
    envelope = {
        "@context": "https://www.w3.org/ns/credentials/v2",
        "type": "EnvelopedVerifiableCredential",
        "id": f"data:application/vc+jwt,{made_token()}",
    }
    assert judge(envelope).verdict is Verdict.VALID
    for bad in ("data:text/html,x", "https://example.org/", "", 5, "data:application/vc+jwt,"):
        with pytest.raises(InputError):
            judge({**envelope, "id": bad})


@pytest.mark.parametrize("media_type", sorted(MEDIA_TYPES))
def test_media_type_has_to_agree_with_the_bytes(media_type: str) -> None:
    kinds = {"json": signed_text().encode(), "token": made_token().encode(), "png": baked_png(made_token())}
    kinds["svg"] = baked_svg(made_token(), as_text=False)
    agreed = set()
    for kind, data in kinds.items():
        try:
            read_presented(data, media_type)
            agreed.add(kind)
        except InputError as error:
            assert "sent as" in str(error)  # noqa: PT017  (it may or may not be raised)
    assert len(agreed) == 1


@pytest.mark.parametrize(
    "data", [b"", b"  ", b"[]", b'"x"', b"null", b"a.b", b"\xff\xfe", b"a~b", b"{", b"<", b"\x89PNG"]
)
def test_nothing_that_can_be_judged_is_refused(data: bytes) -> None:
    with pytest.raises(InputError):
        read_presented(data)


def test_document_is_refused_when_it_nests_too_deeply_or_names_a_member_twice() -> None:
    with pytest.raises(InputError, match="deep"):
        judge(b'{"a":' * 40 + b"1" + b"}" * 40)
    with pytest.raises(InputError, match="deep"):
        judge(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}")
    with pytest.raises(InputError, match="two members"):
        judge(signed_text()[:-1].encode() + b',"issuer":{"id":"did:example:x"}}')


def test_png_is_refused_when_it_has_none_or_two() -> None:
    once = baked_png(made_token())
    with pytest.raises(InputError, match="0 credentials"):
        judge(png_image())
    with pytest.raises(InputError, match="2 credentials"):
        judge(bake_png(once, made_token(), keyword=ITXT_KEYWORD_OB3))


def test_png_is_never_valid_when_any_byte_is_changed() -> None:
    data = baked_png(made_token())
    for place in range(len(data)):
        bent = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        with pytest.raises(InputError):
            judge(bent)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack("!I", len(data)) + kind + data + struct.pack("!I", zlib.crc32(kind + data))


def _png_with(text: bytes, flag: int) -> bytes:
    head, tail = png_image()[:-12], png_image()[-12:]
    return head + _chunk(b"iTXt", ITXT_KEYWORD_OB3 + bytes([0, flag, 0, 0, 0]) + text) + tail


def test_png_unpacks_its_credential_up_to_the_limit_and_no_further() -> None:
    assert judge(_png_with(zlib.compress(made_token().encode()), 1)).verdict is Verdict.VALID
    bomb = zlib.compress(b"e" * 200_000_000)
    begin = time.perf_counter()
    with pytest.raises(InputError):
        judge(_png_with(bomb, 1))
    with pytest.raises(InputError):
        judge(_png_with(b"not packed", 1))
    assert time.perf_counter() - begin < 5


def test_png_is_refused_when_it_is_too_large_or_has_too_many_chunks() -> None:
    with pytest.raises(InputError, match="limit"):
        judge(png_image() + b"\0" * baked.MAX_IMAGE_BYTES)
    many = png_image()[:-12] + _chunk(b"tEXt", b"a\0b") * (baked.MAX_CHUNKS + 1) + png_image()[-12:]
    with pytest.raises(InputError, match="chunks"):
        judge(many)


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "lol"}">' for n in range(10))


@pytest.mark.parametrize(
    "svg",
    [
        f"<!DOCTYPE svg [{LAUGHS}]><svg xmlns='http://www.w3.org/2000/svg'>&l9;</svg>",
        '<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg xmlns="http://www.w3.org/2000/svg">&x;</svg>',
        '<svg xmlns="http://www.w3.org/2000/svg">' + "<g>" * 300 + "</g>" * 300 + "</svg>",
        '<svg xmlns="http://www.w3.org/2000/svg">' + "<g/>" * 60_000 + "</svg>",
        '<svg xmlns="http://www.w3.org/2000/svg">',
        "<html/>",
        f'<svg {NAMESPACE}><o:credential verify="x"/></svg>',
        f'<svg xmlns="http://www.w3.org/2000/svg" {NAMESPACE}><o:credential verify="a.b.c">a.b.c</o:credential></svg>',
        f'<svg xmlns="http://www.w3.org/2000/svg" {NAMESPACE}><o:credential>a<b/>c</o:credential></svg>',
        f'<svg xmlns="http://www.w3.org/2000/svg" {NAMESPACE}><o:credential/></svg>',
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:o="urn:other"><o:credential verify="x"/></svg>',
    ],
)
def test_svg_is_refused_when_it_is_a_bomb_or_carries_no_one_credential(svg: str) -> None:
    begin = time.perf_counter()
    with pytest.raises(InputError):
        judge(svg)
    assert time.perf_counter() - begin < 5


def test_svg_is_refused_when_it_has_two() -> None:
    once = baked_svg(made_token(), as_text=False)
    second = f'<o:credential {NAMESPACE} verify="{made_token()}"/></svg>'
    with pytest.raises(InputError, match="2 credentials"):
        judge(once.decode().replace("</svg>", second))


def test_svg_is_read_by_namespace_and_not_by_prefix() -> None:
    inside = f'<o:credential {NAMESPACE} verify="{made_token()}"/>'
    assert judge(SVG_IMAGE.decode().replace("<circle", f"{inside}<circle")).verdict is Verdict.VALID
    with_doctype = (
        '<?xml version="1.0"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://127.0.0.1:1/none.dtd">'
        + SVG_IMAGE.decode().replace("<circle", f"{inside}<circle")
    )
    assert judge(with_doctype).verdict is Verdict.VALID


def test_svg_is_never_valid_when_a_character_of_its_credential_is_changed() -> None:
    data = baked_svg(made_token(), as_text=False)
    begin = data.index(b'verify="') + len(b'verify="')
    for place in range(begin, begin + len(made_token()), 5):
        bent = data[:place] + (b"A" if data[place : place + 1] != b"A" else b"B") + data[place + 1 :]
        try:
            report = judge(bent)
        except InputError:
            continue
        assert report.verdict is Verdict.INVALID, place


def test_file_of_this_project_is_told_from_documents() -> None:
    assert read_presented(encode({"format": "cairn/evidence/v1"})).kind == "evidence"
    assert read_presented(encode({"format": "cairn/bundle/v1"})).kind == "bundle"
    with pytest.raises(InputError, match="newer version"):
        read_presented(encode({"format": "cairn/bundle/v9"}))
