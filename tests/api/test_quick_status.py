"""Quick answers: of which stored rows there is one, and when a kept one is made anew."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
import pytest

from api import quick_status
from api.quick_status import (
    AWARD_END,
    BODY_BEGIN,
    BODY_END,
    END_BYTES,
    ONE_IN,
    READ_SECONDS,
    READY_BYTES,
    QuickAnswer,
    QuickStatus,
)
from api.quick_status import (
    RECORDED as BETWEEN_DATES,
)
from ledger.credential import Review
from ledger.credential_id import credential_aggregate_id, make_public_id
from ledger.reason import Reason
from projections.credential_status import CredentialFacts, Signing, StackedBy, StatusEvent, parse_facts, short_of
from projections.directory_record import DirectoryRecord, KeyRecord, encode_record
from projections.error import ViewNotReadyError
from projections.institution_directory import record_key
from projections.short_row import MARKS, MOST_TOUCHED, TOUCHED, mark_of, short_key, with_touched
from projections.table import MemoryTable

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
RECORDED: Final = datetime(2026, 3, 1, 12, 0, 0, 500_000, tzinfo=UTC)
NOW: Final = datetime(2026, 6, 1, tzinfo=UTC)
INSTITUTION: Final = UUID(int=1)
NUMBER: Final = 7
ROOM: Final = 1_000_000
ISSUED: Final = StatusEvent("issued", None, START, RECORDED, 5)
REVOKED: Final = StatusEvent("revoked", Reason.OTHER, START, RECORDED, 9)
SIGNED: Final = Signing("key-2", {"vc+jcs": "ab"}, RECORDED, 9)
PLAIN: Final = CredentialFacts(
    INSTITUTION, UUID(int=2), 1, "key-1", {"vc+jcs": "ab"}, 1, 5, START, None, RECORDED, (ISSUED,)
)


class Shown:
    """A view in memory, which is where it is said to be."""

    def __init__(self) -> None:
        self.table = MemoryTable()
        self.generation = "v1-000001"
        self.at = 1
        self.is_ready = True
        self.reads = self.renewed = self.released = 0

    def get(self, key: bytes) -> bytes | None:
        self.reads += 1
        return self.table.get(key)

    def position(self) -> int:
        if not self.is_ready:
            raise ViewNotReadyError
        return self.at

    def reader(self) -> Shown:
        return self

    def renew(self) -> Callable[[bytes], bytes | None]:
        self.renewed += 1
        return self.get

    def release(self) -> None:
        self.released += 1


class Heard:
    """How far this process has heard that a view was brought."""

    def __init__(self) -> None:
        self.position = 0


class World:
    """Two views, and quick answers from them."""

    def __init__(self) -> None:
        self.awards, self.institutions = Shown(), Shown()
        self.now, self.moment, self.asked = NOW, 0.0, 0
        self.later: list[tuple[float, Callable[[], None]]] = []
        self.places = {"awards": Heard(), "institutions": Heard()}
        self.quick = QuickStatus(
            self.awards,
            self.institutions,
            lambda institution: NUMBER - INSTITUTION.int + institution.int,
            (self.places["awards"], self.places["institutions"]),
            self.ordinary,
            clock=self.clock,
            later=lambda seconds, call: self.later.append((seconds, call)),
            room=ROOM,
        )
        self.name("North")

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.moment += seconds

    def clock(self) -> float:
        return self.now.timestamp()

    def ordinary(self, public_id: str) -> dict[str, Any]:
        """The ordinary answer, as far as it is taken from."""
        self.asked += 1
        row = self.awards.table.get(credential_aggregate_id(public_id).bytes)
        facts = parse_facts(row or b"")
        record = msgspec.json.decode(self.institutions.table.get(record_key(NUMBER)) or b"")
        return {
            "issuer": {"name": record["name"], "key": "key-1", "key_standing": "in_force"},
            "achievement": None,
            "verdict": "valid" if len(facts.events) == 1 else "invalid",
            "state": "active" if len(facts.events) == 1 else "revoked",
            "events": [event.kind for event in facts.events],
        }

    def name(self, name: str, keys: tuple[KeyRecord, ...] = (), other: int = 0) -> None:
        """Give the institution, or another one, a name, and perhaps keys."""
        made = DirectoryRecord(
            institution=UUID(int=INSTITUTION.int + other),
            number=NUMBER + other,
            slug="north",
            name=name,
            country="EE",
            kind="university",
            did="did:web:north.example",
            registered_at=START,
            keys=keys,
            accreditations=(),
        )
        self.institutions.table.put(record_key(NUMBER + other), encode_record(made))

    def store(self, facts: CredentialFacts, seed: int = 1) -> str:
        """Store what is known of an award; gives its public id."""
        public_id = make_public_id(START, seed.to_bytes(16, "big"))
        identity, row = credential_aggregate_id(public_id).bytes, msgspec.json.encode(facts)
        if self.awards.table.get(identity) is not None:
            self.touch(identity)
        self.awards.table.put(identity, row)
        self.awards.table.put(short_key(identity), short_of(facts, row))
        return public_id

    def touch(self, *identities: bytes) -> None:
        """Have the view say that something has happened to awards."""
        self.awards.table.put(TOUCHED, with_touched(self.awards.table.get(TOUCHED), identities))

    def answer(self, public_id: str) -> dict[str, Any] | None:
        """The quick answer, put together as the short-cut does it."""
        found = self.quick.answer(public_id.encode(), self.moment)
        if found is None:
            return None
        _, _, _, _, position, tag, judged, begins, between, recorded, shared, size = found
        head = BODY_BEGIN + public_id.encode() + judged + begins
        rest = begins + between + recorded + shared + begins + BETWEEN_DATES + recorded
        assert size == len(head + rest)
        told: dict[str, Any] = msgspec.json.decode(head + self.quick.stamped + rest + AWARD_END + BODY_END)
        return {**told, "tag": (position + tag).decode()}


@pytest.fixture
def world() -> World:
    return World()


def test_untouched_award_has_a_quick_answer_with_everything_in_its_row(world: World) -> None:
    told = world.answer(world.store(PLAIN))
    assert told is not None
    assert told["tag"].startswith("5-")
    assert told["tag"].endswith('-active-valid"')
    assert (told["since"], told["valid_from"], told["valid_until"]) == ("2026-01-01T00:00:00Z",) * 2 + (None,)
    assert told["recorded_at"] == "2026-03-01T12:00:00.500000Z"
    assert told["at"] == told["checked_at"] == "2026-06-01T00:00:00Z"
    event = {"kind": "issued", "reason": None, "effective_at": told["since"], "recorded_at": told["recorded_at"]}
    assert told["events"] == [event]
    assert told["issuer"]["name"] == "North"


def test_award_that_ends_has_a_quick_answer_until_the_second_in_which_it_does(world: World) -> None:
    public_id = world.store(msgspec.structs.replace(PLAIN, valid_until=NOW + timedelta(seconds=2)))
    for _ in range(3):
        told = world.answer(public_id)
        assert told is not None
        assert told["valid_until"] == "2026-06-01T00:00:02Z"
    world.wait(1.5)
    assert world.answer(public_id) is not None
    world.wait(0.5)
    assert world.answer(public_id) is None


@pytest.mark.parametrize("late", ["valid_from", "recorded_at"])
def test_award_has_no_quick_answer_within_the_second_in_which_it_begins(world: World, late: str) -> None:
    public_id = world.store(msgspec.structs.replace(PLAIN, **{late: NOW - timedelta(seconds=0.4)}))
    world.now = NOW - timedelta(seconds=0.1)
    assert world.answer(public_id) is None
    world.wait(0.1)
    assert world.answer(public_id) is not None


@pytest.mark.parametrize(
    "change",
    [
        lambda facts: {"events": (*facts.events, REVOKED)},
        lambda _: {"events": (StatusEvent("stacked", None, START, RECORDED, 5),)},
        lambda _: {"reissues": (SIGNED,)},
        lambda _: {"added": (SIGNED,)},
        lambda _: {"nature": "part"},
        lambda _: {"nature": "unpacking", "programme": UUID(int=3), "programme_edition": 1},
        lambda _: {"stacked": StackedBy(UUID(int=3), 1, "ab", "cd")},
        lambda _: {"review": Review(Reason.OTHER, START, NOW, NOW)},
        lambda _: {"achievement": None, "edition": None},
    ],
    ids=[
        "revoked",
        "not issued",
        "signed again",
        "another form",
        "part",
        "unpacking",
        "stacked",
        "review",
        "own making",
    ],
)
def test_award_to_which_something_has_happened_has_no_quick_answer(
    world: World, change: Callable[[CredentialFacts], dict[str, Any]]
) -> None:
    assert world.answer(world.store(msgspec.structs.replace(PLAIN, **change(PLAIN)))) is None


def test_kept_answer_is_given_without_a_read_until_a_view_has_moved(world: World) -> None:
    public_id = world.store(PLAIN)
    for _ in range(2):
        assert world.answer(public_id) is not None
    reads = world.awards.reads
    for _ in range(20):
        world.moment += 0.09  # looks where the views are, which is where they were
        assert world.answer(public_id) is not None
    assert world.awards.reads == reads
    world.store(msgspec.structs.replace(PLAIN, reissues=(SIGNED,)))
    world.awards.at += 1
    assert world.answer(public_id) is not None  # another process's change, for a tenth of a second
    world.moment += 0.1
    assert world.answer(public_id) is None


@pytest.mark.parametrize("of", ["awards", "institutions"])
@pytest.mark.parametrize("how", ["this process", "another", "a rebuild"])
def test_kept_answer_is_made_anew_when_a_view_has_moved(world: World, of: str, how: str) -> None:
    public_id, view = world.store(PLAIN), getattr(world, of)
    for _ in range(3):
        assert world.answer(public_id) is not None
    if of == "awards":
        world.store(msgspec.structs.replace(PLAIN, valid_until=NOW + timedelta(days=1)))
    else:
        world.name("South")
    if how == "a rebuild":
        view.generation = "v1-000002"
    else:
        view.at += 1
    if how == "this process":
        world.places[of].position += 1
    else:
        world.moment += 0.1
    told = world.answer(public_id)
    assert told is not None
    assert (told["valid_until"], told["issuer"]["name"]) == (
        ("2026-06-02T00:00:00Z", "North") if of == "awards" else (None, "South")
    )


def test_rows_are_read_from_one_commit_until_time_goes_on_or_the_view_has_moved(world: World) -> None:
    ids = [world.store(PLAIN, seed) for seed in range(20)]
    for number, one in enumerate(ids):
        world.moment = number // 10 / 1_000
        assert world.answer(one) is not None
    assert world.awards.renewed == 2
    world.places["awards"].position += 1
    assert world.answer(ids[0]) is not None
    assert world.awards.renewed == 3


def test_answer_is_not_kept_when_it_was_asked_for_once_whatever_hash_the_id_has(world: World) -> None:
    for seed in range(2_000):  # one in 256 has a hash with zeros in the place that is noted
        public_id = world.store(PLAIN, seed)
        assert world.answer(public_id) is not None
        assert public_id.encode() not in world.quick._ready


def test_commit_that_is_read_from_is_let_go_of_before_long(world: World) -> None:
    ids = [world.store(PLAIN, seed) for seed in range(4)]
    for number, one in enumerate(ids[:3], 1):
        world.moment += 0.001
        assert world.answer(one) is not None
        assert (world.awards.renewed, len(world.later)) == (number, 1)
    [(seconds, let_go)] = world.later
    assert seconds == READ_SECONDS
    let_go()
    assert world.awards.released == 1
    assert world.answer(ids[3]) is not None  # in the same moment, and not from what was let go of
    assert (world.awards.renewed, len(world.later)) == (4, 2)
    world.moment += READ_SECONDS  # what was to be called was not: its event loop has ended
    assert world.answer(ids[0]) is not None
    assert (world.awards.renewed, len(world.later)) == (5, 3)


def test_answers_on_awards_that_end_take_more_room(world: World) -> None:
    ending = msgspec.structs.replace(PLAIN, valid_until=NOW + timedelta(days=1))
    ask_for(world, [world.store(PLAIN, 1), world.store(ending, 2)], 2)
    first, second = map(own_bytes, world.quick._ready.values())
    assert second - first == END_BYTES + len('"2026-06-02T00:00:00Z"') - len("null")
    assert world.quick._ready_bytes == first + second


def kept(world: World, count: int) -> list[str]:
    """Awards whose answers are kept."""
    ids = [world.store(PLAIN, seed) for seed in range(count)]
    ask_for(world, ids, 2)
    return ids


def move(world: World) -> None:
    """Have another process bring the views on, and this one notice."""
    world.awards.at += 1
    world.institutions.at += 1
    world.moment += 0.1


def test_kept_answers_are_given_on_when_something_has_happened_to_other_awards_alone(world: World) -> None:
    touched, *others = kept(world, 20)
    assert len({mark_of(credential_aggregate_id(one).bytes) for one in (touched, *others)}) == 20
    for _ in range(5):
        world.store(msgspec.structs.replace(PLAIN, reissues=(SIGNED,)), 0)
        move(world)
        reads = world.awards.reads
        assert all(world.answer(one) is not None for one in others)
        assert world.awards.reads == reads + 1, "what was touched, and no award"
        assert world.answer(touched) is None


def test_kept_answer_is_made_anew_when_something_has_happened_to_an_award_of_its_mark(world: World) -> None:
    one, other = kept(world, 2)
    world.touch(bytes([mark_of(credential_aggregate_id(one).bytes)]))
    move(world)
    reads = world.awards.reads
    assert world.answer(other) is not None
    assert world.awards.reads == reads + 1
    assert world.answer(one) is not None
    assert world.awards.reads == reads + 2


def test_institution_that_has_changed_has_all_made_anew_once_though_nobody_asks_for_its_awards(world: World) -> None:
    world.name("South", other=1)
    ids = kept(world, 5)
    ask_for(world, [world.store(msgspec.structs.replace(PLAIN, institution=UUID(int=2)), 99)], 2)
    world.name("Southern", other=1)
    for made in (len(ids), 0, 0):
        move(world)
        reads = world.awards.reads
        assert all(world.answer(one) is not None for one in ids)
        assert world.awards.reads == reads + 1 + made


@pytest.mark.parametrize("times, reads", [(MOST_TOUCHED, 0), (MOST_TOUCHED + 1, 1)])
def test_all_is_made_anew_when_more_has_happened_than_is_told(world: World, times: int, reads: int) -> None:
    [one] = kept(world, 1)
    mark = mark_of(credential_aggregate_id(one).bytes)
    world.touch(*(bytes([(mark + 1 + number % 100) % MARKS]) for number in range(times)))
    move(world)
    before = world.awards.reads
    assert world.answer(one) is not None
    assert world.awards.reads == before + 1 + reads


def test_all_is_made_anew_each_time_where_institutions_are_too_many_to_compare(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quick_status, "MAX_COMPARED", 0)
    [one] = kept(world, 1)
    for _ in range(2):
        move(world)
        reads = world.awards.reads
        assert world.answer(one) is not None
        assert world.awards.reads == reads + 2


@pytest.mark.parametrize("seed", range(20))
def test_kept_answers_are_those_that_would_be_made_now_whatever_happens_meanwhile(seed: int) -> None:
    chosen = random.Random(seed)
    world = World()
    ids = [world.store(PLAIN, number) for number in range(30)]
    names = 0
    for _ in range(400):
        match chosen.randrange(8):
            case 0:
                number = chosen.randrange(30)
                events = chosen.choice([(ISSUED,), (ISSUED, REVOKED)])
                world.store(msgspec.structs.replace(PLAIN, events=events), number)
                move(world)
            case 1 if chosen.random() < 0.1:
                names += 1
                world.name(f"North {names}")
                move(world)
            case 2 if chosen.random() < 0.1:
                world.awards.generation = f"v1-{chosen.randrange(100):06}"
                move(world)
            case 3:
                move(world)
            case _:
                one = chosen.choice(ids)
                told = world.answer(one)
                fresh = World()
                fresh.awards.table, fresh.institutions.table = world.awards.table, world.institutions.table
                fresh.now = world.now
                assert told == fresh.answer(one)


def test_what_happens_to_an_award_while_its_kind_is_learnt_is_not_said_of_others(world: World) -> None:
    seen, other = world.store(PLAIN, 1), world.store(PLAIN, 2)
    before = world.awards.table.get(short_key(credential_aggregate_id(seen).bytes)) or b""
    world.store(msgspec.structs.replace(PLAIN, events=(ISSUED, REVOKED)), 1)
    world.awards.table.put(short_key(credential_aggregate_id(seen).bytes), before)  # as it was read a moment ago
    assert world.answer(seen) is None
    told = world.answer(other)
    assert told is not None
    assert told["verdict"] == "valid"


def test_there_is_no_quick_answer_while_a_view_cannot_be_read(world: World) -> None:
    public_id = world.store(PLAIN)
    for _ in range(3):
        assert world.answer(public_id) is not None
    world.awards.is_ready = False
    world.moment += 0.1
    with pytest.raises(ViewNotReadyError):
        world.answer(public_id)
    world.store(msgspec.structs.replace(PLAIN, reissues=(SIGNED,)))
    assert world.answer(public_id) is None  # what was kept before is not given again
    world.awards.is_ready = True
    world.moment += 0.1
    assert world.answer(public_id) is None


def test_award_that_a_stolen_key_signed_has_no_quick_answer_even_of_before(world: World) -> None:
    """Which of them were seen in time is each one's own matter, and has nothing to do with their kind."""
    begun, stolen = START - timedelta(days=1), NOW - timedelta(days=1)
    key = KeyRecord(
        key_id="key-1", multibase="z6Mk", valid_from=begun, retired_at=None, revoked_at=None, compromised_at=stolen
    )
    world.name("North", (key,))
    assert world.answer(world.store(PLAIN)) is None


