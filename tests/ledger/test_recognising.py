"""Commands on recognitions and agreements over a real ledger: what is shown, kept, logged and erased."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from ledger.access import Actor
from ledger.agreement import Terms
from ledger.application import Outcome, Request, institution_id
from ledger.commitment import NOTE_KIND, RECOGNITION_KIND, commit
from ledger.credential import Credential
from ledger.decision import DecisionClaim, SubstantialDifference, Towards, parse_details
from ledger.error import ErasedError, ForbiddenError, InvalidInputError, NotFoundError, RuleError
from ledger.limit import Limits
from ledger.reason import Reason
from ledger.recognised_award import AwardShown, File, HeldAward, PaperAward, SignedAward
from ledger.recognition_credit import credit_on
from tests.ledger.world import CODE, OPERATOR, SLUG, START, World, claim, open_world, settle

WEST = "west"
WORKLOAD = (SubstantialDifference.WORKLOAD,)
PART = DecisionClaim(decision="partial", reasons=WORKLOAD, credits_centi=100, outcomes=("cleans a table",))
FULL = DecisionClaim(decision="full")
REFUSED = DecisionClaim(decision="refused", reasons=(SubstantialDifference.AUTHENTICITY,))
SCAN = b"%PDF-1.7 a scan with a name on it"
PAPER = PaperAward(
    title="Kursus",
    awarded_by="Fjordby",
    country="DK",
    awarded_on=date(2025, 6, 1),
    credits_centi=500,
    eqf_level=5,
    outcomes=("cleans a table", "reads"),
    files=(
        File(name="scan.pdf", media_type="application/pdf", content=base64.b64encode(SCAN).decode()),
        File(name="letter.txt", media_type="text/plain", content=base64.b64encode(b"We confirm.").decode()),
    ),
)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = settle(open_world(tmp_path))
    made.registry.register(slug=WEST, name="Western College", country="LV", kind="university", actor=OPERATOR)
    yield made
    made.close()


def west(world: World) -> Actor:
    return Actor(name="west", role="issuer", institution=world.ledger.institution(WEST).id)


def held(world: World, public_id: str) -> HeldAward:
    """The award as its holder shows it."""
    kept = world.issuance.sealed_document(public_id)
    salt = base64.b64encode(kept.salt).decode()
    return HeldAward(credential=public_id, document=msgspec.json.decode(kept.document), salt=salt)


def decide(world: World, shown: AwardShown, decision: DecisionClaim | None = PART, **more: Any) -> UUID:  # noqa: ANN401  passed through as given
    return UUID(decided(world, shown, decision, **more).answer["recognition"])


def decided(world: World, shown: AwardShown, decision: DecisionClaim | None = PART, **more: Any) -> Outcome:  # noqa: ANN401  as above
    facts: dict[str, Any] = {"slug": WEST, "learner": "W-7", "actor": west(world)} | more
    return world.recognising.decide(shown=shown, decision=decision, **facts)


def test_award_of_this_ledger_is_recognised_when_document_and_salt_open_its_commitment(world: World) -> None:
    [public_id] = world.issue(claim(grade="B"))
    identity = decide(world, held(world, public_id))
    known = world.recognising.book.recognition(identity)
    opened = world.recognising.book.details(known)[1]
    award = opened.award
    assert (award.origin, award.credential, award.institution, award.achievement) == ("ledger", public_id, SLUG, CODE)
    assert (award.credits_centi, award.eqf_level, award.grade, award.awarded_on) == (250, 6, "B", date(2026, 2, 1))
    assert award.outcomes == ("cleans a table", "plots a distribution")
    kept = world.recognising.book.kept(known, 1)
    assert commit(identity, RECOGNITION_KIND, kept.form, kept.salt) == known.rulings[0].details
    assert parse_details(kept.form) == opened
    assert known.rulings[0].appeal_until == START + timedelta(days=30)
    assert credit_on(known, {1: opened}, None, START.date()).credits_centi == 100


def test_holders_bundle_serves_as_well_as_document_and_salt(world: World) -> None:
    [public_id] = world.issue(claim())
    shown = held(world, public_id)
    bundle = {"format": "cairn/bundle/v1", "document": shown.document, "salt": shown.salt, "evidence": None}
    decide(world, HeldAward(credential=public_id, bundle=bundle))


def test_every_form_of_an_award_opens_its_commitment_and_tells_no_more_than_it_shows(world: World) -> None:
    """The grade in a token that holds it is known; the one that an SD-JWT withholds stays withheld."""
    world.registry.choose_forms(slug=SLUG, forms=["vc-jwt", "sd-jwt", "elm"], actor=OPERATOR)
    [public_id] = world.issue(claim(grade="B"))
    kept = world.issuance.sealed_document(public_id)
    grades = {}
    for kind, form in kept.forms.items():
        text = form.form.decode()
        document = msgspec.json.decode(text) if kind == "elm" else text
        salt = base64.b64encode(form.salt).decode()
        identity = decide(world, HeldAward(credential=public_id, document=document, salt=salt))
        known = world.recognising.book.recognition(identity)
        grades[kind] = world.recognising.book.details(known)[1].award.grade
    assert grades == {"vc+jwt": "B", "vc+sd-jwt": None, "elm": None}


@pytest.mark.parametrize(
    "changes, pointer",
    [
        ({"document": None, "salt": None}, "/award/document"),
        ({"salt": None}, "/award/salt"),
        ({"salt": base64.b64encode(bytes(32)).decode()}, "/award/document"),
        ({"salt": base64.b64encode(bytes(31)).decode()}, "/award/salt"),
        ({"salt": "!"}, "/award/salt"),
        ({"document": {"name": "another"}}, "/award/document"),
        ({"document": "no.token.here"}, "/award/document"),
        ({"document": {"name": "\ud800"}}, "/award/document"),
        ({"bundle": {"document": {}, "salt": "AA=="}}, "/award/bundle"),
        ({"document": None, "salt": None, "bundle": {"document": {}}}, "/award/bundle"),
        ({"document": None, "salt": None, "bundle": {"document": {}, "salt": "AA=="}}, "/award/bundle/salt"),
        ({"credential": "nonsense"}, "/award/credential"),
    ],
)
def test_award_is_not_recognised_when_nothing_shows_that_its_holder_gave_it(
    world: World, changes: dict[str, object], pointer: str
) -> None:
    [public_id] = world.issue(claim())
    before = world.ledger.newest()
    with pytest.raises(InvalidInputError) as caught:
        decide(world, msgspec.structs.replace(held(world, public_id), **changes))
    assert caught.value.pointer == pointer
    assert world.ledger.newest() == before


def test_salt_of_another_award_opens_nothing(world: World) -> None:
    one, other = world.issue(claim(), claim("Bo"))
    shown = msgspec.structs.replace(held(world, one), credential=other)
    with pytest.raises(InvalidInputError, match="ask the holder for both"):
        decide(world, shown)


def test_own_award_is_recognised_without_being_shown_and_belongs_to_its_holder(world: World) -> None:
    [public_id] = world.issue(claim(reference="N-1", grade="A"))
    north = Actor(name="north", role="issuer", institution=institution_id(SLUG))
    identity = decide(world, HeldAward(credential=public_id), slug=SLUG, learner=None, actor=north)
    assert world.vault.learner_of(identity).handle == world.vault.find_learner(institution_id(SLUG), "N-1")
    known = world.recognising.book.recognition(identity)
    assert world.recognising.book.details(known)[1].award.grade == "A"
    decide(world, HeldAward(credential=public_id), slug=SLUG, learner="N-1", actor=north)
    with pytest.raises(InvalidInputError, match="another learner") as caught:
        decide(world, HeldAward(credential=public_id), slug=SLUG, learner="N-2", actor=north)
    assert caught.value.pointer == "/learner"


@pytest.mark.parametrize("learner", [None, "", "x" * 121])
def test_learner_is_named_so_that_they_can_be_erased(world: World, learner: str | None) -> None:
    with pytest.raises(InvalidInputError) as caught:
        decide(world, PAPER, learner=learner)
    assert caught.value.pointer == "/learner"


@pytest.mark.parametrize("end", ["revoke", "suspend"])
def test_award_that_does_not_hold_can_only_be_refused(world: World, end: str) -> None:
    [public_id] = world.issue(claim())
    getattr(world.lifecycle, end)(public_id=public_id, reason=Reason.OTHER, actor=OPERATOR)
    for decision in (FULL, PART):
        with pytest.raises(RuleError, match="only what holds"):
            decide(world, held(world, public_id), decision)
    decide(world, held(world, public_id), REFUSED)


def test_document_of_an_institutions_own_making_is_no_award(world: World) -> None:
    made = world.records.endorse(slug=SLUG, subject="https://a.example/b", comment=None, actor=OPERATOR).answer
    with pytest.raises(InvalidInputError, match="no award") as caught:
        decide(world, HeldAward(credential=made))
    assert caught.value.pointer == "/award/credential"


def test_paper_award_is_committed_to_and_its_evidence_kept(world: World) -> None:
    identity = decide(world, PAPER)
    known = world.recognising.book.recognition(identity)
    award = world.recognising.book.details(known)[1].award
    assert (award.origin, award.title, award.credential) == ("paper", "Kursus", None)
    assert [(file.name, file.bytes) for file in award.files] == [("scan.pdf", len(SCAN)), ("letter.txt", 11)]
    assert [world.recognising.book.file(identity, number) for number in (0, 1)] == [SCAN, b"We confirm."]


def test_signed_award_from_elsewhere_is_kept_to_the_byte(world: World) -> None:
    raw = b"eyJhbGciOiJFZERTQSJ9.e30.AAAA"
    file = File(name="badge.jwt", media_type="application/vc+jwt", content=base64.b64encode(raw).decode())
    shown = SignedAward(title="Badge", awarded_by="Elsewhere", awarded_on=date(2025, 6, 1), files=(file,))
    identity = decide(world, shown, DecisionClaim(decision="full", credits_centi=200))
    assert world.recognising.book.file(identity, 0) == raw
    assert world.recognising.book.details(world.recognising.book.recognition(identity))[1].award.origin == "document"


@pytest.mark.parametrize(
    "changes, pointer",
    [
        ({"title": " "}, "/award/title"),
        ({"awarded_by": "x" * 201}, "/award/awarded_by"),
        ({"grade": ""}, "/award/grade"),
        ({"title": "a\x07"}, "/award/title"),
        ({"country": "Denmark"}, "/award/country"),
        ({"awarded_on": date(2026, 3, 2)}, "/award/awarded_on"),
        ({"valid_until": date(2025, 5, 31)}, "/award/valid_until"),
        ({"credits_centi": 0}, "/award/credits_centi"),
        ({"workload_minutes": -1}, "/award/workload_minutes"),
        ({"eqf_level": 9}, "/award/eqf_level"),
        ({"fields": ("x",)}, "/award/fields"),
        ({"outcomes": ("",)}, "/award/outcomes/0"),
        ({"files": ()}, "/award/files"),
        ({"files": PAPER.files * 6}, "/award/files"),
        ({"files": (msgspec.structs.replace(PAPER.files[0], content="?"),)}, "/award/files/0/content"),
        ({"files": (msgspec.structs.replace(PAPER.files[0], content=""),)}, "/award/files/0/content"),
        ({"files": (msgspec.structs.replace(PAPER.files[0], name=""),)}, "/award/files/0/name"),
        ({"files": (msgspec.structs.replace(PAPER.files[0], media_type="PDF"),)}, "/award/files/0/media_type"),
    ],
)
def test_award_from_elsewhere_is_refused_when_ill_formed(
    world: World, changes: dict[str, object], pointer: str
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        decide(world, msgspec.structs.replace(PAPER, **changes))
    assert caught.value.pointer == pointer


def test_decision_that_does_not_fit_names_its_place(world: World) -> None:
    with pytest.raises(InvalidInputError, match="no reason, no refusal") as caught:
        decide(world, PAPER, DecisionClaim(decision="refused"))
    assert caught.value.pointer == "/decision/reasons"


def test_events_name_neither_award_nor_learner(world: World) -> None:
    [public_id] = world.issue(claim("Mari Maasikas", reference="N-1"))
    before = world.ledger.newest()
    decide(world, held(world, public_id), msgspec.structs.replace(PART, explanation="Mari did well."))
    identity = decide(world, PAPER)
    world.recognising.appeal(recognition=identity, statement="I am Mari.", actor=west(world))
    award = str(world.ledger.credential(public_id).id)
    for event in world.ledger.read(before, 100):
        for secret in (public_id, award, award.replace("-", ""), "Mari", "Kursus", "W-7", "N-1", "cleans", "100"):
            assert secret.encode() not in event.state, (event.topic, secret)


def test_only_the_deciding_institution_acts_on_a_recognition(world: World) -> None:
    identity, north = decide(world, PAPER), Actor(name="n", role="issuer", institution=institution_id(SLUG))
    with pytest.raises(ForbiddenError):
        decide(world, PAPER, actor=north)
    with pytest.raises(ForbiddenError):
        world.recognising.appeal(recognition=identity, actor=north)
    with pytest.raises(ForbiddenError):
        world.recognising.withdraw(recognition=identity, reason=Reason.OTHER, actor=north)
    with pytest.raises(NotFoundError, match="no such recognition"):
        world.recognising.withdraw(recognition=UUID(int=1), reason=Reason.OTHER, actor=OPERATOR)


def test_appeal_changes_the_decision_from_its_own_beginning(world: World) -> None:
    identity = decide(world, PAPER)
    world.clock.advance(days=10)
    world.recognising.appeal(recognition=identity, statement="Read my thesis.", actor=west(world))
    known = world.recognising.book.recognition(identity)
    assert known.open_appeal is not None
    assert known.open_appeal.decide_by == world.clock.now + timedelta(days=90)
    world.clock.advance(days=10)
    world.recognising.decide_appeal(recognition=identity, result="changed", decision=FULL, actor=west(world))
    known = world.recognising.book.recognition(identity)
    opened = world.recognising.book.details(known)
    assert sorted(opened) == [1, 3]
    assert credit_on(known, opened, None, START.date()).credits_centi == 500
    kept = world.recognising.book.kept(known, 3)
    assert commit(identity, RECOGNITION_KIND, kept.form, kept.salt) == known.rulings[1].details


def test_statements_are_sealed_and_open_their_commitments(world: World) -> None:
    identity = decide(world, PAPER)
    world.recognising.appeal(recognition=identity, statement="Read my thesis.", actor=west(world))
    world.recognising.decide_appeal(recognition=identity, result="upheld", statement="We did.", actor=west(world))
    world.recognising.withdraw(recognition=identity, reason=Reason.SUPERSEDED, note="See file 9.", actor=west(world))
    events = [world.ledger.event_mapper.to_domain_event(e).body for e in world.ledger.store.select_events(identity)]
    for version, (words, member) in enumerate(
        [("Read my thesis.", "statement"), ("We did.", "statement"), ("See file 9.", "note")], start=2
    ):
        sealed = world.vault.open(identity, f"{NOTE_KIND}-{version}")
        salt, form = sealed[:32], sealed[32:]
        assert form.decode() == words
        assert commit(identity, NOTE_KIND, form, salt) == getattr(events[version - 1], member)


def test_outcome_is_refused_when_it_changes_nothing_or_lacks_its_decision(world: World) -> None:
    identity = decide(world, PAPER)
    world.recognising.appeal(recognition=identity, actor=west(world))
    acts: dict[str, Any] = {"recognition": identity, "actor": west(world)}
    with pytest.raises(RuleError, match="uphold it"):
        world.recognising.decide_appeal(result="changed", decision=PART, **acts)
    with pytest.raises(InvalidInputError, match="comes with the new one"):
        world.recognising.decide_appeal(result="changed", **acts)
    with pytest.raises(InvalidInputError, match="comes with the new one"):
        world.recognising.decide_appeal(result="upheld", decision=FULL, **acts)
    with pytest.raises(InvalidInputError) as caught:
        world.recognising.decide_appeal(
            result="changed", decision=msgspec.structs.replace(PART, credits_centi=501), **acts
        )
    assert caught.value.pointer == "/decision/credits_centi"


def test_erasure_removes_the_details_the_files_and_the_statements(world: World) -> None:
    identity = decide(world, PAPER)
    other = decide(world, PAPER, learner="W-8")
    world.recognising.appeal(recognition=identity, statement="Read my thesis.", actor=west(world))
    world.erasing.erase_learner(slug=WEST, reference="W-7", actor=west(world))
    known = world.recognising.book.recognition(identity)
    assert known.rulings[0].decision == "partial"
    assert world.recognising.book.details(known) == {}
    assert credit_on(known, {}, None, START.date()).is_nothing
    for look in (
        lambda: world.recognising.book.kept(known, 1),
        lambda: world.recognising.book.file(identity, 0),
        lambda: world.vault.open(identity, f"{NOTE_KIND}-2"),
    ):
        with pytest.raises(ErasedError):
            look()
    assert world.recognising.book.file(other, 0) == SCAN
    for path in world.directory.iterdir():
        assert SCAN not in path.read_bytes()
    world.recognising.decide_appeal(recognition=identity, result="upheld", actor=west(world))
    world.recognising.withdraw(recognition=identity, reason=Reason.OTHER, actor=west(world))
    assert world.recognising.book.recognition(identity).withdrawal is not None


def test_changed_decision_is_refused_when_nobody_can_tell_any_more_what_it_is_about(world: World) -> None:
    identity = decide(world, PAPER)
    world.recognising.appeal(recognition=identity, actor=west(world))
    world.erasing.erase_learner(slug=WEST, reference="W-7", actor=west(world))
    with pytest.raises(ErasedError):
        world.recognising.decide_appeal(recognition=identity, result="changed", decision=FULL, actor=west(world))


def test_repeated_request_has_the_first_ones_answer(world: World) -> None:
    request = Request(scope="west POST /v1/recognitions", key="k", body=b"{}")
    one, other = (decided(world, PAPER, request=request) for _ in range(2))
    assert (one.answer, one.repeated, other.repeated) == (other.answer, False, True)


# ── agreements ──────────────────────────────────────────────────────────────────────────────────────


def agree(world: World, *, accept: bool = True, **changes: Any) -> UUID:  # noqa: ANN401  any member of the terms
    """West recognises what North awards."""
    until = changes.pop("valid_until", None)
    begin = changes.pop("valid_from", None)
    members = {"awards_of": "partner", "achievements": (), "limits": Limits(), "share_percent": 100, "cap_centi": None}
    terms = Terms(**(members | changes))  # type: ignore[arg-type]  # passed through as given
    outcome = world.agreeing.propose(
        slug=WEST, partner=SLUG, terms=terms, valid_from=begin, valid_until=until, actor=west(world)
    )
    identity = UUID(outcome.answer["agreement"])
    if accept:
        world.agreeing.accept(agreement=identity, slug=SLUG, actor=OPERATOR)
    return identity


def test_agreement_has_what_lies_within_it_recognised_in_full_and_is_named_in_the_details(world: World) -> None:
    agreement = agree(world, limits=Limits(levels=(6,)), share_percent=50)
    [public_id] = world.issue(claim())
    outcome = decided(world, held(world, public_id), None)
    assert outcome.answer["agreement"] == str(agreement)
    known = world.recognising.book.recognition(UUID(outcome.answer["recognition"]))
    opened = world.recognising.book.details(known)
    assert (known.rulings[0].decision, known.rulings[0].reasons) == ("full", ())
    assert opened[1].agreement == agreement
    assert credit_on(known, opened, world.agreeing.agreement(agreement), START.date()).credits_centi == 125
    before = world.ledger.read(0, 1_000)
    assert not any(str(agreement).encode() in one.state for one in before if one.topic.startswith("recognition."))


@pytest.mark.parametrize(
    "changes",
    [
        {"accept": False},
        {"achievements": ("OTHER-1",)},
        {"limits": Limits(levels=(5,))},
        {"limits": Limits(fields=("06",))},
        {"limits": Limits(country="LV")},
        {"awards_of": "proposer"},
        {"valid_from": START + timedelta(seconds=1)},
    ],
)
def test_somebody_has_to_decide_when_no_agreement_covers_the_award(world: World, changes: dict[str, Any]) -> None:
    agree(world, **changes)
    [public_id] = world.issue(claim())
    with pytest.raises(RuleError, match="say what is decided"):
        decide(world, held(world, public_id), None)
    decide(world, held(world, public_id), PART)


def test_agreement_covers_nothing_from_elsewhere(world: World) -> None:
    agree(world)
    with pytest.raises(RuleError, match="say what is decided"):
        decide(world, PAPER, None)


def test_agreement_decides_at_the_last_instant_of_its_time_and_not_after(world: World) -> None:
    until = START + timedelta(days=1)
    agree(world, valid_until=until)
    [public_id] = world.issue(claim())
    world.clock.now = until
    decide(world, held(world, public_id), None)
    world.clock.advance(milliseconds=1)
    with pytest.raises(RuleError, match="say what is decided"):
        decide(world, held(world, public_id), None)
    decide(world, held(world, public_id), None, effective_at=until)


def test_what_was_recognised_under_an_agreement_stands_when_it_is_ended(world: World) -> None:
    agreement = agree(world)
    one, other = world.issue(claim(), claim("Bo"))
    identity = decide(world, held(world, one), None)
    world.clock.advance(hours=1)
    world.agreeing.end(agreement=agreement, slug=WEST, actor=west(world))
    with pytest.raises(RuleError, match="say what is decided"):
        decide(world, held(world, other), None)
    known = world.recognising.book.recognition(identity)
    credit = credit_on(
        known,
        world.recognising.book.details(known),
        world.agreeing.agreement(agreement),
        START.date() + timedelta(days=9),
    )
    assert credit.credits_centi == 250


def test_second_agreement_decides_when_the_first_does_not_cover_the_award(world: World) -> None:
    agree(world, achievements=("OTHER-1",))
    second = agree(world)
    between = world.recognising.book.agreements_between(institution_id(SLUG), institution_id(WEST))
    assert [agreement.number for agreement in between] == [1, 2]
    [public_id] = world.issue(claim())
    assert decided(world, held(world, public_id), None).answer["agreement"] == str(second)


def test_agreement_is_accepted_and_ended_by_its_own_two_alone(world: World) -> None:
    agreement = agree(world, accept=False)
    with pytest.raises(RuleError, match="that it was proposed to"):
        world.agreeing.accept(agreement=agreement, slug=WEST, actor=west(world))
    with pytest.raises(ForbiddenError):
        world.agreeing.accept(agreement=agreement, slug=SLUG, actor=west(world))
    with pytest.raises(NotFoundError):
        world.agreeing.accept(agreement=UUID(int=4), slug=None, actor=west(world))
    world.agreeing.end(agreement=agreement, slug=None, actor=west(world))
    with pytest.raises(RuleError, match="accepted or ended before"):
        world.agreeing.accept(agreement=agreement, slug=SLUG, actor=OPERATOR)


def test_award_revoked_while_it_is_being_recognised_is_looked_at_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The decision rests on the award's state: when that has moved on, it is made anew, and refused."""
    [public_id] = world.issue(claim())
    shown, original, calls = held(world, public_id), world.ledger.credential, []

    def credential(wanted: str) -> Credential:
        known = original(wanted)
        calls.append(wanted)
        if len(calls) == 1:
            world.lifecycle.revoke(public_id=public_id, reason=Reason.OTHER, actor=OPERATOR)
        return known

    monkeypatch.setattr(world.recognising._showing._ledger, "credential", credential)
    with pytest.raises(RuleError, match="only what holds"):
        decide(world, shown, FULL)
    assert len(calls) == 3  # first, by the revocation itself, and again


