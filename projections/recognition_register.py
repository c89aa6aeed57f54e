"""Projection ``recognition_register``: what the log says of every recognition.

Key: the 16 bytes of the aggregate id. Value: the aggregate as JSON. It holds what is public and nothing else: who
decided, what kind of decision and why, appeals, dates, commitments.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar
from uuid import UUID

import msgspec

from ledger.event import Event, EventMapper
from ledger.recognition import EVENTS, Recognition
from projections.fold import read_bodies, refuse
from projections.source import Notification
from projections.table import Readable, Table

_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Recognition)


class RecognitionRegister:
    """Folds the events of recognitions.

    Args:
        mapper: Decodes event bodies.
    """

    NAME: ClassVar[str] = "recognition_register"
    VERSION: ClassVar[int] = 1
    TOPICS: ClassVar[frozenset[str]] = frozenset(event.TOPIC for event in EVENTS)

    def __init__(self, mapper: EventMapper) -> None:
        self._mapper = mapper

    def apply(self, batch: Sequence[Notification], table: Table) -> None:
        """Apply events, oldest first.

        Raises:
            CorruptionError: A recognition begins twice, or one changes that was never made.
        """
        for event, body in read_bodies(self._mapper, batch, self.TOPICS):
            _apply_one(event, body, table)


def _apply_one(event: Notification, body: Event, table: Table) -> None:
    key = event.originator_id.bytes
    stored = table.get(key)
    if isinstance(body, Recognition.Decided):
        if stored is not None:
            raise refuse(event, "this recognition was decided before")
        table.put(key, _ENCODER.encode(Recognition.begin(event.originator_id, body)))
        return
    if stored is None:
        raise refuse(event, "this recognition was never decided")
    after = msgspec.structs.replace(_DECODER.decode(stored).evolve(body), version=event.version)
    table.put(key, _ENCODER.encode(after))


class RecognitionReader:
    """Looks up recognitions.

    Args:
        rows: The rows of this projection.
    """

    def __init__(self, rows: Readable) -> None:
        self._rows = rows

    def by_id(self, recognition: UUID) -> Recognition | None:
        """Return what the log says of a recognition, or None."""
        stored = self._rows.get(recognition.bytes)
        return None if stored is None else _DECODER.decode(stored)
