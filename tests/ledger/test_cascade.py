"""Cascades: what becomes of a stack that loses a component, by each policy, with deadline and appeal, up the chain."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from ledger.access import Actor
from ledger.cascade import Cascade, Components
from ledger.credential import Credential
from ledger.credential_id import credential_aggregate_id
from ledger.error import ForbiddenError, InvalidInputError, RuleError
from ledger.event import DomainEvent
from ledger.reason import Reason
from ledger.store import LedgerRecorder
from tests.ledger.stack_world import (
    MASTER,
    MASTER_PATHWAY,
    award,
    modules,
    publish,
    rules,
    settle_stacks,
    stack,
    topics,
)
from tests.ledger.world import OPERATOR, SLUG, World, claim

DEADLINE, APPEAL = 30, 14


def stacked(world: World, on_loss: str, deadline_days: int = DEADLINE) -> tuple[str, list[str]]:
    """A stack under *on_loss*, and what it is made of."""
    settle_stacks(world, rules(on_loss=on_loss, deadline_days=deadline_days))
    used = modules(world, 2)
    made = stack(world, *used)
    world.clock.advance(hours=1)
    return made, used


def revoke(world: World, public_id: str) -> None:
    world.lifecycle.revoke(public_id=public_id, reason=Reason.ACADEMIC_MISCONDUCT, actor=OPERATOR)


def standing(world: World, public_id: str) -> Components | None:
    return world.cascade.components(credential_aggregate_id(public_id))


def test_components_of_a_stack_hold_until_one_is_lost_and_this_is_known_at_once(world: World) -> None:
    made, used = stacked(world, "review")
    assert standing(world, made) == Components("hold", "review")
    revoke(world, used[0])
    assert standing(world, made) == Components("lost", "review")
    assert topics(world, made) == ["issued", "stacked"]
    assert standing(world, used[1]) is None


@pytest.mark.parametrize("loss", ["suspend", "revoke", "replace"])
def test_every_loss_opens_a_review_that_names_no_component(world: World, loss: str) -> None:
    made, used = stacked(world, "review")
    if loss == "suspend":
        world.lifecycle.suspend(public_id=used[0], reason=Reason.UNDER_REVIEW, actor=OPERATOR)
    elif loss == "revoke":
        revoke(world, used[0])
    else:
        corrected = claim(achievement="MOD-1", reference="S-1", grade="A")
        world.issuance.replace(public_id=used[0], claim=corrected, reason=Reason.INCORRECT_DATA, actor=OPERATOR)
    assert world.cascade.run().done == {"reviewopened": 1}
    assert topics(world, made) == ["issued", "stacked", "review_opened"]
    review = world.ledger.credential(made).review
    assert review is not None
    assert review.due_at - review.opened_at == timedelta(days=DEADLINE)
    assert review.appeal_until - review.opened_at == timedelta(days=APPEAL)
    written = world.events()[-1][1]
    assert not any(one.encode() in written or str(credential_aggregate_id(one)).encode() in written for one in used)


def test_nothing_happens_when_the_policy_lets_it_stand(world: World) -> None:
    made, used = stacked(world, "stand")
    revoke(world, used[0])
    assert world.cascade.run().done == {}
    assert topics(world, made) == ["issued", "stacked"]
    assert standing(world, made) == Components("lost", "stand")


def test_run_does_nothing_twice_nor_when_it_begins_afresh(world: World) -> None:
    made, used = stacked(world, "review")
    revoke(world, used[0])
    world.cascade.run()
    assert world.cascade.run().done == {}
    assert Cascade(world.ledger, world.vault, world.book).run().done == {}
    assert topics(world, made).count("review_opened") == 1


def test_events_that_concern_no_stack_are_passed_over_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    stacked(world, "review")
    begun: list[int] = []
    store = world.ledger.store
    select = type(store).select_notifications

    def noted(
        self: LedgerRecorder, start: int, limit: int, *, topics: Sequence[str], inclusive_of_start: bool
    ) -> object:
        begun.append(start)
        return select(self, start, limit, topics=topics, inclusive_of_start=inclusive_of_start)

    monkeypatch.setattr(type(store), "select_notifications", noted)
    world.cascade.run()
    world.cascade.run()
    assert begun[0] == 0
    assert begun[-1] == store.max_notification_id()


@pytest.mark.parametrize("further", [0, 4])
def test_look_begins_again_when_the_database_has_lost_its_newest_events(world: World, further: int) -> None:
    """A standby that lacks them was promoted, and their positions go to others: to fewer, or to more."""
    made, used = stacked(world, "review")
    lost = world.ledger.store.max_notification_id()
    assert lost is not None
    world.issue(claim("Lost One"), claim("Lost Two"))
    world.cascade.run()
    world.alter("DELETE FROM stored_events WHERE position>?", (lost,))
    world.alter("UPDATE sqlite_sequence SET seq=? WHERE name='stored_events'", (lost,))
    revoke(world, used[0])
    for number in range(further):
        world.issue(claim(f"Another {number}"))
    world.cascade.run()
    assert topics(world, made)[-1] == "review_opened"


def test_review_waits_for_an_officer_however_late(world: World) -> None:
    made, used = stacked(world, "review")
    revoke(world, used[0])
    world.cascade.run()
    world.clock.advance(days=400)
    assert world.cascade.run().done == {}
    world.reviewing.close(public_id=made, outcome="stands", actor=OPERATOR)
    assert world.ledger.credential(made).state == "active"
    assert standing(world, made) == Components("accepted", "review")
    assert world.cascade.run().done == {}
    world.clock.advance(days=1)
    revoke(world, used[1])
    assert world.cascade.run().done == {"reviewopened": 1}


def test_suspension_takes_effect_at_the_deadline_and_the_review_ends_with_the_time_for_appeals(world: World) -> None:
    made, used = stacked(world, "suspend", deadline_days=7)
    revoke(world, used[0])
    world.cascade.run()
    world.clock.advance(days=6)
    assert world.cascade.run().done == {}
    world.clock.advance(days=1)
    assert world.cascade.run().done == {"suspended": 1}
    credential = world.ledger.credential(made)
    assert (credential.state, credential.paused_for) == ("suspended", Reason.COMPONENT_LOST)
    assert credential.review is not None
    world.clock.advance(days=8)
    assert world.cascade.run().done == {"reviewclosed": 1}
    assert topics(world, made)[2:] == ["review_opened", "suspended", "review_closed"]


def test_policy_without_a_deadline_takes_effect_at_once(world: World) -> None:
    made, used = stacked(world, "suspend", deadline_days=0)
    revoke(world, used[0])
    assert world.cascade.run().done == {"reviewopened": 1, "suspended": 1}
    assert world.ledger.credential(made).state == "suspended"


def test_revocation_never_comes_before_the_end_of_the_time_for_appeals(world: World) -> None:
    made, used = stacked(world, "revoke", deadline_days=0)
    revoke(world, used[0])
    assert world.cascade.run().done == {"reviewopened": 1}
    world.clock.advance(days=APPEAL)
    assert world.cascade.run().done == {"revoked": 1, "reviewclosed": 1}
    credential = world.ledger.credential(made)
    assert (credential.state, credential.review) == ("revoked", None)
    assert world.book.live(credential_aggregate_id(used[1])) == []  # free to be stacked again


def test_component_that_holds_again_ends_the_review_and_the_suspension(world: World) -> None:
    made, used = stacked(world, "suspend", deadline_days=0)
    world.lifecycle.suspend(public_id=used[0], reason=Reason.UNDER_REVIEW, actor=OPERATOR)
    world.cascade.run()
    world.clock.advance(days=1)
    world.lifecycle.reinstate(public_id=used[0], actor=OPERATOR)
    assert world.cascade.run().done == {"reinstated": 1, "reviewclosed": 1}
    assert world.ledger.credential(made).state == "active"
    assert standing(world, made) == Components("hold", "suspend")


def test_appeal_holds_the_deadline_and_upheld_it_lets_the_award_stand(world: World) -> None:
    made, used = stacked(world, "revoke")
    revoke(world, used[0])
    world.cascade.run()
    world.clock.advance(days=3)
    world.reviewing.appeal(public_id=made, statement="Es wurde neu bewertet.", actor=OPERATOR)
    world.clock.advance(days=60)
    assert world.cascade.run().done == {}
    with pytest.raises(RuleError, match="decide that first"):
        world.reviewing.close(public_id=made, outcome="revoked", actor=OPERATOR)
    world.reviewing.decide_appeal(public_id=made, outcome="upheld", note="Board, item 4", actor=OPERATOR)
    assert topics(world, made)[2:] == ["review_opened", "appealed", "appeal_decided", "review_closed"]
    assert world.cascade.run().done == {}
    assert world.ledger.credential(made).state == "active"


def test_appeal_that_is_dismissed_lets_the_policy_go_on(world: World) -> None:
    made, used = stacked(world, "revoke")
    revoke(world, used[0])
    world.cascade.run()
    world.reviewing.appeal(public_id=made, statement=None, actor=OPERATOR)
    world.clock.advance(days=60)
    world.reviewing.decide_appeal(public_id=made, outcome="dismissed", note=None, actor=OPERATOR)
    assert world.cascade.run().done == {"revoked": 1, "reviewclosed": 1}


def test_statement_of_an_appeal_is_in_the_vault_and_not_in_the_log(world: World) -> None:
    made, used = stacked(world, "revoke")
    revoke(world, used[0])
    world.cascade.run()
    world.reviewing.appeal(public_id=made, statement="Recognisable grounds", actor=OPERATOR)
    assert not any(b"Recognisable" in state for _, state in world.events())
    kept = world.vault.open(credential_aggregate_id(made), "statement-4")
    assert kept[32:] == b"Recognisable grounds"
    for text in (" ", "x" * 10_001):
        with pytest.raises(InvalidInputError):
            world.reviewing.appeal(public_id=made, statement=text, actor=OPERATOR)


def test_cascade_goes_up_a_chain_of_stacks(world: World) -> None:
    made, used = stacked(world, "suspend", deadline_days=0)
    capped = rules(on_loss="suspend", deadline_days=0)
    publish(world, capped, code=MASTER_PATHWAY, to=MASTER)
    master = stack(world, made, award(world, "MOD-3"), pathway=MASTER_PATHWAY)
    world.clock.advance(days=1)
    revoke(world, used[0])
    done = world.cascade.run().done
    assert done == {"reviewopened": 2, "suspended": 2}
    assert [world.ledger.credential(one).state for one in (made, master)] == ["suspended", "suspended"]
    world.reviewing.close(public_id=made, outcome="stands", actor=OPERATOR)
    assert world.cascade.run().done == {"reinstated": 1, "reviewclosed": 1}
    assert world.ledger.credential(master).state == "active"


def test_stack_that_is_revoked_otherwise_ends_its_review(world: World) -> None:
    made, used = stacked(world, "review")
    revoke(world, used[0])
    world.cascade.run()
    revoke(world, made)
    assert world.cascade.run().done == {"reviewclosed": 1}
    body = world.ledger.event_mapper.to_domain_event(
        world.ledger.store.select_events(credential_aggregate_id(made))[-1]
    ).body
    assert isinstance(body, Credential.ReviewClosed)
    assert body.outcome == "revoked"


def test_review_of_an_erased_learner_goes_on_and_nobody_can_tell_what_holds(world: World) -> None:
    made, used = stacked(world, "suspend", deadline_days=7)
    revoke(world, used[0])
    world.cascade.run()
    world.erasing.erase_learner(slug=SLUG, reference="S-1", actor=OPERATOR)
    assert standing(world, made) == Components("unknown", "suspend")
    world.clock.advance(days=7)
    assert world.cascade.run().done == {"suspended": 1}


def test_run_is_for_the_operator(world: World) -> None:
    with pytest.raises(ForbiddenError):
        world.cascade.run(Actor(name="issuer", role="issuer", institution=world.ledger.institution(SLUG).id))


def test_component_that_is_reinstated_while_a_run_decides_is_not_lost(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, used = stacked(world, "suspend")
    world.lifecycle.suspend(public_id=used[0], reason=Reason.UNDER_REVIEW, actor=OPERATOR)
    world.cascade.run()
    world.clock.advance(days=DEADLINE, seconds=1)
    decide = Cascade._step
    raced: list[list[DomainEvent]] = []

    def reinstate_after(cascade: Cascade, credential: Credential, now: datetime) -> list[DomainEvent]:
        decided = decide(cascade, credential, now)
        if decided and len(raced) < 2:  # once when it is asked whether anything is due, once when that is decided
            raced.append(decided)
            if len(raced) == 2:
                world.lifecycle.reinstate(public_id=used[0], actor=OPERATOR)
        return decided

    monkeypatch.setattr(Cascade, "_step", reinstate_after)
    world.cascade.run()
    assert len(raced) == 2
    assert world.ledger.credential(made).state == "active"
    assert topics(world, made) == ["issued", "stacked", "review_opened", "review_closed"]
