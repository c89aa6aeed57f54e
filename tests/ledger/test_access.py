"""Bearer keys and the record of acts."""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta
from uuid import UUID

import pytest

from ledger.access import Actor
from ledger.error import AuthenticationError, ForbiddenError, InvalidInputError, NotFoundError
from tests.ledger.storage import both_databases
from tests.ledger.world import OPERATOR, START, World

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
