"""Parts of unpacked diplomas, looked up: the vault says what opens one, the views what the log has of its status."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from api.error import UnknownResourceError
from api.view_node import UNKNOWN_AWARD, ViewNode
from ledger.error import InvalidInputError
from ledger.part import Opening
from ledger.part_keeping import PartKeeping
from projections.credential_status import CredentialFacts


@dataclass(frozen=True, slots=True)
class Parts:
    """Looks up parts.

    Attributes:
        views: Readers over the views.
        keeping: Opens parts from the vault; None on a node without one, which can judge only what it is shown.
    """

    views: ViewNode
    keeping: PartKeeping | None = None

    def opening(self, public_id: str) -> Opening | None:
        """What opens a part; None when there is no such part here, or it was erased."""
        try:
            kept = None if self.keeping is None else self.keeping.find(public_id)
        except InvalidInputError:
            return None
        return None if kept is None else kept.opening

    def facts(self, opening: Opening) -> CredentialFacts:
        """The facts of a part that was opened. Raises UnknownResourceError."""
        try:
            return self.views.part_facts(opening)
        except msgspec.MsgspecError as error:  # somebody has shown what is no leaf
            raise UnknownResourceError(UNKNOWN_AWARD) from error

    def programme_position(self, facts: CredentialFacts) -> int | None:
        """Position of the event that published the part's programme. Raises UnknownResourceError."""
        return self.views.programme_position(facts)
