"""The style sheet and the scripts of the pages: written by hand, served as they are, from a closed list.

    cairn.css     how pages look
    page.mjs      small comforts: copy, print, drop a file; loads the next two only when they are wanted
    scan.mjs      reads a QR code with the camera or from a picture
    check.mjs     the line «verified by your browser»
    verify.mjs    the verifier of evidence files; pure, no network, no document

Pages work without any of the scripts. The last one is also put into one HTML file that works from a disk, whose policy
names the digests of its script and its style, so that nothing else runs in it.
"""

from __future__ import annotations

import base64
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Final

STYLE_PATH: Final = "/static/cairn.css"
SCRIPT_TYPE: Final = "text/javascript; charset=utf-8"
ASSETS: Final = {
    "cairn.css": "text/css; charset=utf-8",
    "page.mjs": SCRIPT_TYPE,
    "scan.mjs": SCRIPT_TYPE,
    "check.mjs": SCRIPT_TYPE,
    "verify.mjs": SCRIPT_TYPE,
}
"""Name -> media type."""
ASSET_PATHS: Final = frozenset(f"/static/{name}" for name in ASSETS)


@cache
def asset(name: str) -> bytes:
    """Read one of `ASSETS`. Raises KeyError for any other name."""
    if name not in ASSETS:
        raise KeyError(name)
    return files("api").joinpath(f"static/{name}").read_bytes()


def style_sheet() -> bytes:
    """Read the one style sheet."""
    return asset("cairn.css")


def digest_source(text: str) -> str:
    """The source expression of an inline script or style: its digest. Source: CSP Level 3 section 2.3.1."""
    return f"'sha256-{base64.b64encode(sha256(text.encode()).digest()).decode()}'"
