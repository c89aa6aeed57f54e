"""JSON-LD to quads, in safe mode: what would be dropped on the way is an error.

A property that no context defines, a type or an identifier that is no IRI, a value without a meaning: JSON-LD leaves
such things out of the RDF, so a signature over the RDF would not cover what a reader of the JSON sees.

Source: W3C JSON-LD 1.1 API sections 5.1 (expansion) and 8.1 (to RDF); VC Data Integrity section 2.4 (contexts and
vocabularies: undefined terms are errors).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pyld import jsonld

from verifier.error import (
    ContextRefusedError,
    ContextsContradictError,
    JsonLdError,
    UndefinedTermError,
    VerifierError,
    WorkExceededError,
)
from verifier.jsonld.context import RELATIVE, Loader, processor_options
from verifier.jsonld.nquads import RDF_LANG_STRING, Quad, iri, literal, resource

MAX_DEPTH: Final = 64
"""Objects and arrays within each other; a credential has about ten levels."""
MAX_EXACT_INTEGER: Final = 2**53 - 1
"""Beyond it readers of JSON disagree on the number. Source: RFC 7493 section 2.2."""
_MAX_PLAIN: Final = 1e21
"""From here on a number is written as a double. Source: JSON-LD 1.1 API section 8.6."""
_ABSOLUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s]*")
_REDEFINED: Final = "protected term redefinition"
"""Source: JSON-LD 1.1 API section 9.6.2."""
_DOUBLE: Final = "http://www.w3.org/2001/XMLSchema#double"
_DECIMAL: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")


def to_quads(document: Mapping[str, Any], loader: Loader | None = None) -> list[Quad]:
    """Return the quads that a document states.

    Args:
        document: JSON with its ``@context``.
        loader: Where its contexts come from; the installed ones by default.

    Raises:
        ContextRefusedError: A context is not installed.
        UndefinedTermError: Something would be dropped.
        WorkExceededError: It is nested too deeply.
        JsonLdError: It is no JSON-LD, or states what is no RDF.
    """
    loader = loader or Loader()
    expanded = expand(document, loader)
    try:
        dataset = jsonld.to_rdf(expanded, processor_options(loader))
        return [
            _quad(triple, "" if graph == "@default" else resource(graph))
            for graph, triples in dataset.items()
            for triple in triples
        ]
    except RecursionError as error:
        raise WorkExceededError("nested too deeply") from error
    except (jsonld.JsonLdError, UnicodeEncodeError, TypeError, ValueError, KeyError, AttributeError) as error:
        # PyLD raises what comes where a document is odd enough; none of it says that a document is good.
        raise JsonLdError(f"no RDF: {str(error)[:200]}") from error


def expand(document: Mapping[str, Any], loader: Loader) -> list[Any]:
    """Return the expanded form of a document, in which every name is an IRI.

    Raises:
        JsonLdError: As :func:`to_quads`.
    """
    dropped: list[str] = []
    plain = _plain(document, 0)
    try:
        expanded: list[Any] = jsonld.expand(plain, processor_options(loader), on_property_dropped=dropped.append)
    except VerifierError:
        raise
    except RecursionError as error:
        raise WorkExceededError("nested too deeply") from error
    except (jsonld.JsonLdError, UnicodeEncodeError, TypeError, ValueError, KeyError, AttributeError) as error:
        raise _refusal(error, document) from error
    if dropped:
        raise UndefinedTermError(f"no context defines {str(dropped[0])[:100]!r}")
    _require_names(expanded)
    return expanded


def _refusal(error: Exception, document: Mapping[str, Any]) -> JsonLdError:
    """Find the refused context under what PyLD made of it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ContextRefusedError):
            return ContextRefusedError(str(cause))
        if getattr(cause, "code", None) == _REDEFINED and not _has_inline_context(document):
            return ContextsContradictError(f"no reading of {document.get('@context')!s}"[:400])
        cause = cause.__cause__ or cause.__context__
    return JsonLdError(f"no JSON-LD: {str(error)[:200]}")


def _has_inline_context(document: Mapping[str, Any]) -> bool:
    contexts = document.get("@context")
    listed = contexts if isinstance(contexts, list) else [contexts]
    return not all(isinstance(one, str) for one in listed) or any(
        isinstance(node, Mapping) and "@context" in node for node in _below(document)
    )


def _below(value: object) -> Iterator[object]:
    """Every value within another, at any depth."""
    members = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    for member in members:
        yield member
        yield from _below(member)


def _plain(value: Any, depth: int) -> Any:  # noqa: ANN401  any JSON value
    """Copy JSON for PyLD, which changes what it is given, and take 7.0 for the integer that JSON-LD says it is."""
    if depth > MAX_DEPTH:
        raise WorkExceededError(f"nested more than {MAX_DEPTH} deep")
    if isinstance(value, Mapping):
        return {name: _plain(member, depth + 1) for name, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(member, depth + 1) for member in value]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value
    if isinstance(value, int):
        if abs(value) > MAX_EXACT_INTEGER:
            raise JsonLdError("an integer that not every reader keeps exact")
        return value
    if value != value or value in {float("inf"), float("-inf")}:  # noqa: PLR0124  NaN is the one number unlike itself
        raise JsonLdError("a number that is not finite")
    return int(value) if value.is_integer() and abs(value) < _MAX_PLAIN else value


def _require_names(value: Any) -> None:  # noqa: ANN401  expanded JSON-LD
    """Refuse names that RDF would leave out.

    Raises:
        UndefinedTermError: An identifier, type or property is not an absolute IRI.
    """
    if isinstance(value, list):
        for member in value:
            _require_names(member)
    elif isinstance(value, dict) and "@value" in value:
        _require_value(value)
    elif isinstance(value, dict):
        _require_node(value)


def _require_value(value: dict[str, Any]) -> None:
    if value.get("@type", "@json") == "@json":
        return
    _require_name(value["@type"], "the type of a value")
    if value["@type"] == _DOUBLE and isinstance(value["@value"], str) and not _DECIMAL.fullmatch(value["@value"]):
        raise JsonLdError("a string that is called a double and is no number, of which every processor makes another")


def _require_node(node: dict[str, Any]) -> None:
    if "@id" in node:
        _require_name(node["@id"], "an identifier")
    for name in node.get("@type", ()):
        _require_name(name, "a type")
    for name, member in node.items():
        if not name.startswith("@"):
            _require_name(name, "a property")
        if name not in {"@id", "@type"}:
            _require_names(member)


def _require_name(name: object, what: str) -> None:
    blank = isinstance(name, str) and name.startswith("_:") and what != "a property"
    if not isinstance(name, str) or name.startswith(RELATIVE) or not (blank or _ABSOLUTE.fullmatch(name)):
        raise UndefinedTermError(f"{what} that no context defines: {str(name)[:100]!r}")


def _quad(triple: Mapping[str, Mapping[str, str]], graph: str) -> Quad:
    found = triple["object"]
    if found["type"] == "literal":
        language = found["language"] if found["datatype"] == RDF_LANG_STRING else None
        written = literal(found["value"], found["datatype"], language)
    else:
        written = resource(found["value"])
    return Quad(resource(triple["subject"]["value"]), iri(triple["predicate"]["value"]), written, graph)
