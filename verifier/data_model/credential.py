"""Credentials of the VC Data Model 2.0 and 1.1.

Which of the two a document is of, its first context says.

Source: W3C VC Data Model 2.0, sections 4.2 to 4.11 and 5.3 to 5.10; W3C VC Data Model 1.1, sections 4.1 to 4.9 and 5.4
to 5.6.
"""

from __future__ import annotations

from typing import Final

from verifier.data_model.envelope import CREDENTIAL, check_envelope, is_envelope
from verifier.data_model.problem import PARSING, RANGE, DataProblem, Problems
from verifier.data_model.proof_shape import check_proofs
from verifier.data_model.related_resource import ResourceSource, check_related_resources
from verifier.data_model.status_entry import check_status_entry
from verifier.data_model.value import Seconds, check_id, check_text, check_type, is_url, objects_of, seconds_of
from verifier.strict_json import Json

V1_CONTEXT: Final = "https://www.w3.org/2018/credentials/v1"
V2_CONTEXT: Final = "https://www.w3.org/ns/credentials/v2"
CREDENTIAL_TYPE: Final = "VerifiableCredential"
TYPED: Final = ("evidence", "refreshService", "termsOfUse", "confidenceMethod", "renderMethod")
"""Members that hold objects which have a type. Source: VC Data Model 2.0, sections 4.5 and 5.10."""


def nothing_at_hand(_: str) -> bytes | None:
    """A source of related resources that has none."""
    return None


def credential_problems(document: Json, source: ResourceSource = nothing_at_hand) -> tuple[DataProblem, ...]:
    """Return every problem with the shape of a credential; none if it is as the data model demands.

    Args:
        document: The credential, with or without proof, or an enveloped one.
        source: Where related resources are looked up to compare their digests.

    Not checked: whether proofs verify, whether every term is defined by the contexts, and what the members mean that
    extensions define. A context that is named twice is let pass: JSON-LD gives it no meaning.
    """
    problems = Problems()
    check_credential(document, "", problems, source)
    return problems.found()


def check_credential(document: Json, pointer: str, problems: Problems, source: ResourceSource) -> None:
    """Note every problem with the credential at *pointer*."""
    if not isinstance(document, dict):
        problems.add("a credential is a JSON object", pointer, PARSING)
        return
    if is_envelope(document, CREDENTIAL):
        check_envelope(document, CREDENTIAL, pointer, problems)
        return
    is_first_edition = check_contexts(document, pointer, problems)
    if CREDENTIAL_TYPE not in check_type(document, pointer, problems):
        problems.add("one of the types of a credential is VerifiableCredential", f"{pointer}/type")
    check_id(document, pointer, problems)
    _check_issuer(document, pointer, problems)
    _check_subject(document, pointer, problems)
    if is_first_edition:
        _check_first_edition(document, pointer, problems)
    else:
        _check_second_edition(document, pointer, problems, source)
    if "proof" in document:
        check_proofs(document["proof"], f"{pointer}/proof", problems)


def check_contexts(document: dict[str, Json], pointer: str, problems: Problems) -> bool:
    """Note what is wrong with `@context`; return whether the document is of the VC Data Model 1.1."""
    contexts, place = document.get("@context"), f"{pointer}/@context"
    if not isinstance(contexts, list) or not contexts:
        problems.add("there is an ordered set of contexts", place)
        return False
    if contexts[0] not in (V1_CONTEXT, V2_CONTEXT):
        problems.add("the first context is that of the VC Data Model 2.0, or of 1.1", f"{place}/0")
    for number, context in enumerate(contexts):
        if not isinstance(context, dict) and not is_url(context):
            problems.add("a context is a URL or an object", f"{place}/{number}")
    return contexts[0] == V1_CONTEXT


def issuer_of(document: dict[str, Json]) -> str | None:
    """Return the id of a credential's issuer, unverified; None if it names none."""
    issuer = document.get("issuer")
    identity = issuer.get("id") if isinstance(issuer, dict) else issuer
    return identity if is_url(identity) and isinstance(identity, str) else None


