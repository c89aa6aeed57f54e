"""Baked badges: the credential that an image carries.

    PNG   one `iTXt` chunk with the keyword `openbadgecredential`; its text is JSON or a compact JWS
    SVG   one `credential` element of the Open Badges namespace; a JWS in its attribute `verify`, or JSON in it

The picture itself is not looked at: no pixel is unpacked and nothing of the SVG is drawn or followed. An image with two
credentials is refused, since two readers would show two different badges. Elements are found by their namespace and not
by a prefix, which an image is free to choose; the SVG is read as a stream, so no depth of it is a depth of ours.

Source: Open Badges 3.0 section 5.3 (document format); PNG (third edition) section 11.3.3.4; RFC 1950.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from typing import Final
from xml.sax import SAXException
from xml.sax.handler import ContentHandler, feature_external_ges, feature_namespaces
from xml.sax.xmlreader import AttributesNSImpl, InputSource

import png
from defusedxml import DefusedXmlException
from defusedxml.expatreader import create_parser
from openbadgeslib.baking import ITXT_KEYWORD_OB3, SVG_NS_OB3, extract_png
from openbadgeslib.errors import LibOpenBadgesException

from verifier.error import FormatError, TooLargeError

MAX_IMAGE_BYTES: Final = 4_194_304
"""Longest image. Badges are icons; 4 MiB hold a photograph."""
MAX_CREDENTIAL_BYTES: Final = 262_144
"""Longest credential in an image, that of a document; also the most that a packed one may unpack to."""
MAX_CHUNKS: Final = 20_000
"""Most chunks of a PNG."""
MAX_ELEMENTS: Final = 50_000
"""Most elements of an SVG."""
MAX_ELEMENT_DEPTH: Final = 256
"""Deepest element of an SVG."""
PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_SVG: Final = ("http://www.w3.org/2000/svg", "svg")
_CREDENTIAL: Final = (SVG_NS_OB3, "credential")
_VERIFY: Final = (None, "verify")


def is_png(data: bytes) -> bool:
    """Whether bytes begin as a PNG does."""
    return data.startswith(PNG_SIGNATURE)


def is_xml(data: bytes) -> bool:
    """Whether bytes begin as an XML text does."""
    return data.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n").startswith(b"<")


def unbake_png(data: bytes) -> bytes:
    """Take the credential out of a PNG.

    Args:
        data: The file's bytes, at most MAX_IMAGE_BYTES.

    Returns:
        UTF-8: JSON, or a compact JWS or SD-JWT.

    Raises:
        TooLargeError: The image or its credential is beyond its limit.
        FormatError: Not a PNG whose checksums hold, no credential in it, or two.
    """
    _require_size(data)
    try:
        found = sum(_carries(kind, chunk) for kind, chunk in _chunks(data))
        if found != 1:
            raise FormatError(f"{found} credentials in the image where there has to be one")
        text = extract_png(data, MAX_CREDENTIAL_BYTES, keyword=ITXT_KEYWORD_OB3)
    except (png.Error, zlib.error, LibOpenBadgesException, ValueError) as error:
        raise FormatError(f"not a PNG with a credential: {error}") from error
    return _bounded((text or "").strip().encode("utf-8"))


def unbake_svg(data: bytes) -> bytes:
    """Take the credential out of an SVG.

    Args:
        data: The file's bytes, at most MAX_IMAGE_BYTES.

    Returns:
        As for `unbake_png`.

    Raises:
        TooLargeError: The image or its credential is beyond its limit.
        FormatError: Not an SVG, an entity in it, no credential, or two.
    """
    _require_size(data)
    handler = _Finder()
    # An external DTD, which old drawing programs name, is passed over and not fetched: `external-ges` is off.
    parser = create_parser(forbid_dtd=False, forbid_entities=True, forbid_external=False)
    parser.setFeature(feature_namespaces, True)
    parser.setFeature(feature_external_ges, False)
    parser.setContentHandler(handler)
    source = InputSource()
    source.setByteStream(io.BytesIO(data))
    try:
        parser.parse(source)
    except (SAXException, DefusedXmlException, ValueError, LookupError) as error:
        raise FormatError(f"not an SVG that is read here: {error}") from error
    if len(handler.found) != 1:
        raise FormatError(f"{len(handler.found)} credentials in the image where there has to be one")
    return _bounded(handler.found[0].strip().encode("utf-8"))


class _Finder(ContentHandler):
    """Collects the credentials of an SVG while it streams by, and stops at the named limits."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._depth = 0
        self._elements = 0
        self._inside = 0
        self._verify: str | None = None
        self._text: list[str] = []

    def startElementNS(  # noqa: N802  (the interface of xml.sax)
        self, name: tuple[str | None, str], qname: str | None, attrs: AttributesNSImpl
    ) -> None:
        del qname
        self._depth += 1
        self._elements += 1
        if self._elements > MAX_ELEMENTS or self._depth > MAX_ELEMENT_DEPTH:
            raise TooLargeError(f"more than {MAX_ELEMENTS} elements, or more than {MAX_ELEMENT_DEPTH} deep")
        if self._depth == 1 and name != _SVG:
            raise FormatError("the root of the image is not an SVG element")
        if self._inside:
            raise FormatError("an element inside the credential")
        if name == _CREDENTIAL:
            self._inside, self._verify, self._text = self._depth, attrs.get(_VERIFY), []

    def endElementNS(  # noqa: N802  (the interface of xml.sax)
        self, name: tuple[str | None, str], qname: str | None
    ) -> None:
        del name, qname
        if self._inside == self._depth:
            text = "".join(self._text).strip()
            if self._verify is not None and text:
                raise FormatError("a credential in the attribute and another in the text")
            self.found.append(text if self._verify is None else self._verify)
            self._inside = 0
        self._depth -= 1

    def characters(self, content: str) -> None:
        if self._inside:
            self._text.append(content)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    for count, (kind, chunk) in enumerate(png.Reader(bytes=data).chunks()):
        if count >= MAX_CHUNKS:
            raise TooLargeError(f"more than {MAX_CHUNKS} chunks")
        yield kind, chunk


def _carries(kind: bytes, chunk: bytes) -> bool:
    return kind == b"iTXt" and chunk.startswith(ITXT_KEYWORD_OB3 + b"\0")


def _require_size(data: bytes) -> None:
    if len(data) > MAX_IMAGE_BYTES:
        raise TooLargeError(f"an image of {len(data)} bytes; the limit is {MAX_IMAGE_BYTES}")


def _bounded(text: bytes) -> bytes:
    if not text:
        raise FormatError("the image's credential is empty")
    if len(text) > MAX_CREDENTIAL_BYTES:
        raise TooLargeError(f"a credential of {len(text)} bytes in the image; the limit is {MAX_CREDENTIAL_BYTES}")
    return text
