"""The style sheet and the scripts of the pages: written by hand, served as they are, from a closed list.

    cairn.css     how pages look
    page.mjs      small comforts: copy, print, drop a file; loads the next two only when they are wanted
    scan.mjs      reads a QR code with the camera or from a picture
    check.mjs     the line «verified by your browser»
    verify.mjs    the verifier of evidence files; pure, no network, no document
    sentence.mjs  puts values into the sentences of a report
    offline.mjs   what is behind the verifier as one file

Pages work without any of the scripts. The last three are put into one HTML file that works from a disk, whose policy
names the digests of its script and its style, so that nothing else runs in it.

Scripts are sent without their comments and indentation, line by line: what a browser runs is what stands in the file.
"""

from __future__ import annotations

import base64
import gzip
import re
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
    "sentence.mjs": SCRIPT_TYPE,
}
"""Name -> media type."""
ASSET_PATHS: Final = frozenset(f"/static/{name}" for name in ASSETS)


OFFLINE_PARTS: Final = ("verify.mjs", "sentence.mjs", "offline.mjs")
PAGE_CODES: Final = (
    "achievement_differs",
    "anchor_misnamed",
    "anchor_wrong",
    "bits_not_proved",
    "checkpoint_malformed",
    "cosignature_wrong",
    "ends_before",
    "entitlement_unstated",
    "entry_not_in_log",
    "expired",
    "history_broken",
    "history_contradicts",
    "history_other",
    "history_unreadable",
    "issuer_not_proved",
    "issuer_other",
    "key_compromised",
    "key_not_yet_valid",
    "key_retired",
    "key_revoked",
    "key_unknown",
    "log_misnamed",
    "log_retired",
    "log_signature_wrong",
    "no_time",
    "not_accredited",
    "not_entitled",
    "not_judged",
    "not_yet_valid",
    "origin_differs",
    "part_not_opened",
    "quorum_not_met",
    "recorded_unaccredited",
    "replaced",
    "revoked",
    "signed_anew",
    "stack_in_review",
    "stale",
    "state_wrong",
    "suspended",
    "time_ahead",
    "unknown_log",
)
"""Reason codes that verify.mjs can end in."""
_PASSING: Final = (
    "accredited",
    "achievement_agrees",
    "anchored",
    "anchors_unchecked",
    "begun",
    "bits_proved",
    "compromised_later",
    "cosigned",
    "entitled",
    "entries_in_log",
    "fresh_operator",
    "fresh_witnessed",
    "history_agrees",
    "history_whole",
    "issuer_proved",
    "key_safe",
    "key_valid",
    "log_known",
    "log_known_then",
    "no_accreditation",
    "no_achievement",
    "no_expiry",
    "no_witness",
    "not_anchored",
    "not_expired",
    "not_revoked",
    "not_suspended",
    "origin_agrees",
    "revoked_later",
    "stack_not_shown",
    "state_is_last",
    "valid_record",
    "valid_record_as_of",
)
"""Reason codes of its checks that passed or were not needed."""
OWN_CODES: Final = PAGE_CODES + _PASSING
"""All of them; a test holds them against the script."""
_COMMENT: Final = ("//", "/**", "*")
_GAP: Final = re.compile(r"\s*([{};:,])\s*")
_TAIL: Final = re.compile(r"; // [^\"'`]*$")


@cache
def asset(name: str) -> bytes:
    """Read one of `ASSETS`, as it is sent. Raises KeyError for any other name."""
    if name not in ASSETS:
        raise KeyError(name)
    text = _read(name)
    return (lean(text) if name.endswith(".mjs") else text).encode()


@cache
def packed(name: str) -> bytes:
    """The same in the content coding gzip."""
    return gzip.compress(asset(name), mtime=0)


def lean(script: str) -> str:
    """A script without lines of comment, ends of lines that are comments, indentation and empty lines."""
    lines = (_TAIL.sub(";", line.strip()) for line in script.split("\n"))
    return "".join(f"{line}\n" for line in lines if line and not line.startswith(_COMMENT))


def style_sheet() -> bytes:
    """Read the one style sheet."""
    return asset("cairn.css")


@cache
def offline_script() -> str:
    """The script of the verifier as one file: its modules one after the other, without what joins them elsewhere."""
    lines = "".join(lean(_read(name)) for name in OFFLINE_PARTS).split("\n")
    return "\n".join(line.removeprefix("export ") for line in lines if not line.startswith("import "))


@cache
def offline_style() -> str:
    """The style of the verifier as one file."""
    return _GAP.sub(r"\1", _read("offline.css"))


def digest_source(text: str) -> str:
    """The source expression of an inline script or style: its digest. Source: CSP Level 3 section 2.3.1."""
    return f"'sha256-{base64.b64encode(sha256(text.encode()).digest()).decode()}'"


def offline_policy() -> str:
    """The policy of the verifier as one file: its own script and style, and nothing else at all."""
    script, style = digest_source(offline_script()), digest_source(offline_style())
    return (
        f"default-src 'none'; script-src {script}; style-src {style}; base-uri 'none'; form-action 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )


def _read(name: str) -> str:
    return files("api").joinpath(f"static/{name}").read_text("utf-8")
