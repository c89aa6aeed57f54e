"""Presentations: what a holder shows.

Source: W3C VC Data Model 2.0, section 4.13; W3C VC Data Model 1.1, section 4.10.
"""

from __future__ import annotations

from typing import Final

from verifier.data_model.credential import (
    check_contexts,
    check_credential,
    check_typed,
    nothing_at_hand,
)
from verifier.data_model.envelope import PRESENTATION, check_envelope, is_envelope
from verifier.data_model.problem import PARSING, DataProblem, Problems
from verifier.data_model.proof_shape import check_proofs
from verifier.data_model.related_resource import ResourceSource
from verifier.data_model.value import check_id, check_type, is_url
from verifier.strict_json import Json

PRESENTATION_TYPE: Final = "VerifiablePresentation"
MAX_CREDENTIALS: Final = 50
"""Most credentials in one presentation that are looked at. Our own limit."""


def presentation_problems(document: Json, source: ResourceSource = nothing_at_hand) -> tuple[DataProblem, ...]:
    """Return every problem with the shape of a presentation and of the credentials in it.

    Args:
        document: The presentation, with or without proof, or an enveloped one.
        source: Where related resources are looked up to compare their digests.

    A presentation of no credentials at all is let pass: holders prove themselves with those.

    Not checked: see :func:`verifier.data_model.credential.credential_problems`.
    """
    problems = Problems()
    if not isinstance(document, dict):
        problems.add("a presentation is a JSON object", "", PARSING)
        return problems.found()
    if is_envelope(document, PRESENTATION):
        check_envelope(document, PRESENTATION, "", problems)
        return problems.found()
    check_contexts(document, "", problems)
    if PRESENTATION_TYPE not in check_type(document, "", problems):
        problems.add("one of the types of a presentation is VerifiablePresentation", "/type")
    check_id(document, "", problems)
    check_typed(document, "termsOfUse", "", problems)
    _check_holder(document, problems)
    _check_credentials(document, problems, source)
    if "proof" in document:
        check_proofs(document["proof"], "/proof", problems)
    return problems.found()


def holder_of(document: dict[str, Json]) -> str | None:
    """Return the id of a presentation's holder, unverified; None if it names none."""
    holder = document.get("holder")
    identity = holder.get("id") if isinstance(holder, dict) else holder
    return identity if isinstance(identity, str) else None


def credentials_of(document: dict[str, Json]) -> list[Json]:
    """Return what a presentation holds, unverified."""
    held = document.get("verifiableCredential", [])
    return held if isinstance(held, list) else [held]


def _check_holder(document: dict[str, Json], problems: Problems) -> None:
    if "holder" not in document:
        return
    holder = document["holder"]
    if isinstance(holder, dict):
        check_id(holder, "/holder", problems, is_needed=True)
    elif not is_url(holder):
        problems.add("a holder is a URL, or an object whose id is one", "/holder")


def _check_credentials(document: dict[str, Json], problems: Problems, source: ResourceSource) -> None:
    held = credentials_of(document)
    if len(held) > MAX_CREDENTIALS:
        problems.add(f"at most {MAX_CREDENTIALS} credentials are looked at", "/verifiableCredential")
        return
    for number, credential in enumerate(held):
        is_listed = isinstance(document["verifiableCredential"], list)
        place = f"/verifiableCredential/{number}" if is_listed else "/verifiableCredential"
        check_credential(credential, place, problems, source)
