"""How far a decision counts: this much, from this day, towards this; never more, and nothing when it does not hold."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.agreement import Agreement, Terms, agreement_id
from ledger.decision import FORMAT, DecisionClaim, Details, StandsFor, SubstantialDifference, Towards, parse_details
from ledger.error import InvalidInputError
from ledger.limit import NO_LIMITS
from ledger.reason import Reason
from ledger.recognised_award import KeptFile, RecognisedAward
from ledger.recognition import Recognition
from ledger.recognition_credit import NOTHING, Credit, component_of, credit_on
from tests.ledger.scenario import IDENTITY, Scenario

NORTH, SOUTH = UUID(int=5), UUID(int=6)
T0 = datetime(2026, 3, 10, 15, 30, tzinfo=UTC)
DAY = timedelta(days=1)
TODAY = T0.date()
AWARD = RecognisedAward(
    origin="ledger",
    title="Data Analysis Basics",
    awarded_by="Southern University",
    awarded_on=date(2026, 2, 1),
    credential="c" * 36,
    institution="south",
    achievement="DATA-1",
    edition=2,
    credits_centi=500,
    eqf_level=6,
    fields=("0613",),
    outcomes=("cleans a table", "plots a distribution"),
    grade="B",
)
PAPER = msgspec.structs.replace(
    AWARD,
    origin="paper",
    credential=None,
    institution=None,
    achievement=None,
    edition=None,
    files=(KeptFile(name="a.pdf", media_type="application/pdf", sha256="ab" * 32, bytes=3),),
)
FULL = DecisionClaim(decision="full")
PART = DecisionClaim(
    decision="partial",
    reasons=(SubstantialDifference.WORKLOAD,),
    credits_centi=300,
    outcomes=("cleans a table",),
    eqf_level=5,
    fields=("0542",),
    stands_for=(StandsFor(institution="north", code="STAT-1"),),
    towards=Towards(kind="programme", code="MASTER"),
)
REFUSED = DecisionClaim(decision="refused", reasons=(SubstantialDifference.QUALITY,))


def details(
    claim: DecisionClaim, award: RecognisedAward = AWARD, agreement: UUID | None = None, begin: datetime = T0
) -> Details:
    return Details(
        format=FORMAT, institution="north", award=award, decision=claim, agreement=agreement, effective_at=begin
    )


def decided(claim: DecisionClaim, begin: datetime = T0) -> Recognition.Decided:
    return Recognition.Decided(
        institution=NORTH,
        decision=claim.decision,
        reasons=claim.reasons,
        effective_at=begin,
        details="aa" * 32,
        appeal_until=None if claim.decision == "full" else T0 + 30 * DAY,
        recorded_at=T0,
    )


def changed(claim: DecisionClaim, begin: datetime) -> Recognition.AppealDecided:
    return Recognition.AppealDecided(
        result="changed",
        decision=claim.decision,
        reasons=claim.reasons,
        effective_at=begin,
        details="cc" * 32,
        appeal_until=None,
        statement=None,
        recorded_at=T0 + 20 * DAY,
    )


APPEALED = Recognition.Appealed(filed_at=T0 + DAY, decide_by=T0 + 90 * DAY, statement=None, recorded_at=T0 + DAY)
UPHELD = Recognition.AppealDecided(
    result="upheld",
    decision=None,
    reasons=(),
    effective_at=None,
    details=None,
    appeal_until=None,
    statement=None,
    recorded_at=T0 + 20 * DAY,
)


def state(*events: object) -> Recognition:
    return Scenario(Recognition, *events).state  # type: ignore[arg-type]  # events of this aggregate


def test_full_recognition_counts_for_all_of_the_award() -> None:
    credit = credit_on(state(decided(FULL)), {1: details(FULL)}, None, TODAY)
    assert credit == Credit(credits_centi=500, outcomes=AWARD.outcomes, eqf_level=6, fields=("0613",))


def test_partial_recognition_counts_exactly_as_far_as_it_says() -> None:
    credit = credit_on(state(decided(PART)), {1: details(PART)}, None, TODAY)
    assert credit == Credit(
        credits_centi=300,
        outcomes=("cleans a table",),
        eqf_level=5,
        fields=("0542",),
        stands_for=PART.stands_for,
        towards=PART.towards,
    )


def test_recognition_for_outcomes_alone_counts_no_credits() -> None:
    claim = DecisionClaim(decision="partial", reasons=(SubstantialDifference.WORKLOAD,), outcomes=("cleans a table",))
    credit = credit_on(state(decided(claim)), {1: details(claim)}, None, TODAY)
    assert (credit.credits_centi, credit.outcomes, credit.is_nothing) == (0, ("cleans a table",), False)


def test_refusal_counts_nothing() -> None:
    assert credit_on(state(decided(REFUSED)), {1: details(REFUSED)}, None, TODAY) == NOTHING
    assert component_of(state(decided(REFUSED)), {1: details(REFUSED)}, None, TODAY) is None


@pytest.mark.parametrize(
    "day, credits_centi", [(TODAY - DAY, 0), (TODAY, 500), (TODAY + DAY, 500), (TODAY + 10_000 * DAY, 500)]
)
def test_recognition_counts_from_the_day_on_which_it_takes_effect(day: date, credits_centi: int) -> None:
    assert credit_on(state(decided(FULL)), {1: details(FULL)}, None, day).credits_centi == credits_centi


@pytest.mark.parametrize("day, credits_centi", [(4, 500), (5, 0), (6, 0)])
def test_recognition_counts_until_the_day_of_its_withdrawal(day: int, credits_centi: int) -> None:
    withdrawn = Recognition.Withdrawn(
        reason=Reason.OTHER, effective_at=T0 + 5 * DAY, note=None, recorded_at=T0 + 6 * DAY
    )
    known = state(decided(FULL), withdrawn)
    assert credit_on(known, {1: details(FULL)}, None, TODAY + day * DAY).credits_centi == credits_centi


@pytest.mark.parametrize("day, credits_centi", [(-1, 0), (0, 300), (9, 300), (10, 500), (11, 500)])
def test_recognition_counts_by_the_new_decision_from_its_effective_day_on(day: int, credits_centi: int) -> None:
    known = state(decided(PART), APPEALED, changed(FULL, T0 + 10 * DAY))
    opened = {1: details(PART), 3: details(FULL, begin=T0 + 10 * DAY)}
    assert credit_on(known, opened, None, TODAY + day * DAY).credits_centi == credits_centi


def test_recognition_counts_by_the_new_decision_throughout_when_it_is_of_an_earlier_date() -> None:
    known = state(decided(REFUSED), APPEALED, changed(FULL, T0 - 5 * DAY))
    opened = {1: details(REFUSED), 3: details(FULL, begin=T0 - 5 * DAY)}
    assert [credit_on(known, opened, None, TODAY + day * DAY).credits_centi for day in (-6, -5, 0, 30)] == [
        0,
        500,
        500,
        500,
    ]


def test_recognition_counts_as_before_when_an_appeal_is_open_or_upheld() -> None:
    opened, day = {1: details(PART)}, TODAY + 25 * DAY
    expected = credit_on(state(decided(PART)), opened, None, day)
    assert expected.credits_centi == 300
    assert credit_on(state(decided(PART), APPEALED), opened, None, day) == expected
    assert credit_on(state(decided(PART), APPEALED, UPHELD), opened, None, day) == expected


def test_recognition_counts_nothing_when_the_details_in_force_were_erased() -> None:
    known = state(decided(PART), APPEALED, changed(FULL, T0))
    assert credit_on(known, {}, None, TODAY) == NOTHING
    assert credit_on(known, {1: details(PART)}, None, TODAY) == NOTHING


def agreement(share: int = 100, cap: int | None = None, *, until: datetime | None = None) -> Agreement:
    terms = Terms(awards_of="both", achievements=(), limits=NO_LIMITS, share_percent=share, cap_centi=cap)
    proposed = Agreement.propose(
        proposer=NORTH, partner=SOUTH, number=1, terms=terms, valid_from=T0, valid_until=None, at=T0 - DAY
    )
    known = Agreement.begin(proposed.originator_id, proposed.body)
    known = known.evolve(Agreement.Accepted(institution=SOUTH, recorded_at=T0 - DAY))
    return known if until is None else msgspec.structs.replace(known, ended_at=until)


@pytest.mark.parametrize(
    "share, cap, credits_centi", [(100, None, 500), (50, None, 250), (100, 120, 120), (33, 120, 120)]
)
def test_recognition_by_agreement_counts_for_what_was_agreed(share: int, cap: int | None, credits_centi: int) -> None:
    known = details(FULL, agreement=agreement_id(NORTH, SOUTH, 1))
    credit = credit_on(state(decided(FULL)), {1: known}, agreement(share, cap), TODAY)
    assert credit.credits_centi == credits_centi


def test_recognition_by_agreement_counts_after_the_agreement_has_ended() -> None:
    known, ended = details(FULL, agreement=agreement_id(NORTH, SOUTH, 1)), agreement(until=T0 + DAY)
    assert credit_on(state(decided(FULL)), {1: known}, ended, TODAY + 900 * DAY).credits_centi == 500


@pytest.mark.parametrize(
    "given_agreement",
    [None, agreement(until=T0), msgspec.structs.replace(agreement(), id=UUID(int=9))],
    ids=["not at hand", "not in force then", "another one"],
)
def test_recognition_by_agreement_counts_nothing_when_the_agreement_does_not_bear_it(
    given_agreement: Agreement | None,
) -> None:
    known = details(FULL, agreement=agreement_id(NORTH, SOUTH, 1))
    assert credit_on(state(decided(FULL)), {1: known}, given_agreement, TODAY) == NOTHING


def test_award_without_credits_counts_by_its_workload_when_recognised_in_full() -> None:
    award = msgspec.structs.replace(AWARD, credits_centi=None, workload_minutes=600)
    known = {1: details(FULL, award)}
    assert credit_on(state(decided(FULL)), known, None, TODAY).workload_minutes == 600
    component = component_of(state(decided(FULL)), known, None, TODAY)
    assert component is not None
    assert (component.credits_centi, component.workload_minutes) == (None, 600)
    shared = {1: details(FULL, award, agreement_id(NORTH, SOUTH, 1))}
    assert credit_on(state(decided(FULL)), shared, agreement(33), TODAY).workload_minutes == 198


def test_component_is_the_achievement_itself_when_recognised_in_full() -> None:
    component = component_of(state(decided(FULL)), {1: details(FULL)}, None, TODAY)
    assert component is not None
    component.check()
    assert component.award == f"recognition:{IDENTITY.hex}"
    assert (component.institution, component.achievement, component.edition) == ("south", "DATA-1", 2)
    assert (component.recognised_by, component.source, component.grade) == ("north", AWARD.credential, "B")
    assert (component.credits_centi, component.eqf_level, component.fields) == (500, 6, ("0613",))
    assert component.standing == "valid"


def test_component_is_credits_and_exemptions_alone_when_recognised_in_part() -> None:
    known, opened = state(decided(PART)), {1: details(PART)}
    component = component_of(known, opened, None, TODAY, towards=PART.towards)
    assert component is not None
    assert (component.achievement, component.edition, component.credits_centi) == (None, None, 300)
    assert [(one.institution, one.code) for one in component.counts_as] == [("north", "STAT-1")]


@pytest.mark.parametrize(
    "towards, counts",
    [
        (PART.towards, True),
        (Towards(kind="pathway", code="MASTER"), False),
        (Towards(kind="programme", code="OTHER"), False),
        (None, False),
    ],
)
def test_component_counts_towards_what_it_was_recognised_for_alone(
    towards: Towards | None,
    counts: bool,  # noqa: FBT001  a column of the table
) -> None:
    component = component_of(state(decided(PART)), {1: details(PART)}, None, TODAY, towards=towards)
    assert (component is not None) == counts


def test_component_of_an_outside_award_is_known_by_its_file_and_its_recogniser() -> None:
    component = component_of(state(decided(FULL)), {1: details(FULL, PAPER)}, None, TODAY)
    assert component is not None
    assert (component.institution, component.source) == ("north", f"sha256:{'ab' * 32}")


def test_component_stands_as_the_award_does() -> None:
    known = state(decided(FULL))
    revoked = component_of(known, {1: details(FULL)}, None, TODAY, standing="revoked")
    ended = msgspec.structs.replace(AWARD, valid_until=TODAY - DAY)
    last_day = msgspec.structs.replace(AWARD, valid_until=TODAY)
    found = [component_of(known, {1: details(FULL, award)}, None, TODAY) for award in (ended, last_day)]
    assert [one and one.standing for one in (revoked, *found)] == ["revoked", "expired", "valid"]


CLAIMS = st.sampled_from([FULL, PART, REFUSED])


@given(
    st.lists(st.tuples(CLAIMS, st.integers(-30, 30)), min_size=1, max_size=4),
    st.none() | st.integers(-30, 30),
    st.integers(-40, 40),
)
def test_recognition_counts_by_one_ruling_and_never_for_more_than_the_award(
    rulings: list[tuple[DecisionClaim, int]], withdrawn: int | None, day: int
) -> None:
    """Against a model: walk through the rulings, and remember the last whose day has come."""
    events: list[object] = []
    opened: dict[int, Details] = {}
    model, is_withdrawn = 0, withdrawn is not None and withdrawn <= day
    for claim, begin in rulings:
        effective = T0 + begin * DAY
        events += [decided(claim, effective)] if not events else [APPEALED, changed(claim, effective)]
        opened[len(events)] = details(claim, begin=effective)
        if begin <= day:
            model = {"full": 500, "partial": 300, "refused": 0}[claim.decision]
    if withdrawn is not None:
        end = T0 + withdrawn * DAY
        events.append(Recognition.Withdrawn(reason=Reason.OTHER, effective_at=end, note=None, recorded_at=T0))
    credit = credit_on(state(*events), opened, None, TODAY + day * DAY)
    assert credit.credits_centi == (0 if is_withdrawn else model) <= (AWARD.credits_centi or 0)


# ── what may be decided ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "changes, pointer",
    [
        ({"decision": "refused"}, "/decision"),
        ({"decision": "full", "reasons": ()}, "/outcomes"),
        ({"decision": "full", "reasons": (), "outcomes": ()}, "/credits_centi"),
        ({"credits_centi": None, "outcomes": ()}, "/credits_centi"),
        ({"credits_centi": 501}, "/credits_centi"),
        ({"credits_centi": 0}, "/credits_centi"),
        ({"credits_centi": 500, "outcomes": AWARD.outcomes}, "/decision"),
        ({"outcomes": ("cleans a table", "cooks")}, "/outcomes/1"),
        ({"outcomes": ("cleans a table", "cleans a table")}, "/outcomes"),
        ({"outcomes": (" ",)}, "/outcomes/0"),
        ({"eqf_level": 9}, "/eqf_level"),
        ({"fields": ("x",)}, "/fields"),
        ({"stands_for": PART.stands_for * 2}, "/stands_for"),
        ({"towards": Towards(kind="pathway", code="a b")}, "/towards/code"),
        ({"explanation": " "}, "/explanation"),
        ({"explanation": "x" * 4_001}, "/explanation"),
        ({"explanation": "a\x00"}, "/explanation"),
        ({"reasons": ()}, "/reasons"),
    ],
)
def test_decision_is_refused_when_it_does_not_fit_the_award(changes: dict[str, object], pointer: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        msgspec.structs.replace(PART, **changes).check(AWARD)
    assert caught.value.pointer == pointer


@pytest.mark.parametrize("claim", [FULL, PART, REFUSED, msgspec.structs.replace(PART, credits_centi=500)])
def test_decision_fits_the_award(claim: DecisionClaim) -> None:
    claim.check(AWARD)


def test_full_decision_states_the_credits_when_the_award_states_none() -> None:
    award = msgspec.structs.replace(AWARD, credits_centi=None)
    claim = DecisionClaim(decision="full", credits_centi=450)
    claim.check(award)
    assert credit_on(state(decided(claim)), {1: details(claim, award)}, None, TODAY).credits_centi == 450


def test_details_read_back_from_their_canonical_form() -> None:
    for one in (details(PART), details(FULL, PAPER, UUID(int=9))):
        assert parse_details(one.form()) == one
    assert details(FULL).form() == details(FULL).form() != details(PART).form()
