"""Rules of the log's own keys, and what their commands leave in the vault."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from ledger.access import Actor
from ledger.error import ForbiddenError, NotFoundError, RuleError
from ledger.log_keeping import SECRETS, LogKeeping, secret_name
from tests.ledger.storage import Database, both_databases
from tests.ledger.world import OPERATOR, World, open_world

__all__ = ["both_databases"]  # the fixture: each test runs on both


@pytest.fixture
def world(tmp_path: Path, database: Database) -> Iterator[World]:
    opened = open_world(tmp_path, database=database)
    yield opened
    opened.close()


@pytest.fixture
def keeping(world: World) -> LogKeeping:
    def vkeys(number: int) -> dict[str, str]:
        return {name: world.vault.secret(secret_name(name, number)).hex() for name in SECRETS}

    return LogKeeping(world.ledger, world.vault, vkeys)


def secrets(world: World) -> set[str]:
    """Names of the log's secrets that the vault holds."""
    rows = world.ledger.store.query("SELECT name FROM vault_secret WHERE name LIKE 'log-%'")
    return {row[0] for row in rows}


def named(*generations: int) -> set[str]:
    return {secret_name(name, number) for name in SECRETS for number in generations}


def test_log_keys_are_one_generation_in_use_when_nothing_has_happened(keeping: LogKeeping) -> None:
    keys = keeping.keys()
    assert [(one.number, one.ended_at) for one in keys.generations] == [(1, None)]
    assert keys.retiring is None


def test_rotation_brings_new_keys_into_use_beside_the_old_which_are_then_retired_and_destroyed(
    world: World, keeping: LogKeeping
) -> None:
    first = keeping.keys().newest.vkeys
    assert keeping.rotate(actor=OPERATOR).answer == {"generation": 2}
    keys = keeping.keys()
    assert keys.retiring is not None
    assert (keys.retiring.vkeys, keys.newest.number) == (first, 2)
    assert secrets(world) == named(1, 2)
    with pytest.raises(RuleError, match="still signs"):
        keeping.rotate(actor=OPERATOR)
    world.clock.advance(days=1)
    keeping.retire(actor=OPERATOR)
    keys = keeping.keys()
    assert (keys.retiring, keys.generations[0].retired_at) == (None, world.ledger.now())
    assert secrets(world) == named(2)
    with pytest.raises(RuleError, match="bring the next into use first"):
        keeping.retire(actor=OPERATOR)


@pytest.mark.parametrize("rotated", [False, True])
def test_stolen_keys_in_use_are_replaced_retired_and_declared_in_one_commit(
    world: World,
    keeping: LogKeeping,
    rotated: bool,  # noqa: FBT001  a column of the table
) -> None:
    keeping.keys()
    if rotated:
        keeping.rotate(actor=OPERATOR)
    world.clock.advance(days=1)
    stolen = world.ledger.now() - timedelta(hours=2)
    newest = keeping.keys().newest.number
    assert keeping.declare_compromised(generation=None, compromised_at=stolen, actor=OPERATOR).answer == {
        "generation": newest + 1
    }
    keys = keeping.keys()
    assert keys.retiring is None
    assert keys.generations[newest - 1].ended_at == stolen
    assert secrets(world) == named(newest + 1)


def test_date_of_a_theft_is_moved_by_declaring_again_and_each_time_is_an_event(
    world: World, keeping: LogKeeping
) -> None:
    now = world.ledger.now()
    for hours in (1, 5, 3):
        keeping.declare_compromised(generation=1, compromised_at=now - timedelta(hours=hours), actor=OPERATOR)
    keys = keeping.keys()
    assert (len(keys.generations), keys.generations[0].compromised_at) == (2, now - timedelta(hours=3))
    topics = [topic for topic, _ in world.events()]
    assert topics.count("log_key.compromised.v1") == 3
    assert topics.count("log_key.introduced.v1") == 1


def test_declaration_is_refused_when_it_cannot_be(world: World, keeping: LogKeeping) -> None:
    now = world.ledger.now()
    with pytest.raises(NotFoundError, match="no generation 7"):
        keeping.declare_compromised(generation=7, compromised_at=now, actor=OPERATOR)
    with pytest.raises(RuleError, match="future"):
        keeping.declare_compromised(generation=1, compromised_at=now + timedelta(seconds=1), actor=OPERATOR)
    stranger = Actor(name="school", role="issuer")
    with pytest.raises(ForbiddenError):
        keeping.rotate(actor=stranger)
    assert [one.number for one in keeping.keys().generations] == [1]
