"""Learners are found by what their corrected awards call them, and nothing of them is left when they are erased."""

from __future__ import annotations

from uuid import UUID

import pytest

from ledger.credential_id import credential_aggregate_id
from ledger.error import NotFoundError, RuleError
from ledger.reason import Reason
from tests.ledger.storage import both_databases
from tests.ledger.world import OPERATOR, SLUG, World, claim

__all__ = ["both_databases"]  # the fixture: each test runs on both
WRONG, RIGHT, THIRD = "mari@example.org", "mari.m@example.org", "m.m@example.org"


def correct(world: World, award: str, **learner: object) -> str:
    """Replace an award by one of a learner who is called otherwise."""
    corrected = claim("Mari", **learner)
    outcome = world.issuance.replace(public_id=award, claim=corrected, reason=Reason.INCORRECT_DATA, actor=OPERATOR)
    [made] = outcome.answer
    return str(made)


def refused(world: World, award: str, **learner: object) -> str:
    """Why such a correction is refused, on trial and in earnest alike."""
    words = set()
    for trial in (True, False):
        with pytest.raises(RuleError) as error:
            world.issuance.replace(
                public_id=award, claim=claim("Mari", **learner), reason=Reason.OTHER, actor=OPERATOR, trial=trial
            )
        words.add(str(error.value))
    [said] = words
    return said


def issue(world: World, **learner: object) -> str:
    """An award."""
    [made] = world.issue(claim("Mari", **learner))
    return made


def owner(world: World, award: str) -> bytes:
    return world.vault.learner_of(credential_aggregate_id(award)).handle


def found(world: World, *names: str) -> dict[str, bytes]:
    """Who is found by which name."""
    institution = world.ledger.institution(SLUG).id
    known = world.vault.find_learners(institution, names)
    for name in names:  # one by one, and whoever is to get an award, it is the same
        if name in known:
            assert world.vault.find_learner(institution, name) == known[name]
            assert world.vault.learner(institution, name).handle == known[name]
        else:
            with pytest.raises(NotFoundError):
                world.vault.find_learner(institution, name)
            assert world.vault.learner(institution, name).writes
    return known


def erase(world: World, name: str) -> None:
    world.erasing.erase_learner(slug=SLUG, reference=name, actor=OPERATOR)


def left(world: World) -> int:
    """Rows of learners and of what is theirs."""
    counts = [world.ledger.store.query(f"SELECT COUNT(*) FROM {table}") for table in ("vault_learner", "vault_item")]  # noqa: S608  our own tables
    return sum(rows[0][0] for rows in counts)


def test_learner_goes_by_the_corrected_address_and_an_erasure_by_it_leaves_nothing(world: World) -> None:
    old = issue(world, email=WRONG)
    corrected = correct(world, old, email=RIGHT)
    learner = owner(world, old)
    assert found(world, WRONG, RIGHT) == {RIGHT: learner}
    assert owner(world, corrected) == owner(world, issue(world, email=RIGHT)) == learner
    erase(world, RIGHT)
    assert left(world) == 0


def test_address_that_was_somebody_elses_is_free_after_the_correction(world: World) -> None:
    correct(world, issue(world, email=WRONG), email=RIGHT)
    other = owner(world, issue(world, email=WRONG))
    assert other != found(world, WRONG, RIGHT)[RIGHT]
    erase(world, RIGHT)
    assert found(world, WRONG, RIGHT) == {WRONG: other}


@pytest.mark.parametrize("name", [WRONG, RIGHT])
def test_learner_goes_by_both_addresses_while_another_award_says_the_old_one(world: World, name: str) -> None:
    first, second = issue(world, email=WRONG), issue(world, email=WRONG)
    learner = owner(world, first)
    correct(world, first, email=RIGHT)
    assert found(world, WRONG, RIGHT) == {WRONG: learner, RIGHT: learner}
    third = issue(world, email=WRONG)
    assert owner(world, second) == owner(world, third) == owner(world, issue(world, email=RIGHT)) == learner
    erase(world, name)
    assert left(world) == 0
    assert found(world, WRONG, RIGHT) == {}


def test_old_address_is_free_when_the_last_award_that_says_it_is_corrected(world: World) -> None:
    awards = [issue(world, email=WRONG) for _ in range(3)]
    learner = owner(world, awards[0])
    for number, award in enumerate(awards):
        assert WRONG in found(world, WRONG), number
        correct(world, award, email=RIGHT)
    assert found(world, WRONG, RIGHT) == {RIGHT: learner}
    erase(world, RIGHT)
    assert left(world) == 0


