"""Signing anew what a stolen key signed: which awards, with which key, and how often."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from ledger.access import Actor
from ledger.commitment import DOCUMENT_KIND, commit
from ledger.credential import Credential
from ledger.credential_id import credential_aggregate_id
from ledger.error import ForbiddenError, InvalidInputError, RuleError
from ledger.reason import Reason
from ledger.reissuance import MAX_REISSUED, Reissued
from tests.ledger.scenario import Scenario
from tests.ledger.storage import Database, both_databases
from tests.ledger.test_credential import ISSUED, REPLACED, REVOKED, SUSPENDED, T4
from tests.ledger.world import OPERATOR, SLUG, World, claim, open_world, settle

__all__ = ["both_databases"]  # the fixture: each test runs on both

NEW = {"vc+jcs": "12" * 32}
REISSUED = Credential.Reissued(key_id="key-2", commitments=NEW, recorded_at=T4)


@pytest.fixture
def world(tmp_path: Path, database: Database) -> Iterator[World]:
    opened = settle(open_world(tmp_path, database=database))
    yield opened
    opened.close()


def steal(world: World, key_id: str = "key-1") -> None:
    """Declare a key stolen since a minute ago, and bring the next into force."""
    world.clock.advance(minutes=1)
    at = world.ledger.now() - timedelta(minutes=1)
    world.registry.declare_compromised(slug=SLUG, key_id=key_id, compromised_at=at, actor=OPERATOR)
    world.registry.rotate_key(slug=SLUG, actor=OPERATOR)


def affected(world: World, key_id: str = "key-1", after: int = 0) -> list[UUID]:
    return [one.award for one in world.reissuance.affected(SLUG, key_id, after=after)]


def reissue(world: World, awards: list[UUID], key_id: str = "key-1") -> Reissued:
    answer = world.reissuance.reissue(slug=SLUG, key_id=key_id, awards=awards, actor=OPERATOR).answer
    return msgspec.convert(answer, Reissued)


@pytest.mark.parametrize("given", [[ISSUED], [ISSUED, SUSPENDED]])
def test_credential_is_signed_anew_and_stands_as_before_when_it_has_not_ended(given: list[Credential.Issued]) -> None:
    scenario = Scenario(Credential, *given)
    before = scenario.state
    scenario.when(lambda c: c.reissue(key_id="key-2", commitments=NEW, at=T4)).then(REISSUED)
    after = Scenario(Credential, *given, REISSUED).state
    assert (after.key_id, after.state, after.since) == ("key-2", before.state, before.since)


@pytest.mark.parametrize("given", [[ISSUED, REVOKED], [ISSUED, REPLACED]])
def test_credential_is_not_signed_anew_when_it_has_ended(given: list[Credential.Issued]) -> None:
    scenario = Scenario(Credential, *given)
    scenario.when(lambda c: c.reissue(key_id="key-2", commitments=NEW, at=T4)).then_refused(RuleError, "issued again")


def test_credential_is_not_signed_anew_when_the_same_key_signed_it() -> None:
    scenario = Scenario(Credential, ISSUED)
    scenario.when(lambda c: c.reissue(key_id="key-1", commitments=NEW, at=T4)).then_refused(RuleError, "already")


def test_reissue_keeps_everything_of_the_document_but_its_proof(world: World) -> None:
    [public_id] = world.issue(claim(grade="A"))
    before = world.issuance.sealed_document(public_id)
    steal(world)
    done = reissue(world, affected(world))
    assert (done.credentials, done.signed_with, done.erased) == ([public_id], "key-2", 0)
    after = world.issuance.sealed_document(public_id)
    old, new = (msgspec.json.decode(one.document) for one in (before, after))
    assert new["proof"]["verificationMethod"].endswith("#key-2")
    assert {**new, "proof": old["proof"]} == old
    assert after.salt != before.salt
    topic, state = world.events()[-1]
    logged = msgspec.json.decode(state)
    owner = credential_aggregate_id(public_id)
    assert topic == "credential.reissued.v1"
    assert logged["commitments"] == {DOCUMENT_KIND: commit(owner, DOCUMENT_KIND, after.document, after.salt)}


def test_affected_are_awards_of_the_key_after_the_position_that_have_not_ended(world: World) -> None:
    world.issue(claim("Seen"))
    seen = world.ledger.newest()
    kept, revoked = world.issue(claim("Kept"), claim("Revoked"))
    world.lifecycle.revoke(public_id=revoked, reason=Reason.OTHER, actor=OPERATOR)
    steal(world)
    world.issue(claim("Of the new key"))
    assert affected(world, after=seen) == [credential_aggregate_id(kept)]
    assert len(affected(world)) == 2


def test_reissue_does_nothing_when_it_was_done(world: World) -> None:
    world.issue(*(claim(f"Learner {n}") for n in range(3)))
    steal(world)
    awards = affected(world)
    assert len(reissue(world, awards).credentials) == 3
    newest = world.ledger.newest()
    again = reissue(world, awards)
    assert (again.credentials, again.passed_over, affected(world)) == ([], 3, [])
    assert world.ledger.newest() == newest


def test_reissue_signs_again_when_the_next_key_is_stolen_too(world: World) -> None:
    world.issue(claim())
    steal(world)
    reissue(world, affected(world))
    steal(world, "key-2")
    assert affected(world) == []
    assert reissue(world, affected(world, "key-2"), "key-2").signed_with == "key-3"


def test_reissue_counts_and_passes_over_an_erased_learner(world: World) -> None:
    gone, kept = world.issue(claim("Gone", reference="gone"), claim("Kept"))
    world.erasing.erase_learner(slug=SLUG, reference="gone", actor=OPERATOR)
    steal(world)
    assert world.reissuance.public_id(credential_aggregate_id(gone)) is None
    done = reissue(world, affected(world))
    assert (done.credentials, done.erased) == ([kept], 1)


def test_reissue_is_refused_when_the_key_was_not_stolen_or_none_is_in_force(world: World) -> None:
    world.issue(claim())
    with pytest.raises(RuleError, match="never declared compromised"):
        world.reissuance.affected(SLUG, "key-1", after=0)
    at = world.ledger.now()
    world.registry.declare_compromised(slug=SLUG, key_id="key-1", compromised_at=at, actor=OPERATOR)
    with pytest.raises(RuleError, match="rotate its key first"):
        reissue(world, affected(world))


def test_reissue_is_refused_when_another_institution_asks_or_too_many_are_named(world: World) -> None:
    world.issue(claim())
    steal(world)
    stranger = Actor(name="other", role="issuer", institution=UUID(int=9))
    with pytest.raises(ForbiddenError):
        world.reissuance.reissue(slug=SLUG, key_id="key-1", awards=affected(world), actor=stranger)
    with pytest.raises(InvalidInputError, match="at most"):
        reissue(world, [UUID(int=n) for n in range(MAX_REISSUED + 1)])


def test_reissue_leaves_no_copy_of_the_older_document_in_the_vault(world: World) -> None:
    [public_id] = world.issue(claim())
    steal(world)
    reissue(world, affected(world))
    owner = credential_aggregate_id(public_id).bytes
    rows = world.ledger.store.query("SELECT kind FROM vault_item WHERE aggregate_id=?", (owner,))
    assert [row[0] for row in rows] == [DOCUMENT_KIND]
