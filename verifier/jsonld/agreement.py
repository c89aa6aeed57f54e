"""Does the JSON of a document say what its RDF says?

A suite over RDF signs statements; everyone else reads the JSON. The two agree if the document is the compacted form of
its own expansion, under contexts that cannot give known terms another meaning. openvc's check of contexts decides
that, and it is used here by its private name: the package is pinned to a minor version, and a test fails when the
check moves. It takes contexts by address alone, so inline ones are held against the rules below and given an address.

Source: W3C VC Data Integrity 1.0 sections 2.4 and 4.6 (context validation).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from openvc.errors import OpenvcError
from openvc.proof._context_validation import validate_document
from openvc.proof.contexts import _OfflineLoader

from verifier.error import ContextRefusedError, JsonLdError, WorkExceededError
from verifier.jsonld.context import CONTEXTS, context_document

_INLINE: Final = "urn:x-inline-context:"
_ABSOLUTE: Final = re.compile(r'[A-Za-z][A-Za-z0-9+.-]*:[^\s<>"{}|^`\\]+')
_ALIASES: Final = {"id": "@id", "type": "@type"}
_DEFINITION: Final = frozenset({"@id", "@type", "@context", "@protected", "@container"})
_PLAIN_TYPES: Final = frozenset({"@id", "@vocab", "@json", "@none"})
_PLAIN_CONTAINERS: Final = frozenset({"@set", "@list", "@language"})
BASE_CONTEXT: Final = "https://www.w3.org/ns/credentials/v2"
"""Its definitions spell every IRI out, so that they mean the same wherever they stand."""
MAX_INLINE_DEPTH: Final = 8
"""Contexts within term definitions within contexts."""


def require_agreement(document: Mapping[str, Any], proof_options: Mapping[str, Any]) -> None:
    """Refuse a document that could show in its JSON what its RDF does not say.

    Args:
        document: The document without its proof.
        proof_options: The proof without its value, with the document's ``@context``.

    Raises:
        ContextRefusedError: An inline context redefines, renames or hides what installed contexts define.
        JsonLdError: The document is not in compacted form.
    """
    context, brought = _published(document.get("@context"))
    # Installed contexts are the same in every call, so openvc may keep what it made of them.
    loader = _OfflineLoader({**_installed(), **brought}, CONTEXTS)
    try:
        validate_document({**document, "@context": context}, {**proof_options, "@context": context}, loader)
    except OpenvcError as error:
        raise JsonLdError(str(error)[:400]) from error
    except RecursionError as error:
        raise WorkExceededError("nested too deeply") from error


@cache
def _installed() -> dict[str, Any]:
    return {url: context_document(url) for url in CONTEXTS}


def _published(context: Any) -> tuple[Any, dict[str, Any]]:  # noqa: ANN401  any JSON value
    """Give each inline context an address; return the context with addresses alone, and what they stand for."""
    if not isinstance(context, list):
        return context, {}
    entries: list[Any] = []
    brought: dict[str, Any] = {}
    for number, entry in enumerate(context):
        if not isinstance(entry, dict):
            entries.append(entry)
            continue
        inner = entry["@context"] if set(entry) == {"@context"} else entry
        _require_harmless(inner, 0)
        address = f"{_INLINE}{number}"
        brought[address] = {"@context": inner}
        entries.append(address)
    return entries, brought


def _require_harmless(context: Any, depth: int) -> None:  # noqa: ANN401  any JSON value
    """Let an inline context add terms, and do nothing else.

    Raises:
        ContextRefusedError: It does.
    """
    if not isinstance(context, dict) or depth > MAX_INLINE_DEPTH:
        raise ContextRefusedError("an inline context that is no object, or too deep")
    for name, value in context.items():
        if name == "@protected" and isinstance(value, bool):
            continue
        if name == "@version" and value == 1.1:  # noqa: PLR2004  the one version there is
            continue
        if name == "@vocab":
            _require_vocabulary(value)
        elif name.startswith("@") or ":" in name or not name:
            raise ContextRefusedError(f"an inline context may not set {name[:100]!r}")
        elif name not in _ALIASES or _ALIASES[name] != value:
            _require_new_term(name, value, depth)


def _require_vocabulary(value: object) -> None:
    """A vocabulary must not reach into what installed contexts define."""
    if not isinstance(value, str) or not _ABSOLUTE.fullmatch(value):
        raise ContextRefusedError("an inline @vocab that is no absolute IRI")
    if any(known.startswith(value) for known in _known()[1]):
        raise ContextRefusedError(f"an inline @vocab over terms that installed contexts define: {value[:100]!r}")


def _require_new_term(name: str, value: object, depth: int) -> None:
    definition = _spelled_out(value)
    of_base = context_document(BASE_CONTEXT)["@context"].get(name)
    if of_base is not None and _spelled_out(of_base) == definition:
        return  # the very definition of the base context, brought to a document that has only the older one
    terms, meanings = _known()
    if not isinstance(definition, dict) or not set(definition) <= _DEFINITION:
        raise ContextRefusedError(f"an inline definition of {name[:100]!r} that does more than name an IRI")
    meaning = definition.get("@id")
    if not isinstance(meaning, str) or not _ABSOLUTE.fullmatch(meaning):
        raise ContextRefusedError(f"an inline definition of {name[:100]!r} without an absolute IRI")
    if name in terms or meaning in meanings:
        raise ContextRefusedError(f"an inline context gives {name[:100]!r} or its IRI, both known, another meaning")
    kind, container = definition.get("@type", "@none"), definition.get("@container", "@set")
    if kind not in _PLAIN_TYPES and not (isinstance(kind, str) and _ABSOLUTE.fullmatch(kind)):
        raise ContextRefusedError(f"an inline definition of {name[:100]!r} with an odd @type")
    if not isinstance(container, str) or container not in _PLAIN_CONTAINERS:
        raise ContextRefusedError(f"an inline definition of {name[:100]!r} with an odd @container")
    if "@context" in definition:
        _require_harmless(definition["@context"], depth + 1)


def _spelled_out(definition: object) -> object:
    return {"@id": definition} if isinstance(definition, str) else definition


@cache
def _known() -> tuple[frozenset[str], frozenset[str]]:
    """Names and IRIs that installed contexts define anywhere, but for those of `id` and `type`."""
    found = [pair for url in CONTEXTS for pair in _definitions(context_document(url)["@context"], {})]
    names = frozenset(name for name, _ in found)
    return names, frozenset(meaning for _, meaning in found if meaning and not meaning.startswith("@"))


def _definitions(context: Any, prefixes: Mapping[str, str]) -> Iterator[tuple[str, str]]:  # noqa: ANN401  any JSON value
    for part in context if isinstance(context, list) else [context]:
        if not isinstance(part, dict):
            continue
        plain = {name: value for name, value in part.items() if isinstance(value, str)}
        prefixes = {**prefixes, **plain}
        for name, value in part.items():
            if name.startswith("@"):
                continue
            definition = value if isinstance(value, dict) else {"@id": value}
            yield name, _absolute(definition.get("@id"), prefixes)
            yield from _definitions(definition.get("@context"), prefixes)


def _absolute(name: object, prefixes: Mapping[str, str]) -> str:
    """Resolve a compact IRI of an installed context."""
    if not isinstance(name, str):
        return ""
    prefix, colon, rest = name.partition(":")
    return prefixes[prefix] + rest if colon and prefix in prefixes and not rest.startswith("//") else name