def test_revoked_award_is_one_that_says_the_address_still(world: World) -> None:
    first, second = issue(world, email=WRONG), issue(world, email=WRONG)
    world.lifecycle.revoke(public_id=second, reason=Reason.OTHER, actor=OPERATOR)
    correct(world, first, email=RIGHT)
    assert set(found(world, WRONG, RIGHT)) == {WRONG, RIGHT}


def test_learner_goes_by_the_last_address_when_it_is_corrected_there_and_back(world: World) -> None:
    award = issue(world, email=WRONG)
    for address in (RIGHT, WRONG, THIRD, RIGHT):
        award = correct(world, award, email=address)
        assert set(found(world, WRONG, RIGHT, THIRD)) == {address}
    first, second = issue(world, email=RIGHT), issue(world, email=RIGHT)
    back = correct(world, first, email=THIRD)
    correct(world, back, email=RIGHT)
    assert set(found(world, RIGHT, THIRD)) == {RIGHT}
    assert len({owner(world, one) for one in (award, second, back)}) == 1


def test_correction_is_refused_when_another_learner_has_the_address(world: World) -> None:
    award, others = issue(world, email=WRONG), issue(world, email=RIGHT)
    rows, events = left(world), len(world.events())
    said = refused(world, award, email=RIGHT)
    assert "revoke it and issue it to them" in said
    assert RIGHT not in said
    assert (left(world), len(world.events())) == (rows, events)
    assert found(world, WRONG, RIGHT) == {WRONG: owner(world, award), RIGHT: owner(world, others)}


def test_correction_is_refused_when_the_other_learner_comes_in_the_same_moment(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    award = issue(world, email=WRONG)
    allocate = world.places.allocate

    def meddle(institution: UUID, count: int) -> object:
        monkeypatch.undo()
        issue(world, email=RIGHT)
        return allocate(institution, count)

    monkeypatch.setattr(world.places, "allocate", meddle)
    with pytest.raises(RuleError, match="another learner"):
        correct(world, award, email=RIGHT)
    assert found(world, WRONG)[WRONG] == owner(world, award)


@pytest.mark.parametrize("is_anothers", [False, True])
def test_award_that_was_corrected_before_learners_went_by_it_can_be_corrected_again(
    world: World, *, is_anothers: bool
) -> None:
    award = issue(world, email=RIGHT)
    world.alter("UPDATE vault_learner SET lookup=?", (b"as it was before",))
    others = owner(world, issue(world, email=RIGHT)) if is_anothers else None
    corrected = correct(world, award, email=RIGHT)
    assert owner(world, corrected) == owner(world, award)
    assert found(world, RIGHT) == {RIGHT: others or owner(world, award)}


@pytest.mark.parametrize("address", [RIGHT, None])
def test_reference_stays_the_name_when_it_is_named_again(world: World, address: str | None) -> None:
    award = issue(world, reference="S-1", email=WRONG)
    issue(world, email=RIGHT)
    correct(world, award, reference="S-1", email=address)
    assert found(world, "S-1", WRONG) == {"S-1": owner(world, award)}


def test_reference_that_is_left_out_is_still_a_name(world: World) -> None:
    award = issue(world, reference="S-1", email=WRONG)
    corrected = correct(world, award, email=RIGHT)
    learner = owner(world, award)
    assert found(world, "S-1", RIGHT, WRONG) == {"S-1": learner, RIGHT: learner}
    correct(world, corrected)
    assert found(world, "S-1", RIGHT) == {"S-1": learner, RIGHT: learner}


def test_learner_goes_by_a_name_that_they_had_not_had(world: World) -> None:
    award = issue(world)
    correct(world, award, email=RIGHT)
    assert found(world, RIGHT) == {RIGHT: owner(world, award)}


def test_award_of_who_was_called_nothing_is_the_known_learners_when_it_calls_them_so(world: World) -> None:
    award, others = issue(world), issue(world, email=RIGHT)
    corrected = correct(world, award, email=RIGHT)
    assert found(world, RIGHT) == {RIGHT: owner(world, others)}
    assert owner(world, corrected) == owner(world, others) != owner(world, award)
    again = correct(world, corrected, email=RIGHT)
    assert owner(world, again) == owner(world, others)
    erase(world, RIGHT)
    assert left(world) == 3  # who was called nothing, their award, and what replaced it
    assert owner(world, award)


def test_corrected_reference_is_the_name_and_the_wrong_one_is_free(world: World) -> None:
    award = issue(world, reference="S-1")
    correct(world, award, reference="S-2")
    assert found(world, "S-1", "S-2") == {"S-2": owner(world, award)}
