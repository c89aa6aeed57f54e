"""Rules of the aggregate Quality: reviews in their order, and figures that tell of nobody."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.achievement import Achievement
from ledger.error import InvalidInputError, LedgerError, RuleError
from ledger.quality import Headcount, Quality, Review, check_figures, quality_id
from tests.ledger.scenario import Scenario
from tests.ledger.world import TEMPLATE

AT = datetime(2026, 3, 1, tzinfo=UTC)
INSTITUTION = UUID("6f1c2a52-4d0e-5c1b-9a57-0c3c1d7f8e22")
ACHIEVEMENT = UUID("6f1c2a52-4d0e-5c1b-9a57-0c3c1d7f8e23")
WHOSE: dict[str, Any] = {"institution": INSTITUTION, "achievement": ACHIEVEMENT}
SCHEDULED = Quality.ReviewScheduled(**WHOSE, due_on=date(2027, 1, 1), recorded_at=AT)
REVIEW = Review(
    reviewed_on=date(2026, 2, 1), by="Council", outcome="confirmed", statement="Good.", next_due=date(2029, 2, 1)
)
REVIEWED = Quality.Reviewed(**WHOSE, edition=2, recorded_at=AT, **msgspec.structs.asdict(REVIEW))
COUNT = Headcount(edition=1, first_day=date(2025, 9, 1), last_day=date(2026, 1, 31), enrolled=120, completed=96)
PUBLISHED = Quality.FiguresPublished(
    **WHOSE,
    edition=1,
    first_day=COUNT.first_day,
    last_day=COUNT.last_day,
    enrolled=120,
    completed=96,
    responses=None,
    ratings=(),
    mean_rating_centi=None,
    threshold=10,
    recorded_at=AT,
)


def counted(**changes: object) -> Headcount:
    return msgspec.structs.replace(COUNT, **changes)


def figures(count: Headcount) -> Quality.FiguresPublished:
    [event] = Scenario(Quality, SCHEDULED).state.publish_figures(count, editions=2, at=AT)
    assert isinstance(event.body, Quality.FiguresPublished)
    return event.body


def test_quality_begins_before_its_first_event_with_an_id_that_follows_from_the_achievement() -> None:
    achievement = Achievement(
        id=ACHIEVEMENT, version=1, institution=INSTITUTION, code="X", editions=(TEMPLATE,), details=(None,)
    )
    [event] = Quality.of(achievement).schedule(due_on=date(2027, 1, 1), at=AT)
    assert (event.originator_id, event.originator_version, event.body) == (quality_id(ACHIEVEMENT), 1, SCHEDULED)


def test_quality_knows_the_next_due_date_when_reviews_were_announced_and_made() -> None:
    state = Scenario(Quality, SCHEDULED, REVIEWED).state
    assert (state.next_due, state.reviewed_on) == (date(2029, 2, 1), date(2026, 2, 1))


@pytest.mark.parametrize("due_on", [date(2026, 3, 1), date(2020, 1, 1), date(2036, 3, 3)])
def test_quality_refuses_a_due_date_that_is_over_or_too_far(due_on: date) -> None:
    Scenario(Quality, SCHEDULED).when(lambda q: q.schedule(due_on=due_on, at=AT)).then_refused(
        InvalidInputError, "within ten years"
    )


def test_quality_refuses_a_due_date_that_is_announced_already() -> None:
    Scenario(Quality, SCHEDULED).when(lambda q: q.schedule(due_on=date(2027, 1, 1), at=AT)).then_refused(
        RuleError, "already"
    )


def test_quality_records_a_review_when_it_is_the_next() -> None:
    Scenario(Quality, SCHEDULED).when(lambda q: q.review(REVIEW, edition=2, at=AT)).then(REVIEWED)


@pytest.mark.parametrize(
    "changes, pointer",
    [
        ({"reviewed_on": date(2026, 3, 2)}, "/reviewed_on"),
        ({"by": " "}, "/by"),
        ({"by": "x" * 301}, "/by"),
        ({"statement": "\u200b"}, "/statement"),
        ({"statement": "x" * 4001}, "/statement"),
        ({"statement": "bell\x07"}, "/statement"),
        ({"next_due": date(2026, 2, 1)}, "/next_due"),
    ],
)
def test_quality_refuses_a_review_when_a_member_is_ill_formed(changes: dict[str, object], pointer: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        Scenario(Quality, SCHEDULED).state.review(msgspec.structs.replace(REVIEW, **changes), edition=1, at=AT)
    assert caught.value.pointer == pointer


def test_quality_refuses_a_review_when_a_later_one_is_recorded() -> None:
    earlier = msgspec.structs.replace(REVIEW, reviewed_on=date(2026, 1, 31))
    Scenario(Quality, REVIEWED).when(lambda q: q.review(earlier, edition=2, at=AT)).then_refused(RuleError, "order")


def test_quality_publishes_figures_whole_when_no_count_is_small() -> None:
    Scenario(Quality, SCHEDULED).when(lambda q: q.publish_figures(COUNT, editions=2, at=AT)).then(PUBLISHED)


@pytest.mark.parametrize("completed, shown", [(120, None), (111, None), (110, 110), (10, 10), (9, None), (0, None)])
def test_quality_keeps_back_completions_when_they_or_the_others_are_few(completed: int, shown: int | None) -> None:
    assert figures(counted(completed=completed)).completed == shown


def test_quality_publishes_the_mean_alone_when_a_rating_is_rare() -> None:
    made = figures(counted(ratings=(1, 0, 20, 30, 40)))
    assert (made.responses, made.ratings, made.mean_rating_centi) == (91, (), 420)


def test_quality_publishes_every_rating_when_none_is_rare() -> None:
    made = figures(counted(ratings=(10, 10, 10, 10, 10)))
    assert (made.responses, made.ratings, made.mean_rating_centi) == (50, (10,) * 5, 300)


def test_quality_publishes_no_rating_when_few_answered() -> None:
    made = figures(counted(ratings=(1, 1, 1, 1, 5)))
    assert (made.responses, made.ratings, made.mean_rating_centi) == (None, (), None)


@pytest.mark.parametrize(
    "changes, pointer",
    [
        ({"edition": 3}, "/edition"),
        ({"edition": 0}, "/edition"),
        ({"last_day": date(2025, 8, 31)}, "/last_day"),
        ({"last_day": date(2026, 3, 1)}, "/last_day"),
        ({"enrolled": 0}, "/enrolled"),
        ({"completed": 121}, "/completed"),
        ({"completed": -1}, "/completed"),
        ({"ratings": (1, 2, 3)}, "/ratings"),
        ({"ratings": (-1, 2, 3, 4, 5)}, "/ratings"),
        ({"ratings": (100, 20, 1, 0, 0)}, "/ratings"),
    ],
)
def test_quality_refuses_figures_when_a_count_cannot_be(changes: dict[str, object], pointer: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        figures(counted(**changes))
    assert caught.value.pointer == pointer


def test_quality_refuses_figures_of_few_people() -> None:
    with pytest.raises(RuleError, match="fewer than 10"):
        figures(counted(enrolled=9, completed=9))


@pytest.mark.parametrize(
    "first, last",
    [(date(2026, 1, 31), date(2026, 2, 20)), (date(2025, 1, 1), date(2026, 2, 20)), (COUNT.first_day,) * 2],
)
def test_quality_refuses_figures_when_one_day_has_some(first: date, last: date) -> None:
    count = counted(first_day=first, last_day=last)
    Scenario(Quality, PUBLISHED).when(lambda q: q.publish_figures(count, editions=2, at=AT)).then_refused(
        RuleError, "difference of two"
    )


def test_quality_publishes_figures_when_the_days_follow_on_others() -> None:
    count = counted(first_day=date(2026, 2, 1), last_day=date(2026, 2, 28))
    state = Scenario(Quality, PUBLISHED).state
    assert len(state.publish_figures(count, editions=2, at=AT)) == 1


HEADCOUNTS = st.builds(
    lambda ratings, idle, completed: counted(
        ratings=tuple(ratings), enrolled=sum(ratings) + idle, completed=min(completed, sum(ratings) + idle)
    ),
    st.lists(st.integers(0, 30), min_size=5, max_size=5),
    st.integers(0, 30),
    st.integers(0, 200),
)


@given(HEADCOUNTS)
def test_figures_show_no_small_count_and_pass_the_auditors_check(count: Headcount) -> None:
    try:
        made = figures(count)
    except LedgerError:
        assert count.enrolled < 10
        return
    shown = [made.enrolled, made.completed, made.responses, *made.ratings]
    assert all(value is None or value >= 10 for value in shown)
    check_figures(Scenario(Quality, SCHEDULED).state, made, AT)


@pytest.mark.parametrize(
    "changes",
    [
        {"completed": 115},
        {"completed": 9},
        {"enrolled": 9, "completed": None},
        {"threshold": 5},
        {"responses": 3, "mean_rating_centi": 300},
        {"mean_rating_centi": 300},
        {"ratings": (10, 10, 10, 10, 9), "responses": 49, "mean_rating_centi": 300},
        {"ratings": (10, 10, 10, 10, 10), "responses": 50, "mean_rating_centi": 310},
        {"ratings": (10, 10, 10, 10, 10), "responses": 51, "mean_rating_centi": 300},
        {"ratings": (10,)},
        {"first_day": date(2026, 2, 1)},
    ],
)
def test_auditors_check_refuses_figures_that_could_not_have_been_published(changes: dict[str, object]) -> None:
    with pytest.raises(LedgerError):
        check_figures(Scenario(Quality, SCHEDULED).state, msgspec.structs.replace(PUBLISHED, **changes), AT)