def _check_issuer(document: dict[str, Json], pointer: str, problems: Problems) -> None:
    place = f"{pointer}/issuer"
    if "issuer" not in document:
        problems.add("an issuer is missing", place)
        return
    issuer = document["issuer"]
    if isinstance(issuer, dict):
        check_id(issuer, place, problems, is_needed=True)
        _check_names(issuer, place, problems)
    elif not is_url(issuer):
        problems.add("an issuer is a URL, or an object whose id is one", place)


def _check_subject(document: dict[str, Json], pointer: str, problems: Problems) -> None:
    place = f"{pointer}/credentialSubject"
    if "credentialSubject" not in document:
        problems.add("a credential subject is missing", place)
        return
    for subject, where in objects_of(document["credentialSubject"], place, problems):
        check_id(subject, where, problems)


def _check_names(holder: dict[str, Json], pointer: str, problems: Problems) -> None:
    for name in ("name", "description"):
        if name in holder:
            check_text(holder[name], f"{pointer}/{name}", problems)


def _check_second_edition(document: dict[str, Json], pointer: str, problems: Problems, source: ResourceSource) -> None:
    _check_names(document, pointer, problems)
    check_changing(document, pointer, problems)
    _check_schemas(document, pointer, problems)
    for name in TYPED:
        check_typed(document, name, pointer, problems)
    if "relatedResource" in document:
        check_related_resources(document["relatedResource"], f"{pointer}/relatedResource", problems, source)


def check_changing(document: dict[str, Json], pointer: str, problems: Problems) -> None:
    """Note what is wrong with the members of a credential of the second edition that are seldom the same in two."""
    check_period(document, ("validFrom", "validUntil"), pointer, problems, needs_zone=True)
    if "credentialStatus" in document:
        for entry, place in objects_of(document["credentialStatus"], f"{pointer}/credentialStatus", problems):
            check_status_entry(entry, place, problems)


def _check_first_edition(document: dict[str, Json], pointer: str, problems: Problems) -> None:
    if "issuanceDate" not in document:
        problems.add("an issuance date is missing", f"{pointer}/issuanceDate")
    check_period(document, ("issuanceDate", "expirationDate"), pointer, problems, needs_zone=False)
    if "credentialStatus" in document:
        for entry, place in objects_of(document["credentialStatus"], f"{pointer}/credentialStatus", problems):
            check_id(entry, place, problems, is_needed=True)
            check_status_entry(entry, place, problems)
    _check_schemas(document, pointer, problems)
    for name in ("evidence", "termsOfUse"):
        check_typed(document, name, pointer, problems)
    check_typed(document, "refreshService", pointer, problems, needs_id=True)


def _check_schemas(document: dict[str, Json], pointer: str, problems: Problems) -> None:
    check_typed(document, "credentialSchema", pointer, problems, needs_id=True)


def check_typed(
    document: dict[str, Json], name: str, pointer: str, problems: Problems, *, needs_id: bool = False
) -> None:
    """Note what is wrong with a member that holds objects with a type, and an id where *needs_id*."""
    if name in document:
        for one, place in objects_of(document[name], f"{pointer}/{name}", problems):
            check_type(one, place, problems)
            check_id(one, place, problems, is_needed=needs_id)


def check_period(
    document: dict[str, Json], names: tuple[str, str], pointer: str, problems: Problems, *, needs_zone: bool
) -> None:
    """Note what is wrong with the members that are the beginning and the end."""
    instants: list[Seconds] = []
    for name in names:
        if name not in document:
            continue
        value = document[name]
        instant = seconds_of(value, needs_zone=needs_zone) if isinstance(value, str) else None
        if instant is None:
            problems.add("a date and time with offset, such as 2026-01-31T12:00:00Z, belongs here", f"{pointer}/{name}")
        else:
            instants.append(instant)
    if len(instants) == len(names) and instants[0] > instants[1]:
        problems.add("the end lies before the beginning", f"{pointer}/{names[1]}", RANGE)
