"""Awards that several requests ask for at once: what changes while they are made, and what each is told of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from ledger.application import MAX_ATTEMPTS, Outcome, institution_id
from ledger.credential_id import credential_aggregate_id
from ledger.error import ClockError, InvalidInputError, MovedError, NotFoundError, RuleError, StorageError
from ledger.issuance import AT_ONCE
from ledger.reason import Reason
from ledger.store import Commit
from tests.ledger.storage import both_databases
from tests.ledger.test_together import issued, outcomes, task
from tests.ledger.world import CODE, OPERATOR, SLUG, START, TEMPLATE, World, claim

__all__ = ["both_databases"]  # the fixture: each test runs on both


def elsewhere(work: Callable[[], object]) -> None:
    """Do something as another request does it: on another thread, a second later."""
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def before_the_first(monkeypatch: pytest.MonkeyPatch, owner: object, name: str, work: Callable[[], object]) -> None:
    """Have *work* done elsewhere before a method is called for the first time."""
    method, done = getattr(owner, name), list[bool]()

    def instead(*args: Any, **named: Any) -> Any:  # noqa: ANN401  as it is
        if not done:
            done.append(True)
            elsewhere(work)
        return method(*args, **named)

    monkeypatch.setattr(owner, name, instead)


def rotate(world: World, slug: str = SLUG) -> Callable[[], None]:
    def work() -> None:
        world.clock.advance(seconds=1)
        world.registry.rotate_key(slug=slug, actor=OPERATOR)

    return work


def open_south(world: World) -> None:
    world.registry.register(slug="south", name="South", country="EE", kind="university", actor=OPERATOR)
    world.catalogue.publish(slug="south", code=CODE, template=TEMPLATE, actor=OPERATOR)


def instants(world: World, topic: str) -> list[datetime]:
    """When events of a kind were recorded."""
    return [
        datetime.fromisoformat(msgspec.json.decode(state)["recorded_at"])
        for kind, state in world.events()
        if kind == topic
    ]


def keys_and_instants(found: list[Outcome]) -> set[tuple[str, str]]:
    """Which key signed each award, and when."""
    documents = [msgspec.json.decode(one.document) for outcome in found for one in outcome.made]
    return {(one["proof"]["verificationMethod"].rpartition("#")[2], one["proof"]["created"]) for one in documents}


# ── what changes meanwhile ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("moment", ["learners_called", "allocate"], ids=["before it is read", "while it signs"])
def test_key_that_comes_into_force_meanwhile_signs_nothing_that_is_older(
    world: World, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    owner = world.vault if moment == "learners_called" else world.places
    before_the_first(monkeypatch, owner, moment, rotate(world))
    found = outcomes(world.issuance.issue_together([task(world, str(n), claim("Ada")) for n in range(3)]))
    assert keys_and_instants(found) == {("key-2", "2026-03-01T09:00:01Z")}
    assert set(instants(world, "credential.issued.v1")) == {START + timedelta(seconds=1)}
    assert issued(world) == 3


def test_key_of_another_institution_in_the_group_signs_nothing_that_is_older(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_south(world)
    before_the_first(monkeypatch, world.places, "allocate", rotate(world, "south"))  # while the first one's are made
    tasks = [task(world, f"{slug}{n}", claim("Ada"), slug=slug) for slug in (SLUG, "south") for n in range(2)]
    found = outcomes(world.issuance.issue_together(tasks))
    assert keys_and_instants(found[2:]) == {("key-2", "2026-03-01T09:00:01Z")}
    assert issued(world) == 4


def test_one_by_itself_is_signed_by_no_key_that_is_newer(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    institution = world.ledger.institution
    done: list[bool] = []

    def slow(slug: str) -> object:
        if not done:
            done.append(True)
            elsewhere(rotate(world))
        return institution(slug)

    monkeypatch.setattr(world.ledger, "institution", slow)
    [outcome] = outcomes(world.issuance.issue_together([task(world, "0", claim("Ada"))]))
    assert keys_and_instants([outcome]) == {("key-2", "2026-03-01T09:00:01Z")}


def test_edition_that_is_published_meanwhile_has_no_older_awards(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def publish() -> None:
        world.clock.advance(seconds=1)
        changed = msgspec.structs.replace(TEMPLATE, title="Another title")
        world.catalogue.publish(slug=SLUG, code=CODE, template=changed, actor=OPERATOR)

    before_the_first(monkeypatch, world.vault, "learners_called", publish)
    found = outcomes(world.issuance.issue_together([task(world, str(n), claim("Ada")) for n in range(2)]))
    assert {world.ledger.credential(one.answer[0]).edition for one in found} == {2}
    assert set(instants(world, "credential.issued.v1")) == {START + timedelta(seconds=1)}


def test_key_that_is_destroyed_between_two_looks_is_no_error(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    before_the_first(monkeypatch, world.keys, "signing_key", rotate(world))
    found = outcomes(world.issuance.issue_together([task(world, str(n), claim("Ada")) for n in range(2)]))
    assert keys_and_instants(found) == {("key-2", "2026-03-01T09:00:01Z")}


def test_key_that_is_not_here_is_said_not_to_be(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> None:
        message = "the private half of key-1 is not here"
        raise NotFoundError(message)

    monkeypatch.setattr(world.keys, "signing_key", gone)
    found = world.issuance.issue_together([task(world, str(n), claim("Ada")) for n in range(2)])
    assert [(type(one), str(one)) for one in found] == [(NotFoundError, "the private half of key-1 is not here")] * 2


def test_whoever_is_always_overtaken_is_told_so_in_the_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    look, looks = world.vault.learners_called, []

    def slow(*args: Any) -> Any:  # noqa: ANN401  as it is
        looks.append(True)
        elsewhere(rotate(world))
        return look(*args)

    monkeypatch.setattr(world.vault, "learners_called", slow)
    found = world.issuance.issue_together([task(world, str(n), claim("Ada")) for n in range(2)])
    assert [type(one) for one in found] == [MovedError] * 2
    assert len(looks) == MAX_ATTEMPTS
    assert issued(world) == 0


def test_what_a_clock_ahead_of_this_one_recorded_is_waited_for_by_standing_still(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process's clock may be ahead: its newest change is not in this one's memory before it is read."""
    outcomes(world.issuance.issue_together([task(world, "first", claim("Ada"))]))
    ahead = START + timedelta(seconds=2)
    monkeypatch.setattr(
        world.ledger._changes, "of", lambda identity: ahead if identity == institution_id(SLUG) else None
    )
    outcomes(world.issuance.issue_together([task(world, str(n), claim("Ada")) for n in range(2)]))
    assert instants(world, "credential.issued.v1") == [START, ahead, ahead]
    ahead += timedelta(seconds=60)
    refused = world.issuance.issue_together([task(world, f"late{n}", claim("Ada")) for n in range(2)])
    assert [type(one) for one in refused] == [ClockError] * 2
    open_south(world)  # one wrong clock does not stop what does not rest on what it said
    assert instants(world, "institution.registered.v1")[-1] == START + timedelta(seconds=2)


