"""The door: a JSON-LD document in, canonical N-Quads out."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any, Final

from verifier.error import JsonLdError, NotCompiledError
from verifier.jsonld.agreement import require_agreement
from verifier.jsonld.expansion import to_quads
from verifier.jsonld.nquads import parse_nquads
from verifier.jsonld.rdfc import Canonical, HashName, canonicalise
from verifier.jsonld.shape import Read, Shapes
from verifier.jsonld.template import Form


class Effort(IntEnum):
    """How much may be done for one document."""

    KNOWN = 0
    """What costs some hundred microseconds: documents of a known shape."""
    GENERAL = 1
    """The general way as well."""
    LEARN = 2
    """The general way, and a template of a shape that is there for the second time."""
    LEARN_NOW = 3
    """The general way, and a template of the shape."""


SHAPES: Final = Shapes()
"""What this process has learnt of shapes: a cache, with nothing in it that could not be made again."""


def canonical_nquads(document: Mapping[str, Any], *, hash_name: HashName = "sha256") -> bytes:
    """Return what a document states as canonical N-Quads: JSON-LD to RDF, then RDFC-1.0.

    Args:
        document: JSON with its ``@context``; for a proof, without the members that the suite leaves out.
        hash_name: SHA-384 for keys on P-384, SHA-256 for all others.

    Raises:
        ContextRefusedError: It names a context that is not installed.
        UndefinedTermError: It holds what no context defines.
        WorkExceededError: It costs more than the limits allow.
        JsonLdError: It is no JSON-LD.
    """
    return canonical_form(document, hash_name).nquads


def canonical_form(
    document: Mapping[str, Any], hash_name: HashName, effort: Effort = Effort.LEARN, read: Read | None = None
) -> Form:
    """Return what a document states, and the template it was made with.

    Args:
        document: As :func:`canonical_nquads`.
        hash_name: As :func:`canonical_nquads`.
        effort: How much may be done.
        read: The document as `SHAPES` read it, where somebody has had it read already.

    Raises:
        NotCompiledError: Only known shapes were wanted, and this is none.
        JsonLdError: As :func:`canonical_nquads`.
    """
    found = SHAPES.find(document, hash_name) if read is None else read.form(hash_name)
    if found is not None:
        return found
    if effort is Effort.KNOWN:
        raise NotCompiledError("a shape that was not seen before")
    try:
        made = canonicalise(to_quads(document), hash_name).nquads
    except UnicodeEncodeError as error:
        raise JsonLdError("half a surrogate pair, which is no text") from error
    template = SHAPES.learn(document, at_once=effort is Effort.LEARN_NOW) if effort >= Effort.LEARN else None
    return Form(made, template)


def require_same_meaning(
    document: Mapping[str, Any], options: Mapping[str, Any], forms: tuple[Form, Form], effort: Effort = Effort.LEARN
) -> None:
    """Refuse a document whose JSON could show what its RDF does not say; see `agreement`.

    What is found depends on the shape alone, so for known shapes it is found out once.

    Args:
        document: The document without its proof.
        options: The proof without its value, with the document's ``@context``.
        forms: What these two became.
        effort: As :func:`canonical_form`.

    Raises:
        NotCompiledError: Only known shapes were wanted, and of these nothing is known.
        JsonLdError: The two may differ.
    """
    of_document, of_options = forms[0].template, forms[1].template
    if of_document is None or of_options is None:
        if effort is Effort.KNOWN:
            raise NotCompiledError("shapes of which nothing is known")
        require_agreement(document, options)
    elif of_options.key not in of_document.agreed:
        if effort is Effort.KNOWN:
            raise NotCompiledError("shapes of which nothing is known")
        try:
            require_agreement(of_document.sentinel, of_options.sentinel)
        except JsonLdError:
            require_agreement(document, options)
        else:
            SHAPES.agree(of_document, of_options)


def canonical_dataset(nquads: str, *, hash_name: HashName = "sha256") -> Canonical:
    """Canonicalise a dataset that is written as N-Quads.

    Raises:
        FormatError: It is no N-Quads.
        WorkExceededError: It costs more than the limits allow.
    """
    return canonicalise(parse_nquads(nquads), hash_name)
