"""Stacking: what is pinned, what is spent, what is refused, and who wins when two are at once."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from ledger.access import Actor
from ledger.application import Request
from ledger.claim import AwardClaim, LearnerClaim
from ledger.commitment import DERIVATION_KIND, commit
from ledger.credential import Credential
from ledger.credential_id import credential_aggregate_id
from ledger.error import ErasedError, ForbiddenError, InvalidInputError, NotStackedError, RuleError
from ledger.form.open_badge import elements_of
from ledger.limit import Limits
from ledger.pathway import read_rules
from ledger.reason import Reason
from ledger.stacking.derivation import parse_derivation
from ledger.stacking.evaluate import check_derivation
from ledger.stacking_up import WaiverClaim
from tests.ledger.stack_world import (
    CENTI,
    FOREIGN_MODULE,
    MASTER,
    MASTER_PATHWAY,
    OTHER,
    PATHWAY,
    award,
    modules,
    publish,
    rules,
    settle_stacks,
    stack,
    stack_claim,
    topics,
    try_out,
    with_bundle,
)
from tests.ledger.world import OPERATOR, SLUG, START, World

WAIVABLE: dict[str, Any] = {"counting": [{"rule": "recency", "id": "fresh", "years": 1, "waivable": True}]}
WAIVER = WaiverClaim(
    rule="fresh", code="practice_since", officer="Dean Recognisable", reason="Worked in it ever since."
)

BEFORE = START - timedelta(days=900)
EE_ONLY = Limits(country="EE", kinds=("micro_credential",))


@pytest.fixture
def stacks(world: World) -> World:
    return settle_stacks(world)


def test_stack_is_an_award_whose_second_event_pins_the_rules_and_commits_to_the_derivation(stacks: World) -> None:
    made = stack(stacks, *modules(stacks))
    assert topics(stacks, made) == ["issued", "stacked"]
    identity = credential_aggregate_id(made)
    stored = stacks.ledger.store.select_events(identity)
    body = stacks.ledger.event_mapper.to_domain_event(stored[1]).body
    pathway = stacks.ledger.pathway(stacks.ledger.institution(SLUG).id, PATHWAY)
    kept = stacks.stacking.derivation(made)
    assert isinstance(body, Credential.Stacked)
    assert (body.pathway, body.pathway_version) == (pathway.id, 1)
    assert body.rules == read_rules(pathway.versions[0].rules).digest()
    assert body.derivation == commit(identity, DERIVATION_KIND, kept.derivation, kept.salt)
    credential = stacks.ledger.credential(made)
    assert (credential.pathway, credential.pathway_version) == (pathway.id, 1)


def test_stack_can_be_checked_again_from_its_derivation_alone(stacks: World) -> None:
    derivation = parse_derivation(stacks.stacking.derivation(stack(stacks, *modules(stacks))).derivation)
    pathway = stacks.ledger.pathway(stacks.ledger.institution(SLUG).id, PATHWAY)
    assert check_derivation(read_rules(pathway.versions[0].rules), derivation) == []
    assert len(derivation.uses) == 2  # a third module is not needed, and stays the learner's


def test_events_of_a_stack_name_no_component(stacks: World) -> None:
    used = modules(stacks)
    made = stack(stacks, *used)
    written = b"".join(state for _, state in stacks.events()[-2:])
    for component in used:
        assert component.encode() not in written
        assert str(credential_aggregate_id(component)).encode() not in written
    assert topics(stacks, made) == ["issued", "stacked"]


def test_document_of_a_stack_names_its_rules_and_its_components_only_when_asked(stacks: World) -> None:
    used = modules(stacks)
    plain = stacks.issuance.sealed_document(stack(stacks, *used[:2])).document
    pathway = stacks.ledger.pathway(stacks.ledger.institution(SLUG).id, PATHWAY)
    digest = read_rules(pathway.versions[0].rules).digest()
    said = elements_of(msgspec.json.decode(plain))["stacked"]
    assert said == {"pathway": f"{SLUG}/{PATHWAY}", "version": 1, "rules": digest}
    more = [award(stacks, code) for code in ("MOD-1", "MOD-2")]
    named = stacks.issuance.sealed_document(stack(stacks, *more, name_components=True)).document
    assert sorted(elements_of(msgspec.json.decode(named))["stacked"]["components"]) == sorted(more)


def test_credits_are_spent_once(stacks: World) -> None:
    used = modules(stacks)
    first = stack(stacks, *used)
    with pytest.raises(NotStackedError, match="do not stack") as caught:
        stack(stacks, *used)
    assert not caught.value.undecided
    assert caught.value.evaluation["state"] == "unmet"
    spent = stacks.book.made(credential_aggregate_id(first))
    assert [(row.spent.amount, row.spent.whole, row.spent.unit) for row in spent] == [(CENTI, CENTI, "ects")] * 2


def test_credits_are_free_again_when_the_stack_is_revoked(stacks: World) -> None:
    used = modules(stacks, 2)
    first = stack(stacks, *used)
    stacks.lifecycle.revoke(public_id=first, reason=Reason.ISSUED_IN_ERROR, actor=OPERATOR)
    assert stack(stacks, *used) != first


def test_credits_count_again_for_a_higher_stack_as_far_as_its_cap_goes(stacks: World) -> None:
    used = modules(stacks, 2)
    stack(stacks, *used)
    capped = rules(overlap={"rule": "overlap", "id": "overlap", "caps": [{"targets": ["Certificate"], "credits": 500}]})
    publish(stacks, capped, code=MASTER_PATHWAY, to=MASTER)
    with pytest.raises(NotStackedError):
        stack(stacks, *used, pathway=MASTER_PATHWAY)
    made = stack(stacks, *used, award(stacks, "MOD-3"), pathway=MASTER_PATHWAY)
    derivation = parse_derivation(stacks.stacking.derivation(made).derivation)
    assert sum(use.reused for use in derivation.uses) == CENTI
    assert sum(use.spent for use in derivation.uses) == CENTI
    rows = stacks.book.made(credential_aggregate_id(made))
    assert sum(row.spent.amount for row in rows) == CENTI
    assert len(rows) == len(derivation.components)


def test_replaced_award_leaves_its_successor_spent(stacks: World) -> None:
    used = modules(stacks, 2)
    stack(stacks, *used)
    corrected = stacks.issuance.replace(
        public_id=used[0],
        claim=msgspec.structs.replace(_claim_of(stacks, used[0]), grade="A"),
        reason=Reason.INCORRECT_DATA,
        actor=OPERATOR,
    ).answer[0]
    with pytest.raises(NotStackedError):
        stack(stacks, corrected, award(stacks, "MOD-2"))


def _claim_of(world: World, public_id: str) -> AwardClaim:
    return msgspec.msgpack.decode(world.issuance.sealed_document(public_id).claim, type=AwardClaim)


def test_stacked_award_is_not_replaced_but_stacked_again(stacks: World) -> None:
    made = stack(stacks, *modules(stacks))
    with pytest.raises(RuleError, match="stack it again"):
        stacks.issuance.replace(
            public_id=made, claim=_claim_of(stacks, made), reason=Reason.INCORRECT_DATA, actor=OPERATOR
        )


def test_award_of_another_institution_counts_with_what_its_holder_has_of_it(stacks: World) -> None:
    own, foreign = award(stacks, "MOD-1"), award(stacks, FOREIGN_MODULE, slug=OTHER, reference="other", grade="B")
    with pytest.raises(InvalidInputError, match="hand over") as caught:
        stack(stacks, own, foreign)
    assert caught.value.pointer == "/awards/1/document"
    made = stack(stacks, own, with_bundle(stacks, foreign))
    derivation = parse_derivation(stacks.stacking.derivation(made).derivation)
    [component] = [one for one in derivation.components if one.award == foreign]
    assert (component.institution, component.achievement, component.grade) == (OTHER, FOREIGN_MODULE, "B")
    assert component.awarded_on == date(2026, 2, 1)
    assert component.supervised is True


def test_award_of_another_institution_is_refused_when_what_is_shown_is_not_what_was_recorded(stacks: World) -> None:
    own, foreign = award(stacks, "MOD-1"), award(stacks, FOREIGN_MODULE, slug=OTHER, grade="B")
    shown = with_bundle(stacks, foreign)
    assert shown.document is not None
    assert shown.salt is not None
    better = {**shown.document, "name": "Another name"}
    for changed in (
        msgspec.structs.replace(shown, document=better),
        msgspec.structs.replace(shown, salt=bytes(32)),
        msgspec.structs.replace(with_bundle(stacks, own), award=foreign),
    ):
        with pytest.raises(InvalidInputError, match="not what the log has recorded"):
            stack(stacks, own, changed)
    with pytest.raises(InvalidInputError, match="comes with the salt"):
        stack(stacks, own, msgspec.structs.replace(shown, salt=None))


@pytest.mark.parametrize(
    "limits, stands", [(None, True), (Limits(levels=(6,)), True), (Limits(levels=(5,)), False), (EE_ONLY, True)]
)
def test_accreditation_counts_in_a_stack_for_what_it_extends_to_alone(
    stacks: World,
    limits: Limits | None,
    stands: bool,  # noqa: FBT001  a column of the table
) -> None:
    publish(stacks, rules(counting=[{"rule": "quality", "id": "accredited", "accredited": True}]), code="STRICT")
    stacks.registry.grant_accreditation(
        slug=SLUG, by="Agency", scope="All.", valid_from=BEFORE, valid_until=None, actor=OPERATOR, limits=limits
    )
    assert (try_out(stacks, *modules(stacks), pathway="STRICT")["state"] == "met") is stands


def test_award_of_another_learner_does_not_count(stacks: World) -> None:
    with pytest.raises(InvalidInputError, match="another learner's") as caught:
        stack(stacks, award(stacks, "MOD-1"), award(stacks, "MOD-2", reference="S-2"))
    assert caught.value.pointer == "/awards/1/award"


@pytest.mark.parametrize(
    "presented, match",
    [
        (["06almlq1o0sb9piish6qfshn1mf2c3h72dig"], "no such award"),
        (["nonsense"], "a credential id is"),
        (["recognition:0123456789abcdef0123456789abcdef"], "no such recognition"),
        ([], "1 to 200 awards"),
    ],
)
def test_stack_is_refused_when_an_award_cannot_be_one(stacks: World, presented: list[str], match: str) -> None:
    with pytest.raises(InvalidInputError, match=match):
        stack(stacks, *presented)


def test_stack_is_refused_when_an_award_is_presented_twice_or_the_day_is_to_come(stacks: World) -> None:
    one = award(stacks, "MOD-1")
    with pytest.raises(InvalidInputError, match="twice"):
        stack(stacks, one, one)
    with pytest.raises(InvalidInputError, match="future"):
        stack(stacks, one, day=(START + timedelta(days=1)).date())


def test_suspended_award_does_not_count_and_the_explanation_says_so(stacks: World) -> None:
    used = modules(stacks, 2)
    stacks.lifecycle.suspend(public_id=used[0], reason=Reason.UNDER_REVIEW, actor=OPERATOR)
    explained = try_out(stacks, *used)
    assert explained["state"] == "unmet"
    assert any(used[0] in outcome.get("excluded", ()) for outcome in explained["outcomes"])


def test_trial_writes_nothing_and_explains_itself(stacks: World) -> None:
    used = modules(stacks)
    before = stacks.events()
    rows = stacks.ledger.store.query("SELECT COUNT(*) FROM vault_item")
    met, unmet = try_out(stacks, *used), try_out(stacks, used[0])
    assert met["state"] == "met"
    assert [outcome["state"] for outcome in met["outcomes"] if outcome["rule"] == "total"] == ["met"]
    assert unmet["state"] == "unmet"
    [total] = [outcome for outcome in unmet["outcomes"] if outcome["rule"] == "total"]
    assert (total["state"], total["have"], total["need"]) == ("unmet", CENTI, 2 * CENTI)
    assert stacks.events() == before
    assert stacks.ledger.store.query("SELECT COUNT(*) FROM vault_item") == rows


def test_officer_waives_a_rule_and_stays_out_of_event_and_derivation(world: World) -> None:
    stacks = settle_stacks(world, rules(**WAIVABLE))
    stacks.clock.advance(days=500)
    used = [*modules(stacks, 1), award(stacks, "MOD-2", awarded_on=date(2026, 2, 1))]
    with pytest.raises(NotStackedError, match="do not stack"):
        stack(stacks, *used)
    made = stack(stacks, *used, waivers=(WAIVER,))
    kept = stacks.stacking.derivation(made)
    assert [(one.rule, one.code) for one in parse_derivation(kept.derivation).waivers] == [("fresh", "practice_since")]
    assert kept.waivers == (WAIVER,)
    for secret in (WAIVER.officer, WAIVER.reason):
        assert secret.encode() not in kept.derivation
        assert not any(secret.encode() in state for _, state in stacks.events())
    acts = stacks.ledger.store.query("SELECT actor, act FROM access_audit ORDER BY number DESC LIMIT 1")
    assert acts == [("test for Dean Recognisable", "stacking.waive fresh practice_since")]


def test_rule_is_not_waived_when_the_pathway_does_not_allow_it(stacks: World) -> None:
    waiver = msgspec.structs.replace(WAIVER, rule="total")
    with pytest.raises(InvalidInputError, match="may waive") as caught:
        stack(stacks, award(stacks, "MOD-1"), waivers=(waiver,))
    assert caught.value.pointer == "/waivers/0/rule"


def test_older_version_stays_what_was_awarded_under_it_and_may_be_stacked_by(stacks: World) -> None:
    first = stack(stacks, *modules(stacks))
    before = stacks.ledger.pathway(stacks.ledger.institution(SLUG).id, PATHWAY).versions[0]
    assert publish(stacks, rules(credits_centi=3 * CENTI), "Three modules are asked for, not two.") == 2
    assert stacks.ledger.pathway(stacks.ledger.institution(SLUG).id, PATHWAY).versions[0] == before
    more = [award(stacks, code) for code in ("MOD-1", "MOD-2")]
    with pytest.raises(NotStackedError):
        stack(stacks, *more)
    second = stack(stacks, *more, version=1)
    assert [stacks.ledger.credential(one).pathway_version for one in (first, second)] == [1, 1]
    with pytest.raises(InvalidInputError, match="versions 1 to 2"):
        stack(stacks, *more, version=3)


def test_retired_pathway_takes_nobody_in(stacks: World) -> None:
    stacks.pathways.retire(slug=SLUG, code=PATHWAY, actor=OPERATOR)
    with pytest.raises(RuleError, match="retired"):
        stack(stacks, *modules(stacks))


def test_stack_by_another_institution_is_forbidden(stacks: World) -> None:
    stranger = Actor(name="stranger", role="issuer", institution=UUID(int=9))
    with pytest.raises(ForbiddenError):
        stacks.stacking.stack(slug=SLUG, claim=stack_claim(*modules(stacks)), actor=stranger)


def test_stack_is_answered_alike_when_the_request_is_repeated(stacks: World) -> None:
    claim = stack_claim(*modules(stacks))
    request = Request("key", "once", b"body")
    first = stacks.stacking.stack(slug=SLUG, claim=claim, actor=OPERATOR, request=request)
    again = stacks.stacking.stack(slug=SLUG, claim=claim, actor=OPERATOR, request=request)
    assert (again.answer, again.repeated) == (first.answer, True)


def test_erasure_takes_derivation_and_spending_and_leaves_the_award(stacks: World) -> None:
    made = stack(stacks, *modules(stacks))
    stacks.erasing.erase_learner(slug=SLUG, reference="S-1", actor=OPERATOR)
    with pytest.raises(ErasedError):
        stacks.stacking.derivation(made)
    assert stacks.book.made(credential_aggregate_id(made)) == []
    assert stacks.ledger.credential(made).state == "active"


def test_one_of_many_wins_when_all_would_spend_the_same_credits(stacks: World) -> None:
    used = modules(stacks, 2)
    outcomes: list[str] = []
    start = threading.Barrier(6)

    def act() -> None:
        start.wait()
        try:
            outcomes.append(stack(stacks, *used))
        except NotStackedError as error:
            outcomes.append(str(error.evaluation["state"]))

    threads = [threading.Thread(target=act) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    won = [outcome for outcome in outcomes if outcome != "unmet"]
    assert (len(won), outcomes.count("unmet")) == (1, 5)
    assert {row.stack for one in used for row in stacks.book.live(credential_aggregate_id(one))} == {
        credential_aggregate_id(won[0])
    }


def test_stack_of_a_learner_without_reference_needs_what_the_holder_has(stacks: World) -> None:
    used = [with_bundle(stacks, one) for one in modules(stacks, 2)]
    made = stack(stacks, *used, learner=LearnerClaim(name="Ada Example"))
    assert stacks.ledger.credential(made).state == "active"


def test_stack_of_an_earlier_day_looks_at_components_as_of_then(stacks: World) -> None:
    used = modules(stacks, 2)
    stacks.clock.advance(days=20)
    made = stack(stacks, *used, day=date(2026, 3, 5))
    assert parse_derivation(stacks.stacking.derivation(made).derivation).day == date(2026, 3, 5)
    assert stacks.ledger.credential(made).valid_from == datetime(2026, 3, 5, tzinfo=UTC)
