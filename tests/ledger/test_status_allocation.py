"""Places in the status lists: one to one, dense, and never given out twice."""

from __future__ import annotations

import threading
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import pytest

from ledger.status_allocation import BLOCK_ENTRIES, LEASE_SLOTS, StatusAllocator, StatusPlace, permute
from ledger.store import Commit, Write
from tests.ledger.storage import Database, both_databases
from tests.ledger.world import World, open_world

__all__ = ["both_databases"]  # the fixture: each test runs on both

NORTH, SOUTH = UUID(int=1), UUID(int=2)
SECRET = bytes(range(32))
GOLDEN_PLACES = [112_065, 26_303, 76_742, 12_167]


@pytest.mark.parametrize("block", [0, 1, 2**31])
def test_permutation_is_one_to_one_over_a_whole_block(block: int) -> None:
    reached = bytearray(BLOCK_ENTRIES)
    for slot in range(BLOCK_ENTRIES):
        reached[permute(SECRET, block, slot)] += 1
    assert bytes(reached) == b"\x01" * BLOCK_ENTRIES


def test_permutation_differs_when_block_or_secret_does_and_neighbours_part() -> None:
    first, *others = (
        [permute(secret, block, slot) for slot in range(200)]
        for secret, block in ((SECRET, 0), (SECRET, 1), (b"another", 0))
    )
    assert first not in others
    assert others[0] != others[1]
    near = sum(abs(a - b) <= 64 for a, b in pairwise(first))
    assert near <= 3, "awards made one after the other must not stand beside each other"


def test_permutation_is_the_golden_one() -> None:
    """A running ledger's slots were mapped like this; another mapping would give places out twice."""
    assert [permute(SECRET, 0, slot) for slot in (0, 1, 2, 131_071)] == GOLDEN_PLACES


def test_allocator_stays_within_one_institution_per_block(world: World) -> None:
    north, south = world.places.allocate(NORTH, 100), world.places.allocate(SOUTH, 100)
    assert {place.block for place in north} == {0}
    assert {place.block for place in south} == {1}
    assert {place.block for place in world.places.allocate(NORTH, 1)} == {0}


def test_allocator_goes_on_in_a_new_block_when_one_is_full(world: World) -> None:
    nearly = (0, 0, BLOCK_ENTRIES - 3, NORTH.bytes)
    world.ledger.store.record([Commit((), [Write("INSERT INTO status_lease VALUES (?,?,?,?)", [nearly])])])
    places = world.places.allocate(NORTH, 5)
    assert [place.block for place in places] == [0, 0, 0, 1, 1]
    assert len(set(places)) == 5


def test_allocator_takes_no_lease_of_its_own_when_the_last_one_holds_out(world: World) -> None:
    for _ in range(LEASE_SLOTS):
        world.places.allocate(NORTH, 1)
    assert world.ledger.store.query("SELECT COUNT(*) FROM status_lease")[0][0] == 1


def test_allocators_never_give_one_place_twice_when_two_run_on_one_database(tmp_path: Path, database: Database) -> None:
    first = open_world(tmp_path, database=database)
    second = open_world(tmp_path, seed=2, database=database)
    given: list[StatusPlace] = []
    lock = threading.Lock()

    def take(allocator: StatusAllocator, count: int) -> None:
        for _ in range(15):
            places = allocator.allocate(NORTH, count)
            with lock:
                given.extend(places)

    allocators = [first.places, second.places, first.places, second.places]
    threads = [threading.Thread(target=take, args=(a, n)) for a, n in zip(allocators, (1, 7, 70, 3), strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for world in (first, second):
        world.close()
    assert len(given) == 15 * (1 + 7 + 70 + 3)
    assert len(set(given)) == len(given)


def test_allocator_never_gives_a_place_again_when_the_ledger_was_closed_between(
    tmp_path: Path, database: Database
) -> None:
    seen: set[StatusPlace] = set()
    for seed in range(4):
        world = open_world(tmp_path, seed=seed, database=database)
        places = world.places.allocate(NORTH, 10)
        world.close()
        assert seen.isdisjoint(places)
        seen.update(places)
    assert len(seen) == 40
