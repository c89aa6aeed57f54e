"""What the status lists that a credential names say of it.

This ledger's own lists are looked at where they are made, so their answer is as fresh as can be. Lists of others are
asked for only where something is given that does.

Source: W3C Bitstring Status List 1.0, section 3.2 (Validate Algorithm).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, Final, Protocol

import msgspec

from ledger.document import PURPOSES
from verifier.data_model import issuer_of
from verifier.data_model.problem import MALFORMED_VALUE, RANGE, STATUS_RETRIEVAL, STATUS_VERIFICATION, DataProblem
from verifier.data_model.status_entry import BITSTRING_ENTRY

LISTS_PATH: Final = "/status-lists/"
MAX_LIST_DIGITS: Final = 10


class Word(Enum):
    """What a status comes to."""

    CLEAR = "clear"
    SET = "set"
    UNKNOWN = "unknown"


class Said(msgspec.Struct, frozen=True):
    """What one entry of a credential's status comes to.

    Attributes:
        word: Whether it is set, clear, or not to be told.
        problem: What is to be said if it is not clear.
    """

    word: Word
    problem: DataProblem | None = None


class OwnList(Protocol):
    """One status list of this ledger; :class:`api.status_list.StatusList` is one."""

    @property
    def bits(self) -> bytes:
        """Its bits, the first one highest in the first byte."""


ReadList = Callable[[int], "tuple[str, bytes] | None"]
"""Gives the DID of a list's issuer and the bits of a list by its number, or None if there is no such list."""
ReadForeign = Callable[[dict[str, Any]], Said]
"""Reads the lists of somebody else that a credential names."""


def not_asked(_: dict[str, Any]) -> Said:
    """Say of a foreign list that it was not asked for."""
    return Said(Word.UNKNOWN, _unknown("the status list is elsewhere, and this server does not ask for it"))


class ListedStatus:
    """Reads status entries.

    Args:
        base_url: Address of this ledger.
        read: Reads this ledger's own lists.
        foreign: Reads other lists.
    """

    def __init__(self, base_url: str, read: ReadList, foreign: ReadForeign = not_asked) -> None:
        self._prefix = base_url + LISTS_PATH
        self._read = read
        self._foreign = foreign

    def of(self, entry: dict[str, Any], document: dict[str, Any]) -> Said:
        """Return what *entry*, one of *document*'s and of good shape, says of it."""
        types = entry["type"]
        if BITSTRING_ENTRY not in (types if isinstance(types, list) else [types]):
            return Said(Word.UNKNOWN, _unknown("a status of this type is not read here"))
        address = entry["statusListCredential"]
        if not address.startswith(self._prefix):
            return self._foreign(document)
        digits = address.removeprefix(self._prefix)
        found = (
            self._read(int(digits))
            if digits.isascii() and digits.isdigit() and len(digits) <= MAX_LIST_DIGITS
            else None
        )
        if found is None:
            return Said(Word.UNKNOWN, _unknown("this ledger has no such status list"))
        owner, bits = found
        if owner != issuer_of(document):
            return _malformed("the status list is another issuer's")
        if entry["statusPurpose"] != PURPOSES[int(digits) % len(PURPOSES)]:
            return _malformed("the status list is for another purpose")
        return _bit(bits, int(entry["statusListIndex"]), entry["statusPurpose"])


def _bit(bits: bytes, index: int, purpose: str) -> Said:
    if index >= len(bits) * 8:
        return Said(Word.SET, DataProblem(RANGE, "the index lies beyond the status list", "/credentialStatus"))
    if not bits[index // 8] >> (7 - index % 8) & 1:
        return Said(Word.CLEAR)
    done = "revoked" if purpose == "revocation" else "suspended"
    return Said(Word.SET, DataProblem(STATUS_VERIFICATION, f"the credential is {done}", "/credentialStatus"))


def _unknown(detail: str) -> DataProblem:
    return DataProblem(STATUS_RETRIEVAL, detail, "/credentialStatus")


def _malformed(detail: str) -> Said:
    return Said(Word.SET, DataProblem(MALFORMED_VALUE, detail, "/credentialStatus"))
