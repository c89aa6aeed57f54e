"""Spending: what is spent once cannot be spent again, whoever is first, until it is released."""

from __future__ import annotations

import threading
from datetime import datetime
from fractions import Fraction
from itertools import pairwise
from uuid import UUID

import pytest

from ledger.application import Decision
from ledger.commitment import DOCUMENT_KIND
from ledger.credential_id import credential_aggregate_id
from ledger.error import ConflictError, RuleError
from ledger.spending import Amount, SpendingBook, carry_over, release, spend, spent_share
from ledger.store import Commit
from tests.ledger.storage import both_databases
from tests.ledger.world import OPERATOR, SLUG, World, claim

__all__ = ["both_databases"]  # the fixture: each test runs on both

WHOLE = Amount(unit="ects", amount=250, whole=250)
HALF = Amount(unit="ects", amount=125, whole=250)
FIRST, SECOND = UUID(int=71), UUID(int=72)


@pytest.fixture
def award(world: World) -> UUID:
    [public_id] = world.issue(claim(reference="S-1"))
    return credential_aggregate_id(public_id)


def book(world: World) -> SpendingBook:
    return SpendingBook(world.ledger.store)


def record(world: World, *commits: Commit) -> list[object]:
    return list(world.ledger.store.record(commits))


def commit_spending(world: World, award: UUID, stack: UUID, amount: Amount = WHOLE) -> Commit:
    write = spend(world.vault.learner_of(award), stack, "stack", [(award, amount, book(world).rows(award))])
    return Commit((), [write])


def test_spending_is_read_back_by_award_and_by_what_it_was_spent_on(world: World, award: UUID) -> None:
    record(world, commit_spending(world, award, FIRST, HALF))
    record(world, commit_spending(world, award, SECOND, HALF))
    rows = book(world).rows(award)
    assert [(row.number, row.stack, row.kind, row.spent, row.released) for row in rows] == [
        (1, FIRST, "stack", HALF, False),
        (2, SECOND, "stack", HALF, False),
    ]
    assert spent_share(rows) == 1
    assert book(world).made(SECOND) == [rows[1]]


def test_spending_conflicts_when_two_decide_on_the_same_rows(world: World, award: UUID) -> None:
    first, second = commit_spending(world, award, FIRST), commit_spending(world, award, SECOND)
    results = record(world, first, second)
    assert results[0] == []
    assert isinstance(results[1], ConflictError)
    assert [row.stack for row in book(world).live(award)] == [FIRST]


def test_spending_of_several_awards_is_all_or_nothing(world: World, award: UUID) -> None:
    [other_id] = world.issue(claim(reference="S-1"))
    other = credential_aggregate_id(other_id)
    learner = world.vault.learner_of(award)
    late = Commit((), [spend(learner, SECOND, "stack", [(other, WHOLE, []), (award, WHOLE, [])])])
    results = record(world, commit_spending(world, award, FIRST), late)
    assert isinstance(results[1], ConflictError)
    assert book(world).rows(other) == []


def test_spending_still_conflicts_when_a_release_came_between(world: World, award: UUID) -> None:
    """Were the number free again, the one who saw the old row and the one who did not would both commit."""
    record(world, commit_spending(world, award, FIRST, HALF))
    seen_before = commit_spending(world, award, UUID(int=73), HALF)
    record(world, Commit((), release(FIRST)))
    seen_after = commit_spending(world, award, SECOND)
    results = record(world, seen_after, seen_before)
    assert results[0] == []
    assert isinstance(results[1], ConflictError)
    assert spent_share(book(world).rows(award)) == 1


def test_release_frees_what_was_spent_on_that_stack_alone(world: World, award: UUID) -> None:
    record(world, commit_spending(world, award, FIRST, HALF))
    record(world, commit_spending(world, award, SECOND, HALF))
    record(world, Commit((), release(FIRST)))
    assert [row.stack for row in book(world).live(award)] == [SECOND]
    assert spent_share(book(world).rows(award)) == Fraction(1, 2)


