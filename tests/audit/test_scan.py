"""The quick way through a log takes nothing that the ledger's own mapper refuses, and refuses nothing that is good."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from anchoring.entry import parse_entry
from anchoring.error import AnchoringError
from anchoring.tile import encode_bundle
from anchoring.tree import leaf_hash
from api.audit.award_table import SEARCHED, AwardTable
from api.audit.instant import Instants, milliseconds
from api.audit.late_award import ROW, LateAwards, Place
from api.audit.scan import Scanner
from api.audit.stretch import PLACE_BYTES, RUN, AwardFacts, Chunk, Stretch
from ledger.error import LedgerError
from tests.audit.made_log import MAPPER, framed, sample_events

AWARDS = [event for event in sample_events(900) if event.body.TOPIC == "credential.issued.v1"]
FIRST, AWARD = next(
    (framed(one), framed(other)) for one, other in pairwise(AWARDS) if one.body.recorded_at == other.body.recorded_at
)
"""Two awards of one commit."""


class OneBundle:
    """A log of one partial tile."""

    def __init__(self, entries: list[bytes]) -> None:
        self._files = {
            f"tile/entries/000.p/{len(entries)}": encode_bundle(entries),
            f"tile/0/000.p/{len(entries)}": b"".join(map(leaf_hash, entries)),
        }

    def __call__(self, path: str) -> bytes | None:
        return self._files.get(path)

    def ahead(self, paths: object) -> None:
        pass

    def close(self) -> None:
        pass


def _scan(*entries: bytes) -> Chunk:
    return Scanner(OneBundle(list(entries)), MAPPER).scan(0, len(entries), len(entries))


def _is_taken(entry: bytes) -> bool:
    """Whether the quick way takes an entry, alone or after a good one."""
    alone, after = _scan(entry), _scan(FIRST, entry)
    taken = [chunk for chunk, awards in ((alone, 1), (after, 2)) if sum(map(_awards, chunk.stretches)) == awards]
    return bool(taken)


def _awards(stretch: Stretch) -> int:
    return 0 if stretch.odd else len(stretch.awards.places) // PLACE_BYTES


def _is_exact(entry: bytes) -> bool:
    try:
        parsed = parse_entry(entry)
        MAPPER.decode(parsed.topic, parsed.body, "here")
    except (AnchoringError, LedgerError):
        return False
    return True


def _spelled_otherwise() -> Iterator[bytes]:
    yield AWARD.replace(b'"edition":1', b'"edition": 1')
    yield AWARD.replace(b'"edition":1', b'"edition":01')
    yield AWARD.replace(b'"edition":1', b'"edition":1.0')
    yield AWARD.replace(b'"edition":1', b'"edition":true')
    yield AWARD.replace(b'"edition":1,', b'"edition":1,"edition":1,')
    yield AWARD.replace(b'"edition":1,', b'"edition":1,"more":1,')
    yield AWARD.replace(b'"edition":1,', b"")
    yield AWARD.replace(b'"status_block":', b'"status_block":0')
    yield AWARD.replace(b'"status_index":', b'"status_index":0')
    yield AWARD.replace(b'"status_index":', b'"status_index":+')
    yield AWARD.replace(b'"status_index":', b'"status_index": ')
    yield AWARD.replace(b'"status_index":', b'"status_index":1_')
    yield AWARD.replace(b'"status_index":', b'"status_index":-')
    yield AWARD.replace(b'T00:00:00Z","valid_until"', b'T00:00:00.000000Z","valid_until"')
    yield AWARD.replace(b'T00:00:00Z","valid_until"', b'T00:00:00+00:00","valid_until"')
    yield AWARD.replace(b'T00:00:00Z","valid_until"', b'T24:00:00Z","valid_until"')
    yield AWARD.replace(b'"valid_until":null', b'"valid_until":"null"')
    yield AWARD.replace(b'"valid_until":null', b'"valid_until":"2026-02-30T00:00:00Z"')
    yield AWARD.replace(b'"vc+jcs"', b'"vc\\u002bjcs"')
    yield AWARD.replace(b'"key-1"', b'"key\\u002d1"')
    yield AWARD.replace(b'"key-1"', b'"key-\xff"')
    yield AWARD + b"\n"
    yield AWARD + b" "
    yield AWARD[:-1]
    yield AWARD.replace(b"\n1\n{", b"\n01\n{")
    yield AWARD.replace(b"\n1\n{", b"\n2\n{")
    yield AWARD.replace(b"\n1\n{", b"\r\n1\n{")
    yield AWARD.replace(b"cairn-entry/v1", b"cairn-entry/v2")
    yield AWARD[:36] + AWARD[36:68].upper() + AWARD[68:]
    yield AWARD[:40] + b"G" + AWARD[41:]
    at = AWARD.index(b'"vc+jcs":"') + 10
    yield AWARD[:at] + AWARD[at : at + 64].upper() + AWARD[at + 64 :]
    yield AWARD[:at] + b"g" + AWARD[at + 1 :]
    yield AWARD[:at] + AWARD[at + 1 :]
    yield AWARD[:at] + b"0" + AWARD[at:]


def test_scanner_takes_an_award_when_it_is_spelled_as_the_ledger_spells_it() -> None:
    assert _is_taken(AWARD)


@pytest.mark.parametrize("entry", list(_spelled_otherwise()))
def test_scanner_refuses_an_award_when_it_is_spelled_otherwise(entry: bytes) -> None:
    assert not _is_taken(entry)


def test_scanner_takes_nothing_that_the_mapper_refuses_when_any_byte_is_changed() -> None:
    chance = Random(3)
    loose = []
    for at in range(len(AWARD)):
        for octet in {chance.randrange(256), AWARD[at] ^ 0x20, ord("0"), ord('"'), ord("9")} - {AWARD[at]}:
            entry = AWARD[:at] + bytes([octet]) + AWARD[at + 1 :]
            if _is_taken(entry) and not _is_exact(entry):
                loose.append(entry)
    assert loose == []


@pytest.mark.parametrize(
    "text",
    ["2026-02-28T10:00:00Z", "2026-02-28T10:00:00.250000Z", "2024-02-29T23:59:59.001000Z", "0001-01-01T00:00:00Z"],
)
def test_instant_is_read_as_python_reads_it_when_it_is_in_its_one_spelling(text: str) -> None:
    read = Instants()[text.encode()]
    assert read is not None
    assert read[0] == milliseconds(datetime.fromisoformat(text))
    assert datetime.fromisoformat(text).tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-29T10:00:00Z",
        "2026-02-28T24:00:00Z",
        "2026-02-28T10:00:60Z",
        "2026-02-28T10:00:00.000000Z",
        "2026-02-28T10:00:00.250Z",
        "2026-02-28T10:00:00.250001Z",
        "2026-02-28T10:00:00+00:00",
        "2026-02-28 10:00:00Z",
        "0000-01-01T00:00:00Z",
        "",
    ],
)
def test_instant_is_refused_when_it_is_spelled_otherwise(text: str) -> None:
    assert Instants()[text.encode()] is None


def _rows(*numbers: int) -> bytes:
    return b"".join(ROW.pack(number.to_bytes(16, "big"), number, number, number) for number in sorted(numbers))


def test_late_awards_are_a_dictionary_when_rows_come_in_any_order() -> None:
    chance = Random(5)
    table, known = LateAwards(), set[int]()
    for _ in range(300):
        some = {chance.randrange(3_000) for _ in range(chance.randrange(1, 20))}
        assert table.add(_rows(*some)) == known.isdisjoint(some)
        known |= some if known.isdisjoint(some) else set()
    assert [int.from_bytes(key) for key, _ in table.items()] == sorted(known)
    assert all((table.find(number.to_bytes(16, "big")) is not None) == (number in known) for number in range(3_000))
    assert [place for _, place in LateAwards(table.runs()).items()] == [place for _, place in table.items()]


def _identity(time: int, number: int) -> bytes:
    return time.to_bytes(6, "big") + number.to_bytes(10, "big")


def _facts(runs: list[tuple[int, list[int]]], entry: int) -> tuple[AwardFacts, dict[bytes, Place]]:
    """Runs of awards, each of an instant and some numbers, from log index *entry* on, and what a table should say."""
    ids, places, packed, known = b"", b"", b"", dict[bytes, Place]()
    for time, numbers in runs:
        packed += RUN.pack(time, entry, len(numbers), time % 3, -time)
        for number in numbers:
            ids += _identity(time, number)
            places += number.to_bytes(PLACE_BYTES, "little")
            known[_identity(time, number)] = Place(time % 3, number, entry, -time)
            entry += 1
        entry += 1  # an entry of another kind
    return AwardFacts(ids, places, packed), known


@pytest.mark.parametrize("disorder", [0, 1, 6])
def test_award_table_is_a_dictionary_when_awards_come_nearly_in_order(disorder: int) -> None:
    chance = Random(disorder)
    table, known, entry = AwardTable(), dict[bytes, Place](), 0
    for turn in range(300):
        times = [max(0, turn // 2 + chance.randrange(-disorder, 2)) for _ in range(chance.randrange(1, 5))]
        if not disorder:
            times.sort()
        each = dict.fromkeys(times)  # a stretch names an id once
        facts, added = _facts([(time, chance.sample(range(40), chance.randrange(1, 6))) for time in each], entry)
        assert table.add(facts) == known.keys().isdisjoint(added)
        known |= added if known.keys().isdisjoint(added) else {}
        entry += 100
    again = AwardTable.from_kept(table.kept())
    for one in (table, again):
        assert list(one.items()) == sorted(known.items())
        assert len(one) == len(known)
        assert all(one.find(identity) == place for identity, place in known.items())
        assert all(one.find(_identity(time, 99)) is None for time in range(200))


def test_award_table_refuses_an_id_when_one_without_an_instant_of_its_own_had_it() -> None:
    apart = (_identity(500, 1), _identity(3, 1))
    table = AwardTable()
    assert table.add(_facts([(5, [1, 2])], 0)[0])
    for index, identity in enumerate(apart):
        table.add_one(identity, Place(0, 9, 50 + index, 0), 6)
    for one in (table, AwardTable.from_kept(table.kept())):
        assert [one.find(identity) for identity in apart] == [Place(0, 9, 50, 0), Place(0, 9, 51, 0)]
        assert not one.add(_facts([(500, [2, 1])], 100)[0])
        assert not one.add(_facts([(3, [1])], 100)[0])
        assert one.add(_facts([(6, [1]), (500, [2])], 200)[0])
        assert not one.add(_facts([(500, [1])], 300)[0])
        assert [identity for identity, _ in one.items()] == sorted(
            [*map(_identity, [5, 5, 6, 500], [1, 2, 1, 2]), *apart]
        )


def test_award_table_finds_awards_one_by_one_when_very_many_have_one_instant() -> None:
    table = AwardTable()
    numbers = Random(2).sample(range(100_000), SEARCHED + 500)
    facts, known = _facts([(7, numbers)], 0)
    assert table.add(facts)
    assert all(table.find(identity) == place for identity, place in known.items())
    assert table.find(_identity(7, 100_000)) is None
    assert not table.add(_facts([(7, [numbers[-1]])], 9_000)[0])
    table.add_one(_identity(7, 100_001), Place(1, 5, 9_000, 0), 7)
    assert table.find(_identity(7, 100_001)) == Place(1, 5, 9_000, 0)


def test_award_table_finds_what_came_one_by_one_when_very_many_have_one_instant() -> None:
    table = AwardTable()
    numbers = Random(3).sample(range(100_000), 3 * SEARCHED)
    for at, number in enumerate(numbers):
        assert table.find(_identity(7, number)) is None
        table.add_one(_identity(7, number), Place(1, number, at, 0), 7)
        earlier = at * 7 % (at + 1)
        assert table.find(_identity(7, numbers[earlier])) == Place(1, numbers[earlier], earlier, 0)
    table.add_one(_identity(8, 1), Place(1, 1, len(numbers), 0), 8)
    assert table.find(_identity(8, 1)) is not None
    assert table.find(_identity(7, numbers[-1])) == Place(1, numbers[-1], len(numbers) - 1, 0)


def test_sample_history_has_every_kind_of_event_when_it_is_long_enough(tmp_path: Path) -> None:
    del tmp_path
    topics = {event.body.TOPIC for event in sample_events(60_000)}
    assert topics >= {
        "credential.reinstated.v1",
        "credential.replaced.v1",
        "institution.key_rotated.v1",
        "achievement.revised.v1",
        "learner.erased.v1",
    }