def test_recognition_takes_effect_on_the_day_that_is_given(world: World) -> None:
    begin = datetime(2026, 9, 1, tzinfo=UTC)
    identity = decide(world, PAPER, effective_at=begin, appeal_until=START + timedelta(days=60))
    known = world.recognising.book.recognition(identity)
    opened = world.recognising.book.details(known)
    assert known.rulings[0].appeal_until == START + timedelta(days=60)
    assert [credit_on(known, opened, None, date(2026, month, 1)).credits_centi for month in (3, 8, 9)] == [0, 0, 100]


def test_component_stands_as_its_award_stands_on_the_day(world: World) -> None:
    world.registry.grant_accreditation(
        slug=SLUG,
        by="Agency",
        scope="Level 6",
        limits=Limits(levels=(6,)),
        valid_from=datetime(2026, 2, 1, tzinfo=UTC),
        valid_until=None,
        actor=OPERATOR,
    )
    [public_id] = world.issue(claim(grade="B"))
    identity = decide(world, held(world, public_id), FULL)
    component = world.recognising.book.component(identity, START.date())
    assert component is not None
    assert (component.standing, component.accredited, component.grade) == ("valid", True, "B")
    assert (component.recognised_by, component.source, component.credits_centi) == (WEST, public_id, 250)
    world.clock.advance(days=10)
    world.lifecycle.revoke(public_id=public_id, reason=Reason.OTHER, actor=OPERATOR)
    days = [START.date() + timedelta(days=days) for days in (9, 10, 11)]
    found = [world.recognising.book.component(identity, day) for day in days]
    assert [one and one.standing for one in found] == ["valid", "revoked", "revoked"]
    assert world.recognising.book.component(identity, START.date() - timedelta(days=1)) is None


