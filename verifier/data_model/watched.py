"""Which strings of a credential the data model looks at, so that others of its make need no more than these looked at.

Two credentials with the same members, types and contexts differ in other strings alone. Of those the data model looks
at identifiers, which are URLs, and at the members that `check_changing` reads. Whether that is so of a credential is
not taken on trust: all other strings are replaced by what is no good value of anything, and the checker asked again.

Source: W3C VC Data Model 2.0, sections 4.4, 4.5, 4.7 to 4.11 and 5.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from verifier.data_model.credential import TYPED, V2_CONTEXT, credential_problems
from verifier.data_model.envelope import CREDENTIAL, is_envelope
from verifier.jsonld.outline import FIXED

CHANGING: Final = frozenset({"validFrom", "validUntil", "credentialStatus"})
"""Members that `check_changing` reads."""
_HOSTILE: Final = ("\x00", "")
"""No URL, no date, no number, no text that says anything."""


def watched_urls(document: dict[str, Any]) -> tuple[int, ...] | None:
    """Return which strings of a credential of good shape have to be URLs.

    Args:
        document: A credential without its proof, in which the data model finds no problem.

    Returns:
        Their numbers, counted over all strings that are no member's name, outside of `FIXED` members; None if the data
        model looks at more than these and at what `check_changing` reads.
    """
    if document["@context"][0] != V2_CONTEXT or "relatedResource" in document or is_envelope(document, CREDENTIAL):
        return None
    marked: dict[str, Any] = _replaced(document, lambda number, _: str(number))
    places = tuple(int(mark) for mark in _identifiers(marked))
    kept = {*places, *_numbers(marked, CHANGING)}
    for hostile in _HOSTILE:
        probe = _replaced(document, lambda number, text, hostile=hostile: text if number in kept else hostile)
        if credential_problems(probe):
            return None
    return places


def _identifiers(document: dict[str, Any]) -> Iterator[str]:
    issuer = document["issuer"]
    if isinstance(issuer, str):
        yield issuer
    for holder in (document, issuer, *_objects(document, "credentialSubject")):
        if isinstance(holder, dict) and "id" in holder:
            yield holder["id"]
    for name in ("credentialSchema", *TYPED):
        for one in _objects(document, name):
            if "id" in one:
                yield one["id"]


def _objects(document: dict[str, Any], name: str) -> list[dict[str, Any]]:
    value = document.get(name, [])
    return value if isinstance(value, list) else [value]


def _numbers(marked: dict[str, Any], members: frozenset[str]) -> set[int]:
    """Return the numbers of all strings within some members of a marked document."""
    found: set[int] = set()

    def walk(value: Any) -> None:  # noqa: ANN401  any JSON value
        if isinstance(value, dict):
            for name, member in value.items():
                if name not in FIXED:
                    walk(member)
        elif isinstance(value, list):
            for member in value:
                walk(member)
        elif isinstance(value, str):
            found.add(int(value))

    for name in members & marked.keys():
        walk(marked[name])
    return found


def _replaced(document: dict[str, Any], by: Any) -> dict[str, Any]:  # noqa: ANN401  a function of number and text
    """Copy a document with other strings; those of `FIXED` members stay."""
    number = -1

    def replace(value: Any) -> Any:  # noqa: ANN401  any JSON value
        nonlocal number
        if isinstance(value, str):
            number += 1
            return by(number, value)
        if isinstance(value, dict):
            return {name: member if name in FIXED else replace(member) for name, member in value.items()}
        return [replace(member) for member in value] if isinstance(value, list) else value

    copy: dict[str, Any] = replace(document)
    return copy