def test_what_answers_share_is_learnt_once(world: World) -> None:
    for seed in range(50):
        assert world.answer(world.store(PLAIN, seed)) is not None
    assert world.asked == 1


def taken(world: World) -> int:
    """How many bytes the answers that are kept take, without what they share."""
    return sum(map(own_bytes, world.quick._ready.values()))


def own_bytes(answer: QuickAnswer) -> int:
    ends = b'"valid_until":"' in answer[8]
    return len(answer[7]) + len(answer[8]) + len(answer[9]) + READY_BYTES + ends * END_BYTES


def ask_for(world: World, ids: list[str], times: int = 1) -> None:
    """Ask for each so many times in a row: two awards may share the place where the first time is noted."""
    for public_id in ids:
        for _ in range(times):
            told = world.answer(public_id)
            assert told is not None
            assert told["credential"] == public_id


def test_answers_are_kept_as_far_as_there_is_room_for_them(world: World) -> None:
    ids = [world.store(PLAIN, seed) for seed in range(30)]
    found = world.quick.answer(ids[0].encode(), world.moment)
    assert found is not None
    world.quick._room = 10 * own_bytes(found)
    ask_for(world, ids, 2)
    kept = set(world.quick._ready)
    assert len(kept) == 10
    ask_for(world, ids, 3)
    assert len(kept & set(world.quick._ready)) >= 4  # of 60 that found no room, one in sixteen was given some
    reads = world.awards.reads
    ask_for(world, [next(reversed(world.quick._ready)).decode()])
    assert world.awards.reads == reads
    new = next(public_id for public_id in ids if public_id.encode() not in world.quick._ready)
    for _ in range(20 * ONE_IN):  # what is asked for again and again finds room, though another may be given it later
        world.answer(new)
        if new.encode() in world.quick._ready:
            break
    assert new.encode() in world.quick._ready
    assert world.quick._ready_bytes == taken(world) <= world.quick._room + READY_BYTES
    assert sorted(world.quick._kept) == sorted(world.quick._ready)


