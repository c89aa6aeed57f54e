"""Bearer keys and the record of acts."""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from ledger.access import KNOWN_SECONDS, Access, Actor
from ledger.error import AuthenticationError, ForbiddenError, InvalidInputError, NotFoundError, StorageError
from tests.ledger.storage import both_databases
from tests.ledger.world import OPERATOR, START, SeededRandom, World

__all__ = ["both_databases"]  # the fixture: each test runs on both

NORTH, SOUTH = UUID(int=1), UUID(int=2)
EXPIRY = START + timedelta(days=30)


def grant(world: World, institution: UUID | None = NORTH) -> str:
    role = "operator" if institution is None else "issuer"
    return world.access.grant(  # a key of the operator's when there is no institution
        role=role,  # type: ignore[arg-type]  # one of the two by construction
        institution=institution,
        label="registry office",
        expires_at=EXPIRY,
        actor=OPERATOR,
        at=START,
    )


def test_key_opens_for_its_institution_until_it_expires(world: World) -> None:
    token = grant(world)
    actor = world.access.authenticate(token, EXPIRY - timedelta(milliseconds=1))
    assert (actor.role, actor.institution) == ("issuer", NORTH)
    actor.require_institution(NORTH)
    with pytest.raises(AuthenticationError, match="unknown, revoked or expired"):
        world.access.authenticate(token, EXPIRY)


def test_key_carries_256_random_bits_and_is_stored_as_its_hash_alone(world: World) -> None:
    token = grant(world)
    match = re.fullmatch(r"cairn_([a-v0-9]{8})_([A-Za-z0-9_-]{43})", token)
    assert match is not None
    stored = world.database.stored()
    assert hashlib.sha256(token.encode()).digest() in stored
    assert token.encode() not in stored
    assert match[2].encode() not in stored


def test_key_is_refused_when_altered(world: World) -> None:
    token = grant(world)
    for altered in ("", token.upper(), token[:-1], token + "A", token[:-2] + "__", token + "\n", " " + token):
        with pytest.raises(AuthenticationError):
            world.access.authenticate(altered, START)


def test_key_is_refused_when_revoked_and_stays_listed(world: World) -> None:
    token = grant(world)
    prefix = token.split("_")[1]
    world.access.revoke(prefix, actor=OPERATOR, at=START)
    with pytest.raises(AuthenticationError):
        world.access.authenticate(token, START)
    [key] = world.access.list()
    assert (key.prefix, key.revoked_at, key.label, key.institution) == (prefix, START, "registry office", NORTH)
    world.access.revoke(prefix, actor=OPERATOR, at=START + timedelta(days=1))
    assert world.access.list()[0].revoked_at == START, "the first revocation holds"
    with pytest.raises(NotFoundError):
        world.access.revoke("0" * 8, actor=OPERATOR, at=START)


def test_access_is_for_the_operator_alone(world: World) -> None:
    issuer = world.access.authenticate(grant(world), START)
    with pytest.raises(ForbiddenError, match="operator"):
        world.access.grant(role="issuer", institution=NORTH, label="x", expires_at=EXPIRY, actor=issuer, at=START)
    with pytest.raises(ForbiddenError, match="operator"):
        world.access.revoke(issuer.name, actor=issuer, at=START)
    with pytest.raises(ForbiddenError):
        issuer.require_operator()
    with pytest.raises(ForbiddenError, match="another institution"):
        issuer.require_institution(SOUTH)


def test_operator_acts_for_every_institution(world: World) -> None:
    actor = world.access.authenticate(grant(world, None), START)
    actor.require_operator()
    actor.require_institution(SOUTH)


@pytest.mark.parametrize("role, institution", [("issuer", None), ("operator", NORTH)])
def test_key_is_not_granted_when_role_and_institution_do_not_fit(
    world: World, role: str, institution: UUID | None
) -> None:
    with pytest.raises(InvalidInputError, match="names"):
        world.access.grant(
            role=role,  # type: ignore[arg-type]  # one of the two
            institution=institution,
            label="x",
            expires_at=EXPIRY,
            actor=OPERATOR,
            at=START,
        )


def test_key_is_not_granted_when_its_expiry_is_naive(world: World) -> None:
    with pytest.raises(InvalidInputError, match="in UTC"):
        world.access.grant(
            role="operator",
            institution=None,
            label="x",
            expires_at=EXPIRY.replace(tzinfo=None),
            actor=OPERATOR,
            at=START,
        )


