"""Rotating key-encryption keys: nothing is lost wherever it stops, and a destroyed key opens no copy."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ledger.error import KeyEncryptionError, LedgerError
from ledger.key_ring import add_key, destroy_key, open_key_ring, retire_key, retired_keys
from ledger.rewrapping import rewrap, wrapped_rows
from ledger.store import Commit
from tests.ledger.storage import both_databases
from tests.ledger.world import OPERATOR, SLUG, World, claim, open_world

__all__ = ["both_databases"]  # the fixture: each test runs on both

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def ring_directory(world: World) -> Path:
    return world.directory.with_name("data.keys")


def documents(world: World, ids: list[str]) -> list[bytes]:
    return [world.issuance.sealed_document(one).document for one in ids]


def test_everything_opens_after_a_rotation_and_the_old_key_wraps_nothing(world: World, tmp_path: Path) -> None:
    ids = world.issue(*[claim(f"Learner {number}", reference=f"S-{number}") for number in range(20)])
    before = documents(world, ids)
    [old] = wrapped_rows(world.ledger.store)
    new = add_key(ring_directory(world), os.urandom)
    noted: list[int] = []
    moved = rewrap(world.ledger.store, world.key_ring, noted.append)
    assert wrapped_rows(world.ledger.store) == {new: moved}
    assert noted[-1] == moved >= 20 + 1
    assert documents(world, ids) == before
    assert rewrap(world.ledger.store, world.key_ring, noted.append) == 0
    world.ledger.close()
    destroy_key(ring_directory(world), old, os.urandom)
    again = open_world(tmp_path, seed=2, database=world.database)
    assert documents(again, ids) == before
    assert len(again.issue(claim("One more", reference="S-3"))) == 1
    again.close()


def test_a_ledger_that_is_open_goes_on_when_another_process_rotates(world: World, tmp_path: Path) -> None:
    ids = world.issue(claim("Ada", reference="S-1"))
    other = open_world(tmp_path, seed=2, database=world.database)
    new = add_key(ring_directory(world), os.urandom)
    rewrap(other.ledger.store, other.key_ring, lambda _: None)
    other.ledger.close()
    assert documents(world, ids)
    world.issue(claim("Bob", reference="S-2"))
    world.registry.rotate_key(slug=SLUG, actor=OPERATOR)
    assert set(wrapped_rows(world.ledger.store)) == {new}


class StopError(Exception):
    """The process is killed here."""


@pytest.mark.parametrize("after", range(4))
def test_rotation_goes_on_where_it_was_stopped(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    monkeypatch.setattr("ledger.rewrapping.BATCH", 3)
    ids = world.issue(*[claim(f"Learner {number}", reference=f"S-{number}") for number in range(8)])
    before = documents(world, ids)
    add_key(ring_directory(world), os.urandom)
    record = world.ledger.store.record
    calls: list[int] = []

    def stopping(commits: Sequence[Commit]) -> list[list[int] | LedgerError]:
        calls.append(1)
        if len(calls) > after:
            raise StopError
        return record(commits)

    with monkeypatch.context() as killed:
        killed.setattr(world.ledger.store, "record", stopping)
        with pytest.raises(StopError):
            rewrap(world.ledger.store, world.key_ring, lambda _: None)
    world.ledger.close()
    again = open_world(tmp_path, seed=2, database=world.database)
    assert documents(again, ids) == before
    rewrap(again.ledger.store, again.key_ring, lambda _: None)
    assert len(wrapped_rows(again.ledger.store)) == 1
    assert documents(again, ids) == before
    again.close()


def test_a_destroyed_key_opens_no_copy_that_was_made_before(tmp_path: Path) -> None:
    ring = open_key_ring(tmp_path / "keys", os.urandom)
    wrapped = ring.wrap(b"secret", b"context")
    [old] = ring.ids
    content = (tmp_path / "keys" / f"kek-{old}.key").read_text()
    new = add_key(tmp_path / "keys", os.urandom)
    assert ring.ids == [old, new]
    assert ring.unwrap(wrapped, b"context") == b"secret"
    retire_key(tmp_path / "keys", old, NOW + timedelta(days=35))
    assert retired_keys(tmp_path / "keys") == {old: NOW + timedelta(days=35)}
    destroy_key(tmp_path / "keys", old, os.urandom)
    assert ring.ids == [new]
    assert retired_keys(tmp_path / "keys") == {}
    with pytest.raises(KeyEncryptionError, match=f"kek-{old}.key"):
        ring.unwrap(wrapped, b"context")
    assert not any(content in file.read_text() for file in (tmp_path / "keys").iterdir())
    destroy_key(tmp_path / "keys", old, os.urandom)  # again is no error
