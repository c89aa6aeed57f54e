"""What would be refused can be asked without doing it, and awards can be found by their learner."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import msgspec
import pytest

from ledger.access import Actor
from ledger.award_finding import AwardFinding
from ledger.credential_id import credential_aggregate_id
from ledger.error import AuthenticationError, ForbiddenError, InvalidInputError, RuleError
from ledger.reason import Reason
from ledger.store import Commit
from tests.ledger.stack_world import rules as stack_rules
from tests.ledger.world import CODE, OPERATOR, SLUG, START, TEMPLATE, World, claim

STRANGER = Actor(name="stranger", role="issuer", institution=UUID(int=9))
TABLES = ("stored_events", "vault_item", "vault_learner", "access_audit", "vault_answer")


def rows(world: World) -> list[int]:
    return [world.ledger.store.query(f"SELECT COUNT(*) FROM {table}")[0][0] for table in TABLES]  # noqa: S608  our own names


def test_refusals_are_those_of_issuing_and_nothing_is_made(world: World) -> None:
    claims = [
        claim(),
        claim(" "),
        claim(grade="g" * 61),
        claim("C\x07"),
        claim(achievement="NO-SUCH"),
        claim(edition=9),
        claim(),
    ]
    before = rows(world)
    found = world.issuance.refusals(slug=SLUG, claims=claims, actor=OPERATOR)
    assert [(number, error.pointer) for number, error in found] == [
        (1, "/learner/name"),
        (2, "/grade"),
        (3, "/learner/name"),
        (4, "/achievement"),
        (5, "/edition"),
    ]
    assert rows(world) == before
    for number, error in found:
        if error.pointer == "/achievement":
            continue
        with pytest.raises(InvalidInputError) as refused:
            world.issuance.issue(slug=SLUG, claims=[claims[number]], actor=OPERATOR)
        assert refused.value.detail == error.detail
    with pytest.raises(ForbiddenError):
        world.issuance.refusals(slug=SLUG, claims=claims, actor=STRANGER)


def test_issuing_tells_how_far_it_is(world: World) -> None:
    heard: list[int] = []
    world.issuance.issue(slug=SLUG, claims=[claim()] * 3, actor=OPERATOR, told=heard.append)
    assert heard == [1, 2, 3]


def test_trial_of_a_change_is_refused_as_the_change_is_and_changes_nothing(world: World) -> None:
    [public_id] = world.issue(claim())
    before = rows(world)
    world.lifecycle.suspend(public_id=public_id, reason=Reason.OTHER, note="x", actor=OPERATOR, trial=True)
    world.lifecycle.revoke(public_id=public_id, reason=Reason.OTHER, note="x", actor=OPERATOR, trial=True)
    with pytest.raises(RuleError):
        world.lifecycle.reinstate(public_id=public_id, actor=OPERATOR, trial=True)
    with pytest.raises(ForbiddenError):
        world.lifecycle.revoke(public_id=public_id, reason=Reason.OTHER, actor=STRANGER, trial=True)
    assert rows(world) == before
    assert world.ledger.credential(public_id).state == "active"


def test_awards_are_found_by_what_their_institution_calls_the_learner(world: World) -> None:
    first, second, other = world.issue(claim(reference="S-1"), claim(reference="S-1"), claim(reference="S-2"))
    finding, institution = AwardFinding(world.ledger, world.vault), world.ledger.institution(SLUG).id
    assert set(finding.public_ids(institution, "S-1")) == {first, second}
    assert finding.public_ids(institution, "S-2") == [other]
    assert finding.public_ids(institution, "S-3") == []
    assert finding.public_ids(UUID(int=9), "S-1") == []
    held = finding.held(institution, {"S-1", "S-2", "S-3"})
    assert {name: len(found) for name, found in held.items()} == {"S-1": 2, "S-2": 1}
    assert finding.held(UUID(int=9), {"S-1"}) == {}


def test_awards_are_not_found_when_the_learner_was_erased(world: World) -> None:
    [public_id] = world.issue(claim(reference="S-1"))
    finding, institution = AwardFinding(world.ledger, world.vault), world.ledger.institution(SLUG).id
    handle = world.vault.find_learner(institution, "S-1")
    world.ledger.store.record([Commit((), world.vault.erase(handle))])
    assert finding.public_ids(institution, "S-1") == []
    assert finding.held(institution, {"S-1"}) == {}
    assert finding.sealed(credential_aggregate_id(public_id)) is None


def test_acts_of_an_institution_come_newest_first_page_by_page(world: World) -> None:
    institution = world.ledger.institution(SLUG).id
    actor = Actor(name="k", role="issuer", institution=institution)
    for number in range(5):
        world.access.note(actor, f"act.{number}", START + timedelta(hours=number))
    world.access.note(STRANGER, "act.strange", START)
    first = world.access.acts(institution, None, 3)
    assert [act.act for act in first] == ["act.4", "act.3", "act.2"]
    assert first[0].at == START + timedelta(hours=4)
    assert [act.act for act in world.access.acts(institution, first[-1].number, 2)] == ["act.1", "act.0"]


def test_holder_of_a_key_is_asked_for_anew(world: World) -> None:
    institution = world.ledger.institution(SLUG).id
    expiry = START + timedelta(days=1)
    token = world.access.grant(
        role="issuer", institution=institution, label="x", expires_at=expiry, actor=OPERATOR, at=START
    )
    prefix = token.split("_")[1]
    assert world.access.holder(prefix, START) == world.access.authenticate(token, START)
    for wrong in ("", "%", prefix.upper() + "x", token):
        with pytest.raises(AuthenticationError):
            world.access.holder(wrong, START)
    with pytest.raises(AuthenticationError):
        world.access.holder(prefix, expiry)
    world.access.revoke(prefix, actor=OPERATOR, at=START)
    with pytest.raises(AuthenticationError):
        world.access.holder(prefix, START)


def test_publishing_and_replacing_can_be_tried_without_doing_it(world: World) -> None:
    """What is tried is refused as what is done would be, and leaves nothing."""
    [award] = world.issue(claim(reference="S-1"))
    before = rows(world)
    world.issuance.replace(
        public_id=award, claim=claim("Ada B."), reason=Reason.INCORRECT_DATA, actor=OPERATOR, trial=True
    )
    with pytest.raises(InvalidInputError) as refused:
        world.issuance.replace(
            public_id=award, claim=claim(" "), reason=Reason.INCORRECT_DATA, actor=OPERATOR, trial=True
        )
    assert refused.value.pointer == "/learner/name"
    new = msgspec.structs.replace(TEMPLATE, title="Another title")
    tried = world.catalogue.publish(slug=SLUG, code=CODE, template=new, actor=OPERATOR, trial=True)
    assert tried.answer["edition"] == 2
    with pytest.raises(RuleError, match="nothing differs"):
        world.catalogue.publish(slug=SLUG, code=CODE, template=TEMPLATE, actor=OPERATOR, trial=True)
    with pytest.raises(ForbiddenError):
        world.catalogue.publish(slug=SLUG, code=CODE, template=new, actor=STRANGER, trial=True)
    asked = {"slug": SLUG, "code": "P", "rules": stack_rules(), "actor": OPERATOR, "trial": True}
    assert world.pathways.publish(**asked, achievement=CODE).answer["version"] == 1  # type: ignore[arg-type]  # as above
    with pytest.raises(InvalidInputError, match="publish it first"):
        world.pathways.publish(**asked, achievement="NO-SUCH")  # type: ignore[arg-type]  # as above
    assert rows(world) == before
    world.lifecycle.revoke(public_id=award, reason=Reason.OTHER, actor=OPERATOR)
    with pytest.raises(RuleError):
        world.issuance.replace(public_id=award, claim=claim(), reason=Reason.INCORRECT_DATA, actor=OPERATOR, trial=True)