def test_what_was_done_before_is_answered_whatever_a_clock_says(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    [first] = outcomes(world.issuance.issue_together([task(world, "0", claim("Ada"))]))
    ahead = START + timedelta(seconds=60)
    monkeypatch.setattr(world.ledger._changes, "of", lambda _: ahead)
    [again] = outcomes(world.issuance.issue_together([task(world, "0", claim("Ada"))]))
    assert (again.answer, again.repeated) == (first.answer, True)


def test_tolerance_is_counted_from_the_clock_and_not_from_where_it_stands_still(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes(world.issuance.issue_together([task(world, "0", claim("Ada"))]))
    world.clock.advance(seconds=-4)
    ahead = START + timedelta(seconds=2)  # 6 s after the clock, and 2 s after the instant at which it stands still
    monkeypatch.setattr(
        world.ledger._changes, "of", lambda identity: ahead if identity == institution_id(SLUG) else None
    )
    [refused] = world.issuance.issue_together([task(world, "1", claim("Ada"))])
    assert isinstance(refused, ClockError)
    open_south(world)
    assert instants(world, "institution.registered.v1")[-1] == START


def test_disk_that_fails_while_it_is_seen_what_has_moved_leaves_the_first_error(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = world.ledger._load

    def gone(*_: object) -> None:
        def fail(*_: object) -> None:
            message = "the disk fails"
            raise StorageError(message)

        monkeypatch.setattr(world.ledger, "_load", fail)
        message = "the private half of key-1 is not here"
        raise NotFoundError(message)

    monkeypatch.setattr(world.keys, "signing_key", gone)
    [found] = world.issuance.issue_together([task(world, "0", claim("Ada"))])
    assert isinstance(found, NotFoundError)
    monkeypatch.setattr(world.ledger, "_load", load)


# ── what each is told and given of its own ───────────────────────────────────────────────────────


def test_each_request_of_a_group_leaves_its_own_act(world: World) -> None:
    before = len(world.access.acts(institution_id(SLUG), None, 100))
    outcomes(world.issuance.issue_together([task(world, "0", claim("A"), claim("B")), task(world, "1", claim("C"))]))
    acts = world.access.acts(institution_id(SLUG), None, 100)
    assert sorted(act.items for act in acts[: len(acts) - before]) == [1, 2]


def test_forms_that_other_keys_sign_are_recorded_of_each_award(world: World) -> None:
    world.registry.rotate_key(slug=SLUG, actor=OPERATOR, algorithm="P-256")
    world.registry.choose_forms(slug=SLUG, forms=("vc-jwt-es256",), actor=OPERATOR)
    found = outcomes(world.issuance.issue_together([task(world, str(n), claim("Ada")) for n in range(3)]))
    for outcome in found:
        identity = credential_aggregate_id(outcome.answer[0])
        assert world.ledger.credential(outcome.answer[0]).version == 2
        assert len(list(world.ledger.events.get(identity))) == 2


def test_institutions_of_a_group_share_no_learners(world: World) -> None:
    open_south(world)
    wanted = [("Ada", SLUG), ("Bo", "south"), ("Cy", SLUG), ("Di", "south")]
    tasks = [task(world, name, claim(name, reference="R-1"), slug=slug) for name, slug in wanted]
    ids = [outcome.answer[0] for outcome in outcomes(world.issuance.issue_together(tasks))]
    handles = [world.vault.learner_of(credential_aggregate_id(one)).handle for one in ids]
    assert handles[0] == handles[2] != handles[1] == handles[3]
    assert world.vault.find_learner(institution_id("south"), "R-1") == handles[1]
    assert world.vault.find_learner(institution_id(SLUG), "R-1") == handles[0]
    assert [world.ledger.credential(one).institution for one in ids] == [institution_id(slug) for _, slug in wanted]


def test_one_new_learner_twice_in_a_request_conflicts_with_nobody(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes(world.issuance.issue_together([task(world, "first", claim("Ada"))]))
    recorded: list[int] = []
    record = world.ledger.store.record

    def note(commits: list[Commit]) -> object:
        recorded.append(len(commits))
        return record(commits)

    monkeypatch.setattr(world.ledger.store, "record", note)
    twice = task(world, "0", claim("Bo", reference="N"), claim("Bo", reference="N"))
    outcomes(world.issuance.issue_together([twice, task(world, "1", claim("Cy"))]))
    assert recorded[-1] == 2  # nothing was decided on again; a lease of places may come before


def test_a_group_is_recorded_at_one_steady_instant(world: World) -> None:
    outcomes(world.issuance.issue_together([task(world, "first", claim("Ada"))]))
    world.clock.advance(seconds=-2)  # set back a little: it stands still
    found = outcomes(world.issuance.issue_together([task(world, str(n), claim("Ada")) for n in range(3)]))
    assert keys_and_instants(found) == {("key-1", "2026-03-01T09:00:00Z")}
    for topic in ("credential.issued.v1", "submission.accepted.v1"):
        assert set(instants(world, topic)) == {START}


def test_a_group_has_one_instant_though_the_clock_goes_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    now = type(world.clock).__call__

    def ticking(clock: Any) -> datetime:  # noqa: ANN401  as it is
        clock.advance(seconds=1)
        return now(clock)

    monkeypatch.setattr(type(world.clock), "__call__", ticking)
    found = outcomes(world.issuance.issue_together([task(world, str(n), claim("Ada")) for n in range(3)]))
    assert len(keys_and_instants(found)) == 1
    made = {one for topic in ("credential.issued.v1", "submission.accepted.v1") for one in instants(world, topic)}
    acts = world.access.acts(institution_id(SLUG), None, 3)
    assert made == {act.at for act in acts}
    assert len(made) == 1


def test_a_clock_that_is_behind_is_said_to_each_that_would_be_recorded(world: World) -> None:
    outcomes(world.issuance.issue_together([task(world, "0", claim("Ada"))]))
    world.clock.advance(seconds=-60)
    found = world.issuance.issue_together([task(world, str(n), claim("Ada")) for n in range(3)])
    assert [type(one) for one in found] == [Outcome, ClockError, ClockError]


def test_text_that_cannot_be_looked_up_is_one_claims_own_error(world: World) -> None:
    names = ["R-0", "\ud800", "R-2"]
    found = world.issuance.issue_together([task(world, str(n), claim("Ada", reference=r)) for n, r in enumerate(names)])
    assert [type(one) for one in found] == [Outcome, InvalidInputError, Outcome]


def test_an_institution_without_a_key_is_told_so_and_no_other(world: World) -> None:
    open_south(world)
    world.registry.revoke_key(
        slug="south", key_id="key-1", reason=Reason.SUPERSEDED, effective_at=START, actor=OPERATOR
    )
    tasks = [task(world, f"{slug}{n}", claim("Ada"), slug=slug) for slug in (SLUG, "south") for n in range(2)]
    assert [type(one) for one in world.issuance.issue_together(tasks)] == [Outcome, Outcome, RuleError, RuleError]


@pytest.fixture
def asked(world: World, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """For how many places the allocator is asked from now on."""
    outcomes(world.issuance.issue_together([task(world, "first", claim("Ada"))]))
    allocate, counts = world.places.allocate, list[int]()

    def note(institution: Any, count: int) -> Any:  # noqa: ANN401  as it is
        counts.append(count)
        return allocate(institution, count)

    monkeypatch.setattr(world.places, "allocate", note)
    return counts


def test_those_that_are_refused_or_repeated_keep_the_rest_from_nothing(world: World, asked: list[int]) -> None:
    tasks = [task(world, key, claim(name)) for key, name in [("first", "Ada"), ("0", "Bo"), ("1", " "), ("2", "Cy")]]
    found = world.issuance.issue_together(tasks)
    assert [isinstance(one, Outcome) for one in found] == [True, True, False, True]
    assert asked == [2]


def test_institutions_of_a_group_are_each_made_together(world: World, asked: list[int]) -> None:
    open_south(world)
    tasks = [task(world, f"{slug}{n}", claim("Ada"), slug=slug) for n in range(3) for slug in (SLUG, "south")]
    outcomes(world.issuance.issue_together(tasks))
    assert asked == [3, 3]


def test_as_many_are_made_together_as_are_made_at_once(world: World, asked: list[int]) -> None:
    outcomes(world.issuance.issue_together([task(world, "0", *[claim("A")] * AT_ONCE), task(world, "1", claim("A"))]))
    assert asked == [AT_ONCE, 1]
    half = [claim("A")] * (AT_ONCE // 2)
    outcomes(world.issuance.issue_together([task(world, "2", *half), task(world, "3", *half)]))
    assert asked[2:] == [AT_ONCE]
