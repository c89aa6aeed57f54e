"""The plan of the five years."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from typing import TypeVar

import msgspec
import pytest

from api.demo.calendar import DECLARED_DAY, STOLEN, Calendar
from api.demo.plan import Plan, make_plan
from api.demo.sentence import RUSSIAN
from api.demo.step import (
    BaseStep,
    CompromiseKey,
    ForgeDocument,
    GrantAccreditation,
    IssueBatch,
    PlannedAward,
    PublishAchievement,
    RegisterInstitution,
    Reinstate,
    Replace,
    ReviseAchievement,
    Revoke,
    RotateKey,
    Step,
    Suspend,
    WithdrawAccreditation,
)
from api.demo.story import SHOWN
from ledger.reason import Reason

END = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
SEED = 5
S = TypeVar("S", bound=BaseStep)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(seed=SEED, end=END)


def of(plan: Plan, kind: type[S]) -> list[S]:
    return [step for step in plan.steps if isinstance(step, kind)]


def made(plan: Plan) -> Iterator[tuple[IssueBatch | Replace, PlannedAward]]:
    """Every award with the step that makes it."""
    for step in plan.steps:
        if isinstance(step, IssueBatch):
            yield from ((step, award) for award in step.awards)
        elif isinstance(step, Replace):
            yield step, step.successor


def test_plan_is_the_same_when_seed_and_end_are_the_same(plan: Plan) -> None:
    assert msgspec.json.encode(make_plan(seed=SEED, end=END)) == msgspec.json.encode(plan)


def test_plan_is_another_when_the_seed_is_another(plan: Plan) -> None:
    assert make_plan(seed=SEED + 1, end=END).steps != plan.steps


def test_plan_is_refused_when_the_end_is_not_in_utc() -> None:
    for end in (END.replace(tzinfo=None), END.astimezone(timezone(timedelta(hours=2)))):
        with pytest.raises(ValueError, match="aware instant in UTC"):
            make_plan(seed=SEED, end=end)


def test_steps_are_strictly_ordered_and_span_five_years(plan: Plan) -> None:
    instants = [step.at for step in plan.steps]
    assert all(earlier < later for earlier, later in pairwise(instants))
    assert plan.start <= instants[0]
    assert instants[-1] < END
    assert END - instants[-1] < timedelta(days=30)
    assert instants[-1] - instants[0] > timedelta(days=5 * 360)
    assert {(instant.microsecond, instant.utcoffset()) for instant in instants} == {(0, timedelta(0))}


@pytest.mark.parametrize("seed", range(12))
def test_plan_has_what_the_demonstration_promises_under_any_seed(seed: int) -> None:
    plan = make_plan(seed=seed, end=END)
    assert len(plan.people) == 300
    assert 3_000 <= plan.awards <= 4_800
    kinds = Counter(type(step) for step in plan.steps)
    assert kinds[RegisterInstitution] >= 3
    assert kinds[PublishAchievement] >= 36
    assert kinds[ReviseAchievement] >= 3
    assert kinds[GrantAccreditation] >= kinds[RegisterInstitution]
    assert kinds[WithdrawAccreditation] == 1
    assert kinds[CompromiseKey] == 1
    assert kinds[RotateKey] == 2
    assert kinds[ForgeDocument] == 1
    assert kinds[Suspend] > kinds[Reinstate] >= 20
    assert kinds[Revoke] >= 40
    assert kinds[Replace] >= 40


def test_plan_holds_every_earner_and_no_one_earns_the_same_twice_at_a_time(plan: Plan) -> None:
    held: dict[tuple[str, str, str], datetime | None] = {}
    for step in of(plan, IssueBatch):
        for award in step.awards:
            key = (step.institution, step.code, award.learner.reference)
            if key in held:
                until = held[key]
                assert until is not None
                assert until < step.at
            held[key] = step.valid_until
    assert {reference for _, _, reference in held} == {one.reference for one in plan.people}


def test_classes_have_one_or_five_to_sixty_learners(plan: Plan) -> None:
    sizes = [len(step.awards) for step in of(plan, IssueBatch)]
    assert 1 in sizes
    assert max(sizes) > 40
    assert all(size == 1 or 5 <= size <= 60 for size in sizes)


def test_some_awards_have_expired_by_the_end_and_some_are_still_to_expire(plan: Plan) -> None:
    ends = [step.valid_until for step, _ in made(plan) if step.valid_until is not None]
    assert sum(end < END for end in ends) > 100
    assert sum(end > END for end in ends) > 100


def test_every_handle_is_unique_and_every_reference_points_back(plan: Plan) -> None:
    known: set[str] = set()
    for step in plan.steps:
        if isinstance(step, Suspend | Reinstate | Revoke | Replace):
            assert step.award in known
        for award in _awards(step):
            assert award.handle not in known
            assert award.learner in plan.people
            known.add(award.handle)
    assert len(known) == plan.awards + 1


def _awards(step: Step) -> tuple[PlannedAward, ...]:
    match step:
        case IssueBatch():
            return step.awards
        case Replace():
            return (step.successor,)
        case ForgeDocument():
            return (step.award,)
        case _:
            return ()


def test_every_step_names_an_institution_edition_and_accreditation_that_is_there(
    plan: Plan,
) -> None:
    there: set[tuple[object, ...]] = set()
    for step in plan.steps:
        slug = step.institution
        if not isinstance(step, RegisterInstitution):
            assert (slug,) in there
        match step:
            case RegisterInstitution():
                there.add((slug,))
            case PublishAchievement():
                there.add((slug, step.code, 1))
            case ReviseAchievement():
                assert (slug, step.code, step.edition - 1) in there
                there.add((slug, step.code, step.edition))
            case IssueBatch() | Replace() | ForgeDocument():
                assert (slug, step.code, step.edition) in there
            case GrantAccreditation():
                there.add((slug, step.accreditation_id))
            case WithdrawAccreditation():
                assert (slug, step.accreditation_id) in there
                assert step.effective_at < step.at
            case _:
                pass


def test_every_award_is_signed_with_the_key_in_force(plan: Plan) -> None:
    in_force: dict[str, str | None] = {}
    for step in plan.steps:
        match step:
            case RegisterInstitution():
                in_force[step.institution] = "key-1"
            case RotateKey():
                assert step.retired_key_id == in_force[step.institution]
                in_force[step.institution] = step.key_id
            case CompromiseKey():
                assert in_force[step.institution] == step.key_id
                assert step.compromised_at < step.at
                in_force[step.institution] = None
            case IssueBatch() | Replace() | ForgeDocument():
                assert step.key_id == in_force[step.institution]
            case _:
                pass


def test_every_award_is_covered_by_an_accreditation_but_for_those_revoked_for_it(
    plan: Plan,
) -> None:
    withdrawn = {
        (step.institution, step.accreditation_id): step.effective_at for step in of(plan, WithdrawAccreditation)
    }
    revoked = {step.award for step in of(plan, Revoke) if step.reason is Reason.ACCREDITATION_WITHDRAWN}
    uncovered = {
        award.handle
        for step, award in made(plan)
        if not any(
            grant.institution == step.institution
            and grant.valid_from <= step.at
            and (grant.valid_until is None or step.at < grant.valid_until)
            and step.at < withdrawn.get((grant.institution, grant.accreditation_id), END)
            for grant in of(plan, GrantAccreditation)
        )
    }
    assert uncovered == revoked
    assert len(revoked) >= 5


def test_no_award_is_made_before_its_day_or_expires_before_it(plan: Plan) -> None:
    for step, _ in made(plan):
        assert step.awarded_on <= step.at.date()
        assert step.valid_until is None or step.at < step.valid_until


def test_the_fate_of_every_award_is_one_that_the_ledger_allows(plan: Plan) -> None:
    made_on = {award.handle: step.awarded_on for step, award in made(plan)}
    state: dict[str, str] = {}
    for step in plan.steps:
        match step:
            case Suspend():
                assert state.get(step.award, "active") == "active"
                state[step.award] = "suspended"
            case Reinstate():
                assert state[step.award] == "suspended"
                state[step.award] = "active"
            case Revoke():
                assert state.get(step.award, "active") in {"active", "suspended"}
                assert made_on[step.award] <= step.effective_at.date()
                assert step.effective_at <= step.at
                state[step.award] = "gone"
            case Replace():
                assert state.get(step.award, "active") == "active"
                state[step.award] = "gone"
            case _:
                pass
    assert Counter(state.values())["suspended"] >= 3


def test_reasons_are_of_the_closed_list_and_most_of_them_occur(plan: Plan) -> None:
    given = {step.reason for step in plan.steps if isinstance(step, Suspend | Revoke | Replace)}
    assert all(isinstance(reason, Reason) for reason in given)
    # These two are the ledger's own words for what becomes of a stack or a part when something else is lost.
    assert given == set(Reason) - {Reason.COMPONENT_LOST, Reason.ORIGIN_WITHDRAWN}


def test_a_replacement_is_for_the_same_learner_and_a_wrong_grade_changes(plan: Plan) -> None:
    before = {award.handle: award for _, award in made(plan)}
    for step in of(plan, Replace):
        old = before[step.award]
        assert step.successor.learner == old.learner
        assert (step.successor.grade != old.grade) == (step.reason is Reason.INCORRECT_DATA)


def test_the_stolen_days_hold_awards_of_which_some_are_never_made_again(plan: Plan) -> None:
    [theft] = of(plan, CompromiseKey)
    doubtful = {
        award.handle
        for step, award in made(plan)
        if step.institution == STOLEN and theft.compromised_at <= step.at < theft.at
    }
    again = {step.award for step in of(plan, Replace) if step.reason is Reason.KEY_COMPROMISE}
    assert len(doubtful) >= 10
    assert again < doubtful
    [forgery] = of(plan, ForgeDocument)
    assert theft.compromised_at < forgery.at < theft.at == Calendar.ending(END).at(DECLARED_DAY, 6 * 3600)


@pytest.mark.parametrize("seed", range(12))
def test_showcases_show_each_kind_of_award_once_under_any_seed(seed: int) -> None:
    plan = make_plan(seed=seed, end=END)
    states = [showcase.state for showcase in plan.showcases]
    assert set(states) >= {
        *("valid", "revoked", "suspended", "replaced", "expired", "after_key_rotation"),
        *("compromised_before", "compromised_after", "reinstated", "forged", "cyrillic_name"),
        *("oldest", "accreditation_withdrawn", "correction", "reissued", "before_key_rotation"),
    }
    assert len(set(states)) == len(states)
    awards = [showcase.award for showcase in plan.showcases]
    assert len(set(awards)) == len(awards)
    handles = {award.handle for step in plan.steps for award in _awards(step)}
    assert set(awards) <= handles
    assert {showcase.expected for showcase in plan.showcases} == {"valid", "invalid", "unknown"}


def test_showcases_expect_what_the_fate_of_each_award_says(plan: Plan) -> None:
    forged = {step.award.handle for step in of(plan, ForgeDocument)}
    gone = {step.award for step in plan.steps if isinstance(step, Revoke | Replace)}
    suspended = {step.award for step in of(plan, Suspend)} - {step.award for step in of(plan, Reinstate)}
    expired = {award.handle for step, award in made(plan) if step.valid_until and step.valid_until < END}
    [theft] = of(plan, CompromiseKey)
    doubtful = {
        award.handle
        for step, award in made(plan)
        if step.institution == STOLEN and theft.compromised_at <= step.at < theft.at
    }
    for showcase in plan.showcases:
        if showcase.award in forged | gone | suspended | expired:
            assert showcase.expected == "invalid", showcase.state
        elif showcase.award in doubtful:
            assert showcase.expected == "unknown", showcase.state
        else:
            assert showcase.expected == "valid", showcase.state


def test_every_award_to_look_at_has_a_russian_sentence(plan: Plan) -> None:
    assert {showcase.state for showcase in (*plan.showcases, *SHOWN)} == RUSSIAN.keys()
