"""Where foreign documents' keys and status lists come from: names, and what a caller has under them.

The verifier fetches nothing. It asks for a source by its name, an https URL or a `did:web` identifier, and the caller
either has it, or says why not. What is asked for and was not there is remembered, so a caller that may fetch does so
and has the document judged again; every judgement is a function of the document, the instant and these answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, Protocol, TypeAlias

import msgspec

from verifier.error import FormatError, VerifierError
from verifier.strict_json import Json, parse_json

MAX_SOURCE_BYTES: Final = 1_048_576
"""Longest DID document, key set or status list that is read. A list of 131,072 statuses takes 16 KiB unpacked."""
MAX_NAME_CHARS: Final = 2_048
"""Longest name of a source. Source: the length that browsers and proxies agree on."""


class Found(msgspec.Struct, frozen=True):
    """What is under a name.

    Attributes:
        data: The bytes.
        age_seconds: How long ago they were fetched.
    """

    data: bytes
    age_seconds: float = 0.0


class Missing(msgspec.Struct, frozen=True):
    """Why there is no answer.

    Attributes:
        reason: `off`: the network is not used; `unreachable`: it was asked, and did not give it.
        detail: For those who want to know.
    """

    reason: Literal["off", "unreachable"]
    detail: str = ""


Answer: TypeAlias = "Found | Missing"


class SourceMissingError(VerifierError):
    """A source is not at hand: what depends on it is unknown.

    Attributes:
        missing: Why.
        name: Of the source.
    """

    def __init__(self, name: str, missing: Missing) -> None:
        super().__init__(f"{name[:200]}: {missing.detail or missing.reason}")
        self.name = name
        self.missing = missing


class Sources(Protocol):
    """What a caller has of the world outside the document."""

    def get(self, name: str) -> bytes:
        """Return the bytes under a name: an https URL, or a `did:web` identifier for its DID document.

        Raises:
            SourceMissingError: They are not at hand.
        """

    def require_age(self, name: str, seconds: float) -> None:
        """Refuse what was fetched longer ago than that.

        Raises:
            SourceMissingError: It was.
        """


class Gathered:
    """Sources out of a mapping; what is asked for in vain is kept in `wanted`.

    Args:
        known: Answers by name.
    """

    def __init__(self, known: Mapping[str, Answer]) -> None:
        self._known = known
        self.wanted: list[str] = []

    def get(self, name: str) -> bytes:
        """Return an answer; see `Sources.get`."""
        found = self._known.get(name)
        if isinstance(found, Found):
            return found.data
        if found is None:
            found = self._want(name)
        raise SourceMissingError(name, found)

    def require_age(self, name: str, seconds: float) -> None:
        """Want a source again that is too old; see `Sources.require_age`."""
        found = self._known.get(name)
        if not isinstance(found, Found) or found.age_seconds > seconds:
            raise SourceMissingError(name, self._want(name))

    def _want(self, name: str) -> Missing:
        if name not in self.wanted:
            self.wanted.append(name)
        return Missing("unreachable", "not fetched")


def read_source(sources: Sources, name: str) -> dict[str, Json]:
    """Read a source as a strict JSON object.

    Raises:
        SourceMissingError: It is not at hand.
        InputError: The name is too long, or what is under it is no strict JSON object of at most MAX_SOURCE_BYTES.
    """
    value = parse_json(read_bytes(sources, name), max_bytes=MAX_SOURCE_BYTES)
    if not isinstance(value, dict):
        raise FormatError(f"what is under {name[:200]} is not a JSON object")
    return value


def read_bytes(sources: Sources, name: str) -> bytes:
    """Read a source's bytes.

    Raises:
        SourceMissingError: They are not at hand.
        InputError: The name is too long.
    """
    if len(name) > MAX_NAME_CHARS:
        raise FormatError(f"an address of {len(name)} characters")
    return sources.get(name)


def missing_case(what: str, error: SourceMissingError) -> str:
    """Return the reason code of a missing source: `<what>_off` or `<what>_unreachable`."""
    return f"{what}_{error.missing.reason}"
