r"""RDF terms and quads in the one spelling that RDFC-1.0 hashes: canonical N-Quads.

    <urn:s> <urn:p> "a\u0001b\n"@en <urn:g> .

Quads are kept as four such strings, the fourth empty for the default graph. PyLD and other libraries leave some
control characters as they are, or spell them otherwise; the W3C tests do not.

Source: W3C RDF Dataset Canonicalization 1.0, "A canonical form of N-Quads"; RDF 1.1 N-Quads section 7.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from verifier.error import FormatError, JsonLdError

XSD_STRING: Final = "http://www.w3.org/2001/XMLSchema#string"
RDF_LANG_STRING: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#langString"


class Quad(NamedTuple):
    """One statement; every member is a written term, `graph` is empty for the default graph."""

    subject: str
    predicate: str
    object: str
    graph: str = ""

    def line(self) -> str:
        """Return the quad as one line of N-Quads."""
        graph = f" {self.graph}" if self.graph else ""
        return f"{self.subject} {self.predicate} {self.object}{graph} .\n"


_ESCAPES: Final = {
    **{code: f"\\u{code:04X}" for code in (*range(0x20), 0x7F, 0xFFFE, 0xFFFF)},
    8: "\\b",
    9: "\\t",
    10: "\\n",
    12: "\\f",
    13: "\\r",
    0x22: '\\"',
    0x5C: "\\\\",
}
_TO_ESCAPE: Final = re.compile('[\x00-\x1f"\\\\\x7f\ufffe\uffff]')
_NOT_IN_IRI: Final = re.compile(r'[\x00-\x20<>"{}|^`\\]')
_LANGUAGE: Final = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*")
"""Source: BCP 47 as RDF 1.1 wants it, "well-formed"; JSON-LD 1.1 API section 8.2.2 drops what is not."""
_BLANK: Final = "_:"


def escape(text: str) -> str:
    """Return *text* as it stands between the quotes of a literal."""
    return text.translate(_ESCAPES) if _TO_ESCAPE.search(text) else text


def literal(text: str, datatype: str = XSD_STRING, language: str | None = None) -> str:
    """Write a literal; `language` wins over `datatype`.

    Raises:
        JsonLdError: The datatype is no IRI, or the language no tag: what else it holds would become part of a quad.
    """
    if language is not None:
        if not _LANGUAGE.fullmatch(language):
            raise JsonLdError(f"not a language: {language[:100]!r}")
        return f'"{escape(text)}"@{language}'
    return f'"{escape(text)}"' if datatype == XSD_STRING else f'"{escape(text)}"^^{iri(datatype)}'


def iri(value: str) -> str:
    """Write an IRI.

    Raises:
        JsonLdError: It holds a character that no IRI may, with which a quad could be made to say something else.
    """
    if _NOT_IN_IRI.search(value):
        raise JsonLdError(f"not an IRI: {value[:100]!r}")
    return f"<{value}>"


def resource(value: str) -> str:
    """Write an IRI or a blank node (`_:` and its label).

    Raises:
        JsonLdError: It is neither.
    """
    if value.startswith(_BLANK):
        if not value[2:].isalnum():
            raise JsonLdError(f"not a blank node: {value[:100]!r}")
        return value
    return iri(value)


def is_blank(term: str) -> bool:
    """Tell whether a written term is a blank node."""
    return term.startswith(_BLANK)


_IRI_PATTERN: Final = r'<(?:[^\x00-\x20<>"{}|^`\\]|\\u[0-9A-Fa-f]{4}|\\U[0-9A-Fa-f]{8})*>'
_LABEL: Final = r"_:[^\W][\w.\-\u00b7]*(?<!\.)"
_LITERAL: Final = (
    r'"(?:[^"\\\n\r]|\\[tbnrf"\'\\]|\\u[0-9A-Fa-f]{4}|\\U[0-9A-Fa-f]{8})*"'
    rf"(?:\^\^{_IRI_PATTERN}|@[A-Za-z]+(?:-[A-Za-z0-9]+)*)?"
)
_LINE: Final = re.compile(
    rf"[ \t]*({_IRI_PATTERN}|{_LABEL})[ \t]*({_IRI_PATTERN})[ \t]*({_IRI_PATTERN}|{_LABEL}|{_LITERAL})"
    rf"[ \t]*({_IRI_PATTERN}|{_LABEL})?[ \t]*\.[ \t]*(?:#.*)?"
)
_IDLE: Final = re.compile(r"[ \t]*(?:#.*)?")
_ESCAPED: Final = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))")
_MEANING: Final = {"t": "\t", "b": "\b", "n": "\n", "r": "\r", "f": "\f", '"': '"', "'": "'", "\\": "\\"}


def parse_nquads(text: str) -> list[Quad]:
    """Read a document of N-Quads, each quad once.

    Raises:
        FormatError: A line is no quad, or an escape stands for no character.
    """
    quads: dict[Quad, None] = {}
    for number, line in enumerate(re.split(r"[\r\n]+", text), start=1):
        if _IDLE.fullmatch(line):
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            raise FormatError("not a quad", f"/{number}")
        subject, predicate, value, graph = found.groups()
        quads[Quad(_reread(subject), _reread(predicate), _reread(value), _reread(graph or ""))] = None
    return list(quads)


def _reread(term: str) -> str:
    """Bring a term to its canonical spelling."""
    if term.startswith("<"):
        return "<" + _NOT_IN_IRI.sub(lambda found: f"\\u{ord(found[0]):04X}", _unescape(term[1:-1])) + ">"
    if not term.startswith('"'):
        return term
    text, _, tail = term[1:].rpartition('"')
    if tail.startswith("^^"):
        tail = "^^" + _reread(tail[2:])
    return f'"{escape(_unescape(text))}"' + ("" if tail == f"^^<{XSD_STRING}>" else tail)


def _unescape(text: str) -> str:
    return _ESCAPED.sub(_meant, text) if "\\" in text else text


def _meant(found: re.Match[str]) -> str:
    if found[3]:
        return _MEANING[found[3]]
    code = int(found[1] or found[2], 16)
    if code > 0x10FFFF or 0xD800 <= code < 0xE000:  # noqa: PLR2004  Unicode's end, and its surrogates
        raise FormatError(f"no character: U+{code:X}")
    return chr(code)
