"""Quick answers: of which stored rows there is one, and when a kept one is made anew."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
import pytest

from api import quick_status
from api.quick_status import AWARD_END, BEGIN, BODY_END, QuickStatus
from ledger.credential import Review
from ledger.credential_id import credential_aggregate_id, make_public_id
from ledger.reason import Reason
from projections.credential_status import CredentialFacts, Signing, StackedBy, StatusEvent, parse_facts, short_of
from projections.directory_record import DirectoryRecord, KeyRecord, encode_record
from projections.error import ViewNotReadyError
from projections.institution_directory import record_key
from projections.short_row import short_key
from projections.table import MemoryTable

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
RECORDED: Final = datetime(2026, 3, 1, 12, 0, 0, 500_000, tzinfo=UTC)
NOW: Final = datetime(2026, 6, 1, tzinfo=UTC)
INSTITUTION: Final = UUID(int=1)
NUMBER: Final = 7
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
        self.reads = 0

    def get(self, key: bytes) -> bytes | None:
        self.reads += 1
        return self.table.get(key)

    def position(self) -> int:
        if not self.is_ready:
            raise ViewNotReadyError
        return self.at


class World:
    """Two views, and quick answers from them."""

    def __init__(self) -> None:
        self.awards, self.institutions = Shown(), Shown()
        self.now, self.moment, self.moved, self.asked = NOW, 0.0, 0, 0
        self.quick = QuickStatus(
            self.awards, self.institutions, lambda _: NUMBER, lambda: self.moved, self.ordinary, clock=self.clock
        )
        self.name("North")

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

    def name(self, name: str, keys: tuple[KeyRecord, ...] = ()) -> None:
        """Give the institution a name, and perhaps keys."""
        made = DirectoryRecord(
            institution=INSTITUTION,
            number=NUMBER,
            slug="north",
            name=name,
            country="EE",
            kind="university",
            did="did:web:north.example",
            registered_at=START,
            keys=keys,
            accreditations=(),
        )
        self.institutions.table.put(record_key(NUMBER), encode_record(made))

    def store(self, facts: CredentialFacts, seed: int = 1) -> str:
        """Store what is known of an award; gives its public id."""
        public_id = make_public_id(START, seed.to_bytes(16, "big"))
        identity, row = credential_aggregate_id(public_id).bytes, msgspec.json.encode(facts)
        self.awards.table.put(identity, row)
        self.awards.table.put(short_key(identity), short_of(facts, row))
        return public_id

    def answer(self, public_id: str) -> dict[str, Any] | None:
        """The quick answer, put together as the short-cut does it."""
        found = self.quick.answer(public_id.encode(), self.moment)
        if found is None:
            return None
        (_, _, _, named, position, begins, between, recorded, own, (tag, judged, shared, size)), now = found
        dates = (begins, now, begins, between, recorded)
        body = b"".join(
            (BEGIN, named, judged, *dates, shared, begins, quick_status.RECORDED, recorded, AWARD_END, BODY_END)
        )
        assert len(body) == size + own + len(now) + len(AWARD_END + BODY_END)
        told: dict[str, Any] = msgspec.json.decode(body)
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
    world.now += timedelta(seconds=1.5)
    assert world.answer(public_id) is not None
    world.now += timedelta(seconds=0.5)
    assert world.answer(public_id) is None


@pytest.mark.parametrize("late", ["valid_from", "recorded_at"])
def test_award_has_no_quick_answer_within_the_second_in_which_it_begins(world: World, late: str) -> None:
    public_id = world.store(msgspec.structs.replace(PLAIN, **{late: NOW - timedelta(seconds=0.4)}))
    world.now = NOW - timedelta(seconds=0.1)
    assert world.answer(public_id) is None
    world.now = NOW
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
        world.moved += 1
    else:
        world.moment += 0.1
    told = world.answer(public_id)
    assert told is not None
    assert (told["valid_until"], told["issuer"]["name"]) == (
        ("2026-06-02T00:00:00Z", "North") if of == "awards" else (None, "South")
    )


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


def test_only_so_many_answers_are_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick_status, "MAX_READY", 10)
    ids = [world.store(PLAIN, seed) for seed in range(30)]
    for _ in range(3):
        for public_id in ids:
            told = world.answer(public_id)
            assert told is not None
            assert told["credential"] == public_id
    assert len(world.quick._ready) == 10
    reads = world.awards.reads
    assert world.answer(ids[-1]) is not None
    assert world.awards.reads == reads