def test_release_waits_while_the_stack_itself_is_spent_on_something_that_holds(world: World, award: UUID) -> None:
    learner = world.vault.learner_of(award)
    record(world, commit_spending(world, award, FIRST))
    record(world, Commit((), [spend(learner, SECOND, "stack", [(FIRST, WHOLE, [])])]))
    record(world, Commit((), release(FIRST)))
    assert [row.stack for row in book(world).live(award)] == [FIRST]
    record(world, Commit((), release(SECOND)))
    assert book(world).live(award) == book(world).live(FIRST) == []


def test_release_reaches_down_a_chain_of_stacks_that_are_gone(world: World, award: UUID) -> None:
    learner, chain = world.vault.learner_of(award), [UUID(int=80 + number) for number in range(4)]
    record(world, commit_spending(world, award, chain[0]))
    for below, above in pairwise(chain):
        record(world, Commit((), [spend(learner, above, "stack", [(below, WHOLE, [])])]))
    for gone in chain[:-1]:
        record(world, Commit((), release(gone)))
    assert [row.stack for row in book(world).live(award)] == [chain[0]]
    record(world, Commit((), release(chain[-1])))
    assert [book(world).live(one) for one in (award, *chain)] == [[]] * 5


def test_carry_over_leaves_a_successor_spent_as_far_as_its_predecessor(world: World, award: UUID) -> None:
    [successor_id] = world.issue(claim(reference="S-1"))
    successor = credential_aggregate_id(successor_id)
    record(world, commit_spending(world, award, FIRST, HALF))
    record(world, Commit((), [carry_over(award, successor)]))
    assert [(row.stack, row.spent) for row in book(world).live(successor)] == [(FIRST, HALF)]
    record(world, Commit((), release(FIRST)))
    assert book(world).live(successor) == []


def test_spending_is_refused_when_it_is_more_than_the_whole_or_less_than_nothing(world: World, award: UUID) -> None:
    learner = world.vault.learner_of(award)
    for amount in (-1, 251):
        with pytest.raises(ValueError, match="cannot be spent"):
            spend(learner, FIRST, "stack", [(award, Amount(unit="ects", amount=amount, whole=250), [])])


def test_erasure_takes_what_was_spent_with_the_learner_and_no_one_elses(world: World, award: UUID) -> None:
    [other_id] = world.issue(claim(reference="S-2"))
    other = credential_aggregate_id(other_id)
    record(world, commit_spending(world, award, FIRST), commit_spending(world, other, SECOND))
    world.erasing.erase_learner(slug=SLUG, reference="S-1", actor=OPERATOR)
    assert book(world).rows(award) == []
    assert [row.stack for row in book(world).rows(other)] == [SECOND]


def test_spending_conflicts_when_the_learner_was_erased_meanwhile(world: World, award: UUID) -> None:
    late = commit_spending(world, award, FIRST)
    world.erasing.erase_learner(slug=SLUG, reference="S-1", actor=OPERATOR)
    [result] = record(world, late)
    assert isinstance(result, ConflictError)
    assert world.ledger.store.query("SELECT COUNT(*) FROM vault_spending")[0][0] == 0


def test_one_of_many_threads_wins_when_all_spend_the_same_award(world: World, award: UUID) -> None:
    """Through the very path of a command: whoever loses decides again, sees the winner's row, and says so."""
    outcomes: list[str] = []
    start = threading.Barrier(6)

    def act(number: int) -> None:
        stack = UUID(int=100 + number)

        def decide(_: datetime) -> Decision:
            seen = book(world).rows(award)
            if spent_share(seen) + WHOLE.share > 1:
                message = "its credits were spent before"
                raise RuleError(message)
            write = spend(world.vault.learner_of(award), stack, "stack", [(award, WHOLE, seen)])
            return Decision([], [write], None)

        start.wait()
        try:
            world.ledger.carry_out(world.vault, None, decide)
            outcomes.append("won")
        except RuleError as error:
            outcomes.append(str(error))

    threads = [threading.Thread(target=act, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(outcomes) == ["its credits were spent before"] * 5 + ["won"]
    assert spent_share(book(world).rows(award)) == 1
    assert world.vault.open(award, DOCUMENT_KIND)
