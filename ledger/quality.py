"""Aggregate ``Quality``: what is done to keep a micro-credential good, for everyone to see.

Reviews with the day when the next is due, and figures of a period: how many began, how many completed, what they
thought of it. Figures are counts of people, so small ones are never stored at all (:mod:`ledger.small_cell`), and two
sets of figures never share a day: the difference of two overlapping periods could be one person.

One history for each achievement, beside the achievement's own: an edition is what was offered, this is how it went.

Source: Council Recommendation of 16 June 2022 (2022/C 243/02), Annex II, principle 1 (quality); NZQA Micro-credential
Listing Rules 2022, rule 6 (review period); Standards and Guidelines for Quality Assurance in the EHEA (2015), 1.7, 1.9.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import ClassVar, Final, Literal
from uuid import UUID, uuid5

import msgspec

from ledger.achievement import Achievement
from ledger.aggregate import Aggregate
from ledger.error import InvalidInputError, RuleError
from ledger.event import DomainEvent, Event, Instant
from ledger.small_cell import THRESHOLD, keep_back
from ledger.text import check_text, is_blank

MAX_BY_CHARS: Final = 300
MAX_STATEMENT_CHARS: Final = 4_000
MAX_PEOPLE: Final = 10_000_000
LONGEST_DUE: Final = timedelta(days=3653)
"""A review is due within ten years; rules seen in the field say one to five."""
RATINGS: Final = 5
"""Learners rate from 1 (poor) to 5 (excellent)."""

ReviewOutcome = Literal["confirmed", "confirmed_with_conditions", "to_be_revised", "closed"]


class Review(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One review of a micro-credential; ``next_due`` is null when no further one is planned.

    ``by`` is a body (a faculty board, a quality agency), never a person.
    """

    reviewed_on: date
    by: str
    outcome: ReviewOutcome
    statement: str
    next_due: date | None = None


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """The days of a set of figures, both included."""

    first_day: date
    last_day: date

    def overlaps(self, other: Period) -> bool:
        """Whether the two share a day."""
        return self.first_day <= other.last_day and other.first_day <= self.last_day


