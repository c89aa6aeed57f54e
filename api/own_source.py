"""What this node has itself of what documents name: its institutions' DID documents, and its status lists.

They are read from the views, so that a ledger can judge its own documents without asking itself over the network.
"""

from __future__ import annotations

from typing import Final

import msgspec

from api.error import ApiError
from api.route.status_list import SignedLists
from projections.directory_record import did_document
from projections.institution_directory import DirectoryReader

LISTS_PATH: Final = "/status-lists/"
MAX_NUMBER_DIGITS: Final = 9
"""Digits of the largest number of a list that is looked for."""


class NodeSources:
    """Answers out of a node's own views.

    Args:
        base_url: Address that this ledger's documents name.
        directory: Institutions' records.
        lists: Gives signed status lists; None while there are none to give.
    """

    def __init__(self, base_url: str, directory: DirectoryReader, lists: SignedLists | None) -> None:
        self._base_url = base_url
        self._directory = directory
        self._lists = lists

    def own(self, name: str) -> bytes | None:
        """Return what is under a name, or None if it is not this ledger's."""
        record = self._directory.by_did(name) if name.startswith("did:") else None
        if record is not None:
            return msgspec.json.encode(did_document(record, retired_may_assert=True))
        return self._list(name)

    def is_own(self, name: str) -> bool:
        """Whether a name is under this ledger's address."""
        return name == self._base_url or name.startswith(f"{self._base_url}/")

    def listed(self, issuer: str) -> str | None:
        """Return the name of an institution by its identifier."""
        record = self._directory.by_did(issuer)
        return None if record is None else record.name

    def _list(self, name: str) -> bytes | None:
        prefix = self._base_url + LISTS_PATH
        number = name.removeprefix(prefix)
        if not name.startswith(prefix) or not number.isdecimal() or not number.isascii():
            return None
        if len(number) > MAX_NUMBER_DIGITS or self._lists is None:
            return None
        try:
            return self._lists.signed(int(number)).body
        except ApiError:
            return None
