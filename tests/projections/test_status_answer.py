from datetime import datetime, timedelta
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.reason import Reason
from projections.credential_status import CredentialFacts, StatusEvent, StatusKind
from projections.directory_record import AccreditationRecord, DirectoryRecord, KeyRecord
from projections.error import FutureInstantError
from projections.status_answer import StatusAnswer, judge
from tests.projections.history import MULTIBASE, day

NOW = day(100)
REASONS: dict[StatusKind, Reason | None] = {
    "issued": None,
    "suspended": Reason.UNDER_REVIEW,
    "reinstated": None,
    "revoked": Reason.INCORRECT_DATA,
    "replaced": Reason.SUPERSEDED,
}


def facts(
    *changes: tuple[StatusKind, float, float],
    recorded: float = 10,
    valid_from: float = 10,
    valid_until: float | None = None,
) -> CredentialFacts:
    """Facts from (kind, effective day, day of recording)."""
    events: list[tuple[StatusKind, float, float]] = [("issued", valid_from, recorded), *changes]
    return CredentialFacts(
        institution=UUID(int=1),
        achievement=UUID(int=2),
        edition=1,
        key_id="key-1",
        commitments={},
        status_block=0,
        status_index=0,
        valid_from=day(valid_from),
        valid_until=None if valid_until is None else day(valid_until),
        recorded_at=day(recorded),
        events=tuple(
            StatusEvent(kind, REASONS[kind], day(effective), day(known), position)
            for position, (kind, effective, known) in enumerate(events, start=1)
        ),
    )


def state_of(known: CredentialFacts, at: float | None = None, known_at: float | None = None) -> tuple[str, object]:
    """State and since, the latter as a day."""
    answer = judge(
        known, now=NOW, at=None if at is None else day(at), known_at=None if known_at is None else day(known_at)
    )
    return answer.state, None if answer.since is None else (answer.since - day(1)) / timedelta(days=1) + 1


PAUSED = facts(("suspended", 20, 21), ("reinstated", 30, 30))
BACK_DATED = facts(("revoked", 15, 40), valid_until=60)


@pytest.mark.parametrize(
    "known, at, known_at, expected",
    [
        (facts(), None, None, ("active", 10)),
        (facts(), 10, None, ("active", 10)),
        (facts(), 9.99, None, ("not_yet_valid", None)),
        (facts(), None, 9.99, ("unknown", None)),
        (facts(), None, 10, ("active", 10)),
        (facts(valid_from=5), 6, None, ("active", 5)),
        (facts(valid_from=5), 6, 9, ("unknown", None)),
        (facts(valid_until=60), 60, None, ("active", 10)),
        (facts(valid_until=60), 60.01, None, ("expired", 60)),
        (PAUSED, 19.99, None, ("active", 10)),
        (PAUSED, 20, None, ("suspended", 20)),
        (PAUSED, 29.99, None, ("suspended", 20)),
        (PAUSED, 30, None, ("active", 30)),
        (PAUSED, 50, 20.5, ("active", 10)),
        (PAUSED, 50, 25, ("suspended", 20)),
        (facts(("suspended", 20, 20), valid_until=60), 70, None, ("expired", 60)),
        (facts(("suspended", 20, 20), ("reinstated", 20, 22)), 20, None, ("active", 20)),
        (BACK_DATED, 14, None, ("active", 10)),
        (BACK_DATED, 15, None, ("revoked", 15)),
        (BACK_DATED, 70, None, ("revoked", 15)),
        (BACK_DATED, 20, 39, ("active", 10)),
        (BACK_DATED, 70, 39, ("expired", 60)),
        (facts(("revoked", 80, 80), valid_until=60), 70, None, ("expired", 60)),
        (facts(("replaced", 40, 40), valid_from=50), 45, None, ("replaced", 40)),
        (facts(("replaced", 40, 40), ("revoked", 30, 50)), 60, None, ("revoked", 30)),
    ],
)
def test_judge_answers_as_the_table_says_when_asked(
    known: CredentialFacts, at: float | None, known_at: float | None, expected: tuple[str, object]
) -> None:
    assert state_of(known, at, known_at) == expected


def test_judge_gives_the_reason_when_an_event_decided() -> None:
    assert judge(BACK_DATED, now=NOW).reason is Reason.INCORRECT_DATA
    assert judge(PAUSED, now=NOW, at=day(25)).reason is Reason.UNDER_REVIEW
    assert judge(PAUSED, now=NOW).reason is None


@pytest.mark.parametrize("name", ["at", "known_at"])
def test_judge_refuses_when_the_instant_lies_in_the_future(name: str) -> None:
    later = NOW + timedelta(microseconds=1)
    with pytest.raises(FutureInstantError) as refusal:
        judge(facts(), now=NOW, at=later if name == "at" else None, known_at=later if name == "known_at" else None)
    assert refusal.value.name == name


def test_judge_counts_a_revocation_when_the_clock_of_the_asker_is_slow() -> None:
    known = facts(("revoked", 50, 50))
    answer = judge(known, now=day(49.999))
    assert (answer.state, answer.at) == ("revoked", day(50))


# ── against a naive model ─────────────────────────────────────────────────────────────────────────────────