def test_award_to_which_something_has_happened_gives_back_its_room_and_is_kept_again_later(world: World) -> None:
    ids = [world.store(PLAIN, seed) for seed in range(30)]
    ask_for(world, ids, 2)
    assert len(world.quick._ready) == len(ids)
    changed = msgspec.structs.replace(PLAIN, reissues=(SIGNED,))
    for facts, is_quick in ((changed, False), (PLAIN, True)):
        for seed in range(30):
            world.store(facts, seed)
        world.places["awards"].position += 1
        world.awards.at += 1
        assert all((world.answer(public_id) is not None) == is_quick for public_id in ids)
        assert world.quick._ready_bytes == taken(world)
        assert sorted(world.quick._kept) == sorted(world.quick._ready)
        assert (taken(world) == len(ids) * READY_BYTES) == (not is_quick)


def test_nothing_is_kept_where_there_is_no_room(world: World) -> None:
    world.quick._room = 0
    ids = [world.store(PLAIN, seed) for seed in range(30)]
    ask_for(world, ids, 20)
    assert (world.quick._ready, world.quick._kept, world.quick._ready_bytes) == ({}, [], 0)


def test_kinds_are_forgotten_when_there_are_many_and_what_is_kept_is_not(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [world.store(PLAIN, seed) for seed in range(10)]
    ask_for(world, ids, 2)
    monkeypatch.setattr(quick_status, "MAX_KINDS", 2)
    for number in range(6):
        other = msgspec.structs.replace(PLAIN, edition=number + 2)
        ask_for(world, [world.store(other, 100 + number)], 2)
        assert len(world.quick._kinds) <= 2
    reads = world.awards.reads
    ask_for(world, ids)
    assert world.awards.reads == reads
    assert len(world.quick._ready) == 16


def test_all_is_forgotten_when_what_answers_share_takes_too_much(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [world.store(PLAIN, seed) for seed in range(10)]
    ask_for(world, ids, 2)
    once = world.quick._shared_bytes
    monkeypatch.setattr(quick_status, "MAX_SHARED_BYTES", 3 * once)
    for number in range(1, 6):  # another name each time: what is shared is learnt anew
        world.name("North"[:4] + str(number))
        world.places["institutions"].position += 1
        world.institutions.at += 1
        ask_for(world, ids, 2)
        assert 0 < world.quick._shared_bytes <= 3 * once
        assert world.quick._ready_bytes == taken(world)
        assert sorted(world.quick._kept) == sorted(world.quick._ready)
    assert world.quick._shared_bytes == 3 * once  # of six that were learnt; three were forgotten with the fourth


def test_kept_answer_is_not_given_when_the_clock_was_set_back_before_it_holds(world: World) -> None:
    public_id = world.store(msgspec.structs.replace(PLAIN, recorded_at=NOW - timedelta(seconds=2)))
    for _ in range(3):
        assert world.answer(public_id) is not None
    world.wait(0.01)
    world.now -= timedelta(seconds=3)
    assert world.answer(public_id) is None


def test_present_instant_stands_still_as_long_as_the_moment_does(world: World) -> None:
    public_id = world.store(PLAIN)
    for seconds, told in (
        (0, "00:00:00Z"),
        (0.0015, "00:00:00.001000Z"),
        (0.0004, "00:00:00.001000Z"),
        (1, "00:00:01"),
    ):
        world.wait(seconds)
        before = world.answer(public_id)
        world.now += timedelta(seconds=0.25)
        after = world.answer(public_id)
        world.now -= timedelta(seconds=0.25)
        assert before is not None
        assert before == after
        assert before["at"].startswith(f"2026-06-01T{told}")


@pytest.mark.parametrize("seed", range(8))
def test_awards_share_what_is_said_of_them_just_with_those_between_the_same_boundaries(seed: int) -> None:
    """Instants lie close to boundaries, in one second with them and not; what was looked at last must not show."""
    chance, world = random.Random(seed), World()

    def near() -> datetime:
        return START + timedelta(seconds=chance.randrange(12), microseconds=chance.choice((0, 1, 500_000, 999_999)))

    edges = sorted(near() for _ in range(chance.randrange(1, 5)))
    keys = tuple(
        KeyRecord(
            key_id=f"key-{place}", multibase="z", valid_from=edge, retired_at=None, revoked_at=None, compromised_at=None
        )
        for place, edge in enumerate(edges)
    )
    told: dict[str, list[int]] = {}
    record_of = world.ordinary

    def ordinary(public_id: str) -> dict[str, Any]:
        return {**record_of(public_id), "achievement": told[public_id]}

    world.quick._ordinary = ordinary
    world.name("North", keys)
    seconds = {edge.replace(microsecond=0) for edge in edges}
    quick = 0
    for number in range(300):
        begins, recorded = near(), near()
        public_id = world.store(msgspec.structs.replace(PLAIN, valid_from=begins, recorded_at=recorded), number)
        told[public_id] = [sum(edge < instant for edge in edges) for instant in (begins, recorded)]
        answer = world.answer(public_id)
        if {begins.replace(microsecond=0), recorded.replace(microsecond=0)} & seconds:
            assert answer is None
        else:
            assert answer is not None
            assert answer["achievement"] == told[public_id]
            quick += 1
    assert quick > 20
