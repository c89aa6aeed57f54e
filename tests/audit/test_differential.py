"""The quick way and the slow one come to the same, whatever is done to the entries of a log."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from random import Random
from typing import Any

import pytest

from anchoring.tile import TILE_WIDTH, TileId, encode_bundle
from anchoring.tree import leaf_hash
from api.audit.finding import Findings
from api.audit.replay import Replay
from api.audit.scan import Scanner
from tests.audit.made_log import MAPPER, LogMaker, sample_events

AWARD = b"cairn-entry/v1\ncredential.issued.v1\n"
SUBMISSION = b"cairn-entry/v1\nsubmission.accepted.v1\n"
FOUNDED = 115
"""Entries of a sample that found institutions and achievements."""
Entries = list[bytes]


class _Files:
    """A log in memory."""

    def __init__(self, entries: Sequence[bytes]) -> None:
        self._files: dict[str, bytes] = {}
        for number, first in enumerate(range(0, len(entries), TILE_WIDTH)):
            some = entries[first : first + TILE_WIDTH]
            self._files[TileId(None, number, len(some)).path] = encode_bundle(some)
            self._files[TileId(0, number, len(some)).path] = b"".join(map(leaf_hash, some))

    def __call__(self, path: str) -> bytes | None:
        return self._files.get(path)

    def ahead(self, paths: object) -> None:
        pass

    def close(self) -> None:
        pass


@cache
def _legal(seed: int) -> tuple[bytes, ...]:
    """A log that breaks no rule, with batches, single awards, changes, and commitments in the midst of them."""
    maker = LogMaker()
    events = sample_events(FOUNDED + 900, seed)
    for first in range(0, len(events), 311):
        maker.events(events[first : first + 311])
        maker.commit()
    return tuple(maker.entries)


def _state(replay: Replay) -> dict[str, Any]:
    return {
        "findings": [(one.code, one.where, one.what) for one in replay.findings.kept],
        "size": replay.size,
        "events": replay.events,
        "latest": replay.latest,
        "awards": list(replay.awards.items()),
        "changed": replay.changed,
        "once": sorted(replay.once.items()),
        "places": replay.places.parts(),
        "registry": replay.registry.parts(),
    }


def _slow(entries: Entries) -> dict[str, Any]:
    replay = Replay(MAPPER, Findings())
    replay.take_entries(entries, lambda first, end: entries[first:end])
    return _state(replay)


def _quick(entries: Entries, *, spans: int) -> tuple[dict[str, Any], int]:
    """What the quick way comes to, and how many entries it had to read again."""
    replay, read = Replay(MAPPER, Findings()), 0

    def reading(first: int, end: int) -> Entries:
        nonlocal read
        read += end - first if end - first > 1 else 0  # one alone is an earlier entry that a change rests on
        return entries[first:end]

    scanner = Scanner(_Files(entries), MAPPER)
    for first in range(0, len(entries), spans * TILE_WIDTH):
        count = min(spans * TILE_WIDTH, len(entries) - first)
        chunk = scanner.scan(first, count, len(entries))
        assert (chunk.damage, chunk.faults) == (None, [])
        for stretch in chunk.stretches:
            replay.take(stretch, reading)
    return _state(replay), read


def _some(entries: Entries, chance: Random, begin: bytes = AWARD) -> int:
    return chance.choice([at for at, entry in enumerate(entries) if entry.startswith(begin)])


def _pair(entries: Entries, chance: Random) -> int:
    """An award that is followed by one of its own commit."""
    return chance.choice(
        [
            at
            for at in range(len(entries) - 1)
            if entries[at].startswith(AWARD) and entries[at + 1][:48] == entries[at][:48]
        ]
    )


def _byte(entries: Entries, chance: Random, begin: bytes = AWARD) -> None:
    at = _some(entries, chance, begin)
    entry = bytearray(entries[at])
    entry[chance.randrange(len(entry))] = chance.choice(
        b'0189afgAFZ"\\,{}:. \n\x00\xff' + bytes([chance.randrange(256)])
    )
    entries[at] = bytes(entry)


def _submission_byte(entries: Entries, chance: Random) -> None:
    _byte(entries, chance, SUBMISSION)


def _any_byte(entries: Entries, chance: Random) -> None:
    _byte(entries, chance, b"cairn")


def _upper(entries: Entries, chance: Random) -> None:
    at = _some(entries, chance, chance.choice([AWARD, SUBMISSION]))
    entries[at] = re.sub(rb"[0-9a-f]{20,64}", lambda found: found[0].upper(), entries[at])


def _place(entries: Entries, chance: Random) -> None:
    at, other = _some(entries, chance), _some(entries, chance)
    spelling = re.search(rb'"status_index":([0-9]+)', entries[other])
    wanted = spelling[1] if spelling else b"1"
    text = chance.choice([wanted, b"0" + wanted, b"", b"131071", b"131072", b"1310720", b"-1", b"1.0", b"1,2", b"1e3"])
    entries[at] = re.sub(rb'"status_index":[0-9]+', b'"status_index":' + text, entries[at])


def _block(entries: Entries, chance: Random) -> None:
    at = _some(entries, chance)
    number = chance.choice([b"0", b"1", b"7", b"400", b"00", b"999999999", b"9999999999"])
    entries[at] = re.sub(rb'"status_block":[0-9]+', b'"status_block":' + number, entries[at])


def _twice(entries: Entries, chance: Random) -> None:
    at = _some(entries, chance, chance.choice([AWARD, SUBMISSION]))
    entries.insert(chance.choice([at + 1, min(len(entries), at + chance.randrange(400)), len(entries)]), entries[at])


def _same_id(entries: Entries, chance: Random) -> None:
    at = _pair(entries, chance)
    entries[at + 1] = entries[at + 1][:36] + entries[at][36:68] + entries[at + 1][68:]


def _swap(entries: Entries, chance: Random) -> None:
    at, other = (chance.randrange(FOUNDED, len(entries)) for _ in range(2))
    entries[at], entries[other] = entries[other], entries[at]


def _drop(entries: Entries, chance: Random) -> None:
    del entries[chance.randrange(FOUNDED, len(entries))]


def _short(entries: Entries, chance: Random) -> None:
    at = _some(entries, chance)
    entries[at] = entries[at][: chance.choice([0, 1, 30, 48, 60, 100, 250, len(entries[at]) - 2])]


def _boundary(entries: Entries, chance: Random) -> None:
    """Two entries cut elsewhere: together they are the same bytes."""
    at = _pair(entries, chance)
    both = entries[at] + entries[at + 1]
    cut = chance.choice([len(entries[at]) - 1, len(entries[at]) + 1, chance.randrange(len(both)), len(both)])
    entries[at], entries[at + 1] = both[:cut], both[cut:]


def _run_through(entries: Entries, chance: Random) -> None:
    """A member of every second award of a commit, so that neighbours are not alike; legal or not."""
    at = _pair(entries, chance)
    front = entries[at][:48]
    offers = re.findall(rb'"achievement":"[0-9a-f-]{36}"', b"".join(entries))
    old, new = chance.choice(
        [
            (rb'"achievement":"[0-9a-f-]{36}"', chance.choice(offers)),
            (rb'"valid_until":null', b'"valid_until":"2031-01-01T00:00:00Z"'),
            (rb'"valid_until":null', b'"valid_until":"2001-01-01T00:00:00Z"'),
            (rb'"valid_from":"[^"]*"', b'"valid_from":"2023-06-01T00:00:00Z"'),
            (rb'"valid_from":"[^"]*"', b'"valid_from":"2033-06-01T00:00:00Z"'),
            (rb'"valid_from":"[^"]*"', b'"valid_from":"2023-02-29T00:00:00Z"'),
            (rb'"key_id":"key-[0-9]+"', b'"key_id":"key-7"'),
            (rb'"edition":[0-9]+', b'"edition":9'),
            (rb'"vc\+jcs"', b'"vc+jwt"'),
        ]
    )
    step = chance.choice([1, 2, 7])
    for number, other in enumerate([one for one in range(len(entries)) if entries[one].startswith(front)]):
        if number % step == 0:
            entries[other] = re.sub(old, new, entries[other])


def _moment(entries: Entries, chance: Random) -> None:
    """Another instant of recording, spelled well or not."""
    at = _some(entries, chance, chance.choice([AWARD, SUBMISSION, b"cairn"]))
    found = re.search(rb'"recorded_at":"([^"]*)"', entries[at])
    if found is not None:
        day = found[1][:10]
        text = chance.choice(
            [day + b"T23:59:59.999000Z", day + b"T24:00:00Z", day + b"T08:00:00.000000Z", b"2020-01-01T00:00:00Z"]
        )
        entries[at] = entries[at].replace(found[0], b'"recorded_at":"' + text + b'"')


def _version(entries: Entries, chance: Random) -> None:
    at = _some(entries, chance, chance.choice([AWARD, SUBMISSION, b"cairn"]))
    entries[at] = re.sub(
        rb"\n1\n\{", b"\n" + chance.choice([b"2", b"01", b"0", b"9999999999999999999"]) + b"\n{", entries[at]
    )


MUTATIONS: list[Callable[[Entries, Random], None]] = [
    _byte, _submission_byte, _any_byte, _upper, _place, _block, _twice, _same_id, _swap, _drop, _short, _boundary,
    _run_through, _moment, _version,
]  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_quick_and_slow_way_come_to_the_same_when_nothing_is_wrong(seed: int) -> None:
    entries = list(_legal(seed))
    slow = _slow(entries)
    for spans in (1, 3, 100):
        quick, read = _quick(entries, spans=spans)
        assert quick == slow
        assert read == 0
    assert slow["findings"] == []


@pytest.mark.parametrize("mutate", MUTATIONS)
def test_quick_and_slow_way_come_to_the_same_when_entries_are_mutated(
    mutate: Callable[[Entries, Random], None],
) -> None:
    chance, found = Random(mutate.__name__), 0
    for turn in range(6):
        entries = list(_legal(turn % 4))
        for _ in range(chance.choice([1, 1, 3])):
            mutate(entries, chance)
        slow = _slow(entries)
        quick, _ = _quick(entries, spans=chance.choice([1, 2, 100]))
        assert quick == slow
        found += bool(slow["findings"])
    assert found  # it is no mutation that nobody minds
