"""Projection ``quality_record``: reviews and figures of every achievement.

Keys: the achievement's aggregate id (16) -> Record as JSON.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, ClassVar
from uuid import UUID

import msgspec

from ledger.event import EventMapper, Instant
from ledger.quality import EVENTS, Quality, ReviewOutcome
from projections.fold import read_bodies
from projections.source import Notification
from projections.table import Readable, Table


class ReviewMade(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One review that took place."""

    edition: int
    reviewed_on: date
    by: str
    outcome: ReviewOutcome
    statement: str
    recorded_at: Instant


class Figures(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Figures of a period. What is null or empty is kept back, so that nobody can be told from it."""

    edition: int
    first_day: date
    last_day: date
    enrolled: int
    completed: int | None
    responses: int | None
    ratings: tuple[int, ...]
    mean_rating_centi: int | None
    threshold: int
    recorded_at: Instant


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is known of the quality of one achievement; lists stand in order of entry."""

    review_due: date | None = None
    reviews: tuple[ReviewMade, ...] = ()
    figures: tuple[Figures, ...] = ()


class QualityRecord:
    """Folds reviews and figures.

    Args:
        mapper: Decodes event bodies.
    """

    NAME: ClassVar[str] = "quality_record"
    VERSION: ClassVar[int] = 1
    TOPICS: ClassVar[frozenset[str]] = frozenset(event.TOPIC for event in EVENTS)

    def __init__(self, mapper: EventMapper) -> None:
        self._mapper = mapper

    def apply(self, batch: Sequence[Notification], table: Table) -> None:
        """Apply events, oldest first.

        Raises:
            CorruptionError: An event cannot be read.
        """
        for _, body in read_bodies(self._mapper, batch, self.TOPICS):
            assert isinstance(body, EVENTS)  # noqa: S101  TOPICS says so
            stored = table.get(body.achievement.bytes)
            record = Record() if stored is None else msgspec.json.decode(stored, type=Record)
            table.put(body.achievement.bytes, msgspec.json.encode(_after(record, body)))


def _after(record: Record, body: Quality.ReviewScheduled | Quality.Reviewed | Quality.FiguresPublished) -> Record:
    replace = msgspec.structs.replace
    match body:
        case Quality.ReviewScheduled():
            return replace(record, review_due=body.due_on)
        case Quality.Reviewed():
            made = ReviewMade(**_members(ReviewMade, body))
            return replace(record, review_due=body.next_due, reviews=(*record.reviews, made))
        case Quality.FiguresPublished():
            return replace(record, figures=(*record.figures, Figures(**_members(Figures, body))))


def _members(kind: type[msgspec.Struct], body: msgspec.Struct) -> dict[str, Any]:
    return {name: getattr(body, name) for name in kind.__struct_fields__}


class QualityReader:
    """Looks up the quality records of achievements.

    Args:
        rows: The rows of this projection.
    """

    def __init__(self, rows: Readable) -> None:
        self._rows = rows

    def record(self, achievement: UUID) -> Record:
        """Return the record of an achievement; an empty one when there is nothing."""
        stored = self._rows.get(achievement.bytes)
        return Record() if stored is None else msgspec.json.decode(stored, type=Record)
