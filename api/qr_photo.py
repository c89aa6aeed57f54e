"""Reads the QR codes in a photograph, for browsers that cannot: the picture is looked at, and kept nowhere.

Untrusted pictures are opened in a worker process under a limit of processor time (`api.cpu_bound`), of three kinds
only, and no larger than a telephone takes them.
"""

from __future__ import annotations

import io
import warnings
from typing import Final

from PIL import Image

from verifier.error import FormatError

KINDS: Final = ("JPEG", "PNG", "WEBP")
MAX_PIXELS: Final = 24_000_000
"""Largest picture, 72 MB when it is unpacked in colour."""
ENOUGH_PIXELS: Final = (2_000, 2_000)
"""A JPEG that is larger is unpacked at a half, a quarter or an eighth of its size, as long as it stays above this."""
MAX_CODES: Final = 8
MAX_CHARS: Final = 2_000


def is_photo(data: bytes) -> bool:
    """Whether bytes begin as one of the kinds does."""
    is_webp = data.startswith(b"RIFF") and data[8:12] == b"WEBP"
    return data.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")) or is_webp


def read_codes(data: bytes) -> tuple[str, ...]:
    """Return what the QR codes in a picture say, MAX_CODES of them at most; nothing when there is none.

    Raises:
        FormatError: It is no such picture, it is damaged, or too large.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            grey = _grey(data)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise FormatError(f"no picture that can be read: {error}") from error
    import zxingcpp  # noqa: PLC0415  in the worker alone: its binding complains at the end of a server that loaded it

    found = zxingcpp.read_barcodes(grey, formats=zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.QRCode]))
    return tuple(one.text for one in found if len(one.text) <= MAX_CHARS)[:MAX_CODES]


def _grey(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data), formats=KINDS) as picture:
        if picture.width * picture.height > MAX_PIXELS:
            raise ValueError(f"{picture.width} by {picture.height} pixels")
        picture.draft("L", ENOUGH_PIXELS)
        return picture.convert("L")
