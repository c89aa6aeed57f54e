"""Projection ``agreement_register``: every agreement between two institutions, in the order of proposal.

Keys, with ``u32`` for four big-endian bytes:

    c              -> u32, how many agreements there are
    i id (16)      -> u32, the number, from 0
    n u32          -> the aggregate of that number as JSON
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import ClassVar, Final
from uuid import UUID

import msgspec

from ledger.agreement import EVENTS, Agreement
from ledger.event import Event, EventMapper
from projections.fold import read_bodies, refuse
from projections.source import Notification
from projections.table import Readable, Table

_COUNT: Final = b"c"
_U32: Final = struct.Struct(">I")
MAX_LOOKED_AT: Final = 2_000
"""Agreements that are read for one page."""
_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Agreement)


class AgreementRegister:
    """Folds the events of agreements.

    Args:
        mapper: Decodes event bodies.
    """

    NAME: ClassVar[str] = "agreement_register"
    VERSION: ClassVar[int] = 1
    TOPICS: ClassVar[frozenset[str]] = frozenset(event.TOPIC for event in EVENTS)

    def __init__(self, mapper: EventMapper) -> None:
        self._mapper = mapper

    def apply(self, batch: Sequence[Notification], table: Table) -> None:
        """Apply events, oldest first.

        Raises:
            CorruptionError: An agreement is proposed twice, or one changes that was never proposed.
        """
        for event, body in read_bodies(self._mapper, batch, self.TOPICS):
            _apply_one(event, body, table)


def _apply_one(event: Notification, body: Event, table: Table) -> None:
    key = b"i" + event.originator_id.bytes
    number = table.get(key)
    if isinstance(body, Agreement.Proposed):
        if number is not None:
            raise refuse(event, "this agreement was proposed before")
        number = table.get(_COUNT) or _U32.pack(0)
        table.put(key, number)
        table.put(_COUNT, _U32.pack(_U32.unpack(number)[0] + 1))
        table.put(b"n" + number, _ENCODER.encode(Agreement.begin(event.originator_id, body)))
        return
    stored = None if number is None else table.get(b"n" + number)
    if number is None or stored is None:
        raise refuse(event, "this agreement was never proposed")
    after = msgspec.structs.replace(_DECODER.decode(stored).evolve(body), version=event.version)
    table.put(b"n" + number, _ENCODER.encode(after))


class AgreementReader:
    """Looks up agreements.

    Args:
        rows: The rows of this projection.
    """

    def __init__(self, rows: Readable) -> None:
        self._rows = rows

    def __len__(self) -> int:
        """How many agreements there are."""
        count = self._rows.get(_COUNT)
        return 0 if count is None else int(_U32.unpack(count)[0])

    def by_id(self, agreement: UUID) -> Agreement | None:
        """Return the agreement with that id, or None."""
        number = self._rows.get(b"i" + agreement.bytes)
        return None if number is None else self._numbered(number)

    def page(
        self, after: int = -1, limit: int = 100, institution: UUID | None = None
    ) -> tuple[list[Agreement], int | None]:
        """Return at most *limit* agreements with a number above *after*, and after which number to go on.

        Args:
            after: -1 for the first page.
            limit: How many at most.
            institution: Only agreements of this institution; None for everybody's. At most :data:`MAX_LOOKED_AT`
                agreements are looked at for a page, so that one may be short, or empty, and not the last.

        Returns:
            The agreements, in the order of their proposal, and the number to go on after; None when there is no more.
        """
        found: list[Agreement] = []
        end = min(len(self), after + 1 + MAX_LOOKED_AT)
        for number in range(after + 1, end):
            agreement = self._numbered(_U32.pack(number))
            if agreement is not None and institution in {None, agreement.proposer, agreement.partner}:
                found.append(agreement)
                if len(found) == limit:
                    end = number + 1
                    break
        return found, end - 1 if end < len(self) else None

    def _numbered(self, number: bytes) -> Agreement | None:
        stored = self._rows.get(b"n" + number)
        return None if stored is None else _DECODER.decode(stored)
