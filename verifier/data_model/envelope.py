"""Enveloped credentials and presentations: a `data:` URL around a document that is secured as a whole.

    {"@context": "https://www.w3.org/ns/credentials/v2", "type": "EnvelopedVerifiableCredential",
     "id": "data:application/vc+jwt,eyJhbGciOi…"}

Source: W3C VC Data Model 2.0, sections 4.13.1 and 4.13.2; RFC 2397.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from verifier.data_model.problem import Problems
from verifier.data_model.value import types_of
from verifier.strict_json import Json

V2: Final = "https://www.w3.org/ns/credentials/v2"
CREDENTIAL: Final = "EnvelopedVerifiableCredential"
PRESENTATION: Final = "EnvelopedVerifiablePresentation"
MAX_ENVELOPE_CHARS: Final = 1_000_000
_DATA_URL: Final = re.compile(
    r"data:(?P<type>[a-z]+/[A-Za-z0-9.+-]+)(?P<rest>(?:;[A-Za-z0-9=_.+-]+)*),(?P<content>[\x21-\x7e]+)"
)


class Envelope(msgspec.Struct, frozen=True):
    """What is in an envelope.

    Attributes:
        media_type: As the URL says it, such as `application/vc+jwt`.
        content: The secured document, still to be verified.
    """

    media_type: str
    content: str


def is_envelope(document: Json, kind: str) -> bool:
    """Whether *document* calls itself an envelope of *kind*, one of :data:`CREDENTIAL` and :data:`PRESENTATION`."""
    return isinstance(document, dict) and kind in (types_of(document.get("type")) or ())


def check_envelope(document: dict[str, Json], kind: str, pointer: str, problems: Problems) -> None:
    """Note what is wrong with an envelope."""
    contexts = document.get("@context")
    if V2 not in (contexts if isinstance(contexts, list) else [contexts]):
        problems.add("an envelope has the context of the VC Data Model 2.0", f"{pointer}/@context")
    if types_of(document.get("type")) != (kind,):
        problems.add(f"the type of an envelope is {kind}", f"{pointer}/type")
    if open_envelope(document) is None:
        problems.add("the id of an envelope is a data: URL with a secured document in it", f"{pointer}/id")


def open_envelope(document: dict[str, Json]) -> Envelope | None:
    """Return what is in an envelope, or None if its `id` is no `data:` URL of a media type."""
    identity = document.get("id")
    if not isinstance(identity, str) or len(identity) > MAX_ENVELOPE_CHARS:
        return None
    match = _DATA_URL.fullmatch(identity)
    return None if match is None else Envelope(match["type"].lower(), match["content"])