def test_component_of_an_award_made_outside_of_an_accreditation_says_so(world: World) -> None:
    [public_id] = world.issue(claim())
    identity = decide(world, held(world, public_id), FULL)
    component = world.recognising.book.component(identity, START.date())
    assert component is not None
    assert component.accredited is None
    world.registry.grant_accreditation(
        slug=SLUG,
        by="Agency",
        scope="Level 7",
        limits=Limits(levels=(7,)),
        valid_from=datetime(2026, 1, 1, tzinfo=UTC),
        valid_until=None,
        actor=OPERATOR,
    )
    component = world.recognising.book.component(identity, START.date())
    assert component is not None
    assert component.accredited is False


def test_component_counts_by_the_agreement_and_towards_what_was_said(world: World) -> None:
    agree(world, share_percent=50)
    [public_id] = world.issue(claim())
    component = world.recognising.book.component(decide(world, held(world, public_id), None), START.date())
    assert component is not None
    assert component.credits_centi == 125
    towards = Towards(kind="pathway", code="MASTER")
    identity = decide(world, PAPER, msgspec.structs.replace(PART, towards=towards))
    assert world.recognising.book.component(identity, START.date()) is None
    assert world.recognising.book.component(identity, START.date(), towards) is not None
    world.erasing.erase_learner(slug=WEST, reference="W-7", actor=west(world))
    assert world.recognising.book.component(identity, START.date(), towards) is None
    with pytest.raises(NotFoundError):
        world.recognising.book.component(UUID(int=1), START.date())
