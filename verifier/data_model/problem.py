"""Problem details of the data model: a type that programs branch on, and words for people.

    {"type": "https://www.w3.org/TR/vc-data-model#MALFORMED_VALUE_ERROR", "title": "…", "detail": "… (at /issuer/id)"}

Source: W3C VC Data Model 2.0, section 7.2 (Problem Details); W3C Bitstring Status List 1.0, section 3.5; W3C VC Data
Integrity 1.0, section 4.6; RFC 9457.
"""

from __future__ import annotations

from typing import Final

import msgspec

DATA_MODEL: Final = "https://www.w3.org/TR/vc-data-model#"
STATUS_LIST: Final = "https://www.w3.org/ns/credentials/status-list#"
SECURITY: Final = "https://w3id.org/security#"

PARSING: Final = f"{DATA_MODEL}PARSING_ERROR"
CRYPTOGRAPHIC_SECURITY: Final = f"{DATA_MODEL}CRYPTOGRAPHIC_SECURITY_ERROR"
MALFORMED_VALUE: Final = f"{DATA_MODEL}MALFORMED_VALUE_ERROR"
RANGE: Final = f"{DATA_MODEL}RANGE_ERROR"
STATUS_RETRIEVAL: Final = f"{STATUS_LIST}STATUS_RETRIEVAL_ERROR"
STATUS_VERIFICATION: Final = f"{STATUS_LIST}STATUS_VERIFICATION_ERROR"
PROOF_VERIFICATION: Final = f"{SECURITY}PROOF_VERIFICATION_ERROR"

TITLES: Final = {
    PARSING: "Not a credential or presentation that can be read",
    CRYPTOGRAPHIC_SECURITY: "The security of the document could not be verified",
    MALFORMED_VALUE: "A value is not of the form that the data model demands",
    RANGE: "A value is outside of its range",
    STATUS_RETRIEVAL: "The status could not be retrieved",
    STATUS_VERIFICATION: "The status could not be verified, or speaks against the credential",
    PROOF_VERIFICATION: "The proof does not verify",
}
"""The same few words at every occurrence of a type."""


class DataProblem(msgspec.Struct, frozen=True):
    """One thing that is wrong with a document.

    Attributes:
        type: URL of the kind of problem.
        detail: A plain sentence that repeats no value of the document.
        pointer: RFC 6901 JSON pointer of the place; empty for the whole document.
    """

    type: str
    detail: str
    pointer: str = ""

    @property
    def title(self) -> str:
        """Short words for the kind of problem."""
        return TITLES.get(self.type, "The document could not be verified")

    def to_json(self) -> dict[str, str]:
        """Return it as RFC 9457 problem details."""
        place = f" (at {self.pointer})" if self.pointer else ""
        return {"type": self.type, "title": self.title, "detail": f"{self.detail}{place}"}


class Problems:
    """Problems in the order in which they were found.

    At most :data:`MAX_PROBLEMS` are kept: a document made to be wrong in 10,000 places gets a bounded answer.
    """

    def __init__(self) -> None:
        self._found: list[DataProblem] = []

    def add(self, detail: str, pointer: str, kind: str = MALFORMED_VALUE) -> None:
        """Note one."""
        if len(self._found) < MAX_PROBLEMS:
            self._found.append(DataProblem(kind, detail, pointer))

    def found(self) -> tuple[DataProblem, ...]:
        """All of them."""
        return tuple(self._found)


MAX_PROBLEMS: Final = 50
"""Most problems that are named of one document."""