def replayed(known: CredentialFacts, at: datetime, known_at: datetime | None) -> tuple[str, datetime | None]:
    """The same answer, by walking through the events in order of effect as a person would."""
    heard = [event for event in known.events if known_at is None or event.recorded_at <= known_at]
    if not heard or heard[0].kind != "issued":
        return "unknown", None
    state, since = "active", known.valid_from
    for event in sorted(heard[1:], key=lambda event: (event.effective_at, event.position)):
        if event.effective_at <= at and state not in {"revoked", "replaced"}:
            state, since = ("active" if event.kind == "reinstated" else event.kind), event.effective_at
    if state in {"revoked", "replaced"}:
        return state, since
    if at < known.valid_from:
        return "not_yet_valid", None
    if known.valid_until is not None and known.valid_until < at:
        return "expired", known.valid_until
    return state, since


days = st.integers(1, 12)
changes = st.lists(
    st.tuples(st.sampled_from(["suspended", "reinstated", "revoked", "replaced"]), days, st.integers(0, 3)), max_size=5
)


@given(changes, days, days, st.none() | days, days, st.none() | days)
def test_judge_agrees_with_the_naive_model_when_anything_happens(
    story: list[tuple[StatusKind, int, int]],
    recorded: int,
    valid_from: int,
    valid_until: int | None,
    at: int,
    known_at: int | None,
) -> None:
    heard_on, timed = recorded, []
    for kind, effective, pause in story:
        heard_on += pause
        timed.append((kind, float(effective), float(heard_on)))
    known = facts(*timed, recorded=recorded, valid_from=valid_from, valid_until=valid_until)
    known_instant = None if known_at is None else day(known_at)
    answer = judge(known, now=NOW, at=day(at), known_at=known_instant)
    assert (answer.state, answer.since) == replayed(known, day(at), known_instant)


@given(changes, days, st.none() | days)
def test_judge_leaves_the_past_as_it_was_when_more_is_recorded(
    story: list[tuple[StatusKind, int, int]], at: int, known_at: int | None
) -> None:
    """What was known at an instant does not change by what is recorded after it."""
    asked = day(12 if known_at is None else known_at)
    timed = [(kind, float(effective), 13.0 + pause) for kind, effective, pause in story]
    before = judge(facts(recorded=1, valid_from=1), now=NOW, at=day(at), known_at=asked)
    after = judge(facts(*timed, recorded=1, valid_from=1), now=NOW, at=day(at), known_at=asked)
    assert before == after


# ── the issuer ────────────────────────────────────────────────────────────────────────────────────────────


def record(**key: datetime) -> DirectoryRecord:
    """A record whose first key became what *key* says, and whose accreditation ran from day 5 to day 50."""
    known = KeyRecord(
        key_id="key-1",
        multibase=MULTIBASE,
        valid_from=key.get("valid_from", day(1)),
        retired_at=key.get("retired_at"),
        revoked_at=key.get("revoked_at"),
        compromised_at=key.get("compromised_at"),
    )
    accreditation = AccreditationRecord(
        accreditation_id="accreditation-1",
        by="Ministry",
        scope="EQF 6",
        valid_from=day(5),
        valid_until=day(50),
        withdrawn_at=None,
    )
    return DirectoryRecord(
        institution=UUID(int=1),
        number=0,
        slug="u1",
        name="U",
        country="EE",
        kind="university",
        did="did:web:ledger.example:institutions:u1",
        registered_at=day(1),
        keys=(known,),
        accreditations=(accreditation,),
    )


def standing(institution: DirectoryRecord) -> tuple[str, datetime | None]:
    issuer = judge(facts(), now=NOW, institution=institution).issuer
    assert issuer is not None
    return issuer.key, issuer.key_since


@pytest.mark.parametrize(
    "key, expected",
    [
        ({}, ("in_force", day(1))),
        ({"valid_from": day(11)}, ("not_yet_in_force", day(11))),
        ({"retired_at": day(10)}, ("in_force", day(1))),
        ({"retired_at": day(9)}, ("retired", day(9))),
        ({"revoked_at": day(10)}, ("revoked", day(10))),
        ({"revoked_at": day(10.1)}, ("in_force", day(1))),
        ({"compromised_at": day(10), "revoked_at": day(10)}, ("compromised", day(10))),
        ({"compromised_at": day(10.1), "retired_at": day(9)}, ("retired", day(9))),
    ],
)
def test_judge_says_how_the_key_stood_when_the_award_was_recorded_on_day_ten(
    key: dict[str, datetime], expected: tuple[str, datetime]
) -> None:
    assert standing(record(**key)) == expected


def test_judge_says_that_the_key_is_unknown_when_the_record_does_not_have_it() -> None:
    assert standing(msgspec.structs.replace(record(), keys=())) == ("unknown", None)


@pytest.mark.parametrize("withdrawn, count", [(None, 1), (day(10), 0), (day(10.1), 1)])
def test_judge_names_the_accreditations_when_they_held_at_the_award(withdrawn: datetime | None, count: int) -> None:
    known = record()
    accreditation = msgspec.structs.replace(known.accreditations[0], withdrawn_at=withdrawn)
    answer: StatusAnswer = judge(
        facts(), now=NOW, institution=msgspec.structs.replace(known, accreditations=(accreditation,))
    )
    assert answer.issuer is not None
    assert answer.issuer.accreditations == ("accreditation-1",) * count


def test_judge_says_nothing_of_the_issuer_when_the_award_is_unknown() -> None:
    assert judge(facts(), now=NOW, known_at=day(2), institution=record()).issuer is None
