"""DID URLs, and what they point at: an object in the DID document, such as the key that made a proof.

Fragments are followed. What a path or a service points at lies behind the DID document, and no document here has any.

Source: W3C Decentralized Identifiers 1.0, section 3.2 (syntax); W3C DID Resolution 0.3, section 5 (dereferencing).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

from api.did_resolution import AGREEMENT, INVALID_URL, MAX_DID_CHARS, NOT_FOUND, SIGNING, DidError, is_did

_PARTS: Final = re.compile(
    r"(?P<did>[^/?#]*)(?P<path>/[^?#]*)?(?:\?(?P<query>[^#]*))?(?:#(?P<fragment>.*))?", re.DOTALL
)
_PART: Final = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*", re.ASCII)
_ELSEWHERE: Final = frozenset({"service", "serviceType", "relativeRef"})
"""Parameters that lead out of the DID document."""


@dataclass(frozen=True, slots=True)
class DidUrl:
    """A DID URL, taken apart.

    Args:
        did: The DID.
        path: With its slash, or empty.
        options: Names and values of the query.
        fragment: Without its number sign, or None.
    """

    did: str
    path: str
    options: tuple[tuple[str, str], ...]
    fragment: str | None


def has_more_than_a_did(text: str) -> bool:
    """Whether *text* begins as a DID does and goes on where it ends: with a path, a query or a fragment."""
    return text.startswith("did:") and any(mark in text for mark in "/?#")


def parse_did_url(text: str) -> DidUrl:
    """Take a DID URL apart.

    Raises:
        DidError: It is none.
    """
    match = _PARTS.fullmatch(text) if len(text) <= MAX_DID_CHARS else None
    if match is None or not is_did(match["did"]):
        raise DidError(INVALID_URL, "this is no DID URL: a DID, then path, query and fragment if there are any")
    parts = (match["path"] or "", match["query"] or "", match["fragment"] or "")
    if not all(_PART.fullmatch(part) for part in parts):
        raise DidError(INVALID_URL, "path, query and fragment of a DID URL are in ASCII, percent-encoded")
    path, query, _ = parts
    return DidUrl(match["did"], path, tuple(parse_qsl(query, keep_blank_values=True)), match["fragment"])


def part_of(document: dict[str, Any], url: DidUrl) -> dict[str, Any]:
    """Return what the DID URL points at: the document of its DID, or an object in it.

    Raises:
        DidError: It points at nothing there.
    """
    if url.path or any(name in _ELSEWHERE for name, _ in url.options):
        raise DidError(NOT_FOUND, "the DID document names no place where the rest of this DID URL would be")
    if url.fragment is None:
        return document
    wanted = f"{url.did}#{url.fragment}"
    for part in _parts(document):
        name = part.get("id")
        if isinstance(name, str) and wanted in {name, f"{url.did}{name}"}:
            return part
    raise DidError(NOT_FOUND, "the DID document has nothing of that fragment")


def _parts(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Everything in the document that has a name. Documents of other hosts may hold anything."""
    for member in ("verificationMethod", *SIGNING, AGREEMENT, "service"):
        listed = document.get(member)
        yield from (part for part in listed if isinstance(part, dict)) if isinstance(listed, list) else ()