class Headcount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an institution counted in a period: raw, never stored. ``ratings`` says how many gave 1, 2, 3, 4 and 5."""

    edition: int
    first_day: date
    last_day: date
    enrolled: int
    completed: int
    ratings: tuple[int, ...] = ()


class Quality(Aggregate, frozen=True, kw_only=True):
    """State: when the next review is due, and which days have figures."""

    institution: UUID
    achievement: UUID
    next_due: date | None = None
    reviewed_on: date | None = None
    periods: tuple[Period, ...] = ()

    class ReviewScheduled(Event, frozen=True, kw_only=True):
        """A review was announced for a day."""

        TOPIC: ClassVar[str] = "quality.review_scheduled.v1"
        institution: UUID
        achievement: UUID
        due_on: date
        recorded_at: Instant

    class Reviewed(Event, frozen=True, kw_only=True):
        """A review took place."""

        TOPIC: ClassVar[str] = "quality.reviewed.v1"
        institution: UUID
        achievement: UUID
        edition: int
        reviewed_on: date
        by: str
        outcome: ReviewOutcome
        statement: str
        next_due: date | None
        recorded_at: Instant

    class FiguresPublished(Event, frozen=True, kw_only=True):
        """Figures of a period were published. What is kept back is null, of ratings all; a mean is in hundredths."""

        TOPIC: ClassVar[str] = "quality.figures_published.v1"
        institution: UUID
        achievement: UUID
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

    @classmethod
    def of(cls, achievement: Achievement) -> Quality:
        """The state before the first event."""
        return cls(
            id=quality_id(achievement.id), version=0, institution=achievement.institution, achievement=achievement.id
        )

    def schedule(self, *, due_on: date, at: datetime) -> list[DomainEvent]:
        """Announce the next review.

        Raises:
            InvalidInputError: The day is over, or too far away.
            RuleError: It is the day that is announced already.
        """
        _check_due(due_on, at.date(), "/due_on")
        if due_on == self.next_due:
            message = f"the next review is announced for {due_on} already"
            raise RuleError(message)
        return self.follow(
            self.ReviewScheduled(
                institution=self.institution, achievement=self.achievement, due_on=due_on, recorded_at=at
            )
        )

    def review(self, review: Review, *, edition: int, at: datetime) -> list[DomainEvent]:
        """Record a review of the edition that is the newest.

        Raises:
            InvalidInputError: A day or a text is not well formed.
            RuleError: A later review is recorded already.
        """
        check_text(review)
        for name, limit in (("by", MAX_BY_CHARS), ("statement", MAX_STATEMENT_CHARS)):
            text = getattr(review, name)
            if is_blank(text) or len(text) > limit:
                message = f"this has 1 to {limit} characters"
                raise InvalidInputError(message, f"/{name}")
        if review.reviewed_on > at.date():
            message = "the review lies in the future; announce it with a due date"
            raise InvalidInputError(message, "/reviewed_on")
        if review.next_due is not None:
            _check_due(review.next_due, review.reviewed_on, "/next_due")
        if self.reviewed_on is not None and review.reviewed_on < self.reviewed_on:
            message = f"a review of {self.reviewed_on} is recorded already; reviews are recorded in their order"
            raise RuleError(message)
        return self.follow(
            self.Reviewed(
                institution=self.institution,
                achievement=self.achievement,
                edition=edition,
                recorded_at=at,
                **msgspec.structs.asdict(review),
            )
        )

    def publish_figures(self, count: Headcount, *, editions: int, at: datetime) -> list[DomainEvent]:
        """Publish what was counted, without the counts that could tell of a person.

        Args:
            count: The raw counts; they go no further than this.
            editions: How many editions the achievement has.
            at: Present instant.

        Raises:
            InvalidInputError: A count or a day cannot be.
            RuleError: Figures of one of these days are published already, or there are too few people for any.
        """
        _check_count(count, editions)
        self.check_period(Period(first_day=count.first_day, last_day=count.last_day), at.date())
        if count.enrolled < THRESHOLD:
            message = f"figures of fewer than {THRESHOLD} people are not published; choose a longer period"
            raise RuleError(message)
        return self.follow(self._figures(count, at))

    def check_period(self, period: Period, today: date) -> None:
        """Refuse days that cannot be those of figures.

        Raises:
            InvalidInputError: They end before they begin, or are not over.
            RuleError: Figures of one of them are published already.
        """
        if period.last_day < period.first_day:
            message = "the period ends before it begins"
            raise InvalidInputError(message, "/last_day")
        if period.last_day >= today:
            message = "figures are published when their period is over"
            raise InvalidInputError(message, "/last_day")
        taken = next((one for one in self.periods if one.overlaps(period)), None)
        if taken is not None:
            message = (
                f"figures of {taken.first_day} to {taken.last_day} are published already, and the difference of two "
                "overlapping periods could tell of one person; choose days that no figures have"
            )
            raise RuleError(message)

    def _figures(self, count: Headcount, at: datetime) -> Event:
        completed, _ = keep_back((count.completed, count.enrolled - count.completed))
        responses = sum(count.ratings)
        enough = responses >= THRESHOLD
        # All or none: beside the mean, some would tell the others.
        ratings = count.ratings if enough and None not in keep_back(count.ratings) else ()
        total = sum(grade * people for grade, people in enumerate(count.ratings, 1))
        return self.FiguresPublished(
            institution=self.institution,
            achievement=self.achievement,
            edition=count.edition,
            first_day=count.first_day,
            last_day=count.last_day,
            enrolled=count.enrolled,
            completed=completed,
            responses=responses if enough else None,
            ratings=ratings,
            mean_rating_centi=_tenths(total, responses) if enough else None,
            threshold=THRESHOLD,
            recorded_at=at,
        )

    @classmethod
    def begin(cls, originator_id: UUID, body: Event) -> Quality:
        """State after the first event, whichever it is."""
        assert isinstance(body, EVENTS)  # noqa: S101  the mapper has checked the topic
        first = cls(id=originator_id, version=1, institution=body.institution, achievement=body.achievement)
        return first.evolve(body)

    def evolve(self, body: Event) -> Quality:
        """State after one more event."""
        replace = msgspec.structs.replace
        match body:
            case Quality.ReviewScheduled():
                return replace(self, next_due=body.due_on)
            case Quality.Reviewed():
                return replace(self, next_due=body.next_due, reviewed_on=body.reviewed_on)
            case Quality.FiguresPublished():
                period = Period(first_day=body.first_day, last_day=body.last_day)
                return replace(self, periods=(*self.periods, period))
        return self


EVENTS = (Quality.ReviewScheduled, Quality.Reviewed, Quality.FiguresPublished)
"""Every event of this aggregate."""


def quality_id(achievement: UUID) -> UUID:
    """Aggregate id of the quality record of an achievement."""
    return uuid5(achievement, "quality")


def _check_due(due_on: date, after: date, pointer: str) -> None:
    if not after < due_on <= after + LONGEST_DUE:
        message = f"a review is due after {after}, and within ten years"
        raise InvalidInputError(message, pointer)


def check_figures(state: Quality, body: Quality.FiguresPublished, at: datetime) -> None:
    """Hold published figures against what may be published; the counts behind them are not to be had.

    Raises:
        InvalidInputError, RuleError: They could not have been published.
    """
    state.check_period(Period(first_day=body.first_day, last_day=body.last_day), at.date())
    others = None if body.completed is None else body.enrolled - body.completed
    counts = (body.enrolled, body.responses, body.completed, others, *body.ratings)
    if body.threshold != THRESHOLD or any(count is not None and count < THRESHOLD for count in counts):
        message = f"they show a count of fewer than {THRESHOLD} people"
        raise RuleError(message)
    if len(body.ratings) not in {0, RATINGS} or (body.responses is None) != (body.mean_rating_centi is None):
        message = f"a mean goes with responses, and there are {RATINGS} ratings or none"
        raise RuleError(message)
    if body.ratings:
        total = sum(grade * people for grade, people in enumerate(body.ratings, 1))
        people = sum(body.ratings)
        if (people, _tenths(total, people)) != (body.responses, body.mean_rating_centi):
            message = "responses or mean are not those of the ratings"
            raise RuleError(message)


def _check_count(count: Headcount, editions: int) -> None:
    if not 1 <= count.edition <= editions:
        message = f"the micro-credential has the editions 1 to {editions}"
        raise InvalidInputError(message, "/edition")
    if not 0 < count.enrolled <= MAX_PEOPLE:
        message = f"this is a number of people from 1 to {MAX_PEOPLE}"
        raise InvalidInputError(message, "/enrolled")
    if not 0 <= count.completed <= count.enrolled:
        message = "who completed it was enrolled: at least 0, and at most as many as enrolled"
        raise InvalidInputError(message, "/completed")
    if len(count.ratings) not in {0, RATINGS} or min(count.ratings, default=0) < 0:
        message = f"there are {RATINGS} counts, of those who gave 1, 2, 3, 4 and 5; or none"
        raise InvalidInputError(message, "/ratings")
    if sum(count.ratings) > count.enrolled:
        message = "who rated it was enrolled: at most as many ratings as people"
        raise InvalidInputError(message, "/ratings")


def _tenths(total: int, people: int) -> int:
    """The mean in hundredths, rounded half up to a tenth, so that one person's answer does not show in it."""
    return (20 * total + people) // (2 * people) * 10
