"""Requests that are carried out together: one wait for the disk, separate fates."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from ledger.access import Actor
from ledger.application import Outcome, Request, Task
from ledger.claim import AwardClaim
from ledger.credential_id import credential_aggregate_id
from ledger.document import Award
from ledger.error import ForbiddenError, IdempotencyError, MissingElementError, NotFoundError, StorageError
from ledger.form_signing import FormSigner
from ledger.issuance import SealedDocument
from ledger.store import Commit
from tests.ledger.storage import both_databases
from tests.ledger.world import OPERATOR, SLUG, World, claim, open_world

__all__ = ["both_databases"]  # the fixture: each test runs on both


def task(world: World, key: str, *claims: AwardClaim, body: bytes = b"body", slug: str = SLUG) -> Task:
    return world.issuance.issuing(slug=slug, claims=claims, actor=OPERATOR, request=Request("scope", key, body))


def outcomes(found: Sequence[Outcome | Exception]) -> list[Outcome]:
    assert all(isinstance(one, Outcome) for one in found), found
    return [one for one in found if isinstance(one, Outcome)]


def issued(world: World) -> int:
    return [topic for topic, _ in world.events()].count("credential.issued.v1")


def test_requests_carried_out_together_have_separate_fates(world: World) -> None:
    [earlier] = outcomes(world.issuance.issue_together([task(world, "earlier", claim("Ada"))]))
    before = issued(world)
    found = world.issuance.issue_together(
        [
            task(world, "good", claim("Bo")),
            task(world, "bad", claim(" ")),
            task(world, "earlier", claim("Ada")),
            task(world, "earlier", claim("Ada"), body=b"another"),
            task(world, "nobody", claim("Cy"), slug="south"),
            task(world, "fine", claim("Di"), claim("Ed")),
        ]
    )
    kinds = [type(one) for one in found]
    assert kinds == [Outcome, MissingElementError, Outcome, IdempotencyError, NotFoundError, Outcome]
    good, repeated, fine = outcomes([found[0], found[2], found[5]])
    assert (repeated.answer, repeated.repeated, repeated.position, repeated.made) == (earlier.answer, True, 0, None)
    assert issued(world) == before + 3
    assert [len(good.answer), len(fine.answer)] == [1, 2]
    assert fine.position == world.ledger.newest()


def test_what_was_made_is_what_the_vault_keeps(world: World) -> None:
    found = outcomes(world.issuance.issue_together([task(world, str(n), claim(f"L {n}")) for n in range(5)]))
    for outcome in found:
        [public_id] = outcome.answer
        [made] = outcome.made
        assert isinstance(made, SealedDocument)
        assert made == world.issuance.sealed_document(public_id)


def test_one_request_that_comes_twice_in_a_group_is_carried_out_once(world: World) -> None:
    found = outcomes(world.issuance.issue_together([task(world, "same", claim("Ada")) for _ in range(3)]))
    assert len({tuple(outcome.answer) for outcome in found}) == 1
    assert [outcome.repeated for outcome in found] == [False, True, True]
    assert issued(world) == 1


def test_one_new_learner_in_several_requests_of_a_group_is_one_learner(world: World) -> None:
    tasks = [task(world, str(n), claim("Ada", reference="S-1")) for n in range(4)]
    found = outcomes(world.issuance.issue_together(tasks))
    handles = {
        world.vault.learner_of(credential_aggregate_id(one)).handle for outcome in found for one in outcome.answer
    }
    assert len(handles) == 1
    assert issued(world) == 4


def test_a_group_waits_for_the_disk_once_and_asks_for_its_learners_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes(world.issuance.issue_together([task(world, "first", claim("Ada", reference="R"))]))  # leases places
    recorded: list[int] = []
    asked: list[str] = []
    record, query = world.ledger.store.record, world.ledger.store.query

    def note(commits: Sequence[Commit]) -> object:
        recorded.append(len(commits))
        return record(commits)

    def note_query(sql: str, parameters: tuple[object, ...] = ()) -> list[object]:
        asked.append(sql)
        return query(sql, parameters)

    monkeypatch.setattr(world.ledger.store, "record", note)
    monkeypatch.setattr(world.ledger.store, "query", note_query)
    outcomes(
        world.issuance.issue_together([task(world, str(n), claim(f"L {n}", reference=f"R-{n}")) for n in range(20)])
    )
    assert recorded == [20]
    assert len([sql for sql in asked if "vault_learner" in sql]) == 1
    assert len(asked) < 20, "what they share is read once"


def test_a_group_in_which_the_disk_fails_records_nothing_and_says_so_to_each(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes(world.issuance.issue_together([task(world, "first", claim("Ada"))]))
    before = world.events()

    def fail(_: object) -> object:
        message = "the disk is full"
        raise StorageError(message)

    with monkeypatch.context() as broken:
        broken.setattr(world.ledger.store, "record", fail)
        found = world.issuance.issue_together([task(world, str(n), claim("Bo")) for n in range(3)])
    assert [type(one) for one in found] == [StorageError] * 3
    assert world.events() == before
    assert len(outcomes(world.issuance.issue_together([task(world, "0", claim("Bo"))]))) == 1


def test_requests_carried_out_together_are_repeated_alike_after_a_restart(world: World, tmp_path: Path) -> None:
    first = outcomes(world.issuance.issue_together([task(world, str(n), claim(f"L {n}")) for n in range(3)]))
    world.close()
    restarted = open_world(tmp_path, seed=2, database=world.database)
    again = outcomes(restarted.issuance.issue_together([task(restarted, str(n), claim(f"L {n}")) for n in range(3)]))
    restarted.close()
    assert [(one.answer, one.repeated) for one in again] == [(one.answer, True) for one in first]


def test_awards_of_a_group_are_made_as_each_would_be_alone(world: World) -> None:
    outcomes(world.issuance.issue_together([task(world, "first", claim("Ada", reference="R-0"))]))
    claims = [claim("Ada", reference="R-0"), claim("Bo", reference="R-1"), claim("Cy"), claim("Di"), claim("Ed")]
    together = outcomes(
        world.issuance.issue_together(
            [
                task(world, "0", claims[0]),
                task(world, "1", claims[1]),
                task(world, "2", claims[2], claims[3]),
                task(world, "3", claims[4]),
            ]
        )
    )
    alone = [outcomes(world.issuance.issue_together([task(world, f"a{n}", one)]))[0] for n, one in enumerate(claims)]
    made = [(one, kept) for outcome in together for one, kept in zip(outcome.answer, outcome.made, strict=True)]
    named = [(one, kept) for outcome in alone for one, kept in zip(outcome.answer, outcome.made, strict=True)]
    assert len(made) == len(named) == len(claims)
    for (one, kept), (other, same) in zip(made, named, strict=True):
        assert kept == world.issuance.sealed_document(one)
        assert kept.claim == same.claim
        assert set(kept.forms) == set(same.forms)
        assert one.encode() in kept.document
        learner, twin = (world.vault.learner_of(credential_aggregate_id(public_id)) for public_id in (one, other))
        is_called = kept.claim and msgspec.msgpack.decode(kept.claim, type=AwardClaim).learner.reference is not None
        assert (learner.handle == twin.handle) == is_called
    awards = [world.ledger.credential(one) for one, _ in made]
    places = [(award.status_block, award.status_index) for award in awards]
    assert len(set(places)) == len(claims)
    assert len({kept.salt for _, kept in made}) == len(claims)


def test_a_task_whose_actor_may_not_act_has_nothing_signed_for_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = Actor(name="stranger", role="issuer", institution=UUID(int=9))
    signed: list[str] = []
    sign = FormSigner.sign

    def note(self: FormSigner, award: Award, *rest: Any) -> Any:  # noqa: ANN401  as it is
        signed.append(award.claim.learner.name)
        return sign(self, award, *rest)

    monkeypatch.setattr(FormSigner, "sign", note)
    foreign = world.issuance.issuing(slug=SLUG, claims=[claim("Bo")], actor=stranger, request=Request("s", "x", b""))
    found = world.issuance.issue_together([task(world, "0", claim("Ada")), foreign, task(world, "1", claim("Cy"))])
    assert [type(one) for one in found] == [Outcome, ForbiddenError, Outcome]
    assert signed == ["Ada", "Cy"]


def test_what_cannot_be_made_for_one_keeps_no_other_from_being_made(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign = FormSigner.sign

    def fail(self: FormSigner, award: Award, *rest: Any) -> Any:  # noqa: ANN401  as it is
        if award.claim.learner.name == "Bo":
            message = "this one cannot be signed"
            raise RuntimeError(message)
        return sign(self, award, *rest)

    monkeypatch.setattr(FormSigner, "sign", fail)
    found = world.issuance.issue_together([task(world, name, claim(name)) for name in ("Ada", "Bo", "Cy")])
    assert [type(one) for one in found] == [Outcome, RuntimeError, Outcome]
    assert issued(world) == 2