def test_every_act_leaves_a_row_in_its_own_transaction(world: World) -> None:
    grant(world)
    rows = [
        tuple(row) for row in world.ledger.store.query("SELECT act, actor, items FROM access_audit ORDER BY number")
    ]
    assert rows == [("institution.register", "test", 1), ("achievement.publish", "test", 1), ("key.granted", "test", 1)]


def test_issuer_without_an_institution_acts_for_none() -> None:
    with pytest.raises(ForbiddenError):
        Actor(name="x", role="issuer").require_institution(NORTH)


def test_key_that_was_good_is_not_looked_up_again_for_a_moment(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    token, moment, asked = grant(world), 0.0, 0
    query = world.ledger.store.query

    def counted(*args: Any) -> Any:  # noqa: ANN401  whatever the recorder's own takes and gives
        nonlocal asked
        asked += 1
        return query(*args)

    monkeypatch.setattr(world.ledger.store, "query", counted)
    access = Access(world.ledger.store, SeededRandom(7), lambda: moment)
    for _ in range(5):
        assert access.authenticate(token, START).institution == NORTH
    assert asked == 1
    with pytest.raises(AuthenticationError):
        access.authenticate(token, EXPIRY)  # expired keys are refused from memory too
    assert asked == 1
    world.access.revoke(access.authenticate(token, START).name, actor=OPERATOR, at=START)  # as another process would
    moment = KNOWN_SECONDS - 0.001
    assert access.authenticate(token, START).institution == NORTH
    moment = KNOWN_SECONDS
    for _ in range(2):
        with pytest.raises(AuthenticationError):
            access.authenticate(token, START)
    assert asked > 2  # what is no key is not remembered


def test_key_that_is_revoked_here_is_refused_at_once(world: World) -> None:
    token = grant(world)
    access = Access(world.ledger.store, SeededRandom(7), lambda: 0.0)
    actor = access.authenticate(token, START)
    access.revoke(actor.name, actor=OPERATOR, at=START)
    with pytest.raises(AuthenticationError):
        access.authenticate(token, START)


def test_key_that_is_looked_up_while_it_is_revoked_is_not_remembered(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = grant(world)
    access = Access(world.ledger.store, SeededRandom(7), lambda: 0.0)
    query = world.ledger.store.query

    def slow(sql: str, parameters: Any = ()) -> Any:  # noqa: ANN401  whatever the recorder's own takes and gives
        rows = query(sql, parameters)
        if "digest=?" in sql:
            monkeypatch.setattr(world.ledger.store, "query", query)
            access.revoke(rows[0][0], actor=OPERATOR, at=START)
        return rows

    monkeypatch.setattr(world.ledger.store, "query", slow)
    assert access.authenticate(token, START).institution == NORTH  # it was good when it was looked up
    with pytest.raises(AuthenticationError):
        access.authenticate(token, START)


def test_key_whose_revocation_failed_after_it_was_recorded_is_refused_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = grant(world)
    access = Access(world.ledger.store, SeededRandom(7), lambda: 0.0)
    actor = access.authenticate(token, START)
    record = world.ledger.store.record

    def broken(commits: Any) -> Any:  # noqa: ANN401  whatever the recorder's own takes and gives
        record(commits)
        message = "the connection broke off"
        raise StorageError(message)

    monkeypatch.setattr(world.ledger.store, "record", broken)
    with pytest.raises(StorageError):
        access.revoke(actor.name, actor=OPERATOR, at=START)
    with pytest.raises(AuthenticationError):
        access.authenticate(token, START)


def test_key_is_known_for_a_moment_from_before_it_was_looked_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    token, moment = grant(world), 0.0
    query = world.ledger.store.query

    def slow(*args: Any) -> Any:  # noqa: ANN401  whatever the recorder's own takes and gives
        nonlocal moment
        rows = query(*args)
        moment += KNOWN_SECONDS
        return rows

    monkeypatch.setattr(world.ledger.store, "query", slow)
    access = Access(world.ledger.store, SeededRandom(7), lambda: moment)
    name = access.authenticate(token, START).name
    monkeypatch.setattr(world.ledger.store, "query", query)
    world.access.revoke(name, actor=OPERATOR, at=START)  # as another process would
    with pytest.raises(AuthenticationError):
        access.authenticate(token, START)


def test_no_more_keys_are_known_than_there_is_room_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.access.MAX_KNOWN", 2)
    access = Access(world.ledger.store, SeededRandom(7), lambda: 0.0)
    for token in [grant(world) for _ in range(5)]:
        access.authenticate(token, START)
        assert len(access._known) <= 2
